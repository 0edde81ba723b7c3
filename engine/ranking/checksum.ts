/** CRC-32 (IEEE 802.3, as in zip and gzip) of 32-bit words in little-endian order. */
import type { Rows } from './row.ts';

const POLYNOMIAL = 0xedb8_8320;
const TABLE = makeTables();

/**
 * Checksum of words `start` to `end` - 1, continuing from the checksum of what came before (0 = nothing).
 * Four tables of 256, so that each step takes a word instead of a byte.
 */
export function crc32(words: Rows, start = 0, end = words.length, before = 0): number {
  let crc = ~before;
  for (let index = start; index < end; index += 1) {
    crc ^= words[index]!;
    crc =
      TABLE[768 + (crc & 0xff)]! ^
      TABLE[512 + ((crc >>> 8) & 0xff)]! ^
      TABLE[256 + ((crc >>> 16) & 0xff)]! ^
      TABLE[crc >>> 24]!;
  }
  return ~crc >>> 0;
}

/** Entry (t, b) at 256 t + b: what byte b does to the checksum when t more bytes follow it. */
function makeTables(): Int32Array {
  const table = new Int32Array(4 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    table[byte] = crc;
  }
  for (let entry = 256; entry < table.length; entry += 1) {
    const previous = table[entry - 256]!;
    table[entry] = (previous >>> 8) ^ table[previous & 0xff]!;
  }
  return table;
}
