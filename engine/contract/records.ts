/** Rows of acquirers, what becomes of them, and why (domain 2.4, 3.3). */
import type { CitizenKey, Hpan } from './keys.ts';
import type { RefusalName } from './refusals.ts';

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
