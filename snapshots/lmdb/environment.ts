/**
 * One LMDB environment, opened the way that its promises hold: one thread, one writer, bytes in and bytes out. No other
 * process may open it meanwhile, not even to read: lmdb-js sets the counter of transactions, which all of them share, at each
 * opening to what it has read before, and a writer that commits in between writes the next transaction over that one.
 *
 * `overlappingSync` is off. With it, lmdb-js writes its meta page before the data is synced and repairs that at the
 * next start; a failed sync rejects the put but leaves `flushed` waiting for ever, and readers see what is not yet on
 * the disk. Without it LMDB keeps its own order (data, sync, meta with O_DSYNC): the promise of a put resolves when it
 * is durable, rejects when it is not, and nobody reads anything earlier. Measured with 60 kB records, two appends in
 * flight: 1,460 commits a second without, 1,406 with it. `safeRestore` then has no work; it stays for whoever turns
 * the other on.
 */
import { closeSync, existsSync, ftruncateSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { IF_EXISTS, open, type RootDatabase, type RootDatabaseOptionsWithPath } from 'lmdb';
import { StorageFault } from '../../engine/ports.ts';
import { createFolderDurably, hasCode, syncFile } from './files.ts';

/** The file in which LMDB keeps everything. */
export function dataOf(path: string): string {
  return join(path, 'data.mdb');
}

export type Environment = RootDatabase<Buffer, Buffer>;

/** The typings of lmdb forget this one. */
type EnvironmentOptions = RootDatabaseOptionsWithPath & { readonly safeRestore: boolean };

export interface OpenedEnvironment {
  readonly database: Environment;
  /** The file was shorter than its own page count: everything in it must be read before it is trusted. */
  readonly isSuspect: boolean;
}

/**
 * Makes one where there is none. Of a new database a power cut may leave anything, and LMDB opens none of it: so it is
 * made beside, and gets its name once it is whole on the disk. LMDB, which has it open, does not mind.
 *
 * @throws StorageFault STORE_DAMAGED
 */
export function openEnvironment(path: string): OpenedEnvironment {
  if (existsSync(path)) return { isSuspect: fillTruncated(dataOf(path)), database: openDatabase(path) };
  const database = createFolderDurably(path, (unfinished) => {
    const made = openDatabase(unfinished);
    syncFile(dataOf(unfinished));
    return made;
  });
  return { database, isSuspect: false };
}

function openDatabase(path: string): Environment {
  try {
    const options: EnvironmentOptions = {
      path,
      noSubdir: false, // Else a name with a dot is taken for that of a file.
      ...BINARY,
      overlappingSync: false,
      safeRestore: true,
    };
    return open(options);
  } catch (error) {
    if (hasCode(error, 'EACCES', 'ENOSPC', 'EROFS')) throw error;
    throw new StorageFault('STORE_DAMAGED', `${path} cannot be opened: verify, then restore it`, { cause: error });
  }
}

/**
 * Reads one database from one end to the other, to see whether that can be done: a damaged page is noticed, or ends the
 * process by a signal.
 *
 * @returns how many entries it has
 * @throws StorageFault STORE_DAMAGED
 */
export function readThrough(path: string): number {
  return reading(() => {
    const database = open<Buffer, Buffer>({ path, noSubdir: false, readOnly: true, ...BINARY });
    let count = 0;
    for (const _ of database.getRange({})) count += 1;
    return count;
  });
}

const BINARY = { encoding: 'binary', keyEncoding: 'binary' } as const;

/**
 * Runs a read. A page that makes no sense is noticed by LMDB itself, in words of its own.
 * @throws StorageFault STORE_DAMAGED
 */
export function reading<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new StorageFault('STORE_DAMAGED', 'a database cannot be read: verify, then restore it', { cause: error });
  }
}

/** As the root of the tree says, which is told with each commit: rows that a damaged page hides are missed by it. */
export function entryCount(database: Environment): number {
  return reading(() => (database.getStats() as { readonly entryCount: number }).entryCount);
}

export interface EnvironmentRoom {
  readonly fileBytes: number;
  /** Of pages that hold something; the others wait to be used again, unless a reader keeps them from it. */
  readonly liveBytes: number;
}

