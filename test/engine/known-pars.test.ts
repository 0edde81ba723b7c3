// Method: cards with PARs all over the partitions, and an engine started anew on their rows, whose reads are counted: a
// stranger costs them at first, then nothing; whoever has a PAR is found before, meanwhile and after.
import { expect, test } from 'vitest';
import { type CitizenKey, LIMITS, makeTaxCode } from '../../engine/index.ts';
import { parSub } from '../../engine/pointer.ts';
import type { RowChange, Store } from '../../engine/ports.ts';
import { Actors } from '../../engine/shard/actors.ts';
import { KnownPars } from '../../engine/shard/known-pars.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { counted } from '../support/counted-rows.ts';
import { openOnDisk, turnsTaken } from '../support/shards.ts';
import { hpan, value, World } from '../support/world.ts';

const NOW = '2020-12-08T10:00:00+01:00';
const CARDS = 40;
const STRANGER = 'Q1H5V6ZG8Y0K2M4N6P8R0T2V4X6Z8';

const parOf = (card: number) => `PAR${card}`;

/** Cards 1 to `CARDS` are of one citizen and have their PARs. */
async function open(): Promise<{ readonly disk: MemoryDisk; readonly citizen: CitizenKey }> {
  const { world, disk } = await openOnDisk({ shardCount: 1, now: NOW });
  const citizen = world.citizen(makeTaxCode(1));
  await citizen.enrol();
  for (let card = 1; card <= CARDS; card += 1) {
    await citizen.enable(hpan(card));
    if (card < CARDS) value(await world.engine.setPar(citizen.key, hpan(card), parOf(card)));
  }
  await world.engine.close();
  return { disk, citizen: citizen.key };
}

test('a PAR that no card has costs no read, once the rows were gone through after a start', async () => {
  const { disk, citizen } = await open();
  const { persistence, reads } = counted(await openMemoryPersistence({ disk }));
  const { engine } = await World.open({ persistence, now: NOW });
  const readsOf = async (par: string) => {
    const before = reads();
    const found = value(await engine.cardOfPar(par));
    return { hpan: found?.hpan ?? null, count: reads() - before };
  };
  expect((await readsOf(STRANGER)).count).toBeGreaterThanOrEqual(64);
  expect((await readsOf(parOf(1))).hpan).toBe(hpan(1));
  // It is told of while the rows are gone through.
  value(await engine.setPar(citizen, hpan(CARDS), parOf(CARDS)));
  for (let round = 0; round < 100; round += 1) await turnsTaken();

  expect(await readsOf(STRANGER)).toEqual({ hpan: null, count: 0 });
  for (let card = 1; card <= CARDS; card += 1) expect((await readsOf(parOf(card))).hpan).toBe(hpan(card));
  value(await engine.setPar(citizen, hpan(1), STRANGER));
  expect((await readsOf(STRANGER)).hpan).toBe(hpan(1));
  await engine.close();
});

test('none is missed where a partition has more than are read in one go; a stranger is, one in a hundred at most', async () => {
  const [{ rows }] = (await openMemoryPersistence({})).stores as [Store];
  const count = 2 * LIMITS.parsPerReadMax + 1;
  const pointer = (card: number): RowChange => {
    const address = { table: 'pointer', partition: 3, entity: '', sub: parSub(parOf(card), hpan(card)) } as const;
    return { address, sequence: 1, value: { key: hpan(card) } };
  };
  await rows.write(Array.from({ length: count }, (_, card) => pointer(card)));
  const failed = (error: unknown) => {
    throw error;
  };
  const pars = new KnownPars({
    ...{ partitions: [2, 3, 4], flushed: new Actors(rows, 10).flushed, schedule: setImmediate, failed },
  });
  const isKnown = (card: number) => pars.mayHave(parOf(card));
  expect(isKnown(count)).toBe(true);
  await turnsTaken();
  await turnsTaken();
  const known = Array.from({ length: count }, (_, card) => isKnown(card));
  expect(known).not.toContain(false);
  const strangers = Array.from({ length: 1_000 }, (_, at) => isKnown(count + at));
  expect(strangers.filter((isThere) => isThere).length).toBeLessThan(10);
});
