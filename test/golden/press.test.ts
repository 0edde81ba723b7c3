// Method: what the press reported, and can be asked for without a load, through public commands. What a death leaves of
// enrolments under way is read by another engine on the same disk.
import { expect, test } from 'vitest';
import { italy2020, makeTaxCode } from '../../engine/index.ts';
import { Random, seed } from '../support/random.ts';
import { openOnDisk, turnsTaken } from '../support/shards.ts';
import { hpan, World } from '../support/world.ts';

test('R11: whoever is told to be enrolled can be seen at once, and after a death in the middle of the crowd', async () => {
  const now = '2020-12-08T08:00:00+01:00';
  const random = new Random(seed);
  const { world, disk } = await openOnDisk({ shardCount: 3, now });
  disk.hold();
  const told: string[] = [];
  const seen: boolean[] = [];
  for (let number = 1; number <= 300; number += 1) {
    const citizen = world.citizen(makeTaxCode(number));
    void citizen.enrol().then(async () => {
      told.push(citizen.taxCode);
      seen.push((await citizen.wallet()).enabled);
    });
    if (random.below(5) === 0) await turnsTaken();
    if (random.below(10) === 0) disk.release(1);
  }
  await turnsTaken();
  expect(told.length).toBeGreaterThan(0);
  expect(told.length).toBeLessThan(300);
  expect(seen).toEqual(told.map(() => true));

  disk.crash();
  const after = (await openOnDisk({ disk, now })).world;
  for (const taxCode of told) expect(await after.citizen(taxCode).wallet()).toMatchObject({ enabled: true });
  await after.engine.close();
});

test('R21: joining is possible before, in and after each period, also while it is closing', async () => {
  const world = await World.open({ now: '2020-12-01T10:00:00+01:00', programme: italy2020() });
  const moments = [
    ['before the first', '2020-12-01T10:00:00+01:00'],
    ['in the first', '2020-12-20T10:00:00+01:00'],
    ['in its grace, and in the second', '2021-01-05T10:00:00+01:00'],
    ['at the instant at which it closes', '2021-01-11T00:00:00+01:00'],
    ['in a suspended one', '2021-09-01T10:00:00+02:00'],
    ['after all of them', '2022-09-01T10:00:00+02:00'],
  ] as const;
  for (const [number, [when, now]] of moments.entries()) {
    world.at(now);
    const citizen = world.citizen(makeTaxCode(number + 1));
    await citizen.enrol();
    await citizen.enable(hpan(number));
    const wallet = await citizen.wallet();
    expect(wallet, when).toMatchObject({ enabled: true, methods: [{ hpan: hpan(number), cashback: 'enabled' }] });
  }
  await world.engine.close();
  expect(world.faults).toEqual([]);
});
