/** The door of persistence: a data folder on a disk, its twin in memory, and the forms in which both write values. */

export { type FolderAtRest, openAtRest } from './backup/at-rest.ts';
export type { PartitionPosition } from './backup/closure.ts';
export { type Double, type Doubles, doublesOf, type Holding } from './backup/doubles.ts';
export { type BackupInspection, inspectBackup, type Until } from './backup/inspection.ts';
export { type Cut, keysBeside } from './backup/layout.ts';
export { type Happening, type PastWallet, pastWallet } from './backup/past.ts';
export {
  type JournalTails,
  type OpenPast,
  pastOfBackup,
  pastOfFolder,
  pastOfTails,
  tailsOf,
} from './backup/past-source.ts';
export { BackupReader } from './backup/reader.ts';
export { type Restored, type RestoreOptions, restoreBackup } from './backup/restore.ts';
export { type Lag, Shipper, type ShipperOptions } from './backup/ship.ts';
export {
  type BackupSource,
  copyRows,
  pastRecordPiece,
  type RowsCopied,
  recordPiece,
  type StorePosition,
} from './backup/source.ts';
export { BackupWriter, type BaseWish, type MadeCut } from './backup/writer.ts';
export { ByteReader, ByteWriter } from './codec/bytes.ts';
export {
  bytes,
  type Codec,
  type Fields,
  flag,
  integer,
  list,
  nullable,
  oneOf,
  pair,
  shape,
  sparse,
  text,
} from './codec/shape.ts';
export {
  answer,
  ibanCheckStatus,
  message,
  methodDetails,
  optInStatus,
  refusal,
  standing,
  transactionRecord,
} from './codec/values-v1.ts';
export { commandKind } from './codec/values-v2.ts';
export {
  exclusion,
  fileTally,
  notice,
  noticeRunKind,
  paymentName,
  payoutCut,
  payoutFile,
  payoutOrder,
  payoutOutcome,
  payoutStatus,
  periodDecision,
  periodDecisionKind,
  receivedFile,
  recordCover,
  recordKey,
  resolution,
} from './codec/values-v3.ts';
export { examineFolder, type Finding } from './examine.ts';
export { type Exported, type ExportOptions, exportBackup, exportFolder } from './export/export.ts';
export { EXPORT_FORMATS, type ExportFormat } from './export/lines.ts';
export { openFolderSeal, type Seal, sealUnder } from './folder-seal.ts';
export { type Checked, type Inspection, type VerifyOptions, verifyFolder } from './inspect.ts';
export { KeyedHash } from './keys.ts';
export { readThrough } from './lmdb/environment.ts';
export { createFileDurably } from './lmdb/files.ts';
export {
  errorsFolder,
  type Folder,
  type FolderParts,
  generationOf,
  holdingFolder,
  openFolder,
  openFolderAsItIs,
} from './lmdb/folder.ts';
export {
  type FileStore,
  openFileStore,
  openPersistence,
  type PersistenceOptions,
  rankingCopiesIn,
} from './lmdb/persistence.ts';
export { judgeDeath, readBlames, release } from './lmdb/quarantine-files.ts';
export { type RebuildFolderOptions, rebuildFolder } from './lmdb/rebuild.ts';
export { repairFolder } from './lmdb/repair.ts';
export { type DiskSpace, diskSpace, folderBytes, reserveBytes } from './lmdb/space.ts';
export { CRASH_POINTS, type CrashPoint, type OnPoint } from './media.ts';
export { MemoryDisk } from './memory/disk.ts';
export { type MemoryPersistence, type MemoryPersistenceOptions, openMemoryPersistence } from './memory/persistence.ts';
export type { Persistence } from './persistence.ts';
export type { SetAside } from './quarantine.ts';
export type { SavedRanking } from './ranking-file.ts';
export { type Reshard, type ReshardPoint, reshardFolder } from './reshard.ts';
export { checkpointMark, rankedMark } from './rows.ts';
