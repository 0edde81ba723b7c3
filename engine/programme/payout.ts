/** What a closed period owes to a citizen, and how a transfer names it (domain 2.8, 4.2, 5.4; DECISIONS 6, 8, 9). */
import type { PeriodParameters } from '../contract.ts';
import { payableCents, proportionalCut } from './cashback.ts';

/** A citizen's standing in a period: frozen for the record itself, as it is by now for a supplement. */
export interface PayoutStanding {
  /** Uncapped, signed. */
  readonly rawCents: number;
  readonly count: number;
}

/** The two parts of a transfer, each at least 0; its amount is their sum. */
export interface PayoutAmounts {
  readonly cashbackCents: number;
  /** The prize of the Super Cashback. */
  readonly jackpotCents: number;
}

/** Where the funds are less than what is due to all; null = there is enough. */
export type PayoutCut = { readonly fundsCents: number; readonly totalCents: number } | null;

/** `01` cashback only, `02` no cashback, `03` cashback and Super Cashback. */
export type PayoutTypology = '01' | '02' | '03';

/**
 * What a payout record grants. Who made enough payments has a record even if it comes to nothing: fifty payments of a
 * cent earn no cashback.
 *
 * @param isWinner stands, in the frozen ranking, at the last winning rank or before it
 * @returns null below the minimum count: there is no record
 */
export function payoutAmounts(
  standing: PayoutStanding,
  period: PeriodParameters,
  { cut, isWinner }: { readonly cut: PayoutCut; readonly isWinner: boolean },
): PayoutAmounts | null {
  if (standing.count < period.minTransactionNumber) return null;
  const payable = payableCents(standing, period);
  return {
    cashbackCents: cut === null ? payable : proportionalCut(payable, cut),
    jackpotCents: isWinner ? period.jackpotCents : 0,
  };
}

/** Of one citizen and period. */
export interface Granted {
  readonly byRuns: readonly PayoutAmounts[];
  /** After complaints. */
  readonly byConsap: readonly PayoutAmounts[];
}

/**
 * What a run adds to what was granted (DECISION 6), by whom does not matter. Nothing is ever taken back.
 *
 * @returns null where there is nothing to add, and a run's record: no other one
 */
export function supplementOf(due: PayoutAmounts, { byRuns, byConsap }: Granted): PayoutAmounts | null {
  const granted = [...byRuns, ...byConsap];
  const missing = (of: (amounts: PayoutAmounts) => number) =>
    Math.max(
      0,
      granted.reduce((left, one) => left - of(one), of(due)),
    );
  const cashbackCents = missing((amounts) => amounts.cashbackCents);
  const jackpotCents = missing((amounts) => amounts.jackpotCents);
  return byRuns.length === 0 || cashbackCents + jackpotCents > 0 ? { cashbackCents, jackpotCents } : null;
}

/** How column 8 of the payout file sums up the two parts. */
export function payoutTypology({ cashbackCents, jackpotCents }: PayoutAmounts): PayoutTypology {
  if (cashbackCents <= 0) return '02';
  return jackpotCents > 0 ? '03' : '01';
}
