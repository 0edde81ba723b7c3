/**
 * One ranking per award period, moved by facts that are on disk (architecture 6), and copies of them, so that a start
 * need not read every wallet. A copy is taken while its ranking moves, once enough has moved since the last one to be
 * worth it; the journals lead from there to now, and every checkpoint says how far back they are needed for that.
 */
import type { CitizenKey, Programme } from '../contract.ts';
import { PARTITION_COUNT } from '../contract.ts';
import type { Fact, Standing, TurnRecord } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import type { CheckpointMark, RankedMark, RankingCopies } from '../ports.ts';
import { StorageFault } from '../ports.ts';
import { visiblePeriods } from '../programme/index.ts';
import type { CompareTaxCodes, Participant } from '../ranking/ranking.ts';
import { Ranking } from '../ranking/ranking.ts';
import type { Wallet } from '../wallet/wallet.ts';

export interface RankMove {
  readonly partition: number;
  readonly sequence: number;
  readonly awardPeriodId: number;
  readonly citizen: CitizenKey;
  readonly before: Standing | null;
  readonly after: Standing | null;
}

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
    const { programme, compareTaxCodes, marks, now } = options;
    this.#options = options;
    this.#sequences = [...now.sequences];
    this.#vector = [...now.vector];
    const copied = { sequences: marks.map(({ ranked }) => ranked.sequence), vector: NOWHERE };
    for (const { awardPeriodId } of visiblePeriods(programme)) {
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
   * The rankings as of the start: copies, moved on by what was journaled since. Without one that the moves lead on
   * from, a ranking is built from wallets: each total of a wallet is a participant (DECISIONS 21 and 38).
   *
   * @param moves since the marks' `ranked`, in order for each partition; null = some cannot be read
   */
  fill(moves: readonly RankMove[] | null, wallets: () => Iterable<Wallet>): void {
    const missing = new Map<number, Participant[]>();
    for (const [awardPeriodId, kept] of this.#kept) {
      if (!this.#restore(awardPeriodId, kept, moves)) missing.set(awardPeriodId, []);
    }
    if (missing.size === 0) return;
    for (const { citizen, totals } of wallets()) {
      for (const { awardPeriodId, count, lastTrxMs, termsMs } of totals) {
        missing.get(awardPeriodId)?.push({ citizen, standing: { count, lastTrxMs, termsMs } });
      }
    }
    for (const [awardPeriodId, participants] of missing) {
      const kept = this.#kept.get(awardPeriodId)!;
      kept.ranking = Ranking.build(awardPeriodId, participants, this.#options.compareTaxCodes);
      kept.copied = this.#now();
    }
  }

  #restore(awardPeriodId: number, kept: Kept, moves: readonly RankMove[] | null): boolean {
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
  apply(record: TurnRecord, store: number): void {
    for (const { partition, sequence, facts } of record.sections) {
      this.#vector[partition] = sequence;
      for (const fact of facts) {
        if (fact.kind === 'rankingFrozen') this.of(fact.awardPeriodId)?.freeze();
        else eachMove(fact, this.#move);
      }
    }
    this.#sequences[store] = record.sequence;
  }

  readonly #move: EachMove = (awardPeriodId, citizen, before, after) => {
    const kept = this.#kept.get(awardPeriodId);
    if (kept === undefined) return;
    kept.ranking.move(citizen, before, after);
    kept.moves += 1;
  };

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
    await this.#copying;
    for (const [awardPeriodId, kept] of this.#kept) {
      if (kept.moves > 0 || kept.isCopyWanted) await this.#copy(awardPeriodId, kept);
    }
  }

  /** One at a time. */
  #copyIfDue(): void {
    if (this.#copying !== null) return;
    for (const [awardPeriodId, kept] of this.#kept) {
      if (!this.#isDue(kept)) continue;
      this.#copying = this.#copy(awardPeriodId, kept).finally(() => {
        this.#copying = null;
      });
      this.#copying.catch(this.#options.failed);
      return;
    }
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

type EachMove = (awardPeriodId: number, citizen: CitizenKey, before: Standing | null, after: Standing | null) => void;

/** Tells of each ranking in which a fact moves its citizen. */
export function eachMove(fact: Fact, move: EachMove): void {
  if (fact.kind === 'paymentListed') {
    const { before, after, citizen, payment } = fact;
    if (before !== null && before.count === after.count && before.lastTrxMs === after.lastTrxMs) return;
    move(payment.awardPeriodId, citizen, before, after);
  } else if (fact.kind === 'left') {
    for (const { awardPeriodId, before } of fact.removed) move(awardPeriodId, fact.citizen, before, null);
  }
}

/** Null: it is damaged, and to be had from the wallets anyway. */
function readCopy(chunks: Iterable<Uint8Array>, compareTaxCodes: CompareTaxCodes): Ranking | null {
  try {
    return Ranking.fromChunks(chunks, compareTaxCodes);
  } catch (fault) {
    if (fault instanceof StorageFault && fault.code === 'RANKING_DAMAGED') return null;
    throw fault;
  }
}
