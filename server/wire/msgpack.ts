/**
 * Subprotocol `clickday.v1.msgpack`. msgpackr does the work; what strangers send is walked over first, without
 * decoding, since a decoder believes declared lengths, nests without end and knows extensions that we do not use.
 */
import { Packr } from 'msgpackr';
import { badFrame, type Codec, type FrameFault, type FrameLimits, type ParsedFrame, tooLarge } from './codec.ts';
import { KeySet } from './keys.ts';
import { PROTOCOL_MSGPACK } from './schemas.ts';

/** One per connection or per server: holds msgpackr's scratch buffers, no state between frames. */
export function createMsgpackCodec(): Codec {
  const packr = new Packr({
    useRecords: false,
    int64AsType: 'number', // Other languages send instants as 64-bit integers; the schema refuses unsafe ones.
    skipValues: [undefined],
  } as ConstructorParameters<typeof Packr>[0]);
  const utf8 = new TextDecoder('utf-8', { fatal: true });

  return {
    protocol: PROTOCOL_MSGPACK,
    isBinary: true,
    encode: (message) => packr.encode(message),
    decode: (frame) => packr.decode(frame as Uint8Array),
    parse(frame: Uint8Array, limits: FrameLimits): ParsedFrame {
      if (frame.length > limits.bytesMax) return tooLarge(limits);
      const fault = new MsgpackScan(frame, limits, utf8).run();
      if (fault !== undefined) return badFrame(fault);
      return { ok: true, value: packr.decode(frame) };
    },
  };
}

const FAILED = -1;

/** Walks one frame. Recursive, which is safe because depth is limited. */
class MsgpackScan {
  readonly #bytes: Uint8Array;
  readonly #utf8: InstanceType<typeof TextDecoder>;
  readonly #depthMax: number;
  #keysLeft: number;
  #fault: FrameFault | undefined;

  constructor(bytes: Uint8Array, limits: FrameLimits, utf8: InstanceType<typeof TextDecoder>) {
    this.#bytes = bytes;
    this.#utf8 = utf8;
    this.#depthMax = limits.depthMax;
    this.#keysLeft = limits.keysMax;
  }

  run(): FrameFault | undefined {
    const first = this.#bytes[0];
    if (first === undefined) return 'truncated';
    if ((first & 0xf0) !== 0x80 && first !== 0xde && first !== 0xdf) return 'not a map of keys';
    const end = this.#value(0, 0);
    if (end === FAILED) return this.#fault;
    return end === this.#bytes.length ? undefined : 'bytes after the message';
  }

  #fail(fault: FrameFault): number {
    this.#fault = fault;
    return FAILED;
  }

  /** @returns where the value that starts at `at` ends, or FAILED */
  #value(at: number, depth: number): number {
    const token = this.#bytes[at];
    if (token === undefined) return this.#fail('truncated');
    if (token < 0x80 || token >= 0xe0) return at + 1;
    if (token < 0x90) return this.#map(at + 1, token & 0x0f, depth + 1);
    if (token < 0xa0) return this.#array(at + 1, token & 0x0f, depth + 1);
    if (token < 0xc0) return this.#text(at + 1, token & 0x1f);
    switch (token) {
      case 0xc0: // nil, false, true
      case 0xc2:
      case 0xc3:
        return at + 1;
      case 0xcc: // integers and floats, by size
      case 0xd0:
        return this.#fixed(at, 2);
      case 0xcd:
      case 0xd1:
        return this.#fixed(at, 3);
      case 0xca:
      case 0xce:
      case 0xd2:
        return this.#fixed(at, 5);
      case 0xcb:
      case 0xcf:
      case 0xd3:
        return this.#fixed(at, 9);
      case 0xd9:
        return this.#text(at + 2, this.#length(at, 1));
      case 0xda:
        return this.#text(at + 3, this.#length(at, 2));
      case 0xdb:
        return this.#text(at + 5, this.#length(at, 4));
      case 0xdc:
        return this.#array(at + 3, this.#length(at, 2), depth + 1);
      case 0xdd:
        return this.#array(at + 5, this.#length(at, 4), depth + 1);
      case 0xde:
        return this.#map(at + 3, this.#length(at, 2), depth + 1);
      case 0xdf:
        return this.#map(at + 5, this.#length(at, 4), depth + 1);
      default:
        return this.#fail('a type that the protocol does not use'); // Extensions, records, binary.
    }
  }

  /** The declared length after a token; more than the frame can hold when it is cut. */
  #length(at: number, size: 1 | 2 | 4): number {
    const bytes = this.#bytes;
    if (at + size >= bytes.length) return bytes.length;
    let length = 0;
    for (let index = 1; index <= size; index += 1) length = length * 256 + bytes[at + index]!;
    return length;
  }

  #fixed(at: number, size: number): number {
    return at + size <= this.#bytes.length ? at + size : this.#fail('truncated');
  }

  #text(start: number, length: number): number {
    const end = start + length;
    if (end > this.#bytes.length) return this.#fail('truncated');
    for (let at = start; at < end; at += 1) {
      if (this.#bytes[at]! >= 0x80) return this.#isUtf8(at, end) ? end : this.#fail('text that is not UTF-8');
    }
    return end;
  }

  #isUtf8(start: number, end: number): boolean {
    try {
      this.#utf8.decode(this.#bytes.subarray(start, end));
      return true;
    } catch {
      return false;
    }
  }

  #array(start: number, length: number, depth: number): number {
    if (depth > this.#depthMax) return this.#fail('nested too deeply');
    if (length > this.#bytes.length - start) return this.#fail('truncated'); // An element has a byte at least.
    let at = start;
    for (let index = 0; index < length && at !== FAILED; index += 1) at = this.#value(at, depth);
    return at;
  }

  #map(start: number, length: number, depth: number): number {
    if (depth > this.#depthMax) return this.#fail('nested too deeply');
    if (length * 2 > this.#bytes.length - start) return this.#fail('truncated');
    this.#keysLeft -= length;
    if (this.#keysLeft < 0) return this.#fail('too many keys');
    const keys = new KeySet(this.#bytes);
    let at = start;
    for (let index = 0; index < length && at !== FAILED; index += 1) {
      at = this.#key(at, keys);
      if (at !== FAILED) at = this.#value(at, depth);
    }
    return at;
  }

  #key(at: number, keys: KeySet): number {
    const token = this.#bytes[at]!;
    const isShort = token >= 0xa0 && token < 0xc0;
    if (!isShort && token !== 0xd9) return this.#fail('a key that is not one to 32 letters');
    const start = isShort ? at + 1 : at + 2;
    const end = start + (isShort ? token & 0x1f : this.#length(at, 1));
    if (end > this.#bytes.length) return this.#fail('truncated');
    const verdict = keys.add(start, end);
    if (verdict === 'new') return end;
    return this.#fail(verdict === 'repeated' ? 'a key given twice' : 'a key that is not one to 32 letters');
  }
}
