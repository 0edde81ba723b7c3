/** A data folder that no engine has open, as what a backup is taken of. */
import { existsSync } from 'node:fs';
import { StorageFault } from '../../engine/ports.ts';
import { openFolderAsItIs } from '../lmdb/folder.ts';
import { type FileStore, openFileStore, openPastStores, type PastStore } from '../lmdb/persistence.ts';
import { type BackupSource, copyRows, recordPiece } from './source.ts';

export interface FolderAtRest {
  readonly source: BackupSource;
  readonly stores: readonly FileStore[];
  /** That were before these. */
  readonly past: readonly PastStore[];
  close(): Promise<void>;
}

/** @throws StorageFault FOLDER_MISSING; FOLDER_IN_USE while an engine works there; as `openPersistence` */
export async function openAtRest(path: string): Promise<FolderAtRest> {
  // Opening would make one.
  if (!existsSync(path)) throw new StorageFault('FOLDER_MISSING', `there is no data folder ${path}`);
  const folder = openFolderAsItIs(path, undefined);
  const stores: FileStore[] = [];
  const past: PastStore[] = [];
  const close = async () => {
    for (const store of [...stores, ...past]) await store.close();
    folder.unlock();
  };
  try {
    past.push(...openPastStores(folder));
    for (let index = 0; index < folder.manifest.shardCount; index += 1) {
      stores.push(await openFileStore(folder, index, () => {}));
    }
  } catch (error) {
    await close();
    throw error;
  }
  const source: BackupSource = {
    folder: path,
    manifest: folder.manifest,
    // Nothing moves, so where its partitions are is never asked: all that is flushed is closed.
    positions: async () =>
      stores.map(({ journal, vault }) => ({
        sequence: journal.lastSequence,
        slotCount: vault.flushedCount,
        partitions: [],
      })),
    async records({ generation, index }, sequence) {
      const before = past.find((one) => one.generation === generation && one.index === index);
      return recordPiece((before ?? stores[index]!).records, sequence);
    },
    copyRows: (index, to) => copyRows(stores[index]!, { index, shardCount: stores.length }, to),
  };
  return { source, stores, past, close };
}
