// Method: 200 seeded permutations of G38's inputs, some inputs twice, some sent together and some after each other,
// each by a citizen of its own, on one and on three shards; all must end where G38 ends.
import { expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { Random, seed } from '../support/random.ts';
import { hpan, type Payment, World } from '../support/world.ts';
import { CHRISTMAS, centsOf } from './vector.ts';

const PAYMENTS = [
  ...[['19.99'], ['150.00', 'b'], ['450.50', 'c'], ['3.33'], ['0.05'], ['77.77', 'f'], ['123.45']],
  ...[['9.95'], ['26.05'], ['100.01'], ['0.64']],
] as const;
const REVERSALS = [
  ['310.00', 'c'],
  ['77.77', 'f'],
  ['25.00', 'b'],
] as const;

/** The inputs of G38, with keys of their own: the same in whatever order they come. */
function inputsOn(card: string): readonly Payment[] {
  return [...PAYMENTS, ...REVERSALS].map(([euros, name], index) => ({
    hpan: card,
    at: `2020-12-10T08:${String(index + 10)}:00+01:00`,
    cents: centsOf(euros),
    id: `G38-${index}`,
    reversal: index >= PAYMENTS.length,
    ...(name === undefined ? {} : { correlation: `COR-${name}` }),
  }));
}

async function playInSomeOrder(world: World, random: Random, citizenNumber: number) {
  const citizen = world.citizen(makeTaxCode(citizenNumber));
  const inputs = inputsOn(hpan(citizenNumber));
  const repeated = inputs.filter(() => random.below(4) === 0);
  const order = random.shuffle([...inputs, ...repeated]);
  // Sent in runs: the rows of one run together, the runs one after the other.
  while (order.length > 0) await Promise.all(order.splice(0, 1 + random.below(6)).map((input) => world.pay(input)));
  const { rawCents, payableCents, transactionNumber } = await citizen.total(CHRISTMAS);
  const lines = await citizen.payments(CHRISTMAS);
  return { rawCents, payableCents, transactionNumber, lines: lines.length };
}

for (const [shardCount, orders] of [
  [1, 120],
  [3, 80],
] as const) {
  test(`G48 ${orders} orders of G38's inputs end in the same money, on ${shardCount} shards`, async () => {
    const random = new Random(seed + shardCount);
    const world = await World.open({ shardCount });
    const numbers = Array.from({ length: orders }, (_, index) => index + 1);
    for (const number of numbers) {
      const citizen = world.citizen(makeTaxCode(number));
      await citizen.enrol();
      await citizen.enable(hpan(number));
    }
    world.at('2020-12-12T12:00:00+01:00');
    const results = await Promise.all(numbers.map((number) => playInSomeOrder(world, random, number)));
    const expected = { rawCents: 5_487, payableCents: 5_487, transactionNumber: 10, lines: 14 };
    for (const result of results) expect(result, `seed=${seed}`).toEqual(expected);
    expect(world.faults).toEqual([]);
  });
}
