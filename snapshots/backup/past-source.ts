/** Where a past is read from: a data folder that no engine works in, or a backup with its keys. */
import { openAtRest } from './at-rest.ts';
import { openKeyCopies } from './key-copy.ts';
import { keysBeside } from './layout.ts';
import type { PastSource } from './past.ts';
import { BackupReader } from './reader.ts';

export interface OpenPast {
  readonly source: PastSource;
  close(): Promise<void>;
}

/** @throws StorageFault as `openAtRest` */
export async function pastOfFolder(path: string): Promise<OpenPast> {
  const { stores, close } = await openAtRest(path);
  const journals = stores.map(({ journal }) => journal.read(1));
  return { source: { journals, vaults: stores.map(({ vault }) => vault) }, close };
}

/** @throws StorageFault BACKUP_MISSING, BACKUP_DAMAGED, KEY_MISMATCH, FORMAT_NEWER */
export async function pastOfBackup(folder: string, keys: string = keysBeside(folder)): Promise<OpenPast> {
  const reader = new BackupReader(folder);
  const { vaults, close } = await openKeyCopies(keys, reader.manifest);
  return { source: { journals: vaults.map((_, index) => reader.turns(index)), vaults }, close };
}
