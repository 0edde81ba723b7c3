/** A data folder that no engine has open, as what a backup is taken of. */
import { existsSync } from 'node:fs';
import { StorageFault } from '../../engine/ports.ts';
import { openFolderAsItIs, requireFirstGeneration } from '../lmdb/folder.ts';
import { type FileStore, openFileStore } from '../lmdb/persistence.ts';
import { type BackupSource, copyRows, recordPiece } from './source.ts';

export interface FolderAtRest {
  readonly source: BackupSource;
  readonly stores: readonly FileStore[];
  close(): Promise<void>;
}

/** @throws StorageFault FOLDER_MISSING; FOLDER_IN_USE while an engine works there; as `openPersistence` */
export async function openAtRest(path: string): Promise<FolderAtRest> {
  // Opening would make one.
  if (!existsSync(path)) throw new StorageFault('FOLDER_MISSING', `there is no data folder ${path}`);
  const folder = openFolderAsItIs(path, undefined);
  const stores: FileStore[] = [];
  const close = async () => {
    for (const store of stores) await store.close();
    folder.unlock();
  };
  try {
    requireFirstGeneration(folder.manifest, 'a backup, or a look at the past,');
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
    records: async (store, sequence) => recordPiece(stores[store]!.records, sequence),
    copyRows: (index, to) => copyRows(stores[index]!, { index, shardCount: stores.length }, to),
  };
  return { source, stores, close };
}
