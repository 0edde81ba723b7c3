/** Persistence in a data folder: LMDB for journal and rows, plain files for the archive, keys and rankings. */
import type { RankingCopies } from '../../engine/ports.ts';
import { FailStop } from '../fail-stop.ts';
import { openPastJournal } from '../journal.ts';
import { KeyedHash } from '../keys.ts';
import type { OnPoint, RecordMedium, StoreMedia } from '../media.ts';
import type { PastJournal, Persistence } from '../persistence.ts';
import { readRanking } from '../ranking-file.ts';
import { type OpenStore, openStore, scrubStore } from '../store.ts';
import { type StorePlace, storeName } from '../store-place.ts';
import type { PastSlots } from '../vault.ts';
import { damagePath, markDamage, readDamage } from './damage-mark.ts';
import { dataOf, type Environment, type EnvironmentRoom, openEnvironment, pastReaders, roomOf } from './environment.ts';
import {
  endOf,
  explained,
  type Folder,
  type FolderParts,
  genesisIn,
  type Manifest,
  openFolder,
  openFolderAsItIs,
  pastPlacesOf,
  placeOf,
} from './folder.ts';
import { openArchive, rankingPath, saveRanking, storePaths } from './layout.ts';
import { openQuarantine } from './quarantine-files.ts';
import { rankingSource } from './ranking-files.ts';
import { RecordDatabase } from './record-database.ts';
import { RowDatabase } from './row-database.ts';
import { openSlotFile, type SlotFile } from './slot-file.ts';
import { Suspicion } from './suspicion.ts';

export interface PersistenceOptions {
  /** Made when it is not there. */
  readonly folder: string;
  /** Undefined = what the folder has; 1 in a new one. */
  readonly shardCount?: number | undefined;
  /** An older folder keeps its format, and what is written has it. */
  readonly keepsFormat?: boolean;
  /** For tests that kill the process at a named point. */
  readonly onPoint?: OnPoint;
}

