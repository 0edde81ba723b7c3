// Method: the counting alone; test/contract/transport.test.ts shows that real peers give receipts, and only those who read.
import { expect, test } from 'vitest';
import { RECEIPT_BYTES, Receipts } from '../../server/transport/receipts.ts';

test('fault 50: a receipt is for what was sent before it was asked for', () => {
  const receipts = new Receipts();
  receipts.sent(RECEIPT_BYTES - 1);
  expect(receipts.ask()).toBeUndefined();
  receipts.sent(1);
  const mark = receipts.ask()!;
  receipts.sent(10_000);
  expect(receipts.ask()).toBeUndefined();
  receipts.ponged(mark);
  expect([receipts.unreadBytes, receipts.count]).toEqual([10_000, 1]);
  receipts.ponged(receipts.ask()!);
  expect([receipts.unreadBytes, receipts.count, receipts.ask()]).toEqual([0, 2, undefined]);
});

test('fault 50: no other pong is one, nor the same one twice', () => {
  const receipts = new Receipts();
  receipts.sent(5_000);
  receipts.ponged(Buffer.alloc(4));
  const mark = receipts.ask()!;
  const forged = Uint8Array.from(mark, (byte) => byte ^ 1);
  for (const payload of [new Uint8Array(0), forged, Buffer.concat([mark, mark])]) receipts.ponged(payload);
  expect([receipts.unreadBytes, receipts.count]).toEqual([5_000, 0]);
  receipts.ponged(mark);
  receipts.sent(7_000);
  receipts.ponged(mark);
  expect([receipts.unreadBytes, receipts.count]).toEqual([7_000, 1]);
});

test('fault 50: no mark is like another', () => {
  const marks = new Set<string>();
  for (let each = 0; each < 5_000; each += 1) {
    const receipts = new Receipts();
    receipts.sent(RECEIPT_BYTES);
    marks.add(Buffer.from(receipts.ask()!).toString('hex'));
  }
  // Four random bytes meet once in three hundred runs of so many.
  expect(marks.size).toBeGreaterThanOrEqual(4_990);
});
