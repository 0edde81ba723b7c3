/**
 * A disk in memory, for tests and simulations: what was flushed survives `crash`, what was not is gone.
 * Flushes can be held back, let through one by one, or made to fail.
 */
import { StorageFault } from '../../engine/ports.ts';
import type { FolderKeys } from '../keys.ts';
import type { KeyedChange, RecordMedium, RowMedium, SlotMedium, StoreMedia } from '../media.ts';
import { SLOT_BYTES } from '../vault.ts';

/** The flushed content of one store. */
export interface MemoryFiles {
  readonly records: Buffer[];
  /** Sequence of the last archived record: bookkeeping only, all records stay readable. */
  archivedSequence: number;
  epoch: number;
  /** By key as latin1 text, whose order is that of the bytes. */
  readonly rows: Map<string, Buffer>;
  readonly slots: Buffer[];
  /** Whose keys were destroyed. */
  readonly erased: number[];
}

export interface MemoryFolder {
  format: number;
  readonly folderId: string;
  readonly keys: FolderKeys;
  readonly stores: readonly MemoryFiles[];
  /** By award period. */
  readonly rankings: Map<number, Buffer>;
}

interface WaitingFlush {
  readonly apply: () => void;
  readonly reject: (error: Error) => void;
}

export class MemoryDisk {
  folder: MemoryFolder | null = null;
  #waiting: WaitingFlush[] = [];
  #isHeld = false;
  #failure: Error | null = null;
  /** Grows with each crash: handles from before it reach nothing. */
  #generation = 0;

  /** From now on nothing becomes durable until `release`. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Flushes waiting now. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Lets the oldest `count` waiting flushes through, in order; all of them, and all later ones, without a count. */
  release(count?: number): void {
    if (count === undefined) this.#isHeld = false;
    for (const { apply } of this.#waiting.splice(0, count ?? this.#waiting.length)) apply();
  }

  /** Waiting and later flushes fail, until `recover` or `crash`. */
  fail(error: Error = new Error('EIO: i/o error, fdatasync')): void {
    this.#failure = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** Flushes work again, as a disk does that lost what it failed to write. */
  recover(): void {
    this.#failure = null;
  }

  /** The power goes: what waits is lost, promises never settle, open handles are dead. Then open it again. */
  crash(): void {
    this.#generation += 1;
    this.#waiting = [];
    this.#isHeld = false;
    this.#failure = null;
  }

  /** Applies `change` when it becomes durable, in the order of the calls. */
  flusher(): (change: () => void) => Promise<void> {
    const generation = this.#generation;
    return (change) =>
      new Promise((resolve, reject) => {
        if (generation !== this.#generation) return;
        if (this.#failure !== null) {
          reject(this.#failure);
          return;
        }
        const apply = () => {
          change();
          resolve();
        };
        this.#waiting.push({ apply, reject });
        if (!this.#isHeld) queueMicrotask(() => this.#letThrough(generation));
      });
  }

  #letThrough(generation: number): void {
    if (generation === this.#generation && !this.#isHeld) this.#waiting.shift()?.apply();
  }
}

type Flush = (change: () => void) => Promise<void>;

export function emptyFiles(): MemoryFiles {
  return { records: [], archivedSequence: 0, epoch: 0, rows: new Map(), slots: [], erased: [] };
}

export function memoryMedia(files: MemoryFiles, flush: Flush): StoreMedia {
  return {
    records: new MemoryRecords(files, flush),
    rows: new MemoryRowMedium(files, flush),
    slots: new MemorySlots(files, flush),
  };
}

class MemoryRecords implements RecordMedium {
  readonly #files: MemoryFiles;
  readonly #flush: Flush;

  constructor(files: MemoryFiles, flush: Flush) {
    this.#files = files;
    this.#flush = flush;
  }

  range(): { first: number; last: number } {
    const last = this.#files.records.length;
    return { first: Math.min(1, last), last };
  }

  get(sequence: number): Buffer {
    const bytes = this.#files.records[sequence - 1];
    if (bytes === undefined) throw new StorageFault('JOURNAL_DAMAGED', `record ${sequence} is missing`);
    return bytes;
  }

  *read(sequence: number): Iterable<Buffer> {
    for (let index = sequence - 1; index < this.#files.records.length; index += 1) yield this.#files.records[index]!;
  }

  put(sequence: number, bytes: Buffer): Promise<void> {
    return this.#flush(() => {
      this.#files.records[sequence - 1] = bytes;
    });
  }

  trim(sequence: number): Promise<void> {
    return this.#flush(() => {
      this.#files.archivedSequence = Math.max(this.#files.archivedSequence, sequence);
    });
  }

  epoch(): number {
    return this.#files.epoch;
  }

  setEpoch(epoch: number): Promise<void> {
    return this.#flush(() => {
      this.#files.epoch = epoch;
    });
  }
}

class MemoryRowMedium implements RowMedium {
  readonly #rows: Map<string, Buffer>;
  readonly #flush: Flush;
  /** All keys in order; null when a key came or went since. */
  #sorted: string[] | null = null;

  constructor(files: MemoryFiles, flush: Flush) {
    this.#rows = files.rows;
    this.#flush = flush;
  }

  get(key: Buffer): Buffer | undefined {
    return this.#rows.get(key.toString('latin1'));
  }

  *range(from: Buffer, before: Buffer): Iterable<readonly [Buffer, Buffer]> {
    const end = before.toString('latin1');
    const keys = this.#keys();
    for (let index = firstAtLeast(keys, from.toString('latin1')); index < keys.length; index += 1) {
      const key = keys[index]!;
      if (key >= end) return;
      const bytes = this.#rows.get(key);
      if (bytes !== undefined) yield [Buffer.from(key, 'latin1'), bytes];
    }
  }

  isSlow(): boolean {
    return false;
  }

  async prefetch(): Promise<void> {}

  count(): number {
    return this.#rows.size;
  }

  write(changes: readonly KeyedChange[]): Promise<void> {
    return this.#flush(() => {
      for (const { key, value } of changes) this.#apply(key.toString('latin1'), value);
    });
  }

  #apply(key: string, value: Buffer | null): void {
    if ((value === null) === this.#rows.has(key)) this.#sorted = null;
    if (value === null) this.#rows.delete(key);
    else this.#rows.set(key, value);
  }

  #keys(): string[] {
    this.#sorted ??= [...this.#rows.keys()].sort();
    return this.#sorted;
  }
}

class MemorySlots implements SlotMedium {
  readonly #slots: Buffer[];
  readonly #erased: number[];
  readonly #flush: Flush;

  constructor(files: MemoryFiles, flush: Flush) {
    this.#slots = files.slots;
    this.#erased = files.erased;
    this.#flush = flush;
  }

  slotCount(): number {
    return this.#slots.length;
  }

  read(slot: number): Buffer {
    return this.#slots[slot] ?? Buffer.alloc(0);
  }

  write(slot: number, bytes: Buffer): Promise<void> {
    return this.#flush(() => {
      for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
        this.#slots[slot + at / SLOT_BYTES] = bytes.subarray(at, at + SLOT_BYTES);
      }
    });
  }

  noteErased(slot: number): Promise<void> {
    return this.#flush(() => {
      this.#erased.push(slot);
    });
  }
}

function firstAtLeast(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
