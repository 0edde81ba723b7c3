/** Rows of acquirers, what becomes of them, and why (domain 2.4, 3.3). */
import type { ActivationView } from './cards.ts';
import type { CitizenKey, Hpan } from './keys.ts';
import type { RefusalName } from './refusals.ts';
import type { ReversalResolved } from './reversals.ts';

/** One row of an acquirer, checked in form (domain 2.4). The category code is already blanked. */
export interface TransactionRecord {
  readonly acquirerCode: string;
  /** Two digits; `01` is a reversal, everything else a payment. */
  readonly operationType: string;
  readonly circuitType: string;
  readonly hpan: Hpan;
  readonly trxMs: number;
  readonly idTrxAcquirer: string;
  /** Empty when the acquirer sent none; the same for `correlationId`. */
  readonly idTrxIssuer: string;
  readonly correlationId: string;
  /** Absolute value, at least 1. */
  readonly amountCents: number;
  readonly acquirerId: string;
  readonly merchantId: string;
  readonly terminalId: string;
}

/** What identifies a record of one card (domain 2.4, DECISION 35). */
export type RecordKey = Pick<
  TransactionRecord,
  'idTrxAcquirer' | 'trxMs' | 'acquirerCode' | 'acquirerId' | 'operationType'
>;

export interface RecordCommand {
  readonly record: TransactionRecord;
  /** Stamped once where the row entered; periods, grace and the reversal's month are judged by it. */
  readonly receivedMs: number;
  /** Number of the file that the row came in. Absent: in none that is accounted for. */
  readonly fileNumber?: number | undefined;
  /** Name of the acquirer file that it stands in, for a closed period that was opened again for that file (domain 3.4). */
  readonly file?: string;
  /** The Payment Account Reference that the row names, in capitals; absent = none. */
  readonly par?: string;
  /** Whose the record is by that reference: found by the engine, where no activation of the hpan itself covers the day. */
  readonly cover?: RecordCover;
}

/** An activation of a card that covers a record of one of its device tokens, which nobody has enrolled (domain 2.2, 9). */
export interface RecordCover {
  /** The card. */
  readonly master: Hpan;
  readonly citizen: CitizenKey;
  readonly enrolment: number;
}

/** What became of a row. `dropped`: a guard of domain 3.3; `rejected`: never stored; the code says why. */
export type RecordOutcome =
  | { readonly status: 'counted' | 'applied'; readonly scoreCents: number; readonly awardPeriodId: number }
  | { readonly status: 'pending' }
  | { readonly status: 'parked' | 'dropped' | 'rejected'; readonly code: RefusalName };

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
