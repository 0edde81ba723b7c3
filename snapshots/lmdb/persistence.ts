/** Persistence in a data folder: LMDB for journal and rows, plain files for the archive, keys and rankings. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { KeyedHash } from '../keys.ts';
import type { OnPoint } from '../media.ts';
import type { Persistence } from '../persistence.ts';
import { readRanking, writeRanking } from '../ranking-file.ts';
import { hashOf } from '../record.ts';
import { type OpenStore, openStore, scrubStore } from '../store.ts';
import { Archive } from './archive.ts';
import { openEnvironment } from './environment.ts';
import { createFileDurably } from './files.ts';
import { explained, type Folder, freeShare, openFolder } from './folder.ts';
import { rankingSink, rankingSource } from './ranking-files.ts';
import { RecordDatabase } from './record-database.ts';
import { RowDatabase } from './row-database.ts';
import { openSlotFile } from './slot-file.ts';

export interface PersistenceOptions {
  /** Made when it is not there. */
  readonly folder: string;
  /** Undefined = what the folder has; 1 in a new one. */
  readonly shardCount?: number | undefined;
  /** For tests that kill the process at a named point. */
  readonly onPoint?: OnPoint;
}

interface FileStore extends OpenStore {
  readonly close: () => Promise<void>;
}

/**
 * @throws StorageFault FOLDER_IN_USE, FOLDER_NOT_WRITABLE, STORAGE_FULL, FLOCK_MISSING, FORMAT_NEWER, KEY_MISMATCH,
 *   SHARDS_MISMATCH, MANIFEST_MISSING, MANIFEST_DAMAGED, STORE_DAMAGED, JOURNAL_DAMAGED, ARCHIVE_DAMAGED, ROW_DAMAGED
 */
export async function openPersistence(options: PersistenceOptions): Promise<Persistence> {
  const folder = openFolder(options.folder, options.shardCount);
  const stores: FileStore[] = [];
  try {
    const keyedHash = new KeyedHash(folder.keys.index);
    for (let index = 0; index < folder.manifest.shardCount; index += 1) {
      stores.push(await openFileStore(folder, index, keyedHash, options.onPoint ?? (() => {})));
    }
  } catch (error) {
    await closeAll(stores);
    folder.unlock();
    throw explained(folder.path, error);
  }
  return filePersistence(folder, stores);
}

function filePersistence(folder: Folder, stores: readonly FileStore[]): Persistence {
  let closed: Promise<void> | null = null;
  const rankingPath = (awardPeriodId: number) => join(folder.path, 'rankings', `${awardPeriodId}.ranking`);
  return {
    shardCount: stores.length,
    isNew: stores.every((store) => store.journal.lastSequence === 0),
    stores,
    folder: folder.path,
    indexKey: folder.keys.index,
    saveRanking: (awardPeriodId, copy, vector) =>
      createFileDurably(rankingPath(awardPeriodId), (file) => writeRanking(rankingSink(file), copy, vector)),
    loadRanking(awardPeriodId) {
      const source = rankingSource(rankingPath(awardPeriodId));
      return source === null ? null : readRanking(source);
    },
    eraseKey: (storeIndex, slot) => stores[storeIndex]!.vault.erase(slot),
    scrub: () => stores.forEach(scrubStore),
    freeShare: () => freeShare(folder.path),
    close() {
      closed ??= closeAll(stores).finally(folder.unlock);
      return closed;
    },
  };
}

async function openFileStore(
  folder: Folder,
  index: number,
  keyedHash: KeyedHash,
  onPoint: OnPoint,
): Promise<FileStore> {
  const { folderId } = folder.manifest;
  const path = join(folder.path, `store-${index}`);
  const archivePath = join(path, 'archive');
  mkdirSync(archivePath, { recursive: true, mode: 0o700 });
  const opened: { close(): Promise<void> }[] = [];
  try {
    const journal = openEnvironment(join(path, 'journal'));
    opened.push(journal.database);
    const rows = openEnvironment(join(path, 'rows'));
    opened.push(rows.database);
    const slots = await openSlotFile(join(folder.path, 'keys', `store-${index}.slots`));
    opened.push(slots);

    const archive = new Archive(archivePath, hashOf(Buffer.from(`clickday ${folderId} archive ${index}`)));
    const records = new RecordDatabase(journal.database, archive, onPoint);
    const media = { records, rows: new RowDatabase(rows.database), slots };
    const store = await openStore({ media, folderId, index, master: folder.keys.master, keyedHash, onPoint });
    if (journal.isSuspect || rows.isSuspect) scrubStore(store);
    return { ...store, close: () => closeStore(store, opened) };
  } catch (error) {
    for (const part of opened) await part.close();
    throw error;
  }
}

/** New calls fail at once; LMDB finishes what it was given. */
async function closeStore(store: OpenStore, opened: readonly { close(): Promise<void> }[]): Promise<void> {
  store.failStop.close();
  for (const part of opened) await part.close();
}

async function closeAll(stores: readonly FileStore[]): Promise<void> {
  for (const store of stores) await store.close();
}
