// Method: sections of a few partitions are noted with less memory than they need; what is kept must be whole, what is
// not must be named. Then the same line is read at each moment of its life.
import { expect, test } from 'vitest';
import { partitionOf } from '../../engine/partition.ts';
import type { Store } from '../../engine/ports.ts';
import { LogGroup } from '../../snapshots/inspect/log-group.ts';
import type { Step } from '../../snapshots/inspect/walk.ts';
import { ANNAS_CARD, tellStory } from './story.ts';

function stepsOf(store: Store): readonly Step[] {
  return [...store.journal.read(1)].flatMap(({ nowMs, sections }) =>
    sections.map((section) => ({ store, storeIndex: 0, nowMs, section })),
  );
}

function factCounts(group: LogGroup): Map<number, number> {
  const counts = new Map<number, number>();
  for (const log of group.take()) {
    const histories = [...log.wallets.values(), ...log.cards.values()].map((at) => log.history(at));
    const count = histories.flat().reduce((sum, { facts }) => sum + facts.length, 0);
    counts.set(log.partition, count);
  }
  return counts;
}

test('whatever memory there is, each partition is kept whole in exactly one pass', async () => {
  const store = (await tellStory()).stores[0]!;
  const steps = stepsOf(store);
  const expected = new Map<number, number>();
  for (const { section } of steps) {
    const count = section.facts.filter((fact) => 'citizen' in fact || 'hpan' in fact).length;
    expected.set(section.partition, (expected.get(section.partition) ?? 0) + count);
  }
  for (const byteCountMax of [0, 600_000, 1_000_000, 100_000_000]) {
    const found = new Map<number, number>();
    let passes = 0;
    for (let left: readonly number[] = [...expected.keys()]; left.length > 0; passes += 1) {
      const group = new LogGroup(left, byteCountMax);
      for (const step of steps) group.add(step);
      for (const [partition, count] of factCounts(group)) {
        expect(found.has(partition), `partition ${partition}`).toBe(false);
        found.set(partition, count);
      }
      left = group.putOff;
    }
    expect(found).toEqual(expected);
    expect(passes > 1, `${passes} passes with ${byteCountMax} bytes`).toBe(byteCountMax < 100_000_000);
  }
});

test('a line is read as it was at any sequence of its partition', async () => {
  const store = (await tellStory()).stores[0]!;
  const group = new LogGroup([partitionOf(ANNAS_CARD)], 0);
  for (const step of stepsOf(store)) group.add(step);
  const [log] = [...group.take()];
  const { record } = log!.lines;
  const states = [1, 2, 3, 4, 5, 6].map((sequence) => log!.lineThen('record', record.place(0), record.at(0), sequence));
  expect(states.map((then) => then && [then.sequence, then.line.state, then.line.leftCents])).toEqual([
    undefined,
    [2, 'asked', 0],
    [3, 'counted', 10_000],
    [3, 'counted', 10_000],
    [5, 'counted', 6_000],
    [5, 'counted', 6_000],
  ]);
});
