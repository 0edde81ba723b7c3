/**
 * What a data folder keeps in errors/ (server/errors/store.ts): a sealed file for each file that had bad lines. A change makes
 * it anew under its name, so here its bytes lie under their hash, written once, and lists say which of them there were.
 *
 *   errors/HASH             the bytes, sealed as they were; gone when no list names them
 *   errors/newest.json      with all records that are here
 *   errors/cuts/NAME.json   with those of a cut; none where it had none
 *
 * Read before the records and listed after them: a line that a list calls resubmitted is in the records, and one whose
 * closing is too new for the list is open again, where resubmitting it has no second effect.
 */
import { rmSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StorageFault } from '../../engine/ports.ts';
import { writeChecked } from '../lmdb/checked-json.ts';
import {
  createFileDurably,
  hasCode,
  isUnfinished,
  readFileIfThere,
  writeFileDurably,
  writeFully,
} from '../lmdb/files.ts';
import { errorsFolder } from '../lmdb/folder.ts';
import { hashOf } from '../record.ts';
import { type Cut, makeFolders, namesIn, readCheckedFile, readCuts } from './layout.ts';

const FORMAT = 1;
const LIST = '.json';
/** Or what a kill left of one. */
const COPY_NAME = /^[0-9a-f]{64}(\.|$)/;

/** A file of errors/, with the SHA-256 of its bytes, hexadecimal. */
export interface ErrorCopy {
  readonly name: string;
  readonly hash: string;
}

interface ErrorList {
  readonly format: number;
  readonly files: readonly ErrorCopy[];
}

/** Of which moment: of a cut, by name, or with all that there is. */
export type ErrorsOf = Pick<Cut, 'name'> | 'newest';

export class ErrorsCopy {
  /** Of the data folder. */
  readonly #from: string;
  readonly #folder: string;
  /** By name: which file it was when it was copied. */
  #known = new Map<string, { readonly identity: string; readonly hash: string }>();
  #listed: string | null = null;
  /** When errors/ last changed, as two looks in a row have seen it: a third one finds nothing new. */
  #seen: readonly (number | undefined)[] = [];

  constructor({ from, folder }: { readonly from: string; readonly folder: string }) {
    this.#from = errorsFolder(from);
    this.#folder = folder;
  }

