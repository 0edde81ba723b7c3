// Method: crowds in simulated time come to one shard that does 500 commands a second (crowd.ts). What they get of it is
// counted: how much is done, how late, by whom, and whether who was told a time is let in at it.
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../engine/index.ts';
import { Admission, type Asking } from '../../server/admission/admission.ts';
import { seed } from '../support/random.ts';
import { type Crowd, Day, digest, fairness, percentile } from './crowd.ts';

const PACE = { commandMs: 2, flushMs: 3 };
const PEAK_PER_SECOND = 500;
const SECONDS = 27;
/** Until it is known how much a second the shard does. */
const START_SECONDS = 6;

function perSecond(served: readonly number[], from: number, until: number): number {
  const seconds = Array.from({ length: until - from }, (_, at) => served[from + at] ?? 0);
  return seconds.reduce((sum, count) => sum + count, 0) / seconds.length;
}

/** Lets crowds come, and counts from when it is known what the shard can do. */
async function counted(crowds: readonly Crowd[], seconds = SECONDS): Promise<(name: string) => Counted> {
  const day = new Day(seed, PACE);
  for (const crowd of crowds) day.come(crowd);
  await day.run(START_SECONDS * 1_000);
  const before = new Map(crowds.map(({ name }) => [name, structuredClone(day.of(name))] as const));
  await day.run((seconds - START_SECONDS) * 1_000);
  return (name) => {
    const [was, is] = [before.get(name)!, day.of(name)];
    return {
      perSecond: perSecond(is.servedInSecond, START_SECONDS, seconds),
      refusedShare: (is.refused - was.refused) / (is.asked - was.asked),
      servedOfEach: (is.served - was.served) / was.each.length,
      served: is.served - was.served,
      each: is.each.map((count, at) => count - was.each[at]!),
      latencyMs: is.latencyMs.slice(was.latencyMs.length),
      broken: is.broken - was.broken,
    };
  };
}

interface Counted {
  readonly perSecond: number;
  readonly refusedShare: number;
  readonly served: number;
  readonly servedOfEach: number;
  readonly each: readonly number[];
  readonly latencyMs: readonly number[];
  readonly broken: number;
}

describe('with ten times too many', () => {
  test.each([
    ['come back when they were told to', { fairness: 0.94 }, {}],
    ['also hear that they are called', { fairness: 0.98 }, { listens: true }],
  ])('fault 64, R10: who %s, the shard is never idle, nobody is late and all get the same', async (_, least, how) => {
    const of = await counted([{ name: 'all', count: 400, perSecond: (10 * PEAK_PER_SECOND) / 400, ...how }]);
    const { perSecond, latencyMs, each, broken } = of('all');
    expect(perSecond).toBeGreaterThan(0.98 * PEAK_PER_SECOND);
    expect(percentile(latencyMs, 0.99)).toBeLessThan(100);
    expect(fairness(each)).toBeGreaterThan(least.fairness);
    expect(Math.min(...each)).toBeGreaterThan(0);
    expect(broken).toBe(0);
  });

  test('everybody at once inside is what it is for: without a door all answers come too late', async () => {
    const day = new Day(seed, PACE, { isOpen: true });
    day.come({ name: 'all', count: 400, perSecond: (10 * PEAK_PER_SECOND) / 400 });
    await day.run(10_000);
    expect(percentile(day.of('all').latencyMs, 0.5)).toBeGreaterThan(1_000);
  });

  test('who asks a hundred times as often gets no more', async () => {
    const of = await counted([
      { name: 'people', count: 300, perSecond: 10, listens: true },
      { name: 'bot', count: 1_000, perSecond: 1, isOne: true, obeys: false },
    ]);
    expect(of('bot').served).toBeLessThan(1.5 * of('people').servedOfEach);
  });

  test('R9: other channels have their share, and who is about to finish goes first', async () => {
    // So long that one refusal by chance is not a thousandth.
    const of = await counted(
      [
        { name: 'citizens', count: 400, perSecond: 10 },
        { name: 'issuers', count: 40, perSecond: 1.5, channel: 'issuers' },
        { name: 'readers', count: 100, perSecond: 2, class: 'read' },
        { name: 'enrolling', count: 100, perSecond: 0.5, class: 'enrolment', listens: true },
      ],
      4 * SECONDS,
    );
    expect(of('issuers').refusedShare).toBeLessThan(0.001);
    expect(of('enrolling').refusedShare).toBeLessThan(of('citizens').refusedShare);
    expect(of('enrolling').perSecond).toBeGreaterThan(0.8 * 100 * 0.5);
    expect(of('readers').served).toBeGreaterThan(0);
  });
});

