/**
 * The keys of one map, seen as bytes before decoding. A key is 1 to 32 letters: that leaves out `__proto__`,
 * numbers, escapes and two spellings of one key; what remains is held against the schema's own list.
 */
export const KEY_BYTES_MAX = 32;

export class KeySet {
  readonly #bytes: Uint8Array;
  readonly #starts: number[] = [];
  readonly #hashes: number[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Takes the key at [start, end). */
  add(start: number, end: number): 'new' | 'repeated' | 'malformed' {
    if (end === start || end - start > KEY_BYTES_MAX) return 'malformed';
    let hash = end - start;
    for (let at = start; at < end; at += 1) {
      const letter = this.#bytes[at]!;
      if (!isLetter(letter)) return 'malformed';
      hash = (Math.imul(hash, 31) + letter) | 0;
    }
    if (this.#has(hash, start, end)) return 'repeated';
    this.#hashes.push(hash);
    this.#starts.push(start);
    return 'new';
  }

  /** Quadratic on purpose: a map has a handful of keys, and the number of keys of a frame is limited. */
  #has(hash: number, start: number, end: number): boolean {
    for (let index = 0; index < this.#hashes.length; index += 1) {
      if (this.#hashes[index] === hash && this.#isSame(this.#starts[index]!, start, end)) return true;
    }
    return false;
  }

  /** The length is part of the hash; a byte that differs, the terminator included, ends the comparison. */
  #isSame(other: number, start: number, end: number): boolean {
    for (let at = start; at < end; at += 1) {
      if (this.#bytes[other + at - start] !== this.#bytes[at]) return false;
    }
    return true;
  }
}

export function isLetter(byte: number): boolean {
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}
