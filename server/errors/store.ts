/**
 * Bad lines on disk: a sealed file for each file that had some, in the data folder, written whole each time that one of
 * its lines is closed. The same file again changes nothing. What a line said goes when it is closed.
 *
 * Bounded thrice: lines of a file (BadLines), bytes and files in all. Where there is no more room files without an open
 * line go, the oldest first; where there are none, new lines are counted and not kept, which every page tells.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InOrder, invariant, LIMITS, type Read } from '../../engine/index.ts';
import { createFileDurably, type Seal } from '../../snapshots/index.ts';
import type { BadLine, BadLines } from './bad-lines.ts';

export const ERROR_STATES = ['open', 'taken', 'dismissed'] as const;
export type ErrorState = (typeof ERROR_STATES)[number];

/** A file with bad lines. */
export interface ErrorFile {
  /** `transactions`: an acquirer's, also of device tokens, as its name says. */
  readonly kind: 'transactions' | 'outcomes' | 'complaints';
  readonly name: string;
  /** ABI code; empty of a file from the bank. */
  readonly sender: string;
  /** SHA-256 of its clear text, hexadecimal. */
  readonly digest: string;
  readonly receivedMs: number;
}

interface ErrorRecord extends BadLine {
  readonly state: ErrorState;
  /** Who closed it, when, and why it was dismissed; empty and 0 while it is open. */
  readonly operator: string;
  readonly reason: string;
  readonly closedMs: number;
}

export interface ErrorView extends ErrorRecord {
  readonly id: string;
  readonly file: ErrorFile;
}

export interface ErrorsPage {
  readonly errors: readonly ErrorView[];
  /** Null = this is the last page. */
  readonly nextCursor: string | null;
  /** Bad lines that are not kept, of the files that were asked for; of those that had no room at all since the start. */
  readonly unkeptCount: number;
}

export interface ErrorsQuery {
  /** Name; absent: of all files. */
  readonly file?: string | undefined;
  /** Absent: in any. */
  readonly state?: ErrorState | undefined;
  readonly limit: number;
  /** Of the page before; what is not one finds nothing. */
  readonly cursor?: string | undefined;
}

export interface KeptErrors {
  readonly keptCount: number;
  readonly unkeptCount: number;
}

/** Of a file without bad lines, or where none are kept. */
export const NO_ERRORS: KeptErrors = { keptCount: 0, unkeptCount: 0 };

export type Closing = Pick<ErrorRecord, 'operator' | 'reason' | 'closedMs'> & {
  readonly state: Exclude<ErrorState, 'open'>;
};

export interface ErrorStoreOptions {
  /** Its own; made if need be. */
  readonly folder: string;
  readonly seal: Seal;
  /** A file in it cannot be opened: it stays, and is not shown. */
  readonly unreadable: (name: string) => void;
  /** Default LIMITS.errorBytesMax. */
  readonly bytesMax?: number | undefined;
}

/** What one sealed file says. */
interface Sheet {
  readonly file: ErrorFile;
  readonly unkeptCount: number;
  readonly records: readonly ErrorRecord[];
}

/** What is known of it without opening it. */
interface Entry extends Pick<Sheet, 'file' | 'unkeptCount'> {
  /** On disk: sorts by arrival. */
  readonly name: string;
  readonly recordCount: number;
  readonly openCount: number;
  readonly bytes: number;
}

const ID_DIGITS = 16;
const NAME_FORM = /^\d{15}-([0-9a-f]{16})$/;
const ERROR_ID_FORM = /^([0-9a-f]{16})-([1-9]\d{0,9})$/;

export class ErrorStore {
  readonly #options: ErrorStoreOptions;
  /** By the first part of their lines' ids. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #unkeptCount = 0;
  /** One thing at a time is changed. */
  readonly #inOrder = new InOrder();

