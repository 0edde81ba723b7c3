// Method: five citizens in a ranking of its own, the third and fourth of whom are tied; three win.
import { describe, expect, test } from 'vitest';
import type { Standing } from '../../engine/facts.ts';
import { findPeriod, italy2020 } from '../../engine/programme/index.ts';
import { type Participant, Ranking } from '../../engine/ranking/ranking.ts';
import { isWinning, lastWinner, tiedOf, type Winners } from '../../engine/shard/winners.ts';
import { emptyWallet, type PeriodTotals } from '../../engine/wallet/wallet.ts';

const PERIOD = { ...findPeriod(italy2020(), 2)!, minPosition: 3 };
const THIRD: Standing = { count: 50, lastTrxMs: 2_000, termsMs: 1_000 };
const CITIZENS: readonly Participant[] = [
  { citizen: 'a'.repeat(32), standing: { ...THIRD, count: 51 } },
  { citizen: 'b'.repeat(32), standing: { ...THIRD, lastTrxMs: 1_999 } },
  { citizen: 'c'.repeat(32), standing: THIRD },
  { citizen: 'd'.repeat(32), standing: THIRD },
  { citizen: 'e'.repeat(32), standing: { ...THIRD, termsMs: 1_001 } },
];
const [FIRST, , TIED, OTHER_TIED] = CITIZENS as [Participant, Participant, Participant, Participant];
const UNASKED: Winners = { lastWinner: THIRD, verdicts: new Map() };
const ASKED: Winners = {
  lastWinner: THIRD,
  verdicts: new Map([
    [TIED.citizen, true],
    [OTHER_TIED.citizen, false],
  ]),
};

function totalsAt(standing: Standing, changes: Partial<PeriodTotals> = {}): PeriodTotals {
  const empty = { awardPeriodId: 2, enrolment: 1, rawCents: 0, insertions: 0, latest: 0, frozen: null, isRanked: true };
  return { ...empty, ...standing, ...changes };
}

function rank(participants: readonly Participant[]): Ranking {
  return Ranking.build(2, participants, (left, right) => (left < right ? -1 : 1));
}

describe('the last who wins', () => {
  test('has the last winning rank, or the last rank of all where more could win', () => {
    expect(lastWinner(rank(CITIZENS), PERIOD)).toEqual(THIRD);
    expect(lastWinner(rank(CITIZENS), { ...PERIOD, minPosition: 2 })).toEqual(CITIZENS[1]!.standing);
    expect(lastWinner(rank([FIRST]), PERIOD)).toEqual(FIRST.standing);
  });

  test('is nobody where nobody takes part', () => {
    expect(lastWinner(rank([]), PERIOD)).toBeNull();
  });
});

describe('whose rank has to be asked for', () => {
  const tied = ({ citizen, standing }: Participant, winners: Winners, changes: Partial<PeriodTotals> = {}) => {
    const totals = [totalsAt(standing, changes)];
    return tiedOf({ ...emptyWallet(citizen), status: 'enabled', enrolment: 1, totals }, 2, winners);
  };

  test('is who stands exactly where the last winner does, until it is known', () => {
    expect(CITIZENS.map((each) => tied(each, UNASKED).length)).toEqual([0, 0, 1, 1, 0]);
    expect(tied(TIED, UNASKED)).toEqual([TIED]);
    expect(CITIZENS.flatMap((each) => tied(each, ASKED))).toEqual([]);
  });

  test('is nobody where nobody wins, nor who has no place', () => {
    expect(tied(TIED, { ...UNASKED, lastWinner: null })).toEqual([]);
    expect(tied(TIED, UNASKED, { isRanked: false })).toEqual([]);
    expect(tied(TIED, UNASKED, { awardPeriodId: 1 })).toEqual([]);
  });
});

describe('who wins', () => {
  const wins = ({ citizen, standing }: Participant, winners: Winners, changes: Partial<PeriodTotals> = {}) =>
    isWinning(citizen, totalsAt(standing, changes), winners);

  test('is who stands before the last winner, and of those who are tied who was found to', () => {
    expect(CITIZENS.map((each) => wins(each, ASKED))).toEqual([true, true, true, false, false]);
    expect(CITIZENS.map((each) => wins(each, UNASKED))).toEqual([true, true, false, false, false]);
  });

  test('is nobody where nobody does, nor who has no place; frozen places stand', () => {
    expect(wins(FIRST, { ...UNASKED, lastWinner: null })).toBe(false);
    expect(wins(FIRST, UNASKED, { isRanked: false })).toBe(false);
    expect(wins(FIRST, UNASKED, { frozen: { standing: null } })).toBe(false);
    expect(wins(FIRST, UNASKED, { frozen: { standing: { ...THIRD, count: 49 } } })).toBe(false);
  });
});
