/**
 * A store's part in paying a period: what is due to its citizens, and runs that make their records, a turn at a time,
 * so that commands pass between. What a stop cuts short goes on where it was.
 */
import type { Programme } from '../contract.ts';
import type { Read } from '../engine.ts';
import { LIMITS } from '../limits.ts';
import type { PartitionRow, Schedule } from '../ports.ts';
import { findPeriod, payoutAmounts } from '../programme/index.ts';
import type { WalletHead } from '../wallet/wallet.ts';
import { totalsOf } from '../wallet/wallet-facts.ts';
import { type ActorPage, headPage } from './actor-pages.ts';
import type { Actors } from './actors.ts';
import type { CitizenRuns, RunProgress } from './citizen-runs.ts';
import type { LastPayoutOrder, PayoutProgress, PayoutRunWork } from './parts.ts';
import type { RunStep } from './payout-decider.ts';
import type { Shard } from './shard.ts';
import type { Winners } from './winners.ts';

export interface PayoutRunsOptions {
  readonly partitions: readonly number[];
  readonly programme: Programme;
  readonly actors: Actors;
  readonly shard: Shard;
  readonly runs: CitizenRuns;
  readonly schedule: Schedule;
  /** Flushed. */
  readonly row: (partition: number) => PartitionRow;
}

type Draining = { readonly ok: false; readonly code: 'DRAINING' };
const DRAINING: Draining = { ok: false, code: 'DRAINING' };

export class PayoutRuns {
  readonly #options: PayoutRunsOptions;

  constructor(options: PayoutRunsOptions) {
    this.#options = options;
  }

  /** Of partition 0, where that is here. */
  lastOrder(awardPeriodId: number): LastPayoutOrder {
    const { payoutOrders } = this.#options.row(0);
    const order = payoutOrders.findLast((one) => one.awardPeriodId === awardPeriodId) ?? null;
    return { order, orderCount: payoutOrders.length };
  }

  progress(orderNumber: number): PayoutProgress {
    const { partitions, row } = this.#options;
    const runs = partitions.map((at) => row(at).payoutRuns.filter((run) => run.orderNumber === orderNumber));
    return {
      isDone: runs.every((ofPartition) => ofPartition.some(({ isDone }) => isDone)),
      recordCount: runs.flat().reduce((sum, { count }) => sum + count, 0),
      totalCents: runs.flat().reduce((sum, { totalCents }) => sum + totalCents, 0),
    };
  }

  async due(awardPeriodId: number): Promise<Read<number>> {
    const { partitions, actors, programme, schedule } = this.#options;
    const period = findPeriod(programme, awardPeriodId);
    if (period === null) return { ok: false, code: 'PERIOD_NOT_FOUND' };
    let dueCents = 0;
    for (const partition of partitions) {
      for (let after: string | null = ''; after !== null; ) {
        const page: ActorPage<WalletHead> = headPage(actors, 'wallet', {
          partition,
          after,
          countMax: LIMITS.payoutsPerTurnMax,
        });
        for (const wallet of page.values) {
          const totals = totalsOf(wallet, awardPeriodId);
          if (totals === undefined) continue;
          dueCents += payoutAmounts(totals, period, { cut: null, isWinner: false })?.cashbackCents ?? 0;
        }
        after = page.next;
        await new Promise<void>((resolve) => schedule(resolve));
        if (this.#options.runs.isStopped) return DRAINING;
      }
    }
    return { ok: true, value: dueCents };
  }

  async run(work: PayoutRunWork): Promise<Read<PayoutProgress>> {
    const { order, lastWinner } = work;
    const { awardPeriodId } = order;
    const step = (partition: number, winners: Winners) => this.#step(partition, { order, ...winners });
    const isDone = await this.#options.runs.run({ awardPeriodId, lastWinner, step });
    return isDone ? { ok: true, value: this.progress(order.orderNumber) } : DRAINING;
  }

  /** The next one is decided on top of it while it is flushed; the last of a partition is told when all is on disk. */
  #step(partition: number, step: RunStep): Promise<RunProgress> {
    return new Promise((resolve) => {
      this.#options.shard.payouts(partition, (turn, decider) => {
        const progress = decider.run(turn, partition, step);
        if (!progress.isDone) resolve(progress);
        return () => resolve(progress);
      });
    });
  }
}
