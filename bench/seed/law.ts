/** What a seeded payment is worth. The law is asked once for each hour: that is where its days and periods begin. */
import {
  acceptingPeriod,
  invariant,
  type PeriodParameters,
  type Programme,
  paymentScoreCents,
  type TransactionRecord,
} from '../../engine/index.ts';
import { RECEPTION_MS } from './population.ts';

const HOUR_MS = 3_600_000;

export class Law {
  readonly #programme: Programme;
  readonly #periods = new Map<number, PeriodParameters>();

  constructor(programme: Programme) {
    this.#programme = programme;
  }

  judge({ trxMs, amountCents }: TransactionRecord): { readonly awardPeriodId: number; readonly scoreCents: number } {
    const hour = Math.floor(trxMs / HOUR_MS);
    const period = this.#periods.get(hour) ?? this.#ask(hour);
    return { awardPeriodId: period.awardPeriodId, scoreCents: paymentScoreCents(amountCents, period) };
  }

  /** All payments are received on one day. */
  #ask(hour: number): PeriodParameters {
    const period = acceptingPeriod(this.#programme, { trxMs: hour * HOUR_MS, receivedMs: RECEPTION_MS });
    invariant(period !== null, 'seeded payments are of days that periods take');
    this.#periods.set(hour, period);
    return period;
  }
}