  /** Copies what is new there. @param isSure looks at all files, also where nothing seems to have changed */
  async bring(isSure: boolean): Promise<readonly ErrorCopy[]> {
    const changedMs = statSync(this.#from, { throwIfNoEntry: false })?.mtimeMs;
    const isSettled = this.#seen.length === 2 && this.#seen.every((seenMs) => seenMs === changedMs);
    if (isSure || !isSettled) {
      this.#seen = [...this.#seen.slice(-1), changedMs];
      await this.#bringAll();
    }
    return [...this.#known].map(([name, { hash }]) => ({ name, hash }));
  }

  /** All that `bring` had copied, now that the records are here. Durable when it returns. */
  list(files: readonly ErrorCopy[], of: ErrorsOf): void {
    const path = listPath(this.#folder, of);
    if (of !== 'newest') {
      if (files.length > 0) writeList(path, files);
      return;
    }
    const listed = JSON.stringify(files);
    if (listed === this.#listed) return;
    if (files.length > 0 || readFileIfThere(path) !== null) writeList(path, files);
    this.#listed = listed;
    dropErrors(this.#folder);
  }

  async #bringAll(): Promise<void> {
    const before = this.#known;
    this.#known = new Map();
    for (const name of namesIn(this.#from).toSorted()) {
      if (isUnfinished(name)) continue;
      const path = join(this.#from, name);
      const { ino, size, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {};
      const identity = [ino, size, mtimeMs].join(' ');
      const known = before.get(name);
      const hash = known?.identity === identity ? known.hash : await this.#copy(path);
      if (hash !== null) this.#known.set(name, { identity, hash });
    }
  }

  /** @returns null: it is gone, since it had no open line */
  async #copy(path: string): Promise<string | null> {
    const bytes = await readFile(path).catch((error: unknown) => {
      if (hasCode(error, 'ENOENT')) return null;
      throw error;
    });
    if (bytes === null) return null;
    const hash = hashOf(bytes).toString('hex');
    makeFolders(errorsFolder(this.#folder));
    const to = copyPath(this.#folder, hash);
    if (readFileIfThere(to)?.equals(bytes) !== true)
      await createFileDurably(to, (file) => writeFully(file, bytes, null));
    return hash;
  }
}

/** Lists without a cut, and copies that no list names. */
export function dropErrors(folder: string): void {
  const cuts = new Set(readCuts(folder).map(({ name }) => name + LIST));
  for (const name of namesIn(cutsFolder(folder))) if (!cuts.has(name)) rmSync(join(cutsFolder(folder), name));
  const { files, damaged } = listedErrors(folder);
  // Nobody knows what those name.
  if (damaged.length > 0) return;
  const needed = new Set(files.map(({ hash }) => hash));
  for (const name of namesIn(errorsFolder(folder))) {
    if (COPY_NAME.test(name) && !needed.has(name)) rmSync(join(errorsFolder(folder), name));
  }
}

/** @returns of all lists: how many files there are copies of, and what is wrong with those */
export function inspectErrors(folder: string): { readonly count: number; readonly damaged: readonly string[] } {
  const { files, damaged } = listedErrors(folder);
  const copies = new Map(files.map((file) => [file.hash, file]));
  const broken = [...copies.values()].flatMap((file) => (readCopy(folder, file) === null ? [complaint(file)] : []));
  return { count: copies.size, damaged: [...damaged, ...broken] };
}

/** Puts them where a data folder has them; what is damaged is left out and told of. Durable when it returns. */
export function placeErrors(
  folder: string,
  of: ErrorsOf,
  dataFolder: string,
): { readonly count: number; readonly damaged: readonly string[] } {
  const { files, damaged } = readList(folder, of);
  const to = errorsFolder(dataFolder);
  makeFolders(to);
  const broken = files.flatMap((file) => {
    const bytes = readCopy(folder, file);
    if (bytes === null) return [complaint(file)];
    writeFileDurably(join(to, file.name), bytes);
    return [];
  });
  return { count: files.length - broken.length, damaged: [...damaged, ...broken] };
}

interface ReadLists {
  readonly files: readonly ErrorCopy[];
  readonly damaged: readonly string[];
}

function listedErrors(folder: string): ReadLists {
  const cuts = namesIn(cutsFolder(folder)).map((file) => ({ name: file.slice(0, -LIST.length) }));
  const lists = (['newest', ...cuts] as const).map((of) => readList(folder, of));
  return { files: lists.flatMap(({ files }) => files), damaged: lists.flatMap(({ damaged }) => damaged) };
}

/** @throws StorageFault FORMAT_NEWER */
function readList(folder: string, of: ErrorsOf): ReadLists {
  const path = listPath(folder, of);
  const bytes = readFileIfThere(path);
  if (bytes === null) return { files: [], damaged: [] };
  try {
    return { files: readCheckedFile<ErrorList>(path, bytes, FORMAT).files, damaged: [] };
  } catch (fault) {
    if (!(fault instanceof StorageFault) || fault.code !== 'BACKUP_DAMAGED') throw fault;
    return { files: [], damaged: [`${path} fails its checksum`] };
  }
}

function writeList(path: string, files: readonly ErrorCopy[]): void {
  makeFolders(join(path, '..'));
  writeChecked(path, { format: FORMAT, files } satisfies ErrorList);
}

/** Null = it is gone, or another. */
function readCopy(folder: string, { hash }: ErrorCopy): Buffer | null {
  const bytes = readFileIfThere(copyPath(folder, hash));
  return bytes !== null && hashOf(bytes).toString('hex') === hash ? bytes : null;
}

function complaint({ name, hash }: ErrorCopy): string {
  return `errors/${hash}, the copy of errors/${name}, is missing or fails its checksum`;
}

function copyPath(folder: string, hash: string): string {
  return join(errorsFolder(folder), hash);
}

function listPath(folder: string, of: ErrorsOf): string {
  return of === 'newest' ? join(errorsFolder(folder), `newest${LIST}`) : join(cutsFolder(folder), of.name + LIST);
}

function cutsFolder(folder: string): string {
  return join(errorsFolder(folder), 'cuts');
}
