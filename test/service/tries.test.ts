// Method: seeded tries at random instants are counted, and kept in a plain list; at random moments the minute, the hour and
// all of it are worked out anew from the list. Latencies may differ by the width of a bin.
import { describe, expect, test } from 'vitest';
import { crossedBy, isGood, resultOf, stateOf } from '../../server/service/functions.ts';
import { type Figures, MINUTE_MS, RESULTS, type Result, SLICE_MS, Tries } from '../../server/service/tries.ts';
import { Random, seed } from '../support/random.ts';

interface Try {
  readonly result: Result;
  readonly tookMs: number;
  readonly nowMs: number;
}

const BIN_GROWTH = 1.2;

function expectFigures(figures: Figures, tries: readonly Try[], where: string): void {
  const answered = tries.filter(({ result }) => result === 'done' || result === 'refused');
  for (const result of RESULTS)
    expect(figures[result], where).toBe(tries.filter((each) => each.result === result).length);
  expect(figures.tries, where).toBe(tries.length);
  expect(figures.successShare, where).toBe(tries.length === 0 ? null : answered.length / tries.length);
  const sorted = answered.map(({ tookMs }) => tookMs).sort((one, other) => one - other);
  for (const [share, told] of [
    [0.5, figures.p50Ms],
    [0.99, figures.p99Ms],
  ] as const) {
    if (sorted.length === 0) expect(told, where).toBe(null);
    else {
      const exact = sorted[Math.ceil(sorted.length * share) - 1]!;
      expect(told, where).toBeGreaterThanOrEqual(Math.min(exact, MINUTE_MS) - 0.05);
      expect(told, where).toBeLessThanOrEqual(Math.max(0.1, exact * BIN_GROWTH) + 0.05);
    }
  }
}

test('minute, hour and all of it agree with a plain list', () => {
  const random = new Random(seed);
  let nowMs = 1_607_400_000_000 + random.below(MINUTE_MS);
  const tries = new Tries(nowMs);
  const list: Try[] = [];
  for (let step = 0; step < 4_000; step += 1) {
    // Mostly seconds, now and then a silence of minutes, once in a while of hours.
    const pause = random.below(400) === 0 ? 3 * 3_600_000 : random.below(60) === 0 ? 300_000 : 2_000;
    nowMs += random.below(pause);
    const each = { result: random.pick(RESULTS), tookMs: 10 ** (random.next() * 6 - 2), nowMs };
    tries.count(each.result, each.tookMs, nowMs);
    list.push(each);
    if (random.below(20) !== 0) continue;
    nowMs += random.below(MINUTE_MS);
    const where = `seed=${seed} step=${step}`;
    const from = (Math.floor(nowMs / SLICE_MS) - 11) * SLICE_MS;
    expectFigures(
      tries.lastMinute(nowMs),
      list.filter((one) => one.nowMs >= from),
      where,
    );
    expectFigures(tries.sinceStart(), list, where);
    const minute = Math.floor(nowMs / MINUTE_MS);
    tries.lastHour(nowMs).forEach((share, index) => {
      const of = list.filter((one) => Math.floor(one.nowMs / MINUTE_MS) === minute - 60 + index);
      const answered = of.filter(({ result }) => result === 'done' || result === 'refused').length;
      expect(share, `${where} minute=${index}`).toBe(of.length === 0 ? null : answered / of.length);
    });
  }
});

describe('one word for a minute', () => {
  const figures = (done: number, shed: number, p99Ms = 10): Figures => {
    const tries = done + shed;
    const successShare = tries === 0 ? null : done / tries;
    return { tries, done, shed, refused: 0, failed: 0, successShare, p50Ms: 1, p99Ms: done === 0 ? null : p99Ms };
  };
  test.each([
    [figures(0, 0), 'quiet'],
    [figures(1, 0), 'ok'],
    [figures(99, 1), 'ok'],
    [figures(98, 2), 'failing'],
    [figures(5, 95), 'failing'],
    [figures(4, 96), 'down'],
    // One who was turned away is no proof.
    [figures(0, 19), 'failing'],
    [figures(0, 20), 'down'],
    [figures(100, 0, 1_000), 'ok'],
    [figures(100, 0, 1_001), 'slow'],
  ] as const)('%o is %s', (given, word) => expect(stateOf('wallet', given)).toBe(word));

  test('an incident needs twenty tries to open, and one to close', () => {
    expect(crossedBy('wallet', figures(18, 1, 5_000))).toEqual([]);
    expect(crossedBy('wallet', figures(19, 1, 1_000))).toEqual([]);
    expect(crossedBy('wallet', figures(18, 2, 1_001))).toEqual(['success', 'latency']);
    expect(crossedBy('setIban', figures(20, 0, 3_900))).toEqual([]);
    expect(
      [figures(1, 0, 700), figures(0, 0), figures(1, 0, 701), figures(98, 2)].map((each) => isGood('wallet', each)),
    ).toEqual([true, false, false, false]);
  });

  test('what helps the citizen is a success, and what is our fault is none', () => {
    expect(resultOf(undefined)).toBe('done');
    expect(resultOf('IBAN_INVALID')).toBe('refused');
    expect(['OVERLOADED', 'DRAINING', 'STORAGE_FULL'].map((code) => resultOf(code as 'OVERLOADED'))).toEqual(
      Array(3).fill('shed'),
    );
    expect(
      ['INTERNAL_ERROR', 'PARTNER_UNAVAILABLE', 'COMMAND_SET_ASIDE'].map((code) => resultOf(code as 'OVERLOADED')),
    ).toEqual(Array(3).fill('failed'));
  });
});
