// Method: rankings alone, over copies in memory, or over such that end when the test says so; every move is told them as a
// flushed turn of one of two stores. What a start has of it is held against what moved.
import { describe, expect, test } from 'vitest';
import type { Fact, Standing } from '../../engine/facts.ts';
import { italy2020, LIMITS, type Programme, StorageFault, visiblePeriods } from '../../engine/index.ts';
import type { CheckpointMark, RankingCopies } from '../../engine/ports.ts';
import type { Published, RankMove } from '../../engine/shard/parts.ts';
import { movesOf, Rankings } from '../../engine/shard/rankings.ts';
import { openMemoryPersistence } from '../../snapshots/index.ts';
import { turnsTaken } from '../support/shards.ts';

class SlowCopies {
  readonly begun: number[] = [];
  readonly #ends: (() => void)[] = [];

  loadRanking(): null {
    return null;
  }

  saveRanking(awardPeriodId: number): Promise<void> {
    this.begun.push(awardPeriodId);
    return new Promise((resolve) => this.#ends.push(resolve));
  }

  get unfinished(): number {
    return this.#ends.length;
  }

  async end(): Promise<void> {
    this.#ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const nothing = new Array<number>(64).fill(0);

function open(copies: SlowCopies): Rankings {
  return new Rankings({
    programme: italy2020(),
    compareTaxCodes: () => 0,
    copies,
    movesMin: 1,
    marks: [{ sequence: 0, partitions: nothing, ranked: { sequence: 0, copies: [] } }],
    now: { sequences: [0], vector: nothing },
    failed: (error) => {
      throw error;
    },
  });
}

describe('copies of rankings', () => {
  test('are taken one at a time, also when a checkpoint asks while all are being copied', async () => {
    const copies = new SlowCopies();
    const rankings = open(copies);
    rankings.ranked(0);
    const all = rankings.copyAll();
    for (let left = visiblePeriods(italy2020()).length; left > 0; left -= 1) {
      rankings.ranked(0);
      expect(copies.unfinished).toBe(1);
      await copies.end();
      rankings.ranked(0);
    }
    await all;
    expect(copies.begun.toSorted()).toEqual(visiblePeriods(italy2020()).map(({ awardPeriodId }) => awardPeriodId));
  });
});

const [FIRST, SECOND] = [1, 2];
const SHOWN = [1, 2, 4];
const citizen = (number: number) => number.toString(16).padStart(32, '0');
const standing = (count: number): Standing => ({ count, lastTrxMs: 1_000 + count, termsMs: 500 });
const enters = (number: number, awardPeriodId = FIRST): RankMove => {
  return { awardPeriodId, citizen: citizen(number), before: null, after: standing(number) };
};
/** Partition p is of store p % 2, and stands with its store. */
const turn = (
  shard: number,
  sequence: number,
  moves: readonly RankMove[],
  frozen: readonly number[] = [],
): Published => ({
  ...{ shard, sequence, sequences: [[shard, sequence]], moves, finalPeriods: [], frozenRankings: frozen },
});
const vectorAt = (first: number, second: number) => [first, second, ...nothing.slice(2)];

interface Stage {
  readonly copies?: RankingCopies | undefined;
  readonly movesMin?: number;
  readonly marks?: readonly CheckpointMark['ranked'][];
  readonly at?: readonly [number, number];
  readonly programme?: Programme;
}

function begin({ movesMin = 1_000, at = [0, 0], programme = italy2020(), ...stage }: Stage = {}) {
  const { marks = [UNRANKED, UNRANKED] } = stage;
  return new Rankings({
    ...{ programme, movesMin, compareTaxCodes: () => 0, copies: stage.copies },
    marks: marks.map((ranked) => ({ sequence: 0, partitions: nothing, ranked })),
    now: { sequences: at, vector: vectorAt(...at) },
    failed: (error) => {
      throw error;
    },
  });
}

const UNRANKED = { sequence: 0, copies: [] };

/** Copies in memory, and which were taken. */
async function kept() {
  const persistence = await openMemoryPersistence({});
  const saved: number[] = [];
  const copies: RankingCopies = {
    loadRanking: (awardPeriodId) => persistence.loadRanking(awardPeriodId),
    async saveRanking(awardPeriodId, copy, vector) {
      saved.push(awardPeriodId);
      await persistence.saveRanking(awardPeriodId, copy, vector);
    },
  };
  return { copies, taken: () => saved.splice(0) };
}

const order = (rankings: Rankings, awardPeriodId = FIRST) =>
  [...rankings.of(awardPeriodId)!.entries()].map((one) => Number.parseInt(one.citizen, 16));

/** Ten citizens stand in the first period, and one in the second; all of it copied, at turn 5 and 6. */
async function copied() {
  const { copies, taken } = await kept();
  const rankings = begin({ copies });
  const ten = Array.from({ length: 10 }, (_, at) => enters(at + 1));
  rankings.apply(turn(0, 5, ten));
  rankings.apply(turn(1, 6, [enters(3, SECOND)]));
  await rankings.copyAll();
  expect(taken()).toEqual(SHOWN);
  const marks = [rankings.ranked(0), rankings.ranked(1)];
  return { copies, taken, rankings, marks };
}

describe('a start', () => {
  test('without copies has every ranking built, each of its own standings', () => {
    const rankings = begin();
    expect(rankings.restore([])).toEqual(SHOWN);
    const of = (awardPeriodId: number, number: number) => ({
      ...{ awardPeriodId, citizen: citizen(number), standing: standing(number) },
    });
    rankings.build(SHOWN, [of(FIRST, 1), of(SECOND, 2), of(FIRST, 3), of(7, 4)]);
    expect(SHOWN.map((id) => order(rankings, id))).toEqual([[3, 1], [2], []]);
    expect([...rankings.all()].map(({ awardPeriodId }) => awardPeriodId)).toEqual(SHOWN);
  });

  test('takes each copy, and moves it on by what it has not seen and nothing else', async () => {
    const { copies, taken, marks } = await copied();
    const again = begin({ copies, marks, at: [7, 8] });
    const moves = [
      // In the copy.
      { ...enters(1), partition: 0, sequence: 5 },
      { ...enters(3, SECOND), partition: 1, sequence: 6 },
      // Since then.
      { ...enters(11), partition: 0, sequence: 6 },
      { ...enters(12, SECOND), partition: 1, sequence: 7 },
      { ...enters(1), before: standing(1), after: null, partition: 0, sequence: 7 },
      { ...enters(13, 7), partition: 0, sequence: 7 },
    ];
    expect(again.restore(moves)).toEqual([]);
    expect(order(again)).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    expect(order(again, SECOND)).toEqual([12, 3]);
    // What the copies do not have is still needed of the journals; the third period has not moved.
    expect(again.ranked(0)).toEqual({
      sequence: 5,
      copies: SHOWN.map((awardPeriodId) => ({ awardPeriodId, vector: vectorAt(5, 6) })),
    });
    expect(again.ranked(1).sequence).toBe(6);
    await turnsTaken();
    expect(taken(), 'too little has moved').toEqual([]);
    await again.copyAll();
    expect(taken()).toEqual([FIRST, SECOND]);
    expect(again.ranked(0)).toMatchObject({ sequence: 7, copies: [{ vector: vectorAt(7, 8) }, {}, {}] });
  });

  test('builds what is older than a checkpoint says, of any partition of its period, or cannot be moved on', async () => {
    const { copies, marks } = await copied();
    const later = (awardPeriodId: number, vector: readonly number[]) => ({
      ...{ sequence: 9, copies: [{ awardPeriodId, vector }] },
    });
    const missing = (...ranked: readonly CheckpointMark['ranked'][]) => begin({ copies, marks: ranked }).restore([]);
    expect(missing(...marks)).toEqual([]);
    expect(missing(marks[0]!, later(SECOND, vectorAt(5, 7)))).toEqual([SECOND]);
    expect(missing(later(FIRST, vectorAt(6, 0)), marks[1]!)).toEqual([FIRST]);
    expect(missing(later(FIRST, vectorAt(4, 6)), marks[1]!)).toEqual([]);
    expect(begin({ copies, marks }).restore(null)).toEqual(SHOWN);
  });

  test('takes a frozen copy whatever is said of it, and never moves it', async () => {
    const { copies, rankings } = await copied();
    rankings.apply(turn(0, 7, [enters(20)], [FIRST, 7]));
    await rankings.copyAll();
    const ranked = { sequence: 9, copies: [{ awardPeriodId: FIRST, vector: vectorAt(90, 90) }] };
    for (const moves of [null, [{ ...enters(21), partition: 0, sequence: 8 }]]) {
      const again = begin({ copies, marks: [ranked, ranked] });
      expect(again.restore(moves)).not.toContain(FIRST);
      expect(again.of(FIRST)!.isFrozen).toBe(true);
      expect(order(again)).toEqual([20, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
      expect(again.ranked(0).sequence, 'nothing leads on from it').toBe(0);
    }
  });

  test('builds what is damaged, and dies of what cannot be read', async () => {
    const { copies, marks } = await copied();
    const fault = (code: 'RANKING_DAMAGED' | 'EIO') => () => ({
      vector: vectorAt(5, 6),
      // biome-ignore lint/correctness/useYield: it fails before.
      chunks: (function* (): Generator<Uint8Array> {
        throw code === 'EIO' ? new Error('EIO') : new StorageFault('RANKING_DAMAGED', 'a bit is another');
      })(),
    });
    const restore = (loadRanking: RankingCopies['loadRanking']) =>
      begin({ copies: { ...copies, loadRanking }, marks }).restore([]);
    expect(restore(fault('RANKING_DAMAGED'))).toEqual(SHOWN);
    expect(() => restore(fault('EIO'))).toThrow('EIO');
  });
});

describe('a copy is due', () => {
  const copiedAfter = async (moveCount: number, stage: Stage & { readonly sequence?: number } = {}) => {
    const { copies, taken, marks } = await copied();
    const { sequence = 7, ...more } = stage;
    const rankings = begin({ copies, marks, at: [5, 6], ...more });
    rankings.restore([]);
    rankings.apply(
      turn(
        0,
        sequence,
        Array.from({ length: moveCount }, (_, at) => enters(100 + at)),
      ),
    );
    rankings.ranked(0);
    await turnsTaken();
    return taken();
  };

  test('when there is none; not where none are kept', async () => {
    const { copies, taken } = await kept();
    const rankings = begin({ copies });
    for (const _ of SHOWN) {
      rankings.ranked(0);
      await turnsTaken();
    }
    expect(taken()).toEqual(SHOWN);
    const unkept = begin();
    unkept.apply(turn(0, 5, [enters(1)]));
    expect(unkept.ranked(0)).toEqual({ sequence: 5, copies: [] });
  });

  test('when so much has moved since the last one', async () => {
    expect(await copiedAfter(3, { movesMin: 4 })).toEqual([]);
    expect(await copiedAfter(4, { movesMin: 4 })).toEqual([FIRST]);
  });

  test('in a ranking of many when a share of them has moved', async () => {
    const share = 5;
    const { copies, taken, marks, rankings } = await copied();
    const many = share * LIMITS.rankingCopyShare - 10 - share;
    rankings.apply(
      turn(
        0,
        7,
        Array.from({ length: many }, (_, at) => enters(1_000 + at)),
      ),
    );
    await rankings.copyAll();
    taken();
    const again = begin({ copies, marks, at: [7, 6], movesMin: 1 });
    again.restore([]);
    for (let moved = 1; moved <= share; moved += 1) {
      again.apply(turn(0, 7 + moved, [enters(5_000 + moved)]));
      again.ranked(0);
      await turnsTaken();
      expect(taken(), `${moved} of ${share}`).toEqual(moved < share ? [] : [FIRST]);
    }
  });

  test('when journals have become long since, if anything moved in them', async () => {
    // Since the copy of turn 5.
    const long = 5 + LIMITS.journalTailRecordsMax;
    expect(await copiedAfter(1, { sequence: long - 1 })).toEqual([]);
    expect(await copiedAfter(1, { sequence: long })).toEqual([FIRST]);
    expect(await copiedAfter(0, { sequence: long })).toEqual([]);
  });

  test('what moves while it is taken counts for the next one', async () => {
    const slow = new SlowCopies();
    const rankings = open(slow);
    const all = rankings.copyAll();
    rankings.apply({ ...turn(0, 1, [enters(1)]) });
    for (const _ of SHOWN) await slow.end();
    await all;
    expect(rankings.ranked(0)).toMatchObject({ sequence: 0, copies: [{ vector: vectorAt(0, 0) }, {}, {}] });
    expect(slow.begun.at(-1), 'it has moved since').toBe(FIRST);
    rankings.apply({ ...turn(0, 2, [enters(2)]) });
    await slow.end();
    expect(rankings.ranked(0).sequence).toBe(1);
  });
});

test('a newer programme shows other periods: who stands in one that it still shows stays there', () => {
  const rankings = begin();
  rankings.apply(turn(0, 1, [enters(1), enters(2, SECOND)]));
  const italy = italy2020();
  const periods = italy.periods.map((period) => ({ ...period, isSuspended: period.awardPeriodId === 4 }));
  rankings.follow({ ...italy, periods });
  expect([...rankings.all()].map(({ awardPeriodId }) => awardPeriodId)).toEqual([1, 2, 3]);
  expect([order(rankings), order(rankings, SECOND), order(rankings, 3)]).toEqual([[1], [2], []]);
  expect(rankings.of(4)).toBeUndefined();
  rankings.apply(turn(0, 2, [enters(3, 4), enters(3, 3)], [4]));
  expect(order(rankings, 3)).toEqual([3]);
  expect(rankings.vector).toEqual(vectorAt(2, 0));
});

describe('a fact moves', () => {
  const payment = { awardPeriodId: SECOND } as Extract<Fact, { kind: 'paymentListed' }>['payment'];
  const listed = (before: Standing | null, after: Standing) =>
    movesOf({ kind: 'paymentListed', citizen: citizen(1), payment, before, after } as Fact);

  test('whoever has paid once more, or at another instant, and nobody else', () => {
    const [one, two] = [standing(1), standing(2)];
    const move = { awardPeriodId: SECOND, citizen: citizen(1) };
    expect(listed(null, one)).toEqual([{ ...move, before: null, after: one }]);
    expect(listed(one, two)).toEqual([{ ...move, before: one, after: two }]);
    expect(listed(one, { ...one, lastTrxMs: 7 })).toEqual([{ ...move, before: one, after: { ...one, lastTrxMs: 7 } }]);
    expect(listed(two, { ...two, count: 1 })).toHaveLength(1);
    expect(listed(one, { ...one })).toEqual([]);
  });

  test('whoever leaves, is excluded or is taken in again, in every ranking where they stand', () => {
    const [before, who] = [standing(4), citizen(9)];
    const left = {
      kind: 'left',
      citizen: who,
      removed: [FIRST, SECOND].map((awardPeriodId) => ({ awardPeriodId, before })),
    };
    const away = [FIRST, SECOND].map((awardPeriodId) => ({ awardPeriodId, citizen: who, before, after: null }));
    expect(movesOf(left as unknown as Fact)).toEqual(away);
    const standings = [FIRST, SECOND].map((awardPeriodId) => ({ awardPeriodId, standing: before }));
    const excluded = (isExcluded: boolean) =>
      movesOf({ kind: 'citizenExcluded', citizen: who, isExcluded, standings } as unknown as Fact);
    expect(excluded(true)).toEqual(away);
    expect(excluded(false)).toEqual(away.map((move) => ({ ...move, before: null, after: before })));
    expect(movesOf({ kind: 'enrolled', citizen: who } as unknown as Fact)).toEqual([]);
  });
});