test.each([500, 2_000])('fault 14: with flushes of %d ms the door is as wide as full turns need', async (flushMs) => {
  const bound = (LIMITS.batchCountMax * 1_000) / flushMs;
  const day = new Day(seed, { commandMs: 0.01, flushMs });
  day.come({ name: 'all', count: 2 * bound, perSecond: 1, listens: true });
  await day.run(20_000);
  const counted = 40 * flushMs;
  const before = day.of('all').served;
  await day.run(counted);
  expect((day.of('all').served - before) / (counted / 1_000)).toBeGreaterThan(0.7 * bound);
  // Two turns are being flushed, a third has come, and some who were promised to.
  expect(percentile(day.of('all').latencyMs, 0.99)).toBeLessThan(5 * flushMs);
});

test('fault 68: a storm of reads leaves alone who changes anything', async () => {
  const cards: Crowd = { name: 'cards', count: 150, perSecond: 1 };
  const calm = (await counted([cards]))('cards');
  const stormy = await counted([cards, { name: 'readers', count: 400, perSecond: 10, class: 'read' }]);
  expect(stormy('cards').refusedShare).toBeLessThan(0.02);
  expect(stormy('cards').perSecond).toBeGreaterThan(0.9 * calm.perSecond);
  expect(percentile(stormy('cards').latencyMs, 0.99)).toBeLessThan(100);
  expect(stormy('readers').perSecond).toBeGreaterThan(0.9 * (PEAK_PER_SECOND - 150));
});

test('R23: when the crowd has gone nobody waits any more, though many were told to come much later', async () => {
  const day = new Day(seed, PACE);
  day.come({ name: 'crowd', count: 8_000, perSecond: 1, untilMs: 10_000, obeys: false });
  // Later on all may have been called who never come.
  await day.run(5_000);
  expect(day.admission.waitingCount).toBeGreaterThan(1_000);
  await day.run(5_000);
  day.come({ name: 'after', count: 250, perSecond: 1 });
  await day.run(10_000);
  expect(day.admission.waitingCount).toBe(0);
  const { asked, refused } = day.of('after');
  await day.run(10_000);
  expect((day.of('after').refused - refused) / (day.of('after').asked - asked)).toBeLessThan(0.01);
});

test('a shard that stands for a minute is itself again soon after, and keeps what it promises from then on', async () => {
  const day = new Day(seed, PACE);
  day.come({ name: 'all', count: 1_000, perSecond: (0.9 * PEAK_PER_SECOND) / 1_000, listens: true });
  await day.run(5_000);
  day.stall(60_000);
  await day.run(65_000);
  const { broken } = day.of('all');
  await day.run(10_000);
  const { servedInSecond } = day.of('all');
  expect(perSecond(servedInSecond, 72, 80)).toBeGreaterThan(0.8 * PEAK_PER_SECOND);
  expect(day.of('all').broken).toBe(broken);
});

test('a slow disk is no crowd: a turn takes all that waits, and nobody is told to come back', async () => {
  const day = new Day(seed, { commandMs: 0.05, flushMs: 200 });
  day.come({ name: 'all', count: 500, perSecond: 1 });
  await day.run(10_000);
  expect(day.of('all').refused).toBe(0);
});

