// Method: amounts one step to either side of every threshold of the law; seeded standings against the rules in words.
import { expect, test } from 'vitest';
import { payableCents } from '../../engine/programme/cashback.ts';
import { type PayoutAmounts, payoutAmounts, payoutTypology, supplementOf } from '../../engine/programme/payout.ts';
import { italy2020 } from '../../engine/programme/programme.ts';
import { Random, seed } from '../support/random.ts';

const [christmas, firstSemester] = [italy2020().periods[0]!, italy2020().periods[1]!];

const ENOUGH = { cut: null, isWinner: false } as const;
const WINNER = { cut: null, isWinner: true } as const;

test('a record is made from the minimum count on, also where it comes to nothing', () => {
  expect(payoutAmounts({ rawCents: 5_000, count: 49 }, firstSemester, WINNER)).toBeNull();
  expect(payoutAmounts({ rawCents: 5_000, count: 50 }, firstSemester, ENOUGH)).toEqual({
    cashbackCents: 5_000,
    jackpotCents: 0,
  });
  const nothing = { cashbackCents: 0, jackpotCents: 0 };
  expect(payoutAmounts({ rawCents: 0, count: 50 }, firstSemester, ENOUGH)).toEqual(nothing);
  expect(payoutAmounts({ rawCents: -1, count: 50 }, firstSemester, ENOUGH)).toEqual(nothing);
});

test('cashback is capped, the prize goes to winners; at Christmas there is none', () => {
  const standing = { rawCents: 18_730, count: 60 };
  const cashbackCents = 15_000;
  expect(payoutAmounts(standing, firstSemester, WINNER)).toEqual({ cashbackCents, jackpotCents: 150_000 });
  expect(payoutAmounts(standing, firstSemester, ENOUGH)).toEqual({ cashbackCents, jackpotCents: 0 });
  expect(payoutAmounts(standing, christmas, WINNER)).toEqual({ cashbackCents, jackpotCents: 0 });
});

test('G45 a cut is of the refund, not of the prize', () => {
  const cut = { fundsCents: 200_00, totalCents: 285_01 };
  expect(payoutAmounts({ rawCents: 150_00, count: 60 }, firstSemester, { cut, isWinner: true })).toEqual({
    cashbackCents: 105_25,
    jackpotCents: 150_000,
  });
});

test('the typology says which of the two parts there are', () => {
  expect(payoutTypology({ cashbackCents: 1, jackpotCents: 0 })).toBe('01');
  expect(payoutTypology({ cashbackCents: 0, jackpotCents: 150_000 })).toBe('02');
  expect(payoutTypology({ cashbackCents: 0, jackpotCents: 0 })).toBe('02');
  expect(payoutTypology({ cashbackCents: 1, jackpotCents: 1 })).toBe('03');
});

test('a supplement is what late data add below the cap, and never takes back', () => {
  const byRuns = [
    { cashbackCents: 9_000, jackpotCents: 0 },
    { cashbackCents: 1_000, jackpotCents: 150_000 },
  ];
  const add = (cashbackCents: number, jackpotCents: number) =>
    supplementOf({ cashbackCents, jackpotCents }, { byRuns, byConsap: [] });
  expect(add(10_001, 150_000)).toEqual({ cashbackCents: 1, jackpotCents: 0 });
  expect(add(10_000, 150_000)).toBeNull();
  expect(add(9_999, 0)).toBeNull();
  expect(add(9_999, 150_001)).toEqual({ cashbackCents: 0, jackpotCents: 1 });
  const nothing = { cashbackCents: 0, jackpotCents: 0 };
  expect(supplementOf(nothing, { byRuns: [], byConsap: [] })).toEqual(nothing);
});

test('what Consap paid counts like what runs granted, and is no record of a run', () => {
  const due = { cashbackCents: 10_000, jackpotCents: 150_000 };
  const nothing = { cashbackCents: 0, jackpotCents: 0 };
  const paid = (cashbackCents: number, jackpotCents: number) => [{ cashbackCents, jackpotCents }];
  const add = (byRuns: PayoutAmounts[], byConsap: PayoutAmounts[]) => supplementOf(due, { byRuns, byConsap });
  expect(add([], paid(9_999, 150_000))).toEqual({ cashbackCents: 1, jackpotCents: 0 });
  expect(add([], paid(10_001, 150_000))).toEqual(nothing);
  expect(add(paid(9_000, 150_000), paid(999, 0))).toEqual({ cashbackCents: 1, jackpotCents: 0 });
  expect(add(paid(9_000, 150_000), paid(1_000, 0))).toBeNull();
  expect(add(paid(9_000, 0), paid(1_001, 150_000))).toBeNull();
});

test('whatever the order of late data, supplements add up to what is due at the end', () => {
  const random = new Random(seed);
  for (let step = 0; step < 500; step += 1) {
    const [byRuns, byConsap]: [PayoutAmounts[], PayoutAmounts[]] = [[], []];
    let [rawCents, count] = [0, 40 + random.below(20)];
    for (let late = 0; late < 20; late += 1) {
      rawCents += random.below(1_501);
      count += 1;
      const due = payoutAmounts({ rawCents, count }, firstSemester, ENOUGH);
      const supplement = due === null ? null : supplementOf(due, { byRuns, byConsap });
      if (supplement !== null) (random.below(3) === 0 ? byConsap : byRuns).push(supplement);
    }
    const total = [...byRuns, ...byConsap].reduce((sum, { cashbackCents }) => sum + cashbackCents, 0);
    expect(total, `seed=${seed} step=${step}`).toBe(payableCents({ rawCents, count }, firstSemester));
  }
});
