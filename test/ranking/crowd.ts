/** A crowd of made-up citizens with tax codes, and a ranking of them that is held against plain sorting. */
import { expect } from 'vitest';
import type { Standing } from '../../engine/facts.ts';
import { auditRanking, rankAll } from '../../engine/ranking/audit.ts';
import { type CompareTaxCodes, type Participant, Ranking } from '../../engine/ranking/ranking.ts';
import type { Random } from '../support/random.ts';

export const DAY_MS = 86_400_000;
export const START_MS = Date.UTC(2020, 11, 8);

export function makeCitizen(random: Random): string {
  return Array.from({ length: 32 }, () => random.below(16).toString(16)).join('');
}

export function makeStanding(random: Random): Standing {
  return {
    count: random.below(1_000),
    lastTrxMs: START_MS + random.below(24 * DAY_MS),
    termsMs: START_MS - random.below(7 * DAY_MS),
  };
}

export class Crowd {
  readonly standings = new Map<string, Standing>();
  readonly ranking: Ranking;
  tiesAsked = 0;
  readonly #random: Random;
  readonly #taxCodes = new Map<string, number>();

  constructor(random: Random, blockRows: number) {
    this.#random = random;
    this.ranking = new Ranking({ awardPeriodId: 2, compareTaxCodes: this.compareTaxCodes, blockRows });
  }

  readonly compareTaxCodes: CompareTaxCodes = (left, right) => {
    this.tiesAsked += 1;
    if (left === right) throw new Error('a citizen is not compared with itself');
    return this.#taxCodeOf(left) - this.#taxCodeOf(right);
  };

  /** Random numbers in the place of tax codes: in no relation to keys, and in practice never equal. */
  #taxCodeOf(citizen: string): number {
    const taxCode = this.#taxCodes.get(citizen) ?? this.#random.next() + this.#random.next() / 2 ** 32;
    this.#taxCodes.set(citizen, taxCode);
    return taxCode;
  }

  move(citizen: string, after: Standing | null): void {
    this.ranking.move(citizen, this.standings.get(citizen) ?? null, after);
    if (after === null) this.standings.delete(citizen);
    else this.standings.set(citizen, after);
  }

  participants(): Participant[] {
    return [...this.standings].map(([citizen, standing]) => ({ citizen, standing }));
  }

  inOrder(): Participant[] {
    return rankAll(this.participants(), this.compareTaxCodes);
  }

  /** Everybody's rank against everybody sorted anew. */
  checkRanks(where: string): void {
    const due = this.inOrder();
    expect(this.ranking.count, where).toBe(due.length);
    for (const [index, { citizen, standing }] of due.entries()) {
      const rank = this.ranking.rankOf(citizen, standing);
      if (rank !== index + 1) expect.fail(`${where}: rank ${rank}, due ${index + 1}`);
    }
  }

  /** Also read the other way, and the structure with all its counts. */
  check(where: string): void {
    this.checkRanks(where);
    auditRanking(this.ranking, this.participants(), this.compareTaxCodes);
    this.ranking.checkInvariants();
  }
}
