/**
 * A data folder made in one go, from facts and rows that are known beforehand: for populations to measure with, and for
 * whoever restores a folder or deals its partitions out anew. Its manifest comes last: until then no server opens it.
 */

import { FailStop } from '../fail-stop.ts';
import { KeyedHash } from '../keys.ts';
import { explained, startFolder, writeManifest } from '../lmdb/folder.ts';
import { openArchive, storePaths } from '../lmdb/layout.ts';
import { openSlotFile } from '../lmdb/slot-file.ts';
import { genesisOf } from '../store.ts';
import { MediumVault } from '../vault.ts';
import { BulkJournal } from './bulk-journal.ts';

export interface BulkStore {
  readonly journal: BulkJournal;
  readonly vault: MediumVault;
  /** For BulkRows, which may work in another thread. */
  readonly rowsPath: string;
}

export interface BulkFolder {
  readonly path: string;
  readonly indexKey: Uint8Array;
  readonly stores: readonly BulkStore[];
  /** Makes journals and keys durable, then the folder one to be opened. Rows and rankings are in their places by now. */
  finish(): Promise<void>;
  /** Lets go of it, finished or not. */
  close(): Promise<void>;
}

/** @throws StorageFault FOLDER_IN_USE, FOLDER_NOT_EMPTY, FOLDER_NOT_WRITABLE, STORAGE_FULL, FLOCK_MISSING */
export async function openBulkFolder(path: string, shardCount: number): Promise<BulkFolder> {
  const folder = startFolder(path, shardCount);
  const { manifest, keys } = folder;
  const keyedHash = new KeyedHash(keys.index);
  const closing: (() => Promise<void>)[] = [async () => folder.unlock()];
  const openOne = async (index: number): Promise<BulkStore> => {
    const place = { folderId: manifest.folderId, generation: 0, index };
    const paths = storePaths(path, place);
    const journal = new BulkJournal(openArchive(paths.archive, place), paths.journal, genesisOf(place));
    closing.unshift(() => journal.close());
    const slots = await openSlotFile(paths);
    closing.unshift(() => slots.close());
    const vault = new MediumVault({
      ...{ medium: slots, master: keys.master, keyedHash, place, failStop: new FailStop() },
      // Nothing is opened: a key is needed until its citizen is told of, and by then it is not even flushed.
      keysMax: 1,
    });
    return { journal, vault, rowsPath: paths.rows };
  };
  const close = async () => {
    for (const closeOne of closing.splice(0)) await closeOne();
  };
  const stores: BulkStore[] = [];
  try {
    for (let index = 0; index < shardCount; index += 1) stores.push(await openOne(index));
  } catch (error) {
    await close();
    throw explained(path, error);
  }
  return {
    path,
    indexKey: keys.index,
    stores,
    async finish() {
      for (const { vault, journal } of stores) {
        await vault.flush();
        await journal.finish();
      }
      writeManifest(path, manifest);
    },
    close,
  };
}
