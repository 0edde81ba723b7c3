/**
 * A base: the rows of all stores as of a cut, so that a restore folds only what comes after it. Rows are a fold of
 * records, so a base holds nothing that the backup does not, names nobody without the keys, and is never needed: where it is
 * damaged, or newer than what is wanted, records are folded from an earlier one or from the beginning.
 *
 *   store 0   ===================·····|          its copy holds records up to = for sure, up to · perhaps, none past |
 *   store 1   =========================··|       | is the cut: whoever wants at least that much may begin with the base
 *
 * The copies are made one after the other, of stores that are in the middle of a checkpoint or not: each is what a crash
 * at that moment would leave, and is gone on from as recovery does. The cut is made when all of them are there.
 */
import { createHash } from 'node:crypto';
import { createReadStream, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { StorageFault } from '../../engine/ports.ts';
import { FORMAT_OLDEST } from '../codec/formats.ts';
import { writeChecked } from '../lmdb/checked-json.ts';
import { dataOf } from '../lmdb/environment.ts';
import { createFileDurably, hasCode, readFileIfThere, syncFolder, writeFully } from '../lmdb/files.ts';
import { placeOf, placesOf } from '../lmdb/folder.ts';
import type { StorePlace } from '../store-place.ts';
import { backupDamaged, backupStoreFolder, type Cut, makeFolders, namesIn, readCheckedFile } from './layout.ts';
import type { BackupReader } from './reader.ts';
import type { BackupSource, RowsCopied } from './source.ts';

const FORMAT = 1;
const PIECE_BYTES = 1_048_576;

export interface Base {
  readonly format: number;
  /** That of its cut. */
  readonly name: string;
  /** Of its stores; they are all of one. */
  readonly generation: number;
  /** Of its cut: no row is of a later record. */
  readonly vector: readonly number[];
  readonly stores: readonly BaseStore[];
}

export interface BaseStore extends RowsCopied {
  /** Of the record at the cut, hexadecimal. */
  readonly recordHash: string;
  readonly bytes: number;
  /** SHA-256, hexadecimal. */
  readonly hash: string;
}

/** Copies without a word of what they are: of no use yet. */
export interface UnsealedBase {
  readonly name: string;
  readonly stores: readonly RowsCopied[];
}

/** @throws StorageFault ROWS_NOT_COPIED, ROW_DAMAGED */
export async function copyBase(folder: string, name: string, source: BackupSource): Promise<UnsealedBase> {
  removeBase(folder, name);
  const stores: RowsCopied[] = [];
  for (const place of placesOf(source.manifest)) {
    const to = rowsFolder(folder, name, place);
    makeFolders(basesFolder(folder), baseFolder(folder, name), to);
    stores.push(await source.copyRows(place.index, to));
    await syncData(to);
  }
  return { name, stores };
}

/** All that it needs is in the backup by now. Durable when resolved. */
export async function sealBase(base: UnsealedBase, vector: Cut['vector'], reader: BackupReader): Promise<void> {
  const stores: BaseStore[] = [];
  for (const [index, store] of base.stores.entries()) {
    const path = dataOf(rowsFolder(reader.folder, base.name, placeOf(reader.manifest, index)));
    const recordHash = reader.hashAt(index, vector[index]!);
    stores.push({ ...store, recordHash, bytes: statSync(path).size, hash: await hashFile(path) });
  }
  const sealed: Base = { format: FORMAT, name: base.name, generation: reader.generation, vector, stores };
  writeChecked(sealPath(reader.folder, base.name), sealed);
}

export interface Bases {
  /** The newest first. */
  readonly bases: readonly Base[];
  /** What they should say of themselves cannot be read. */
  readonly damaged: readonly string[];
}

/** @throws StorageFault FORMAT_NEWER */
export function readBases(folder: string): Bases {
  const [bases, damaged]: [Base[], string[]] = [[], []];
  for (const name of namesIn(basesFolder(folder))) {
    try {
      const base = readBase(folder, name);
      if (base !== null) bases.push(base);
    } catch (fault) {
      if (!(fault instanceof StorageFault) || fault.code !== 'BACKUP_DAMAGED') throw fault;
      damaged.push(name);
    }
  }
  return { bases: bases.sort(newestFirst), damaged };
}

/** @returns what is wrong with it; null = nothing */
export async function checkBase(base: Base, backup: BackupReader): Promise<string | null> {
  if (base.generation > backup.generation) return `the backup has no stores of generation ${base.generation}`;
  const reader = backup.in(base.generation);
  for (const [index, { bytes, hash, recordHash }] of base.stores.entries()) {
    const path = dataOf(rowsFolder(reader.folder, base.name, placeOf(reader.manifest, index)));
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size !== bytes) return `${path} has ${size ?? 'no'} bytes and should have ${bytes}`;
    if ((await hashFile(path)) !== hash) return `${path} fails its checksum`;
    const last = base.vector[index]!;
    if (last > reader.last(index)) return `the backup lacks record ${last} of store ${index}, which it needs`;
    if (reader.hashAt(index, last) !== recordHash) return `record ${last} of store ${index} is another one there`;
  }
  return null;
}

