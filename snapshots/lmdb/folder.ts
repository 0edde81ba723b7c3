/**
 * The data folder: manifest, lock and keys. All of it is checked before any database is opened, and nothing in it
 * is touched before it is known to be ours and of a format that we know.
 *
 *   manifest.json   format, shard count, name of the folder; the last file to be made
 *   lock            held by the engine that works here
 *   keys/           master.key, index.key (wrapped), store-N.slots
 *   store-N/        journal/ and rows/ (LMDB), archive/ (segments); rows-new/ and rows-aside/ while rows are made anew
 *   rankings/       copies of rankings
 */
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { StorageFault } from '../../engine/ports.ts';
import { type FolderKeys, KEY_BYTES, newKeys, unwrapIndexKey, wrapIndexKey } from '../keys.ts';
import { checkShardCount } from '../persistence.ts';
import { hasCode, readFileIfThere, writeFileDurably } from './files.ts';
import { lockFile } from './lock.ts';

const FORMAT = 1;
const LOCK = 'lock';

export interface Manifest {
  readonly format: number;
  readonly folderId: string;
  readonly shardCount: number;
  readonly createdAt: string;
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
 * Takes the folder for this process, and makes it when there is none.
 *
 * @param shardCount undefined = what the folder has; `ofNew` in a new one
 * @throws StorageFault FOLDER_IN_USE, FOLDER_NOT_WRITABLE, FLOCK_MISSING, FORMAT_NEWER, MANIFEST_MISSING,
 *   MANIFEST_DAMAGED, KEY_MISMATCH, SHARDS_MISMATCH
 */
export function openFolder(path: string, shardCount: number | undefined, ofNew = 1): Folder {
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
 * Takes a new folder that is to be filled before anybody may open it: whoever calls writes the manifest, at the end.
 * @throws StorageFault FOLDER_IN_USE, FOLDER_NOT_EMPTY, FOLDER_NOT_WRITABLE, FLOCK_MISSING
 */
export function startFolder(path: string, shardCount: number): Folder {
  return explaining(path, () => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const unlock = lockFile(join(path, LOCK));
    try {
      if (readdirSync(path).some((name) => name !== LOCK)) {
        throw new StorageFault('FOLDER_NOT_EMPTY', `the folder ${path} is not empty: name another, or remove it`);
      }
      return { path, unlock, ...makeKeys(path, shardCount) };
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

/** Of the disk that holds the folder: 0 full, 1 empty. */
export function freeShare(path: string): number {
  const { bavail, blocks } = statfsSync(path);
  return bavail / blocks;
}

function openOrMake(
  path: string,
  shardCount: number | undefined,
  ofNew: number,
): { manifest: Manifest; keys: FolderKeys } {
  const bytes = readFileIfThere(join(path, 'manifest.json'));
  if (bytes === null) return makeFolder(path, shardCount ?? ofNew);
  const manifest = parseManifest(bytes.toString('utf8'));
  const keys = readKeys(path, manifest.folderId);
  checkShardCount(manifest.shardCount, shardCount);
  return { manifest, keys };
}

/** The manifest comes last: a folder without one was never used, or never finished, or has lost it. */
function makeFolder(path: string, shardCount: number): { manifest: Manifest; keys: FolderKeys } {
  if (readdirSync(path).some((name) => name.startsWith('store-'))) {
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
  mkdirSync(join(path, 'keys'), { recursive: true, mode: 0o700 });
  mkdirSync(join(path, 'rankings'), { recursive: true, mode: 0o700 });
  writeFileDurably(masterPath(path), `${Buffer.from(keys.master).toString('hex')}\n`);
  chmodSync(masterPath(path), 0o600);
  writeFileDurably(indexPath(path), wrapIndexKey(keys, manifest.folderId));
  return { manifest, keys };
}

/** From now on the folder is one to be opened. */
export function writeManifest(path: string, manifest: Manifest): void {
  const text = JSON.stringify({ ...manifest, check: crc32(JSON.stringify(manifest)) }, null, 2);
  writeFileDurably(join(path, 'manifest.json'), `${text}\n`);
}

function parseManifest(text: string): Manifest {
  const damaged = () => new StorageFault('MANIFEST_DAMAGED', 'manifest.json is damaged: restore it from a backup');
  let parsed: Manifest & { readonly check: number };
  try {
    parsed = JSON.parse(text);
  } catch {
    throw damaged();
  }
  if (typeof parsed?.format !== 'number') throw damaged();
  if (parsed.format > FORMAT) {
    throw new StorageFault('FORMAT_NEWER', `the folder has format ${parsed.format}, this program knows ${FORMAT}`);
  }
  const { check, ...manifest } = parsed;
  if (crc32(JSON.stringify(manifest)) !== check) throw damaged();
  return manifest;
}

function readKeys(path: string, folderId: string): FolderKeys {
  const masterText = readFileIfThere(masterPath(path))?.toString('utf8').trim() ?? '';
  const wrapped = readFileIfThere(indexPath(path));
  if (wrapped === null) {
    throw new StorageFault('KEY_MISMATCH', 'keys/index.key is missing: restore it from the backup of the keys');
  }
  const master = Buffer.from(masterText, 'hex');
  if (master.length !== KEY_BYTES) {
    throw new StorageFault('KEY_MISMATCH', 'keys/master.key is missing or no key: put the right one there');
  }
  return { master, index: unwrapIndexKey(master, folderId, wrapped) };
}

function masterPath(path: string): string {
  return join(path, 'keys', 'master.key');
}

function indexPath(path: string): string {
  return join(path, 'keys', 'index.key');
}
