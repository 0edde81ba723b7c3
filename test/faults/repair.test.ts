// Method: bits are changed in rows of a folder at rest, with the database's own means, so that only our checksum can notice.
// Real engines serve from it: whom a damaged row is of is refused, others are served, and an engine that cannot go on
// without the row starts again with rows that were made anew; what was answered before is all there.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { citizenKeyText, makeTaxCode, partitionOf } from '../../engine/index.ts';
import type { RowAddress, RowTable } from '../../engine/ports.ts';
import { KeyedHash, openFileStore, openFolder, verifyFolder } from '../../snapshots/index.ts';
import { rowKey } from '../../snapshots/row-format.ts';
import { hpanElsewhere } from '../support/shards.ts';
import { Supervised } from '../support/supervised.ts';
import { hpan } from '../support/world.ts';

const SHARDS = 2;
const [ANNA, BRUNO, CARLA] = [1, 2, 3].map(makeTaxCode) as [string, string, string];

let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'clickday-repair-'));
});
afterAll(async () => {
  await Supervised.stopAll();
  rmSync(place, { recursive: true, force: true });
});

/** On a day after that of the start before. */
function start(folder: string, day: number): Promise<Supervised> {
  return Supervised.start({ folder, now: `2021-03-0${day}T09:00:00Z`, shards: SHARDS, deathCountMax: 3 });
}

/** Of a folder at rest. */
function keyOf(path: string, taxCode: string): string {
  const { keys, unlock } = openFolder(path, SHARDS);
  unlock();
  return new KeyedHash(keys.index).digest(citizenKeyText(taxCode));
}

function addressOf(table: RowTable, entity: string): RowAddress {
  return { table, partition: partitionOf(entity), entity, sub: '' };
}

async function damage(path: string, rows: readonly RowAddress[]): Promise<void> {
  const folder = openFolder(path, SHARDS);
  for (const { table, partition, entity, sub } of rows) {
    const store = await openFileStore(folder, partition % SHARDS, () => {});
    const key = rowKey(table, partition, entity, sub);
    const value = Buffer.from(store.media.rows.get(key)!);
    value[value.length - 1]! ^= 1;
    await store.media.rows.write([{ key, value }]);
    await store.close();
  }
  folder.unlock();
}

test('faults 12, 72: whom a damaged row is of is refused until the next start, which makes it anew', async () => {
  const folder = join(place, 'data');
  let supervised = await start(folder, 1);
  for (const taxCode of [ANNA, BRUNO, CARLA]) {
    const client = await supervised.client('citizen', taxCode);
    expect(await client.change('enrol', {})).toMatchObject({ ok: true });
    if (taxCode === ANNA) await client.change('enableCashback', { hpan: hpan(1) });
    client.close();
  }
  expect(await supervised.stop()).toBe(0);
  const card = hpanElsewhere(keyOf(folder, CARLA), SHARDS, 100);

  supervised = await start(folder, 2);
  const owner = await supervised.client('citizen', BRUNO);
  expect(await owner.change('enableCashback', { hpan: card })).toMatchObject({ ok: true });
  expect(await owner.change('disableCashback', { hpan: card })).toMatchObject({ ok: true });
  owner.close();
  expect(await supervised.stop()).toBe(0);
  await damage(folder, [addressOf('wallet', keyOf(folder, ANNA)), addressOf('card', card)]);

  supervised = await start(folder, 3);
  const [anna, bruno, carla] = await Promise.all([ANNA, BRUNO, CARLA].map((one) => supervised.client('citizen', one)));
  const refused = { ok: false, code: 'INTERNAL_ERROR' };
  expect(await anna!.read('wallet', {})).toMatchObject(refused);
  expect(await anna!.change('enableCashback', { hpan: hpan(2) })).toMatchObject(refused);
  expect(await bruno!.change('enableCashback', { hpan: hpan(3) })).toMatchObject({ ok: true });
  expect(supervised.events).toEqual([]);

  // The card hears of the claim by a message, which nobody can refuse.
  expect(await carla!.change('enableCashback', { hpan: card })).toMatchObject({ ok: true });
  expect(supervised.events.filter((event) => event.includes('the engine died'))).toHaveLength(1);
  expect(supervised.errors).toContain('rows were damaged, and were made anew');
  expect(await anna!.read('wallet', {})).toMatchObject({ ok: true, view: { methods: [{ hpan: hpan(1) }] } });
  expect(await anna!.change('enableCashback', { hpan: hpan(2) })).toMatchObject({ ok: true });
  for (const client of [anna, bruno, carla]) client!.close();
  expect(await supervised.stop()).toBe(0);
  expect((await verifyFolder(folder)).differences).toEqual([]);
});

test('fault 12: a row that recovery reads is made anew within the start that meets it', async () => {
  const folder = join(place, 'start');
  let supervised = await start(folder, 1);
  const client = await supervised.client('citizen', ANNA);
  expect(await client.change('enrol', {})).toMatchObject({ ok: true });
  client.close();
  expect(await supervised.stop()).toBe(0);
  await damage(folder, [{ ...addressOf('wallet', keyOf(folder, ANNA)), table: 'partition', entity: '' }]);
  supervised = await start(folder, 2);
  expect(supervised.events).toEqual([]);
  expect(supervised.errors).toContain('rows were damaged, and were made anew');
  expect(await supervised.stop()).toBe(0);
  expect((await verifyFolder(folder)).differences).toEqual([]);
});
