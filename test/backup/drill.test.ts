// Method: an engine over a disk in memory whose flushes the test lets through one by one; a backup is taken somewhere in
// between and restored on a real disk, by an engine of its own. What both say, and every byte of their rows, must agree.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { writeCut } from '../../snapshots/backup/layout.ts';
import {
  BackupReader,
  BackupWriter,
  inspectBackup,
  openAtRest,
  openPersistence,
  type Restored,
  type RestoreOptions,
  restoreBackup,
  verifyFolder,
} from '../../snapshots/index.ts';
import { rowsOf } from '../support/copies.ts';
import { Random, seed } from '../support/random.ts';
import { openOnDisk, releaseOneByOne, turnsTaken } from '../support/shards.ts';
import { type Citizen, hpan, World } from '../support/world.ts';
import { rowsIn } from './folders.ts';
import { memorySource } from './memory-source.ts';

const STORES = 3;
const CITIZENS = 24;
const H1 = 2;
const NOON = new Date('2020-12-08T11:00:00Z');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickday-backup-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const at = (name: string) => join(folder, name);

function restored(name: string, options: Partial<RestoreOptions> = {}): Promise<Restored> {
  return restoreBackup({ backup: at('backup'), folder: at(name), rowCount: 50, ...options });
}

async function enrolled(world: World): Promise<readonly Citizen[]> {
  const citizens = Array.from({ length: CITIZENS }, (_, number) => world.citizen(makeTaxCode(number)));
  await Promise.all(citizens.map((citizen) => citizen.enrol()));
  await Promise.all(citizens.map((citizen, number) => citizen.enable(hpan(number))));
  return citizens;
}

/** One payment of a random card, of a random day. */
function payment(random: Random) {
  const day = String(1 + random.below(9)).padStart(2, '0');
  return { hpan: hpan(random.below(CITIZENS)), at: `2021-02-${day}T10:00:00+01:00`, cents: 1 + random.below(20_000) };
}

async function opened<T>(name: string, now: number, use: (world: World) => Promise<T>): Promise<T> {
  const persistence = await openPersistence({ folder: at(name) });
  const world = await World.open({ persistence, now: new Date(now).toISOString() });
  try {
    return await use(world);
  } finally {
    await world.engine.close();
    await persistence.close();
  }
}

