/** What citizens wish on a click day: they look more often than they change something. */
import { SeededRandom } from '../../client/replay/random.ts';
import { makeTaxCode } from '../../engine/index.ts';
import { blank, Ids, Template } from '../load/template.ts';
import { hpanOf } from '../load/workload.ts';
import type { Canaries } from './canary.ts';
import type { Wish } from './citizen.ts';
import type { Wishes } from './people.ts';

const ID = blank(2, 32);
const HPAN = blank(3, 64);
const IBAN = blank(4, 27);
const DETAILS = { methodKind: 'card', brand: 'VISA', lastDigits: '4242', expiry: '2026-12', issuerAbi: '03069' };
const HOLDER = { accountHolderCF: makeTaxCode(0), accountHolderName: 'ADA', accountHolderSurname: 'ROSSI' };

/** Each is made once, and sent by everybody. */
export const REQUESTS = {
  wallet: new Template({ type: 'wallet' }),
  ranking: new Template({ type: 'ranking' }),
  setIban: new Template({ type: 'setIban', id: ID, iban: IBAN, ...HOLDER }, [ID, IBAN]),
  enable: new Template({ type: 'enableCashback', id: ID, hpan: HPAN }, [ID, HPAN]),
  add: new Template({ type: 'addMethod', id: ID, hpan: HPAN, details: DETAILS }, [ID, HPAN]),
  remove: new Template({ type: 'removeMethod', id: ID, hpan: HPAN }, [ID, HPAN]),
  disable: new Template({ type: 'disableCashback', id: ID, hpan: HPAN }, [ID, HPAN]),
} as const;

/** Of a hundred wishes; the others are its one card, off and on. */
const SHARES = { wallet: 40, ranking: 10, iban: 25 };

export type WishName = keyof typeof SHARES | 'card';

export function drawWish(random: SeededRandom): WishName {
  const drawn = random.below(100);
  if (drawn < SHARES.wallet) return 'wallet';
  if (drawn < SHARES.wallet + SHARES.ranking) return 'ranking';
  return drawn < SHARES.wallet + SHARES.ranking + SHARES.iban ? 'iban' : 'card';
}

export const LOOK: Wish = { frame: (ref) => REQUESTS.wallet.fill(ref, []), showsData: true };
export const LOOK_AT_RANK: Wish = { frame: (ref) => REQUESTS.ranking.fill(ref, []), showsData: false };

/** Citizens whom an issuer has enrolled, each with its card; each begins with its canary. */
export class ClickDayWishes implements Wishes {
  readonly #canaries: Canaries;
  readonly #random: SeededRandom;
  readonly #ids: Ids;
  readonly #disabled = new Set<number>();
  /** How often each has added a card or taken it away. */
  readonly #cards = new Map<number, number>();
  readonly first = [(citizen: number) => this.#iban(citizen)];

  constructor(canaries: Canaries, seed: number) {
    this.#canaries = canaries;
    this.#random = new SeededRandom(seed, 1);
    this.#ids = new Ids(Date.now(), seed.toString(16).padStart(5, '0').slice(-5));
  }

  any(citizen: number, cardShare: number): Wish {
    if (this.#random.chance(cardShare)) return this.#card(citizen);
    switch (drawWish(this.#random)) {
      case 'wallet':
        return LOOK;
      case 'ranking':
        return LOOK_AT_RANK;
      case 'iban':
        return this.#iban(citizen);
      case 'card':
        return this.#toggle(citizen);
    }
  }

  greeting(): null {
    return null;
  }

  #iban(citizen: number): Wish {
    return this.#change(REQUESTS.setIban, Buffer.from(this.#canaries.of(citizen)));
  }

  #card(citizen: number): Wish {
    const count = this.#cards.get(citizen) ?? 0;
    this.#cards.set(citizen, count + 1);
    const hpan = hpanOf(`more ${citizen} ${count >> 1}`);
    return this.#change(count % 2 === 0 ? REQUESTS.add : REQUESTS.remove, hpan);
  }

  #toggle(citizen: number): Wish {
    const wasDisabled = this.#disabled.delete(citizen);
    if (!wasDisabled) this.#disabled.add(citizen);
    return this.#change(wasDisabled ? REQUESTS.enable : REQUESTS.disable, hpanOf(`seed ${citizen}`));
  }

  #change(template: Template, of: Buffer): Wish {
    const texts = [Buffer.from(this.#ids.next()), of];
    return { frame: (ref) => template.fill(ref, texts), showsData: false };
  }
}
