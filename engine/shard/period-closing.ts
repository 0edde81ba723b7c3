/**
 * What time alone causes: a period ends for good at 00:00 of the day after its grace (DECISION 25). Rows received
 * before that instant still count, so the closing begins when all of them are answered (intakes.ts): a record is
 * answered when all that it set off is done, and no later one finds its way into the period. What was taken out of
 * counting or put back before is waited for, too: a card that has closed would turn it away. Then each card partition
 * journals that it takes nothing more and tells all wallet partitions; when all of those have heard it from all, the
 * ranking is frozen and its digest journaled (architecture 4, "Closing a period"). One that was opened again for late files
 * closes so once more; its ranking stays frozen all the time (DECISION 25). Which periods there are and when they end is
 * said by the programme in force: whoever asks may not have heard of the last decision about it yet.
 */
import { PARTITION_COUNT, type PeriodDecision, type Programme } from '../contract.ts';
import type { Fact } from '../facts.ts';
import { closesAtMs, findPeriod } from '../programme/index.ts';
import { rankingDigest } from '../ranking/digest.ts';
import type { DueClosing } from './intakes.ts';
import type { Published } from './parts.ts';
import type { Rankings } from './rankings.ts';

export interface PeriodClosingOptions {
  readonly programme: Programme;
  readonly rankings: Rankings;
  readonly digest: (text: string) => string;
  /** Sequence of each partition, flushed. */
  readonly vector: () => readonly number[];
  /** What was on disk at the start. */
  readonly finalPeriods: Published['finalPeriods'];
  readonly frozenRankings: Published['frozenRankings'];
  readonly decisions: readonly PeriodDecision[];
  /** Asks all shards: see `CoordinatedShard`. */
  readonly endExclusions: (awardPeriodId: number) => Promise<boolean>;
  /** Tells all shards. */
  readonly close: (awardPeriodId: number) => void;
  readonly journal: (frozen: Extract<Fact, { kind: 'rankingFrozen' }>) => void;
}

export class PeriodClosing {
  readonly #options: PeriodClosingOptions;
  readonly #begun = new Set<number>();
  /** Partitions whose standings are final, by period. */
  readonly #final = new Map<number, Set<number>>();
  readonly #frozen: Set<number>;
  /** The decision that opened a period again, by period. */
  readonly #reopened = new Map<number, number>();

  constructor(options: PeriodClosingOptions) {
    this.#options = options;
    this.#frozen = new Set(options.frozenRankings);
    for (const [partition, awardPeriodId] of options.finalPeriods) this.#finalOf(awardPeriodId).add(partition);
    for (const { kind, awardPeriodId, number } of options.decisions) {
      if (kind === 'reopen') this.#reopened.set(awardPeriodId, number);
    }
  }

  /** Nothing counts in it any more. */
  isFinal(awardPeriodId: number): boolean {
    return this.#frozen.has(awardPeriodId) && this.#isHeardByAll(awardPeriodId);
  }

  /** All partitions take late records of it. */
  reopen({ awardPeriodId, number }: PeriodDecision): void {
    this.#reopened.set(awardPeriodId, number);
    this.#begun.delete(awardPeriodId);
    this.#final.delete(awardPeriodId);
  }

  /**
   * Its time has come, and nothing received before is open. Asked again and again, so nobody is told to wait; what is past
   * is not closed once more.
   */
  async close({ awardPeriodId, decisionNumber, atMs }: DueClosing): Promise<void> {
    if (this.#begun.has(awardPeriodId) || decisionNumber !== (this.#reopened.get(awardPeriodId) ?? 0)) return;
    const period = findPeriod(this.#options.programme, awardPeriodId);
    if (period === null || atMs < closesAtMs(period)) return;
    this.#begun.add(awardPeriodId);
    if (this.#isHeardByAll(awardPeriodId)) return this.#freezeIfHeardByAll(awardPeriodId);
    if (await this.#haveExclusionsEnded(awardPeriodId)) this.#options.close(awardPeriodId);
    else this.#begun.delete(awardPeriodId);
  }

  /**
   * Asks twice, since what one shard sends another one carries out: once all have said yes, everything is with its card; once
   * they have said so again, the cards are done with it.
   */
  async #haveExclusionsEnded(awardPeriodId: number): Promise<boolean> {
    const { endExclusions } = this.#options;
    return (await endExclusions(awardPeriodId)) && (await endExclusions(awardPeriodId));
  }

  /** After a flush: a partition has heard it from all. */
  heard(partition: number, awardPeriodId: number): void {
    this.#finalOf(awardPeriodId).add(partition);
    this.#freezeIfHeardByAll(awardPeriodId);
  }

  #freezeIfHeardByAll(awardPeriodId: number): void {
    const { vector, rankings, digest, journal } = this.#options;
    if (this.#frozen.has(awardPeriodId) || this.#finalOf(awardPeriodId).size < PARTITION_COUNT) return;
    this.#frozen.add(awardPeriodId);
    const ranking = rankings.of(awardPeriodId);
    if (ranking === undefined) return;
    journal({
      kind: 'rankingFrozen',
      awardPeriodId,
      vector: [...vector()],
      participants: ranking.count,
      digest: rankingDigest(ranking.entries(), digest),
    });
  }

  #isHeardByAll(awardPeriodId: number): boolean {
    return this.#finalOf(awardPeriodId).size === PARTITION_COUNT;
  }

  #finalOf(awardPeriodId: number): Set<number> {
    const known = this.#final.get(awardPeriodId);
    if (known !== undefined) return known;
    const made = new Set<number>();
    this.#final.set(awardPeriodId, made);
    return made;
  }
}