describe('a ticket', () => {
  const CARD: Omit<Asking, 'asker'> = { channel: 'citizens', class: 'card', shard: 0, weight: 1 };

  /** Before it a crowd that has had more than its share. */
  function full(origin: number, nowMs: () => number, inside = 3_000): Admission {
    const load = { inside: 0, answeredCount: 0, probe: () => new Promise<number>(() => {}) };
    const admission = new Admission({
      shards: [load],
      ...{ digest, origin, nowMs, random: () => 0.5 },
    });
    for (let number = 0; number < 300; number += 1) admission.ask({ ...CARD, asker: `crowd ${number}` });
    load.inside = inside;
    return admission;
  }

  test('fault 69: is honoured after a restart, once, on time, for whom it was given', () => {
    let nowMs = 1_607_400_000_000;
    const come = full(1, () => nowMs).ask({ ...CARD, asker: 'anna' })!;
    const restarted = full(2, () => nowMs);
    const withTicket = { ...CARD, ticket: come.ticket };
    expect(restarted.ask({ ...withTicket, asker: 'anna' })).toMatchObject({ position: 1 });
    nowMs += come.waitMs;
    const again = full(3, () => nowMs, 1_500);
    expect(again.ask({ ...withTicket, asker: 'bruno' })).not.toBeNull();
    expect(again.ask({ ...withTicket, class: 'read', asker: 'anna' })).not.toBeNull();
    expect(again.ask({ ...withTicket, asker: 'anna' })).toBeNull();
    expect(again.ask({ ...withTicket, asker: 'anna' })).not.toBeNull();
  });

  test('of which one character is another is none', () => {
    const nowMs = 1_607_400_000_000;
    const { ticket = '', waitMs } = full(1, () => nowMs).ask({ ...CARD, asker: 'anna' })!;
    for (let at = 0; at < ticket.length - 1; at += 1) {
      const changed = `${ticket.slice(0, at)}${ticket[at] === 'A' ? 'B' : 'A'}${ticket.slice(at + 1)}`;
      const admission = full(2, () => nowMs + waitMs, 1_500);
      expect(admission.ask({ ...CARD, asker: 'anna', ticket: changed })).not.toBeNull();
    }
  });

  test('is the same however often one asks, and asking early changes nothing', () => {
    let nowMs = 1_607_400_000_000;
    const admission = full(1, () => nowMs);
    const first = admission.ask({ ...CARD, asker: 'anna' })!;
    admission.ask({ ...CARD, asker: 'bruno' });
    nowMs += 10;
    for (let asked = 0; asked < 1_000; asked += 1) {
      const again = admission.ask({ ...CARD, asker: 'anna' })!;
      expect(again.ticket).toBe(first.ticket);
      expect(Math.abs(again.waitMs - first.waitMs)).toBeLessThan(20);
    }
    expect(admission.waitingCount).toBe(2);
  });
});

describe('whoever comes on time is let in', () => {
  const NOW = 1_607_400_000_000;

  function opened(shardCount: number) {
    const loads = Array.from({ length: shardCount }, () => ({
      ...{ inside: 0, answeredCount: 0, probe: () => new Promise<number>(() => {}) },
    }));
    const clock = { nowMs: NOW };
    const admission = new Admission({
      shards: loads,
      ...{ digest, origin: 1, nowMs: () => clock.nowMs, random: () => 0 },
    });
    return { loads, clock, admission };
  }

  test('also where it concerns all shards, and another is the fullest by then', () => {
    const { loads, clock, admission } = opened(2);
    const stream: Asking = { asker: '36081', channel: 'acquirers', class: 'stream', shard: null, weight: 10 };
    loads[0]!.inside = 5_000;
    const come = admission.ask(stream)!;
    expect(admission.positionOf(stream)).toMatchObject({ ticket: come.ticket });
    clock.nowMs += come.waitMs;
    loads[0]!.inside = 0;
    loads[1]!.inside = 5_000;
    expect(admission.ask(stream)).toBeNull();
  });

  test('also with more rows than there is room for, once the others are done', () => {
    const { loads, clock, admission } = opened(1);
    const stream: Asking = { asker: '36081', channel: 'acquirers', class: 'stream', shard: 0, weight: 8_000 };
    loads[0]!.inside = 5_000;
    const come = admission.ask(stream)!;
    clock.nowMs += come.waitMs;
    loads[0]!.inside = 1_000;
    expect(admission.ask(stream)).toBeNull();
  });

  test('and is not told a time without end where others, who do not wait, are more than it was thought a shard can do', () => {
    const { loads, clock, admission } = opened(1);
    const enrolled: Omit<Asking, 'asker'> = { channel: 'issuers', class: 'enrolment', shard: 0, weight: 1 };
    // Four times what a shard is thought to do at first, for which nobody has to wait.
    for (let tick = 0; tick < 300; tick += 1) {
      for (let number = 0; number < 10; number += 1) {
        expect(admission.ask({ ...enrolled, asker: `${tick} ${number}` })).toBeNull();
      }
      clock.nowMs += 10;
      admission.tick();
    }
    loads[0]!.inside = 5_000;
    const waitsMs = Array.from({ length: 400 }, (_, number) => {
      return admission.ask({ ...enrolled, class: 'card', asker: `${number}` })!.waitMs;
    });
    expect(waitsMs.at(-1)).toBeLessThan(5_000);
  });

  test('and a place that is kept for one thing is not for another', () => {
    const { loads, clock, admission } = opened(1);
    const card: Asking = { asker: 'anna', channel: 'citizens', class: 'card', shard: 0, weight: 1 };
    const read: Asking = { ...card, class: 'read' };
    admission.onCalled(({ class: of }) => of === 'card');
    loads[0]!.inside = 5_000;
    const told = [read, card].map((asking) => {
      for (let number = 0; number < 10; number += 1) admission.ask({ ...asking, asker: `${number}` });
      return admission.ask(asking)!;
    });
    loads[0]!.inside = 900; // Room for a card, and for no read.
    while (admission.positionOf(card)!.position > 0) {
      clock.nowMs += LIMITS.admissionTickMs;
      admission.tick();
    }
    expect(clock.nowMs - NOW).toBeLessThan(Math.min(...told.map(({ waitMs }) => waitMs)));
    loads[0]!.inside = 1_500;
    expect(admission.ask(read)).not.toBeNull();
    expect(admission.ask(card)).toBeNull();
  });
});

