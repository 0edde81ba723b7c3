/** What a backup is taken of: a data folder, whoever has it open. */

import { PARTITION_COUNT } from '../../engine/contract.ts';
import type { Manifest } from '../lmdb/folder.ts';
import { type FileStore, openPastStore } from '../lmdb/persistence.ts';
import type { RecordMedium } from '../media.ts';
import type { StorePlace } from '../store-place.ts';
import type { PartitionPosition, PartitionState } from './closure.ts';

/** Where a store is, all of it flushed, and of one moment. */
export interface StorePosition {
  readonly sequence: number;
  /** Keys of citizens that are on the disk. */
  readonly slotCount: number;
  readonly partitions: readonly PartitionPosition[];
}

/** What a copy of a store's rows holds. */
export interface RowsCopied {
  /** The oldest that a row of it has. */
  readonly format: number;
  /** All records up to here are in it, and some that come after, as checkpoints leave them. */
  readonly sequence: number;
  /** Those of the store; each at that record, or ahead of it as its row is. */
  readonly partitions: readonly PartitionState[];
}

export interface BackupSource {
  /** Where archive and keys lie, which are read as files. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** Of all stores, asked at once. */
  positions(): Promise<readonly StorePosition[]>;
  /**
   * Records of a store, of this generation or one that is past, as they lie there, from `sequence` on: as many as travel at
   * once; none where it has none.
   */
  records(place: StorePlace, sequence: number): Promise<readonly Buffer[]>;
  /** A database with the rows of a store into the empty folder `to`. @throws StorageFault ROWS_NOT_COPIED, ROW_DAMAGED */
  copyRows(store: number, to: string): Promise<RowsCopied>;
}

/** Travels at once: about as long as reading it takes, whoever has the journal open does nothing else. */
const PIECE_BYTES = 262_144;

/** What `BackupSource.records` answers, by whoever has the journal open. */
export function recordPiece(medium: RecordMedium, sequence: number): readonly Buffer[] {
  const piece: Buffer[] = [];
  if (sequence > medium.range().last) return piece;
  let bytes = 0;
  for (const record of medium.read(sequence)) {
    piece.push(record);
    bytes += record.length;
    if (bytes >= PIECE_BYTES) break;
  }
  return piece;
}

/** The same of a store that is past, and that nobody has open. @throws StorageFault JOURNAL_DAMAGED, ARCHIVE_DAMAGED, STORE_DAMAGED */
export async function pastRecordPiece(
  path: string,
  manifest: Manifest,
  place: StorePlace,
  sequence: number,
): Promise<readonly Buffer[]> {
  const { records, close } = openPastStore(path, manifest, place);
  try {
    return recordPiece(records, sequence);
  } finally {
    await close();
  }
}

/** What `BackupSource.copyRows` does, by whoever has the store open. The mark is read first: the copy may have a later one. */
export async function copyRows(
  { rows, copyRowsTo }: Pick<FileStore, 'rows' | 'copyRowsTo'>,
  { index, shardCount }: { readonly index: number; readonly shardCount: number },
  to: string,
): Promise<RowsCopied> {
  const { sequence, partitions } = rows.checkpoint();
  const states: PartitionState[] = [];
  for (let partition = index; partition < PARTITION_COUNT; partition += shardCount) {
    const { sent = [], received = [] } = rows.get('partition', partition, '', '')?.value ?? {};
    states.push({ partition, sequence: partitions[partition] ?? 0, sent, received });
  }
  await copyRowsTo(to);
  return { format: rows.oldestFormat, sequence, partitions: states };
}

/** Named places at which a test may stop the world. */
export const BACKUP_POINTS = [
  'backup-segment',
  'backup-tail',
  'backup-keys',
  'backup-base',
  'backup-cut',
  'restore-keys',
  'restore-archive',
  'restore-journal',
  'restore-base',
  'restore-rows',
] as const;
export type OnBackupPoint = (name: (typeof BACKUP_POINTS)[number]) => void;
