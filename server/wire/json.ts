/**
 * Subprotocol `clickday.v1.json`, for people with a terminal. JSON.parse keeps the last of two equal keys and nests
 * as deep as it likes, so the bytes of strangers are walked over first; JSON.parse remains the judge of the grammar.
 */
import {
  badFrame,
  type Codec,
  type FrameFault,
  type FrameLimits,
  type ParsedFrame,
  tooLarge,
  without,
} from './codec.ts';
import { KeySet } from './keys.ts';
import { PROTOCOL_JSON } from './schemas.ts';

const BEGINNING = /^\{"ref":(\d{1,9}),"type":"([a-zA-Z]{1,32})"/;
const BEGINNING_LENGTH = 64;

export function createJsonCodec(): Codec {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return {
    protocol: PROTOCOL_JSON,
    isBinary: false,
    encode: (message) => JSON.stringify(message),
    repeated(message, changing) {
      const rest = JSON.stringify(without(message, changing)).slice(1);
      return (values) => `{${changing.map((name, at) => `"${name}":${JSON.stringify(values[at])},`).join('')}${rest}`;
    },
    peek(frame) {
      const [, ref, type] = BEGINNING.exec(latin1(frame, BEGINNING_LENGTH)) ?? [];
      return type === undefined ? null : { ref: Number(ref), type };
    },
    decode: (frame) => JSON.parse(typeof frame === 'string' ? frame : utf8.decode(frame)),
    parse(frame: Uint8Array, limits: FrameLimits): ParsedFrame {
      if (frame.length > limits.bytesMax) return tooLarge(limits);
      const fault = scanJson(frame, limits);
      if (fault !== undefined) return badFrame(fault);
      try {
        return { ok: true, value: JSON.parse(utf8.decode(frame)) };
      } catch {
        return badFrame('not well-formed'); // Or not UTF-8; the message of JSON.parse would repeat the text.
      }
    },
  };
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Depth, number of keys, their form and that none comes twice. In well-formed JSON it finds every key. */
function scanJson(bytes: Uint8Array, limits: FrameLimits): FrameFault | undefined {
  const open: (KeySet | undefined)[] = []; // The containers around the place; undefined for an array.
  let keysLeft = limits.keysMax;
  let isKeyNext = false;
  if (bytes[firstVisible(bytes)] !== OPEN_OBJECT) return 'not a map of keys';

  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case OPEN_OBJECT:
      case OPEN_ARRAY: {
        if (open.length === limits.depthMax) return 'nested too deeply';
        isKeyNext = bytes[at] === OPEN_OBJECT;
        open.push(isKeyNext ? new KeySet(bytes) : undefined);
        break;
      }
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        open.pop();
        isKeyNext = false;
        break;
      case COMMA:
        isKeyNext = open.at(-1) !== undefined;
        break;
      case COLON:
        isKeyNext = false;
        break;
      case QUOTE: {
        const end = endOfText(bytes, at + 1);
        if (isKeyNext) {
          keysLeft -= 1;
          if (keysLeft < 0) return 'too many keys';
          const verdict = open.at(-1)?.add(at + 1, end);
          if (verdict === 'malformed') return 'a key that is not one to 32 letters';
          if (verdict === 'repeated') return 'a key given twice';
        }
        at = end;
        break;
      }
    }
  }
  return undefined;
}

function firstVisible(bytes: Uint8Array): number {
  let at = 0;
  while (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x0a || bytes[at] === 0x0d) at += 1;
  return at;
}

/** @returns where the closing quote is, or the length of the frame when there is none */
function endOfText(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return Math.min(at, bytes.length);
}

function latin1(bytes: Uint8Array, lengthMax: number): string {
  return String.fromCharCode(...bytes.subarray(0, lengthMax));
}
