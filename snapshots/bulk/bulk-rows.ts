/**
 * The rows of a store that is made in one go. LMDB takes keys in order at a few microseconds each and in no order at
 * hundreds: so rows are first spilled to a file for each partition and table, then each file is sorted in memory and
 * appended. Each row comes once.
 *
 *   spill   key bytes u16, value bytes u32, key, value; and so on
 */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { invariant } from '../../engine/assert.ts';
import type { CheckpointMark, RowChange } from '../../engine/ports.ts';
import { ByteWriter } from '../codec/bytes.ts';
import { FORMAT } from '../codec/formats.ts';
import { FailStop } from '../fail-stop.ts';
import { type Environment, openEnvironment } from '../lmdb/environment.ts';
import { RowDatabase } from '../lmdb/row-database.ts';
import { rowKey, sealRow } from '../row-format.ts';
import { MediumRows } from '../rows.ts';
import { type Entry, inKeyOrder, SPILL_HEADER_BYTES } from './key-order.ts';

/** Of each spill, before it goes to its file: some 320 of them. */
const CHUNK_BYTES = 262_144;
/** Rows of one transaction: LMDB holds the pages of one in memory, some 60 MB. */
const TRANSACTION_ROWS = 200_000;
const APPEND = { append: true };

export class BulkRows {
  readonly #rowsPath: string;
  readonly #spillPath: string;
  readonly #spills = new Map<number, Spill>();
  readonly #writer = new ByteWriter();
  #count = 0;

  /** @param rowsPath of the environment, which must not be there yet */
  constructor(rowsPath: string) {
    this.#rowsPath = rowsPath;
    this.#spillPath = `${rowsPath}.spill`;
    mkdirSync(this.#spillPath, { recursive: true, mode: 0o700 });
  }

  get count(): number {
    return this.#count;
  }

  add(change: RowChange): void {
    const { table, partition, entity, sub } = change.address;
    const key = rowKey(table, partition, entity, sub);
    this.#writer.reset();
    this.#spillOf(key).add(key, sealRow(this.#writer, key, change));
    this.#count += 1;
  }

  /** Sorts, appends and marks. @param onRows hears how many more rows are in their place */
  async finish(mark: CheckpointMark, onRows: (count: number) => void): Promise<void> {
    const { database } = openEnvironment(this.#rowsPath);
    try {
      const medium = new RowDatabase(database);
      const rows = new MediumRows({ medium, format: FORMAT, failStop: new FailStop(), onPoint: () => {} });
      appendAll(database, this.#inKeyOrder(), onRows);
      await rows.setCheckpoint(mark);
    } finally {
      await database.close();
    }
    rmSync(this.#spillPath, { recursive: true });
  }

  *#inKeyOrder(): Iterable<Entry> {
    for (const [, spill] of [...this.#spills].sort(([left], [right]) => left - right)) {
      yield* inKeyOrder(spill.take(), spill.count);
    }
  }

  /** The first two bytes of a key, partition and table, decide: in their order the files follow each other. */
  #spillOf(key: Buffer): Spill {
    const number = key.readUInt16BE(0);
    const known = this.#spills.get(number);
    if (known !== undefined) return known;
    const spill = new Spill(join(this.#spillPath, String(number)));
    this.#spills.set(number, spill);
    return spill;
  }
}

class Spill {
  count = 0;
  readonly #path: string;
  readonly #descriptor: number;
  #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #used = 0;

  constructor(path: string) {
    this.#path = path;
    this.#descriptor = openSync(path, 'wx', 0o600);
  }

  add(key: Buffer, value: Buffer): void {
    const bytes = SPILL_HEADER_BYTES + key.length + value.length;
    if (this.#used + bytes > this.#chunk.length) this.#flush(bytes);
    const at = this.#used;
    this.#chunk.writeUInt16LE(key.length, at);
    this.#chunk.writeUInt32LE(value.length, at + 2);
    this.#chunk.set(key, at + SPILL_HEADER_BYTES);
    this.#chunk.set(value, at + SPILL_HEADER_BYTES + key.length);
    this.#used += bytes;
    this.count += 1;
  }

  /** All that was added; the file is gone then. */
  take(): Buffer {
    this.#flush(0);
    this.#chunk = Buffer.alloc(0);
    closeSync(this.#descriptor);
    const bytes = readFileSync(this.#path);
    rmSync(this.#path);
    return bytes;
  }

  #flush(needed: number): void {
    for (let at = 0; at < this.#used; ) at += writeSync(this.#descriptor, this.#chunk, at, this.#used - at);
    this.#used = 0;
    if (needed > this.#chunk.length) this.#chunk = Buffer.allocUnsafeSlow(needed);
  }
}

function appendAll(database: Environment, entries: Iterable<Entry>, onRows: (count: number) => void): void {
  const rest = entries[Symbol.iterator]();
  // The typings forget what it answers: false where the key is not past all others.
  const putSync = database.putSync as unknown as (key: Buffer, value: Buffer, options: typeof APPEND) => boolean;
  /** @returns how many rows: the collector would copy those of one transaction, were they gathered before it */
  const append = (): number => {
    for (let count = 0; count < TRANSACTION_ROWS; count += 1) {
      const next = rest.next();
      if (next.done === true) return count;
      invariant(putSync.call(database, next.value.key, next.value.value, APPEND), 'each row comes once');
    }
    return TRANSACTION_ROWS;
  };
  for (let count = TRANSACTION_ROWS; count === TRANSACTION_ROWS; ) {
    count = database.transactionSync(append);
    onRows(count);
  }
}
