// Method: two links on one thread, over real ports and small rings; numbered messages of seeded lengths are said in
// bursts that the rings cannot hold, and must arrive in order, none lost.
import { MessageChannel } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { LIMITS } from '../../engine/index.ts';
import { Link } from '../../server/shards/link.ts';
import { createRing } from '../../server/shards/ring.ts';
import type { ByteReader } from '../../snapshots/index.ts';
import { Random, seed } from '../support/random.ts';

const RING_BYTES = 2 * LIMITS.ringBatchBytes;

const open: Link[] = [];
afterEach(() => {
  for (const link of open.splice(0)) link.close();
});

function openPair(receive: (from: ByteReader) => void) {
  const { port1, port2 } = new MessageChannel();
  const [there, back] = [createRing(RING_BYTES), createRing(RING_BYTES)];
  const soon = setImmediate;
  const sender = new Link({ port: port1, outgoing: there, incoming: back, soon, receive: () => {} });
  const receiver = new Link({ port: port2, outgoing: back, incoming: there, soon, receive });
  open.push(sender, receiver);
  return { sender, receiver };
}

function rounds(count: number): Promise<void> {
  return new Promise((resolve) => {
    const next = (left: number) => (left === 0 ? resolve() : setImmediate(() => next(left - 1)));
    next(count);
  });
}

test('what the ring cannot hold waits, and arrives in order', async () => {
  const random = new Random(seed);
  const count = 20_000;
  let expected = 0;
  let done = () => {};
  const allCame = new Promise<void>((resolve) => {
    done = resolve;
  });
  const { sender } = openPair((from) => {
    expect(from.integer(), `seed=${seed}`).toBe(expected);
    from.bytes();
    expected += 1;
    if (expected === count) done();
  });
  let wasFull = false;
  for (let index = 0; index < count; ) {
    for (let burst = random.below(5_000); burst > 0 && index < count; burst -= 1) {
      const to = sender.say();
      to.integer(index);
      to.bytes(new Uint8Array(random.below(200)));
      index += 1;
    }
    wasFull ||= sender.isFull;
    await rounds(random.below(3));
  }
  await allCame;
  expect(wasFull).toBe(true);
  expect(sender.isFull).toBe(false);
});

test('a round of the loop is one batch: its messages arrive together', async () => {
  const heard: number[] = [];
  const heardAfter: number[] = [];
  const { sender } = openPair((from) => {
    heard.push(from.integer());
    queueMicrotask(() => heardAfter.push(heard.length));
  });
  for (const number of [1, 2, 3]) sender.say().integer(number);
  await rounds(20);
  expect(heard).toEqual([1, 2, 3]);
  expect(heardAfter).toEqual([3, 3, 3]);
});

test('messages that come as fast as they are taken do not keep a thread from what else it has to do', async () => {
  const count = 100;
  let heard = 0;
  // Each is a batch of its own, which leaves when the next one is said.
  const sayNext = (link: Link) => link.say().bytes(new Uint8Array(LIMITS.ringBatchBytes));
  const { sender } = openPair((from) => {
    from.bytes();
    heard += 1;
    if (heard < count) sayNext(sender);
  });
  for (let first = 0; first < 2; first += 1) sayNext(sender);
  const heardBetween: number[] = [];
  while (heard < count) {
    await rounds(1);
    heardBetween.push(heard);
  }
  expect(heardBetween.filter((before) => before > 0 && before < count).length).toBeGreaterThan(10);
});

/** Each look at the clock takes so long that four messages are what may be taken at once. */
const slowClock = () => {
  let nowMs = 0;
  return () => {
    nowMs += LIMITS.takeMsMax / 4;
    return nowMs;
  };
};

