/**
 * The data folder: manifest, lock and keys. All of it is checked before any database is opened, and nothing in it
 * is touched before it is known to be ours and of a format that we know.
 *
 *   manifest.json   format, shard count, name of the folder; the last file to be made
 *   lock            held by the engine that works here
 *   keys/           master.key, index.key (wrapped), store-N.slots, store-N.erased (once a key was destroyed)
 *   store-N/        journal/ and rows/ (LMDB), archive/ (segments); rows-new/ and rows-aside/ while rows are made anew;
 *                   turn and set-aside.json (see quarantine.ts); suspect, after a flush that failed
 *   store-G.N/      the same from generation 1 of the stores on (reshard.ts), and their keys beside the others
 *   rankings/       copies of rankings
 *   published/      lists for acquirers, and spool/, where uploads wait: the server's own; nothing is lost with them
 *   errors/         bad lines of files, sealed (server/errors/store.ts)
 *   unfinished      while the folder is being restored: whatever is in it may be removed
 */
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { invariant } from '../../engine/assert.ts';
import { StorageFault } from '../../engine/ports.ts';
import { FORMAT, FORMAT_OLDEST } from '../codec/formats.ts';
import type { JournalEnd } from '../journal.ts';
import { type FolderKeys, KEY_BYTES, newKeys, unwrapIndexKey, wrapIndexKey } from '../keys.ts';
import { checkShardCount } from '../persistence.ts';
import { genesisOf } from '../store.ts';
import type { StorePlace } from '../store-place.ts';
import { readChecked, writeChecked } from './checked-json.ts';
import { hasCode, makeFolderDurably, readFileIfThere, syncFolder, writeFileDurably } from './files.ts';
import { lockFile } from './lock.ts';

const MANIFEST = 'manifest.json';
const LOCK = 'lock';
const UNFINISHED = 'unfinished';

export interface Manifest {
  /** What is written in the folder has it; older things have their own. See codec/formats.ts. */
  readonly format: number;
  readonly folderId: string;
  readonly shardCount: number;
  readonly createdAt: string;
  /** Generations of stores before these ones, the first one first; absent = none. See reshard.ts. */
  readonly past?: readonly PastGeneration[];
}

/** Stores whose partitions were dealt out anew. What they journaled stays, and so do their keys. */
export interface PastGeneration {
  readonly shardCount: number;
  /** By store. */
  readonly ends: readonly JournalEnd[];
}

export function generationOf({ past = [] }: Manifest): number {
  return past.length;
}

/** Of a store that there is now. */
export function placeOf(manifest: Manifest, index: number): StorePlace {
  return { folderId: manifest.folderId, generation: generationOf(manifest), index };
}

/** All stores of one generation. */
export function placesOf(manifest: Manifest): readonly StorePlace[] {
  return Array.from({ length: manifest.shardCount }, (_, index) => placeOf(manifest, index));
}

/** Of all stores that there were before, the first ones first. */
export function pastPlacesOf(manifest: Manifest): readonly StorePlace[] {
  return (manifest.past ?? []).flatMap((_, generation) => placesOf(manifestIn(manifest, generation)));
}

/** Of all that there ever were. */
export function allPlacesOf(manifest: Manifest): readonly StorePlace[] {
  return [...pastPlacesOf(manifest), ...placesOf(manifest)];
}

/** As it was while a generation of stores was the last one. */
export function manifestIn({ past = [], ...manifest }: Manifest, generation: number): Manifest {
  const { shardCount } = past[generation] ?? manifest;
  return { ...manifest, shardCount, ...(generation === 0 ? {} : { past: past.slice(0, generation) }) };
}

/** What the first record of a store follows. */
export function genesisIn({ past = [] }: Manifest, place: StorePlace): Buffer {
  return genesisOf(place, past[place.generation - 1]?.ends);
}

/** Where the journal of a store that is past ended. */
export function endOf({ past = [] }: Manifest, { generation, index }: Omit<StorePlace, 'folderId'>): JournalEnd {
  const end = past[generation]?.ends[index];
  invariant(end !== undefined, `store ${index} of generation ${generation} is not past`);
  return end;
}

/** What a thread needs to open its part of a folder. Holds keys: it goes from thread to thread, in memory only. */
export interface FolderParts {
  readonly path: string;
  readonly manifest: Manifest;
  readonly keys: FolderKeys;
}

export interface Folder extends FolderParts {
  readonly unlock: () => void;
}

