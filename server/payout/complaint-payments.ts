/** What Consap paid by itself where a complaint was right, told afterwards in sixteen columns (domain 2.8). */
import type { PayoutAmounts, PayoutResult } from '../../engine/index.ts';
import { cents, day, iban, longNumber, note, recordId, taxCode, transferResult } from './columns.ts';
import { amountCentsOf } from './payout-row.ts';
import { type CheckedRow, fault, type ReadRow, readRows } from './row-reader.ts';

/** Days are `YYYY-MM-DD`. */
export interface ComplaintPayment extends PayoutAmounts {
  /** Digits without leading zeros; the same for `ticketId`, the complaint. */
  readonly consapId: string;
  /** The payout record that the complaint is about. */
  readonly relatedId: number;
  readonly citizenTaxCode: string;
  readonly iban: string;
  readonly accountHolderName: string;
  readonly accountHolderSurname: string;
  readonly amountCents: number;
  /** Empty when there is none; the same for `cro`, the bank's own reference. */
  readonly resultReason: string;
  readonly startDay: string;
  readonly endDay: string;
  readonly result: PayoutResult;
  readonly cro: string;
  readonly executionDay: string;
  readonly ticketId: string;
}

const COLUMNS = {
  consapId: longNumber,
  relatedId: recordId,
  citizenTaxCode: taxCode,
  iban,
  accountHolderName: note,
  accountHolderSurname: note,
  amountCents: cents,
  cashbackCents: cents,
  jackpotCents: cents,
  resultReason: note,
  startDay: day,
  endDay: day,
  result: transferResult,
  cro: note,
  executionDay: day,
  ticketId: longNumber,
} as const;

/** @see readRows, also for the faults */
export function readComplaintPayments(body: AsyncIterable<Uint8Array>): AsyncGenerator<ReadRow<ComplaintPayment>> {
  return readRows(body, COLUMNS, checkPayment);
}

/** What columns, each right by itself, may have wrong together. */
function checkPayment(value: ComplaintPayment): CheckedRow<ComplaintPayment> {
  const { amountCents, startDay, endDay } = value;
  if (amountCents === 0 || amountCents !== amountCentsOf(value)) return fault('AMOUNT_INVALID', 'amountCents');
  if (endDay < startDay) return fault('DATE_INVALID', 'endDay');
  return { ok: true, value };
}
