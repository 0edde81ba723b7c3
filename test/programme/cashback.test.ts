// Method: the arithmetic vectors of domain 10 are played on a card and its totals; then seeded amounts are compared
// with exact fractions (BigInt), and milestones with a walk that asks each prefix anew.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PeriodParameters } from '../../engine/contract.ts';
import {
  type MilestoneLine,
  milestones,
  payableCents,
  paymentScoreCents,
  proportionalCut,
  reversalScoreCents,
  shownCents,
} from '../../engine/programme/cashback.ts';
import { italy2020 } from '../../engine/programme/programme.ts';
import { Random, seed } from '../support/random.ts';
import { Ledger } from './ledger.ts';

const [christmas, firstSemester] = [italy2020().periods[0]!, italy2020().periods[1]!];

/** Plays payments of these amounts and gives their scores. */
function pay(ledger: Ledger, ...amounts: readonly number[]): readonly number[] {
  return amounts.map((amountCents) => ledger.pay({ amountCents }));
}

function totals(ledger: Ledger, period: PeriodParameters) {
  const { rawCents, count } = ledger;
  return { raw: rawCents, shown: shownCents(rawCents, period), payable: ledger.payable(), count };
}

function times(count: number, amountCents: number): readonly number[] {
  return Array.from({ length: count }, () => amountCents);
}

describe('golden vectors: payments', () => {
  test('G01: a payment of 45.00 scores 4.50, shown and not yet payable', () => {
    const ledger = new Ledger(firstSemester);
    expect(pay(ledger, 4500)).toEqual([450]);
    expect(totals(ledger, firstSemester)).toEqual({ raw: 450, shown: 450, payable: 0, count: 1 });
  });

  test('G02: half a cent is rounded down', () => {
    const ledger = new Ledger(firstSemester);
    expect(pay(ledger, 1, 5, 6, 15, 1005, 1006, 3617)).toEqual([0, 0, 1, 1, 100, 101, 362]);
    expect(totals(ledger, firstSemester)).toMatchObject({ raw: 565, count: 7 });
  });

  test('G03: no payment scores more than 15.00', () => {
    const ledger = new Ledger(firstSemester);
    const scores = pay(ledger, 14994, 14995, 14996, 14999, 15000, 15001, 70000);
    expect(scores).toEqual([1499, 1499, 1500, 1500, 1500, 1500, 1500]);
    expect(totals(ledger, firstSemester)).toMatchObject({ raw: 10498, count: 7 });
  });

  test('G04: ten payments reach the cap exactly', () => {
    const ledger = new Ledger(christmas);
    pay(ledger, ...times(10, 15000));
    expect(totals(ledger, christmas)).toEqual({ raw: 15000, shown: 15000, payable: 15000, count: 10 });
    expect(ledger.milestones()).toEqual({
      idTrxPivot: 'ARN10',
      cashbackNormCents: 1500,
      idTrxMinTransactionNumber: 'ARN10',
    });
  });

  test('G05: the eleventh payment goes over the cap', () => {
    const ledger = new Ledger(christmas);
    pay(ledger, ...times(9, 15000), 12000, 8000);
    expect(totals(ledger, christmas)).toEqual({ raw: 15500, shown: 15000, payable: 15000, count: 11 });
    expect(ledger.milestones()).toEqual({
      idTrxPivot: 'ARN11',
      cashbackNormCents: 300,
      idTrxMinTransactionNumber: 'ARN10',
    });
  });

  test('G06: a payment of one cent opens the refund', () => {
    const ledger = new Ledger(christmas);
    pay(ledger, ...times(9, 10000));
    expect(totals(ledger, christmas)).toMatchObject({ raw: 9000, payable: 0, count: 9 });
    pay(ledger, 1);
    expect(totals(ledger, christmas)).toMatchObject({ raw: 9000, payable: 9000, count: 10 });
  });

  test('G07: the fiftieth payment opens a semester', () => {
    const ledger = new Ledger(firstSemester);
    pay(ledger, ...times(49, 1000));
    expect(totals(ledger, firstSemester)).toMatchObject({ raw: 4900, payable: 0 });
    expect(ledger.milestones().idTrxMinTransactionNumber).toBeNull();
    pay(ledger, 1000);
    expect(totals(ledger, firstSemester)).toMatchObject({ raw: 5000, payable: 5000 });
    expect(ledger.milestones().idTrxMinTransactionNumber).toBe('ARN50');
  });

  test('G08: the raw total goes on over the cap', () => {
    const ledger = new Ledger(firstSemester);
    pay(ledger, ...times(60, 4000));
    expect(totals(ledger, firstSemester)).toEqual({ raw: 24000, shown: 15000, payable: 15000, count: 60 });
  });

  test('G39: sixty odd amounts', () => {
    const ledger = new Ledger(firstSemester);
    pay(ledger, ...Array.from({ length: 60 }, (_, index) => ((37 * (index + 1)) % 9000) + 1));
    expect(totals(ledger, firstSemester)).toMatchObject({ raw: 6774, payable: 6774, count: 60 });
  });
});

