/** What became of transfers, as Consap tells it: `uniqueId;result;resultReason;cro;executionDate` (domain 2.8). */
import type { PayoutResult } from '../../engine/index.ts';
import { dayIfAny, note, recordId, transferResult } from './columns.ts';
import { type CheckedRow, fault, type ReadRow, readRows } from './row-reader.ts';

export interface TransferOutcome {
  /** Of a payout record; whether there is one is not known here. */
  readonly id: number;
  readonly result: PayoutResult;
  /** Empty when there is none; the same for `cro`, the bank's own reference. */
  readonly resultReason: string;
  readonly cro: string;
  /** `YYYY-MM-DD`; null only of what was not executed. */
  readonly executionDay: string | null;
}

const COLUMNS = {
  id: recordId,
  result: transferResult,
  resultReason: note,
  cro: note,
  executionDay: dayIfAny,
} as const;

/** @see readRows, also for the faults */
export function readOutcomes(body: AsyncIterable<Uint8Array>): AsyncGenerator<ReadRow<TransferOutcome>> {
  return readRows(body, COLUMNS, checkOutcome);
}

/** Money that moved moved on a day: without one the line was cut. */
function checkOutcome(value: TransferOutcome): CheckedRow<TransferOutcome> {
  const isCut = value.result === 'ORDINE ESEGUITO' && value.executionDay === null;
  return isCut ? fault('DATE_INVALID', 'executionDay') : { ok: true, value };
}