/** The typings of lmdb say nothing of what is in it. */
interface EnvironmentStats {
  readonly pageSize: number;
  readonly lastPageNumber: number;
  readonly lastTxnId: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

/**
 * Who reads a state of the database that is not its newest any more: what has been freed since cannot be used again
 * (fault 10). Process, thread and transaction of each.
 */
export function pastReaders(database: Environment): readonly string[] {
  const { lastTxnId } = reading(() => database.getStats() as EnvironmentStats);
  const [, ...readers] = database.readerList().trim().split('\n');
  return readers.filter((reader) => Number(reader.trim().split(/\s+/)[2]) < lastTxnId);
}

export function roomOf(database: Environment): EnvironmentRoom {
  const stats = reading(() => database.getStats() as EnvironmentStats);
  const livePages = stats.treeBranchPageCount + stats.treeLeafPageCount + stats.overflowPages;
  return { fileBytes: (stats.lastPageNumber + 1) * stats.pageSize, liveBytes: livePages * stats.pageSize };
}

/** What the transactions before must have left: LMDB gives the next its chance after one whose flush failed. */
export interface Before {
  readonly there: Buffer;
  /** Null: nothing is being removed. */
  readonly gone: Buffer | null;
}

/**
 * Puts past the last key, with MDB_APPEND: pages fill up, and a key that is there already is refused. So is one that finds
 * not what should be before it: what was handed over behind a transaction that is lost must not outlive it.
 *
 * @param before null = the first
 */
export async function append(
  database: Environment,
  { key, value, before }: { readonly key: Buffer; readonly value: Buffer; readonly before: Before | null },
): Promise<void> {
  // The typings know these options for `putSync` alone.
  const put = database.put as (key: Buffer, value: Buffer, options: { append: boolean }) => Promise<boolean>;
  const putNow = () => put.call(database, key, value, { append: true });
  const isPut = before === null ? putNow() : behind(database, before, putNow);
  if (!(await isPut)) throw new Error('the database holds a record of that number already, or not what was before it');
}

/** Nothing is removed when `previous` is not there, for the same reason. @throws Error if it is not */
export async function remove(
  database: Environment,
  { keys, previous }: { readonly keys: readonly Buffer[]; readonly previous: Buffer },
): Promise<void> {
  const isThere = database.ifVersion(previous, IF_EXISTS, () => {
    for (const key of keys) database.remove(key);
  });
  if (!(await isThere)) throw new Error('the database does not hold the record that was handed over last');
}

async function behind(database: Environment, { there, gone }: Before, work: () => Promise<boolean>): Promise<boolean> {
  const done: Promise<boolean>[] = [];
  const onceGone = () => {
    if (gone === null) done.push(work());
    else done.push(database.ifNoExists(gone, () => done.push(work())));
  };
  const isThere = database.ifVersion(there, IF_EXISTS, onceGone);
  return (await Promise.all([isThere, ...done])).every((isDone) => isDone);
}

// Of lmdb's struct MDB_meta, behind a page header of 24 bytes; there are two, in pages 0 and 1.
const META_MAGIC_AT = 24;
const META_MAGIC = 0xbeefc0de;
const PAGE_BYTES_AT = 48;
const LAST_PAGE_AT = 144;
const META_BYTES = 152;

/**
 * LMDB maps the file, and touching a page that a truncated file lacks kills the process with SIGBUS. Filled up with
 * zeros such a page is merely wrong, which is noticed. A file may also be short and good: pages taken and given back
 * in one transaction are counted and never written.
 */
function fillTruncated(path: string): boolean {
  const bytes = statSync(path, { throwIfNoEntry: false })?.size;
  if (bytes === undefined) throw new StorageFault('STORE_DAMAGED', `${path} is missing: restore it`);
  const descriptor = openSync(path, 'r+');
  try {
    const needed = bytesNeeded(descriptor, path);
    if (needed <= bytes) return false;
    ftruncateSync(descriptor, needed);
    return true;
  } finally {
    closeSync(descriptor);
  }
}

function bytesNeeded(descriptor: number, path: string): number {
  const first = readMeta(descriptor, path, 0);
  const second = readMeta(descriptor, path, first.pageBytes);
  return (Math.max(first.lastPage, second.lastPage) + 1) * first.pageBytes;
}

function readMeta(descriptor: number, path: string, position: number): { pageBytes: number; lastPage: number } {
  const meta = Buffer.alloc(META_BYTES);
  const read = readSync(descriptor, meta, 0, META_BYTES, position);
  if (read < META_BYTES || meta.readUInt32LE(META_MAGIC_AT) !== META_MAGIC) {
    throw new StorageFault('STORE_DAMAGED', `${path} is cut short or no database: restore it`);
  }
  return { pageBytes: meta.readUInt32LE(PAGE_BYTES_AT), lastPage: Number(meta.readBigUInt64LE(LAST_PAGE_AT)) };
}
