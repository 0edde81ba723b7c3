/** What a citizen is owed for a period whose ranking is frozen (domain 4.2, 5.4; DECISIONS 6, 8, 9). Pure. */
import type { PeriodParameters } from '../contract.ts';
import { payableCents, proportionalCut } from '../programme/index.ts';
import type { PeriodTotals } from '../wallet/wallet.ts';
import type { Payout, PayoutOrder } from './payout.ts';

export type Due = Pick<Payout, 'cashbackCents' | 'jackpotCents'>;

/**
 * @param isWinner stands at the last winning rank, or before it
 * @returns null: too few payments, nobody is owed anything. Nothing at all may be owed to who has enough of them
 */
export function dueTo(
  { rawCents, count }: PeriodTotals,
  period: PeriodParameters,
  { cut, isWinner }: Pick<PayoutOrder, 'cut'> & { readonly isWinner: boolean },
): Due | null {
  if (count < period.minTransactionNumber) return null;
  const payable = payableCents({ rawCents, count }, period);
  return {
    cashbackCents: cut === null ? payable : proportionalCut(payable, cut),
    jackpotCents: isWinner ? period.jackpotCents : 0,
  };
}

/** What runs before have not granted yet; null = nothing is missing, and there is a record. */
export function stillDue(due: Due, granted: readonly Due[]): Due | null {
  if (granted.length === 0) return due;
  const cashbackCents = Math.max(0, due.cashbackCents - sum(granted, (one) => one.cashbackCents));
  const jackpotCents = Math.max(0, due.jackpotCents - sum(granted, (one) => one.jackpotCents));
  return cashbackCents + jackpotCents > 0 ? { cashbackCents, jackpotCents } : null;
}

function sum(granted: readonly Due[], of: (one: Due) => number): number {
  return granted.reduce((total, one) => total + of(one), 0);
}
