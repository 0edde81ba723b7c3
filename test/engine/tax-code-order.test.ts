// Method: the order alone, over tax codes in a map; each look at one is counted.
import { expect, test } from 'vitest';
import { StorageFault } from '../../engine/index.ts';
import { TaxCodeOrder } from '../../engine/shard/tax-code-order.ts';

function orderOver(codes: ReadonlyMap<string, string>) {
  const looks: string[] = [];
  const order = new TaxCodeOrder((citizen) => {
    looks.push(citizen);
    const code = codes.get(citizen);
    if (code === undefined) throw new StorageFault('SEAL_BROKEN', 'the key is gone');
    return code;
  });
  return { order, looks };
}

const CODES = new Map([
  ['x', 'AAA'],
  ['y', 'BBB'],
  ['z', 'CCC'],
]);

test('citizens come in the order of their tax codes, whichever way round is asked; each is unsealed once', () => {
  const { order, looks } = orderOver(CODES);
  expect(['z', 'x', 'y', 'x'].sort(order.compare)).toEqual(['x', 'x', 'y', 'z']);
  expect([order.compare('x', 'y'), order.compare('y', 'x')]).toEqual([-1, 1]);
  expect(looks.toSorted()).toEqual(['x', 'y', 'z']);
});

test('nobody has to be unsealed to stand where they stand', () => {
  const { order, looks } = orderOver(new Map());
  expect(order.compare('x', 'x')).toBe(0);
  expect(looks).toEqual([]);
});

test('an order that was journaled stands, also when the key of one of them is gone; no other order does', () => {
  const { order, looks } = orderOver(new Map([...CODES].filter(([citizen]) => citizen !== 'x')));
  order.remember('y', 'x');
  expect([order.compare('y', 'x'), order.compare('x', 'y')]).toEqual([-1, 1]);
  expect(looks).toEqual([]);
  expect(order.compare('y', 'z')).toBe(-1);
  expect(() => order.compare('x', 'z')).toThrow('the key is gone');
});

test('who was unsealed stays so, up to so many; then all are forgotten', () => {
  const kept = 65_536;
  const name = (number: number) => `c${number}`;
  const codes = Array.from(
    { length: kept + 1 },
    (_, number) => [name(number), String(number).padStart(5, '0')] as const,
  );
  const { order, looks } = orderOver(new Map(codes));
  for (let number = 0; number < kept; number += 2) order.compare(name(number), name(number + 1));
  expect(looks).toHaveLength(kept);
  expect(order.compare(name(0), name(kept - 1))).toBe(-1);
  expect(looks).toHaveLength(kept);
  expect(order.compare(name(kept), name(0))).toBe(1);
  expect(looks.slice(kept)).toEqual([name(kept), name(0)]);
});
