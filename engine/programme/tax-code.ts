/** Tax codes of persons: form and check character (domain 2.1, DECISION 32), and valid ones made from numbers. */
import { invariant } from '../assert.ts';
import { checkCharacter } from './check-character.ts';

/**
 * Surname and name, year, month, day, place, check character. Where digits belong, the revenue agency puts one of
 * LMNPQRSTUV instead when two persons would share a code (omocodia). No `u` flag: it would let a Kelvin sign be a K.
 */
const FORM = /^[A-Z]{6}[0-9LMNP-V]{2}[ABCDEHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]$/i;

const CONSONANTS = 'BCDFGHJKLMNPQRSTVWXYZ';
const MONTH_LETTERS = 'ABCDEHLMPRST';
const PLACES = ['H501', 'F205', 'F839', 'L219', 'G273', 'D969', 'A944', 'D612', 'A662', 'C351'] as const;

/** Years of birth of made codes: adults in 2020. */
const FIRST_YEAR = 40;
const YEAR_COUNT = 60;
/** Every month has them. */
const DAY_COUNT = 28;
const NAME_LETTER_COUNT = 6;
/** Women have 40 added to their day of birth. */
const WOMAN_DAY_OFFSET = 40;

/** How many codes `makeTaxCode` can make: 3.5 million million. */
export const TAX_CODE_COUNT =
  CONSONANTS.length ** NAME_LETTER_COUNT * YEAR_COUNT * MONTH_LETTERS.length * DAY_COUNT * 2;

export type CheckedText = { readonly ok: true; readonly value: string } | { readonly ok: false };

/** @returns the code in upper case, or not ok: wrong form or wrong check character */
export function checkTaxCode(text: string): CheckedText {
  if (!FORM.test(text)) return { ok: false };

  const value = text.toUpperCase();
  return checkCharacter(value.slice(0, 15)) === value[15] ? { ok: true, value } : { ok: false };
}

/**
 * A valid tax code of nobody in particular, for seeding, tests and replays. Different numbers give different codes.
 *
 * @param number integer in [0, TAX_CODE_COUNT)
 */
export function makeTaxCode(number: number): string {
  invariant(Number.isSafeInteger(number) && number >= 0 && number < TAX_CODE_COUNT, `no tax code ${number}`);
  let rest = number;
  // Takes the lowest digit of `rest`, written in the given base.
  const take = (base: number): number => {
    const digit = rest % base;
    rest = (rest - digit) / base;
    return digit;
  };

  let letters = '';
  while (letters.length < NAME_LETTER_COUNT) letters += CONSONANTS[take(CONSONANTS.length)];
  const year = FIRST_YEAR + take(YEAR_COUNT);
  const month = MONTH_LETTERS[take(MONTH_LETTERS.length)];
  const day = 1 + take(DAY_COUNT) + take(2) * WOMAN_DAY_OFFSET;
  const body = `${letters}${year}${month}${String(day).padStart(2, '0')}${PLACES[number % PLACES.length]}`;
  return `${body}${checkCharacter(body)}`;
}
