// Method: records that say which they are go through rings of few bytes, from every place and of every length, held
// against a plain queue; damage is planted by hand; a real second thread reads a million of them (fault 21).
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fillRecord, isRecord, RECORD_BYTES_MAX } from '../../bench/ring/records.ts';
import type { RingTask } from '../../bench/ring/thread.ts';
import { BrokenInvariant } from '../../engine/index.ts';
import { createRing, RingReader, RingWriter, recordBytesMax } from '../../server/shards/ring.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { Random, seed } from '../support/random.ts';

const CONTROL_WORDS = 64;
const [WRITTEN, READ] = [0, 16];

/** Both ends on one thread, and how often each was woken. */
function openRing(dataBytes: number, startsAt = 0) {
  const ring = createRing(dataBytes);
  const words = new Int32Array(ring, 0, CONTROL_WORDS);
  words[WRITTEN] = startsAt;
  words[READ] = startsAt;
  const woken = { reader: 0, writer: 0 };
  const writer = new RingWriter(ring, () => {
    woken.reader += 1;
  });
  const reader = new RingReader(ring, () => {
    woken.writer += 1;
  });
  return { ring, writer, reader, woken, data: new Uint32Array(ring, CONTROL_WORDS * 4) };
}

function record(index: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => index * 31 + at * 7);
}

describe('fault 21: a ring', () => {
  test('gives back a record of every length from every place, across its end', () => {
    for (let offset = 0; offset < 128; offset += 8) {
      for (let length = 0; length <= 120; length += 1) {
        const { writer, reader } = openRing(128, offset);
        expect(writer.write(record(offset, length))).toBe(true);
        expect(reader.next(), `offset ${offset}, length ${length}`).toEqual(record(offset, length));
        expect(reader.next()).toBeNull();
      }
    }
  });

  test('takes a record as large as it allows, and calls one byte more a mistake', () => {
    const { ring, writer, reader } = openRing(64, 24);
    const largest = recordBytesMax(ring);
    expect(writer.write(record(1, largest))).toBe(true);
    expect(reader.next()).toEqual(record(1, largest));
    expect(() => writer.write(record(2, largest + 1))).toThrow(BrokenInvariant);
  });

  test('refuses when full and overwrites nothing, however long its reader is dead', () => {
    const { writer, reader } = openRing(256);
    let written = 0;
    while (writer.write(record(written, 10))) written += 1;
    expect(written).toBe(Math.floor(256 / 24));
    for (let attempt = 0; attempt < 1_000; attempt += 1) expect(writer.write(record(99, 10))).toBe(false);
    for (let index = 0; index < written; index += 1) expect(reader.next()).toEqual(record(index, 10));
    expect(reader.next()).toBeNull();
    expect(writer.write(record(99, 10))).toBe(true);
  });

  test.each([2 ** 31 - 64, 2 ** 32 - 64])('counts on past %i bytes', (bytes) => {
    const { writer, reader } = openRing(64, bytes | 0);
    for (let index = 0; index < 100; index += 1) {
      expect(writer.write(record(index, index % 57))).toBe(true);
      expect(reader.next()).toEqual(record(index, index % 57));
    }
  });

  test('agrees with a plain queue, whatever is written and read in whatever order', () => {
    const random = new Random(seed);
    const { writer, reader } = openRing(1_024);
    const [queue, buffer] = [[] as number[], new Uint8Array(RECORD_BYTES_MAX)];
    let index = 0;
    for (let step = 0; step < 200_000; step += 1) {
      if (random.below(2) === 0) {
        if (!writer.write(fillRecord(buffer, index))) continue;
        queue.push(index);
        index += 1;
      } else {
        const [read, expected] = [reader.next(), queue.shift()];
        if (expected === undefined) expect(read, `seed=${seed} step=${step}`).toBeNull();
        else expect(read !== null && isRecord(read, expected), `seed=${seed} step=${step}`).toBe(true);
      }
    }
    expect(index).toBeGreaterThan(50_000);
  });

  test('wakes its reader once, when that has found nothing, and its writer once, when that was refused', () => {
    const { writer, reader, woken } = openRing(64);
    writer.write(record(1, 8));
    expect(woken.reader).toBe(0);
    reader.next();
    expect(reader.next()).toBeNull();
    writer.write(record(2, 8));
    writer.write(record(3, 8));
    expect(woken).toEqual({ reader: 1, writer: 0 });

    expect(writer.write(record(4, 48))).toBe(false);
    reader.next();
    reader.next();
    expect(woken).toEqual({ reader: 1, writer: 1 });
    expect(writer.write(record(4, 48))).toBe(true);
  });

  test('wakes a writer that was refused when half is free, not before, and at the latest when it is empty', () => {
    const { writer, reader, woken } = openRing(128);
    const fill = () => {
      while (writer.write(record(0, 8)));
    };
    fill();
    for (let taken = 0; taken < 3; taken += 1) reader.next();
    expect(woken.writer).toBe(0);
    reader.next();
    expect(woken.writer).toBe(1);
    reader.next();
    expect(woken.writer, 'it has been told').toBe(1);

    fill();
    const larger = record(0, recordBytesMax(createRing(128)));
    expect(writer.write(larger)).toBe(false);
    for (let tries = 0; tries < 8 && !writer.write(larger); tries += 1) {
      const before = woken.writer;
      while (woken.writer === before) expect(reader.next()).not.toBeNull();
    }
    expect(reader.next()).toEqual(larger);
  });

  test('notices a record that was lost, doubled or torn', () => {
    const lost = openRing(256);
    for (const index of [1, 2]) lost.writer.write(record(index, 8));
    lost.data[1] = 1; // The first is gone, the second in its place.
    expect(() => lost.reader.next()).toThrow(BrokenInvariant);

    const doubled = openRing(256);
    for (const index of [1, 2]) doubled.writer.write(record(index, 8));
    doubled.data[5] = 0;
    doubled.reader.next();
    expect(() => doubled.reader.next()).toThrow(BrokenInvariant);

    for (const length of [9, 4_294_967_295]) {
      const torn = openRing(256);
      torn.writer.write(record(1, 8));
      torn.data[0] = length; // Reaches past what was written.
      expect(() => torn.reader.next(), String(length)).toThrow(BrokenInvariant);
    }
  });
});

describe('fault 21: between two threads', () => {
  let compiled: Compiled;
  beforeAll(() => {
    compiled = compile('bench/ring/thread.ts');
  });
  afterAll(() => compiled.remove());

  test('200,000 records arrive, each once, whole and in order', async () => {
    const count = 200_000;
    // Full now and then; each time costs two changes of thread, which a busy machine makes long.
    const ring = createRing(262_144);
    const task: RingTask = { kind: 'check', ring, count };
    const thread = new Worker(compiled.path, { workerData: task });
    // Its last message may be handed over in the very step in which it is gone.
    const exited = once(thread, 'exit');
    const writer = new RingWriter(ring, () => thread.postMessage(null));
    const buffer = new Uint8Array(RECORD_BYTES_MAX);
    let [index, refused] = [0, 0];
    const writeAll = () => {
      while (index < count && writer.write(fillRecord(buffer, index))) index += 1;
      if (index < count) refused += 1;
    };
    const wrong = await new Promise((resolve) => {
      thread.on('message', (said: { readonly wrong: number | null } | null) => {
        if (said === null) writeAll();
        else resolve(said.wrong);
      });
      writeAll();
    });
    expect(wrong).toBeNull();
    expect(refused, 'the ring was full now and then').toBeGreaterThan(0);
    await exited;
  });
});
