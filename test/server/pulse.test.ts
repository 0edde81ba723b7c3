import { expect, test } from 'vitest';
import { Pulse } from '../../server/pulse.ts';

test('acts once in its time, whether a timer comes round or only messages come', () => {
  let nowMs = 0;
  const actedMs: number[] = [];
  const pulse = new Pulse({ everyMs: 10, monotonicMs: () => nowMs, act: () => actedMs.push(nowMs) });
  pulse.beat();
  for (nowMs = 1; nowMs < 26; nowMs += 1) pulse.feel();
  pulse.beat();
  for (; nowMs < 40; nowMs += 1) pulse.feel();
  expect(actedMs).toEqual([0, 10, 20, 26, 36]);
});
