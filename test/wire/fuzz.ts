/** A seeded fuzzer of frames: it mutates good ones of both protocols and holds what is taken in against a library. */
import { isDeepStrictEqual } from 'node:util';
import { Packr } from 'msgpackr';
import { CONNECTION_LIMITS } from '../../server/admission/index.ts';
import { checkRequest, createJsonCodec, createMsgpackCodec } from '../../server/wire/index.ts';
import type { Random } from '../support/random.ts';
import { ALL_SAMPLES } from './samples.ts';

export interface FuzzOptions {
  readonly random: Random;
  readonly frameCount: number;
  /** Hears how long each frame took, in milliseconds; one that took long, as the quickest of a few times. */
  readonly onParsed?: (ms: number) => void;
}

export interface FuzzTally {
  /** Refused as no frame; a frame, and no request; a request. */
  readonly bad: number;
  readonly unknown: number;
  readonly accepted: number;
  /** One line for each frame that was read otherwise than the library reads it, or that reached something outside. */
  readonly wrong: readonly string[];
}

const FRAME = CONNECTION_LIMITS.acquirer.frame;
const HINTS = ['__proto__', 'constructor', '"x":1', '\\u0000', '{}', '[]', '1e999', 'null'].map((text) =>
  Buffer.from(text),
);

export function fuzzFrames({ random, frameCount, onParsed }: FuzzOptions): FuzzTally {
  const codecs = [createMsgpackCodec(), createJsonCodec()] as const;
  const library = new Packr({ useRecords: false, int64AsType: 'number' } as object);
  const originals = codecs.map((codec) => ALL_SAMPLES.map((sample) => Buffer.from(codec.encode(sample) as string)));
  const tally = { bad: 0, unknown: 0, accepted: 0 };
  const wrong: string[] = [];
  for (let step = 0; step < frameCount; step += 1) {
    const which = step % 2;
    const frame = mutated(random.pick(originals[which]!), random);
    const read = () => {
      const parsed = codecs[which]!.parse(frame, FRAME);
      return { parsed, isRequest: parsed.ok && checkRequest(parsed.value).ok };
    };
    const { parsed, isRequest } = read();
    if (onParsed !== undefined) onParsed(quickestMs(read));
    if (parsed.ok && which === 0 && !isDeepStrictEqual(parsed.value, library.unpack(frame))) {
      wrong.push(`frame ${step}: ${frame.toString('hex')} is read otherwise`);
    }
    tally[isRequest ? 'accepted' : parsed.ok ? 'unknown' : 'bad'] += 1;
  }
  const reached = [...Object.keys(Object.prototype), ...Object.keys(Array.prototype)];
  if (reached.length > 0 || 'x' in {}) wrong.push(`reached the prototype: ${reached}`);
  return { ...tally, wrong };
}

const SLOW_MS = 1;
const TRIES = 5;

/** What else the machine does takes milliseconds, and not always from the same frame. */
function quickestMs(read: () => unknown): number {
  let quickest = Number.POSITIVE_INFINITY;
  for (let tries = 0; quickest > SLOW_MS && tries < TRIES; tries += 1) {
    const startedMs = performance.now();
    read();
    quickest = Math.min(quickest, performance.now() - startedMs);
  }
  return quickest;
}

/** One to four random edits: change, insert, remove or copy bytes, or insert something with a meaning. */
function mutated(original: Buffer, random: Random): Buffer {
  let bytes = Buffer.from(original);
  for (let edits = 1 + random.below(4); edits > 0; edits -= 1) {
    const at = random.below(bytes.length);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    switch (random.below(6)) {
      case 0:
        bytes[at] = random.below(256);
        break;
      case 1:
        bytes[at] = bytes[at]! ^ (1 << random.below(8));
        break;
      case 2:
        bytes = Buffer.concat([before, Buffer.from([random.below(256)]), after]);
        break;
      case 3:
        bytes = bytes.length > 1 ? Buffer.concat([before, after.subarray(1)]) : bytes;
        break;
      case 4:
        bytes = Buffer.concat([before, bytes.subarray(0, random.below(24)), after]);
        break;
      default:
        bytes = Buffer.concat([before, random.pick(HINTS), after]);
    }
  }
  return bytes;
}