/**
 * Takes the folder for this process, and makes it when there is none. An older one is raised to today's format, durably
 * and before anything else is written there: from then on an older program refuses it.
 *
 * @param shardCount undefined = what the folder has; `ofNew` in a new one
 * @throws StorageFault FOLDER_IN_USE, FOLDER_NOT_WRITABLE, FLOCK_MISSING, FORMAT_NEWER, FORMAT_OLDER, MANIFEST_MISSING,
 *   MANIFEST_DAMAGED, KEY_MISMATCH, SHARDS_MISMATCH
 */
export function openFolder(path: string, shardCount: number | undefined, ofNew = 1): Folder {
  const folder = openFolderAsItIs(path, shardCount, ofNew);
  if (folder.manifest.format === FORMAT) return folder;
  try {
    const manifest = { ...folder.manifest, format: FORMAT };
    explaining(path, () => writeManifest(path, manifest));
    return { ...folder, manifest };
  } catch (error) {
    folder.unlock();
    throw error;
  }
}

/** The same for who wants an older folder to stay one that an older program can open: it goes on in its format. */
export function openFolderAsItIs(path: string, shardCount: number | undefined, ofNew = 1): Folder {
  const unlock = explaining(path, () => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return lockFile(join(path, LOCK));
  });
  try {
    return explaining(path, () => ({ path, unlock, ...openOrMake(path, shardCount, ofNew) }));
  } catch (error) {
    unlock();
    throw error;
  }
}

/**
 * Runs `look` while nobody else works in the folder, whatever is in it: for who opens only a piece of it.
 * @throws StorageFault FOLDER_IN_USE, FOLDER_NOT_WRITABLE, FLOCK_MISSING
 */
export function holdingFolder<T>(path: string, look: () => T): T {
  const unlock = explaining(path, () => lockFile(join(path, LOCK)));
  try {
    return look();
  } finally {
    unlock();
  }
}

/**
 * Takes a new folder that is to be filled before anybody may open it: whoever calls writes the manifest, at the end.
 * @throws StorageFault FOLDER_IN_USE, FOLDER_NOT_EMPTY, FOLDER_NOT_WRITABLE, FLOCK_MISSING
 */
export function startFolder(path: string, shardCount: number): Folder {
  return takeEmpty(path, () => makeKeys(path, shardCount));
}

/**
 * The same for a folder that goes on with manifest and keys of another one. What an attempt before left unfinished is
 * removed first. Throws as `startFolder`.
 */
export function restartFolder(path: string, { manifest, keys }: Pick<FolderParts, 'manifest' | 'keys'>): Folder {
  return takeEmpty(path, () => {
    writeFileDurably(join(path, UNFINISHED), '');
    writeKeys(path, manifest, keys);
    return { manifest, keys };
  });
}

/** All that belongs to the folder is in its place and durable. */
export function finishFolder({ path, manifest }: Folder): void {
  writeManifest(path, manifest);
  rmSync(join(path, UNFINISHED));
}

function takeEmpty(path: string, fill: () => Pick<FolderParts, 'manifest' | 'keys'>): Folder {
  return explaining(path, () => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const unlock = lockFile(join(path, LOCK));
    try {
      const names = readdirSync(path).filter((name) => name !== LOCK);
      const isUnfinished = names.includes(UNFINISHED) && !names.includes(MANIFEST);
      if (names.length > 0 && !isUnfinished) {
        throw new StorageFault('FOLDER_NOT_EMPTY', `the folder ${path} is not empty: name another, or remove it`);
      }
      // The mark goes last: a kill in between leaves it.
      for (const name of names) if (name !== UNFINISHED) rmSync(join(path, name), { recursive: true });
      return { path, unlock, ...fill() };
    } catch (error) {
      unlock();
      throw error;
    }
  });
}

/** Says what to do about errors of the system; lets other errors pass. */
function explaining<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw explained(path, error);
  }
}

export function explained(path: string, error: unknown): unknown {
  // Of a folder that cannot be made on a read-only disk Node says that it is not there.
  if (hasCode(error, 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOENT')) {
    const text = `the folder ${path} cannot be written: give this user the right to, or choose another with --data`;
    return new StorageFault('FOLDER_NOT_WRITABLE', text, { cause: error });
  }
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) {
    return new StorageFault('STORAGE_FULL', `the disk of ${path} has no space or no inodes left`, { cause: error });
  }
  return error;
}

