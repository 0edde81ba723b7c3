/** The door: the files of the payout, out to those who pay and back from them. */
export { type ComplaintPayment, readComplaintPayments } from './complaint-payments.ts';
export { consapFile } from './consap-file.ts';
export { PayoutDesk, type PayoutExport, type Restored, type SaidOfFiles, type TakenIn } from './desk.ts';
export { readOutcomes, type TransferOutcome } from './outcomes.ts';
export {
  type OutputTransform,
  PayoutFault,
  type PayoutFilesOptions,
  type PayoutFormat,
  type WrittenFile,
  writePayoutFiles,
} from './payout-files.ts';
export { type PayoutRow, payoutRowFault, type RowFault } from './payout-row.ts';
export type { ReadRow } from './row-reader.ts';
export { type SepaOrder, sepaFile } from './sepa-file.ts';
