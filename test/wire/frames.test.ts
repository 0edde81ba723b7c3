// Method: frames built byte by byte around each limit, every truncation of good frames, and a seeded fuzzer that mutates
// good frames of both protocols; whatever comes, parsing returns and changes nothing outside, and what it takes in is
// what the library's decoder reads.
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { CONNECTION_LIMITS } from '../../server/admission/index.ts';
import { checkRequest, createJsonCodec, createMsgpackCodec, type ParsedFrame } from '../../server/wire/index.ts';
import { Random, seed } from '../support/random.ts';
import { fuzzFrames } from './fuzz.ts';
import { ALL_SAMPLES, ROW, SAMPLES } from './samples.ts';

const CITIZEN = CONNECTION_LIMITS.citizen.frame;
const ACQUIRER = CONNECTION_LIMITS.acquirer.frame;
const msgpack = createMsgpackCodec();
const json = createJsonCodec();
const codecs = [msgpack, json] as const;

function bytesOf(frame: string | Uint8Array): Uint8Array {
  return typeof frame === 'string' ? Buffer.from(frame) : frame;
}

function pack(value: unknown): Buffer {
  return new Packr({ useRecords: false }).pack(value);
}

function parseText(text: string): ParsedFrame {
  return json.parse(Buffer.from(text), CITIZEN);
}

/** A map with one key `a`, and these bytes as its value. */
function around(...value: number[]): Uint8Array {
  return Uint8Array.from([0x81, 0xa1, 0x61, ...value]);
}

test.each(codecs)('$protocol gives back what it was given', (codec) => {
  for (const sample of ALL_SAMPLES) {
    const frame = codec.encode(sample);
    expect(typeof frame).toBe(codec.isBinary ? 'object' : 'string');
    expect(codec.decode(frame)).toEqual(sample);
    expect(codec.parse(bytesOf(frame), ACQUIRER)).toEqual({ ok: true, value: sample });
  }
});

test.each(codecs)('$protocol leaves out fields that are undefined', (codec) => {
  const frame = codec.encode({ ref: 1, type: 'enrol', optInStatus: undefined });
  expect(codec.decode(frame)).toEqual({ ref: 1, type: 'enrol' });
});

describe.each(codecs)('$protocol, of a frame that is only looked at', (codec) => {
  test('sees ref and type as they are read', () => {
    const refs = [0, 5, 127, 128, 255, 256, 65_535, 65_536, 999_999_999];
    for (const { type } of ALL_SAMPLES) {
      for (const ref of refs) expect(codec.peek(bytesOf(codec.encode({ ref, type, more: 1 })))).toEqual({ ref, type });
    }
  });

  test('sees nothing where it begins otherwise, and never what is not there', () => {
    const random = new Random(seed);
    for (const message of [
      { type: 'wallet', ref: 1 },
      { ref: 'a', type: 'wallet' },
      { ref: 1 },
      { ref: 1, type: 5 },
      {},
    ])
      expect(codec.peek(bytesOf(codec.encode(message)))).toBeNull();
    const good = bytesOf(codec.encode({ ref: 300, type: 'wallet', taxCode: 'x' }));
    for (let length = 0; length < good.length; length += 1) {
      const seen = codec.peek(good.subarray(0, length));
      if (seen !== null) expect(seen).toEqual({ ref: 300, type: 'wallet' });
    }
    for (let turn = 0; turn < 10_000; turn += 1) {
      const bad = Uint8Array.from(good);
      bad[random.below(bad.length)] = random.below(256);
      const [seen, read] = [codec.peek(bad), codec.parse(bad, CITIZEN)];
      if (seen !== null && read.ok) expect(read.value, `seed=${seed}`).toMatchObject(seen);
    }
  });

  test('a message that is repeated has its own values each time, as if it had been written anew', () => {
    const message = { ref: 1, ok: false, text: 'è', at: 1_607_000_000_000, ticket: 'a', more: { ticket: 7 } };
    const again = codec.repeated(message, ['ref', 'ticket', 'at']);
    for (const [ref, ticket, at] of [
      [2, '', 1_607_000_000_001],
      [4_294_967_295, 'x'.repeat(31), -3],
      [4_294_967_296, 'a_B-9', 0],
    ] as const) {
      expect(codec.decode(again([ref, ticket, at]))).toEqual({ ...message, ref, ticket, at });
    }
    expect(codec.decode(again([9, 9, 9]))).toEqual({ ...message, ref: 9, ticket: 9, at: 9 });
  });
});

test.each(codecs)('$protocol: every truncation of a good frame is a bad frame', (codec) => {
  for (const sample of ALL_SAMPLES) {
    const bytes = bytesOf(codec.encode(sample));
    for (let length = 0; length < bytes.length; length += 1) {
      expect(codec.parse(bytes.slice(0, length), ACQUIRER).ok, `${sample.type} at ${length}`).toBe(false);
    }
  }
});