  static async open(options: ErrorStoreOptions): Promise<ErrorStore> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    const store = new ErrorStore(options);
    for (const name of await readdir(options.folder)) await store.#load(name);
    return store;
  }

  private constructor(options: ErrorStoreOptions) {
    this.#options = options;
  }

  /** Durable when resolved. */
  keep(file: ErrorFile, { lines, unheldCount }: BadLines): Promise<KeptErrors> {
    return this.#inOrder.run(async () => {
      if (lines.length === 0) return NO_ERRORS;
      const id = this.#idOf(file);
      const known = this.#entries.get(id);
      if (known !== undefined) return { keptCount: known.recordCount, unkeptCount: known.unkeptCount };
      const open = { state: 'open', operator: '', reason: '', closedMs: 0 } as const;
      const records = lines.map((line): ErrorRecord => ({ ...line, ...open }));
      const name = `${String(file.receivedMs).padStart(15, '0')}-${id}`;
      const sealed = this.#sealed(name, { file, unkeptCount: unheldCount, records });
      if (await this.#makeRoom(sealed.length)) {
        await this.#write(name, { file, unkeptCount: unheldCount, records }, sealed);
        return { keptCount: lines.length, unkeptCount: unheldCount };
      }
      this.#unkeptCount += lines.length + unheldCount;
      return { keptCount: 0, unkeptCount: lines.length + unheldCount };
    });
  }

  /** File by file as they arrived, line by line. */
  page(query: ErrorsQuery): Promise<ErrorsPage> {
    return this.#inOrder.run(() => this.#page(query));
  }

  async #page({ file, state, limit, cursor }: ErrorsQuery): Promise<ErrorsPage> {
    const wanted = [...this.#entries]
      .filter(([, entry]) => file === undefined || entry.file.name === file)
      .sort(([, left], [, right]) => (left.name < right.name ? -1 : 1));
    const unkeptCount = wanted.reduce((sum, [, entry]) => sum + entry.unkeptCount, this.#unkeptCount);
    const [fromName = '', fromLine = '0'] = cursor?.split(' ') ?? [];
    const errors: ErrorView[] = [];
    for (const [id, entry] of wanted) {
      if (entry.name < fromName || (state === 'open' && entry.openCount === 0)) continue;
      for (const record of (await this.#read(entry.name))?.records ?? []) {
        if (entry.name === fromName && record.line <= Number(fromLine)) continue;
        if (state !== undefined && record.state !== state) continue;
        if (errors.length === limit)
          return { errors, nextCursor: cursorOf(errors.at(-1)!, this.#entries), unkeptCount };
        errors.push({ id: `${id}-${record.line}`, file: entry.file, ...record });
      }
    }
    return { errors, nextCursor: null, unkeptCount };
  }

  /**
   * Closes an open line, if `decide` says so: nobody else changes it meanwhile.
   *
   * @returns ERROR_NOT_FOUND, ERROR_CLOSED, what `decide` refuses with
   */
  close(id: string, decide: (error: ErrorView) => Promise<Read<Closing>>): Promise<Read<ErrorView>> {
    return this.#inOrder.run(async () => {
      const [, fileId = '', line] = ERROR_ID_FORM.exec(id) ?? [];
      const entry = this.#entries.get(fileId);
      const sheet = entry === undefined ? null : await this.#read(entry.name);
      const record = sheet?.records.find((one) => one.line === Number(line));
      if (entry === undefined || sheet === null || record === undefined) return { ok: false, code: 'ERROR_NOT_FOUND' };
      if (record.state !== 'open') return { ok: false, code: 'ERROR_CLOSED' };
      const decided = await decide({ id, file: entry.file, ...record });
      if (!decided.ok) return decided;
      const closed: ErrorRecord = { ...record, ...decided.value, text: '', isWhole: false };
      await this.#write(entry.name, {
        ...sheet,
        records: sheet.records.map((one) => (one === record ? closed : one)),
      });
      return { ok: true, value: { id, file: entry.file, ...closed } };
    });
  }

  #idOf({ kind, sender, digest }: ErrorFile): string {
    return this.#options.seal.digest(`${kind} ${sender} ${digest}`).slice(0, ID_DIGITS);
  }

  async #makeRoom(bytes: number): Promise<boolean> {
    const { bytesMax = LIMITS.errorBytesMax } = this.#options;
    const isRoom = () => this.#bytes + bytes <= bytesMax && this.#entries.size < LIMITS.errorFilesMax;
    const closed = [...this.#entries.values()].filter(({ openCount }) => openCount === 0);
    for (const entry of closed.sort((left, right) => (left.name < right.name ? -1 : 1))) {
      if (isRoom()) break;
      await rm(join(this.#options.folder, entry.name));
      this.#entries.delete(this.#idOf(entry.file));
      this.#bytes -= entry.bytes;
    }
    return isRoom();
  }

  #sealed(name: string, sheet: Sheet): Buffer {
    return this.#options.seal.seal(name, Buffer.from(JSON.stringify(sheet)));
  }

  async #write(name: string, sheet: Sheet, sealed = this.#sealed(name, sheet)): Promise<void> {
    await createFileDurably(join(this.#options.folder, name), (file) => file.writeFile(sealed));
    this.#note(name, sheet, sealed.length);
  }

  #note(name: string, { file, unkeptCount, records }: Sheet, bytes: number): void {
    const id = this.#idOf(file);
    const openCount = records.filter(({ state }) => state === 'open').length;
    this.#bytes += bytes - (this.#entries.get(id)?.bytes ?? 0);
    this.#entries.set(id, { name, file, unkeptCount, recordCount: records.length, openCount, bytes });
  }

  async #read(name: string): Promise<Sheet | null> {
    const sealed = await readFile(join(this.#options.folder, name));
    const plain = this.#options.seal.open(name, sealed);
    return plain === null ? null : (JSON.parse(plain.toString()) as Sheet);
  }

  async #load(name: string): Promise<void> {
    const path = join(this.#options.folder, name);
    // What a kill left of a file that was being written.
    if (name.endsWith('.tmp')) return rm(path);
    if (!NAME_FORM.test(name)) return;
    const sheet = await this.#read(name);
    if (sheet === null) return this.#options.unreadable(name);
    this.#note(name, sheet, (await readFile(path)).length);
  }
}

function cursorOf({ id, line }: ErrorView, entries: ReadonlyMap<string, Entry>): string {
  const entry = entries.get(id.slice(0, ID_DIGITS));
  invariant(entry !== undefined, 'a page names files that are there');
  return `${entry.name} ${line}`;
}
