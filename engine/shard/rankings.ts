/**
 * One ranking per award period, moved by facts that are on disk (architecture 6), and copies of them, so that a start
 * need not read every wallet. A copy is taken while its ranking moves, once enough has moved since the last one to be
 * worth it; the journals lead from there to now, and every checkpoint says how far back they are needed for that.
 */
import type { Programme } from '../contract.ts';
import { PARTITION_COUNT } from '../contract.ts';
import type { Fact } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import type { CheckpointMark, RankedMark, RankingCopies } from '../ports.ts';
import { StorageFault } from '../ports.ts';
import { visiblePeriods } from '../programme/index.ts';
import type { CompareTaxCodes, Participant } from '../ranking/ranking.ts';
import { Ranking } from '../ranking/ranking.ts';
import type { Published, RankedStanding, RankMove, RecoveredMove } from './parts.ts';

export interface RankingsOptions {
  readonly programme: Programme;
  readonly compareTaxCodes: CompareTaxCodes;
  /** Undefined: none are kept, and every start builds the rankings from wallets. */
  readonly copies: RankingCopies | undefined;
  /** Moves that make a copy due where the share of participants is less. */
  readonly movesMin: number;
  /** Of each store. */
  readonly marks: readonly CheckpointMark[];
  /** Where the stores stand at the start. */
  readonly now: Stand;
  readonly failed: (error: unknown) => void;
  /** Named places at which a test may stop the world. */
  readonly onPoint?: ((name: string) => void) | undefined;
}

/** A moment of all stores. */
export interface Stand {
  /** Of the journal of each store. */
  readonly sequences: readonly number[];
  /** Of each partition. */
  readonly vector: readonly number[];
}

/** A ranking, and what it would take to have it again. */
interface Kept {
  ranking: Ranking;
  /** There is none, or it is of no use. */
  isCopyWanted: boolean;
  /** When the newest copy was begun; the next one is not before that. */
  copied: Stand;
  /** Since then. */
  moves: number;
}

export class Rankings {
  readonly #options: RankingsOptions;
  readonly #kept = new Map<number, Kept>();
  readonly #sequences: number[];
  readonly #vector: number[];
  #copying: Promise<void> | null = null;

  constructor(options: RankingsOptions) {
    const { programme, marks, now } = options;
    this.#options = options;
    this.#sequences = [...now.sequences];
    this.#vector = [...now.vector];
    this.#keep(programme, { sequences: marks.map(({ ranked }) => ranked.sequence), vector: NOWHERE });
  }