function openOrMake(
  path: string,
  shardCount: number | undefined,
  ofNew: number,
): { manifest: Manifest; keys: FolderKeys } {
  const manifest = readManifest(path);
  if (manifest === null) return makeFolder(path, shardCount ?? ofNew);
  const keys = readKeys(keysFolder(path), manifest.folderId);
  checkShardCount(manifest.shardCount, shardCount);
  return { manifest, keys };
}

/** The manifest comes last: a folder without one was never used, or never finished, or has lost it. */
function makeFolder(path: string, shardCount: number): { manifest: Manifest; keys: FolderKeys } {
  const names = readdirSync(path);
  if (names.includes(UNFINISHED)) {
    const text = `${path} was not restored to its end: restore it again, or remove it`;
    throw new StorageFault('MANIFEST_MISSING', text);
  }
  if (names.some((name) => name.startsWith('store-'))) {
    const text = `${path} holds data but no manifest.json: restore it from a backup, or make the folder anew`;
    throw new StorageFault('MANIFEST_MISSING', text);
  }
  const { manifest, keys } = makeKeys(path, shardCount);
  writeManifest(path, manifest);
  return { manifest, keys };
}

function makeKeys(path: string, shardCount: number): { manifest: Manifest; keys: FolderKeys } {
  const manifest = { format: FORMAT, folderId: randomUUID(), shardCount, createdAt: new Date().toISOString() };
  const keys = newKeys();
  writeKeys(path, manifest, keys);
  return { manifest, keys };
}

function writeKeys(path: string, { folderId }: Manifest, keys: FolderKeys): void {
  const folder = keysFolder(path);
  syncAbove(path);
  for (const made of [folder, join(path, 'rankings')]) makeFolderDurably(made);
  writeFileDurably(masterPath(folder), `${Buffer.from(keys.master).toString('hex')}\n`);
  chmodSync(masterPath(folder), 0o600);
  writeFileDurably(indexPath(folder), wrapIndexKey(keys, folderId));
}

/** The folder's own name, too, must outlive a power cut, and those of the folders above it may be as new. */
function syncAbove(path: string): void {
  for (let above = dirname(resolve(path)); ; above = dirname(above)) {
    try {
      syncFolder(above);
    } catch (error) {
      // Of somebody else, who does not let us look: then it is not new.
      if (!hasCode(error, 'EACCES', 'EPERM')) throw error;
    }
    if (above === dirname(above)) return;
  }
}

/** From now on the folder is one to be opened. */
export function writeManifest(path: string, manifest: Manifest): void {
  writeChecked(join(path, MANIFEST), manifest);
}

/** @returns null where there is none. @throws StorageFault MANIFEST_DAMAGED, FORMAT_NEWER, FORMAT_OLDER */
export function readManifest(path: string): Manifest | null {
  const bytes = readFileIfThere(join(path, MANIFEST));
  return bytes === null ? null : parseManifest(bytes.toString('utf8'));
}

function parseManifest(text: string): Manifest {
  const { format, value } = readChecked(text);
  if (format !== null && format > FORMAT) {
    throw new StorageFault('FORMAT_NEWER', `the folder has format ${format}, this program knows ${FORMAT}`);
  }
  if (format === null || value === null) {
    throw new StorageFault('MANIFEST_DAMAGED', 'manifest.json is damaged: restore it from a backup');
  }
  if (format < FORMAT_OLDEST) {
    const text = `the folder has format ${format}, this program knows ${FORMAT_OLDEST} to ${FORMAT}`;
    throw new StorageFault('FORMAT_OLDER', `${text}: let a version in between raise it first`);
  }
  return value as Manifest;
}

/** @param folder of the keys @throws StorageFault KEY_MISMATCH */
export function readKeys(folder: string, folderId: string): FolderKeys {
  const masterText = readFileIfThere(masterPath(folder))?.toString('utf8').trim() ?? '';
  const wrapped = readFileIfThere(indexPath(folder));
  if (wrapped === null) {
    throw new StorageFault('KEY_MISMATCH', 'keys/index.key is missing: restore it from the backup of the keys');
  }
  const master = Buffer.from(masterText, 'hex');
  if (master.length !== KEY_BYTES) {
    throw new StorageFault('KEY_MISMATCH', 'keys/master.key is missing or no key: put the right one there');
  }
  return { master, index: unwrapIndexKey(master, folderId, wrapped) };
}

/** Of a backup, too. */
export function errorsFolder(path: string): string {
  return join(path, 'errors');
}

export function keysFolder(path: string): string {
  return join(path, 'keys');
}

export function masterPath(folder: string): string {
  return join(folder, 'master.key');
}

export function indexPath(folder: string): string {
  return join(folder, 'index.key');
}
