// Method: the same seeded moves drive the ranking and a plain map; after each move every rank must be where plain
// sorting puts it. Blocks of 16 rows, so that a few hundred citizens already split, merge and move blocks.
import { describe, expect, test } from 'vitest';
import { BrokenInvariant } from '../../engine/assert.ts';
import type { Standing } from '../../engine/facts.ts';
import { auditRanking, compareParticipants, rankAll } from '../../engine/ranking/audit.ts';
import { type Participant, Ranking } from '../../engine/ranking/ranking.ts';
import { Random, seed } from '../support/random.ts';
import { Crowd, DAY_MS, makeCitizen, makeStanding, START_MS } from './crowd.ts';

const BLOCK_ROWS = 16;

/** What a citizen's next standing is, from the present one. */
type Walk = (random: Random, before: Standing | undefined, step: number) => Standing;

const WALKS: Record<string, Walk> = {
  'anyone goes anywhere': (random) => makeStanding(random),
  'many are tied': (random) => ({
    count: random.below(3),
    lastTrxMs: START_MS + random.below(2),
    termsMs: START_MS - random.below(2),
  }),
  'all are equal': () => ({ count: 50, lastTrxMs: START_MS, termsMs: START_MS - DAY_MS }),
  'counts only grow, as on a busy day': (_, before, step) => ({
    count: (before?.count ?? 0) + 1,
    lastTrxMs: START_MS + step,
    termsMs: before?.termsMs ?? START_MS - step,
  }),
  'each comes in last': (_, _before, step) => ({ count: 1, lastTrxMs: START_MS + step, termsMs: START_MS }),
  'each comes in first': (_, _before, step) => ({ count: step + 1, lastTrxMs: START_MS, termsMs: START_MS }),
  'only the last millisecond differs': (random) => ({
    count: 2 ** 32 - 1 - random.below(2),
    lastTrxMs: 2 ** 48 - 1 - random.below(2),
    termsMs: 2 ** 48 - 1 - random.below(200),
  }),
};

describe.each(Object.entries(WALKS))('where %s', (_, nextStanding) => {
  test('every rank agrees with a sorted array after each step', () => {
    const random = new Random(seed);
    const crowd = new Crowd(random, BLOCK_ROWS);
    const citizens = Array.from({ length: 300 }, () => makeCitizen(random));
    for (let step = 0; step < 1_000; step += 1) {
      // Waves: mostly coming, then only leaving, down to nobody, and again.
      const isEbb = step % 500 >= 320;
      const present = [...crowd.standings.keys()];
      const citizen = isEbb && present.length > 0 ? random.pick(present) : random.pick(citizens);
      const isLeaving = crowd.standings.has(citizen) && random.below(10) < (isEbb ? 10 : 1);
      crowd.move(citizen, isLeaving ? null : nextStanding(random, crowd.standings.get(citizen), step));
      crowd.checkRanks(`seed=${seed} step=${step}`);
      if (step % 20 === 0) crowd.check(`seed=${seed} step=${step}`);
    }
  });
});

test('the structure of thousands stays right while it grows and empties in full-sized blocks', () => {
  const random = new Random(seed);
  const crowd = new Crowd(random, 128);
  const citizens = Array.from({ length: 4_000 }, () => makeCitizen(random));
  for (const [index, citizen] of citizens.entries()) {
    crowd.move(citizen, makeStanding(random));
    if (index % 1_000 === 0) crowd.check(`seed=${seed} index=${index}`);
  }
  crowd.check(`seed=${seed} full`);
  for (const [index, citizen] of random.shuffle(citizens).entries()) {
    crowd.move(citizen, null);
    if (index % 1_000 === 0) crowd.check(`seed=${seed} leaving=${index}`);
  }
  crowd.check(`seed=${seed} empty`);
});

