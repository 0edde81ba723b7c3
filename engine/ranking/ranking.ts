/**
 * The live Super Cashback ranking of one award period: who stands where, exact after every move (domain 5.1).
 * One writer; nothing here waits, throws for expected reasons or looks at a clock.
 */
import { BrokenInvariant, invariant } from '../assert.ts';
import type { CitizenKey } from '../contract.ts';
import type { Standing } from '../facts.ts';
import type { RankingCopy } from '../ports.ts';
import { type CompareTies, CountedTree } from './counted-tree.ts';
import { copyRanking, readRankingFile } from './ranking-file.ts';
import {
  copyRow,
  describeStanding,
  ROW_WORDS,
  type Rows,
  readCitizen,
  readStanding,
  writeCitizen,
  writeRow,
  writeStanding,
} from './row.ts';
import { RowSorter } from './row-sorter.ts';

/**
 * Order of two different citizens by tax code: negative if the first stands before. Never zero.
 * Called only where count, last payment and terms are all equal; the caller unseals and remembers.
 */
export type CompareTaxCodes = (left: CitizenKey, right: CitizenKey) => number;

export interface RankingOptions {
  readonly awardPeriodId: number;
  readonly compareTaxCodes: CompareTaxCodes;
  /** See CountedTreeOptions: for tests. */
  readonly blockRows?: number;
}

export interface Participant {
  readonly citizen: CitizenKey;
  readonly standing: Standing;
}

export interface RankedParticipant extends Participant {
  /** From 1, without gaps. */
  readonly rank: number;
}

export class Ranking {
  readonly awardPeriodId: number;
  readonly #tree: CountedTree;
  /** Two rows to ask the tree with, so that no operation allocates. */
  readonly #before: Rows = new Uint32Array(ROW_WORDS);
  readonly #after: Rows = new Uint32Array(ROW_WORDS);
  #isFrozen = false;

  constructor({ awardPeriodId, compareTaxCodes, ...treeOptions }: RankingOptions) {
    this.awardPeriodId = awardPeriodId;
    this.#tree = new CountedTree({ compareTies: tieBreaker(compareTaxCodes), ...treeOptions });
  }

