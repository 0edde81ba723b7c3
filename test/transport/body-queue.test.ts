// Method: chunks are pushed as a socket does and pulled as a handler does; when the sender is stopped and let go on is noted.
import { beforeEach, expect, test } from 'vitest';
import { BodyQueue } from '../../server/transport/body-queue.ts';

const LARGE = new Uint8Array(300_000);
const SMALL = new Uint8Array(1);

let noted: string[];
let queue: BodyQueue;
beforeEach(() => {
  noted = [];
  queue = new BodyQueue({ pause: () => noted.push('pause'), resume: () => noted.push('resume') });
});

async function pullAll(): Promise<number> {
  let bytes = 0;
  for await (const chunk of queue) bytes += chunk.length;
  return bytes;
}

test('whoever sends faster than is read is stopped, and goes on when all is read', async () => {
  queue.push(LARGE, false);
  queue.push(SMALL, false);
  const chunks = queue[Symbol.asyncIterator]();
  await chunks.next();
  expect(noted).toEqual(['pause']);
  await chunks.next();
  expect(noted).toEqual(['pause', 'resume']);
  queue.push(SMALL, true);
  expect([(await chunks.next()).value, (await chunks.next()).done]).toEqual([SMALL, true]);
});

test('a last chunk stops nobody', async () => {
  queue.push(LARGE, true);
  expect(await pullAll()).toBe(LARGE.length);
  queue.drop();
  expect(noted).toEqual([]);
});

test('who was stopped before the last chunk came is let go on with the answer, not before', async () => {
  queue.push(LARGE, false);
  queue.push(SMALL, true);
  expect(await pullAll()).toBe(LARGE.length + 1);
  expect(noted).toEqual(['pause']);
  queue.drop();
  expect(noted).toEqual(['pause', 'resume']);
});

test('what nobody wants is dropped, and holds up nobody', async () => {
  queue.push(LARGE, false);
  queue.drop();
  queue.push(LARGE, false);
  queue.push(SMALL, true);
  expect(noted).toEqual(['pause', 'resume']);
  expect(await pullAll()).toBe(0);
});

test('a peer that goes away ends it with a fault, and is never let go on', async () => {
  queue.push(LARGE, false);
  queue.abort();
  await expect(pullAll()).rejects.toMatchObject({ code: 'BODY_ABORTED' });
  queue.drop();
  expect(noted).toEqual(['pause']);
});