describe('golden vectors: reversals', () => {
  /** One payment, then reversals of it by correlation id; after each step [score or reason, raw, count]. */
  function play(amountCents: number, ...reversals: readonly number[]) {
    const ledger = new Ledger(firstSemester);
    const scores = [
      ledger.pay({ amountCents, correlationId: 'A' }),
      ...reversals.map((cents) => ledger.reverse({ amountCents: cents, correlationId: 'A' })),
    ];
    return { scores, raw: ledger.rawCents, count: ledger.count };
  }

  test('G09: a total reversal takes the whole score back', () => {
    expect(play(8000, 8000)).toEqual({ scores: [800, -800], raw: 0, count: 0 });
  });

  test('G10: of a large payment it takes back what was given', () => {
    expect(play(70000, 70000)).toEqual({ scores: [1500, -1500], raw: 0, count: 0 });
  });

  test('G11: a partial reversal keeps the count until nothing is left', () => {
    expect(play(10000, 3000)).toEqual({ scores: [1000, -300], raw: 700, count: 1 });
    expect(play(10000, 3000, 7000)).toEqual({ scores: [1000, -300, -700], raw: 0, count: 0 });
  });

  test('G12: what lay over 150.00 goes first, for nothing', () => {
    expect(play(40000, 20000)).toEqual({ scores: [1500, 0], raw: 1500, count: 1 });
    expect(play(40000, 20000, 10000)).toEqual({ scores: [1500, 0, -500], raw: 1000, count: 1 });
    expect(play(40000, 20000, 10000, 10000)).toEqual({ scores: [1500, 0, -500, -1000], raw: 0, count: 0 });
  });

  test('G13: the last part of a large payment takes back no more than was given', () => {
    expect(play(40000, 20000, 20000)).toEqual({ scores: [1500, 0, -1500], raw: 0, count: 0 });
  });

  test('G14: a reversal larger than its payment is parked', () => {
    expect(play(5000, 6000)).toEqual({ scores: [500, 'exceeds'], raw: 500, count: 1 });
  });

  test('G15: a reversal larger than what is left is parked', () => {
    expect(play(10000, 6000, 5000)).toEqual({ scores: [1000, -600, 'exceeds'], raw: 400, count: 1 });
  });

  test('G16: rounding each record may leave one cent', () => {
    expect(play(1009, 505, 504)).toEqual({ scores: [101, -50, -50], raw: 1, count: 0 });
  });

  test('G36: the minimum is lost with a full reversal and reached again', () => {
    const ledger = new Ledger(firstSemester);
    pay(ledger, ...times(49, 1000));
    ledger.pay({ amountCents: 1000, correlationId: 'L' });
    expect(ledger.milestones().idTrxMinTransactionNumber).toBe('ARN50');
    ledger.reverse({ amountCents: 1000, correlationId: 'L' });
    expect(ledger.milestones().idTrxMinTransactionNumber).toBeNull();
    pay(ledger, 1000);
    expect(ledger.milestones().idTrxMinTransactionNumber).toBe('ARN52');
  });

  test('G37: the pivot is lost with a full reversal and reached again', () => {
    const ledger = new Ledger(christmas);
    pay(ledger, ...times(9, 15000));
    ledger.pay({ amountCents: 15000, correlationId: 'L' });
    expect(ledger.milestones().idTrxPivot).toBe('ARN10');
    ledger.reverse({ amountCents: 15000, correlationId: 'L' });
    expect(ledger.milestones()).toEqual({
      idTrxPivot: null,
      cashbackNormCents: null,
      idTrxMinTransactionNumber: null,
    });
    expect(ledger.rawCents).toBe(13500);
    pay(ledger, 15000);
    expect(ledger.milestones()).toEqual({
      idTrxPivot: 'ARN12',
      cashbackNormCents: 1500,
      idTrxMinTransactionNumber: 'ARN12',
    });
    expect(totals(ledger, christmas)).toMatchObject({ payable: 15000, count: 10 });
  });

  const MIXED = [1999, 15000, 45050, 333, 5, 7777, 12345, 995, 2605, 10001, 64];
  /** Index of the payment in MIXED, amount. */
  const MIXED_REVERSALS = [
    [2, 31000],
    [5, 7777],
    [1, 2500],
  ] as const;

  test('G38: a Christmas of mixed amounts', () => {
    const ledger = new Ledger(christmas);
    const scores = MIXED.map((amountCents, index) => ledger.pay({ amountCents, correlationId: `C${index}` }));
    expect(scores).toEqual([200, 1500, 1500, 33, 0, 778, 1234, 99, 260, 1000, 6]);
    const taken = MIXED_REVERSALS.map(([index, amountCents]) =>
      ledger.reverse({ amountCents, correlationId: `C${index}` }),
    );
    expect(taken).toEqual([-95, -778, -250]);
    expect(totals(ledger, christmas)).toEqual({ raw: 5487, shown: 5487, payable: 5487, count: 10 });
  });

  test('G48: the same records in any order come to the same', () => {
    const random = new Random(seed);
    for (let step = 0; step < 400; step += 1) {
      const ledger = new Ledger(christmas);
      const payments = MIXED.map((amountCents, index) => () => {
        ledger.pay({ amountCents, correlationId: `C${index}` });
      });
      const reversals = MIXED_REVERSALS.map(([index, amountCents]) => () => {
        ledger.reverse({ amountCents, correlationId: `C${index}` });
      });
      for (const arrive of random.shuffle([...payments, ...reversals])) arrive();
      expect(totals(ledger, christmas), `seed=${seed}`).toMatchObject({ raw: 5487, payable: 5487, count: 10 });
      expect(ledger.pending).toBe(0);
    }
  });
});