test('tax codes are asked for only between citizens who are equal in all three fields', () => {
  const random = new Random(seed);
  const crowd = new Crowd(random, BLOCK_ROWS);
  for (let step = 0; step < 500; step += 1) {
    crowd.move(makeCitizen(random), { count: 1, lastTrxMs: START_MS + step, termsMs: random.below(3) });
  }
  for (const [citizen, standing] of crowd.standings) crowd.ranking.rankOf(citizen, standing);
  expect(crowd.tiesAsked).toBe(0);

  const [first] = crowd.participants();
  crowd.move(makeCitizen(random), first!.standing);
  expect(crowd.tiesAsked).toBeGreaterThan(0);
});

test('R27: of those who nearly all stand alike the first hundred thousand win, in whatever order they came', () => {
  const prizes = 100_000;
  const random = new Random(seed);
  const crowd = new Crowd(random, BLOCK_ROWS);
  const participants = Array.from({ length: prizes + 50 }, (): Participant => {
    const standing = { count: 60 - random.below(2), lastTrxMs: START_MS + random.below(3), termsMs: START_MS };
    return { citizen: makeCitizen(random), standing };
  });
  const sorted = rankAll(participants, crowd.compareTaxCodes);
  for (const order of [participants, participants.toReversed()]) {
    const ranking = Ranking.build(2, order, crowd.compareTaxCodes);
    for (const rank of [1, prizes - 1, prizes, prizes + 1, prizes + 50]) {
      const { citizen, standing } = sorted[rank - 1]!;
      expect(ranking.rankOf(citizen, standing)).toBe(rank);
    }
    expect(ranking.page(prizes, 2).map(({ citizen }) => citizen)).toEqual(
      sorted.slice(prizes - 1, prizes + 1).map(({ citizen }) => citizen),
    );
  }
});

test('golden vector G33: count, last payment, terms, tax code', () => {
  const at = (day: string, time: string) => Date.parse(`2021-${day}T${time}:00+02:00`);
  const terms = (day: string, time: string) => Date.parse(`2020-${day}T${time}:00+01:00`);
  const a: Standing = { count: 100, lastTrxMs: at('06-20', '10:00'), termsMs: terms('12-08', '08:00') };
  const b: Standing = { count: 100, lastTrxMs: at('06-19', '22:15'), termsMs: terms('12-09', '09:00') };
  const c: Standing = { count: 101, lastTrxMs: at('06-30', '23:00'), termsMs: terms('12-09', '09:00') };
  const d: Standing = { ...b, termsMs: terms('12-08', '08:00') };
  const f: Standing = { count: 12, lastTrxMs: at('01-02', '10:00'), termsMs: terms('12-08', '08:00') };
  const taxCodes: Record<string, string> = { b: 'BBBBBB80A01H501U', e: 'AZZZZZ80A01H501X' };
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const standings = [a, b, c, d, b, f];
  const key = (name: string) => name.repeat(32);
  const participants = names.map((name, index) => ({ citizen: key(name), standing: standings[index]! }));

  const ranking = Ranking.build(2, participants, (left, right) =>
    taxCodes[left[0]!]! < taxCodes[right[0]!]! ? -1 : 1,
  );

  expect(ranking.page(1, 10).map(({ citizen }) => citizen[0])).toEqual(['c', 'd', 'e', 'b', 'a', 'f']);
  expect(ranking.citizensAhead(key('b'), b)).toBe(3);
});

