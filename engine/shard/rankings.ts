/** One ranking per award period, moved by facts that are on disk (architecture 6). */
import type { Programme } from '../contract.ts';
import type { Fact, TurnRecord } from '../facts.ts';
import type { RankingCopies } from '../ports.ts';
import { visiblePeriods } from '../programme/index.ts';
import type { CompareTaxCodes, Participant } from '../ranking/ranking.ts';
import { Ranking } from '../ranking/ranking.ts';
import type { Wallet } from '../wallet/wallet.ts';
import type { RankMove } from './recovery.ts';

export class Rankings {
  readonly #rankings = new Map<number, Ranking>();
  readonly #compare: CompareTaxCodes;
  readonly #savedFrozen = new Set<number>();
  #saving: Promise<void> = Promise.resolve();

  constructor(programme: Programme, compare: CompareTaxCodes) {
    this.#compare = compare;
    for (const { awardPeriodId } of visiblePeriods(programme)) {
      this.#rankings.set(awardPeriodId, new Ranking({ awardPeriodId, compareTaxCodes: compare }));
    }
  }

  /** Undefined for a period that the programme does not show. */
  of(awardPeriodId: number): Ranking | undefined {
    return this.#rankings.get(awardPeriodId);
  }

  all(): Iterable<Ranking> {
    return this.#rankings.values();
  }

  /**
   * Takes a copy in place of a ranking, moved on by what came after it. Not where `moves` cannot bridge the gap: they
   * begin after `marks`, the sequence of each partition.
   */
  restore(awardPeriodId: number, copies: RankingCopies, marks: readonly number[], moves: readonly RankMove[]): boolean {
    const copy = copies.loadRanking(awardPeriodId);
    if (copy === null) return false;
    const ranking = Ranking.fromChunks(copy.chunks, this.#compare);
    if (!ranking.isFrozen && marks.some((mark, partition) => (copy.vector[partition] ?? 0) < mark)) return false;
    this.#rankings.set(awardPeriodId, ranking);
    for (const { partition, sequence, fact } of moves) {
      if (sequence > (copy.vector[partition] ?? 0) && periodsOf(fact).includes(awardPeriodId)) {
        this.#applyFact(fact, awardPeriodId);
      }
    }
    return true;
  }

  /** Builds rankings anew from wallets: each total of a wallet is a participant (DECISIONS 21 and 38). */
  rebuild(awardPeriodIds: readonly number[], wallets: Iterable<Wallet>): void {
    const participants = new Map<number, Participant[]>(awardPeriodIds.map((id) => [id, []]));
    for (const { citizen, totals } of wallets) {
      for (const { awardPeriodId, count, lastTrxMs, termsMs } of totals) {
        participants.get(awardPeriodId)?.push({ citizen, standing: { count, lastTrxMs, termsMs } });
      }
    }
    for (const [awardPeriodId, entries] of participants) {
      this.#rankings.set(awardPeriodId, Ranking.build(awardPeriodId, entries, this.#compare));
    }
  }

  /** Of all that are still moving, or were never copied since they froze. One save at a time, each as of its own now. */
  save(copies: RankingCopies, vector: () => readonly number[]): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      const now = vector();
      const saves: Promise<void>[] = [];
      for (const ranking of this.#rankings.values()) {
        if (this.#savedFrozen.has(ranking.awardPeriodId)) continue;
        if (ranking.isFrozen) this.#savedFrozen.add(ranking.awardPeriodId);
        saves.push(copies.saveRanking(ranking.awardPeriodId, pieces(ranking), now));
      }
      await Promise.all(saves);
    });
    return this.#saving;
  }

  apply(record: TurnRecord): void {
    for (const { facts } of record.sections) for (const fact of facts) this.#applyFact(fact, null);
  }

  /** @param only null = every period that the fact concerns */
  #applyFact(fact: Fact, only: number | null): void {
    switch (fact.kind) {
      case 'paymentListed': {
        const { before, after } = fact;
        if (before !== null && before.count === after.count && before.lastTrxMs === after.lastTrxMs) return;
        this.#rankings.get(fact.payment.awardPeriodId)?.move(fact.citizen, before, after);
        return;
      }
      case 'left':
        for (const { awardPeriodId, before } of fact.removed) {
          if (only !== null && only !== awardPeriodId) continue;
          this.#rankings.get(awardPeriodId)?.move(fact.citizen, before, null);
        }
        return;
      case 'rankingFrozen':
        this.#rankings.get(fact.awardPeriodId)?.freeze();
        return;
      default:
    }
  }
}

export function movesRanks(fact: Fact): boolean {
  // Not freezing: stores are recovered one after the other, and one may tell of it before another's last moves.
  return fact.kind === 'paymentListed' || fact.kind === 'left';
}

function periodsOf(fact: Fact): readonly number[] {
  switch (fact.kind) {
    case 'paymentListed':
      return [fact.payment.awardPeriodId];
    case 'left':
      return fact.removed.map(({ awardPeriodId }) => awardPeriodId);
    default:
      return [];
  }
}

/** A ranking's chunks are views of memory that goes on changing. */
function* pieces(ranking: Ranking): Iterable<Uint8Array> {
  for (const chunk of ranking.toChunks()) yield chunk.slice();
}