describe('a period that is short of funds', () => {
  test('G45: every refund is cut in proportion, rounded down', () => {
    const dues = [15000, 9000, 0, 4501];
    const totalCents = dues.reduce((sum, due) => sum + due, 0);
    expect(dues.map((due) => proportionalCut(due, { totalCents, fundsCents: 20000 }))).toEqual([10525, 6315, 0, 3158]);
  });

  test('nothing is cut when the funds suffice, also when nothing is due', () => {
    expect(proportionalCut(15000, { totalCents: 15000, fundsCents: 15000 })).toBe(15000);
    expect(proportionalCut(0, { totalCents: 0, fundsCents: 0 })).toBe(0);
    expect(proportionalCut(15000, { totalCents: 15000, fundsCents: 0 })).toBe(0);
  });

  test('the product is exact where a number would not be', () => {
    const totalCents = Number.MAX_SAFE_INTEGER;
    expect(proportionalCut(totalCents - 1, { totalCents, fundsCents: totalCents - 2 })).toBe(totalCents - 3);
  });
});

/** Any period that the programme's check lets through. */
const anyPeriod = fc
  .record({
    cashbackPercent: fc.integer({ min: 0, max: 100 }),
    maxTransactionEvaluatedCents: fc.integer({ min: 0, max: 50_000 }),
    maxTransactionCashbackCents: fc.integer({ min: 0, max: 5_000 }),
    maxPeriodCashbackCents: fc.integer({ min: 0, max: 20_000 }),
    minTransactionNumber: fc.integer({ min: 1, max: 8 }),
  })
  .map((money): PeriodParameters => ({ ...christmas, ...money }));
