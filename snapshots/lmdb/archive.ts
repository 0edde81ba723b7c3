/**
 * The archive of one store: journal records that rows and snapshots cover, in sealed segments. A segment is never
 * changed: it is written beside, synced, renamed, and read back before its records leave the journal.
 *
 *   0 magic 'CDSG'   4 version u16   6 zero u16   8 first u64   16 last u64   24 SHA-256 of the segment before
 *  56 blocks: compressed bytes u32, then Brotli of (length u32, record) for as many records as fit
 *     and at the end SHA-256 of all before it
 */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type BrotliOptions, brotliCompress, brotliDecompressSync, constants } from 'node:zlib';
import { LIMITS } from '../../engine/limits.ts';
import { StorageFault } from '../../engine/ports.ts';
import { HASH_BYTES, hashOf } from '../record.ts';
import { createFileDurably, syncFolder, writeFully } from './files.ts';

const MAGIC = 0x47534443;
const VERSION = 1;
const HEADER_BYTES = 56;
const LENGTH_BYTES = 4;
const NAME = /^(\d{15})-(\d{15})\.segment$/;
/**
 * Most of a record is hashes, which do not compress; the rest does at the first try. Of seeded records this packs
 * 250 MB for each second of a processor to 0.48, zlib at its fastest 82 MB to 0.52.
 */
const PACKING: BrotliOptions = {
  params: { [constants.BROTLI_PARAM_QUALITY]: 1 },
  // Room for a whole packed block: with the usual 16 kB each goes to and fro between two threads thirty times.
  chunkSize: LIMITS.archiveBlockBytesMax,
};

/**
 * Blocks of a segment: one at a time would wait for a busy loop after each, all at once take every thread of the pool,
 * and the journal's flushes wait behind them for a third of a second.
 */
const PACKED_AT_ONCE = 2;

const compress = promisify<Buffer, BrotliOptions, Buffer>(brotliCompress);

/** A file of records `first` to `last`. */
export interface Segment {
  readonly first: number;
  readonly last: number;
  readonly path: string;
}

export class Archive {
  readonly #folder: string;
  /** Stands for the segment before the first one. */
  readonly #genesis: Buffer;
  readonly #segments: Segment[];

  /** @throws StorageFault ARCHIVE_DAMAGED when a segment is missing */
  constructor(folder: string, genesis: Buffer) {
    this.#folder = folder;
    this.#genesis = genesis;
    this.#segments = findSegments(folder);
  }

  /** Sequence of the first record held; 0 = none. */
  get first(): number {
    return this.#segments[0]?.first ?? 0;
  }

  get last(): number {
    return this.#segments.at(-1)?.last ?? 0;
  }

