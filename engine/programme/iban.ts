/** Italian IBANs: form and check digits (DECISIONS 33, 40), and valid ones made from numbers. */
import { invariant } from '../assert.ts';
import { checkCharacter } from './check-character.ts';
import type { CheckedText } from './tax-code.ts';

/**
 * Country, check digits (02 to 98, which is what 98 minus a remainder can be: 01 and 99 are congruent to 98 and 02),
 * national check letter (CIN), bank (ABI) and branch (CAB), account. No `u` flag: ASCII only.
 */
const FORM = /^IT(?!00|01|99)[0-9]{2}[A-Z][0-9]{10}[0-9A-Z]{12}$/i;

/** How many IBANs `makeIban` can make: one for each account number of twelve digits. */
export const IBAN_COUNT = 10 ** 12;
const ABI_CODES = ['02008', '03069', '05034', '07601', '36081'] as const;
const CAB = '03200';

const CODE_OF_ZERO = 48;
const CODE_OF_A = 65;

/**
 * Removes blanks and raises letters, then checks form and check digits. The national check letter is not
 * verified (DECISION 40).
 *
 * @returns the IBAN as it is stored, or not ok: IBAN_INVALID
 */
export function checkIban(text: string): CheckedText {
  const compact = text.replace(/\s+/g, '');
  if (!FORM.test(compact)) return { ok: false };

  const value = compact.toUpperCase();
  return remainder97(value) === 1 ? { ok: true, value } : { ok: false };
}

const HOUR_MS = 3_600_000;
/** Some banks never answer anybody: they are asked less and less often, and still once a day. */
const RECHECK_HOURS_MAX = 24;

/**
 * How long after the last answer the bank service is asked again about an account that it could not verify (R13).
 *
 * @param attempts how often it has been asked again in vain
 */
export function recheckDelayMs(attempts: number): number {
  return HOUR_MS * Math.min(2 ** attempts, RECHECK_HOURS_MAX);
}

/**
 * A valid IBAN, check letter included, of no real account. Different numbers give different IBANs.
 *
 * @param number integer in [0, IBAN_COUNT)
 */
export function makeIban(number: number): string {
  invariant(Number.isSafeInteger(number) && number >= 0 && number < IBAN_COUNT, `no IBAN ${number}`);
  const account = `${ABI_CODES[number % ABI_CODES.length]}${CAB}${String(number).padStart(12, '0')}`;
  const body = `${checkCharacter(account)}${account}`;
  const checkDigits = String(98 - remainder97(`IT00${body}`)).padStart(2, '0');
  return `IT${checkDigits}${body}`;
}

/** ISO 7064 modulo 97-10: first four characters last, letters as 10 to 35, read as one decimal number. */
function remainder97(iban: string): number {
  let remainder = 0;
  for (let index = 0; index < iban.length; index += 1) {
    const value = numberOf(iban.charCodeAt((index + 4) % iban.length));
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder;
}

function numberOf(code: number): number {
  return code >= CODE_OF_A ? code - CODE_OF_A + 10 : code - CODE_OF_ZERO;
}