describe('what one citizen may ask for', () => {
  const NOW = 1_607_400_000_000;

  function opened(citizenPerSecond?: number) {
    const clock = { nowMs: NOW };
    const load = { inside: 0, answeredCount: 0, probe: () => new Promise<number>(() => {}) };
    const admission = new Admission({
      ...{ shards: [load], digest, origin: 1, nowMs: () => clock.nowMs, random: () => 0, citizenPerSecond },
    });
    const askOften = (citizen: string) => {
      for (let asked = 0; asked < LIMITS.citizenBurst; asked += 1) expect(admission.slowDownMs(citizen)).toBe(0);
    };
    return { clock, admission, askOften };
  }

  test('is more than any app does, and then it is told when it is heard again', () => {
    const { clock, admission, askOften } = opened();
    askOften('anna');
    const waitMs = admission.slowDownMs('anna');
    expect(waitMs).toBe(1_000 / LIMITS.citizenPerSecond);
    expect(admission.slowDownMs('bruno')).toBe(0);
    clock.nowMs += waitMs;
    expect(admission.slowDownMs('anna')).toBe(0);
    expect(admission.slowDownMs('anna')).toBeGreaterThan(0);
  });

  test('is as much as it likes where no limit was set', () => {
    const { admission, askOften } = opened(0);
    askOften('anna');
    expect(admission.slowDownMs('anna')).toBe(0);
  });
});

describe('rows of files', () => {
  function opened() {
    const clock = { nowMs: 1_607_400_000_000 };
    const loads = [0, 1].map(() => ({ inside: 0, answeredCount: 0, probe: () => new Promise<number>(() => {}) }));
    const admission = new Admission({
      ...{ shards: loads, digest, origin: 1, nowMs: () => clock.nowMs, random: () => 0 },
    });
    const ask = (asker: string) => admission.ask({ asker, channel: 'citizens', class: 'card', shard: 0, weight: 1 });
    /** How many rows are handed over at once. */
    const rowsAtOnce = () => {
      clock.nowMs += LIMITS.admissionTickMs;
      admission.tick();
      let rows = 0;
      while (admission.files.enter() === null) rows += 1;
      return rows;
    };
    return { clock, loads, admission, ask, rowsAtOnce };
  }

  test('have half of every door while nobody else is there', () => {
    const { rowsAtOnce } = opened();
    expect(rowsAtOnce()).toBe(2 * LIMITS.insideCountFirst * LIMITS.fileFill);
  });

  test('are few beside others, and many again a second after those have gone', () => {
    const { clock, ask, rowsAtOnce, admission } = opened();
    for (let number = 0; number < LIMITS.othersPerSecondMin; number += 1) ask(`${number}`);
    expect(rowsAtOnce()).toBe(2 * LIMITS.fileRowsBesideOthers);
    for (let second = 0; second < 2; second += 1) {
      clock.nowMs += 1_000;
      admission.tick();
    }
    expect(admission.files.inside).toBe(2 * LIMITS.fileRowsBesideOthers + 1); // The one that waited went in.
    expect(rowsAtOnce() + admission.files.inside).toBeGreaterThan(LIMITS.insideCountFirst);
  });

  test('fault 70: go one by one where anybody waits', () => {
    const { loads, ask, rowsAtOnce } = opened();
    loads[0]!.inside = 10_000;
    expect(ask('anna')).not.toBeNull();
    expect(rowsAtOnce()).toBe(1);
  });
});
