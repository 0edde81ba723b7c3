/**
 * Has the payouts of a period made by all stores: decided once, durably, by partition 0, then carried out by every
 * partition. Never two of them side by side (see `InOrder`).
 */
import type { PayoutsMade, Programme } from '../contract.ts';
import type { Read } from '../engine.ts';
import type { PayoutOrder } from '../payout/payout.ts';
import { findPeriod } from '../programme/index.ts';
import type { CoordinatedShard } from './parts.ts';
import type { PeriodClosing } from './period-closing.ts';
import type { Rankings } from './rankings.ts';
import { lastWinner } from './winners.ts';

export interface PayoutOrdersOptions {
  readonly programme: Programme;
  readonly shards: readonly CoordinatedShard[];
  readonly rankings: Rankings;
  readonly closing: Pick<PeriodClosing, 'isFinal'>;
}

export class PayoutOrders {
  readonly #options: PayoutOrdersOptions;

  constructor(options: PayoutOrdersOptions) {
    this.#options = options;
  }

  async make(awardPeriodId: number, fundsCents: number | null): Promise<Read<PayoutsMade>> {
    const { programme, rankings, closing, shards } = this.#options;
    const [period, ranking] = [findPeriod(programme, awardPeriodId), rankings.of(awardPeriodId)];
    if (period === null) return { ok: false, code: 'PERIOD_NOT_FOUND' };
    if (ranking?.isFrozen !== true) return { ok: false, code: 'PERIOD_NOT_FROZEN' };
    if (!closing.isFinal(awardPeriodId)) return { ok: false, code: 'PERIOD_REOPENED' };
    const order = await this.#order(awardPeriodId, fundsCents);
    if (!order.ok) return order;

    const work = { order: order.value, lastWinner: lastWinner(ranking, period) };
    const { orderNumber, cut } = order.value;
    let [recordCount, totalCents] = [0, 0];
    for (const result of await Promise.all(shards.map((shard) => shard.runPayouts(work)))) {
      if (!result.ok) return result;
      recordCount += result.value.recordCount;
      totalCents += result.value.totalCents;
    }
    return { ok: true, value: { awardPeriodId, orderNumber, recordCount, totalCents, cut } };
  }

  /** One that was not carried out everywhere, or a new one. */
  async #order(awardPeriodId: number, fundsCents: number | null): Promise<Read<PayoutOrder>> {
    const { shards } = this.#options;
    const { order: last, orderCount } = await shards[0]!.lastPayoutOrder(awardPeriodId);
    if (last !== null && !(await this.#isCarriedOut(last))) return { ok: true, value: last };

    // Asking again grants no more than there was: whoever has more to give says how much.
    const cut = await this.#cut(awardPeriodId, fundsCents ?? last?.cut?.fundsCents ?? null);
    if (!cut.ok) return cut;
    const order = { orderNumber: orderCount + 1, awardPeriodId, cut: cut.value, atMs: 0 };
    return { ok: true, value: await shards[0]!.orderPayouts(order) };
  }

  async #isCarriedOut({ orderNumber }: PayoutOrder): Promise<boolean> {
    const progress = await Promise.all(this.#options.shards.map((shard) => shard.payoutProgress(orderNumber)));
    return progress.every(({ isDone }) => isDone);
  }

  async #cut(awardPeriodId: number, fundsCents: number | null): Promise<Read<PayoutOrder['cut']>> {
    if (fundsCents === null) return { ok: true, value: null };
    const dues = await Promise.all(this.#options.shards.map((shard) => shard.payoutsDue(awardPeriodId)));
    let totalCents = 0;
    for (const due of dues) {
      if (!due.ok) return due;
      totalCents += due.value;
    }
    return { ok: true, value: totalCents > fundsCents ? { fundsCents, totalCents } : null };
  }
}
