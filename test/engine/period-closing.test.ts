// Method: the closing alone, before shards that say what the test lets them say.
import { expect, test } from 'vitest';
import { closesAtMs, findPeriod, italy2020 } from '../../engine/index.ts';
import { PeriodClosing } from '../../engine/shard/period-closing.ts';

test('cards are told to close once all shards have said twice that nothing is taken out any more', async () => {
  const answers = [false, true, false, true, true];
  const closed: number[] = [];
  const programme = italy2020();
  const closing = new PeriodClosing({
    programme,
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
    await closing.close({ awardPeriodId: 1, decisionNumber: 0, atMs: closesAtMs(findPeriod(programme, 1)!) });
    expect([answers.length, closed]).toEqual([left, expected]);
  }
});
