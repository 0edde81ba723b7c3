/**
 * Spilled rows in the order of their keys. Comparing keys of 60 bytes wherever they lie takes twenty looks into main
 * memory for each row. Here the first bytes that tell rows of one partition and table apart are gathered into numbers
 * with the row's place beside them, and only rows equal in those (of one card, of one citizen) are compared as bytes.
 */
import { invariant } from '../../engine/assert.ts';

export interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
}

export const SPILL_HEADER_BYTES = 6;

/** Partition and table are the same in all keys of a spill: of what follows 32 bits, and 8 more above a row's place. */
const PLACE_BITS = 24;
const COUNT_MAX = 2 ** PLACE_BITS;

/** The entries are views of `bytes`. */
export function* inKeyOrder(bytes: Buffer, count: number): Iterable<Entry> {
  const { numbers, offsets } = gather(bytes, count);
  numbers.sort();
  const words = new Uint32Array(numbers.buffer);
  const entry = (at: number) => entryAt(bytes, offsets[words[2 * at]! & (COUNT_MAX - 1)]!);
  const isSame = (left: number, right: number) =>
    words[2 * left + 1] === words[2 * right + 1] &&
    words[2 * left]! >>> PLACE_BITS === words[2 * right]! >>> PLACE_BITS;
  for (let at = 0; at < count; ) {
    let end = at + 1;
    while (end < count && isSame(at, end)) end += 1;
    if (end === at + 1) yield entry(at);
    else yield* Array.from({ length: end - at }, (_, index) => entry(at + index)).sort(compareKeys);
    at = end;
  }
}

/** Numbers of 64 bits as two words, the low one first: as this processor has them, so that they sort as numbers. */
function gather(bytes: Buffer, count: number): { readonly numbers: BigUint64Array; readonly offsets: Float64Array } {
  invariant(count < COUNT_MAX, `too many rows of one partition and table: ${count}`);
  const numbers = new BigUint64Array(count);
  const words = new Uint32Array(numbers.buffer);
  const offsets = new Float64Array(count);
  let offset = 0;
  for (let place = 0; place < count; place += 1) {
    offsets[place] = offset;
    const keyAt = offset + SPILL_HEADER_BYTES;
    const keyBytes = bytes.readUInt16LE(offset);
    // What a short key lacks counts as zero: then it is equal to the longer key or before it, and compared.
    const byteOf = (index: number) => (index < keyBytes ? bytes[keyAt + index]! : 0);
    words[2 * place + 1] = (byteOf(2) << 24) | (byteOf(3) << 16) | (byteOf(4) << 8) | byteOf(5);
    words[2 * place] = (byteOf(6) << PLACE_BITS) | place;
    offset = keyAt + keyBytes + bytes.readUInt32LE(offset + 2);
  }
  invariant(offset === bytes.length, 'a spill holds whole rows');
  return { numbers, offsets };
}

function entryAt(bytes: Buffer, offset: number): Entry {
  const keyAt = offset + SPILL_HEADER_BYTES;
  const valueAt = keyAt + bytes.readUInt16LE(offset);
  const end = valueAt + bytes.readUInt32LE(offset + 2);
  return { key: bytes.subarray(keyAt, valueAt), value: bytes.subarray(valueAt, end) };
}

function compareKeys(left: Entry, right: Entry): number {
  return left.key.compare(right.key);
}
