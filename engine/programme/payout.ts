/** What a closed period owes to a citizen, and how a transfer names it (domain 2.8, 3.5; DECISIONS 6, 8). */
import { invariant } from '../assert.ts';
import type { PeriodParameters } from '../contract.ts';
import { payableCents } from './cashback.ts';

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

/** `01` cashback only, `02` no cashback, `03` cashback and Super Cashback. */
export type PayoutTypology = '01' | '02' | '03';

/**
 * What a payout record grants. Who made enough payments has a record even if it comes to nothing: fifty payments of a
 * cent earn no cashback.
 *
 * @param rank from 1, in the frozen ranking; participants + 1 for who takes no part
 * @returns null below the minimum count: there is no record
 */
export function payoutAmounts(
  { rank, ...standing }: PayoutStanding & { readonly rank: number },
  period: PeriodParameters,
): PayoutAmounts | null {
  invariant(Number.isInteger(rank) && rank >= 1, `not a rank: ${rank}`);
  if (standing.count < period.minTransactionNumber) return null;
  return {
    cashbackCents: payableCents(standing, period),
    jackpotCents: rank <= period.minPosition ? period.jackpotCents : 0,
  };
}

/**
 * What late data add to the cashback of who was paid already (DECISION 6). The prize is decided once, by the frozen
 * ranking, and has no supplement.
 *
 * @param grantedCents cashback of all records so far of this citizen and period
 * @returns 0 where there is nothing to add: no record
 */
export function supplementCents(
  { grantedCents, ...standing }: PayoutStanding & { readonly grantedCents: number },
  period: PeriodParameters,
): number {
  return Math.max(0, payableCents(standing, period) - grantedCents);
}

/** How column 8 of the payout file sums up the two parts. */
export function payoutTypology({ cashbackCents, jackpotCents }: PayoutAmounts): PayoutTypology {
  if (cashbackCents <= 0) return '02';
  return jackpotCents > 0 ? '03' : '01';
}
