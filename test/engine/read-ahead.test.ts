// Method: a world whose rows say that they come from the disk, and whose reading ahead ends when the test says so. What
// is asked of it, and who waits for it, is all that is different from any other world.
import { expect, test } from 'vitest';
import { type CommandReply, makeTaxCode } from '../../engine/index.ts';
import type { RowAddress, Rows, Store } from '../../engine/ports.ts';
import { openMemoryPersistence, type Persistence } from '../../snapshots/index.ts';
import { turnsTaken } from '../support/shards.ts';
import { type Citizen, hpan, World } from '../support/world.ts';

class SlowRows {
  isSlow = false;
  failure: Error | null = null;
  readonly asked: (readonly RowAddress[])[] = [];
  #waiting: (() => void)[] = [];

  before({ journal, rows, vault }: Store): Store {
    const slow = Object.create(rows, {
      isSlow: { value: () => this.isSlow },
      prefetch: {
        value: (addresses: readonly RowAddress[]) => {
          if (this.failure !== null) return Promise.reject(this.failure);
          this.asked.push(addresses);
          return new Promise<void>((resolve) => this.#waiting.push(resolve));
        },
      },
      ...bound(rows),
    });
    return { journal, rows: slow, vault };
  }

  fetched(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  get names(): readonly string[] {
    return this.asked.flatMap((addresses) => addresses.map(({ table, entity }) => `${table} ${entity}`));
  }
}

/** Methods that read private fields must be called on the object that has them. */
function bound(rows: Rows): PropertyDescriptorMap {
  const names = [
    'get',
    'line',
    'list',
    'scan',
    'pack',
    'write',
    'rewriteOlder',
    'setCheckpoint',
    'checkpoint',
  ] as const;
  return Object.fromEntries(names.map((name) => [name, { value: (rows[name] as () => unknown).bind(rows) }]));
}

/** Two citizens with a card each, at rest: the engine was closed and opened again. */
async function openSlow() {
  const before = await openMemoryPersistence();
  const first = await World.open({ persistence: before });
  const codes = [1, 2].map(makeTaxCode);
  for (const [index, code] of codes.entries()) {
    await first.citizen(code).enrol();
    await first.citizen(code).enable(hpan(index + 1));
  }
  await first.engine.close();
  const persistence = await openMemoryPersistence({ disk: before.disk });
  const rows = new SlowRows();
  const slow: Persistence = { ...persistence, stores: persistence.stores.map((store) => rows.before(store)) };
  const world = await World.open({ persistence: slow, now: '2020-12-08T12:00:00+01:00' });
  rows.isSlow = true;
  return { world, rows, citizens: codes.map((code) => world.citizen(code)) };
}

/** Under an id that no earlier world has used. */
function disable(citizen: Citizen, card: number): Promise<CommandReply> {
  return citizen.do({ kind: 'disableCashback', hpan: hpan(card) }, `${card}`.repeat(32));
}

test('a turn waits for the rows of whom its commands name, and nothing else', async () => {
  const { world, rows, citizens } = await openSlow();
  const [anna, luigi] = [citizens[0]!, citizens[1]!];
  const replies: string[] = [];
  void disable(anna, 1).then(() => replies.push('anna'));
  await turnsTaken();
  expect(rows.names).toEqual([`wallet ${anna.key}`, `card ${hpan(1)}`]);
  // Whoever comes meanwhile is not in this turn.
  void disable(luigi, 2).then(() => replies.push('luigi'));
  await turnsTaken();
  expect(replies).toEqual([]);
  rows.fetched();
  await turnsTaken();
  expect(replies).toEqual(['anna']);
  expect(rows.names.slice(2)).toEqual([`wallet ${luigi.key}`, `card ${hpan(2)}`]);
  rows.fetched();
  await turnsTaken();
  expect(replies).toEqual(['anna', 'luigi']);
  expect(world.faults).toEqual([]);
});

test('of a payment first the card is read, then the wallet of its owner, and nobody who is awake', async () => {
  const { world, rows, citizens } = await openSlow();
  const [anna] = citizens;
  const paid = world.pay({ hpan: hpan(1), at: '2020-12-08T11:00:00+01:00', cents: 1_000 });
  await turnsTaken();
  expect(rows.names).toEqual([`card ${hpan(1)}`]);
  rows.fetched();
  await turnsTaken();
  expect(rows.names.slice(1)).toEqual([`wallet ${anna!.key}`]);
  rows.fetched();
  expect(await paid).toMatchObject({ status: 'counted' });
  await world.pay({ hpan: hpan(1), at: '2020-12-08T11:00:00+01:00', cents: 2_000 });
  expect(rows.asked).toHaveLength(2);
});

test('reading ahead that fails stops the world', async () => {
  const { world, rows, citizens } = await openSlow();
  rows.failure = new Error('the disk is gone');
  void disable(citizens[0]!, 1);
  await turnsTaken();
  expect(world.faults).toMatchObject([{ message: 'the disk is gone' }]);
  expect(rows.asked).toEqual([]);
});