const anyAmount = fc.oneof(fc.integer({ min: 1, max: 60_000 }), fc.integer({ min: 1, max: 9_999_999_999 }));

/** min(percent x min(amount, evaluated), most) as a fraction with the denominator 100, rounded half towards zero. */
function oracleScore(amountCents: number, period: PeriodParameters): number {
  const evaluated = BigInt(Math.min(amountCents, period.maxTransactionEvaluatedCents));
  const hundredths = evaluated * BigInt(period.cashbackPercent);
  const rounded = (2n * hundredths + 99n) / 200n;
  return Math.min(Number(rounded), period.maxTransactionCashbackCents);
}

describe('the arithmetic', () => {
  test('the score of a payment is the exact fraction, rounded half towards zero', () => {
    fc.assert(
      fc.property(anyAmount, anyPeriod, (amountCents, period) => {
        expect(paymentScoreCents(amountCents, period)).toBe(oracleScore(amountCents, period));
      }),
      { seed, numRuns: 5_000 },
    );
  });

  test('under the decree every amount up to 200.00 scores as 4.1 spells it out', () => {
    for (let amountCents = 1; amountCents <= 20_000; amountCents += 1) {
      const evaluated = Math.min(amountCents, 15_000);
      const score = Math.floor(evaluated / 10) + (evaluated % 10 > 5 ? 1 : 0);
      if (paymentScoreCents(amountCents, christmas) !== score) expect.fail(`${amountCents} scores ${score}`);
    }
  });

  test('a total reversal of an untouched payment takes back exactly its score', () => {
    fc.assert(
      fc.property(anyAmount, anyPeriod, (amountCents, period) => {
        const taken = reversalScoreCents({ leftCents: amountCents, amountCents }, period);
        expect(taken).toBe(0 - paymentScoreCents(amountCents, period));
      }),
      { seed, numRuns: 2_000 },
    );
  });

  test('a payment reversed in parts ends within half a cent for each record, and no score is -0', () => {
    fc.assert(
      fc.property(anyAmount, fc.array(fc.nat(1_000), { maxLength: 6 }), anyPeriod, (amountCents, shares, period) => {
        let leftCents = amountCents;
        let total = paymentScoreCents(amountCents, period);
        const parts = [...shares.map((share) => Math.floor((amountCents * share) / 4_000)), leftCents];
        let records = 1;
        for (const part of parts) {
          const cents = Math.min(part, leftCents);
          if (cents === 0) continue;
          const score = reversalScoreCents({ leftCents, amountCents: cents }, period);
          expect(Object.is(score, -0)).toBe(false);
          expect(score).toBeLessThanOrEqual(0);
          total += score;
          leftCents -= cents;
          records += 1;
        }
        expect(Math.abs(total)).toBeLessThanOrEqual(records / 2);
      }),
      { seed, numRuns: 3_000 },
    );
  });

  test('raw may end a cent below zero; what is shown and paid does not (DECISION 20)', () => {
    const ledger = new Ledger(firstSemester);
    ledger.pay({ amountCents: 1005, correlationId: 'A' });
    ledger.reverse({ amountCents: 506, correlationId: 'A' });
    ledger.reverse({ amountCents: 499, correlationId: 'A' });
    expect(totals(ledger, firstSemester)).toEqual({ raw: -1, shown: 0, payable: 0, count: 0 });
    expect(payableCents({ rawCents: -1, count: 50 }, firstSemester)).toBe(0);
  });

  test('a reversal of more than is left is a broken invariant', () => {
    expect(() => reversalScoreCents({ leftCents: 10, amountCents: 11 }, christmas)).toThrow('exceeds');
  });
});

