/**
 * Stamps: what whoever was let in once can show at the door, to this server and to the one after a restart, which has seen no
 * token yet (fault 65). Sealed by a keyed hash and not remembered. A stamp says only that its holder was here: who that is
 * says the token, whose signature is checked all the same.
 *
 *   seal of whom it is for, 15 bytes    base64url, 20 letters
 */
import { timingSafeEqual } from 'node:crypto';

const SEAL_BYTES = 15;
const STAMP = /^[\w-]{20}$/;

export class Stamps {
  readonly #digest: (text: string) => string;

  /** @param digest keyed hash of a text: 32 hex digits, the same after a restart */
  constructor(digest: (text: string) => string) {
    this.#digest = digest;
  }

  of(subject: string): string {
    return this.#seal(subject).toString('base64url');
  }

  isOf(subject: string, stamp: string): boolean {
    return STAMP.test(stamp) && timingSafeEqual(this.#seal(subject), Buffer.from(stamp, 'base64url'));
  }

  #seal(subject: string): Buffer {
    return Buffer.from(this.#digest(subject).slice(0, 2 * SEAL_BYTES), 'hex');
  }
}
