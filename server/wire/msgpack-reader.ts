/**
 * Reads msgpack of strangers. A decoder of the library believes declared lengths, nests without end and knows extensions
 * that the protocol does not use, so their frames have to be walked over anyway: what the walk has seen it builds at
 * once. Walked over first and then decoded by msgpackr, a request took 1.7 us; this way 1.0 (the five requests of
 * bench's `life`, node 20).
 */
import { badFrame, type FrameFault, type FrameLimits, type ParsedFrame } from './codec.ts';
import { isLetter, KEY_BYTES_MAX } from './keys.ts';

const NO_BYTES = new Uint8Array();
const TWO_TO_32 = 2 ** 32;
/** Keys of frames come again and again: a power of two of them is kept. */
const KNOWN_KEYS_COUNT = 256;

/** One per server: between two frames it holds nothing but keys. Recursive, which is safe because depth is limited. */
export class MsgpackReader {
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  readonly #float = new DataView(new ArrayBuffer(8));
  readonly #knownKeys: string[] = new Array<string>(KNOWN_KEYS_COUNT).fill('');
  #bytes: Uint8Array = NO_BYTES;
  /** The frame byte for byte: a text of ASCII is a part of it. */
  #characters = '';
  #at = 0;
  #depthMax = 0;
  #keysLeft = 0;
  #fault: FrameFault | undefined;

  read(frame: Uint8Array, { depthMax, keysMax }: FrameLimits): ParsedFrame {
    const buffer = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
    this.#bytes = buffer;
    this.#characters = buffer.toString('latin1');
    this.#at = 0;
    this.#depthMax = depthMax;
    this.#keysLeft = keysMax;
    this.#fault = undefined;

    const value = this.#message();
    this.#bytes = NO_BYTES;
    this.#characters = '';
    return this.#fault === undefined ? { ok: true, value } : badFrame(this.#fault);
  }

