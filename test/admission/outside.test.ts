// Method: what is remembered of those who are kept outside, and for how long.
import { expect, test } from 'vitest';
import { LIMITS } from '../../engine/index.ts';
import { Outside } from '../../server/admission/outside.ts';

test('whoever is put out comes in when its time is over, and waits again from the newest time', () => {
  const outside = new Outside();
  outside.add('anna', 1_000);
  expect(outside.waitMs('anna', 1_000)).toBe(LIMITS.outsideMs);
  expect(outside.waitMs('bruno', 1_000)).toBe(0);
  outside.add('anna', 3_000);
  expect(outside.waitMs('anna', 1_000 + LIMITS.outsideMs)).toBe(2_000);
  expect(outside.waitMs('anna', 3_000 + LIMITS.outsideMs)).toBe(0);
});

test('of more than can be remembered those who were put out first come in', () => {
  const outside = new Outside();
  for (let number = 0; number <= LIMITS.outsideMax; number += 1) outside.add(`${number}`, 1);
  expect(outside.waitMs('0', 2)).toBe(0);
  expect(outside.waitMs('1', 2)).toBeGreaterThan(0);
});
