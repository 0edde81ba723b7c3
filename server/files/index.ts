/** The door: acquirer files in, outcomes out. */

export { readFileName } from './file-name.ts';
export {
  createFileIngester,
  type FileIngester,
  type FileIngestOptions,
  type FileReport,
  type SubmittedLine,
  type UploadedFile,
} from './ingest.ts';
export type { RowNotCounted } from './line-reasons.ts';
export { createLineReader, type Line } from './lines.ts';
export {
  type FileOutcome,
  type FileSummary,
  OUTCOME_CSV_HEADER,
  outcomeCsvLine,
  outcomeJsonItem,
  ROW_STATUSES,
  type RowStatus,
} from './outcome.ts';
export { TOKEN_STATUSES, type TokenSummary } from './token-outcome.ts';
export type { TokenReport } from './tokens.ts';
