/**
 * Writes a payout as files of so many rows, a few side by side: each waits for the disk six times. Rows are claimed before
 * they are written, a file is announced before it has its name, and told of once it and its checksum would survive a power
 * cut: the caller marks its records at the first and the last, so that none is paid twice. Names are given in the order of
 * numbers: of whoever has found a file, all files before it could be found.
 *
 *     claimed -> written, flushed -> announced -> named, after those before -> flushed -> told of
 *                                    a crash here leaves all of it or nothing under the announced name
 */
import { createHash } from 'node:crypto';
import { open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, invariant, romeText } from '../../engine/index.ts';
import { type PayoutRow, payoutRowFault, sumCents } from './payout-row.ts';

/** What the files say. */
export interface PayoutFormat {
  /** How their names begin. */
  readonly prefix: string;
  readonly extension: string;
  /** The text of one file, in pieces. The rows are without faults, and at least one. */
  pieces(rows: readonly PayoutRow[], place: FilePlace): Iterable<string>;
}

/** One file among those of its run. */
export interface FilePlace {
  /** From 1. */
  readonly number: number;
  readonly total: number;
  /** Of the whole run: all its files are of one instant. */
  readonly startedMs: number;
}

/** What becomes of the bytes on their way to the disk: encryption. */
export interface OutputTransform {
  /** Added to the name: `.pgp`. */
  readonly suffix: string;
  readonly apply: (clear: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
}

export interface PayoutFilesOptions {
  /** Is there, and has one run at a time. */
  readonly folder: string;
  readonly format: PayoutFormat;
  readonly clock: Clock;
  /** Of all files together: their names tell how many there will be. */
  readonly rowCount: number;
  /** Default 1,000, at most ROWS_PER_FILE_MAX. */
  readonly rowsPerFile?: number;
  /** Default 1. */
  readonly filesAtOnce?: number;
  /** Absent: the files are in the clear. */
  readonly transform?: OutputTransform;
  /**
   * Before the rows of a file are written: resolves with those that are to be in it, when the caller will remember, over
   * a crash, that these may have gone out. Absent: all.
   */
  readonly claim?: (rows: readonly PayoutRow[], place: FilePlace) => Promise<readonly PayoutRow[]>;
  /** Resolves when the caller will remember, over a crash, that the file may be found under this name. */
  readonly announce?: (file: WrittenFile) => Promise<void>;
  /** The file that was announced never had its name, and never will. What fails here leaves it announced. */
  readonly withdraw?: (place: FilePlace) => Promise<void>;
}

export interface WrittenFile extends FilePlace {
  /** In the folder, what the transform adds included. */
  readonly name: string;
  /** The records in it, in its order. */
  readonly ids: readonly number[];
  readonly amountCents: number;
  /** Of the clear text, hexadecimal; what the checksum file says. */
  readonly sha256: string;
}

/**
 * `FILE_EXISTS`: another run has these names. `ROW_COUNT_WRONG`: the rows are not as many as was said.
 * `ROW_UNWRITABLE`: a row has a fault.
 */
export class PayoutFault extends Error {
  readonly code: 'FILE_EXISTS' | 'ROW_COUNT_WRONG' | 'ROW_UNWRITABLE';
  constructor(code: PayoutFault['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** The rows of a file are in memory together, half a kilobyte each. */
export const ROWS_PER_FILE_MAX = 10_000;
const ROWS_PER_FILE = 1_000;
const UNFINISHED = '.unfinished';
/** Handed to the disk, or to the transform, at a time. */
const PIECE_CHARACTERS = 65_536;

/**
 * Files are begun when those before were asked past, and all their rows have come; so each knows its own sums, whatever
 * changes in the source meanwhile, and a bad row is found before the first byte. The last one waits for the end of the
 * source. Where one fails, those before it are told of first, and none behind it has a name.
 *
 * @param pages of rows without faults (`payoutRowFault`), each once; null = one that was counted, and is not sent after all
 * @returns each file when it is delivered
 * @throws PayoutFault, or what `announce` and the disk say: the files told of so far stand, of the next nothing does
 */
export async function* writePayoutFiles(
  pages: AsyncIterable<readonly (PayoutRow | null)[]>,
  options: PayoutFilesOptions,
): AsyncGenerator<WrittenFile> {
  const { folder, format, rowCount, rowsPerFile = ROWS_PER_FILE } = options;
  invariant(rowsPerFile >= 1 && rowsPerFile <= ROWS_PER_FILE_MAX, `files of ${rowsPerFile} rows`);
  const startedMs = options.clock.nowMs();
  const total = Math.ceil(rowCount / rowsPerFile);
  await prepareFolder(folder, format, startedMs);
  let number = 0;
  for await (const group of groupsOf(chunksOf(pages, { rowCount, rowsPerFile }), options.filesAtOnce ?? 1)) {
    let before: Promise<unknown> = Promise.resolve();
    const begun = group.map((chunk) => {
      number += 1;
      const named = claimAndName(chunk, { number, total, startedMs }, { ...options, before });
      before = named;
      return flushed(named, folder);
    });
    const ended = await Promise.allSettled(begun);
    for (const one of ended) if (one.status === 'fulfilled' && one.value !== null) yield one.value;
    for (const one of ended) if (one.status === 'rejected') throw one.reason;
  }
}

/** `before`: the files before it, by number, have their names. */
interface NamingOptions extends PayoutFilesOptions {
  readonly before: Promise<unknown>;
}

/** @returns null: all that would have been in it are not sent after all */
async function claimAndName(
  rows: readonly PayoutRow[],
  place: FilePlace,
  options: NamingOptions,
): Promise<WrittenFile | null> {
  const claimed = options.claim === undefined ? rows : await options.claim(rows, place);
  if (claimed.length > 0) return writeAndName(claimed, place, options);
  await options.before;
  return null;
}

/** Where that fails it stays: it can be found, and perhaps it was. */
async function flushed(named: Promise<WrittenFile | null>, folder: string): Promise<WrittenFile | null> {
  const file = await named;
  if (file !== null) await syncFolder(folder);
  return file;
}

/** Where the source fails, what came before is handed on first. */
async function* groupsOf<T>(items: AsyncIterable<T>, countMax: number): AsyncGenerator<readonly T[]> {
  let group: T[] = [];
  try {
    for await (const item of items) {
      group.push(item);
      if (group.length < countMax) continue;
      const whole = group;
      group = [];
      yield whole;
    }
  } catch (error) {
    if (group.length > 0) yield group;
    throw error;
  }
  if (group.length > 0) yield group;
}

async function* chunksOf(
  pages: AsyncIterable<readonly (PayoutRow | null)[]>,
  { rowCount, rowsPerFile }: { readonly rowCount: number; readonly rowsPerFile: number },
): AsyncGenerator<readonly PayoutRow[]> {
  let chunk: PayoutRow[] = [];
  let count = 0;
  for await (const page of pages) {
    for (const row of page) {
      if (count === rowCount) throw new PayoutFault('ROW_COUNT_WRONG', `more than the ${rowCount} rows that were said`);
      if (count > 0 && count % rowsPerFile === 0) {
        yield chunk;
        chunk = [];
      }
      count += 1;
      if (row !== null) chunk.push(row);
    }
  }
  if (count < rowCount) throw new PayoutFault('ROW_COUNT_WRONG', `${count} of the ${rowCount} rows that were said`);
  yield chunk;
}

async function writeAndName(
  rows: readonly PayoutRow[],
  place: FilePlace,
  { folder, format, transform, announce, withdraw, before }: NamingOptions,
): Promise<WrittenFile> {
  checkRows(rows);
  const clearName = clearFileName(format, place, rows.length);
  const name = `${clearName}${transform?.suffix ?? ''}`;
  const [path, checksumPath] = [join(folder, name), join(folder, checksumNameOf(name))];
  const clear = new ClearText(format.pieces(rows, place));
  let known: 'to nobody' | 'by its announcement' | 'perhaps in the folder' = 'to nobody';
  try {
    await writeUnfinished(path, transform === undefined ? clear.bytes() : transform.apply(clear.bytes()));
    await writeUnfinished(checksumPath, [Buffer.from(`${clear.sha256}  ${clearName}\n`)]);
    const ids = rows.map(({ id }) => id);
    const file = { ...place, name, ids, amountCents: sumCents(rows), sha256: clear.sha256 };
    known = 'by its announcement';
    await announce?.(file);
    await before;
    // The checksum first: whoever finds a file finds it too.
    await rename(checksumPath + UNFINISHED, checksumPath);
    known = 'perhaps in the folder';
    await rename(path + UNFINISHED, path);
    return file;
  } catch (error) {
    await Promise.allSettled(pathsOf(folder, name).map((each) => rm(each, { force: true })));
    if (known === 'by its announcement') await withdraw?.(place).catch(() => undefined);
    throw error;
  }
}

/** It was not sent, and will not be: nobody finds it any more, also after a power cut. */
export async function removePayoutFile(folder: string, name: string): Promise<void> {
  await Promise.all(pathsOf(folder, name).map((path) => rm(path, { force: true })));
  await syncFolder(folder);
}

/** Of a file and its checksum, finished or not. */
function pathsOf(folder: string, name: string): readonly string[] {
  const paths = [name, checksumNameOf(name)].map((each) => join(folder, each));
  return paths.flatMap((path) => [path, path + UNFINISHED]);
}

/** Whatever comes after the count of rows. */
function checksumNameOf(name: string): string {
  return name.replace(/(\.\d+_\d+\.\d+)\..*$/, '$1.sha256sum');
}

/** The text of one file as bytes, read once, and the hash of them. */
class ClearText {
  readonly #pieces: Iterable<string>;
  readonly #hash = createHash('sha256');
  #sha256: string | null = null;

  constructor(pieces: Iterable<string>) {
    this.#pieces = pieces;
  }

  /** Hexadecimal; there when all bytes were read. */
  get sha256(): string {
    invariant(this.#sha256 !== null, 'a transform left some of its file behind');
    return this.#sha256;
  }

  async *bytes(): AsyncGenerator<Uint8Array> {
    let text = '';
    for (const piece of this.#pieces) {
      text += piece;
      if (text.length < PIECE_CHARACTERS) continue;
      yield this.#hashed(text);
      text = '';
    }
    yield this.#hashed(text);
    this.#sha256 = this.#hash.digest('hex');
  }

  #hashed(text: string): Uint8Array {
    const bytes = Buffer.from(text);
    this.#hash.update(bytes);
    return bytes;
  }
}

/** `<ddMMyyyy>.<HHmmss>`, as Rome's clocks show it. */
export function stampText(ms: number): string {
  const text = romeText(ms);
  return `${text.slice(8, 10)}${text.slice(5, 7)}${text.slice(0, 4)}.${text.slice(11, 19).replaceAll(':', '')}`;
}

function clearFileName({ prefix, extension }: PayoutFormat, place: FilePlace, rowCount: number): string {
  const [number, total] = [place.number, place.total].map((value) => String(value).padStart(2, '0'));
  return `${prefix}.${stampText(place.startedMs)}.${number}_${total}.${rowCount}.${extension}`;
}

function checkRows(rows: readonly PayoutRow[]): void {
  for (const row of rows) {
    const fault = payoutRowFault(row);
    if (fault !== null) throw new PayoutFault('ROW_UNWRITABLE', `record ${row.id}: ${fault.code} ${fault.detail}`);
  }
}

/**
 * Removes what a killed process left: names and accounts, perhaps in the clear. And refuses to write over what another
 * run of this second has written, as a clock that stands still would have it.
 */
async function prepareFolder(folder: string, { prefix }: PayoutFormat, startedMs: number): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(`${prefix}.`));
  const unfinished = names.filter((name) => name.endsWith(UNFINISHED));
  await Promise.all(unfinished.map((name) => rm(join(folder, name))));
  const earlier = names.find(
    (name) => name.startsWith(`${prefix}.${stampText(startedMs)}.`) && !unfinished.includes(name),
  );
  if (earlier !== undefined) throw new PayoutFault('FILE_EXISTS', `a run of the same second has written ${earlier}`);
}

async function writeUnfinished(path: string, bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  const file = await open(path + UNFINISHED, 'w', 0o600);
  try {
    await writeFile(file, bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
