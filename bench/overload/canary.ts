/** Each citizen's IBAN is its canary: whoever sees another's has been shown what is nobody's business. */
import { makeIban } from '../../engine/index.ts';

const IBAN = /IT\d{2}[A-Z]\d{22}/g;

export class Canaries {
  readonly #own: readonly string[];

  constructor(citizenCount: number) {
    this.#own = Array.from({ length: citizenCount }, (_, citizen) => makeIban(citizen));
  }

  of(citizen: number): string {
    return this.#own[citizen]!;
  }

  /** Looks through all bytes of what came for one citizen. */
  find(citizen: number, payload: Buffer): { readonly own: number; readonly foreign: number } {
    // Most frames have none.
    if (payload.indexOf('IT') === -1) return NOTHING;
    const found = payload.toString('latin1').match(IBAN) ?? [];
    const own = found.filter((iban) => iban === this.#own[citizen]).length;
    return { own, foreign: found.length - own };
  }
}

const NOTHING = { own: 0, foreign: 0 };
