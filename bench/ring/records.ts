/** Records that say which they are, byte by byte: whoever reads one knows whether it is whole and in its place. */

const LENGTH_MIN = 4;
/** Of all lengths alike, so that records meet the end of the ring in every way. */
const LENGTHS = 64;

export const RECORD_BYTES_MAX = LENGTH_MIN + LENGTHS;

/** Record number `index` in `buffer`, which has RECORD_BYTES_MAX bytes. */
export function fillRecord(buffer: Uint8Array, index: number): Uint8Array {
  const mixed = mix(index);
  const length = lengthOf(mixed);
  for (let at = 0; at < length; at += 1) buffer[at] = mixed >>> ((at & 3) * 8);
  return buffer.subarray(0, length);
}

export function isRecord(bytes: Uint8Array, index: number): boolean {
  const mixed = mix(index);
  if (bytes.length !== lengthOf(mixed)) return false;
  for (let at = 0; at < bytes.length; at += 1) if (bytes[at] !== ((mixed >>> ((at & 3) * 8)) & 0xff)) return false;
  return true;
}

function lengthOf(mixed: number): number {
  return LENGTH_MIN + ((mixed >>> 5) % LENGTHS);
}

/** Every index to another number, neighbours to very different ones (the finaliser of MurmurHash3). */
function mix(index: number): number {
  let mixed = index ^ (index >>> 16);
  mixed = Math.imul(mixed, 0x85eb_ca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