describe('pages', () => {
  const random = new Random(seed);
  const crowd = new Crowd(random, BLOCK_ROWS);
  for (let index = 0; index < 300; index += 1) crowd.move(makeCitizen(random), makeStanding(random));
  const due = crowd.inOrder().map((participant, index) => ({ rank: index + 1, ...participant }));

  test('a page from any rank has the very participants of those ranks', () => {
    for (let firstRank = 1; firstRank <= 302; firstRank += 7) {
      for (const count of [0, 1, 17, 300]) {
        expect(crowd.ranking.page(firstRank, count)).toEqual(due.slice(firstRank - 1, firstRank - 1 + count));
      }
    }
  });

  test('at gives each participant, and breaks on ranks that nobody has', () => {
    for (const participant of due) expect(crowd.ranking.at(participant.rank)).toEqual(participant);
    for (const rank of [0, -1, 301, 1.5, Number.NaN]) expect(() => crowd.ranking.at(rank)).toThrow(BrokenInvariant);
    for (const [firstRank, count] of [
      [0, 3],
      [1, -1],
      [1, 1.5],
    ] as const) {
      expect(() => crowd.ranking.page(firstRank, count)).toThrow(BrokenInvariant);
    }
  });

  test('neighbours are those within reach, cut at both ends', () => {
    for (const { rank, citizen, standing } of due) {
      const near = due.filter((other) => Math.abs(other.rank - rank) <= 5);
      expect(crowd.ranking.neighbours(citizen, standing, 5)).toEqual(near);
      expect(crowd.ranking.neighbours(citizen, standing, 0)).toEqual([{ rank, citizen, standing }]);
    }
  });

  test('entries gives everybody in order, and breaks if somebody moves meanwhile', () => {
    expect([...crowd.ranking.entries()]).toEqual(due);
    const entries = crowd.ranking.entries();
    entries.next();
    const citizen = makeCitizen(random);
    crowd.move(citizen, makeStanding(random));
    expect(() => [...entries]).toThrow(BrokenInvariant);
    crowd.move(citizen, null);
  });
});

describe('edges', () => {
  const standing: Standing = { count: 3, lastTrxMs: START_MS, termsMs: START_MS };
  const citizen = 'ab'.repeat(16);
  const makeRanking = () =>
    new Ranking({ awardPeriodId: 7, compareTaxCodes: (left, right) => (left < right ? -1 : 1) });

  test('an empty ranking has nobody anywhere', () => {
    const ranking = makeRanking();
    expect(ranking.count).toBe(0);
    expect(ranking.page(1, 10)).toEqual([]);
    expect([...ranking.entries()]).toEqual([]);
    expect(() => ranking.at(1)).toThrow(BrokenInvariant);
    expect(() => ranking.rankOf(citizen, standing)).toThrow(BrokenInvariant);
    ranking.checkInvariants();
  });

  test('one participant is first, alone, and can leave and come back', () => {
    const ranking = makeRanking();
    for (let round = 0; round < 3; round += 1) {
      ranking.move(citizen, null, standing);
      expect(ranking.rankOf(citizen, standing)).toBe(1);
      expect(ranking.at(1)).toEqual({ rank: 1, citizen, standing });
      expect(ranking.neighbours(citizen, standing, 3)).toHaveLength(1);
      ranking.move(citizen, standing, null);
      expect(ranking.count).toBe(0);
      ranking.checkInvariants();
    }
  });

  test('the smallest and the largest standing come back as they went in', () => {
    const ranking = makeRanking();
    const smallest: Standing = { count: 0, lastTrxMs: 0, termsMs: 0 };
    const largest: Standing = { count: 2 ** 32 - 1, lastTrxMs: 2 ** 48 - 1, termsMs: 2 ** 48 - 1 };
    ranking.move('0'.repeat(32), null, smallest);
    ranking.move('f'.repeat(32), null, largest);
    expect(ranking.page(1, 2).map((entry) => entry.standing)).toEqual([largest, smallest]);
    expect(ranking.page(1, 2).map((entry) => entry.citizen)).toEqual(['f'.repeat(32), '0'.repeat(32)]);
  });

  test.each([
    ['a count below zero', { ...standing, count: -1 }],
    ['half a payment', { ...standing, count: 1.5 }],
    ['a count past 32 bits', { ...standing, count: 2 ** 32 }],
    ['an instant before 1970', { ...standing, lastTrxMs: -1 }],
    ['an instant past 48 bits', { ...standing, termsMs: 2 ** 48 }],
    ['no number at all', { ...standing, lastTrxMs: Number.NaN }],
  ])('%s is a broken invariant', (_, impossible) => {
    expect(() => makeRanking().move(citizen, null, impossible)).toThrow(BrokenInvariant);
  });

  test.each(['', 'ab', 'AB'.repeat(16), 'g'.repeat(32), '\u0130'.repeat(32), 'ab'.repeat(17)])(
    'the key "%s" is a broken invariant',
    (impossible) => {
      expect(() => makeRanking().move(impossible, null, standing)).toThrow(BrokenInvariant);
    },
  );
});

