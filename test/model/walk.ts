/**
 * Random walks of several citizens who fight over few cards: what they ask, what acquirers send, how time passes.
 * The same seed gives the same walk.
 */
import type { Hpan, TransactionRecord, WalletCommandBody } from '../../engine/index.ts';
import { makeTaxCode } from '../../engine/index.ts';
import type { Random } from '../support/random.ts';
import { hpan } from '../support/world.ts';

export type Step =
  | { readonly kind: 'command'; readonly name: string; readonly body: WalletCommandBody }
  | { readonly kind: 'record'; readonly record: TransactionRecord }
  | { readonly kind: 'wait'; readonly ms: number };

export const PEOPLE: ReadonlyMap<string, string> = new Map(
  ['Anna', 'Bruno', 'Carla', 'Dario', 'Elena'].map((name, index) => [name, makeTaxCode(index * 1_000)]),
);
export const CARDS: readonly Hpan[] = [1, 2, 3, 4].map(hpan);

const NAMES = [...PEOPLE.keys()];
const HOUR_MS = 3_600_000;
const CENTS = [1, 5, 6, 999, 1_000, 1_009, 2_000, 14_996, 15_000, 40_000];

export class Walk {
  readonly #random: Random;
  #records: TransactionRecord[] = [];
  #ids = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  next(nowMs: number): Step {
    const dice = this.#random.below(100);
    if (dice < 12) return { kind: 'wait', ms: 1 + this.#random.below(20 * HOUR_MS) };
    if (dice < 40) return { kind: 'command', name: this.#random.pick(NAMES), body: this.#body(nowMs) };
    return { kind: 'record', record: this.#record(nowMs) };
  }

  #body(nowMs: number): WalletCommandBody {
    const dice = this.#random.below(100);
    const card = this.#random.pick(CARDS);
    if (dice < 25) return { kind: 'enrol' };
    if (dice < 33) return { kind: 'leave' };
    if (dice < 70) return { kind: 'enableCashback', hpan: card };
    if (dice < 80) return { kind: 'enableCashback', hpan: card, tokens: [this.#random.pick(CARDS)] };
    if (dice < 90) return { kind: 'disableCashback', hpan: card };
    return { kind: 'disableCashback', hpan: card, cancellationMs: nowMs - this.#random.below(72 * HOUR_MS) };
  }

  #record(nowMs: number): TransactionRecord {
    const dice = this.#random.below(100);
    const earlier = this.#records.length === 0 ? null : this.#random.pick(this.#records.slice(-12));
    if (earlier !== null && dice < 8) return earlier;
    if (earlier !== null && dice < 35) return this.#remember(this.#reversalOf(earlier, nowMs));
    return this.#remember(this.#payment(nowMs));
  }

  #payment(nowMs: number): TransactionRecord {
    this.#ids += 1;
    const random = this.#random;
    // Correlation ids are missing, of their own or shared with another payment.
    const correlationId = random.pick(['', `C${this.#ids}`, `C${this.#ids}`, `C${this.#ids}`, 'SHARED']);
    return {
      acquirerCode: '36081',
      operationType: '00',
      circuitType: '01',
      hpan: random.pick(CARDS),
      // Now and then dated tomorrow.
      trxMs: nowMs + HOUR_MS - random.below(60 * HOUR_MS),
      idTrxAcquirer: `ARN${String(this.#ids).padStart(6, '0')}`,
      idTrxIssuer: '',
      correlationId,
      amountCents: random.pick(CENTS),
      acquirerId: '09509',
      merchantId: random.pick(['M1', 'M2']),
      terminalId: 'T1',
    };
  }

  #reversalOf(earlier: TransactionRecord, nowMs: number): TransactionRecord {
    this.#ids += 1;
    const { amountCents } = earlier;
    const reversedCents = this.#random.pick([amountCents, amountCents, Math.ceil(amountCents / 3), amountCents + 1]);
    const trxMs = nowMs - this.#random.below(24 * HOUR_MS);
    const idTrxAcquirer = `ARN${String(this.#ids).padStart(6, '0')}`;
    return { ...earlier, operationType: '01', amountCents: reversedCents, trxMs, idTrxAcquirer };
  }

  #remember(record: TransactionRecord): TransactionRecord {
    this.#records.push(record);
    return record;
  }
}
