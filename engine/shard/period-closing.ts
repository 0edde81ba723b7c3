/**
 * What time alone causes: a period ends for good at 00:00 of the day after its grace (DECISION 25). Rows received
 * before that instant still count, so the closing begins when all of them are answered: a record is answered when all
 * that it set off is done, and no later one finds its way into the period. Then each card partition journals that it
 * takes nothing more and tells all wallet partitions; when all of those have heard it from all, the ranking is frozen
 * and its digest journaled (architecture 4, "Closing a period").
 */

import type { Programme } from '../contract.ts';
import { PARTITION_COUNT } from '../contract.ts';
import type { Fact, TurnRecord } from '../facts.ts';
import type { PartitionRow } from '../ports.ts';
import { closesAtMs, visiblePeriods } from '../programme/index.ts';
import { rankingDigest } from '../ranking/digest.ts';
import type { Intakes } from './intakes.ts';
import type { Rankings } from './rankings.ts';
import type { SystemDecide } from './shard.ts';

export interface PeriodClosingOptions {
  readonly programme: Programme;
  readonly rankings: Rankings;
  readonly intakes: Intakes;
  readonly digest: (text: string) => string;
  /** Flushed. */
  readonly partitionRow: (partition: number) => PartitionRow;
  readonly sequences: () => readonly number[];
  readonly system: (partition: number, decide: SystemDecide) => void;
}

export class PeriodClosing {
  readonly #options: PeriodClosingOptions;
  readonly #begun = new Set<number>();
  readonly #freezing = new Set<number>();

  constructor(options: PeriodClosingOptions) {
    this.#options = options;
  }

  /** Begins the closing of every period whose time has come; asked again and again, so nobody is told to wait. */
  tick(nowMs: number): void {
    const { programme, intakes } = this.#options;
    for (const period of visiblePeriods(programme)) {
      const { awardPeriodId } = period;
      const instantMs = closesAtMs(period);
      if (nowMs < instantMs || this.#begun.has(awardPeriodId) || intakes.isOpenBefore(instantMs)) continue;
      this.#begun.add(awardPeriodId);
      this.#close(awardPeriodId);
      this.#freezeIfHeardByAll(awardPeriodId);
    }
  }

  /** After a flush. */
  published(record: TurnRecord): void {
    for (const { facts } of record.sections) {
      for (const fact of facts) if (fact.kind === 'periodFrozen') this.#freezeIfHeardByAll(fact.awardPeriodId);
    }
  }

  #close(awardPeriodId: number): void {
    const { system } = this.#options;
    const decide: SystemDecide = (row) => {
      if (row.closedPeriods.includes(awardPeriodId)) return { facts: [] };
      const fact = { kind: 'periodClosed', awardPeriodId } as const;
      return { facts: [fact], toAll: fact };
    };
    for (let partition = 0; partition < PARTITION_COUNT; partition += 1) system(partition, decide);
  }

  #freezeIfHeardByAll(awardPeriodId: number): void {
    const { partitionRow, sequences, rankings, digest, system } = this.#options;
    if (this.#freezing.has(awardPeriodId)) return;
    for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
      if (!partitionRow(partition).frozenPeriods.includes(awardPeriodId)) return;
    }
    this.#freezing.add(awardPeriodId);
    const ranking = rankings.of(awardPeriodId);
    if (ranking === undefined || partitionRow(0).frozenRankings.some((one) => one.awardPeriodId === awardPeriodId))
      return;
    const fact: Fact = {
      kind: 'rankingFrozen',
      awardPeriodId,
      vector: sequences(),
      participants: ranking.count,
      digest: rankingDigest(ranking.entries(), digest),
    };
    system(0, () => ({ facts: [fact] }));
  }
}
