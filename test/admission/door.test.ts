// Method: one door whose load and clock are the test's: what makes it narrower, and what it is thought to do.
import { expect, test } from 'vitest';
import { LIMITS } from '../../engine/index.ts';
import { Door } from '../../server/admission/door.ts';

function opened() {
  const load = { inside: 0, answeredCount: 0 };
  const front = { idleMs: 0, isFull: false, isWaitedFor: false };
  const door = new Door(load, () => front.idleMs);
  const clock = { nowMs: 1_607_400_000_000 };
  const tick = (passedMs: number = LIMITS.admissionTickMs) => {
    clock.nowMs += passedMs;
    if (!front.isFull) front.idleMs += passedMs;
    door.tick(clock.nowMs, front.isWaitedFor);
  };
  tick();
  return { load, front, door, clock, tick };
}

test('a shard that does not answer makes it narrower, and a front that did not come round does not', () => {
  for (const isFrontAway of [true, false]) {
    const { door, clock, tick } = opened();
    door.probeSent(clock.nowMs);
    if (isFrontAway) tick(1_000);
    else for (let ticks = 0; ticks < 100; ticks += 1) tick();
    if (isFrontAway) expect(door.limit).toBe(LIMITS.insideCountFirst);
    else expect(door.limit).toBeLessThan(LIMITS.insideCountFirst / 2);
  }
});

test('answers that come a turn at a time do not make it seem faster than it is', () => {
  const { load, door, clock, tick } = opened();
  for (let ticks = 0; ticks < 1_000; ticks += 1) {
    load.inside = 900;
    door.pass('citizens', 100, clock.nowMs);
    // 500 every half second.
    if (ticks % 50 === 49) load.answeredCount += 500;
    tick();
    door.probeSent(clock.nowMs);
    door.probeTaken(2 * LIMITS.waitTargetMs);
  }
  expect(door.perSecond).toBeGreaterThan(800);
  expect(door.perSecond).toBeLessThan(1_200);
});

test('with little to do it is not thought to be slower', () => {
  const { load, door, tick } = opened();
  const before = door.perSecond;
  for (let ticks = 0; ticks < 1_000; ticks += 1) {
    if (ticks % 10 === 0) load.answeredCount += 1;
    tick();
  }
  expect(door.perSecond).toBe(before);
});

test('where the front is busy with turning away, less is promised, and not where it is busy with anything else', () => {
  const { load, front, door, clock, tick } = opened();
  const answer = (perInterval: number, intervals: number) => {
    for (let ticks = 0; ticks < 10 * intervals; ticks += 1) {
      if (ticks % 10 === 0) load.answeredCount += perInterval;
      tick();
    }
  };
  front.isFull = true;
  front.isWaitedFor = true;
  answer(5, 200);
  expect(door.perSecond, 'it was never measured').toBe(LIMITS.perSecondFirst);
  for (let interval = 0; interval < 40; interval += 1) {
    load.inside = door.limit;
    door.pass('citizens', 1, clock.nowMs);
    answer(50, 1);
  }
  expect(door.perSecond).toBeGreaterThan(400);
  load.inside = 0;
  front.isWaitedFor = false;
  answer(5, 200);
  expect(door.perSecond).toBeGreaterThan(400);
  front.isWaitedFor = true;
  answer(5, 200);
  expect(door.perSecond).toBeLessThan(70);
});

test('who waits for others of a turn makes it no narrower while the luckiest of an interval does not', () => {
  const { load, door, clock, tick } = opened();
  for (let ticks = 0; ticks < 200; ticks += 1) {
    load.inside = 500;
    tick();
    door.probeSent(clock.nowMs);
    door.probeTaken(10 * (9 - (ticks % 10)));
  }
  expect(door.limit).toBe(LIMITS.insideCountFirst);
});

test('who waits no longer than a round of the front lasts makes it no narrower, up to a tenth of a second', () => {
  const limitAfter = (roundMs: number, waitMs: number) => {
    const { load, door, clock, tick } = opened();
    load.inside = LIMITS.insideCountFirst;
    for (let rounds = 0; rounds < 20; rounds += 1) {
      tick(roundMs);
      door.probeSent(clock.nowMs);
      door.probeTaken(waitMs);
    }
    return door.limit;
  };
  expect(limitAfter(10, 50)).toBeLessThan(LIMITS.insideCountFirst);
  expect(limitAfter(60, 50)).toBeGreaterThanOrEqual(LIMITS.insideCountFirst);
  expect(limitAfter(60, 70)).toBeLessThan(LIMITS.insideCountFirst);
  expect(limitAfter(1_000, 150)).toBeLessThan(LIMITS.insideCountFirst);
});

test('whoever finds no room though hardly anybody is inside makes it wider, as long as nobody waits', () => {
  const { door, clock, tick } = opened();
  const rounds = (waitMs: number, isShort: boolean) => {
    for (let ticks = 0; ticks < 100; ticks += 1) {
      if (isShort) door.wasShort();
      tick();
      door.probeSent(clock.nowMs);
      door.probeTaken(waitMs);
    }
    return door.limit;
  };
  expect(rounds(0, false)).toBe(LIMITS.insideCountFirst);
  const wider = rounds(0, true);
  expect(wider).toBeGreaterThan(1.3 * LIMITS.insideCountFirst);
  expect(rounds(2 * LIMITS.waitTargetMs, true)).toBeLessThan(wider);
});

test('what was let in before it became narrower makes it no narrower still, and what was let in since does', () => {
  const { load, door, clock, tick } = opened();
  const late = (ticks: number) => {
    for (let count = 0; count < ticks; count += 1) {
      tick();
      door.probeSent(clock.nowMs);
      door.probeTaken(10 * LIMITS.waitTargetMs);
    }
  };
  load.inside = LIMITS.insideCountFirst;
  late(100);
  const narrowed = door.limit;
  expect(narrowed).toBeLessThan(LIMITS.insideCountFirst);
  expect(narrowed).toBeGreaterThan(LIMITS.insideCountFirst / 2);
  load.answeredCount += load.inside - 1;
  late(20);
  expect(door.limit).toBe(narrowed);
  load.answeredCount += 1;
  late(20);
  expect(door.limit).toBeLessThan(narrowed);

  const narrower = door.limit;
  load.inside = narrower;
  late(20);
  expect(door.limit).toBeLessThan(narrower);
});
