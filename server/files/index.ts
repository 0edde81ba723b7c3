/** The door: acquirer files in, outcomes out. */
export {
  createFileIngester,
  type FileIngester,
  type FileIngestOptions,
  type FileReport,
  type SubmittedLine,
  type UploadedFile,
} from './ingest.ts';
export {
  type FileOutcome,
  type FileSummary,
  OUTCOME_CSV_HEADER,
  outcomeCsvLine,
  outcomeJsonItem,
  ROW_STATUSES,
  type RowNotCounted,
  type RowStatus,
} from './outcome.ts';
export { createLineReader, type Line, readFileName } from './trnlog.ts';
