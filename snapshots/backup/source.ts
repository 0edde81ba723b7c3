/** What a backup is taken of: a data folder, whoever has it open. */
import type { Manifest } from '../lmdb/folder.ts';
import type { RecordMedium } from '../media.ts';
import type { PartitionPosition } from './closure.ts';

/** Where a store is, all of it flushed, and of one moment. */
export interface StorePosition {
  readonly sequence: number;
  /** Keys of citizens that are on the disk. */
  readonly slotCount: number;
  readonly partitions: readonly PartitionPosition[];
}

export interface BackupSource {
  /** Where archive and keys lie, which are read as files. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** Of all stores, asked at once. */
  positions(): Promise<readonly StorePosition[]>;
  /** Records of a store as they lie there, from `sequence` on: as many as travel at once; none where it has none. */
  records(store: number, sequence: number): Promise<readonly Buffer[]>;
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

/** Named places at which a test may stop the world. */
export const BACKUP_POINTS = [
  'backup-segment',
  'backup-tail',
  'backup-keys',
  'backup-cut',
  'restore-keys',
  'restore-archive',
  'restore-journal',
  'restore-rows',
] as const;
export type OnBackupPoint = (name: (typeof BACKUP_POINTS)[number]) => void;
