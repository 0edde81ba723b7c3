/**
 * The money: scores of payments and reversals, totals, milestones (domain 4). Integer cents everywhere;
 * between percent and rounding an amount is in hundredths of a cent, which keeps it an integer too.
 */
import { invariant } from '../assert.ts';
import type { MilestonesView, PeriodParameters } from '../contract.ts';

/** A line of a citizen's list in one period. */
export interface MilestoneLine {
  readonly idTrx: string;
  readonly trxMs: number;
  /** Orders lines of one instant; a reversal has it from the moment it is applied (DECISION 28). */
  readonly insertion: number;
  /** Signed. */
  readonly cashbackCents: number;
  /** +1 a payment, -1 a full reversal, 0 a partial one. */
  readonly countDelta: number;
}

/**
 * Cashback of one payment: the percentage of what is evaluated of it, rounded to cents, ties towards zero
 * (domain 4.1). A payment of 5 cents scores 0 and still counts.
 *
 * @param amountCents integer, at least 0
 */
export function paymentScoreCents(amountCents: number, period: PeriodParameters): number {
  return roundHalfDown(earnedHundredths(amountCents, period));
}

/**
 * What a reversal takes back: the difference between what the payment earned with `leftCents` and what it earns with
 * the rest, rounded once (domain 4.3, DECISION 10). One formula for total and partial reversals.
 *
 * @returns 0 or negative, never -0
 */
export function reversalScoreCents(
  { leftCents, amountCents }: { readonly leftCents: number; readonly amountCents: number },
  period: PeriodParameters,
): number {
  invariant(amountCents <= leftCents, `a reversal of ${amountCents} exceeds the ${leftCents} left`);
  const lostHundredths = earnedHundredths(leftCents, period) - earnedHundredths(leftCents - amountCents, period);
  return 0 - roundHalfDown(lostHundredths);
}

/** What a citizen is shown: from zero to the cap, also below the minimum count (domain 4.2, DECISION 20). */
export function shownCents(rawCents: number, period: PeriodParameters): number {
  return Math.max(0, Math.min(rawCents, period.maxPeriodCashbackCents));
}

/** What a citizen is paid: nothing below the minimum count (domain 4.2, DECISION 8). */
export function payableCents(
  { rawCents, count }: { readonly rawCents: number; readonly count: number },
  period: PeriodParameters,
): number {
  return count < period.minTransactionNumber ? 0 : shownCents(rawCents, period);
}

/**
 * One citizen's refund when the funds of a period do not cover what is due to all: due x funds / total, rounded down
 * (DECISION 9). BigInt, because the product of two amounts of a state's size is no exact number.
 *
 * @param totalCents what is due to all citizens together
 */
export function proportionalCut(
  dueCents: number,
  { totalCents, fundsCents }: { readonly totalCents: number; readonly fundsCents: number },
): number {
  if (totalCents <= fundsCents) return dueCents;
  return Number((BigInt(dueCents) * BigInt(fundsCents)) / BigInt(totalCents));
}

/**
 * The transactions at which the cap and the minimum count were reached, over all counted lines of a period in any
 * order (domain 4.4, DECISIONS 11, 28). Falling below either clears it, and a later payment may reach it again.
 */
export function milestones(lines: readonly MilestoneLine[], period: PeriodParameters): MilestonesView {
  const capCents = period.maxPeriodCashbackCents;
  let totalCents = 0;
  let count = 0;
  let pivot: { readonly idTrx: string; readonly normCents: number } | null = null;
  let minTransaction: string | null = null;

  for (const line of lines.toSorted(compareLines)) {
    const normCents = capCents - totalCents;
    totalCents += line.cashbackCents;
    count += line.countDelta;

    if (totalCents < capCents) pivot = null;
    else pivot ??= { idTrx: line.idTrx, normCents };

    if (count < period.minTransactionNumber) minTransaction = null;
    else if (line.countDelta > 0) minTransaction ??= line.idTrx;
  }
  return {
    idTrxPivot: pivot?.idTrx ?? null,
    cashbackNormCents: pivot?.normCents ?? null,
    idTrxMinTransactionNumber: minTransaction,
  };
}

/** Unrounded cashback of a payment of which `amountCents` is left, in hundredths of a cent. */
function earnedHundredths(amountCents: number, period: PeriodParameters): number {
  const evaluatedCents = Math.min(amountCents, period.maxTransactionEvaluatedCents);
  return Math.min(evaluatedCents * period.cashbackPercent, period.maxTransactionCashbackCents * 100);
}

/** Hundredths of a cent to cents; exactly half a cent goes towards zero. The argument is never negative. */
function roundHalfDown(hundredths: number): number {
  const rest = hundredths % 100;
  return (hundredths - rest) / 100 + (rest > 50 ? 1 : 0);
}

function compareLines(left: MilestoneLine, right: MilestoneLine): number {
  return left.trxMs - right.trxMs || left.insertion - right.insertion;
}
