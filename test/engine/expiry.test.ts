// Method: reversals without a payment, and a clock moved over the end of their month to the millisecond, by a tick or
// by a start; facts are counted in the journal, the inspector reads it again, and a tick with nothing due reads no row.
import { expect, test } from 'vitest';
import { LIMITS, type ListedReversalState, makeTaxCode, type ReversalView } from '../../engine/index.ts';
import type { RowChange } from '../../engine/ports.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { outcomeText } from '../golden/vector.ts';
import { counted } from '../support/counted-rows.ts';
import { factsOf } from '../support/journal.ts';
import { openOnDisk, turnsTaken } from '../support/shards.ts';
import { hpan, value, World } from '../support/world.ts';

const RECEIVED = '2021-02-12T12:00:00+01:00';
const ALMOST = '2021-03-12T11:59:59.999+01:00';
const MONTH_LATER = '2021-03-12T12:00:00+01:00';
const PAYMENT = { at: '2021-02-11T10:00:00+01:00', cents: 1_000 } as const;

/** One citizen with enabled cards 1 to `cardCount`, on the day on which the reversals come. */
async function open(shardCount: number, cardCount = 1) {
  const { world, disk } = await openOnDisk({ shardCount, now: '2021-02-01T10:00:00+01:00' });
  const citizen = world.citizen(makeTaxCode(1));
  await citizen.enrol();
  for (let number = 1; number <= cardCount; number += 1) await citizen.enable(hpan(number));
  world.at(RECEIVED);
  return { world, disk };
}

async function reverse(world: World, number: number, correlation: string, cents = 1_000): Promise<string> {
  const reversal = { hpan: hpan(number), at: '2021-02-11T11:00:00+01:00', cents, correlation, reversal: true };
  return outcomeText(await world.pay(reversal));
}

function expiredOf(world: World): readonly string[] {
  const expired = factsOf(world, 'recordSet').filter(({ entry }) => entry?.state === 'expired');
  return expired.map(({ entry }) => entry?.record.correlationId ?? '');
}

/** Page by page. */
async function listed(world: World, state: ListedReversalState, limit: number): Promise<readonly ReversalView[]> {
  const all: ReversalView[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = value(await world.engine.reversals({ state, limit, ...(cursor === undefined ? {} : { cursor }) }));
    expect(page.reversals.length).toBeLessThanOrEqual(limit);
    all.push(...page.reversals);
    cursor = page.nextCursor;
  }
  return all;
}

const namesOf = (reversals: readonly ReversalView[]) => reversals.map(({ record }) => record.correlationId).sort();

/** Stops it in order, and holds its rows to its journal. */
async function expectInspected(world: World, disk: MemoryDisk): Promise<void> {
  await world.engine.close();
  expect(world.faults).toEqual([]);
  expect((await verifyPersistence(await openMemoryPersistence({ disk }))).differences).toEqual([]);
}

test.each([1, 3])(
  'DECISION 23: a reversal is given up at the end of its month by time alone, on %i shards',
  async (shardCount) => {
    const { world, disk } = await open(shardCount, 3);
    for (const number of [1, 2, 3]) expect(await reverse(world, number, `R${number}`)).toBe('pending');
    world.at('2021-02-12T12:00:00.001+01:00');
    expect(await reverse(world, 1, 'later')).toBe('pending');
    world.at(ALMOST);
    await turnsTaken();
    expect(expiredOf(world)).toEqual([]);
    expect(namesOf(await listed(world, 'pending', 2))).toEqual(['R1', 'R2', 'R3', 'later']);
    world.at(MONTH_LATER);
    await turnsTaken();
    expect([...expiredOf(world)].sort()).toEqual(['R1', 'R2', 'R3']);
    expect(namesOf(await listed(world, 'pending', 2))).toEqual(['later']);
    world.at('2021-03-12T12:00:00.001+01:00');
    await turnsTaken();
    expect(expiredOf(world)).toHaveLength(4);
    expect(await listed(world, 'pending', 2)).toEqual([]);
    await expectInspected(world, disk);
  },
);

test.each([true, false])('a start after the end of the month gives up first (rows at rest: %s)', async (isOrderly) => {
  const { world, disk } = await open(3, 2);
  for (const number of [1, 2]) await reverse(world, number, `R${number}`);
  if (isOrderly) await world.engine.close();
  else disk.crash();
  const { world: later } = await openOnDisk({ disk, now: MONTH_LATER });
  expect([...expiredOf(later)].sort()).toEqual(['R1', 'R2']);
  const payment = { ...PAYMENT, hpan: hpan(1), correlation: 'R1' };
  expect(outcomeText(await later.pay(payment))).toBe('1.00');
  expect(await listed(later, 'pending', 10)).toEqual([]);
  await expectInspected(later, disk);
});

