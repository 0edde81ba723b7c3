/** Rows in an LMDB environment of their own. */
import { LIMITS } from '../../engine/limits.ts';
import type { KeyedChange, RowMedium } from '../media.ts';
import { type Environment, entryCount, reading } from './environment.ts';

export class RowDatabase implements RowMedium {
  readonly #database: Environment;

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

  count(): number {
    return entryCount(this.#database);
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
