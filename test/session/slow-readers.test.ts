// Method: readers of whom the test says what they have read, and a clock that it moves.
import { beforeEach, expect, test } from 'vitest';
import { PUSH_UNREAD_BYTES_MAX, SLOW_READ_MS_MAX, UNREAD_BYTES_MAX_TOGETHER } from '../../server/admission/index.ts';
import { type Reader, SlowReaders } from '../../server/session/slow-readers.ts';

class TestReader implements Reader {
  unreadBytes: number;
  receiptCount = 0;
  isCut = false;

  constructor(unreadBytes: number) {
    this.unreadBytes = unreadBytes;
  }

  cutAsSlow(): void {
    this.isCut = true;
    readers.remove(this);
  }
}

let readers: SlowReaders;
beforeEach(() => {
  readers = new SlowReaders();
});

function watched(unreadBytes: number, nowMs = 0): TestReader {
  const reader = new TestReader(unreadBytes);
  readers.watch(reader, nowMs);
  return reader;
}

test('fault 50: who reads nothing is cut in time, who reads a little is not', () => {
  const [stopped, slow] = [watched(PUSH_UNREAD_BYTES_MAX), watched(PUSH_UNREAD_BYTES_MAX)];
  readers.tick(SLOW_READ_MS_MAX - 1);
  expect(stopped.isCut).toBe(false);
  slow.receiptCount += 1;
  readers.watch(stopped, SLOW_READ_MS_MAX - 1); // What it is sent meanwhile is no beginning.
  readers.tick(SLOW_READ_MS_MAX);
  expect([stopped.isCut, slow.isCut]).toEqual([true, false]);
  readers.tick(2 * SLOW_READ_MS_MAX - 1);
  expect(slow.isCut).toBe(false);
  readers.tick(2 * SLOW_READ_MS_MAX);
  expect(slow.isCut).toBe(true);
});

test('fault 50: whoever has read nearly all is not asked for receipts, nor cut for want of them', () => {
  const reader = watched(PUSH_UNREAD_BYTES_MAX);
  reader.receiptCount += 1;
  reader.unreadBytes = PUSH_UNREAD_BYTES_MAX - 1;
  readers.tick(1_000);
  readers.tick(1_000 + SLOW_READ_MS_MAX);
  expect(reader.isCut).toBe(false);
});

test('fault 50: together they hold no more than there is for them, and who read last the longest ago goes first', () => {
  const share = UNREAD_BYTES_MAX_TOGETHER / 4;
  const all = [1, 2, 3, 4].map((ms) => watched(share, ms));
  readers.tick(100);
  expect(all.some(({ isCut }) => isCut)).toBe(false);
  all[0]!.receiptCount += 1;
  all[3]!.unreadBytes += share + 1;
  readers.tick(200);
  expect(all.map(({ isCut }) => isCut)).toEqual([false, true, true, false]);
});