  /** Bulk load, in any order; a citizen comes once. */
  static build(awardPeriodId: number, participants: Iterable<Participant>, compareTaxCodes: CompareTaxCodes): Ranking {
    const ranking = new Ranking({ awardPeriodId, compareTaxCodes });
    const sorter = new RowSorter(tieBreaker(compareTaxCodes));
    for (const { citizen, standing } of participants) sorter.add(citizen, standing);
    sorter.pour(ranking.#tree);
    return ranking;
  }

  /** Participants. */
  get count(): number {
    return this.#tree.count;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** Memory held. */
  get bytes(): number {
    return this.#tree.bytes;
  }

  /**
   * Moves a citizen; null = takes no part. `before` must be what the last move left.
   * Throws BrokenInvariant if it is not, if the citizen is at `after` already, or if the ranking is frozen.
   */
  move(citizen: CitizenKey, before: Standing | null, after: Standing | null): void {
    if (this.#isFrozen) throw this.#broken('is frozen and cannot move', citizen, before ?? after);
    // Once for both: half of what makes a row is reading its citizen.
    writeCitizen(this.#before, 0, citizen);
    copyRow(this.#after, 0, this.#before, 0);
    if (before !== null) writeStanding(this.#before, 0, before);
    if (after !== null) writeStanding(this.#after, 0, after);

    if (before !== null && after !== null) this.#replace(citizen, before, after);
    else if (before !== null) this.#leave(citizen, before);
    else if (after !== null) this.#enter(citizen, after);
  }

  /**
   * A move made after a copy of this ranking was begun, seen perhaps by the copy, perhaps not. All of them, in order,
   * lead to where everyone stands: each takes away where the citizen stood before, if that is there, and ends with
   * where it stands, if that is not.
   */
  settle(citizen: CitizenKey, before: Standing | null, after: Standing | null): void {
    if (before !== null) {
      writeRow(this.#before, 0, citizen, before);
      this.#tree.remove(this.#before);
    }
    if (after !== null) {
      writeRow(this.#after, 0, citizen, after);
      this.#tree.insert(this.#after);
    }
  }

  /** From 1. Throws BrokenInvariant if the citizen does not stand there. */
  rankOf(citizen: CitizenKey, standing: Standing): number {
    writeRow(this.#before, 0, citizen, standing);
    const index = this.#tree.indexOf(this.#before);
    if (index < 0) throw this.#broken('does not have', citizen, standing);
    return index + 1;
  }

  /** How many stand before this citizen. */
  citizensAhead(citizen: CitizenKey, standing: Standing): number {
    return this.rankOf(citizen, standing) - 1;
  }

  /** Throws BrokenInvariant for a rank that nobody has. */
  at(rank: number): RankedParticipant {
    const [participant] = this.page(rank, 1);
    if (participant === undefined) throw new BrokenInvariant(`ranking ${this.awardPeriodId} has no rank ${rank}`);
    return participant;
  }

  /** At most `count` participants from `firstRank` (1 or more) on; fewer at the end, none past it. */
  page(firstRank: number, count: number): RankedParticipant[] {
    const isWhole = Number.isInteger(firstRank) && Number.isInteger(count);
    invariant(isWhole && firstRank >= 1 && count >= 0, `ranking ${this.awardPeriodId} has no page at ${firstRank}`);
    const participants: RankedParticipant[] = [];
    this.#tree.visit(firstRank - 1, count, (rows, at, index) => {
      participants.push({ rank: index + 1, citizen: readCitizen(rows, at), standing: readStanding(rows, at) });
    });
    return participants;
  }

  /** The citizen with up to `reach` participants on either side. */
  neighbours(citizen: CitizenKey, standing: Standing, reach: number): RankedParticipant[] {
    const rank = this.rankOf(citizen, standing);
    const firstRank = Math.max(1, rank - reach);
    return this.page(firstRank, rank + reach - firstRank + 1);
  }

  /** Everyone, in order. A move meanwhile is a broken invariant. */
  *entries(): Generator<RankedParticipant, void, undefined> {
    let rank = 0;
    for (const rows of this.#tree.pieces()) {
      for (let at = 0; at < rows.length; at += ROW_WORDS) {
        rank += 1;
        yield { rank, citizen: readCitizen(rows, at), standing: readStanding(rows, at) };
      }
    }
  }

  /** The period has closed (DECISION 25): positions stand, for ever. */
  freeze(): void {
    this.#isFrozen = true;
  }

  /** Throws BrokenInvariant if the structure contradicts itself. Reads every participant. */
  checkInvariants(): void {
    this.#tree.checkInvariants();
  }

  /** The file of this ranking (ranking-file.ts), taken bit by bit while it moves. Unmoved, it always gives the same bytes. */
  copy(): RankingCopy {
    return copyRanking(this.#tree, { awardPeriodId: this.awardPeriodId, isFrozen: this.#isFrozen });
  }

  /**
   * Reads such a file back, cut in whatever pieces.
   * Throws StorageFault: RANKING_DAMAGED, or FORMAT_NEWER where a later version wrote it.
   */
  static fromChunks(chunks: Iterable<Uint8Array>, compareTaxCodes: CompareTaxCodes): Ranking {
    const { header, fill } = readRankingFile(chunks);
    const ranking = new Ranking({ awardPeriodId: header.awardPeriodId, compareTaxCodes });
    fill(ranking.#tree);
    ranking.#isFrozen = header.isFrozen;
    return ranking;
  }

  #replace(citizen: CitizenKey, before: Standing, after: Standing): void {
    const isSame =
      before.count === after.count && before.lastTrxMs === after.lastTrxMs && before.termsMs === after.termsMs;
    if (isSame) {
      this.rankOf(citizen, before);
      return;
    }
    const outcome = this.#tree.move(this.#before, this.#after);
    if (outcome === 'not there') throw this.#broken('does not have', citizen, before);
    if (outcome === 'already there') throw this.#broken('already has', citizen, after);
  }

  #leave(citizen: CitizenKey, before: Standing): void {
    if (!this.#tree.remove(this.#before)) throw this.#broken('does not have', citizen, before);
  }

  #enter(citizen: CitizenKey, after: Standing): void {
    if (!this.#tree.insert(this.#after)) throw this.#broken('already has', citizen, after);
  }

  #broken(what: string, citizen: CitizenKey, standing: Standing | null): BrokenInvariant {
    const where = standing === null ? '' : ` at ${describeStanding(standing)}`;
    return new BrokenInvariant(`ranking ${this.awardPeriodId} ${what} citizen ${citizen}${where}`);
  }
}

function tieBreaker(compareTaxCodes: CompareTaxCodes): CompareTies {
  return (left, leftAt, right, rightAt) => compareTaxCodes(readCitizen(left, leftAt), readCitizen(right, rightAt));
}
