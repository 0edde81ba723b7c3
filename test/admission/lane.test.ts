// Method: one queue of appointments by itself, each step by hand: who is called when, and which times are free again.
import { beforeEach, expect, test } from 'vitest';
import { type Appointment, Lane } from '../../server/admission/lane.ts';

const NOW = 1_607_400_000_000;
const WAIT_MS = 100;
const GRACE_MS = 1_000;

let lane: Lane;
beforeEach(() => {
  lane = new Lane({ waitMsMin: WAIT_MS, graceMs: GRACE_MS });
});

/** Ten a second. */
function book(asker: string, nowMs = NOW): Appointment {
  return lane.remember(asker, lane.nextSlotMs(nowMs, 10, 1), `ticket of ${asker}`);
}
const names = (appointments: readonly Appointment[]) => appointments.map(({ asker }) => asker);

test('times are promised one after the other, the first not at once', () => {
  expect(['a', 'b', 'c'].map((asker) => book(asker).slotMs - NOW)).toEqual([200, 300, 400]);
  expect(lane.nextSlotMs(NOW, 10, 5) - NOW).toBe(900);
  expect(lane.isCrowded(NOW)).toBe(true);
  expect(lane.isCrowded(NOW + 800)).toBe(false);
});

test('who is called is the first of the queue, once, and only whose time has come is called by it', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((asker) => book(asker)) as [Appointment, Appointment, Appointment];
  expect([a, b, c].map((one) => lane.positionOf(one, NOW))).toEqual([1, 2, 3]);
  expect(names(lane.call(1))).toEqual(['a']);
  expect([lane.isDue(a, NOW), lane.isDue(b, NOW), lane.positionOf(c, NOW)]).toEqual([true, false, 2]);
  lane.end(a);
  expect(lane.callDue(b.slotMs - 1)).toEqual([]);
  lane.end(b);
  expect(names(lane.callDue(b.slotMs)), 'who came already').toEqual([]);
  expect(lane.isDue(c, b.slotMs)).toBe(false);
  expect(names(lane.callDue(c.slotMs))).toEqual(['c']);
  expect(lane.waitingCount).toBe(0);
});

test('a time is free again when its holder came before it, and not when it was only called', () => {
  const [a, b] = [book('a'), book('b')];
  lane.call(2);
  expect(book('c').slotMs).toBe(b.slotMs + 100);
  lane.end(lane.of('c')!);
  lane.end(b);
  expect(book('d').slotMs).toBe(a.slotMs + 100);
});

test('what nobody remembers is promised all the same, until it has been calm', () => {
  const slotMs = lane.nextSlotMs(NOW, 10, 1);
  lane.promise('a', slotMs, 'ticket');
  expect(lane.of('a')).toBeUndefined();
  expect(lane.nextSlotMs(NOW, 10, 1)).toBe(slotMs + 100);
  lane.forgetPromises();
  expect(lane.nextSlotMs(NOW, 10, 1)).toBe(slotMs);
});

test('who does not come is forgotten after the grace, and thousands of them leave nothing', () => {
  const { slotMs } = book('late');
  lane.callDue(slotMs);
  lane.sweep(slotMs + GRACE_MS - 1);
  expect(lane.of('late')).toBeDefined();
  lane.sweep(slotMs + GRACE_MS);
  expect([lane.of('late'), lane.size]).toEqual([undefined, 0]);

  for (let number = 0; number < 5_000; number += 1) book(`${number}`);
  lane.call(4_000);
  for (let number = 0; number < 4_000; number += 1) lane.end(lane.of(`${number}`)!);
  lane.sweep(NOW);
  expect(lane.size).toBe(1_000);
  expect(names(lane.call(1))).toEqual(['4000']);
  expect(lane.positionOf(lane.of('4002')!, NOW)).toBe(2);
});