describe('a move that contradicts the ranking', () => {
  const random = new Random(seed);
  const crowd = new Crowd(random, BLOCK_ROWS);
  for (let index = 0; index < 200; index += 1) {
    crowd.move(makeCitizen(random), { count: random.below(20), lastTrxMs: START_MS, termsMs: START_MS });
  }
  const [present] = crowd.participants();
  const { citizen, standing } = present!;
  const after = { ...standing, count: standing.count + 1 };

  test.each([
    ['another count', { ...standing, count: standing.count + 1 }],
    ['another last payment', { ...standing, lastTrxMs: standing.lastTrxMs + 1 }],
    ['other terms', { ...standing, termsMs: standing.termsMs - 1 }],
  ])('%s than the citizen has is a broken invariant that names period and standing', (_, wrong) => {
    const report = `ranking 2 does not have citizen ${citizen} at (count ${wrong.count}, last payment ${wrong.lastTrxMs}`;
    expect(() => crowd.ranking.move(citizen, wrong, { ...after, count: 99 })).toThrow(report);
    expect(() => crowd.ranking.move(citizen, wrong, null)).toThrow(report);
    expect(() => crowd.ranking.move(citizen, wrong, wrong)).toThrow(report);
    expect(() => crowd.ranking.rankOf(citizen, wrong)).toThrow(report);
    expect(() => crowd.ranking.move(citizen, wrong, null)).toThrow(BrokenInvariant);
    crowd.check(`seed=${seed}`);
  });

  test('someone unknown cannot leave, and nobody enters twice', () => {
    expect(() => crowd.ranking.move(makeCitizen(random), standing, null)).toThrow('does not have');
    expect(() => crowd.ranking.move(citizen, null, standing)).toThrow('already has');
    crowd.check(`seed=${seed}`);
  });

  test('moving to where one stands changes nothing', () => {
    crowd.ranking.move(citizen, standing, { ...standing });
    crowd.check(`seed=${seed}`);
  });

  test.each(['count', 'lastTrxMs', 'termsMs'] as const)('%s alone is reason enough to move', (field) => {
    const changed = { ...standing, [field]: standing[field] + 1 };
    const ranking = Ranking.build(2, [{ citizen, standing }], () => 0);
    ranking.move(citizen, standing, changed);
    expect(ranking.page(1, 2)).toEqual([{ rank: 1, citizen, standing: changed }]);
  });

  test('one who stands in two places cannot move from one to the other', () => {
    const ranking = Ranking.build(2, [{ citizen, standing }], () => 0);
    ranking.move(citizen, null, after);
    expect(() => ranking.move(citizen, standing, after)).toThrow(
      `already has citizen ${citizen} at (count ${after.count}`,
    );
    expect(ranking.count).toBe(2);
  });

  test('a move that a copy has seen settles nothing, one that it has not is made', () => {
    const other = { ...after, count: 99 };
    const ranking = Ranking.build(2, [{ citizen, standing }], () => 0);
    const settle = (...[before, now]: readonly [Standing | null, Standing | null]) => {
      ranking.settle(citizen, before, now);
      return ranking.page(1, 3).map((entry) => entry.standing.count);
    };
    expect(settle(null, standing)).toEqual([standing.count]);
    expect(settle(other, standing)).toEqual([standing.count]);
    expect(settle(standing, after)).toEqual([after.count]);
    expect(settle(standing, other)).toEqual([other.count, after.count]);
    expect(settle(after, null)).toEqual([other.count]);
    expect(settle(other, null)).toEqual([]);
  });

  test('two citizens with one tax code are a broken invariant, and the ranking stays as it was', () => {
    const ranking = Ranking.build(2, [{ citizen, standing }], () => 0);
    expect(() => ranking.move(makeCitizen(random), null, standing)).toThrow(BrokenInvariant);
    expect(ranking.count).toBe(1);
  });

  test('a comparison that fails leaves the ranking as it was', () => {
    const other = makeCitizen(random);
    const twins = [
      { citizen, standing },
      { citizen: other, standing: after },
    ];
    const ranking = Ranking.build(2, twins, () => {
      throw new Error('the seal is broken');
    });
    expect(() => ranking.move(citizen, standing, after)).toThrow('the seal is broken');
    auditRanking(ranking, twins, () => 0);
    ranking.checkInvariants();
  });

  test('a frozen ranking still answers, and never moves', () => {
    const rank = crowd.ranking.rankOf(citizen, standing);
    crowd.ranking.freeze();
    expect(() => crowd.ranking.move(citizen, standing, after)).toThrow(BrokenInvariant);
    expect(() => crowd.ranking.move(citizen, standing, null)).toThrow('ranking 2 is frozen');
    expect(() => crowd.ranking.move(citizen, null, after)).toThrow(`citizen ${citizen} at (count ${after.count}`);
    expect(crowd.ranking.rankOf(citizen, standing)).toBe(rank);
  });
});

