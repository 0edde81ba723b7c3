/** What has become of a record, and why: what operators are told who ask why a payment is not counted. */
import type { ActivationView } from './cards.ts';
import type { CitizenKey } from './keys.ts';
import type { TransactionRecord } from './records.ts';
import type { RefusalName } from './refusals.ts';
import type { ReversalResolved } from './reversals.ts';

/** What has become of a record. `dropped`: by its citizen's wallet; `unknown`: nothing of it is kept. */
export const RECORD_STATES = [
  'unknown',
  'asked',
  'counted',
  'dropped',
  'pending',
  'applied',
  'parked',
  'discarded',
  'expired',
] as const;
export type RecordState = (typeof RECORD_STATES)[number];

/** A guard of domain 3.3 that says no, with what it looked at. */
export interface FailedGuard {
  readonly code: RefusalName;
  /** Of the record. */
  readonly day: string;
  /** RECORD_IN_FUTURE, NO_AWARD_PERIOD: the day of its reception. */
  readonly receivedDay?: string;
  /** INSTRUMENT_NOT_COVERED: none of these covers the day. */
  readonly activations?: readonly ActivationView[];
  /** TERMS_NOT_COVERED: null = the citizen is not enrolled. */
  readonly termsMs?: number | null;
  /** NO_AWARD_PERIOD: the last day of grace of the period that the day is in; null = it is in none. */
  readonly acceptedUntilDay?: string | null;
}

/** Why a record counts or does not. For operators: it says whose it is. */
export interface RecordFate {
  readonly state: RecordState;
  /** As it was taken; null of an unknown one. Any other row with this key is a DUPLICATE_RECORD. */
  readonly record: TransactionRecord | null;
  readonly receivedMs: number | null;
  /** Why a reversal was parked; EXCLUDED of a payment that does not count at present. */
  readonly code: RefusalName | null;
  /** Whose it is, or whom its day would make it: null = nobody's. */
  readonly citizen: CitizenKey | null;
  /** That citizen has left since: with the enrolment all that it counted went. */
  readonly hasLeft: boolean;
  readonly awardPeriodId: number | null;
  readonly scoreCents: number;
  /** What reversals have left of a payment. */
  readonly leftCents: number;
  /** Until when a reversal waits, or waited, for its payment. */
  readonly expiresMs: number | null;
  /** An applied reversal that a later payment made ambiguous. */
  readonly isFlagged: boolean;
  /** Of a payment the reversals applied to it; of a reversal the payments that it is or may be about; a page of them. */
  readonly related: readonly TransactionRecord[];
  /** What an operator decided; null = nothing. */
  readonly resolved: ReversalResolved | null;
  /** Of what was dropped or is unknown: which guards say no now, to a record received when this one was, or now. */
  readonly guards: readonly FailedGuard[];
}
