/** The ranking as the law words it, without any cleverness: sort everyone. What the live structure is held against. */
import { invariant } from '../assert.ts';
import type { Standing } from '../facts.ts';
import type { CompareTaxCodes, Participant, Ranking } from './ranking.ts';
import { describeStanding } from './row.ts';

/** Domain 5.1: more payments, then the earlier last payment, then the earlier acceptance of terms, then tax code. */
export function compareParticipants(left: Participant, right: Participant, compareTaxCodes: CompareTaxCodes): number {
  const order = compareWithoutTaxCodes(left.standing, right.standing);
  return order !== 0 || left.citizen === right.citizen ? order : compareTaxCodes(left.citizen, right.citizen);
}

/** As far as that goes without tax codes. */
export function compareWithoutTaxCodes(left: Standing, right: Standing): number {
  return right.count - left.count || left.lastTrxMs - right.lastTrxMs || left.termsMs - right.termsMs;
}

/** First the winner; rank = index + 1. */
export function rankAll(participants: Iterable<Participant>, compareTaxCodes: CompareTaxCodes): Participant[] {
  return [...participants].sort((left, right) => compareParticipants(left, right, compareTaxCodes));
}

/**
 * Throws BrokenInvariant, naming the first rank that differs, unless `ranking` holds exactly `participants` in
 * order: the from-scratch recomputation of promise 6.
 */
export function auditRanking(
  ranking: Ranking,
  participants: Iterable<Participant>,
  compareTaxCodes: CompareTaxCodes,
): void {
  const expected = rankAll(participants, compareTaxCodes);
  const where = `ranking ${ranking.awardPeriodId}`;
  invariant(ranking.count === expected.length, `${where} has ${ranking.count} of ${expected.length} participants`);
  for (const { rank, citizen, standing } of ranking.entries()) {
    const due = expected[rank - 1]!;
    const isSame = citizen === due.citizen && describeStanding(standing) === describeStanding(due.standing);
    invariant(isSame, `${where} has ${citizen} at rank ${rank}, due is ${due.citizen}`);
  }
}
