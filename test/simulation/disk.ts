/**
 * The disk of a simulated machine: per store a journal, rows and a file of keys, and the copies of rankings. Each of
 * them takes its writes in order, and each at its own pace: what was written to one may be durable long before what was
 * written to another earlier. When the power goes, of each any first part of what waits is durable, told or not; a
 * write to the file of keys, which is no transaction, may be cut anywhere; a copy of a ranking may be damaged.
 *
 * Rows and records go through the very code of snapshots/; below it lie the bytes of the memory media.
 */

import type { RankingCopies } from '../../engine/index.ts';
import { FORMAT } from '../../snapshots/codec/formats.ts';
import { FailStop } from '../../snapshots/fail-stop.ts';
import { KeyedHash } from '../../snapshots/keys.ts';
import type { RecordMedium, RowMedium, SlotMedium, StoreMedia } from '../../snapshots/media.ts';
import { emptyFiles, type MemoryFiles, type MemoryFolder, memoryMedia } from '../../snapshots/memory/disk.ts';
import { type RankingSink, readRanking, writeRanking } from '../../snapshots/ranking-file.ts';
import { MediumRows } from '../../snapshots/rows.ts';
import { type OpenStore, openStore } from '../../snapshots/store.ts';
import { SLOT_BYTES } from '../../snapshots/vault.ts';
import { expectThat } from './fault.ts';
import { type Lane, MS, type Scheduler } from './scheduler.ts';

export interface DiskOptions {
  readonly scheduler: Scheduler;
  readonly shardCount: number;
  /** Rows have to be fetched. */
  readonly isReadSlow: boolean;
  /** Of the seed: names and partitions of citizens follow from it. */
  readonly indexKey: Uint8Array;
  /** A record has become durable, told or not. */
  readonly durable: (store: number, bytes: Buffer) => void;
  /** How long a flush takes, in microseconds. */
  readonly flushUs: () => number;
}

