/**
 * A saved ranking: the chunks of its memory, at a vector of sequences. Only a copy: when it is damaged, absent or
 * of another version it is rebuilt from rows, so nothing here is a fault.
 *
 *   0 magic 'CDRK'   4 version u16   6 zero u16   8 chunk count u32   12 vector length u32   16 vector f64 each,
 *   then for each chunk its length f64 and bytes, then SHA-256 of all before it
 */
import { createHash } from 'node:crypto';
import { HASH_BYTES } from './record.ts';

const MAGIC = 0x4b524443;
const VERSION = 1;
const HEADER_BYTES = 16;
const NUMBER_BYTES = 8;

export interface SavedRanking {
  readonly chunks: readonly Uint8Array[];
  readonly vector: readonly number[];
}

/** The chunks are copied at once: the ranking goes on changing while the disk works. */
export function sealRanking(chunks: Iterable<Uint8Array>, vector: readonly number[]): Buffer {
  const parts: Uint8Array[] = [Buffer.alloc(HEADER_BYTES), numbers(vector)];
  let chunkCount = 0;
  for (const chunk of chunks) {
    parts.push(numbers([chunk.length]), chunk);
    chunkCount += 1;
  }
  const bytes = Buffer.concat([...parts, Buffer.alloc(HASH_BYTES)]);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt16LE(VERSION, 4);
  bytes.writeUInt32LE(chunkCount, 8);
  bytes.writeUInt32LE(vector.length, 12);
  digestOf(bytes).copy(bytes, bytes.length - HASH_BYTES);
  return bytes;
}

/** @returns null when it is not whole, or not of this version. The chunks are views of `bytes`. */
export function openRanking(bytes: Buffer): SavedRanking | null {
  if (bytes.length < HEADER_BYTES + HASH_BYTES) return null;
  if (bytes.readUInt32LE(0) !== MAGIC || bytes.readUInt16LE(4) !== VERSION) return null;
  if (!digestOf(bytes).equals(bytes.subarray(bytes.length - HASH_BYTES))) return null;

  let at = HEADER_BYTES;
  const vector = Array.from({ length: bytes.readUInt32LE(12) }, () => {
    at += NUMBER_BYTES;
    return bytes.readDoubleLE(at - NUMBER_BYTES);
  });
  const chunks = Array.from({ length: bytes.readUInt32LE(8) }, () => {
    const start = at + NUMBER_BYTES;
    at = start + bytes.readDoubleLE(at);
    return bytes.subarray(start, at);
  });
  return { chunks, vector };
}

function digestOf(bytes: Buffer): Buffer {
  return createHash('sha256')
    .update(bytes.subarray(0, bytes.length - HASH_BYTES))
    .digest();
}

function numbers(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * NUMBER_BYTES);
  values.forEach((value, index) => {
    bytes.writeDoubleLE(value, index * NUMBER_BYTES);
  });
  return bytes;
}
