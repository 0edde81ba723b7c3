/** Bytes in and out: the three primitives (integer, text, bytes) that every stored format is made of. */
import { invariant } from '../../engine/assert.ts';
import { INTEGER_MAX } from '../../engine/contract.ts';

/** Forms of a text, in the low two bits of its length. */
const UTF8 = 0;
/** Lower-case hex digits, packed in half: keys and hashes. */
const HEX = 1;
/** Not well-formed as Unicode; kept unit by unit, so that what is read is always what was written. */
const UTF16 = 2;
/** Hex digits that stood before: in place of a length, how many others stood since. */
const AGAIN = 3;
/** A power of two. Facts that name the same citizen or card follow each other. */
const REMEMBERED_COUNT = 8;

const WORD_BYTES = 4;

const LONE_SURROGATE = /\p{Surrogate}/u;

const LOW_28_BITS = 0x1000_0000;

/** Shorter texts are not worth the look: a citizen's key has 32 digits, an hpan 64. */
const HEX_DIGITS_MIN = 32;

/** Value of each lower-case hex digit; -1 for every other character there is. */
const DIGITS: Int8Array = hexDigits();

/** A buffer that grows. One is reused for many values: its bytes hold until the next `reset`. */
export class ByteWriter {
  #bytes: Buffer;
  #at = 0;
  /** The last hex digits of this value that were written out; `#written` counts all of them. */
  readonly #remembered: string[] = new Array<string>(REMEMBERED_COUNT).fill('');
  /** Their first digits: a look at those is a tenth of comparing two texts. */
  readonly #heads = new Int32Array(REMEMBERED_COUNT);
  #written = 0;
  /** Parts that were last written, each beside its key. A map cleared for each value leaves its tables to the collector. */
  readonly #lastKeys: object[] = [];
  readonly #lastParts: object[] = [];

  constructor(byteCount = 65_536) {
    this.#bytes = Buffer.allocUnsafeSlow(byteCount);
  }

  get length(): number {
    return this.#at;
  }

  reset(): void {
    this.#at = 0;
    this.beginValue();
  }

