/** Subprotocol `clickday.v1.msgpack`. msgpackr writes it and reads what friends send; for strangers see msgpack-reader.ts. */
import { Packr } from 'msgpackr';
import { type Codec, type FrameLimits, type ParsedFrame, type Repeated, tooLarge, without } from './codec.ts';
import { MsgpackReader } from './msgpack-reader.ts';
import { PROTOCOL_MSGPACK, REQUESTS } from './schemas.ts';

/** One per connection or per server: holds msgpackr's scratch buffers, no state between frames. */
export function createMsgpackCodec(): Codec {
  const packr = new Packr({
    useRecords: false,
    int64AsType: 'number',
    skipValues: [undefined],
  } as ConstructorParameters<typeof Packr>[0]);
  const reader = new MsgpackReader();

  return {
    protocol: PROTOCOL_MSGPACK,
    isBinary: true,
    encode: (message) => packr.encode(message),
    repeated(message, changing) {
      const rest = packr.encode(without(message, changing));
      return repeatedMessage(rest, changing);
    },
    peek,
    decode: (frame) => packr.decode(frame as Uint8Array),
    parse(frame: Uint8Array, limits: FrameLimits): ParsedFrame {
      if (frame.length > limits.bytesMax) return tooLarge(limits);
      return reader.read(frame, limits);
    },
  };
}

const FIXMAP = 0x80;
const FIXTEXT = 0xa0;
const DOUBLE = 0xcb;
const UINT_8 = 0xcc;
const UINT_16 = 0xcd;
const UINT_32 = 0xce;
const MAP_16 = 0xde;
const TEXT_BYTES_MAX = 32;

/** `rest` is a map; the values go before what it holds. */
function repeatedMessage(rest: Buffer, changing: readonly string[]): Repeated {
  const [restAt, restCount] = rest[0] === MAP_16 ? [3, rest.readUInt16BE(1)] : [1, rest[0]! & 0x0f];
  const restOnly = rest.subarray(restAt);
  const keys = changing.map(keyBytes);
  const bytesMax = keys.reduce((sum, { length }) => sum + length + TEXT_BYTES_MAX, 3 + rest.length);
  return (values) => {
    const frame = Buffer.allocUnsafe(bytesMax);
    frame[0] = MAP_16;
    let at = frame.writeUInt16BE(restCount + keys.length, 1);
    for (let number = 0; number < keys.length; number += 1) {
      for (const byte of keys[number]!) {
        frame[at] = byte;
        at += 1;
      }
      at = writeValue(frame, at, values[number]!);
    }
    frame.set(restOnly, at);
    return frame.subarray(0, at + restOnly.length);
  };
}

/** As msgpackr does: a number that has more than 32 bits is a double. */
function writeValue(to: Buffer, at: number, value: number | string): number {
  if (typeof value === 'string') {
    to[at] = FIXTEXT | value.length;
    for (let letter = 0; letter < value.length; letter += 1) to[at + 1 + letter] = value.charCodeAt(letter);
    return at + 1 + value.length;
  }
  const isShort = Number.isInteger(value) && value >= 0 && value < 2 ** 32;
  to[at] = isShort ? UINT_32 : DOUBLE;
  return isShort ? to.writeUInt32BE(value, at + 1) : to.writeDoubleBE(value, at + 1);
}

const REF_KEY = keyBytes('ref');
const TYPE_KEY = keyBytes('type');
/** Found by its bytes: of a frame that is only looked at, no text is made. */
const TYPES = Object.keys(REQUESTS).map((name) => ({ name, bytes: keyBytes(name) }));

function peek(bytes: Uint8Array): { readonly ref: number; readonly type: string } | null {
  const refAt = bytes[0] === MAP_16 ? 3 : (bytes[0]! & 0xf0) === FIXMAP ? 1 : -1;
  if (refAt === -1 || !holds(bytes, refAt, REF_KEY)) return null;
  let at = refAt + REF_KEY.length;
  const token = bytes[at]!;
  at += 1;
  const width = token < 0x80 ? 0 : token === UINT_8 ? 1 : token === UINT_16 ? 2 : token === UINT_32 ? 4 : -1;
  if (width === -1) return null;
  let ref = width === 0 ? token : 0;
  for (const end = at + width; at < end; at += 1) ref = ref * 256 + bytes[at]!;
  if (!holds(bytes, at, TYPE_KEY)) return null;
  at += TYPE_KEY.length;
  const type = TYPES.find((one) => holds(bytes, at, one.bytes));
  return type === undefined ? null : { ref, type: type.name };
}

/** Of a short name in ASCII. */
function keyBytes(name: string): readonly number[] {
  return [FIXTEXT | name.length, ...Array.from(name, (letter) => letter.charCodeAt(0))];
}

function holds(bytes: Uint8Array, at: number, part: readonly number[]): boolean {
  for (let index = 0; index < part.length; index += 1) if (bytes[at + index] !== part[index]) return false;
  return true;
}
