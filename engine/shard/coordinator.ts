/**
 * What needs all shards at once: rankings (one writer each, architecture 6) and the closing of periods. It hears of
 * every flush after it is on disk, and never makes a shard wait.
 */
import type { CitizenKey, NoticeRunKind, PeriodOrder, Programme, RankingEntry } from '../contract.ts';
import { PARTITION_COUNT } from '../contract.ts';
import type { EngineStats, Read } from '../engine.ts';
import { InOrder } from '../in-order.ts';
import { LIMITS } from '../limits.ts';
import type { RankedMark, RankingCopies } from '../ports.ts';
import { findPeriod, Law } from '../programme/index.ts';
import type { DueClosing } from './intakes.ts';
import type {
  CoordinatedShard,
  PeriodSettled,
  Published,
  RankAnswer,
  RankedStanding,
  RankQuestion,
  RecoveredMove,
  ServedCoordinator,
  ShardCoordinator,
  ShardReport,
  Traffic,
} from './parts.ts';
import { PayoutOrders } from './payout-orders.ts';
import { PeriodClosing } from './period-closing.ts';
import { PeriodOrders } from './period-orders.ts';
import { Rankings } from './rankings.ts';
import { TaxCodeOrder } from './tax-code-order.ts';
import { lastWinner } from './winners.ts';

export interface CoordinatorOptions {
  readonly programme: Programme;
  /** By number; each has recovered and said what it found. */
  readonly shards: readonly CoordinatedShard[];
  readonly reports: readonly ShardReport[];
  /** Absent: every start builds the rankings from wallets. */
  readonly rankingCopies?: RankingCopies | undefined;
  /** Keyed hash of a text. */
  readonly digest: (text: string) => string;
  /** A copy of a ranking failed: stop the process. */
  readonly failed: (error: unknown) => void;
  /** Moves that make a copy due, at least; default LIMITS.checkpointRowCount. */
  readonly checkpointRowCount?: number | undefined;
  /** Named places at which a test may stop the world. */
  readonly onPoint?: ((name: string) => void) | undefined;
  /** Of any citizen, at once. Throws StorageFault where the key is gone. */
  readonly taxCodeOf: (citizen: CitizenKey) => string;
}

export class Coordinator implements ServedCoordinator, ShardCoordinator {
  readonly isBehind = false;
  readonly #options: CoordinatorOptions;
  readonly #rankings: Rankings;
  readonly #closing: PeriodClosing;
  readonly #law: Law;
  readonly #payouts: PayoutOrders;
  readonly #periods: PeriodOrders;
  readonly #inOrder = new InOrder();
  #sent = 0;
  #taken = 0;

  /** Resolves when the rankings are there: from copies of them, or from who takes part. */
  static async open(options: CoordinatorOptions): Promise<Coordinator> {
    const coordinator = new Coordinator(options);
    await coordinator.#fill();
    return coordinator;
  }