describe('bulk load', () => {
  /** Every bit of every field decides somewhere. */
  const makeWildStanding = (random: Random): Standing => ({
    count: random.pick([5, random.below(2 ** 32)]),
    lastTrxMs: random.pick([START_MS, Math.floor(random.next() * 2 ** 48)]),
    termsMs: Math.floor(random.next() * 2 ** 48),
  });

  test.each([0, 1, 2, 243, 244, 245, 3_000])('%i participants in any order stand as if sorted', (count) => {
    const random = new Random(seed);
    const crowd = new Crowd(random, BLOCK_ROWS);
    for (let index = 0; index < count; index += 1) {
      const standing = random.below(2) === 0 ? makeStanding(random) : makeWildStanding(random);
      crowd.standings.set(makeCitizen(random), standing);
      if (random.below(10) === 0) crowd.standings.set(makeCitizen(random), { ...standing });
    }
    for (const participants of [crowd.participants(), crowd.inOrder()]) {
      const ranking = Ranking.build(2, participants, crowd.compareTaxCodes);
      ranking.checkInvariants();
      auditRanking(ranking, participants, crowd.compareTaxCodes);
    }
  });

  test('a citizen that comes twice is a broken invariant', () => {
    const random = new Random(seed);
    const twice = { citizen: makeCitizen(random), standing: makeStanding(random) };
    expect(() => Ranking.build(2, [twice, { ...twice }], () => 1)).toThrow(BrokenInvariant);
  });
});

test('the audit notices a missing, a surplus and a misplaced participant', () => {
  const random = new Random(seed);
  const participants = Array.from({ length: 50 }, () => ({
    citizen: makeCitizen(random),
    standing: makeStanding(random),
  }));
  const compare = () => 1;
  const ranking = Ranking.build(2, participants, compare);
  auditRanking(ranking, participants, compare);

  const [first, ...others] = rankAll(participants, compare) as [Participant, ...Participant[]];
  const raised = { citizen: first.citizen, standing: { ...first.standing, count: 1_001 } };
  const stranger = { citizen: makeCitizen(random), standing: first.standing };
  const behindAll = { citizen: makeCitizen(random), standing: { ...first.standing, count: 0, lastTrxMs: 2 ** 47 } };
  for (const wrong of [
    others,
    [first, ...others.slice(0, -1)],
    [...participants, raised],
    [...participants, behindAll],
    [raised, ...others],
    [...others, { ...raised, standing: behindAll.standing }],
    [stranger, ...others],
  ]) {
    const audit = () => auditRanking(ranking, wrong, compare);
    expect(audit).toThrow(BrokenInvariant);
    expect(audit).toThrow('ranking 2 has');
  }
});

test('nobody’s tax code is asked for to compare a citizen with itself', () => {
  const one = { citizen: 'ab'.repeat(16), standing: makeStanding(new Random(seed)) };
  const compare = () => expect.fail('asked');
  expect(compareParticipants(one, { ...one }, compare)).toBe(0);
});
