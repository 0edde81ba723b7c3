/** Which payment a reversal takes back, and what that does to it (domain 3.3b; DECISIONS 4, 5, 10, 18-22). */
import type { LedgerEntry } from '../card/card.ts';
import type { PeriodParameters, TransactionRecord } from '../contract.ts';
import { reversalScoreCents } from './cashback.ts';
import { compareKeys } from './record.ts';

/** A payment that a card remembers, under its record key. */
export interface RememberedPayment {
  readonly key: string;
  readonly entry: LedgerEntry;
}

export type ReversalMatch =
  /** Nothing fits yet: the reversal is pending. */
  | { readonly kind: 'none' }
  /** Several payments carry its correlation id: parked, REVERSAL_AMBIGUOUS. */
  | { readonly kind: 'ambiguous' }
  /** It asks for more than is left of its payment: parked, REVERSAL_EXCEEDS. */
  | { readonly kind: 'exceeds'; readonly key: string }
  | ({ readonly kind: 'matched'; readonly key: string } & ReversalEffect);

/** What a reversal does to a payment of which enough is left. */
export interface ReversalEffect {
  /** 0 or negative. */
  readonly scoreCents: number;
  /** -1 when nothing is left of the payment, else 0. */
  readonly countDelta: number;
  readonly leftAfterCents: number;
}

/**
 * Looks for the one payment that `reversal` is about. With a correlation id it is the payment that carries the same;
 * a payment with nothing left still answers to its id, so that a second total reversal exceeds (G20) and a reused id
 * stays ambiguous. Without one it is the oldest untouched payment of equal amount, merchant and terminal (DECISION 4).
 *
 * @param payments of the reversal's card, in any order; those of owners who left are no longer among them
 *   (DECISION 22). Only counted ones are looked at.
 * @param period the parameters of the reversal's own award period
 */
export function matchReversal(
  reversal: Pick<LedgerEntry, 'record' | 'awardPeriodId'>,
  payments: readonly RememberedPayment[],
  period: PeriodParameters,
): ReversalMatch {
  const candidates = payments.filter(({ entry }) => isCandidate(entry, reversal));
  const { correlationId, amountCents } = reversal.record;
  if (correlationId === '') return matchUntouched(reversal.record, candidates, period);
  if (candidates.length > 1) return { kind: 'ambiguous' };

  const [payment] = candidates;
  if (payment === undefined) return { kind: 'none' };
  if (amountCents > payment.entry.leftCents) return { kind: 'exceeds', key: payment.key };
  return apply(amountCents, payment, period);
}

/** Whether a reversal may be about a payment, whatever is left of it. */
export function isCandidate(payment: LedgerEntry, reversal: Pick<LedgerEntry, 'record' | 'awardPeriodId'>): boolean {
  const [paid, reversed] = [payment.record, reversal.record];
  return (
    payment.state === 'counted' &&
    payment.awardPeriodId === reversal.awardPeriodId &&
    paid.hpan === reversed.hpan &&
    paid.acquirerCode === reversed.acquirerCode &&
    paid.acquirerId === reversed.acquirerId &&
    (reversed.correlationId === '' ? isSamePurchase(paid, reversed) : paid.correlationId === reversed.correlationId)
  );
}

function isSamePurchase(paid: TransactionRecord, reversed: TransactionRecord): boolean {
  return (
    paid.amountCents === reversed.amountCents &&
    paid.merchantId === reversed.merchantId &&
    paid.terminalId === reversed.terminalId
  );
}

function matchUntouched(
  { amountCents }: TransactionRecord,
  candidates: readonly RememberedPayment[],
  period: PeriodParameters,
): ReversalMatch {
  const [oldest] = candidates.filter(({ entry }) => entry.leftCents === amountCents).sort(compareAge);
  return oldest === undefined ? { kind: 'none' } : apply(amountCents, oldest, period);
}

function apply(amountCents: number, { key, entry }: RememberedPayment, period: PeriodParameters): ReversalMatch {
  return { kind: 'matched', key, ...reversalOf(amountCents, entry, period) };
}

/** @param amountCents at most what is left */
export function reversalOf(
  amountCents: number,
  { leftCents }: Pick<LedgerEntry, 'leftCents'>,
  period: PeriodParameters,
): ReversalEffect {
  const leftAfterCents = leftCents - amountCents;
  const scoreCents = reversalScoreCents({ leftCents, amountCents }, period);
  return { scoreCents, countDelta: leftAfterCents === 0 ? -1 : 0, leftAfterCents };
}

function compareAge(left: RememberedPayment, right: RememberedPayment): number {
  const [older, newer] = [left.entry.record, right.entry.record];
  return older.trxMs - newer.trxMs || compareKeys(older, newer);
}
