/** IBANs with up to three characters changed, held against another implementation. */
import { isValidIBAN } from 'ibantools';
import { checkIban, IBAN_COUNT, makeIban } from '../../engine/programme/iban.ts';
import type { Random } from '../support/random.ts';

const ALPHABET = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'];

/** @returns how many were accepted, and one line for each of which the two say different things */
export function judgeChangedIbans(random: Random, count: number): { accepted: number; wrong: readonly string[] } {
  let accepted = 0;
  const wrong: string[] = [];
  for (let step = 0; step < count; step += 1) {
    let text = makeIban(random.below(IBAN_COUNT));
    for (let change = random.below(4); change > 0; change -= 1) {
      const place = random.below(text.length);
      text = `${text.slice(0, place)}${random.pick(ALPHABET)}${text.slice(place + 1)}`;
    }
    const isValid = text.startsWith('IT') && isValidIBAN(text);
    if (checkIban(text).ok !== isValid) wrong.push(`${text} is ${isValid ? '' : 'not '}valid`);
    accepted += isValid ? 1 : 0;
  }
  return { accepted, wrong };
}
