/**
 * A saved ranking: its file (engine/ranking/ranking-file.ts), which checks itself, and behind it the vector of sequences
 * at which the copy was begun. Only a copy: when it is damaged, absent or of another version it is rebuilt from rows.
 *
 *   header and rows of the ranking
 *   vector f64 each   its length u32   version u32   magic 'CDRK'   CRC-32 of vector, length, version and magic
 */
import { crc32 } from 'node:zlib';
import type { RankingCopy } from '../engine/ports.ts';

const MAGIC = 0x4b524443;
const VERSION = 1;
const NUMBER_BYTES = 8;
/** Length, version, magic, CRC. */
const END_BYTES = 16;
const CRC_AT = 12;
const PIECE_BYTES = 1_048_576;

export interface SavedRanking {
  /** Read as they are asked for, once. */
  readonly chunks: Iterable<Uint8Array>;
  /** The sequence of each partition. */
  readonly vector: readonly number[];
}

/** Bytes somewhere, to be written in order but for the first ones. */
export interface RankingSink {
  append(bytes: Uint8Array): Promise<void> | void;
  setStart(bytes: Uint8Array): Promise<void> | void;
}

/** Bytes somewhere. `close` is called once, when all that is wanted was read. */
export interface RankingSource {
  readonly length: number;
  read(at: number, length: number): Buffer;
  close(): void;
}

/** Takes the copy piece by piece, as fast as they can be written: meanwhile the ranking moves. */
export async function writeRanking(sink: RankingSink, copy: RankingCopy, vector: readonly number[]): Promise<void> {
  // Known only at the end, but it comes first: rank r is at a fixed place.
  await sink.append(new Uint8Array(copy.headerBytes));
  for (const rows of copy.rows) await sink.append(rows);
  await sink.append(vectorBytes(vector));
  await sink.setStart(copy.header());
}

/** @returns null when its end is not whole, or not of this version */
export function readRanking(source: RankingSource): SavedRanking | null {
  const vector = readVector(source);
  if (vector === null) {
    source.close();
    return null;
  }
  return { vector, chunks: pieces(source, source.length - endBytes(vector.length)) };
}

function* pieces(source: RankingSource, end: number): Iterable<Uint8Array> {
  try {
    for (let at = 0; at < end; at += PIECE_BYTES) yield source.read(at, Math.min(PIECE_BYTES, end - at));
  } finally {
    source.close();
  }
}

function readVector(source: RankingSource): readonly number[] | null {
  if (source.length < END_BYTES) return null;
  const end = source.read(source.length - END_BYTES, END_BYTES);
  const count = end.readUInt32LE(0);
  if (end.readUInt32LE(4) !== VERSION || end.readUInt32LE(8) !== MAGIC) return null;
  if (endBytes(count) > source.length) return null;
  const bytes = source.read(source.length - endBytes(count), endBytes(count));
  if (crc32(bytes.subarray(0, -4)) !== bytes.readUInt32LE(bytes.length - 4)) return null;
  return Array.from({ length: count }, (_, at) => bytes.readDoubleLE(at * NUMBER_BYTES));
}

function vectorBytes(vector: readonly number[]): Buffer {
  const bytes = Buffer.alloc(endBytes(vector.length));
  vector.forEach((value, at) => {
    bytes.writeDoubleLE(value, at * NUMBER_BYTES);
  });
  const end = bytes.subarray(-END_BYTES);
  end.writeUInt32LE(vector.length, 0);
  end.writeUInt32LE(VERSION, 4);
  end.writeUInt32LE(MAGIC, 8);
  end.writeUInt32LE(crc32(bytes.subarray(0, -4)), CRC_AT);
  return bytes;
}

function endBytes(count: number): number {
  return count * NUMBER_BYTES + END_BYTES;
}
