/**
 * A store's part in paying a period: what is due to its citizens, and runs that make their records, a turn at a time,
 * so that commands pass between. What a stop cuts short goes on where it was.
 */
import type { CitizenKey, Programme } from '../contract.ts';
import type { Read } from '../engine.ts';
import type { Standing } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import type { PartitionRow, Schedule } from '../ports.ts';
import { findPeriod, payoutAmounts } from '../programme/index.ts';
import { totalsOf } from '../wallet/wallet-facts.ts';
import { type ActorPage, actorPage } from './actor-pages.ts';
import type { Actors } from './actors.ts';
import type { LastPayoutOrder, PayoutProgress, PayoutRunWork, ShardCoordinator } from './parts.ts';
import type { RunProgress } from './payout-decider.ts';
import type { Shard } from './shard.ts';

export interface PayoutRunsOptions {
  readonly partitions: readonly number[];
  readonly programme: Programme;
  readonly actors: Actors;
  readonly shard: Shard;
  readonly coordinator: ShardCoordinator;
  readonly schedule: Schedule;
  /** Flushed. */
  readonly row: (partition: number) => PartitionRow;
}

type Draining = { readonly ok: false; readonly code: 'DRAINING' };
const DRAINING: Draining = { ok: false, code: 'DRAINING' };

export class PayoutRuns {
  readonly #options: PayoutRunsOptions;
  #isStopped = false;

  constructor(options: PayoutRunsOptions) {
    this.#options = options;
  }

  /** No turn begins any more. */
  stop(): void {
    this.#isStopped = true;
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
        const page: ActorPage<'wallet'> = actorPage(actors, 'wallet', {
          partition,
          after,
          countMax: LIMITS.payoutsPerTurnMax,
        });
        for (const [, wallet] of page.entries) {
          const totals = totalsOf(wallet, awardPeriodId);
          if (totals === undefined) continue;
          dueCents += payoutAmounts(totals, period, { cut: null, isWinner: false })?.cashbackCents ?? 0;
        }
        after = page.next;
        await new Promise<void>((resolve) => schedule(resolve));
        if (this.#isStopped) return DRAINING;
      }
    }
    return { ok: true, value: dueCents };
  }

  async run(work: PayoutRunWork): Promise<Read<PayoutProgress>> {
    for (const partition of this.#options.partitions) {
      if (!(await this.#runPartition(partition, work))) return DRAINING;
    }
    return { ok: true, value: this.progress(work.order.orderNumber) };
  }

  /** @returns false: it was cut short */
  async #runPartition(partition: number, work: PayoutRunWork): Promise<boolean> {
    let verdicts: ReadonlyMap<CitizenKey, boolean> = new Map();
    for (;;) {
      await this.#options.shard.room();
      if (this.#isStopped) return false;
      const { isDone, tied } = await this.#step(partition, work, verdicts);
      if (isDone) return true;
      verdicts = await this.#verdicts(work, tied);
    }
  }

  #step(partition: number, work: PayoutRunWork, verdicts: ReadonlyMap<CitizenKey, boolean>): Promise<RunProgress> {
    return new Promise((resolve) => {
      this.#options.shard.payouts(partition, (turn, decider) => {
        const progress = decider.run(turn, partition, { ...work, verdicts });
        return () => resolve(progress);
      });
    });
  }

  /** Who stands exactly where the last winner does: their order goes down to the tax code, which the ranking knows. */
  async #verdicts(
    { order: { awardPeriodId } }: PayoutRunWork,
    tied: readonly { readonly citizen: CitizenKey; readonly standing: Standing }[],
  ): Promise<ReadonlyMap<CitizenKey, boolean>> {
    if (tied.length === 0) return new Map();
    const { minPosition = 0 } = findPeriod(this.#options.programme, awardPeriodId) ?? {};
    const answers = await this.#options.coordinator.ranks(tied.map((one) => ({ awardPeriodId, ...one })));
    return new Map(tied.map(({ citizen }, at) => [citizen, answers[at]!.rank <= minPosition]));
  }
}
