/**
 * The folder of a backup, which shipping fills too. All of it is immutable files that are written beside, synced and
 * renamed; only a file that others cover, or a base that no cut is restored from, is ever removed. Copies of keys lie in a folder of their own: whoever has this
 * one alone can read nobody's name.
 *
 *   backup.json         whose backup it is: the manifest of the data folder
 *   lock                held by who writes here
 *   cuts/NAME.json      a named cut with its vector of sequences, written when all that it needs is there
 *   bases/NAME/         rows of all stores as of that cut: store-N/data.mdb, and base.json when they are whole (base.ts)
 *   errors/             bad lines of files, as of each cut and of all that is here (errors-copy.ts)
 *   store-N/archive/    segments of the data folder, byte for byte, copied once
 *   store-N/tail/       segments of records that were in no segment there; they may overlap, and go when archive/ has them
 *   store-N/erased      slots whose keys were destroyed, also here: an older copy of the keys gives none of them back
 *
 * Where the stores were dealt out anew (reshard.ts), those of each generation lie beside those before under the names that
 * they have in the data folder: store-G.N. So one backup goes on, and its older cuts are of the older stores.
 *
 * Rows are folded out of the records, so a base tells no more than these: what is personal in it is sealed as it is there.
 *
 *   KEYS/               master.key, index.key, store-N.slots, store-N.erased, as in the data folder
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { StorageFault } from '../../engine/ports.ts';
import { readChecked, writeChecked } from '../lmdb/checked-json.ts';
import { hasCode, readFileIfThere, syncFolder } from '../lmdb/files.ts';
import { generationOf, indexPath, type Manifest, masterPath } from '../lmdb/folder.ts';
import { hashOf } from '../record.ts';
import { type StorePlace, storeName } from '../store-place.ts';

/** Of the backup as a whole, and of a cut: the second where there is more than one generation of stores. */
const FORMAT = 2;
const IDENTITY = 'backup.json';
const CUT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const CUT_FILE = '.json';

export interface BackupStorePaths {
  readonly archive: string;
  readonly tail: string;
  readonly erased: string;
}

export interface KeyPaths {
  readonly slots: string;
  readonly erased: string;
}

export interface Cut {
  readonly format: number;
  readonly name: string;
  /** Real time, ISO-8601. */
  readonly createdAt: string;
  /** The programme's time: of the last record inside. */
  readonly lastMs: number;
  /** Of its stores; absent = the first. */
  readonly generation?: number;
  /** Sequence of each store; closed. */
  readonly vector: readonly number[];
}

type InBackup = Omit<StorePlace, 'folderId'>;

export function backupStorePaths(folder: string, place: InBackup): BackupStorePaths {
  const path = backupStoreFolder(folder, place);
  return { archive: join(path, 'archive'), tail: join(path, 'tail'), erased: join(path, 'erased') };
}

export function backupStoreFolder(folder: string, place: InBackup): string {
  return join(folder, `store-${storeName(place)}`);
}

export function keyPaths(folder: string, place: InBackup): KeyPaths {
  const path = backupStoreFolder(folder, place);
  return { slots: `${path}.slots`, erased: `${path}.erased` };
}

export { indexPath, masterPath };

/** Where keys go when nobody says where. */
export function keysBeside(folder: string): string {
  return `${resolve(folder)}.keys`;
}

/** Stands where a segment names the one before it: segments of the tail are joined by their records alone. */
export function tailGenesis(place: StorePlace): Buffer {
  return hashOf(Buffer.from(`clickday ${place.folderId} tail ${storeName(place)}`));
}

/** Durably. */
export function makeFolders(...paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    syncFolder(join(path, '..'));
  }
}

/** @returns null where the folder has none. @throws StorageFault BACKUP_DAMAGED, FORMAT_NEWER */
export function readIdentity(folder: string): Manifest | null {
  const path = join(folder, IDENTITY);
  const bytes = readFileIfThere(path);
  if (bytes === null) return null;
  return readCheckedFile<BackupIdentity>(path, bytes, FORMAT).of;
}

interface BackupIdentity {
  readonly format: number;
  readonly of: Manifest;
}

export function writeIdentity(folder: string, of: Manifest): void {
  const identity: BackupIdentity = { format: formatIn(generationOf(of)), of };
  writeChecked(join(folder, IDENTITY), identity);
}

/** In the order in which they were made. @throws StorageFault BACKUP_DAMAGED, FORMAT_NEWER */
export function readCuts(folder: string): readonly Cut[] {
  const path = cutsFolder(folder);
  const cuts = namesIn(path).flatMap((file) => {
    if (!file.endsWith(CUT_FILE)) return [];
    const bytes = readFileIfThere(join(path, file));
    return bytes === null ? [] : [readCheckedFile<Cut>(join(path, file), bytes, FORMAT)];
  });
  return cuts.sort((one, other) => (one.createdAt < other.createdAt ? -1 : 1));
}

/** @throws StorageFault CUT_NAME_INVALID, CUT_EXISTS */
export function checkNewCutName(folder: string, name: string): void {
  if (!CUT_NAME.test(name)) {
    throw new StorageFault('CUT_NAME_INVALID', `"${name}" is no name for a cut: letters, digits, dots and dashes`);
  }
  if (readFileIfThere(join(cutsFolder(folder), name + CUT_FILE)) !== null) {
    throw new StorageFault('CUT_EXISTS', `${folder} has a cut named ${name} already: choose another name`);
  }
}

/** Durable when it returns. */
export function writeCut(folder: string, { generation = 0, ...cut }: Omit<Cut, 'format'>): Cut {
  const made: Cut = { format: formatIn(generation), ...cut, ...(generation === 0 ? {} : { generation }) };
  makeFolders(cutsFolder(folder));
  writeChecked(join(cutsFolder(folder), cut.name + CUT_FILE), made);
  return made;
}

/** A program that knows one generation refuses others, and goes on with what it knows. */
function formatIn(generation: number): number {
  return generation === 0 ? 1 : FORMAT;
}

function cutsFolder(folder: string): string {
  return join(folder, 'cuts');
}

/** Nothing where there is no such folder. */
export function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** @param formatMax the newest that this program knows. @throws StorageFault BACKUP_DAMAGED, FORMAT_NEWER */
export function readCheckedFile<T>(path: string, bytes: Buffer, formatMax: number): T {
  const { format, value } = readChecked(bytes.toString('utf8'));
  if (format !== null && format > formatMax) {
    throw new StorageFault('FORMAT_NEWER', `${path} was written by a newer version: use that one`);
  }
  if (format === null || value === null) throw backupDamaged(path, 'fails its checksum');
  return value as T;
}

export function backupDamaged(path: string, what: string): StorageFault {
  return new StorageFault('BACKUP_DAMAGED', `${path} ${what}: use another copy of the backup`);
}

export function otherHistory(path: string, where: string): StorageFault {
  return new StorageFault(
    'BACKUP_OTHER_HISTORY',
    `${path} goes on ${where} in a way that this data folder does not: it was restored from an earlier moment since; use ` +
      'a new folder',
  );
}
