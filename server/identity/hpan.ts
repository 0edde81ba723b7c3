/** Turns a card number into its hash where it enters (domain 2.2, G46): nothing behind the edge ever sees the number. */
import { createHash } from 'node:crypto';
import type { Hpan } from '../../engine/index.ts';

/**
 * @param pan 12 to 19 digits; not necessarily Luhn-valid (the test cards of domain 9 are not)
 * @param salt the programme's `panSalt`
 */
export function hashPan(pan: string, salt: string): Hpan {
  return createHash('sha256').update(pan, 'utf8').update(salt, 'utf8').digest('hex');
}