describe('restored from a backup', () => {
  test('fault 83: yesterday’s backup and the journal since give the same rows, byte for byte', async () => {
    const { world, disk } = await openOnDisk({ shardCount: STORES });
    const random = new Random(seed);
    const citizens = await enrolled(world);
    const writer = await BackupWriter.open({ source: memorySource(disk, at('data')), folder: at('backup') });
    const yesterday = await writer.cut('yesterday', NOON);
    world.at('2021-02-11T12:00:00+01:00');
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(Array.from({ length: 40 }, () => world.pay(payment(random))));
      await writer.bring();
    }
    await world.engine.close();
    await writer.bring();
    await writer.close();

    const { vector } = await restored('today');
    expect(vector.reduce((sum, one) => sum + one)).toBeGreaterThan(yesterday.vector.reduce((sum, one) => sum + one));
    expect((await verifyFolder(at('today'))).differences, `SEED=${seed}`).toEqual([]);
    await opened('today', world.nowMs, async (again) => {
      for (const citizen of citizens) {
        const same = again.citizen(citizen.taxCode);
        expect(await same.total(H1), `SEED=${seed}`).toEqual(await citizen.total(H1));
        expect(await same.wallet(), `SEED=${seed}`).toEqual(await citizen.wallet());
        expect(await same.ranking(H1), `SEED=${seed}`).toEqual(await citizen.ranking(H1));
      }
    });
    expect(await rowsIn(at('today')), `SEED=${seed}`).toEqual(rowsOf(disk.folder!));
    // The same comparison sees the difference of a day.
    await restored('yesterday', { until: { cut: 'yesterday' } });
    expect(await rowsIn(at('yesterday'))).not.toEqual(rowsOf(disk.folder!));
  });

  test('at any moment of the traffic: a closed cut, with all that was acknowledged before it was asked for', async () => {
    const random = new Random(seed);
    let cutBack = 0;
    for (let round = 0; round < 4; round += 1) {
      const { world, disk } = await openOnDisk({ shardCount: STORES });
      const citizens = await enrolled(world);
      world.at('2021-02-11T12:00:00+01:00');
      disk.hold();
      const acknowledged: string[] = [];
      for (let count = 0; count < 200; count += 1) {
        const id = `ROUND${round} ${count}`;
        void world.pay({ ...payment(random), id }).then((outcome) => {
          if ('status' in outcome && outcome.status === 'counted') acknowledged.push(id);
        });
      }
      for (let step = random.below(25); step > 0; step -= 1) {
        await turnsTaken();
        disk.release(1 + random.below(3));
      }
      await turnsTaken();
      const before = [...acknowledged];
      const name = `cut${round}`;
      // No two stores answer at one moment: in between the disk goes on.
      const source = memorySource(disk, at('data'));
      const positions = async () => {
        const early = await source.positions();
        for (let step = 6 + random.below(10); step > 0; step -= 1) {
          disk.release(1);
          await turnsTaken();
        }
        const late = await source.positions();
        return late.map((answer, store) => (random.below(2) === 0 ? answer : early[store]!));
      };
      const backup = at(`backup${round}`);
      const writer = await BackupWriter.open({ source: { ...source, positions }, folder: backup });
      const cut = await writer.cut(name, NOON);
      if (cut.vector.some((sequence, store) => sequence !== writer.vector[store])) cutBack += 1;
      await writer.close();

      await restored(name, { backup, until: { cut: name } });
      expect((await verifyFolder(at(name))).differences, `SEED=${seed} round=${round}`).toEqual([]);
      const listed = await opened(name, world.nowMs, async (again) => {
        const pages = await Promise.all(citizens.map(({ taxCode }) => again.citizen(taxCode).payments(H1)));
        return new Set(pages.flat().map(({ idTrxAcquirer }) => idTrxAcquirer));
      });
      expect(
        before.filter((id) => !listed.has(id)),
        `SEED=${seed} round=${round}`,
      ).toEqual([]);
      await releaseOneByOne(disk);
      await world.engine.close();
    }
    // Where every answer was closed as it was, nothing was tested.
    expect(cutBack, `SEED=${seed}`).toBeGreaterThan(0);
  });

  test('to an instant: the last record at or before it of each store, cut back to what is closed', async () => {
    const { world, disk } = await openOnDisk({ shardCount: STORES });
    const [citizen] = await enrolled(world);
    const writer = await BackupWriter.open({ source: memorySource(disk, at('data')), folder: at('backup') });
    const then: { readonly timeMs: number; readonly total: unknown }[] = [];
    for (const day of ['2021-02-11', '2021-02-12', '2021-02-13']) {
      world.at(`${day}T12:00:00+01:00`);
      await world.pay({ hpan: hpan(0), at: `${day}T10:00:00+01:00`, cents: 1_000 });
      then.push({ timeMs: world.nowMs, total: await citizen!.total(H1) });
    }
    await writer.cut(undefined, NOON);
    await writer.close();
    for (const [index, { timeMs, total }] of then.entries()) {
      const { lastMs } = await restored(`then${index}`, { until: { timeMs } });
      expect(lastMs).toBe(timeMs);
      await opened(`then${index}`, timeMs, async (again) => {
        expect(await again.citizen(citizen!.taxCode).total(H1)).toEqual(total);
      });
    }
    expect(new Set(then.map(({ total }) => JSON.stringify(total))).size).toBe(3);
    await world.engine.close();
  });

  test('a cut that is not closed, or names what is not there, is refused before anything is made', async () => {
    const { world, disk } = await openOnDisk({ shardCount: STORES });
    await enrolled(world);
    const writer = await BackupWriter.open({ source: memorySource(disk, at('data')), folder: at('backup') });
    const { vector } = await writer.cut('good', NOON);
    await writer.close();
    const now = { createdAt: NOON.toISOString(), lastMs: 0 };
    // One store without all that it has sent.
    writeCut(at('backup'), { name: 'open', ...now, vector: vector.with(1, 1) });
    writeCut(at('backup'), { name: 'beyond', ...now, vector: vector.with(1, vector[1]! + 1) });
    for (const cut of ['open', 'beyond']) {
      await expect(restored('new', { until: { cut } })).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
    }
    expect(await inspectBackup(new BackupReader(at('backup')))).toMatchObject({
      ok: false,
      differences: [expect.stringContaining('cut beyond needs')],
    });
    await expect(restored('new', { until: { timeMs: 0 } })).rejects.toMatchObject({ code: 'BACKUP_EMPTY' });
    await expect(restored('new', { until: { cut: 'none' } })).rejects.toMatchObject({ code: 'CUT_UNKNOWN' });
    await restored('new', { until: { cut: 'good' } });
    await expect(restored('new')).rejects.toMatchObject({ code: 'FOLDER_NOT_EMPTY' });
    await world.engine.close();
  });

  test('goes on in an epoch of its own, and is no part of the old folder’s backup any more', async () => {
    const { world, disk } = await openOnDisk({ shardCount: STORES });
    await enrolled(world);
    const source = memorySource(disk, at('data'));
    const writer = await BackupWriter.open({ source, folder: at('backup') });
    await writer.cut('early', NOON);
    world.at('2021-02-11T12:00:00+01:00');
    for (let number = 0; number < CITIZENS; number += 1) {
      await world.pay({ hpan: hpan(number), at: '2021-02-10T10:00:00+01:00', cents: 1_000 });
    }
    await writer.bring();
    await writer.close();
    const { epoch } = await restored('early', { until: { cut: 'early' } });
    const persistence = await openPersistence({ folder: at('early') });
    for (const { journal } of persistence.stores) expect(journal.epoch).toBeGreaterThan(epoch);
    expect(epoch).toBeGreaterThan(1);
    await persistence.close();
    await opened('early', world.nowMs, (again) =>
      again.pay({ hpan: hpan(0), at: '2021-02-10T11:00:00+01:00', cents: 2_000 }),
    );
    const early = await openAtRest(at('early'));
    await expect(BackupWriter.open({ source: early.source, folder: at('backup') })).rejects.toMatchObject({
      code: 'BACKUP_OTHER_HISTORY',
    });
    const other = await BackupWriter.open({ source: early.source, folder: at('another') });
    await other.cut('first', NOON);
    await other.close();
    await early.close();
    await world.engine.close();
  });
});
