// Method: spending by hand, to the millisecond: how much at once, how much later, and what is kept of whom.
import { expect, test } from 'vitest';
import { Budget } from '../../server/admission/budget.ts';

const NOW = 1_000_000;

test('so much at once, and from then on so much a second; who may not is told when', () => {
  const budget = new Budget({ perSecond: 10, burst: 3, keysMax: 10 });
  expect([0, 0, 0].map(() => budget.spend('a', NOW))).toEqual([0, 0, 0]);
  expect(budget.spend('a', NOW)).toBe(NOW + 100);
  expect(budget.spend('b', NOW)).toBe(0);
  expect(budget.spend('a', NOW + 99)).toBe(NOW + 100);
  expect(budget.spend('a', NOW + 100)).toBe(0);
  expect(budget.spend('a', NOW + 100, { cost: 2 })).toBe(NOW + 300);
  expect(budget.spend('a', NOW + 300, { cost: 2 })).toBe(0);
});

test('who has paid back is forgotten, and of too many those who spent longest ago', () => {
  const budget = new Budget({ perSecond: 1, burst: 1, keysMax: 2 });
  for (const key of ['a', 'b']) expect(budget.spend(key, NOW)).toBe(0);
  budget.sweep(NOW + 999);
  expect(budget.spend('a', NOW + 999)).toBe(NOW + 1_000);
  budget.spend('c', NOW + 999);
  expect(budget.spend('a', NOW + 999), 'it made room').toBe(0);
  budget.sweep(NOW + 5_000);
  for (const key of ['a', 'b', 'c']) expect(budget.spend(key, NOW + 5_000)).toBe(0);
});

test('who has spent again since is not forgotten before who has not', () => {
  const budget = new Budget({ perSecond: 1, burst: 2, keysMax: 2 });
  for (const key of ['a', 'b', 'a', 'c']) expect(budget.spend(key, NOW)).toBe(0);
  expect(budget.spend('a', NOW), 'it is remembered').toBe(NOW + 1_000);
  for (const _ of [1, 2]) expect(budget.spend('b', NOW), 'it is not').toBe(0);
});