interface Write {
  readonly label: string;
  readonly apply: () => void;
  /** Makes a part of it durable; absent where it is all or none. */
  readonly tear?: () => void;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class SimulatedDisk {
  readonly folder: MemoryFolder;
  readonly #options: DiskOptions;
  readonly #lane: Lane;
  readonly #files: WriteQueue[] = [];
  readonly #stores: readonly { readonly records: WriteQueue; readonly rows: WriteQueue; readonly slots: WriteQueue }[];
  readonly #rankings: WriteQueue;
  /** The next write fails, once. */
  #isFailing = false;
  /** Grows when the power goes: who had the disk open before it reaches nothing. */
  #life = 0;

  constructor(options: DiskOptions) {
    const { scheduler, shardCount, indexKey } = options;
    this.#options = options;
    this.#lane = scheduler.lane('disk');
    const stores = Array.from({ length: shardCount }, emptyFiles);
    const keys = { master: Buffer.alloc(32, 7), index: indexKey };
    this.folder = { format: FORMAT, folderId: 'simulated', keys, stores, rankings: new Map() };
    this.#stores = stores.map((_, index) => ({
      records: this.#queue(`journal ${index}`),
      rows: this.#queue(`rows ${index}`),
      slots: this.#queue(`keys ${index}`),
    }));
    this.#rankings = this.#queue('rankings');
  }

  #queue(name: string): WriteQueue {
    const queue = new WriteQueue(name, this.#options, this.#lane, () => this.#takeFailure());
    this.#files.push(queue);
    return queue;
  }

  /** @throws StorageFault what the store finds */
  openStore(index: number, onPoint: (name: string) => void): Promise<OpenStore> {
    const { folderId, keys } = this.folder;
    const keyedHash = new KeyedHash(keys.index);
    return openStore({
      media: this.#media(index),
      place: { folderId, generation: 0, index },
      format: FORMAT,
      master: keys.master,
      keyedHash,
      onPoint,
    });
  }

  /** As one process sees them. */
  rankingCopies(): RankingCopies {
    const { rankings } = this.folder;
    const queue = this.#forThisLife(this.#rankings);
    return {
      async saveRanking(awardPeriodId, copy, vector) {
        const parts: Uint8Array[] = [];
        const sink: RankingSink = {
          append: (bytes) => queue.write('piece', () => parts.push(bytes)),
          setStart: (bytes) => {
            parts[0] = bytes;
          },
        };
        await writeRanking(sink, copy, vector);
        await queue.write(`ranking ${awardPeriodId}`, () => rankings.set(awardPeriodId, Buffer.concat(parts)));
      },
      loadRanking(awardPeriodId) {
        const bytes = rankings.get(awardPeriodId);
        if (bytes === undefined) return null;
        return readRanking({ length: bytes.length, read: (at, length) => bytes.subarray(at, at + length), close() {} });
      },
    };
  }

  hasKey(store: number, slot: number): boolean {
    return this.folder.stores[store]!.slots[slot]?.length === SLOT_BYTES;
  }

  /** Writes that failed so far. */
  failedWrites = 0;

  failOnce(): void {
    this.#isFailing = true;
  }

  /** No more of that. */
  heal(): void {
    this.#isFailing = false;
  }

  /** Whether a write waits. */
  get isBusy(): boolean {
    return this.#files.some((file) => file.isBusy);
  }

  /** The process is gone and all that it waited for: of each file a first part of that is durable. */
  crash({ damagesRankings = true } = {}): void {
    const { random } = this.#options.scheduler;
    this.#isFailing = false;
    this.#life += 1;
    for (const file of this.#files) file.crash(random.below(3) === 0 ? 0 : random.below(6));
    if (damagesRankings) this.#damageRankings();
  }

  /** A copy is a file like any other: it may be lost, cut or hold other bytes. */
  #damageRankings(): void {
    const { random } = this.#options.scheduler;
    for (const [awardPeriodId, bytes] of this.folder.rankings) {
      const dice = random.below(24);
      if (dice < 3) this.#options.scheduler.meet('a copy of a ranking was damaged');
      if (dice === 0) this.folder.rankings.delete(awardPeriodId);
      else if (dice === 1) this.folder.rankings.set(awardPeriodId, bytes.subarray(0, random.below(bytes.length)));
      else if (dice === 2) {
        const damaged = Buffer.from(bytes);
        damaged[random.below(damaged.length)]! ^= 1 << random.below(8);
        this.folder.rankings.set(awardPeriodId, damaged);
      }
    }
  }

  #slow(rows: RowMedium): RowMedium {
    const { scheduler, flushUs } = this.#options;
    return {
      get: (key) => rows.get(key),
      range: (from, before) => rows.range(from, before),
      count: () => rows.count(),
      write: (changes) => rows.write(changes),
      isSlow: () => scheduler.random.below(2) === 0,
      prefetch: () => new Promise((resolve) => scheduler.after(this.#lane, flushUs(), 'fetches rows', resolve)),
    };
  }

  #forThisLife(queue: WriteQueue): Writer {
    const life = this.#life;
    return {
      write: (label, apply, tear) => (life === this.#life ? queue.write(label, apply, tear) : new Promise(() => {})),
    };
  }

  #takeFailure(): boolean {
    const isFailing = this.#isFailing;
    if (isFailing) this.failedWrites += 1;
    this.#isFailing = false;
    return isFailing;
  }

  #media(index: number): StoreMedia {
    const files = this.folder.stores[index]!;
    const store = this.#stores[index]!;
    const [records, rows, slots] = [store.records, store.rows, store.slots].map((one) => this.#forThisLife(one)) as [
      Writer,
      Writer,
      Writer,
    ];
    const plain = memoryMedia(files, (change) => rows.write('rows', change));
    return {
      records: new SimulatedRecords({ files, queue: records, durable: (bytes) => this.#options.durable(index, bytes) }),
      rows: this.#options.isReadSlow ? this.#slow(plain.rows) : plain.rows,
      slots: new SimulatedSlots(files, slots),
    };
  }
}

interface Writer {
  write(label: string, apply: () => void, tear?: () => void): Promise<void>;
}

/** What one file has been told to write and has not written. */
class WriteQueue implements Writer {
  readonly #name: string;
  readonly #options: DiskOptions;
  readonly #lane: Lane;
  readonly #takeFailure: () => boolean;
  #waiting: Write[] = [];
  /** Grows when the power goes: flushes planned before it mean nothing. */
  #life = 0;
  /** It has lost a write: what comes after that, told or not, stands on nothing. */
  #isBroken = false;

  constructor(name: string, options: DiskOptions, lane: Lane, takeFailure: () => boolean) {
    this.#name = name;
    this.#options = options;
    this.#lane = lane;
    this.#takeFailure = takeFailure;
  }

  get isBusy(): boolean {
    return this.#waiting.length > 0;
  }