  private constructor(options: CoordinatorOptions) {
    const { shards, reports, digest, taxCodeOf, checkpointRowCount = LIMITS.checkpointRowCount } = options;
    const law = new Law(options.programme);
    const decisions = reports.flatMap(({ periodDecisions }) => periodDecisions);
    this.#options = options;
    this.#law = law;
    const order = new TaxCodeOrder(taxCodeOf);
    for (const { ties } of reports) for (const [first, second] of ties) order.remember(first, second);
    this.#rankings = new Rankings({
      programme: law,
      compareTaxCodes: order.compare,
      copies: options.rankingCopies,
      movesMin: checkpointRowCount,
      marks: reports.map(({ mark }) => mark),
      now: { sequences: reports.map(({ sequence }) => sequence), vector: vectorOf(reports) },
      failed: options.failed,
      onPoint: options.onPoint,
    });
    this.#closing = new PeriodClosing({
      programme: law,
      rankings: this.#rankings,
      digest,
      vector: () => this.#rankings.vector,
      finalPeriods: reports.flatMap(({ finalPeriods }) => finalPeriods),
      frozenRankings: reports.flatMap(({ frozenRankings }) => frozenRankings),
      decisions,
      endExclusions: async (awardPeriodId) => {
        const answers = await Promise.all(shards.map((shard) => shard.endExclusions(awardPeriodId)));
        return answers.every((isEnded) => isEnded);
      },
      close: (awardPeriodId) => {
        this.#sent += shards.length;
        for (const shard of shards) shard.closePeriod(awardPeriodId);
      },
      journal: (frozen) => {
        this.#sent += 1;
        shards[0]!.freezeRanking(frozen);
      },
    });
    const [rankings, closing] = [this.#rankings, this.#closing];
    this.#payouts = new PayoutOrders({ programme: law, shards, rankings, closing });
    this.#periods = new PeriodOrders({ law, shards, rankings, closing, decisions });
  }

  async #fill(): Promise<void> {
    const { shards, reports } = this.#options;
    const moves = (await Promise.all(shards.map((shard) => gathered(() => shard.recoveredMoves())))).flat();
    const missing = this.#rankings.restore(reports.every(({ hasMoves }) => hasMoves) ? moves : null);
    if (missing.length > 0) {
      const standings = await Promise.all(shards.map((shard) => gathered(() => shard.participants(missing))));
      this.#rankings.build(missing, standings.flat());
    }
    for (const { frozenRankings } of reports) for (const id of frozenRankings) this.#rankings.of(id)?.freeze();
  }

  // For shards

  published(published: Published): void {
    this.#taken += 1;
    this.#options.onPoint?.('ranks-moved');
    this.#rankings.apply(published);
    for (const [partition, awardPeriodId] of published.finalPeriods) this.#closing.heard(partition, awardPeriodId);
  }

  async ranks(asked: readonly RankQuestion[]): Promise<readonly RankAnswer[]> {
    return asked.map((question) => this.#rank(question));
  }

  #rank({ awardPeriodId, citizen, standing }: RankQuestion): RankAnswer {
    const ranking = this.#rankings.of(awardPeriodId);
    const participants = ranking?.count ?? 0;
    const { minPosition = 0 } = findPeriod(this.#law, awardPeriodId) ?? {};
    const countAt = (rank: number) => (rank === 0 || ranking === undefined ? 0 : ranking.at(rank).standing.count);
    return {
      rank: ranking === undefined || standing === null ? participants + 1 : ranking.rankOf(citizen, standing),
      participants,
      firstCount: countAt(Math.min(1, participants)),
      lastWinnerCount: countAt(Math.min(minPosition, participants)),
    };
  }

  async ranked(shard: number): Promise<RankedMark> {
    return this.#rankings.ranked(shard);
  }

  // For the front

  async rankingPage(awardPeriodId: number, firstRank: number, count: number): Promise<Read<readonly RankingEntry[]>> {
    const ranking = this.#rankings.of(awardPeriodId);
    if (ranking === undefined) return { ok: false, code: 'PERIOD_NOT_FOUND' };
    const page = ranking.page(Math.max(1, firstRank), Math.min(Math.max(0, count), LIMITS.rankingPageMax));
    const value = page.map(({ rank, citizen, standing }) => ({
      rank,
      citizen,
      transactionNumber: standing.count,
      lastTrxMs: standing.lastTrxMs,
    }));
    return { ok: true, value };
  }

  async rankingStats(): Promise<EngineStats['rankings']> {
    return [...this.#rankings.all()].map(({ awardPeriodId, count, isFrozen }) => ({
      awardPeriodId,
      participants: count,
      isFrozen,
    }));
  }

  makePayouts: ServedCoordinator['makePayouts'] = (...asked) => this.#inOrder.run(() => this.#payouts.make(...asked));

  async runNotices(run: NoticeRunKind, awardPeriodId: number): Promise<Read<number>> {
    const { shards } = this.#options;
    const [period, ranking] = [findPeriod(this.#law, awardPeriodId), this.#rankings.of(awardPeriodId)];
    if (period === null) return { ok: false, code: 'PERIOD_NOT_FOUND' };
    if (run === 'final' && ranking?.isFrozen !== true) return { ok: false, code: 'PERIOD_NOT_FROZEN' };
    if (run === 'final' && !this.#closing.isFinal(awardPeriodId)) return { ok: false, code: 'PERIOD_REOPENED' };
    const winner = run === 'final' && ranking !== undefined ? lastWinner(ranking, period) : null;
    const work = { run, awardPeriodId, lastWinner: winner };
    const counts = await Promise.all(shards.map((shard) => shard.runNotices(work)));
    let noticeCount = 0;
    for (const count of counts) {
      if (!count.ok) return count;
      noticeCount += count.value;
    }
    return { ok: true, value: noticeCount };
  }

  /** One after the other, and not while a period is paid. */
  decidePeriod(order: PeriodOrder | null): Promise<Read<PeriodSettled>> {
    return this.#inOrder.run(async () => {
      if (order !== null) return this.#periods.decide(order);
      await this.#periods.resume();
      return { ok: true, value: { decision: null, programme: '' } };
    });
  }

  /** Counts as one message that is under way until it has begun. */
  closePeriod(due: DueClosing): void {
    this.#sent += 1;
    const begun = this.#periods.settled().then(() => this.#closing.close(due));
    begun.then(() => {
      this.#taken += 1;
    }, this.#options.failed);
  }

  async traffic(): Promise<Traffic> {
    return { sent: this.#sent, taken: this.#taken };
  }

  close(): Promise<void> {
    return this.#rankings.copyAll();
  }
}

/** The coordinator as shards on its own thread see it, which are there before it is. */
export function toCoordinator(coordinator: () => ShardCoordinator): ShardCoordinator {
  return {
    isBehind: false,
    published: (published) => coordinator().published(published),
    ranks: (asked) => coordinator().ranks(asked),
    ranked: (shard) => coordinator().ranked(shard),
  };
}

/** Of each partition, what the report of its own shard says. */
function vectorOf(reports: readonly ShardReport[]): readonly number[] {
  return Array.from({ length: PARTITION_COUNT }, (_, at) => reports[at % reports.length]!.sequences[at] ?? 0);
}

/** Piece by piece, until one is empty. */
async function gathered<T extends RankedStanding | RecoveredMove>(next: () => Promise<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for (let piece = await next(); piece.length > 0; piece = await next()) for (const one of piece) all.push(one);
  return all;
}