/** The same, said of prefixes: where the walk stands last above a threshold, and where it got there. */
function oracleMilestones(sorted: readonly MilestoneLine[], period: PeriodParameters) {
  const prefix = (length: number) => sorted.slice(0, length);
  const raw = (length: number) => prefix(length).reduce((sum, line) => sum + line.cashbackCents, 0);
  const count = (length: number) => prefix(length).reduce((sum, line) => sum + line.countDelta, 0);
  const reachedAt = (holds: (length: number) => boolean): number | null => {
    if (!holds(sorted.length)) return null;
    let length = sorted.length;
    while (length > 0 && holds(length - 1)) length -= 1;
    return length;
  };
  const pivot = reachedAt((length) => raw(length) >= period.maxPeriodCashbackCents);
  const minimum = reachedAt((length) => count(length) >= period.minTransactionNumber);
  return {
    idTrxPivot: pivot === null ? null : sorted[pivot - 1]!.idTrx,
    cashbackNormCents: pivot === null ? null : period.maxPeriodCashbackCents - raw(pivot - 1),
    idTrxMinTransactionNumber: minimum === null ? null : sorted[minimum - 1]!.idTrx,
  };
}

describe('milestones', () => {
  const period = { ...christmas, maxPeriodCashbackCents: 3_000, minTransactionNumber: 4 };

  test('an empty list has none', () => {
    expect(milestones([], period)).toEqual({
      idTrxPivot: null,
      cashbackNormCents: null,
      idTrxMinTransactionNumber: null,
    });
  });

  test('lines come in any order, and ties of an instant go by insertion', () => {
    const line = (idTrx: string, trxMs: number, insertion: number): MilestoneLine => ({
      idTrx,
      trxMs,
      insertion,
      cashbackCents: 1_000,
      countDelta: 1,
    });
    const lines = [line('d', 9, 0), line('c', 5, 3), line('b', 5, 2), line('a', 1, 1)];
    expect(milestones(lines, period)).toEqual({
      idTrxPivot: 'c',
      cashbackNormCents: 1_000,
      idTrxMinTransactionNumber: 'd',
    });
  });

  test('only a payment is the min-transaction, also where the minimum is zero (DECISION 28)', () => {
    const reversal = { idTrx: 'r', trxMs: 1, insertion: 1, cashbackCents: 0, countDelta: 0 };
    const payment = { idTrx: 'p', trxMs: 2, insertion: 0, cashbackCents: 1_000, countDelta: 1 };
    const found = milestones([payment, reversal], { ...period, minTransactionNumber: 0 });
    expect(found.idTrxMinTransactionNumber).toBe('p');
  });

  test('seeded lists agree with the definition by prefixes, in every order of arrival', () => {
    const random = new Random(seed);
    for (let step = 0; step < 2_000; step += 1) {
      const sorted = Array.from({ length: random.below(14) }, (_, index): MilestoneLine => {
        const countDelta = random.pick([1, 1, 1, 0, -1]);
        const cashbackCents = countDelta === 1 ? random.below(1_501) : -random.below(1_501);
        return { idTrx: `t${index}`, trxMs: Math.floor(index / 3), insertion: index, cashbackCents, countDelta };
      });
      const found = milestones(random.shuffle(sorted), period);
      expect(found, `seed=${seed} step=${step}`).toEqual(oracleMilestones(sorted, period));
    }
  });
});
