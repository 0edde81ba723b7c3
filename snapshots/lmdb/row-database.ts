/** Rows in an LMDB environment of their own. */
import { LIMITS } from '../../engine/limits.ts';
import { StorageFault } from '../../engine/ports.ts';
import type { KeyedChange, RowMedium } from '../media.ts';
import { type Environment, entryCount, reading } from './environment.ts';

const SLOW_FAULTS = 8;
/** Half the threads of the pool: the journal's flushes need one, too. */
const PREFETCHED_AT_ONCE = 8;

export class RowDatabase implements RowMedium {
  readonly #database: Environment;
  #lastCopy: Promise<void> = Promise.resolve();
  #faultsSeen = process.resourceUsage().majorPageFault;

  constructor(database: Environment) {
    this.#database = database;
  }

  get(key: Buffer): Buffer | undefined {
    const bytes = reading(() => this.#database.getBinaryFast(key));
    // What lmdb-js lends is longer than the row; only its own `length` says how long the row is.
    return bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Copied out page by page: no read transaction stays open while the caller thinks. */
  *range(from: Buffer, before: Buffer): Iterable<readonly [Buffer, Buffer]> {
    let start = from;
    for (;;) {
      const page = this.#page(start, before);
      for (const { key, value } of page) yield [key, value];
      if (page.length < LIMITS.rowPageCount) return;
      start = Buffer.concat([page[page.length - 1]!.key, Buffer.of(0)]);
    }
  }

  /** By the pages that the whole process had to wait for: some are not of rows, and a turn's reads are many more. */
  isSlow(): boolean {
    const faults = process.resourceUsage().majorPageFault;
    const isSlow = faults - this.#faultsSeen >= SLOW_FAULTS;
    this.#faultsSeen = faults;
    return isSlow;
  }

  /** In several pieces: each is read on a thread of its own, row after row. */
  async prefetch(keys: readonly Buffer[]): Promise<void> {
    const length = Math.ceil(keys.length / PREFETCHED_AT_ONCE);
    const pieces: Promise<void>[] = [];
    for (let at = 0; at < keys.length; at += length) {
      pieces.push(this.#database.prefetch(keys.slice(at, at + length)));
    }
    await Promise.all(pieces);
  }

  count(): number {
    return entryCount(this.#database);
  }

  /**
   * All of them as they are at one moment, as a database in the empty folder `path`, not synced. A thread of the pool does it
   * in a read transaction: whoever writes goes on, in pages beyond those that it reads.
   * @throws StorageFault ROWS_NOT_COPIED: the other disk is full or fails
   */
  copyTo(path: string): Promise<void> {
    const copied = this.#database.backup(path, false).catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new StorageFault('ROWS_NOT_COPIED', `rows cannot be copied to ${path}: ${why}`, { cause });
    });
    this.#lastCopy = copied.catch(() => {});
    return copied;
  }

  /** Waits for a copy under way, which reads what is mapped. */
  async close(): Promise<void> {
    await this.#lastCopy;
    await this.#database.close();
  }

  #page(start: Buffer, end: Buffer): { key: Buffer; value: Buffer }[] {
    return reading(() => [...this.#database.getRange({ start, end, limit: LIMITS.rowPageCount })]);
  }

  async write(changes: readonly KeyedChange[]): Promise<void> {
    await this.#database.batch(() => {
      for (const { key, value } of changes) {
        if (value === null) this.#database.remove(key);
        else this.#database.put(key, value);
      }
    });
  }
}
