/**
 * A ring of records between two threads: one writes, one reads, over memory that both see. Records arrive in the order
 * in which they were written, none lost, doubled or overwritten: a full ring refuses (fault 21).
 *
 *   control   written, read, reader rests, writer rests: a word each, on cache lines of their own
 *   data      records, each padded to 8 bytes: length u32, sequence u32, bytes. What does not fit before the end of
 *             the data goes on at its beginning, so a record may take all of the ring.
 *
 * `written` and `read` count bytes for ever, modulo 2^32: their difference is what the ring holds.
 *
 * A side that finds nothing to do says so before it rests, and only then does the other wake it: under load nobody is
 * woken at all. A writer that was refused is woken when half of the ring is free: woken for each record that is taken,
 * it would be refused again, and a full ring would cost two changes of thread a record, milliseconds on a busy machine.
 * How a side is woken, is up to the caller: a message to a port took 22 us there and back, `Atomics.notify` 25 us at
 * the same cost (bench/ring.ts), and a thread that only waits in `Atomics.waitAsync` is not kept alive by it.
 */
import { invariant } from '../../engine/index.ts';

const CONTROL_BYTES = 256;
const WRITTEN = 0;
const READ = 16;
const READER_RESTS = 32;
const WRITER_RESTS = 48;

const HEADER_BYTES = 8;
const DATA_BYTES_MAX = 2 ** 30;

/** @param dataBytes a power of two, up to 2^30: positions are found by a mask, and differences fit in 31 bits */
export function createRing(dataBytes: number): SharedArrayBuffer {
  invariant(
    Number.isInteger(Math.log2(dataBytes)) && dataBytes >= 2 * HEADER_BYTES && dataBytes <= DATA_BYTES_MAX,
    `a ring of ${dataBytes} bytes`,
  );
  return new SharedArrayBuffer(CONTROL_BYTES + dataBytes);
}

/** Bytes of the longest record that fits into a ring, when that is empty. */
export function recordBytesMax(ring: SharedArrayBuffer): number {
  return ring.byteLength - CONTROL_BYTES - HEADER_BYTES;
}

/** The one writer of a ring. */
export class RingWriter {
  readonly #words: Int32Array;
  readonly #headers: Uint32Array;
  readonly #data: Uint8Array;
  readonly #wake: () => void;
  #written: number;
  #sequence = 0;

  /** @param wake called after a write when the reader rests */
  constructor(ring: SharedArrayBuffer, wake: () => void) {
    this.#words = new Int32Array(ring, 0, CONTROL_BYTES / 4);
    this.#headers = new Uint32Array(ring, CONTROL_BYTES);
    this.#data = new Uint8Array(ring, CONTROL_BYTES);
    this.#wake = wake;
    this.#written = Atomics.load(this.#words, WRITTEN);
  }