  write(label: string, apply: () => void, tear?: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ label, apply, resolve, reject, ...(tear === undefined ? {} : { tear }) });
      if (this.#waiting.length === 1) this.#plan();
    });
  }

  #plan(): void {
    const { scheduler, flushUs } = this.#options;
    const life = this.#life;
    scheduler.after(this.#lane, flushUs(), `flush ${this.#name}`, () => {
      if (life === this.#life) this.#flush();
    });
  }

  #flush(): void {
    const write = this.#waiting.shift()!;
    if (this.#takeFailure()) {
      // What a failed flush had in hand may be there or not. The disk says of later ones that they succeed.
      this.#isBroken = this.#options.scheduler.random.below(2) === 0;
      if (!this.#isBroken) write.apply();
      this.#options.scheduler.meet('a flush failed');
      this.#options.scheduler.note(`EIO ${this.#name} ${write.label}`);
      write.reject(new Error('EIO: i/o error, fdatasync'));
    } else {
      if (!this.#isBroken) write.apply();
      write.resolve();
    }
    if (this.#waiting.length > 0) this.#plan();
  }

  #meet(durableCount: number, lostCount: number, isTorn: boolean): void {
    const { scheduler } = this.#options;
    if (isTorn) scheduler.meet('keys were torn');
    if (this.#name.startsWith('journal')) {
      scheduler.meet('a record was lost before it was durable', lostCount);
      scheduler.meet('a record was durable before it was told', durableCount);
    }
    if (this.#name.startsWith('rows'))
      scheduler.meet('a death cut a checkpoint', Math.min(1, durableCount + lostCount));
  }

  crash(durableCount: number): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#life += 1;
    const durable = this.#isBroken ? [] : waiting.slice(0, durableCount);
    for (const write of durable) write.apply();
    const torn = this.#isBroken ? undefined : waiting[durable.length]?.tear;
    torn?.();
    this.#isBroken = false;
    this.#meet(durable.length, waiting.length - durable.length, torn !== undefined);
    if (waiting.length > 0) {
      this.#options.scheduler.note(`${this.#name} had ${waiting.length} to write, ${durable.length} are durable`);
    }
  }
}

interface RecordParts {
  readonly files: MemoryFiles;
  readonly queue: Writer;
  readonly durable: (bytes: Buffer) => void;
}

class SimulatedRecords implements RecordMedium {
  readonly #parts: RecordParts;
  readonly #below: RecordMedium;
  #written: number;

  constructor(parts: RecordParts) {
    const { files, queue } = parts;
    this.#parts = parts;
    this.#below = memoryMedia(files, (change) => queue.write('journal', change)).records;
    this.#written = files.records.length;
  }

  range(): { readonly first: number; readonly last: number } {
    return this.#below.range();
  }
  get(sequence: number): Buffer {
    return this.#below.get(sequence);
  }
  read(sequence: number): Iterable<Buffer> {
    return this.#below.read(sequence);
  }
  epoch(): number {
    return this.#below.epoch();
  }
  setEpoch(epoch: number): Promise<void> {
    return this.#below.setEpoch(epoch);
  }

  put(sequence: number, bytes: Buffer): Promise<void> {
    const { files, queue, durable } = this.#parts;
    expectThat(sequence === this.#written + 1, 'contract', () => `record ${sequence} is put after ${this.#written}`);
    this.#written = sequence;
    return queue.write(`record ${sequence}`, () => {
      files.records[sequence - 1] = bytes;
      durable(bytes);
    });
  }

  /** What goes to the archive is in rows that are durable: there recovery never looks again. */
  trim(sequence: number): Promise<void> {
    const marked = markOf(this.#parts.files);
    expectThat(sequence <= marked, 'contract', () => `records up to ${sequence} are archived, rows hold ${marked}`);
    return this.#below.trim(sequence);
  }
}

function markOf(files: MemoryFiles): number {
  const medium = memoryMedia(files, () => Promise.resolve()).rows;
  return new MediumRows({ medium, format: FORMAT, failStop: new FailStop(), onPoint: () => {} }).checkpoint().sequence;
}

class SimulatedSlots implements SlotMedium {
  readonly #slots: Buffer[];
  readonly #erased: number[];
  readonly #queue: Writer;

  constructor({ slots, erased }: MemoryFiles, queue: Writer) {
    this.#slots = slots;
    this.#erased = erased;
    this.#queue = queue;
  }

  slotCount(): number {
    return this.#slots.length;
  }

  read(slot: number): Buffer {
    return this.#slots[slot] ?? Buffer.alloc(0);
  }

  write(slot: number, bytes: Buffer): Promise<void> {
    const upTo = (end: number) => {
      for (let at = 0; at < end; at += SLOT_BYTES) {
        this.#slots[slot + at / SLOT_BYTES] = bytes.subarray(at, Math.min(end, at + SLOT_BYTES));
      }
    };
    // Anywhere: within a slot, too.
    const tear = () => upTo((bytes.length * 5) / 8);
    return this.#queue.write(`keys from ${slot}`, () => upTo(bytes.length), tear);
  }

  noteErased(slot: number): Promise<void> {
    return this.#queue.write(`key ${slot} is to be gone`, () => {
      this.#erased.push(slot);
    });
  }
}

/** Slow now and then: most flushes take a millisecond, some a hundred, and on a bad day seconds. */
export function flushTimes(scheduler: Scheduler, isSlow: boolean): () => number {
  const { random } = scheduler;
  return () => {
    const dice = random.below(100);
    if (dice < 70) return 100 + random.below(2 * MS);
    if (dice < 97) return random.below(20 * MS);
    return random.below(isSlow ? 2_000 * MS : 200 * MS);
  };
}
