/**
 * Tax codes, card numbers and IBANs that are correct in form and belong to nobody: places of birth that do not
 * exist, an issuer number that no network ever assigned.
 */
import type { SeededRandom } from './random.ts';

const MONTH_LETTERS = 'ABCDEHLMPRST';

/** Value of a character at an odd place (1st, 3rd, …) of a tax code; decree of 23 December 1976. */
const ODD_VALUES: Readonly<Record<string, number>> = Object.fromEntries([
  ...[1, 0, 5, 7, 9, 13, 15, 17, 19, 21].map((value, digit) => [String(digit), value] as const),
  ...[1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23].map(
    (value, letter) => [String.fromCharCode(65 + letter), value] as const,
  ),
]);

/**
 * Each index has its own code: the place and day of birth spell it. Enough for 20 million citizens.
 * Places beginning with X were never assigned.
 */
export function taxCodeOf(surname: string, name: string, index: number): string {
  const place = index % 1_000;
  const days = Math.floor(index / 1_000);
  const day = 1 + (days % 28);
  const month = MONTH_LETTERS[Math.floor(days / 28) % 12]!;
  const year = (99 - (Math.floor(days / 336) % 60) + 100) % 100;
  const body = `${letters(surname)}${letters(name)}${two(year)}${month}${two(day)}X${String(place).padStart(3, '0')}`;
  return body + checkCharacter(body);
}

/** The sixteenth character, from the first fifteen. */
function checkCharacter(body: string): string {
  let sum = 0;
  for (const [index, character] of [...body].entries()) {
    sum += index % 2 === 0 ? ODD_VALUES[character]! : evenValue(character);
  }
  return String.fromCharCode(65 + (sum % 26));
}

function evenValue(character: string): number {
  const code = character.charCodeAt(0);
  return code < 58 ? code - 48 : code - 65;
}

/** Three letters of a name: its consonants first, then its vowels, then X. */
function letters(text: string): string {
  const upper = text.toUpperCase().replace(/[^A-Z]/g, '');
  return `${upper.replace(/[AEIOU]/g, '')}${upper.replace(/[^AEIOU]/g, '')}XXX`.slice(0, 3);
}

/** Sixteen digits under the unassigned issuer number 999900, with the check digit of ISO/IEC 7812 (Luhn). */
export function panOf(index: number, place: number): string {
  const body = `999900${String(index).padStart(8, '0')}${place}`;
  return body + luhnDigit(body);
}

function luhnDigit(body: string): string {
  let sum = 0;
  for (const [index, digit] of [...body].reverse().entries()) {
    const value = Number(digit) * (index % 2 === 0 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return String((10 - (sum % 10)) % 10);
}

/** Italian form: check letter, bank, branch and account; the two check digits by ISO 7064 (mod 97). */
export function ibanOf(random: SeededRandom): string {
  const account = `${String.fromCharCode(65 + random.below(26))}${random.digits(5)}${random.digits(5)}${random.digits(12)}`;
  return `IT${two(98 - mod97(`${account}IT00`))}${account}`;
}

function mod97(text: string): number {
  let remainder = 0;
  for (const character of text) {
    const value = Number.parseInt(character, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
