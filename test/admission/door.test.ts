// Method: one door whose load and clock are the test's: what makes it narrower, and what it is thought to do.
import { expect, test } from 'vitest';
import { LIMITS } from '../../engine/index.ts';
import { Door } from '../../server/admission/door.ts';

function opened() {
  const load = { inside: 0, answeredCount: 0 };
  const front = { idleMs: 0, isFull: false };
  const door = new Door(load, () => front.idleMs);
  const clock = { nowMs: 1_607_400_000_000 };
  const tick = (passedMs: number = LIMITS.admissionTickMs) => {
    clock.nowMs += passedMs;
    if (!front.isFull) front.idleMs += passedMs;
    door.tick(clock.nowMs);
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

test('where the front is busy with turning away, less is promised', () => {
  const { load, front, door, tick } = opened();
  const before = door.perSecond;
  front.isFull = true;
  for (let ticks = 0; ticks < 2_000; ticks += 1) {
    if (ticks % 10 === 0) load.answeredCount += 5;
    tick();
  }
  expect(before).toBeGreaterThan(200);
  expect(door.perSecond).toBeLessThan(60);
});

test('the luckiest of a turn does not hide how long it is', () => {
  const { load, door, clock, tick } = opened();
  for (let ticks = 0; ticks < 100; ticks += 1) {
    load.inside = Math.min(door.limit, 500);
    tick();
    door.probeSent(clock.nowMs);
    // Turns of 60 ms: who comes right before one waits for hardly anything.
    door.probeTaken(60 - 10 * (ticks % 6));
  }
  expect(door.limit).toBeLessThan(500);
});

test('what was let in before it became narrower makes it no narrower still', () => {
  const { load, door, clock, tick } = opened();
  const late = () => {
    tick();
    door.probeSent(clock.nowMs);
    door.probeTaken(10 * LIMITS.waitTargetMs);
  };
  load.inside = LIMITS.insideCountFirst;
  for (let ticks = 0; ticks < 100; ticks += 1) late();
  const narrowed = door.limit;
  expect(narrowed).toBeLessThan(LIMITS.insideCountFirst);
  expect(narrowed).toBeGreaterThan(LIMITS.insideCountFirst / 2);
  load.inside = narrowed;
  for (let ticks = 0; ticks < 20; ticks += 1) late();
  expect(door.limit).toBeLessThan(narrowed);
});
