/** The payment orders of Consap, byte for byte (domain 2.8): one row to a line, no header, no quoting. */
import { payoutTypology } from '../../engine/index.ts';
import type { PayoutFormat } from './payout-files.ts';
import {
  amountCentsOf,
  centsText,
  idText,
  italianDay,
  type PayoutRow,
  periodText,
  transferReason,
} from './payout-row.ts';

export const consapFile: PayoutFormat = {
  prefix: 'CSTAR.CONSAP.BANKT',
  extension: 'csv',
  *pieces(rows) {
    for (const row of rows) yield consapLine(row);
  },
};

/** Of a row without a fault: nothing here can be a separator. */
function consapLine(row: PayoutRow): string {
  const columns = [
    idText(row.id),
    row.accountHolderCF,
    row.iban,
    row.accountHolderName,
    row.accountHolderSurname,
    centsText(amountCentsOf(row)),
    transferReason(row),
    payoutTypology(row),
    periodText(row.awardPeriodId),
    italianDay(row.startDay),
    italianDay(row.endDay),
    centsText(row.cashbackCents),
    centsText(row.jackpotCents),
    row.checkStatus,
    row.technicalAccountHolder ?? '',
    row.ticketId ?? '',
    row.relatedId ?? '',
  ];
  return `${columns.join(';')}\n`;
}