/** Whether stores with all records up to there may begin with it. */
export function isWithin(base: Base, { generation = 0, vector }: Pick<Cut, 'generation' | 'vector'>): boolean {
  const isReadable = base.stores.every(({ format }) => format >= FORMAT_OLDEST);
  const isOfThem = base.generation === generation;
  return isReadable && isOfThem && base.vector.every((sequence, store) => sequence <= vector[store]!);
}

/** Its rows of one store to where an environment is to be. @throws StorageFault BACKUP_DAMAGED where they changed since */
export async function placeBase(folder: string, base: Base, place: StorePlace, environment: string): Promise<void> {
  makeFolders(environment);
  const path = dataOf(rowsFolder(folder, base.name, place));
  await createFileDurably(dataOf(environment), async (file) => {
    const hash = createHash('sha256');
    for await (const piece of piecesOf(path)) {
      hash.update(piece);
      await writeFully(file, piece, null);
    }
    if (hash.digest('hex') !== base.stores[place.index]!.hash) throw backupDamaged(path, 'fails its checksum');
  });
}

/** Those that no cut would be restored from, and what is none. The newest stays. */
export function dropBases(folder: string, cuts: readonly Cut[]): void {
  const { bases } = readBases(folder);
  const needed = new Set(bases.slice(0, 1));
  for (const cut of cuts) {
    const best = bases.find((base) => isWithin(base, cut));
    if (best !== undefined) needed.add(best);
  }
  const names = new Set([...needed].map(({ name }) => name));
  for (const name of namesIn(basesFolder(folder))) if (!names.has(name)) removeBase(folder, name);
}

function newestFirst(one: Base, other: Base): number {
  return other.generation - one.generation || recordsIn(other) - recordsIn(one);
}

function recordsIn({ vector }: Base): number {
  return vector.reduce((sum, sequence) => sum + sequence, 0);
}

function readBase(folder: string, name: string): Base | null {
  const path = sealPath(folder, name);
  const bytes = readFileIfThere(path);
  return bytes === null ? null : readCheckedFile<Base>(path, bytes, FORMAT);
}

/** What says that it is one goes first. */
function removeBase(folder: string, name: string): void {
  const path = baseFolder(folder, name);
  rmSync(sealPath(folder, name), { force: true });
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) syncFolder(path);
  rmSync(path, { recursive: true, force: true });
}

async function syncData(path: string): Promise<void> {
  const file = await open(dataOf(path), 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  syncFolder(path);
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of piecesOf(path)) hash.update(piece);
  return hash.digest('hex');
}

/** @throws StorageFault BACKUP_DAMAGED where it is gone: whoever adds to the backup may drop a base */
async function* piecesOf(path: string): AsyncIterable<Buffer> {
  try {
    for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) yield piece as Buffer;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) throw backupDamaged(path, 'is gone');
    throw error;
  }
}

function basesFolder(folder: string): string {
  return join(folder, 'bases');
}

function baseFolder(folder: string, name: string): string {
  return join(basesFolder(folder), name);
}

function rowsFolder(folder: string, name: string, place: StorePlace): string {
  return backupStoreFolder(baseFolder(folder, name), place);
}

function sealPath(folder: string, name: string): string {
  return join(baseFolder(folder, name), 'base.json');
}
