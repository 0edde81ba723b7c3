// Method: an engine over a disk in memory is shipped to a real folder round by round, as the test lets it; the folder is
// taken away and given back. The engine must never notice, the lag must say what is missing, and what is there must start.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { openPersistence, restoreBackup, Shipper, verifyFolder } from '../../snapshots/index.ts';
import { rowsOf } from '../support/copies.ts';
import { openOnDisk } from '../support/shards.ts';
import { hpan, World } from '../support/world.ts';
import { rowsIn } from './folders.ts';
import { memorySource } from './memory-source.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickday-ship-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const at = (name: string) => join(folder, name);

test('what is journaled is shipped; a folder that fails is told, waited for, and caught up with', async () => {
  const { world, disk } = await openOnDisk({ shardCount: 2 });
  const citizen = world.citizen(makeTaxCode(1));
  const journaled = () => disk.folder!.stores.reduce((sum, { records }) => sum + records.length, 0);
  let nowMs = 0;
  let next: () => void = () => {};
  let paused: () => void = () => {};
  let pause = new Promise<void>((resolve) => {
    paused = resolve;
  });
  const pauses: number[] = [];
  const alarms: (string | null)[] = [];
  const faults: unknown[] = [];
  const shipper = new Shipper({
    source: memorySource(disk, at('data')),
    folder: at('ship'),
    keys: at('keys'),
    pause: (ms) => {
      pauses.push(ms);
      paused();
      return new Promise((resolve) => {
        next = resolve;
      });
    },
    monotonicMs: () => nowMs,
    alarm: (fault) => alarms.push(fault === null ? null : fault.message),
    failed: (error) => faults.push(error),
  });
  /** One round more. */
  const round = async () => {
    pause = new Promise((resolve) => {
      paused = resolve;
    });
    next();
    await pause;
  };
  await pause;
  await citizen.enrol();
  await citizen.enable(hpan(1));
  nowMs = 1_000;
  expect(shipper.lag(journaled())).toMatchObject({ records: expect.any(Number), ms: 1_000 });
  expect(shipper.lag(journaled()).records).toBeGreaterThan(0);
  await round();
  expect(shipper.lag(journaled())).toEqual({ records: 0, ms: 0 });
  expect(alarms).toEqual([]);

  // A file where the tail was: nothing can be written there.
  const tails = ['store-0', 'store-1'].map((store) => join(at('ship'), store, 'tail'));
  for (const tail of tails) {
    renameSync(tail, `${tail}.away`);
    writeFileSync(tail, '');
  }
  world.at('2021-02-11T12:00:00+01:00');
  nowMs = 3_000;
  for (let payment = 0; payment < 3; payment += 1) {
    await world.pay({ hpan: hpan(1), at: '2021-02-10T10:00:00+01:00', cents: 1_000 + payment });
    await round();
    nowMs += 1_000;
  }
  expect(alarms.length).toBeGreaterThan(0);
  expect(alarms).not.toContain(null);
  expect(shipper.fault).not.toBeNull();
  const { records, ms } = shipper.lag(journaled());
  expect({ isBehind: records > 0, ms }).toEqual({ isBehind: true, ms: 5_000 });
  // Each time it waits longer.
  expect(pauses.slice(-3)).toEqual([...pauses.slice(-3)].sort((one, other) => one - other));
  expect(pauses.at(-1)).toBeGreaterThan(pauses[0]!);

  for (const tail of tails) {
    rmSync(tail);
    renameSync(`${tail}.away`, tail);
  }
  await round();
  expect(alarms.at(-1)).toBeNull();
  expect(shipper.lag(journaled())).toEqual({ records: 0, ms: 0 });

  const told = await citizen.total(2);
  await world.engine.close();
  await shipper.stop();
  await restoreBackup({ backup: at('ship'), keys: at('keys'), folder: at('standby') });
  expect((await verifyFolder(at('standby'))).differences).toEqual([]);
  expect(await rowsIn(at('standby'))).toEqual(rowsOf(disk.folder!));
  const persistence = await openPersistence({ folder: at('standby') });
  const standby = await World.open({ persistence, now: '2021-02-11T12:00:00+01:00' });
  expect(await standby.citizen(citizen.taxCode).total(2)).toEqual(told);
  await standby.engine.close();
  await persistence.close();
  expect(faults).toEqual([]);
});