export interface FileStore extends OpenStore {
  /** To be called every minute or so. */
  readonly maintain: () => Maintained;
  /** Who reads a past state of one of its databases, which nobody should for more than a moment. */
  readonly pastReaders: () => readonly string[];
  /** The journal's records as they lie there. */
  readonly records: RecordMedium;
  readonly media: StoreMedia;
  /** See RowDatabase. */
  readonly copyRowsTo: (path: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface Maintained {
  /** Seats of processes that died while they read: they would keep pages from being used again, and run out (fault 11). */
  readonly readersCleared: number;
  /** One that was found since the start, which the next one makes anew; null = none. */
  readonly damagedRow: string | null;
  /** A file that grows far beyond what is in it says that a reader stays too long (fault 10). */
  readonly rows: EnvironmentRoom;
}

/**
 * @throws StorageFault FOLDER_IN_USE, FOLDER_NOT_WRITABLE, STORAGE_FULL, FLOCK_MISSING, FORMAT_NEWER, KEY_MISMATCH,
 *   SHARDS_MISMATCH, FORMAT_OLDER, MANIFEST_MISSING, MANIFEST_DAMAGED, STORE_DAMAGED, JOURNAL_DAMAGED, ARCHIVE_DAMAGED, ROW_DAMAGED
 */
export async function openPersistence(options: PersistenceOptions): Promise<Persistence> {
  const open = options.keepsFormat === true ? openFolderAsItIs : openFolder;
  const folder = open(options.folder, options.shardCount);
  return openStores(folder, options.onPoint ?? (() => {}));
}

/** All stores of a folder, and those that were before them. Lets go of the folder where it fails. */
export async function openStores(folder: Folder, onPoint: OnPoint): Promise<Persistence> {
  const stores: FileStore[] = [];
  const past: PastStore[] = [];
  try {
    past.push(...openPastStores(folder));
    for (let index = 0; index < folder.manifest.shardCount; index += 1) {
      stores.push(await openFileStore(folder, index, onPoint));
    }
  } catch (error) {
    await closeAll([...stores, ...past]);
    folder.unlock();
    throw error;
  }
  return filePersistence(folder, stores, past);
}

function filePersistence(folder: Folder, stores: readonly FileStore[], past: readonly PastStore[]): Persistence {
  let closed: Promise<void> | null = null;
  return {
    shardCount: stores.length,
    isNew: stores.every((store) => store.journal.lastSequence === 0),
    stores,
    past,
    folder: folder.path,
    indexKey: folder.keys.index,
    ...rankingCopiesIn(folder),
    eraseKey: (storeIndex, slot) => stores[storeIndex]!.vault.erase(slot),
    scrub: () => stores.forEach(scrubStore),
    close() {
      closed ??= closeAll([...stores, ...past]).finally(folder.unlock);
      return closed;
    },
  };
}

/** Copies of rankings, in a folder that this process has taken. */
export function rankingCopiesIn({ path }: Pick<FolderParts, 'path'>): RankingCopies {
  return {
    saveRanking: (awardPeriodId, copy, vector) => saveRanking(path, { awardPeriodId, copy, vector }),
    loadRanking(awardPeriodId) {
      const source = rankingSource(rankingPath(path, awardPeriodId));
      return source === null ? null : readRanking(source);
    },
  };
}

/** One store of a folder that this process has taken: opened once, on whichever thread. Throws as `openPersistence`. */
export async function openFileStore(
  folder: FolderParts,
  index: number,
  onPoint: OnPoint,
  paths = storePaths(folder.path, placeOf(folder.manifest, index)),
): Promise<FileStore> {
  const { format, past = [] } = folder.manifest;
  const place = placeOf(folder.manifest, index);
  const opened: { close(): Promise<void> }[] = [];
  try {
    const suspicion = new Suspicion(paths.suspect);
    if (suspicion.isRaised) suspicion.rewrite([dataOf(paths.journal), dataOf(paths.rows), paths.slots]);
    const archive = openArchive(paths.archive, place);
    const journal = openEnvironment(paths.journal);
    opened.push(journal.database);
    const rows = openEnvironment(paths.rows);
    const rowDatabase = new RowDatabase(rows.database);
    opened.push(rowDatabase);
    const slots = await openSlotFile(paths);
    opened.push(slots);
    const pastSlots = await openPastSlots(folder, opened);
    const quarantine = openQuarantine(paths.folder);
    opened.push(quarantine);

    const records = new RecordDatabase(journal.database, archive, onPoint);
    const media = { records, rows: rowDatabase, slots };
    const { master, index: indexKey } = folder.keys;
    const ends = past.at(-1)?.ends;
    const store = await openStore({
      ...{ media, place, format, pastSlots, master, keyedHash: new KeyedHash(indexKey), onPoint },
      ...(ends === undefined ? {} : { ends }),
      failed: (fault) => suspicion.raise(fault),
      rowDamaged: (fault) => markDamage(damagePath(paths.folder), fault),
    });
    if (suspicion.isRaised || journal.isSuspect || rows.isSuspect) scrubStore(store);
    suspicion.settle();
    const maintain = () => ({
      readersCleared: journal.database.readerCheck() + rows.database.readerCheck(),
      damagedRow: readDamage(damagePath(paths.folder)),
      rows: roomOf(rows.database),
    });
    const parts = {
      ...{ quarantine, records, media, maintain },
      pastReaders: () => [...readersOf('journal', journal.database), ...readersOf('rows', rows.database)],
      copyRowsTo: (path: string) => rowDatabase.copyTo(path),
    };
    return { ...store, ...parts, close: () => closeStore(store, opened) };
  } catch (error) {
    for (const part of opened) await part.close();
    throw explained(folder.path, error);
  }
}

function readersOf(name: string, database: Environment): readonly string[] {
  return pastReaders(database).map((reader) => `${name}: ${reader}`);
}

/** Every store may need every key there ever was: which of them had a citizen before is not its own to know. */
async function openPastSlots(folder: FolderParts, opened: { close(): Promise<void> }[]): Promise<PastSlots> {
  const files = new Map<string, SlotFile>();
  for (const place of pastPlacesOf(folder.manifest)) {
    const file = await openSlotFile(storePaths(folder.path, place));
    opened.push(file);
    files.set(storeName(place), file);
  }
  return (place) => files.get(storeName(place));
}

export interface PastStore extends PastJournal {
  /** The journal's records as they lie there. */
  readonly records: RecordMedium;
  readonly close: () => Promise<void>;
}

/** In the order of `pastPlacesOf`. @throws StorageFault JOURNAL_DAMAGED, ARCHIVE_DAMAGED, STORE_DAMAGED */
export function openPastStores({ path, manifest }: FolderParts): readonly PastStore[] {
  return pastPlacesOf(manifest).map((place) => openPastStore(path, manifest, place));
}

/** Nobody else may have it open: an engine has not. */
export function openPastStore(path: string, manifest: Manifest, place: StorePlace): PastStore {
  const paths = storePaths(path, place);
  const { database } = openEnvironment(paths.journal);
  const records = new RecordDatabase(database, openArchive(paths.archive, place), () => {});
  const genesis = genesisIn(manifest, place);
  const parts = { medium: records, genesis, format: manifest.format, failStop: new FailStop(), onPoint: () => {} };
  const journal = openPastJournal(parts, endOf(manifest, place));
  return { ...place, journal, records, close: () => database.close() };
}

/** New calls fail at once; LMDB finishes what it was given. */
async function closeStore(store: OpenStore, opened: readonly { close(): Promise<void> }[]): Promise<void> {
  store.failStop.close();
  for (const part of opened) await part.close();
}

async function closeAll(stores: readonly { close(): Promise<void> }[]): Promise<void> {
  for (const store of stores) await store.close();
}
