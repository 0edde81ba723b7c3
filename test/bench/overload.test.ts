// Method: what the click day's crowd is judged by, on phases and frames written down by hand.
import { describe, expect, test } from 'vitest';
import { Canaries } from '../../bench/overload/canary.ts';
import { jain, secondsToNormal, usefulPerSecond } from '../../bench/overload/figures.ts';
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

  describe('is normal again', () => {
    const good: Second = { asked: 1_000, served: 1_000, useful: 1_000, refused: 0, p50: 5, p99: 20 };
    const silent = { useful: 0 };
    const refusing = { refused: 100 };
    const toNormal = (...all: readonly Partial<Second>[]) =>
      secondsToNormal(
        all.map((one) => ({ ...good, ...one })),
        { perSecond: 1_000, p99MsMax: 200 },
      );

    test('from the first of some good seconds in a row', () => {
      expect(toNormal({}, {}, {})).toBe(0);
      expect(toNormal(silent, refusing, {}, {}, {})).toBe(2);
      expect(toNormal({}, silent, {}, {}, refusing, {}, {}, {}, silent)).toBe(5);
      expect(toNormal({}, {}, silent, {}, {})).toBeNull();
    });

    test.each<[string, Partial<Second>, number]>([
      ['a little less by chance is good', { useful: 860 }, 0],
      ['less is not', { useful: 850 }, 1],
      ['fewer wishes, all of them served, are good', { asked: 700, useful: 700 }, 0],
      ['hardly any are not', { asked: 400, useful: 400 }, 1],
      ['slow answers are not', { p99: 900 }, 1],
    ])('where %s', (_, first, expected) => {
      expect(toNormal(first, {}, {}, {})).toBe(expected);
    });
  });
});
