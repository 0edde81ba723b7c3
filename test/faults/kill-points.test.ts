// Method: engines on a disk in memory die at every step of what they do, in every order, and come up again; what is
// promised must hold, and the end must be what one that never died comes to.
import { expect, test } from 'vitest';
import { type CommandReply, makeTaxCode } from '../../engine/index.ts';
import type { MemoryDisk } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { copyOf, rowsOf } from '../support/copies.ts';
import { Random, seed } from '../support/random.ts';
import { saveLong } from '../support/results.ts';
import { hpanElsewhere, openOnDisk, turnsTaken } from '../support/shards.ts';
import { type Citizen, hpan, type World } from '../support/world.ts';

/** All of them: `ORDERS=120`. */
const ORDERS = Number(process.env.ORDERS ?? 30);
const NOW = '2021-02-01T10:00:00+01:00';

/** Lets that many flushes through, each with its consequences, and then the power goes. */
async function dieAfter(disk: MemoryDisk, flushes: number): Promise<void> {
  for (let flush = 0; flush < flushes; flush += 1) {
    await turnsTaken();
    disk.release(1);
  }
  await turnsTaken();
  disk.crash();
}

/** Before the claim is on disk; claim, grant, result and acknowledgement are, one after the other. */
const KILL_POINTS = [0, 1, 2, 3, 4];

function* orders(left: readonly number[]): Iterable<readonly number[]> {
  if (left.length === 0) yield [];
  for (const first of left) for (const rest of orders(left.filter((one) => one !== first))) yield [first, ...rest];
}

test('fault 33: an engine dies between claim, grant and result, five times in every order', async () => {
  const all = [...orders(KILL_POINTS)];
  expect(all).toHaveLength(120);
  let [promises, refusals] = [0, 0];
  for (const order of new Random(seed).shuffle(all).slice(0, ORDERS)) {
    const opened = await openOnDisk({ shardCount: 2, now: NOW });
    const { disk } = opened;
    let { world } = opened;
    const [anna, bruno] = [1, 2].map((number) => makeTaxCode(number)) as [string, string];
    for (const taxCode of [anna, bruno]) await world.citizen(taxCode).enrol();
    const card = hpanElsewhere(world.citizen(anna).key, 2);

    const promised = new Map<string, CommandReply>();
    for (const [round, point] of order.entries()) {
      disk.hold();
      // Who is dead in the middle of it is asked again with the same id by the next engine; and there is a rival.
      const ask = (id: string, taxCode: string) =>
        void world
          .citizen(taxCode)
          .do({ kind: 'enableCashback', hpan: card }, id)
          .then((reply) => promised.set(id, reply));
      ask('a1'.padStart(32, '0'), anna);
      if (round % 2 === 1) ask('b1'.padStart(32, '0'), bruno);
      await dieAfter(disk, point);
      ({ world } = await openOnDisk({ disk, now: NOW }));
    }
    const owners = await ownersOf(world, [anna, bruno], card);
    expect(owners, `order ${order}`).toHaveLength(1);
    for (const [id, reply] of promised) {
      const citizen = world.citizen(id.startsWith('0'.repeat(30) + 'a') ? anna : bruno);
      if (reply.ok) promises += 1;
      else refusals += 1;
      if (!reply.ok) expect(reply).toMatchObject({ code: 'INSTRUMENT_TAKEN' });
      else {
        const outcome = await world.engine.outcome(citizen.key, citizen.origin, id);
        expect(outcome, `order ${order}`).toMatchObject({ ok: true, value: { state: 'done', answer: reply.answer } });
        expect(owners).toEqual([citizen.taxCode]);
      }
    }
    expect((await verifyPersistence(world.persistence)).differences, `order ${order}`).toEqual([]);
  }
  expect(promises).toBeGreaterThanOrEqual(ORDERS / 2);
  expect(refusals).toBeGreaterThan(0);
  saveLong(process.env.ORDERS, {
    suite: 'kill-points',
    command: `ORDERS=${ORDERS} SEED=${seed} npx vitest run test/faults/kill-points.test.ts`,
    counts: {
      orders: ORDERS,
      'engines killed': ORDERS * KILL_POINTS.length,
      'promises kept': promises,
      'refusals kept': refusals,
    },
  });
});

async function ownersOf(world: World, taxCodes: readonly string[], card: string): Promise<readonly string[]> {
  const owners: string[] = [];
  for (const taxCode of taxCodes) {
    const { methods } = await world.citizen(taxCode).wallet();
    if (methods.some((method) => method.hpan === card && method.cashback === 'enabled')) owners.push(taxCode);
  }
  return owners;
}

test('fault 5: a recovery that dies ten times, anywhere, leaves what an undisturbed one does', async () => {
  const { world, disk } = await openOnDisk({ shardCount: 2, now: NOW });
  const citizens = Array.from({ length: 8 }, (_, number) => world.citizen(makeTaxCode(number)));
  await Promise.all(citizens.map((citizen, number) => enrolAndPay(world, citizen, number)));
  const untouched = copyOf(disk.folder!, () => false);
  const control = await rowsAfterOpening(untouched);

  const random = new Random(seed);
  const disturbed = copyOf(disk.folder!, () => false);
  const died = new Error('died');
  for (let kill = 0; kill < 10; kill += 1) {
    let left = 1 + random.below(10);
    const onPoint = (name: string) => {
      if (name === 'recovery-record' && --left === 0) throw died;
    };
    await expect(openOnDisk({ disk: disturbed, now: NOW, onPoint })).rejects.toBe(died);
    disturbed.crash();
  }
  expect(await rowsAfterOpening(disturbed), `seed=${seed}`).toEqual(control);
});

async function enrolAndPay(world: World, citizen: Citizen, number: number): Promise<void> {
  await citizen.enrol();
  await citizen.enable(hpan(number));
  await world.pay({ hpan: hpan(number), at: NOW, cents: 1_000 });
}

async function rowsAfterOpening(disk: MemoryDisk) {
  const { world } = await openOnDisk({ disk, now: NOW });
  await world.engine.close();
  expect(world.faults).toEqual([]);
  return rowsOf(disk.folder!);
}
