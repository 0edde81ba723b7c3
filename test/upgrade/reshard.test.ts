// Method: the folder that format 1 left in the middle is dealt out to more stores and to fewer, again and again; all public
// answers stay, the inspector agrees, and the engine goes on. A copy of the folder is taken at each step, as a kill there
// would leave it, and each copy is brought to the end.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { open } from 'lmdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeIban, makeTaxCode, partitionOf } from '../../engine/index.ts';
import {
  openPersistence,
  type ReshardPoint,
  readBlames,
  release,
  reshardFolder,
  verifyFolder,
} from '../../snapshots/index.ts';
import { storePaths } from '../../snapshots/lmdb/layout.ts';
import { blameText } from '../../snapshots/quarantine.ts';
import {
  closePeriod,
  livePeriod,
  PAID_PERIOD,
  PERIOD_BEGINS,
  PERIOD_CLOSES,
  shortProgramme,
} from '../support/payouts.ts';
import { StoreGate, until } from '../support/shards.ts';
import { type Citizen, hpan, World } from '../support/world.ts';
import { readFixture, unpack } from './fixture.ts';
import { cardsIn } from './formats.ts';
import { answersOf, NOW, SHARD_COUNT } from './history.ts';

const CLICKDAY = new URL('../../dist/client/cli/main.js', import.meta.url).pathname;
const fixture = readFixture(1);
let folder: string;
let remove: () => void;

beforeEach(() => {
  ({ folder, remove } = unpack(fixture));
});
afterEach(() => remove());

async function opened(path = folder): Promise<World> {
  return World.open({ persistence: await openPersistence({ folder: path }), now: NOW });
}

async function close(world: World): Promise<void> {
  await world.engine.close();
  await world.persistence.close();
  expect(world.faults).toEqual([]);
}

async function answers(path = folder): Promise<unknown> {
  const world = await opened(path);
  const all = await answersOf(world.engine, fixture);
  await close(world);
  return all;
}

/** Somebody new, somebody who was always there, and a payment. */
async function goOn(round: number): Promise<void> {
  const world = await opened();
  const [nobody, somebody] = [world.citizen(makeTaxCode(500 + round)), world.citizen(makeTaxCode(20))];
  const holder = { accountHolderCF: somebody.taxCode, accountHolderName: 'A', accountHolderSurname: 'B' };
  const iban = { kind: 'setIban', iban: makeIban(round), ...holder } as const;
  const id = (number: number) => `b${round}${number}`.padStart(32, 'f');
  expect(await nobody.do({ kind: 'enrol' }, id(1))).toMatchObject({ ok: true });
  expect(await nobody.do({ kind: 'enableCashback', hpan: hpan(500 + round) }, id(2))).toMatchObject({ ok: true });
  for (const citizen of [nobody, somebody]) {
    expect(await citizen.do(iban, id(3))).toMatchObject({ ok: true, repeated: false });
    expect((await citizen.wallet()).iban).toBe(makeIban(round));
  }
  const outcome = await world.pay({ hpan: hpan(20), at: NOW, cents: 1_000, id: `RESHARD${round}` });
  expect(outcome).toMatchObject({ status: 'counted' });
  await close(world);
}

test('partitions move to more stores and to fewer, and nothing that anybody may ask has changed', {
  timeout: 240_000,
}, async () => {
  let before = await answers();
  for (const [round, storeCount] of [3, 1, 4, 2].entries()) {
    const cards = await cardsIn(folder);
    const { storesBefore, rowsMoved, inspection } = await reshardFolder(folder, { storeCount });
    expect([storesBefore, inspection?.differences]).toEqual([[2, 3, 1, 4][round], []]);
    expect(rowsMoved).toBeGreaterThan(100);
    await expect(openPersistence({ folder, shardCount: storesBefore })).rejects.toThrow(
      `reshard --stores ${storesBefore}`,
    );
    expect(await cardsIn(folder)).toEqual(cards);
    expect(await answers()).toEqual(before);
    await goOn(round);
    expect((await verifyFolder(folder)).differences).toEqual([]);
    before = await answers();
  }
  expect(readdirSync(folder).filter((name) => existsSync(join(folder, name, 'rows')))).toEqual([
    'store-4.0',
    'store-4.1',
  ]);
  const same = await reshardFolder(folder, { storeCount: 2 });
  expect(same).toMatchObject({ rowsMoved: 0, inspection: null });
});

