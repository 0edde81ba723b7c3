// Method: amounts one step to either side of every threshold of the law; seeded standings against the rules in words.
import { expect, test } from 'vitest';
import { payableCents } from '../../engine/programme/cashback.ts';
import { payoutAmounts, payoutTypology, supplementCents } from '../../engine/programme/payout.ts';
import { italy2020 } from '../../engine/programme/programme.ts';
import { Random, seed } from '../support/random.ts';

const [christmas, firstSemester] = [italy2020().periods[0]!, italy2020().periods[1]!];

test('a record is made from the minimum count on, also where it comes to nothing', () => {
  expect(payoutAmounts({ rawCents: 5_000, count: 49, rank: 1 }, firstSemester)).toBeNull();
  expect(payoutAmounts({ rawCents: 5_000, count: 50, rank: 100_001 }, firstSemester)).toEqual({
    cashbackCents: 5_000,
    jackpotCents: 0,
  });
  const nothing = { cashbackCents: 0, jackpotCents: 0 };
  expect(payoutAmounts({ rawCents: 0, count: 50, rank: 100_001 }, firstSemester)).toEqual(nothing);
  expect(payoutAmounts({ rawCents: -1, count: 50, rank: 100_001 }, firstSemester)).toEqual(nothing);
});

test('cashback is capped, and the prize goes to the last winning rank and not to the next', () => {
  const standing = { rawCents: 18_730, count: 60 };
  const cashbackCents = 15_000;
  expect(payoutAmounts({ ...standing, rank: 100_000 }, firstSemester)).toEqual({
    cashbackCents,
    jackpotCents: 150_000,
  });
  expect(payoutAmounts({ ...standing, rank: 100_001 }, firstSemester)).toEqual({ cashbackCents, jackpotCents: 0 });
});

test('there is no prize at Christmas, and none below the minimum count', () => {
  expect(payoutAmounts({ rawCents: 100, count: 10, rank: 1 }, christmas)).toEqual({
    cashbackCents: 100,
    jackpotCents: 0,
  });
  expect(payoutAmounts({ rawCents: 100, count: 9, rank: 1 }, christmas)).toBeNull();
});

test('a rank is never 0: who takes no part comes after all others', () => {
  expect(() => payoutAmounts({ rawCents: 100, count: 50, rank: 0 }, firstSemester)).toThrow('rank');
});

test('the typology says which of the two parts there are', () => {
  expect(payoutTypology({ cashbackCents: 1, jackpotCents: 0 })).toBe('01');
  expect(payoutTypology({ cashbackCents: 0, jackpotCents: 150_000 })).toBe('02');
  expect(payoutTypology({ cashbackCents: 0, jackpotCents: 0 })).toBe('02');
  expect(payoutTypology({ cashbackCents: 1, jackpotCents: 1 })).toBe('03');
});

test('a supplement is what late data add below the cap, and never takes back', () => {
  const supplement = (rawCents: number, count: number, grantedCents: number) =>
    supplementCents({ rawCents, count, grantedCents }, firstSemester);
  expect(supplement(10_001, 60, 10_000)).toBe(1);
  expect(supplement(10_000, 60, 10_000)).toBe(0);
  expect(supplement(9_999, 60, 10_000)).toBe(0);
  expect(supplement(15_001, 60, 14_999)).toBe(1);
  expect(supplement(20_000, 60, 15_000)).toBe(0);
  expect(supplement(5_000, 49, 0)).toBe(0);
  expect(supplement(5_000, 50, 0)).toBe(5_000);
});

test('whatever the order of late data, supplements add up to what is due at the end', () => {
  const random = new Random(seed);
  for (let step = 0; step < 500; step += 1) {
    let [rawCents, count, grantedCents] = [0, 40 + random.below(20), 0];
    for (let late = 0; late < 20; late += 1) {
      rawCents += random.below(1_501);
      count += 1;
      grantedCents += supplementCents({ rawCents, count, grantedCents }, firstSemester);
    }
    expect(grantedCents, `seed=${seed} step=${step}`).toBe(payableCents({ rawCents, count }, firstSemester));
  }
});
