// Method: rankings over copies that end when the test says so.
import { describe, expect, test } from 'vitest';
import { italy2020, visiblePeriods } from '../../engine/index.ts';
import { Rankings } from '../../engine/shard/rankings.ts';

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

function open(copies: SlowCopies): Rankings {
  const nothing = new Array<number>(64).fill(0);
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
