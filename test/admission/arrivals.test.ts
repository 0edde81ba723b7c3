// Method: arrivals at instants that the test chooses, each with a token that was seen before or not; who is sent away comes
// back when it was told to. Nobody is awaited for longer than a server would go on: what does not end fails.
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../engine/index.ts';
import { type Arrival, Arrivals } from '../../server/admission/arrivals.ts';
import { Random, seed } from '../support/random.ts';

const { arrivalsAtOnce, arrivalsPerSecond, firstLoginsFill, returningFill, firstLoginsPerSecondMin } = LIMITS;

const FIRST: Arrival = { isKnown: false, role: 'citizen', hasStamp: false };
const STAMPED: Arrival = { ...FIRST, hasStamp: true };
const BACK: Arrival = { ...FIRST, isKnown: true };
const ISSUER: Arrival = { ...FIRST, role: 'issuer' };

function open(): Arrivals {
  return new Arrivals(() => 0.5);
}

/** How many of so many that arrive at one instant pass. */
function passing(arrivals: Arrivals, count: number, nowMs: number, kind: Arrival): number {
  let passed = 0;
  for (let index = 0; index < count; index += 1) if (arrivals.ask(kind, nowMs) === 0) passed += 1;
  return passed;
}

/** Of each kind so many, all at once at the start; they come back when they are told to, for so long. */
function storm(counts: readonly (readonly [Arrival, number])[], ms: number) {
  const random = new Random(seed);
  const arrivals = new Arrivals(() => random.next());
  const waiting = Array.from({ length: ms + 1 }, () => [] as Arrival[]);
  waiting[0] = random.shuffle(counts.flatMap(([kind, count]) => new Array<Arrival>(count).fill(kind)));
  const passedMs = new Map<Arrival, number[]>(counts.map(([kind]) => [kind, []]));
  const most = 4 * waiting[0].length;
  let [asked, longestMs] = [0, 0];
  for (const [nowMs, those] of waiting.entries()) {
    for (const kind of those) {
      asked += 1;
      if (asked > most) throw new Error(`seed=${seed}: asked ${most} times, and it is only ${nowMs} ms`);
      const waitMs = arrivals.ask(kind, nowMs);
      longestMs = Math.max(longestMs, waitMs);
      if (waitMs === 0) passedMs.get(kind)!.push(nowMs);
      else waiting[nowMs + waitMs]?.push(kind);
    }
  }
  return { passedMs, longestMs };
}

describe('those who arrive together', () => {
  test('are so many at once, and then so many a second; first logins leave the last room to others', () => {
    const arrivals = open();
    const atOnce = arrivalsAtOnce * firstLoginsFill;
    expect(passing(arrivals, 10_000, 0, FIRST)).toBe(atOnce + 1); // One in its own right.
    expect(passing(arrivals, 10_000, 0, BACK)).toBe(
      Math.round((arrivalsAtOnce * (returningFill - firstLoginsFill)) / LIMITS.knownArrivalCost),
    );
    expect(passing(arrivals, 10_000, 0, ISSUER)).toBe(Math.round(arrivalsAtOnce * (1 - returningFill)));
    expect(passing(arrivals, 10_000, 1_000, ISSUER)).toBe(arrivalsPerSecond);
  });

  test('come back one behind the other, first logins behind all who return', () => {
    const arrivals = open();
    passing(arrivals, 1, 0, FIRST);
    passing(arrivals, 10_000, 0, ISSUER);
    passing(arrivals, 1, 0, FIRST); // In its own right.
    const waits = (kind: Arrival, count: number) => Array.from({ length: count }, () => arrivals.ask(kind, 0));
    const [back, first, later] = [waits(BACK, 5_000), waits(FIRST, 100), waits(BACK, 100)];
    const partnersMs = (arrivalsAtOnce * (1 - returningFill) * 1_000) / arrivalsPerSecond;
    expect(back[0]).toBeGreaterThanOrEqual(partnersMs);
    for (const order of [back, first, later]) expect(order).toEqual(order.toSorted((one, other) => one - other));
    expect(first[0]).toBeGreaterThanOrEqual(back.at(-1)!);
    expect(first.at(-1)! - first[0]!).toBeGreaterThanOrEqual((98 * 1_000) / arrivalsPerSecond);
    expect(later[0]! - back.at(-1)!).toBeLessThanOrEqual(1);
  });

  test('never keep first logins out for ever', () => {
    const arrivals = open();
    let passed = 0;
    for (let nowMs = 0; nowMs < 10_000; nowMs += 1) {
      passing(arrivals, 20, nowMs, BACK);
      if (nowMs >= 1_000) passed += passing(arrivals, 5, nowMs, FIRST);
    }
    expect(passed).toBe(9 * firstLoginsPerSecondMin);
  });
});

describe('fault 65: a storm', () => {
  test('of a hundred thousand whom a new server does not know is in within a minute', () => {
    const { passedMs, longestMs } = storm([[FIRST, 100_000]], 60_000);
    const instants = passedMs.get(FIRST)!;
    expect(instants.length, `seed=${seed}`).toBeGreaterThanOrEqual(95_000);
    const perSecond = new Array<number>(61).fill(0);
    for (const nowMs of instants) perSecond[Math.floor(nowMs / 1_000)]! += 1;
    const most = arrivalsPerSecond + firstLoginsPerSecondMin;
    expect(Math.max(...perSecond.slice(1)), `seed=${seed}`).toBeLessThanOrEqual(most + 1);
    expect(longestMs).toBeLessThanOrEqual(LIMITS.retryMsMax);
  });

  test('before a server that knows nobody has those in first who show that they were here', () => {
    const { passedMs } = storm(
      [
        [FIRST, 80_000],
        [STAMPED, 20_000],
      ],
      60_000,
    );
    const [first, stamped] = [passedMs.get(FIRST)!, passedMs.get(STAMPED)!];
    expect(stamped.length).toBe(20_000);
    expect(stamped.at(-1), `seed=${seed}`).toBeLessThan(12_000);
    expect(first.length, `seed=${seed}`).toBeGreaterThanOrEqual(75_000);
  });

  test('of those who come for the first time keeps nobody out who was here before, nor a partner', () => {
    const { passedMs } = storm(
      [
        [FIRST, 100_000],
        [BACK, 20_000],
        [ISSUER, 100],
      ],
      60_000,
    );
    expect(passedMs.get(ISSUER)!.at(-1), `seed=${seed}`).toBeLessThan(1_000);
    const back = passedMs.get(BACK)!;
    expect(back.length).toBe(20_000);
    const lastBackMs = back.at(-1)!;
    const firstMeanwhile = passedMs.get(FIRST)!.filter((nowMs) => nowMs > 0 && nowMs < lastBackMs).length;
    expect(lastBackMs, `seed=${seed}`).toBeLessThan(12_000);
    expect(firstMeanwhile, `seed=${seed}`).toBeLessThan(lastBackMs);
  });
});