  #message(): unknown {
    const first = this.#bytes[0];
    if (first === undefined) return this.#fail('truncated');
    if ((first & 0xf0) !== 0x80 && first !== 0xde && first !== 0xdf) return this.#fail('not a map of keys');
    const value = this.#value(0);
    return this.#fault === undefined && this.#at < this.#bytes.length ? this.#fail('bytes after the message') : value;
  }

  /** The first fault counts; what is built after it is thrown away. */
  #fail(fault: FrameFault): undefined {
    this.#fault ??= fault;
  }

  #value(depth: number): unknown {
    const token = this.#bytes[this.#at];
    if (token === undefined) return this.#fail('truncated');
    this.#at += 1;
    if (token < 0x80) return token;
    if (token >= 0xe0) return token - 0x100;
    if (token < 0x90) return this.#map(token & 0x0f, depth + 1);
    if (token < 0xa0) return this.#array(token & 0x0f, depth + 1);
    if (token < 0xc0) return this.#text(token & 0x1f);
    switch (token) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xca:
        return this.#floating(4);
      case 0xcb:
        return this.#floating(8);
      case 0xcc:
        return this.#unsigned(1);
      case 0xcd:
        return this.#unsigned(2);
      case 0xce:
        return this.#unsigned(4);
      case 0xcf: // Other languages send instants as 64-bit integers; the schema refuses unsafe ones.
        return this.#unsigned(4) * TWO_TO_32 + this.#unsigned(4);
      case 0xd0:
        return (this.#unsigned(1) << 24) >> 24;
      case 0xd1:
        return (this.#unsigned(2) << 16) >> 16;
      case 0xd2:
        return this.#unsigned(4) | 0;
      case 0xd3:
        return (this.#unsigned(4) | 0) * TWO_TO_32 + this.#unsigned(4);
      case 0xd9:
        return this.#text(this.#unsigned(1));
      case 0xda:
        return this.#text(this.#unsigned(2));
      case 0xdb:
        return this.#text(this.#unsigned(4));
      case 0xdc:
        return this.#array(this.#unsigned(2), depth + 1);
      case 0xdd:
        return this.#array(this.#unsigned(4), depth + 1);
      case 0xde:
        return this.#map(this.#unsigned(2), depth + 1);
      case 0xdf:
        return this.#map(this.#unsigned(4), depth + 1);
      default:
        return this.#fail('a type that the protocol does not use'); // Extensions, records, binary.
    }
  }

  /** Moves past `byteCount` bytes, where there are as many. @returns where they begin */
  #take(byteCount: number): number {
    const start = this.#at;
    if (byteCount > this.#bytes.length - start) this.#fail('truncated');
    else this.#at += byteCount;
    return start;
  }

  #unsigned(byteCount: 1 | 2 | 4): number {
    const start = this.#take(byteCount);
    let value = 0;
    for (let at = start; at < this.#at; at += 1) value = value * 256 + this.#bytes[at]!;
    return value;
  }

  #floating(byteCount: 4 | 8): number {
    const start = this.#take(byteCount);
    for (let at = start; at < this.#at; at += 1) this.#float.setUint8(at - start, this.#bytes[at]!);
    return byteCount === 4 ? this.#float.getFloat32(0) : this.#float.getFloat64(0);
  }

  #text(byteCount: number): string | undefined {
    const start = this.#take(byteCount);
    return this.#isAscii(start, this.#at) ? this.#characters.slice(start, this.#at) : this.#unicode(start, this.#at);
  }

  #isAscii(start: number, end: number): boolean {
    const bytes = this.#bytes;
    let bits = 0;
    for (let at = start; at < end; at += 1) bits |= bytes[at]!;
    return bits < 0x80;
  }

  #unicode(start: number, end: number): string | undefined {
    try {
      return this.#utf8.decode(this.#bytes.subarray(start, end));
    } catch {
      return this.#fail('text that is not UTF-8');
    }
  }

  #array(count: number, depth: number): readonly unknown[] | undefined {
    if (depth > this.#depthMax) return this.#fail('nested too deeply');
    if (count > this.#bytes.length - this.#at) return this.#fail('truncated'); // An element has a byte at least.
    const values: unknown[] = [];
    while (values.length < count && this.#fault === undefined) values.push(this.#value(depth));
    return values;
  }

  #map(count: number, depth: number): Readonly<Record<string, unknown>> | undefined {
    if (depth > this.#depthMax) return this.#fail('nested too deeply');
    if (count * 2 > this.#bytes.length - this.#at) return this.#fail('truncated');
    this.#keysLeft -= count;
    if (this.#keysLeft < 0) return this.#fail('too many keys');
    const values: Record<string, unknown> = {};
    for (let left = count; left > 0; left -= 1) {
      const key = this.#key();
      if (key === undefined) return undefined;
      if (Object.hasOwn(values, key)) return this.#fail('a key given twice');
      values[key] = this.#value(depth);
      if (this.#fault !== undefined) return undefined;
    }
    return values;
  }

  /** One to 32 letters, see keys.ts: `__proto__` is none, and any other name becomes the object's own. */
  #key(): string | undefined {
    const token = this.#bytes[this.#at]!;
    const isShort = token >= 0xa0 && token < 0xc0;
    if (!isShort && token !== 0xd9) return this.#fail('a key that is not one to 32 letters');
    this.#at += 1;
    const byteCount = isShort ? token & 0x1f : this.#unsigned(1);
    const start = this.#take(byteCount);
    if (this.#fault !== undefined) return undefined;
    if (byteCount === 0 || byteCount > KEY_BYTES_MAX) return this.#fail('a key that is not one to 32 letters');
    let hash = byteCount;
    for (let at = start; at < this.#at; at += 1) {
      const letter = this.#bytes[at]!;
      if (!isLetter(letter)) return this.#fail('a key that is not one to 32 letters');
      hash = (Math.imul(hash, 31) + letter) | 0;
    }
    return this.#knownKey(hash & (KNOWN_KEYS_COUNT - 1), start, byteCount);
  }

  /** The very string that was a key before, whose place in objects is known: a new one would have to be looked up. */
  #knownKey(place: number, start: number, length: number): string {
    const known = this.#knownKeys[place]!;
    if (known.length === length && this.#characters.startsWith(known, start)) return known;
    const key = this.#characters.slice(start, start + length);
    this.#knownKeys[place] = key;
    return key;
  }
}
