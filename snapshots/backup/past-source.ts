/** Where a past is read from: a data folder that no engine works in, or a backup with its keys. */
import { placesOf } from '../lmdb/folder.ts';
import { lastingTurns } from '../past-turns.ts';
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
  const { stores, past, close } = await openAtRest(path);
  const before = past.map((store) => lastingTurns(store.journal.read(1), store));
  const journals = [...before, ...stores.map(({ journal }) => journal.read(1))];
  return { source: { journals, vaults: stores.map(({ vault }) => vault) }, close };
}

/** @throws StorageFault BACKUP_MISSING, BACKUP_DAMAGED, KEY_MISMATCH, FORMAT_NEWER */
export async function pastOfBackup(folder: string, keys: string = keysBeside(folder)): Promise<OpenPast> {
  const reader = new BackupReader(folder).newest;
  const { vaults, close } = await openKeyCopies(keys, reader.manifest);
  const before = reader.past.flatMap((past) =>
    placesOf(past.manifest).map((place) => lastingTurns(past.turns(place.index), place)),
  );
  const journals = [...before, ...placesOf(reader.manifest).map(({ index }) => reader.turns(index))];
  return { source: { journals, vaults: vaults.slice(before.length) }, close };
}