test.each(codecs)('$protocol: one byte too many is too large, and the last allowed one is not', (codec) => {
  const filler = (length: number) => bytesOf(codec.encode({ ref: 1, type: 'x'.repeat(length) }));
  const overhead = filler(1_000).length - 1_000;
  expect(codec.parse(filler(CITIZEN.bytesMax - overhead), CITIZEN).ok).toBe(true);
  expect(codec.parse(filler(CITIZEN.bytesMax - overhead + 1), CITIZEN)).toMatchObject({ ok: false, code: 'TOO_LARGE' });
});

test.each(codecs)('$protocol: eight levels are accepted, nine are not', (codec) => {
  const nested = (levels: number): object =>
    levels === 1 ? {} : { a: levels % 2 === 0 ? nested(levels - 1) : [nested(levels - 2)] };
  expect(codec.parse(bytesOf(codec.encode(nested(8))), CITIZEN).ok).toBe(true);
  expect(codec.parse(bytesOf(codec.encode({ a: nested(8) })), CITIZEN)).toMatchObject({ detail: 'nested too deeply' });
});

test.each(codecs)('$protocol: sixty-four keys are accepted, one more is not', (codec) => {
  const keyed = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [letters(index), 1]));
  expect(codec.parse(bytesOf(codec.encode(keyed(64))), CITIZEN).ok).toBe(true);
  expect(codec.parse(bytesOf(codec.encode(keyed(65))), CITIZEN)).toMatchObject({ detail: 'too many keys' });
});

test('a full frame of an acquirer passes', () => {
  const rows = Array.from({ length: 512 }, () => ROW);
  for (const codec of codecs) {
    const frame = bytesOf(codec.encode({ ...SAMPLES.recordPayments, rows }));
    expect(codec.parse(frame, ACQUIRER).ok).toBe(true);
    expect(codec.parse(frame, CITIZEN)).toMatchObject({ ok: false, code: 'TOO_LARGE' });
  }
});

describe('fault 45: keys', () => {
  test.each(['__proto__', 'a.b', 'a1', '', 'è', 'k'.repeat(33), '4111111111111111'])('%j is no key', (key) => {
    const frame = pack(new Map([[key, 1]]));
    expect(msgpack.parse(frame, CITIZEN)).toMatchObject({ ok: false, code: 'BAD_FRAME' });
    expect(parseText(`{${JSON.stringify(key)}:1}`)).toMatchObject({ ok: false, code: 'BAD_FRAME' });
  });

  test.each(['constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty'])(
    '%s is not a field of anything',
    (key) => {
      for (const codec of codecs) {
        const parsed = codec.parse(bytesOf(codec.encode({ ...SAMPLES.leave, [key]: { x: 1 } })), CITIZEN);
        expect(parsed.ok && checkRequest(parsed.value).ok).toBe(false);
      }
    },
  );

  test('a key may not come twice, however it is written', () => {
    expect(msgpack.parse(Uint8Array.from([0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2]), CITIZEN)).toMatchObject({
      detail: 'a key given twice',
    });
    const otherLength = Uint8Array.from([0x82, 0xa1, 0x61, 1, 0xd9, 1, 0x61, 2]);
    expect(msgpack.parse(otherLength, CITIZEN)).toMatchObject({ detail: 'a key given twice' });
    expect(parseText('{"a":1,"a":2}')).toMatchObject({ detail: 'a key given twice' });
    expect(parseText('{"a":1, "b":{"a":[{"a":1}]}, "a" :2}')).toMatchObject({ detail: 'a key given twice' });
    expect(parseText('{"a":1,"\\u0061":2}').ok).toBe(false);
    expect(parseText('{"a":{"a":1},"b":[{"a":1},{"a":2}],"c":"a"}').ok).toBe(true);
  });

  test('keys of msgpack are strings', () => {
    for (const key of [[1], [0xc0], [0xc2], [0xcb, 0, 0, 0, 0, 0, 0, 0, 0], [0x80], [0x90], [0xc4, 0]]) {
      expect(msgpack.parse(Uint8Array.from([0x81, ...key, 1]), CITIZEN).ok).toBe(false);
    }
  });
});