/** Its own; what stores do within them goes on as anywhere else. */
const STEPS: readonly ReshardPoint[] = [
  'store-settled',
  'settled',
  'rows-dealt',
  'marked',
  'verified',
  'switched',
  'old-removed',
];

test('whoever dies at any step has the old stores or the new, and a next try ends it', {
  timeout: 240_000,
}, async () => {
  const place = mkdtempSync(join(tmpdir(), 'clickday-reshard-'));
  try {
    const before = await answers();
    const images: string[] = [];
    const points = new Map<string, number>();
    await reshardFolder(folder, {
      storeCount: 3,
      onPoint(point) {
        if (!STEPS.includes(point)) return;
        const count = (points.get(point) ?? 0) + 1;
        points.set(point, count);
        if (point === 'rows-dealt' ? count !== 32 : count > 1) return;
        images.push(join(place, `${images.length}-${point}`));
        cpSync(folder, images.at(-1)!, { recursive: true, filter: (path) => !path.endsWith('lock.mdb') });
      },
    });
    expect([...points.keys()]).toEqual(STEPS);
    for (const image of images) {
      const { storesBefore } = await reshardFolder(image, { storeCount: 3 });
      expect(storesBefore, image).toBe(/switched|old-removed/.test(image) ? 3 : SHARD_COUNT);
      expect(await answers(image), image).toEqual(before);
      expect(readdirSync(image).filter((name) => name.startsWith('store-1.'))).toHaveLength(3);
      expect((await verifyFolder(image)).differences).toEqual([]);
    }
    expect(images).toHaveLength(points.size);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});

test('what was begun and given up is in nobody’s way, and the rows of old stores stay where that is wanted', async () => {
  const before = await answers();
  const died = new Error('died');
  const die = () => {
    throw died;
  };
  await expect(
    reshardFolder(folder, { storeCount: 5, onPoint: (point) => point === 'verified' && die() }),
  ).rejects.toBe(died);
  expect(await answers()).toEqual(before);
  expect((await verifyFolder(folder)).differences).toEqual([]);
  await reshardFolder(folder, { storeCount: 1, keepsRows: true });
  expect(
    readdirSync(folder)
      .filter((name) => name.startsWith('store-'))
      .sort(),
  ).toEqual(['store-0', 'store-1', 'store-1.0']);
  expect(existsSync(join(folder, 'store-1', 'rows'))).toBe(true);
  expect(await answers()).toEqual(before);
});

test('a key erased after it reaches every archive: what was sealed with it opens nowhere', async () => {
  await reshardFolder(folder, { storeCount: 3 });
  const world = await opened();
  const { persistence } = world;
  const citizen = world.citizen(makeTaxCode(3));
  const partition = partitionOf(citizen.key);
  const { value } = persistence.stores[partition % 3]!.rows.get('wallet', partition, citizen.key, '')!;
  expect(persistence.stores[partition % 3]!.vault.open(value.slot, value.sealedTaxCode!)).toBe(citizen.taxCode);
  await persistence.eraseKey(partition % 3, value.slot);
  for (const { vault } of persistence.stores) {
    expect(() => vault.open(value.slot, value.sealedTaxCode!)).toThrow(
      expect.objectContaining({ code: 'SEAL_BROKEN' }),
    );
  }
  await close(world);
  expect((await verifyFolder(folder)).differences).toEqual([]);
});

const ID = 'c'.repeat(32);

/** Two citizens of a partition. */
function neighboursIn(world: World, partition: number): [Citizen, Citizen] {
  const citizens = Array.from({ length: 500 }, (_, number) => world.citizen(makeTaxCode(number)));
  const [one, other] = citizens.filter(({ key }) => partitionOf(key) === partition);
  return [one!, other!];
}

function cardsOf(partition: number): readonly string[] {
  return Array.from({ length: 500 }, (_, number) => hpan(number)).filter((card) => partitionOf(card) === partition);
}

test('messages that were on their way arrive in their order where sender and receiver share a store now', async () => {
  remove();
  const place = mkdtempSync(join(tmpdir(), 'clickday-reshard-'));
  remove = () => rmSync(place, { recursive: true, force: true });
  const [data, left] = [join(place, 'data'), join(place, 'left')];
  const gate = new StoreGate();
  const persistence = await openPersistence({ folder: data, shardCount: 2 });
  const [first, second] = persistence.stores;
  const world = await World.open({ persistence: { ...persistence, stores: [first!, gate.before(second!)] } });
  const [anna, bruno] = neighboursIn(world, 2);
  const [card, token] = [cardsOf(3)[0]!, cardsOf(1)[0]!];
  for (const one of [anna, bruno]) await one.enrol();

  // Anna's card is claimed, its token's claim is on its way, and so is Bruno's: to the partition of Anna's card.
  gate.hold();
  const asked = [anna.do({ kind: 'enableCashback', hpan: card, tokens: [token] }, ID)];
  await until(() => gate.waitingCount === 1, 'the first claim decided');
  gate.release();
  gate.hold();
  await until(() => gate.waitingCount === 1, 'the second claim decided');
  asked.push(bruno.do({ kind: 'enableCashback', hpan: cardsOf(3)[1]! }, ID));
  await until(async () => {
    const [method] = (await bruno.wallet()).methods;
    return method?.cashback === 'enabling';
  }, 'the third claim on its way');
  cpSync(data, left, { recursive: true, filter: (path) => !path.endsWith('lock') });
  gate.release();
  await Promise.all(asked);
  await close(world);

  await reshardFolder(left, { storeCount: 1 });
  const joined = await opened(left);
  for (const one of [anna, bruno]) {
    await until(async () => {
      const read = await joined.engine.outcome(one.key, one.origin, ID);
      return read.ok && read.value.state === 'done';
    }, 'the outcome');
  }
  await close(joined);
  expect((await verifyFolder(left)).differences).toEqual([]);
});

test('a row that got lost on the way is noticed before the new stores are used', async () => {
  const before = await answers();
  const loseOne = async () => {
    const rows = open<Buffer, Buffer>({ path: join(folder, 'store-1.0', 'rows'), ...BINARY });
    const [card] = [...rows.getKeys({ start: Buffer.of(0, 4), limit: 1 })];
    rows.removeSync(card!);
  };
  const lost = reshardFolder(folder, { storeCount: 3, onPoint: (point) => void (point === 'marked' && loseOne()) });
  await expect(lost).rejects.toMatchObject({ code: 'RESHARD_DIFFERS', message: expect.stringContaining('missing') });
  expect(await answers()).toEqual(before);
});

const BINARY = { encoding: 'binary', keyEncoding: 'binary' } as const;

test('fault 18: what was set aside, and who is suspected of a death, goes with its partition', async () => {
  const world = await opened();
  const [guilty, other] = [world.citizen(makeTaxCode(3)), world.citizen(makeTaxCode(20))];
  await close(world);
  const id = 'a'.repeat(32);
  const names = { guilty: `command ${guilty.key} ${id}`, record: `record ${hpan(20)} 1`, message: 'message 3 5 9' };
  const place = (key: string) => storePaths(folder, { generation: 0, index: partitionOf(key) % SHARD_COUNT }).folder;
  const setAside = [{ name: names.guilty, at: NOW }];
  const suspects = [{ name: names.message, deaths: 1 }];
  writeFileSync(join(place(guilty.key), 'set-aside.json'), blameText({ suspects, setAside }));
  // A death that no start has come after is judged before anything is opened.
  writeFileSync(join(place(hpan(20)), 'turn'), `${names.record}\n\0`);

  await reshardFolder(folder, { storeCount: 3 });
  const found = readBlames(folder).flatMap(({ suspects, setAside: aside }, store) => [
    ...aside.map(({ name }) => `${store} set aside: ${name}`),
    ...suspects.map(({ name, deaths }) => `${store} suspect, ${deaths} deaths: ${name}`),
  ]);
  expect(found.sort()).toEqual(
    [
      `${partitionOf(guilty.key) % 3} set aside: ${names.guilty}`,
      `${partitionOf(hpan(20)) % 3} suspect, 1 deaths: ${names.record}`,
      `${5 % 3} suspect, 1 deaths: ${names.message}`,
    ].sort(),
  );
  const again = await opened();
  expect(await again.citizen(guilty.taxCode).do({ kind: 'leave' }, id)).toMatchObject({ code: 'COMMAND_SET_ASIDE' });
  expect(await again.citizen(other.taxCode).do({ kind: 'leave' }, id)).toMatchObject({ ok: true });
  await close(again);
  expect(release(folder, (name) => name === names.guilty)).toEqual([names.guilty]);
  expect(readBlames(folder).flatMap((blame) => blame.setAside)).toEqual([]);
});

test('a payout record that an earlier store made still says where the money goes', async () => {
  const path = join(folder, 'paid');
  const persistence = await openPersistence({ folder: path, shardCount: 2 });
  const world = await World.open({ persistence, programme: shortProgramme(), now: PERIOD_BEGINS });
  const citizens = await livePeriod(world, [2, 3, 4, 2]);
  await closePeriod(world);
  await world.engine.makePayouts(PAID_PERIOD, null);
  const payoutsIn = (held: World) => Promise.all(citizens.map(({ key }) => held.engine.payoutsOf(key)));
  const before = await payoutsIn(world);
  expect(before).toMatchObject(citizens.map(() => ({ value: [{ account: { iban: makeIban(0) } }] })));
  await close(world);
  for (const storeCount of [3, 1]) {
    await reshardFolder(path, { storeCount });
    const after = await World.open({ persistence: await openPersistence({ folder: path }), now: PERIOD_CLOSES });
    expect(await payoutsIn(after)).toEqual(before);
    await close(after);
    expect((await verifyFolder(path)).differences).toEqual([]);
  }
});

test('the command line deals a folder out, unless an engine has it', async () => {
  const run = (stores: string) => {
    const args = [CLICKDAY, 'reshard', '--data', folder, '--stores', stores, '--json'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    return { status, said: `${stdout}${stderr}` };
  };
  expect(run('0')).toMatchObject({ status: 2 });
  const held = await openPersistence({ folder });
  expect(run('3')).toMatchObject({ status: 1, said: expect.stringContaining('another engine') });
  await held.close();
  const { status, said } = run('3');
  expect([status, JSON.parse(said)]).toMatchObject([0, { storesBefore: 2, stores: 3 }]);
  expect((await verifyFolder(folder)).differences).toEqual([]);
});

test('a past journal that does not end as it was left is refused', async () => {
  await reshardFolder(folder, { storeCount: 3 });
  const database = open<Buffer, Buffer>({ path: join(folder, 'store-1', 'journal'), ...BINARY });
  const [last] = [...database.getRange({ reverse: true, limit: 1 })];
  const bytes = Buffer.from(last!.value);
  // Another epoch, with a checksum that fits: the record is good in itself.
  bytes.writeUInt32LE(bytes.readUInt32LE(8) + 1, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  await database.put(last!.key, bytes);
  await database.close();
  await expect(verifyFolder(folder)).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' });
});