  /**
   * Copies `record` into the ring and wakes the reader if it rests. False: there is no room, nothing was written, and
   * the reader will wake this side when half of the ring is free. A record that would never fit is our mistake.
   */
  write(record: Uint8Array): boolean {
    const { length } = record;
    invariant(length <= this.#data.length - HEADER_BYTES, 'a record is larger than its ring');
    const size = sizeOf(length);
    if (size > this.#roomBytes() && !this.#hasRoomAfterAll(size)) return false;

    const start = this.#written & (this.#data.length - 1);
    this.#headers[start / 4] = length;
    this.#headers[start / 4 + 1] = this.#sequence;
    this.#copy(record, start + HEADER_BYTES);
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#written = (this.#written + size) | 0;
    Atomics.store(this.#words, WRITTEN, this.#written);
    if (Atomics.exchange(this.#words, READER_RESTS, 0) === 1) this.#wake();
    return true;
  }

  #roomBytes(): number {
    return this.#data.length - ((this.#written - Atomics.load(this.#words, READ)) | 0);
  }

  /** The flag first, then another look: a reader that frees something in between sees the flag. */
  #hasRoomAfterAll(size: number): boolean {
    Atomics.store(this.#words, WRITER_RESTS, 1);
    if (size > this.#roomBytes()) return false;
    Atomics.store(this.#words, WRITER_RESTS, 0);
    return true;
  }

  #copy(record: Uint8Array, start: number): void {
    const before = this.#data.length - start;
    if (record.length <= before) {
      this.#data.set(record, start);
      return;
    }
    this.#data.set(record.subarray(0, before), start);
    this.#data.set(record.subarray(before), 0);
  }
}

/** The one reader of a ring. */
export class RingReader {
  readonly #words: Int32Array;
  readonly #headers: Uint32Array;
  readonly #data: Uint8Array;
  readonly #wake: () => void;
  #record: Uint8Array = new Uint8Array(4_096);
  #read: number;
  #sequence = 0;

  /** @param wake called when the writer waits for room and half of the ring is free: at the latest, when it is empty */
  constructor(ring: SharedArrayBuffer, wake: () => void) {
    this.#words = new Int32Array(ring, 0, CONTROL_BYTES / 4);
    this.#headers = new Uint32Array(ring, CONTROL_BYTES);
    this.#data = new Uint8Array(ring, CONTROL_BYTES);
    this.#wake = wake;
    this.#read = Atomics.load(this.#words, READ);
  }

  /** As far as the writer has come. */
  get end(): number {
    return Atomics.load(this.#words, WRITTEN);
  }

  /** Whether there is something to take before an `end`. */
  isBefore(end: number): boolean {
    return ((end - this.#read) | 0) > 0;
  }

  /**
   * Takes the next record out of the ring. Null: there is none, and the writer will wake this side when there is.
   * What it returns holds until the next call. A record that does not follow the one before is a broken invariant:
   * the threads no longer agree.
   */
  next(): Uint8Array | null {
    const held = this.#heldBytes() || this.#heldAfterAll();
    if (held === 0) return null;

    const start = this.#read & (this.#data.length - 1);
    const length = this.#headers[start / 4]!;
    const sequence = this.#headers[start / 4 + 1]!;
    invariant(sequence === this.#sequence, 'the records of a ring do not follow each other');
    invariant(length <= held - HEADER_BYTES, 'a record of a ring is longer than what was written');
    const record = this.#copy(start + HEADER_BYTES, length);
    this.#sequence = (sequence + 1) >>> 0;
    this.#read = (this.#read + sizeOf(length)) | 0;
    Atomics.store(this.#words, READ, this.#read);
    const isHalfFree = held - sizeOf(length) <= this.#data.length / 2;
    if (isHalfFree && Atomics.exchange(this.#words, WRITER_RESTS, 0) === 1) this.#wake();
    return record;
  }

  #heldBytes(): number {
    return (Atomics.load(this.#words, WRITTEN) - this.#read) | 0;
  }

  /** The flag first, then another look: a writer that writes in between sees the flag. */
  #heldAfterAll(): number {
    Atomics.store(this.#words, READER_RESTS, 1);
    const held = this.#heldBytes();
    if (held > 0) Atomics.store(this.#words, READER_RESTS, 0);
    return held;
  }

  /** A copy, so that its room is free at once and no reader ever meets the end of the ring inside a record. */
  #copy(start: number, length: number): Uint8Array {
    if (length > this.#record.length) this.#record = new Uint8Array(Math.max(length, 2 * this.#record.length));
    const before = Math.min(length, this.#data.length - start);
    this.#record.set(this.#data.subarray(start, start + before), 0);
    if (before < length) this.#record.set(this.#data.subarray(0, length - before), before);
    return this.#record.subarray(0, length);
  }
}

/** What a record takes in the ring. Headers stay on multiples of eight, so they never meet its end. */
function sizeOf(length: number): number {
  return (HEADER_BYTES + length + 7) & ~7;
}
