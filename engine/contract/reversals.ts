/** Reversals that wait or are in doubt, and what operators make of them (domain 3.3b). */
import type { Hpan } from './keys.ts';
import type { RecordKey, TransactionRecord } from './records.ts';
import type { RefusalName } from './refusals.ts';

/** Reversals in a list: those that wait for their payment, and those that need an operator (domain 3.3b, DECISION 18). */
export const LISTED_REVERSAL_STATES = ['pending', 'parked', 'flagged'] as const;
export type ListedReversalState = (typeof LISTED_REVERSAL_STATES)[number];

export interface ReversalView {
  readonly record: TransactionRecord;
  readonly receivedMs: number;
  readonly awardPeriodId: number;
  /** When it stops waiting, if it does wait. */
  readonly expiresMs: number;
  /** Why it is parked; null of the others. */
  readonly code: RefusalName | null;
}

export interface ReversalsPage {
  readonly reversals: readonly ReversalView[];
  /** Null = this is the last page. */
  readonly nextCursor: string | null;
}

export const RESOLUTIONS = ['apply', 'discard', 'keep'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

/** What an operator makes of a reversal: a parked one is applied to a payment of its card or discarded, a flagged one kept. */
export interface ReversalDecision {
  readonly hpan: Hpan;
  readonly reversal: RecordKey;
  readonly resolution: Resolution;
  /** The one to apply it to; null of the other resolutions. */
  readonly payment: RecordKey | null;
  /** Name of the operator, and why: 1 to RESOLUTION_REASON_MAX characters that name nobody. */
  readonly operator: string;
  readonly reason: string;
}

export const RESOLUTION_REASON_MAX = 200;

/** What stands, as it was decided first: the same asked again changes nothing. */
export interface ReversalResolved {
  readonly state: 'applied' | 'discarded';
  readonly resolution: Resolution;
  readonly operator: string;
  readonly reason: string;
  readonly atMs: number;
  /** 0 or negative. */
  readonly scoreCents: number;
  readonly awardPeriodId: number;
}
