/** What citizens and an acquirer do: the walks of test/model/, and what those leave out. */
import type { Hpan, Origin, TransactionRecord, WalletCommandBody } from '../../engine/index.ts';
import { APP_CHANNEL, makeIban } from '../../engine/index.ts';
import { CARDS, PEOPLE, type Step, Walk } from '../model/walk.ts';
import type { Random } from '../support/random.ts';

export type Action =
  | Step
  /** Something that was sent before, with the same id. */
  | { readonly kind: 'again' }
  /** Another body under an id that was used. */
  | { readonly kind: 'reuse'; readonly name: string; readonly body: WalletCommandBody }
  | { readonly kind: 'read'; readonly name: string; readonly hpan: Hpan };

const NAMES = [...PEOPLE.keys()];
const HOUR_MS = 3_600_000;

export class Workload {
  readonly #random: Random;
  readonly #walk: Walk;
  readonly #first: Action[];

  constructor(random: Random) {
    this.#random = random;
    this.#walk = new Walk(random);
    this.#first = [
      ...random.shuffle(NAMES).map((name): Action => ({ kind: 'command', name, body: { kind: 'enrol' } })),
      ...CARDS.map((hpan): Action => {
        return { kind: 'command', name: random.pick(NAMES), body: { kind: 'enableCashback', hpan } };
      }),
      { kind: 'wait', ms: 26 * HOUR_MS + random.below(30 * HOUR_MS) },
    ];
  }

  /** Only what the oracle of the law knows. */
  nextStep(nowMs: number): Step {
    return (this.#first.shift() as Step | undefined) ?? this.#walk.next(nowMs);
  }

  next(nowMs: number): Action {
    const first = this.#first.shift();
    if (first !== undefined) return first;
    const dice = this.#random.below(100);
    const name = this.#random.pick(NAMES);
    if (dice < 14) return { kind: 'read', name, hpan: this.#random.pick(CARDS) };
    if (dice < 20) return { kind: 'again' };
    if (dice < 23) return { kind: 'reuse', name, body: this.#otherBody() };
    if (dice < 35) return { kind: 'command', name, body: this.#otherBody() };
    return this.#rounded(this.#walk.next(nowMs));
  }

  /** Many shops write no time: then payments of a day share an instant, and citizens tie (domain 2.4). */
  #rounded(step: Step): Step {
    if (step.kind !== 'record' || step.record.operationType === '01' || this.#random.below(3) === 0) return step;
    const { record } = step;
    return { ...step, record: { ...record, trxMs: record.trxMs - (record.trxMs % (12 * HOUR_MS)) } };
  }

  /** What the walk never asks for. */
  #otherBody(): WalletCommandBody {
    const random = this.#random;
    const hpan = random.pick(CARDS);
    const details = {
      methodKind: 'card',
      brand: 'VISA',
      lastDigits: '1111',
      expiry: '2029-12',
      issuerAbi: '',
    } as const;
    switch (random.below(6)) {
      case 0:
        return { kind: 'enrol', optInStatus: random.pick(['ACCEPTED', 'DENIED']) };
      case 1:
        return { kind: 'addMethod', hpan, details };
      case 2:
        return { kind: 'removeMethod', hpan };
      case 3:
        return { kind: 'enableAll' };
      case 4:
        return { kind: 'enableCashback', hpan, tokens: random.shuffle(CARDS).slice(0, 2) };
      default: {
        const iban = random.below(4) === 0 ? 'IT00X' : makeIban(random.below(1_000));
        const holder = { accountHolderCF: '', accountHolderName: 'A', accountHolderSurname: 'B' };
        return { kind: 'setIban', iban, ...holder };
      }
    }
  }

  /** Mostly through the app, now and then through an issuer. */
  originOf(citizen: string): Origin {
    if (this.#random.below(12) > 0) return { role: 'citizen', subject: citizen, channel: APP_CHANNEL };
    return { role: 'issuer', subject: '03069', channel: '03069' };
  }
}

export function recordText({ hpan, idTrxAcquirer, operationType, amountCents }: TransactionRecord): string {
  return `${operationType === '01' ? 'reversal' : 'payment'} ${idTrxAcquirer} of ${amountCents} on ${hpan.slice(0, 4)}`;
}
