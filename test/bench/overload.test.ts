// Method: what the click day's crowd is judged by, on phases and frames written down by hand.
import { describe, expect, test } from 'vitest';
import { Canaries } from '../../bench/overload/canary.ts';
import { backToNormal, jain, usefulPerSecond } from '../../bench/overload/figures.ts';
import type { PhaseResult, Second } from '../../bench/overload/plan.ts';
import { Tally } from '../../bench/overload/tally.ts';
import { createMsgpackCodec } from '../../server/wire/index.ts';

describe('canaries', () => {
  const canaries = new Canaries(3);
  const wallet = (...ibans: readonly string[]) => {
    const view = { iban: ibans[0], methods: ibans.slice(1).map((iban) => ({ text: `x${iban}y` })) };
    return Buffer.from(createMsgpackCodec().encode({ ref: 1, ok: true, view }) as Uint8Array);
  };

  test('a citizen finds its own, and each of another wherever it stands', () => {
    expect(canaries.find(0, wallet(canaries.of(0)))).toEqual({ own: 1, foreign: 0 });
    expect(canaries.find(0, wallet(canaries.of(0), canaries.of(2), canaries.of(1)))).toEqual({ own: 1, foreign: 2 });
    expect(canaries.find(2, wallet(canaries.of(1)))).toEqual({ own: 0, foreign: 1 });
    expect(canaries.find(0, Buffer.from('OVERLOADED: ITALY IT12'))).toEqual({ own: 0, foreign: 0 });
  });
});

test('Jain: equal shares are 1, and one who has all of four is a quarter', () => {
  expect(jain([5, 5, 5, 5])).toBe(1);
  expect(jain([20, 0, 0, 0])).toBe(0.25);
  expect(jain([0, 0])).toBe(0);
});

describe('a phase', () => {
  test('counts what came in time as useful, and only that for whoever it came', () => {
    const tally = new Tally(2, 0);
    tally.served(0, 50, 500, null);
    tally.served(1, 2_500, 1_200, null);
    tally.served(1, 40, 1_300, 'IBAN_INVALID');
    const result = tally.result(2_000);
    expect(result.seconds.map(({ served, useful }) => [served, useful])).toEqual([
      [1, 1],
      [2, 1],
    ]);
    expect(result).toMatchObject({ each: [1, 1], refusedOnMerits: { IBAN_INVALID: 1 } });
    expect(usefulPerSecond(result satisfies PhaseResult)).toBe(1);
  });

  test('is normal again after its last second that was not', () => {
    const good: Second = { asked: 100, served: 100, useful: 100, refused: 0, p50: 5, p99: 20 };
    const seconds = (...all: readonly Partial<Second>[]) => all.map((one) => ({ ...good, ...one }));
    expect(backToNormal(seconds({}, {}, {}), 100)).toBe(0);
    expect(backToNormal(seconds({ refused: 50 }, {}, { served: 20 }, {}, {}), 100)).toBe(3);
    expect(backToNormal(seconds({ p99: 900 }, {}, {}), 100)).toBe(1);
  });
});