  /**
   * What is written from now on is read by a reader of its own. Within a value hex digits that stood just before are
   * named and not written again. Naming any that stood before was tried: the map of a turn's thousands of keys lies
   * in main memory, and a look-up cost more than the digits.
   */
  beginValue(): void {
    this.#heads.fill(0);
    this.#written = 0;
    if (this.#lastKeys.length > 0) this.#lastKeys.length = 0;
  }

  /** True when `part` is the very object that was last written under this key, which is then remembered. */
  isLast(key: object, part: object): boolean {
    const known = this.#lastKeys.indexOf(key);
    const at = known === -1 ? this.#lastKeys.push(key) - 1 : known;
    const isAgain = known !== -1 && this.#lastParts[at] === part;
    this.#lastParts[at] = part;
    return isAgain;
  }

  /** What was written since `reset`; a view, overwritten by the next value. */
  view(start = 0): Buffer {
    return this.#bytes.subarray(start, this.#at);
  }

  /** A copy of its own, which outlives this writer's next value. */
  copy(start = 0): Buffer {
    const copied = Buffer.allocUnsafeSlow(this.#at - start);
    this.#bytes.copy(copied, 0, start, this.#at);
    return copied;
  }

  /** Leaves room to be filled in later through `view`. */
  skip(byteCount: number): void {
    this.#reserve(byteCount);
    this.#at += byteCount;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = value;
  }

  /** Four bytes, little-endian: where a length must be known before what it tells. */
  word(value: number): void {
    this.#reserve(WORD_BYTES);
    this.#bytes.writeUInt32LE(value, this.#at);
    this.#at += WORD_BYTES;
  }

  /** Fills in a word that was skipped. */
  setWord(at: number, value: number): void {
    this.#bytes.writeUInt32LE(value, at);
  }

  /** Zigzag, then seven bits to a byte: small numbers of either sign are short, an instant takes six bytes. */
  integer(value: number): void {
    this.#reserve(8);
    if (value === (value | 0) && value < 0x4000_0000 && value >= -0x4000_0000) {
      this.#varint((value << 1) ^ (value >> 31));
      return;
    }
    invariant(
      Number.isInteger(value) && value <= INTEGER_MAX && value >= -INTEGER_MAX,
      `not an integer that can be stored: ${value}`,
    );
    const zigzag = value >= 0 ? value * 2 : value * -2 - 1;
    const high = Math.floor(zigzag / LOW_28_BITS);
    if (high > 0) this.#fourBytes(zigzag - high * LOW_28_BITS);
    this.#varint(high > 0 ? high : zigzag);
  }

  text(value: string): void {
    this.#reserve(value.length * 3 + 5);
    if (value.length >= HEX_DIGITS_MIN && (value.length & 1) === 0 && this.#tryHex(value)) return;
    if (this.#tryAscii(value)) return;
    this.#unicode(value);
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length + 5);
    this.#varint(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** Without a length: the reader must know it. */
  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  #tryHex(value: string): boolean {
    const head = headOf(value);
    const newest = this.#written - 1;
    for (let back = 0; back < REMEMBERED_COUNT; back += 1) {
      const at = (newest - back) & (REMEMBERED_COUNT - 1);
      if (this.#heads[at] !== head || this.#remembered[at] !== value) continue;
      this.#varint((back << 2) | AGAIN);
      return true;
    }
    const start = this.#at;
    this.#varint(((value.length / 2) << 2) | HEX);
    const end = packHex(value, this.#bytes, this.#at);
    if (end === -1) return this.#backTo(start);
    this.#at = end;
    const next = this.#written & (REMEMBERED_COUNT - 1);
    this.#remembered[next] = value;
    this.#heads[next] = head;
    this.#written += 1;
    return true;
  }

  #tryAscii(value: string): boolean {
    const start = this.#at;
    this.#varint((value.length << 2) | UTF8);
    const bytes = this.#bytes;
    let at = this.#at;
    for (let index = 0; index < value.length; index += 1) {
      const code = value.charCodeAt(index);
      if (code > 127) return this.#backTo(start);
      bytes[at++] = code;
    }
    this.#at = at;
    return true;
  }

  #backTo(start: number): false {
    this.#at = start;
    return false;
  }

  #unicode(value: string): void {
    const encoding = LONE_SURROGATE.test(value) ? 'utf16le' : 'utf8';
    const form = encoding === 'utf8' ? UTF8 : UTF16;
    this.#varint((Buffer.byteLength(value, encoding) << 2) | form);
    this.#at += this.#bytes.write(value, this.#at, encoding);
  }

  /** At most 32 bits, as an unsigned number. The room is reserved by the caller. */
  #varint(value: number): void {
    const bytes = this.#bytes;
    let at = this.#at;
    let rest = value >>> 0;
    while (rest >= 0x80) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.#at = at;
  }

  /** The low 28 bits of a longer number, each byte saying that more follows. */
  #fourBytes(low: number): void {
    const bytes = this.#bytes;
    bytes[this.#at++] = (low & 0x7f) | 0x80;
    bytes[this.#at++] = ((low >>> 7) & 0x7f) | 0x80;
    bytes[this.#at++] = ((low >>> 14) & 0x7f) | 0x80;
    bytes[this.#at++] = ((low >>> 21) & 0x7f) | 0x80;
  }

  #reserve(byteCount: number): void {
    const needed = this.#at + byteCount;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}

/** The bytes are not what the format says. Callers turn it into the StorageFault of what they were reading. */
export class MalformedBytes extends Error {
  override readonly name = 'MalformedBytes';
}

/** Reads what ByteWriter wrote. Whatever it returns is a copy: the bytes may be gone afterwards, unless they are kept. */
export class ByteReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #isKept: boolean;
  readonly #remembered: string[] = [];
  #read = 0;
  #last: Map<object, object> | null = null;
  #at: number;

  /** @param isKept nobody changes the bytes any more: what is read of them may lie where it is */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length, isKept = false) {
    this.#bytes = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, end);
    this.#at = start;
    this.#end = end;
    this.#isKept = isKept;
  }

  /** Throws MalformedBytes when something is left over. */
  finish(): void {
    if (this.#at !== this.#end) throw new MalformedBytes(`${this.#end - this.#at} bytes too many`);
  }

  byte(): number {
    if (this.#at >= this.#end) throw new MalformedBytes('the bytes end too early');
    return this.#bytes[this.#at++]!;
  }

  word(): number {
    const start = this.#at;
    this.#advance(WORD_BYTES);
    return this.#bytes.readUInt32LE(start);
  }

  skip(byteCount: number): void {
    this.#advance(byteCount);
  }

  /** A reader for the next bytes alone, which are a value of their own. */
  part(byteCount: number): ByteReader {
    const start = this.#at;
    return new ByteReader(this.#bytes, start, this.#advance(byteCount), this.#isKept);
  }

  /** The same of which the bytes are kept: copied once, whatever is read of them. */
  keptPart(byteCount: number): ByteReader {
    if (this.#isKept) return this.part(byteCount);
    const start = this.#at;
    return new ByteReader(Buffer.from(this.#bytes.subarray(start, this.#advance(byteCount))), 0, byteCount, true);
  }

  integer(): number {
    const zigzag = this.#varint();
    if (zigzag <= 0x7fff_ffff) return (zigzag >>> 1) ^ -(zigzag & 1);
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  text(): string {
    const header = this.#varint();
    const form = header & 3;
    if (form === AGAIN) return this.#again(header >>> 2);
    const start = this.#at;
    const value = this.#bytes.toString(encodingOf(form), start, this.#advance(header >>> 2));
    if (form === HEX) {
      this.#remembered[this.#read & (REMEMBERED_COUNT - 1)] = value;
      this.#read += 1;
    }
    return value;
  }

  /** What was last kept under this key. */
  last(key: object): object {
    const part = this.#last?.get(key);
    if (part === undefined) throw new MalformedBytes('a part that never stood before');
    return part;
  }

  keepLast(key: object, part: object): void {
    this.#last ??= new Map();
    this.#last.set(key, part);
  }

  #again(back: number): string {
    const value =
      back < REMEMBERED_COUNT ? this.#remembered[(this.#read - 1 - back) & (REMEMBERED_COUNT - 1)] : undefined;
    if (value === undefined) throw new MalformedBytes(`digits that never stood before: ${back} back`);
    return value;
  }

  bytes(): Uint8Array {
    const length = this.#varint();
    const start = this.#at;
    const end = this.#advance(length);
    if (this.#isKept) return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, length);
    return new Uint8Array(this.#bytes.subarray(start, end));
  }

  /** Moves past `byteCount` bytes and returns the new position. */
  #advance(byteCount: number): number {
    const end = this.#at + byteCount;
    if (end > this.#end || byteCount < 0) throw new MalformedBytes('the bytes end too early');
    this.#at = end;
    return end;
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 56; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new MalformedBytes('an integer without an end');
  }
}

/**
 * Two digits to a byte; `digits` are an even number. A loop and not `Buffer.write(text, 'hex')`, which takes capitals
 * too and a quarter more time in a whole turn.
 *
 * @returns where it ended, or -1 where a character is no lower-case hex digit
 */
export function packHex(digits: string, into: Buffer, start: number): number {
  let at = start;
  for (let index = 0; index < digits.length; index += 2) {
    const packed = (DIGITS[digits.charCodeAt(index)]! << 4) | DIGITS[digits.charCodeAt(index + 1)]!;
    if (packed < 0) return -1;
    into[at++] = packed;
  }
  return at;
}

/** Of digits, never 0. */
function headOf(value: string): number {
  return value.charCodeAt(0) | (value.charCodeAt(1) << 8) | (value.charCodeAt(2) << 16) | (value.charCodeAt(3) << 24);
}

function encodingOf(form: number): BufferEncoding {
  if (form === UTF8) return 'utf8';
  if (form === HEX) return 'hex';
  if (form === UTF16) return 'utf16le';
  throw new MalformedBytes(`unknown form of text: ${form}`);
}

function hexDigits(): Int8Array {
  const digits = new Int8Array(65_536).fill(-1);
  for (let value = 0; value < 16; value += 1) digits[value.toString(16).charCodeAt(0)] = value;
  return digits;
}