  lastSegment(): { readonly first: number; readonly last: number } {
    return { first: this.#segments.at(-1)?.first ?? 0, last: this.last };
  }

  /**
   * Records in [sequence, end), as far as they are here. Each segment is verified whole before any of it is used.
   * @throws StorageFault ARCHIVE_DAMAGED, FORMAT_NEWER
   */
  *read(sequence: number, end: number): Iterable<Buffer> {
    for (let index = 0; index < this.#segments.length; index += 1) {
      const segment = this.#segments[index]!;
      if (segment.last < sequence) continue;
      if (segment.first >= end) return;
      let at = segment.first;
      for (const record of this.#open(index)) {
        if (at >= end) return;
        if (at >= sequence) yield record;
        at += 1;
      }
    }
  }

  /** Adds a segment of `records`, the first of which has sequence `first`. Durable when resolved; @returns its bytes */
  async write(first: number, records: Iterable<Buffer>, restAfter?: RestAfter): Promise<Buffer> {
    const { last, bytes } = await sealSegment(first, records, this.#hashBefore(this.#segments.length), restAfter);
    const path = join(this.#folder, segmentName({ first, last }));
    await createFileDurably(path, (file) => writeFully(file, bytes, null));
    this.#segments.push({ first, last, path });
    return bytes;
  }

  /** Reads the newest segment back. @throws StorageFault ARCHIVE_DAMAGED when it is not what was written */
  async checkWritten(bytes: Buffer): Promise<void> {
    const { path } = this.#segments[this.#segments.length - 1]!;
    if (!bytes.equals(await readFile(path))) throw damaged(path, 'differs from what was written');
  }

  /** Only for a segment whose records are all in the journal still. */
  discardLast(): void {
    const segment = this.#segments.pop();
    if (segment === undefined) return;
    rmSync(segment.path);
    syncFolder(this.#folder);
  }

  *#open(index: number): Iterable<Buffer> {
    const segment = this.#segments[index]!;
    yield* recordsIn(readFileSync(segment.path), segment, this.#hashBefore(index));
  }

  /** The hash at the end of the segment before number `index`. */
  #hashBefore(index: number): Buffer {
    const before = this.#segments[index - 1];
    if (before === undefined) return this.#genesis;
    return lastHashOf(before);
  }
}

/** Told how many records more are packed, or removed. Resolves when it may go on. */
export type RestAfter = (recordCount: number) => Promise<void>;
export const WITHOUT_REST = () => Promise.resolve();

/** A segment that follows one whose last bytes are `hashBefore`. `records` are taken block by block. */
export async function sealSegment(
  first: number,
  records: Iterable<Buffer>,
  hashBefore: Buffer,
  restAfter: RestAfter = WITHOUT_REST,
): Promise<{ readonly last: number; readonly bytes: Buffer }> {
  const header = Buffer.alloc(HEADER_BYTES);
  const parts: Buffer[] = [header];
  let last = first - 1;
  for (const blocks of together(blocksOf(records), PACKED_AT_ONCE)) {
    for (const block of await Promise.all(blocks.map(({ bytes }) => compress(bytes, PACKING)))) {
      parts.push(lengthOf(block), block);
    }
    const count = blocks.reduce((sum, { recordCount }) => sum + recordCount, 0);
    last += count;
    await restAfter(count);
  }
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt16LE(VERSION, 4);
  header.writeBigUInt64LE(BigInt(first), 8);
  header.writeBigUInt64LE(BigInt(last), 16);
  hashBefore.copy(header, 24);

  const bytes = Buffer.concat([...parts, Buffer.alloc(HASH_BYTES)]);
  const end = bytes.length - HASH_BYTES;
  hashOf(bytes.subarray(0, end)).copy(bytes, end);
  return { last, bytes };
}

/**
 * The records of a segment, which is verified whole before the first of them.
 * @throws StorageFault ARCHIVE_DAMAGED, FORMAT_NEWER
 */
export function* recordsIn(bytes: Buffer, segment: Segment, hashBefore: Buffer): Iterable<Buffer> {
  checkFollowing(bytes, segment, hashBefore);
  const end = bytes.length - HASH_BYTES;
  for (let at = HEADER_BYTES; at < end; ) {
    const block = at + LENGTH_BYTES;
    at = block + bytes.readUInt32LE(at);
    yield* recordsOf(brotliDecompressSync(bytes.subarray(block, at)));
  }
}

/** The same checks, without unpacking it. */
export function checkFollowing(bytes: Buffer, segment: Segment, hashBefore: Buffer): void {
  checkSegment(bytes, segment);
  if (bytes.compare(hashBefore, 0, HASH_BYTES, 24, HEADER_BYTES) !== 0) {
    throw damaged(segment.path, 'does not follow the segment before it');
  }
}

/** The last of them, at the cost of one block. Throws as `recordsIn`. */
export function lastRecordIn(bytes: Buffer, segment: Segment): Buffer {
  checkSegment(bytes, segment);
  let block = 0;
  for (let at = HEADER_BYTES; at < bytes.length - HASH_BYTES; at += LENGTH_BYTES + bytes.readUInt32LE(at)) block = at;
  const end = block + LENGTH_BYTES + bytes.readUInt32LE(block);
  let last: Buffer = Buffer.alloc(0);
  for (const record of recordsOf(brotliDecompressSync(bytes.subarray(block + LENGTH_BYTES, end)))) last = record;
  return last;
}

/** Its last bytes, of which the one after it knows. */
export function lastHashOf({ path }: Segment): Buffer {
  const descriptor = openSync(path, 'r');
  try {
    const hash = Buffer.alloc(HASH_BYTES);
    readSync(descriptor, hash, 0, HASH_BYTES, Math.max(0, fstatSync(descriptor).size - HASH_BYTES));
    return hash;
  } finally {
    closeSync(descriptor);
  }
}

/** In the order of their names, which is that of their records. */
export function listSegments(folder: string): Segment[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const match = NAME.exec(name);
      return match === null ? [] : [{ first: Number(match[1]), last: Number(match[2]), path: join(folder, name) }];
    });
}

export function segmentName({ first, last }: Pick<Segment, 'first' | 'last'>): string {
  return `${padded(first)}-${padded(last)}.segment`;
}

/** Those of an archive. @throws StorageFault ARCHIVE_DAMAGED when one is missing */
export function findSegments(folder: string): Segment[] {
  const segments: Segment[] = [];
  for (const segment of listSegments(folder)) {
    const expected = (segments.at(-1)?.last ?? 0) + 1;
    if (segment.first !== expected) throw damaged(segment.path, `should begin at record ${expected}: one is missing`);
    segments.push(segment);
  }
  return segments;
}

function checkSegment(bytes: Buffer, { first, last, path }: Segment): void {
  const end = bytes.length - HASH_BYTES;
  if (end < HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) throw damaged(path, 'is no segment');
  if (!hashOf(bytes.subarray(0, end)).equals(bytes.subarray(end))) throw damaged(path, 'fails its checksum');
  if (bytes.readUInt16LE(4) > VERSION) {
    throw new StorageFault('FORMAT_NEWER', `${path} was written by a newer version: use that one`);
  }
  if (Number(bytes.readBigUInt64LE(8)) !== first || Number(bytes.readBigUInt64LE(16)) !== last) {
    throw damaged(path, 'holds other records than its name says');
  }
}

interface Block {
  readonly recordCount: number;
  readonly bytes: Buffer;
}

function* blocksOf(records: Iterable<Buffer>): Iterable<Block> {
  let parts: Buffer[] = [];
  let bytes = 0;
  const block = () => ({ recordCount: parts.length / 2, bytes: Buffer.concat(parts) });
  for (const record of records) {
    parts.push(lengthOf(record), record);
    bytes += record.length;
    if (bytes < LIMITS.archiveBlockBytesMax) continue;
    yield block();
    parts = [];
    bytes = 0;
  }
  if (parts.length > 0) yield block();
}

function* together<T>(items: Iterable<T>, count: number): Iterable<readonly T[]> {
  let some: T[] = [];
  for (const item of items) {
    some.push(item);
    if (some.length < count) continue;
    yield some;
    some = [];
  }
  if (some.length > 0) yield some;
}

function* recordsOf(block: Buffer): Iterable<Buffer> {
  for (let at = 0; at < block.length; ) {
    const start = at + LENGTH_BYTES;
    at = start + block.readUInt32LE(at);
    yield block.subarray(start, at);
  }
}

function lengthOf(bytes: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(bytes.length);
  return length;
}

function padded(sequence: number): string {
  return String(sequence).padStart(15, '0');
}

function damaged(path: string, what: string): StorageFault {
  return new StorageFault('ARCHIVE_DAMAGED', `${path} ${what}: restore it from a backup`);
}