test('a batch that takes long to deal with is taken in pieces, with what else there is to do between them', async () => {
  const { port1, port2 } = new MessageChannel();
  const [there, back] = [createRing(RING_BYTES), createRing(RING_BYTES)];
  const sender = new Link({ port: port1, outgoing: there, incoming: back, soon: setImmediate, receive: () => {} });
  const heard: number[] = [];
  const ends = { port: port2, outgoing: back, incoming: there, soon: setImmediate, monotonicMs: slowClock() };
  const receiver = new Link({ ...ends, receive: (from) => heard.push(from.integer()) });
  open.push(sender, receiver);
  for (let number = 0; number < 10; number += 1) sender.say().integer(number);
  const heardBetween: number[] = [];
  while (heard.length < 10) {
    await rounds(1);
    heardBetween.push(heard.length);
  }
  expect([...new Set(heardBetween)].filter((count) => count > 0)).toEqual([4, 8, 10]);
  expect(heard).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);

  for (let number = 10; number < 20; number += 1) sender.say().integer(number);
  while (heard.length === 10) await rounds(1);
  receiver.drain();
  expect(heard).toHaveLength(20);
});

test('two sides that are too busy to come round exchange what they have', () => {
  const heard: number[] = [];
  const { sender, receiver } = openPair((from) => heard.push(from.integer()));
  sender.say().integer(1);
  receiver.exchange();
  expect(heard).toEqual([]);
  sender.exchange();
  receiver.exchange();
  expect(heard).toEqual([1]);
});

test('a batch that says more than it holds is not taken', async () => {
  const { port1, port2 } = new MessageChannel();
  const [there, back] = [createRing(RING_BYTES), createRing(RING_BYTES)];
  const sender = new Link({ port: port1, outgoing: there, incoming: back, soon: (task) => task(), receive: () => {} });
  open.push(sender);
  sender.say();
  const faults: unknown[] = [];
  process.once('uncaughtException', (fault) => faults.push(fault));
  open.push(
    new Link({ port: port2, outgoing: back, incoming: there, soon: setImmediate, receive: (from) => from.byte() }),
  );
  await rounds(5);
  expect(faults).toMatchObject([{ name: 'MalformedBytes' }]);
});

test('nothing arrives before what was said on the link that it is behind, also when that has no room', async () => {
  const heard: string[] = [];
  const first = openPair((from) => heard.push(from.text()));
  const { port1, port2 } = new MessageChannel();
  const [there, back] = [createRing(RING_BYTES), createRing(RING_BYTES)];
  const soon = queueMicrotask;
  const behind = new Link({
    port: port1,
    outgoing: there,
    incoming: back,
    soon,
    receive: () => {},
    behind: first.sender,
  });
  const receiver = new Link({
    port: port2,
    outgoing: back,
    incoming: there,
    soon,
    receive: (from) => heard.push(from.text()),
  });
  open.push(behind, receiver);
  // More than a ring holds, said in one go; and the follower sends sooner.
  const large = 'x'.repeat(LIMITS.ringBatchBytes);
  for (let count = 0; count < 5; count += 1) first.sender.say().text(large);
  behind.say().text('behind');
  expect(first.sender.isFull).toBe(true);
  while (heard.length < 6) await rounds(1);
  expect(heard.map((text) => text.slice(0, 6))).toEqual([...new Array(5).fill('xxxxxx'), 'behind']);
});

test('what has arrived on the links before is taken first', async () => {
  const heard: string[] = [];
  const receive = (from: ByteReader) => heard.push(from.text());
  const pairOf = (soon: (task: () => void) => void) => {
    const { port1, port2 } = new MessageChannel();
    const [there, back] = [createRing(RING_BYTES), createRing(RING_BYTES)];
    open.push(new Link({ port: port1, outgoing: there, incoming: back, soon, receive: () => {} }));
    return { sender: open.at(-1)!, ends: { port: port2, outgoing: back, incoming: there, soon, receive } };
  };
  const [asking, telling] = [pairOf(queueMicrotask), pairOf(queueMicrotask)];
  telling.sender.say().text('moved');
  asking.sender.say().text('asked');
  await rounds(1);
  // The one that is asked begins to read first.
  const links: Link[] = [];
  const asked = new Link({ ...asking.ends, after: links });
  links.push(new Link(telling.ends));
  open.push(asked, ...links);
  while (heard.length < 2) await rounds(1);
  expect(heard).toEqual(['moved', 'asked']);
});