describe('fault 46: what msgpack has and the protocol has not', () => {
  test.each([0xc1, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8])('type 0x%s', (token) => {
    const frame = around(token, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    expect(msgpack.parse(frame, CITIZEN)).toMatchObject({ detail: 'a type that the protocol does not use' });
  });

  test('a record definition of msgpackr is refused', () => {
    const frame = new Packr({ useRecords: true }).pack({ ref: 1, type: 'periods' });
    expect(msgpack.parse(frame, CITIZEN).ok).toBe(false);
    expect(msgpack.parse(around(...frame), CITIZEN).ok).toBe(false);
  });

  test('the root is a map', () => {
    for (const root of [1, 'text', null, true, [1], 1.5]) {
      expect(msgpack.parse(pack(root), CITIZEN)).toMatchObject({ ok: false, code: 'BAD_FRAME' });
      expect(parseText(JSON.stringify(root))).toMatchObject({ ok: false, code: 'BAD_FRAME' });
    }
  });

  test('nothing may follow the message', () => {
    expect(msgpack.parse(Uint8Array.from([...pack({ a: 1 }), 1]), CITIZEN)).toMatchObject({
      detail: 'bytes after the message',
    });
    expect(parseText('{"a":1} {"a":1}').ok).toBe(false);
  });

  test('every number is read as the library reads it', () => {
    const library = new Packr({ useRecords: false, int64AsType: 'number' } as object);
    const tokens = [0xca, 4, 0xcb, 8, 0xcc, 1, 0xcd, 2, 0xce, 4, 0xcf, 8, 0xd0, 1, 0xd1, 2, 0xd2, 4, 0xd3, 8];
    const random = new Random(seed);
    for (let index = 0; index < tokens.length; index += 2) {
      const [token = 0, byteCount = 0] = tokens.slice(index);
      for (const top of [0x00, 0x01, 0x7f, 0x80, 0xff, 0x40, 0xc0]) {
        const rest = Array.from({ length: byteCount - 1 }, () => random.below(256));
        const frame = around(token, top, ...rest);
        expect(msgpack.parse(frame, CITIZEN), `seed=${seed} ${frame}`).toEqual({
          ok: true,
          value: library.unpack(frame),
        });
      }
    }
    for (let token = 0; token < 256; token += 1) {
      if (token >= 0x80 && token < 0xe0) continue;
      expect(msgpack.parse(around(token), CITIZEN)).toEqual({ ok: true, value: library.unpack(around(token)) });
    }
  });

  test('64-bit integers of other languages are numbers', () => {
    const value = Buffer.alloc(8);
    value.writeBigUInt64BE(1_607_381_200_000n);
    expect(msgpack.parse(around(0xcf, ...value), CITIZEN)).toEqual({ ok: true, value: { a: 1_607_381_200_000 } });
    expect(msgpack.parse(around(0xd3, ...value), CITIZEN)).toEqual({ ok: true, value: { a: 1_607_381_200_000 } });
  });
});

test('fault 48: text that is not UTF-8 is refused in both protocols', () => {
  for (const bad of [[0xc3, 0x28], [0xff], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc0, 0xaf]]) {
    expect(msgpack.parse(around(0xa0 | bad.length, ...bad), CITIZEN)).toMatchObject({
      detail: 'text that is not UTF-8',
    });
    const text = Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bad), Buffer.from('"}')]);
    expect(json.parse(text, CITIZEN)).toMatchObject({ ok: false, code: 'BAD_FRAME' });
  }
  expect(msgpack.parse(around(0xa4, 0xf0, 0x9f, 0x8e, 0x89), CITIZEN)).toEqual({ ok: true, value: { a: '🎉' } });
});

describe('fault 43: bombs of 16 kB are refused before anything is allocated for what they declare', () => {
  const SIZE = 16_384;
  const LIMITS_16K = { ...CITIZEN, bytesMax: SIZE };
  const filled = (...unit: number[]) => Uint8Array.from({ length: SIZE }, (_, index) => unit[index % unit.length]!);
  const bombs: [string, Uint8Array][] = [
    ['nested arrays', filled(0x91)],
    ['nested maps', filled(0x81, 0xa1, 0x61)],
    ['nested arrays in a map', Uint8Array.from([...around(0x91), ...filled(0x91).slice(4)])],
    ['an array of four thousand million', around(0xdd, 0xff, 0xff, 0xff, 0xff)],
    ['a map of four thousand million', around(0xdf, 0xff, 0xff, 0xff, 0xff)],
    ['a root map of four thousand million', Uint8Array.from([0xdf, 0xff, 0xff, 0xff, 0xff])],
    ['a text of four thousand million', around(0xdb, 0xff, 0xff, 0xff, 0xff)],
    ['arrays of 65,535 in arrays', around(...filled(0xdc, 0xff, 0xff).slice(3))],
    ['extensions', around(...filled(0xc7, 0x00, 0x72).slice(3))],
    ['record definitions', around(...filled(0xd4, 0x72, 0x40).slice(3))],
  ];

  test.each(bombs)('%s', (_, bomb) => {
    expect(msgpack.parse(bomb, LIMITS_16K)).toMatchObject({ ok: false, code: 'BAD_FRAME' });
  });

  test.each(['[', '{"a":', '{"a":[', '{"a":{"b":1},'])('JSON: %s again and again', (unit) => {
    const text = Buffer.from(unit.repeat(Math.floor(SIZE / unit.length)));
    expect(json.parse(text, LIMITS_16K)).toMatchObject({ ok: false, code: 'BAD_FRAME' });
  });
});

test('fault 42: a hundred thousand mutated frames crash nothing and reach nothing', () => {
  const { wrong, ...tally } = fuzzFrames({ random: new Random(seed), frameCount: 100_000 });
  expect(wrong, `seed=${seed}`).toEqual([]);
  for (const [kind, count] of Object.entries(tally)) expect([kind, count > 100], `seed=${seed}`).toEqual([kind, true]);
});

/** a, b, ..., z, ba, bb, ...: a name of letters for each number. */
function letters(number: number): string {
  const last = String.fromCharCode(97 + (number % 26));
  return number < 26 ? last : letters(Math.floor(number / 26)) + last;
}