test('what the power takes before it is flushed is given up by the next start, once', async () => {
  const { world, disk } = await open(1);
  await reverse(world, 1, 'R');
  disk.hold();
  world.at(MONTH_LATER);
  await turnsTaken();
  disk.crash();
  const { world: later } = await openOnDisk({ disk, now: MONTH_LATER });
  later.at('2021-03-12T12:00:01+01:00');
  await turnsTaken();
  expect(expiredOf(later)).toEqual(['R']);
  await expectInspected(later, disk);
});

test('more than one turn takes of a partition is given up all the same, none twice', async () => {
  const { world, disk } = await openOnDisk({ now: '2021-02-01T10:00:00+01:00' });
  const cards = Array.from({ length: LIMITS.expiredPerTurnMax + 7 }, (_, index) =>
    index.toString(16).padStart(64, '0'),
  );
  for (let first = 0; first < cards.length; first += LIMITS.methodCountMax) {
    const citizen = world.citizen(makeTaxCode(first));
    await citizen.enrol();
    await Promise.all(cards.slice(first, first + LIMITS.methodCountMax).map((card) => citizen.enable(card)));
  }
  world.at(RECEIVED);
  const reversal = { ...PAYMENT, reversal: true };
  await Promise.all(cards.map((card) => world.pay({ ...reversal, hpan: card, correlation: card })));
  await world.engine.close();
  const { world: later } = await openOnDisk({ disk, now: MONTH_LATER });
  expect(new Set(expiredOf(later))).toEqual(new Set(cards));
  expect(expiredOf(later)).toHaveLength(cards.length);
  await expectInspected(later, disk);
});

test('a reversal that found its payment, or is in doubt, does not expire; the doubtful ones are listed for ever', async () => {
  const { world, disk } = await open(3, 3);
  for (const number of [1, 2, 3]) {
    await reverse(world, number, `found${number}`);
    expect(outcomeText(await world.pay({ ...PAYMENT, hpan: hpan(number), correlation: `found${number}` }))).toBe(
      '1.00',
    );
    expect(await reverse(world, number, `found${number}`, 1)).toBe('parked REVERSAL_EXCEEDS');
  }
  await world.pay({ ...PAYMENT, hpan: hpan(2), correlation: 'found2' });
  for (const limit of [1, 2, 100]) {
    expect(namesOf(await listed(world, 'parked', limit))).toEqual(['found1', 'found2', 'found3']);
  }
  expect(await listed(world, 'pending', 1)).toEqual([]);
  world.at(MONTH_LATER);
  await turnsTaken();
  expect(expiredOf(world)).toEqual([]);
  await world.engine.close();
  const { world: later } = await openOnDisk({ disk, now: MONTH_LATER });
  expect(namesOf(await listed(later, 'parked', 2))).toEqual(['found1', 'found2', 'found3']);
  expect(await listed(later, 'flagged', 2)).toMatchObject([
    { code: null, record: { hpan: hpan(2), amountCents: 1_000 } },
  ]);
  for (const cursor of ['nonsense', '', '5', '99 parked 0', `5 ${'x'.repeat(2_000)}`]) {
    expect(value(await later.engine.reversals({ state: 'parked', cursor }))).toEqual({
      reversals: [],
      nextCursor: null,
    });
  }
  await expectInspected(later, disk);
});

test('a tick reads no row before something is due, and then no card but those', async () => {
  const { world, disk } = await open(1, 40);
  await reverse(world, 7, 'R');
  await world.engine.close();
  const { persistence, reads } = counted(await openMemoryPersistence({ disk }));
  const later = await World.open({ persistence, now: RECEIVED });
  const before = reads();
  for (let minute = 10; minute < 60; minute += 1) later.at(`2021-03-12T11:${minute}:00+01:00`);
  await turnsTaken();
  expect(reads()).toBe(before);
  later.at(MONTH_LATER);
  await turnsTaken();
  expect(expiredOf(later)).toEqual(['R']);
  // The list; the card, its partition's list again for its lines, and the record.
  expect(reads() - before).toBeLessThan(8);
});

test('the inspector names a line of the list that is missing, and one that nothing made', async () => {
  const { world, disk } = await open(1);
  await reverse(world, 1, 'R');
  await world.engine.close();
  const persistence = await openMemoryPersistence({ disk });
  const { rows } = persistence.stores[0]!;
  const [found] = Array.from({ length: 64 }, (_, partition) => [...rows.scan('reversal', partition)]).flat();
  const [address, { sequence, value }] = found!;
  const missing = { address: { ...address, table: 'reversal' }, sequence, value: null } as RowChange;
  const invented = { address: { ...missing.address, sub: `parked ${address.sub.slice(8)}` }, sequence, value };
  await rows.write([missing, invented as RowChange]);
  expect((await verifyPersistence(persistence)).differences).toEqual([
    expect.stringMatching(/^reversal row of partition \d+ pending .*: missing, although the checkpoint covers/),
    expect.stringMatching(/^reversal row of partition \d+ parked .*: no fact made this row$/),
  ]);
});
