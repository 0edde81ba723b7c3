/**
 * Journal records: the newest in an LMDB environment of their own, keyed by sequence, the older in the archive.
 * The newest record of all never leaves the database. Key 0 holds the epoch.
 */
import { LIMITS } from '../../engine/limits.ts';
import { type Rest, StorageFault } from '../../engine/ports.ts';
import type { OnPoint, RecordMedium } from '../media.ts';
import { type Archive, type RestAfter, WITHOUT_REST } from './archive.ts';
import { append, type Before, type Environment, entryCount, reading, remove } from './environment.ts';

const EPOCH_KEY = sequenceKey(0);
const EPOCH_BYTES = 4;

export class RecordDatabase implements RecordMedium {
  readonly #database: Environment;
  readonly #archive: Archive;
  readonly #onPoint: OnPoint;
  /** First and last record in the database; 0 and 0 = none. */
  #first: number;
  #last: number;
  /** Flushed or not yet. */
  #handedOver: number;
  /** A record whose removal is not flushed yet. */
  #leaving: Buffer | null = null;
  #lastTrim: Promise<void> = Promise.resolve();

  constructor(database: Environment, archive: Archive, onPoint: OnPoint) {
    this.#database = database;
    this.#archive = archive;
    this.#onPoint = onPoint;
    this.#first = this.#edge(false);
    this.#last = this.#edge(true);
    this.#handedOver = this.#last;
    this.#checkWhole();
  }

  /** Cheap enough for every start: a page that hides records, at either end or between, makes the counts differ. */
  #checkWhole(): void {
    const isJoined = this.#first === 0 ? this.#archive.last === 0 : this.#first <= this.#archive.last + 1;
    if (!isJoined) {
      const text = `the archive ends at record ${this.#archive.last}, the journal begins at ${this.#first}: restore it`;
      throw new StorageFault('JOURNAL_DAMAGED', text);
    }
    const recordCount = this.#first === 0 ? 0 : this.#last - this.#first + 1;
    const epochCount = this.epoch() === 0 ? 0 : 1;
    if (entryCount(this.#database) !== recordCount + epochCount) {
      throw new StorageFault('JOURNAL_DAMAGED', 'records of the journal cannot be found: restore it');
    }
  }

  range(): { first: number; last: number } {
    return { first: this.#archive.first || this.#first, last: this.#last };
  }

  get(sequence: number): Buffer {
    for (const bytes of this.read(sequence)) return bytes;
    throw new StorageFault('JOURNAL_DAMAGED', `journal record ${sequence} is missing: restore the journal`);
  }

  /** Where a record is in both places, the database's is taken. A trim may pass by between two pages. */
  *read(sequence: number): Iterable<Buffer> {
    let next = sequence;
    while (next <= this.#last) {
      const before = next;
      for (const bytes of next < this.#first ? this.#archive.read(next, this.#first) : this.#page(next)) {
        yield bytes;
        next += 1;
      }
      if (next === before) throw new StorageFault('JOURNAL_DAMAGED', `journal record ${next} is missing`);
    }
  }

  async put(sequence: number, bytes: Buffer): Promise<void> {
    // The newest record never leaves the database, so the one before is there; but for the first that is put into it.
    const isFirst = this.#first === 0 && sequence === this.#archive.last + 1;
    await this.#append(sequence, bytes, isFirst ? null : { there: sequenceKey(sequence - 1), gone: this.#leaving });
  }

  /** In a journal that is made anew: those before it are going to the archive. */
  async putFirst(sequence: number, bytes: Buffer): Promise<void> {
    await this.#append(sequence, bytes, null);
  }

  async #append(sequence: number, value: Buffer, before: Before | null): Promise<void> {
    this.#handedOver = sequence;
    await append(this.#database, { key: sequenceKey(sequence), value, before });
    if (this.#first === 0) this.#first = sequence;
    this.#last = sequence;
  }

  epoch(): number {
    return reading(() => this.#database.getBinary(EPOCH_KEY))?.readUInt32LE(0) ?? 0;
  }

  async setEpoch(epoch: number): Promise<void> {
    const bytes = Buffer.alloc(EPOCH_BYTES);
    bytes.writeUInt32LE(epoch);
    await this.#database.put(EPOCH_KEY, bytes);
  }

  trim(sequence: number, rest: Rest = WITHOUT_REST): Promise<void> {
    this.#lastTrim = this.#lastTrim.then(() => this.#trim(Math.min(sequence, this.#last - 1), rest));
    return this.#lastTrim;
  }

  async #trim(sequence: number, rest: Rest): Promise<void> {
    if (this.#first !== 0 && this.#first <= this.#archive.last) await this.#finishTrim();
    // Each record is packed, and then removed.
    const stepCount = 2 * (sequence - this.#archive.last);
    let doneCount = 0;
    const restAfter: RestAfter = (recordCount) => {
      doneCount += recordCount;
      return rest(doneCount / stepCount);
    };
    while (this.#archive.last < sequence) {
      const first = this.#archive.last + 1;
      const written = await this.#archive.write(first, this.#segmentOf(first, sequence), restAfter);
      this.#onPoint('trim-written');
      await this.#archive.checkWritten(written);
      this.#onPoint('trim-verified');
      await this.#remove(this.#archive.last, restAfter);
      this.#onPoint('trim-removed');
    }
  }

  /**
   * Of a segment that another process left, only the system's memory may know: it was killed before it had synced the
   * name, or stopped by a flush that failed. So it is believed once records were removed for it, and written again before.
   */
  async #finishTrim(): Promise<void> {
    const { first, last } = this.#archive.lastSegment();
    if (first < this.#first) await this.#remove(last, WITHOUT_REST);
    else this.#archive.discardLast();
  }

  /** Records from `first` on, up to `last` or to a segment's fill. */
  *#segmentOf(first: number, last: number): Iterable<Buffer> {
    let next = first;
    let bytes = 0;
    for (const record of this.read(first)) {
      yield record;
      next += 1;
      bytes += record.length;
      if (next > last || bytes >= LIMITS.archiveSegmentBytesMax) break;
    }
  }

  async #remove(last: number, restAfter: RestAfter): Promise<void> {
    while (this.#first <= last) {
      const end = Math.min(this.#first + LIMITS.trimBatchCount, last + 1);
      const first = this.#first;
      const keys = Array.from({ length: end - first }, (_, index) => sequenceKey(first + index));
      // They are gone before that is heard of here: whoever reads meanwhile takes them from the archive.
      this.#first = end;
      this.#leaving = keys[0]!;
      await remove(this.#database, { keys, previous: sequenceKey(this.#handedOver) });
      this.#leaving = null;
      await restAfter(end - first);
    }
  }

  #page(sequence: number): Iterable<Buffer> {
    const range = { start: sequenceKey(sequence), end: sequenceKey(this.#last + 1), limit: LIMITS.journalPageCount };
    return reading(() => [...this.#database.getRange(range)].map(({ value }) => value));
  }

  #edge(isLast: boolean): number {
    // The end of a range is not part of it, in either direction: key 0 is the epoch's.
    const range = isLast ? { reverse: true, end: EPOCH_KEY, limit: 1 } : { start: sequenceKey(1), limit: 1 };
    const [key] = reading(() => [...this.#database.getKeys(range)]);
    return key === undefined ? 0 : Number(key.readBigUInt64BE(0));
  }
}

function sequenceKey(sequence: number): Buffer {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt(sequence));
  return key;
}