  /** A newer version of the programme: what it adds or takes away has not begun, and nobody stands there. */
  follow(programme: Programme): void {
    const shown = new Set(visiblePeriods(programme).map(({ awardPeriodId }) => awardPeriodId));
    for (const awardPeriodId of [...this.#kept.keys()]) if (!shown.has(awardPeriodId)) this.#kept.delete(awardPeriodId);
    this.#keep(programme, this.#now());
  }

  #keep(programme: Programme, copied: Stand): void {
    const { compareTaxCodes } = this.#options;
    for (const { awardPeriodId } of visiblePeriods(programme)) {
      if (this.#kept.has(awardPeriodId)) continue;
      const ranking = new Ranking({ awardPeriodId, compareTaxCodes });
      this.#kept.set(awardPeriodId, { ranking, isCopyWanted: true, copied, moves: 0 });
    }
  }

  /** Undefined for a period that the programme does not show. */
  of(awardPeriodId: number): Ranking | undefined {
    return this.#kept.get(awardPeriodId)?.ranking;
  }

  *all(): Iterable<Ranking> {
    for (const { ranking } of this.#kept.values()) yield ranking;
  }

  /**
   * Takes the copies, moved on by what was journaled since.
   *
   * @param moves since the marks' `ranked`, in order for each partition; null = some cannot be read
   * @returns the periods without a copy that the moves lead on from: `build` is to build those
   */
  restore(moves: readonly RecoveredMove[] | null): readonly number[] {
    const missing: number[] = [];
    for (const [awardPeriodId, kept] of this.#kept) {
      if (!this.#restore(awardPeriodId, kept, moves)) missing.push(awardPeriodId);
    }
    return missing;
  }

  build(awardPeriodIds: readonly number[], standings: Iterable<RankedStanding>): void {
    const participants = new Map<number, Participant[]>(awardPeriodIds.map((id) => [id, []]));
    for (const standing of standings) participants.get(standing.awardPeriodId)?.push(standing);
    for (const [awardPeriodId, ofPeriod] of participants) {
      const kept = this.#kept.get(awardPeriodId)!;
      kept.ranking = Ranking.build(awardPeriodId, ofPeriod, this.#options.compareTaxCodes);
      kept.copied = this.#now();
    }
  }

  #restore(awardPeriodId: number, kept: Kept, moves: readonly RecoveredMove[] | null): boolean {
    const { copies, marks, compareTaxCodes } = this.#options;
    const copy = copies?.loadRanking(awardPeriodId) ?? null;
    if (copy === null) return false;
    const ranking = readCopy(copy.chunks, compareTaxCodes);
    if (ranking === null) return false;
    const needed = marks.flatMap(({ ranked }) => ranked.copies.filter((one) => one.awardPeriodId === awardPeriodId));
    const isOlder = needed.some(({ vector }) => vector.some((sequence, at) => sequence > (copy.vector[at] ?? 0)));
    if ((isOlder || moves === null) && !ranking.isFrozen) return false;

    kept.ranking = ranking;
    kept.isCopyWanted = false;
    kept.copied = { ...kept.copied, vector: copy.vector };
    if (ranking.isFrozen || moves === null) return true;
    for (const { partition, sequence, citizen, before, after, ...move } of moves) {
      if (move.awardPeriodId !== awardPeriodId || sequence <= (copy.vector[partition] ?? 0)) continue;
      ranking.settle(citizen, before, after);
      kept.moves += 1;
    }
    return true;
  }

  /** A turn of a store is on disk: ranks move. */
  apply({ shard, sequence, sequences, moves, frozenRankings }: Published): void {
    for (const [partition, reached] of sequences) this.#vector[partition] = reached;
    for (const move of moves) this.#move(move);
    for (const awardPeriodId of frozenRankings) this.of(awardPeriodId)?.freeze();
    this.#sequences[shard] = sequence;
  }

  #move({ awardPeriodId, citizen, before, after }: RankMove): void {
    const kept = this.#kept.get(awardPeriodId);
    if (kept === undefined) return;
    kept.ranking.move(citizen, before, after);
    kept.moves += 1;
  }

  /** Sequence of each partition, as far as heard. */
  get vector(): readonly number[] {
    return this.#vector;
  }

  /** What a checkpoint of a store has to say. Copies that are due begin with a checkpoint, and the next one knows them. */
  ranked(store: number): RankedMark {
    this.#copyIfDue();
    let sequence = this.#sequences[store]!;
    if (this.#options.copies === undefined) return { sequence, copies: [] };
    const copies = [];
    for (const [awardPeriodId, { moves, copied }] of this.#kept) {
      if (moves > 0) sequence = Math.min(sequence, copied.sequences[store]!);
      copies.push({ awardPeriodId, vector: copied.vector });
    }
    return { sequence, copies };
  }

  /** Copies all that has moved since its last copy: a start from here has nothing to catch up with. */
  async copyAll(): Promise<void> {
    for (const [awardPeriodId, kept] of this.#kept) {
      // Also one that a checkpoint has begun since.
      while (this.#copying !== null) await this.#copying;
      if (kept.moves > 0 || kept.isCopyWanted) await this.#begin(awardPeriodId, kept);
    }
  }

  #copyIfDue(): void {
    if (this.#copying !== null) return;
    for (const [awardPeriodId, kept] of this.#kept) {
      if (this.#isDue(kept)) return void this.#begin(awardPeriodId, kept).catch(this.#options.failed);
    }
  }

  /** One at a time: two of a period would write one file. */
  #begin(awardPeriodId: number, kept: Kept): Promise<void> {
    this.#copying = this.#copy(awardPeriodId, kept).finally(() => {
      this.#copying = null;
    });
    return this.#copying;
  }

  #isDue({ ranking, isCopyWanted, moves, copied }: Kept): boolean {
    const { copies, movesMin } = this.#options;
    if (copies === undefined) return false;
    if (isCopyWanted) return true;
    if (moves === 0) return false;
    if (moves >= Math.max(movesMin, ranking.count / LIMITS.rankingCopyShare)) return true;
    return this.#sequences.some(
      (sequence, store) => sequence - copied.sequences[store]! >= LIMITS.journalTailRecordsMax,
    );
  }

  async #copy(awardPeriodId: number, kept: Kept): Promise<void> {
    this.#options.onPoint?.('ranking-copy');
    const now = this.#now();
    const { moves, ranking } = kept;
    await this.#options.copies?.saveRanking(awardPeriodId, ranking.copy(), now.vector);
    kept.isCopyWanted = false;
    kept.copied = now;
    kept.moves -= moves;
  }

  #now(): Stand {
    return { sequences: [...this.#sequences], vector: [...this.#vector] };
  }
}

/** Before any journal. */
const NOWHERE: readonly number[] = new Array<number>(PARTITION_COUNT).fill(0);

/** What a fact means to rankings. */
export function movesOf(fact: Fact): readonly RankMove[] {
  switch (fact.kind) {
    case 'paymentListed': {
      const { payment, citizen, before, after } = fact;
      const isStill = before !== null && before.count === after.count && before.lastTrxMs === after.lastTrxMs;
      return isStill ? NO_MOVES : [{ awardPeriodId: payment.awardPeriodId, citizen, before, after }];
    }
    case 'left':
      return fact.removed.map(({ awardPeriodId, before }) => ({
        awardPeriodId,
        citizen: fact.citizen,
        before,
        after: null,
      }));
    case 'citizenExcluded': {
      const { citizen, isExcluded } = fact;
      return fact.standings.map(({ awardPeriodId, standing }) => {
        const [before, after] = isExcluded ? [standing, null] : [null, standing];
        return { awardPeriodId, citizen, before, after };
      });
    }
    default:
      return NO_MOVES;
  }
}

const NO_MOVES: readonly RankMove[] = [];

/** Null: it is damaged, and to be had from the wallets anyway. */
function readCopy(chunks: Iterable<Uint8Array>, compareTaxCodes: CompareTaxCodes): Ranking | null {
  try {
    return Ranking.fromChunks(chunks, compareTaxCodes);
  } catch (fault) {
    if (fault instanceof StorageFault && fault.code === 'RANKING_DAMAGED') return null;
    throw fault;
  }
}
