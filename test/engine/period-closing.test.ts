// Method: the closing alone, before shards that say what the test lets them say.
import { expect, test } from 'vitest';
import { PeriodClosing } from '../../engine/shard/period-closing.ts';

test('cards are told to close once all shards have said twice that nothing is taken out any more', async () => {
  const answers = [false, true, false, true, true];
  const closed: number[] = [];
  const closing = new PeriodClosing({
    ...{ finalPeriods: [], frozenRankings: [], decisions: [], vector: () => [], digest: (text) => text },
    rankings: undefined as never,
    endExclusions: async () => answers.shift()!,
    close: (awardPeriodId) => void closed.push(awardPeriodId),
    journal: () => {},
  });
  for (const [left, expected] of [
    [4, []],
    [2, []],
    [0, [1]],
    [0, [1]],
  ] as const) {
    await closing.close(1, 0);
    expect([answers.length, closed]).toEqual([left, expected]);
  }
});
