// Method: an engine is backed up with a base while its checkpoints go on, over a disk in memory whose flushes the test lets
// through one by one, and over LMDB in the middle of a checkpoint. What is restored on top of a base must be, byte for
// byte, what is folded from the first record; a base that is damaged, or too late, must not be used.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { StorageFault } from '../../engine/ports.ts';
import { FailStop } from '../../snapshots/fail-stop.ts';
import {
  BackupReader,
  type BackupSource,
  BackupWriter,
  copyRows,
  type FileStore,
  inspectBackup,
  openAtRest,
  openPersistence,
  type Restored,
  type RestoreOptions,
  restoreBackup,
  verifyFolder,
} from '../../snapshots/index.ts';
import { openEnvironment } from '../../snapshots/lmdb/environment.ts';
import { readManifest } from '../../snapshots/lmdb/folder.ts';
import { RowDatabase } from '../../snapshots/lmdb/row-database.ts';
import type { RowMedium } from '../../snapshots/media.ts';
import { type MemoryFolder, memoryMedia } from '../../snapshots/memory/disk.ts';
import { ROW_TABLES, tablePrefix } from '../../snapshots/row-format.ts';
import { MediumRows } from '../../snapshots/rows.ts';
import { rowsOf } from '../support/copies.ts';
import { Random, seed } from '../support/random.ts';
import { openOnDisk, releaseOneByOne, turnsTaken } from '../support/shards.ts';
import { hpan, World } from '../support/world.ts';
import { bytesOf, filesIn, rowsIn } from './folders.ts';
import { memorySource, positionsIn } from './memory-source.ts';

const STORES = 3;
const CITIZENS = 24;
const NOON = new Date('2020-12-08T11:00:00Z');
const LATER = '2021-02-11T12:00:00+01:00';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickday-base-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const at = (...names: readonly string[]) => join(folder, ...names);

function restored(name: string, options: Partial<RestoreOptions> = {}): Promise<Restored> {
  return restoreBackup({ backup: at('backup'), folder: at(name), ...options });
}

/** With the base that a restore takes, and without: both are sound, and hold the same bytes. */
async function restoredBothWays(name: string, options: Partial<RestoreOptions> = {}): Promise<Restored> {
  const withBase = await restored(name, options);
  const without = await restored(`${name}-folded`, { ...options, withoutBase: true });
  expect({ ...withBase, base: null }).toEqual(without);
  expect((await verifyFolder(at(name))).differences, `SEED=${seed} ${name}`).toEqual([]);
  expect(await rowsIn(at(name)), `SEED=${seed} ${name}`).toEqual(await rowsIn(at(`${name}-folded`)));
  return withBase;
}

async function enrolled(world: World, count: number, from = 0): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => from + index);
  await Promise.all(numbers.map((number) => world.citizen(makeTaxCode(number)).enrol()));
  await Promise.all(numbers.map((number) => world.citizen(makeTaxCode(number)).enable(hpan(number))));
}

function payment(random: Random) {
  return { hpan: hpan(random.below(CITIZENS)), at: '2021-02-10T10:00:00+01:00', cents: 1 + random.below(20_000) };
}

describe('rows on top of a base', () => {
  test('are those folded from the first record, whatever was flushed and acknowledged when it was copied', async () => {
    const random = new Random(seed);
    let ahead = 0;
    for (let round = 0; round < 2; round += 1) {
      const { world, disk } = await openOnDisk({ shardCount: STORES, checkpointRowCount: 30 });
      await enrolled(world, CITIZENS);
      world.at(LATER);
      disk.hold();
      for (let count = 0; count < 150; count += 1) void world.pay(payment(random));
      const somewhat = async () => {
        for (let step = random.below(12); step > 0; step -= 1) {
          await turnsTaken();
          disk.release(1 + random.below(3));
        }
      };
      const source = memorySource(disk, at('data'));
      const copy = async (store: number, to: string) => {
        await somewhat();
        // Between the rows of a checkpoint and its mark, where one comes by.
        for (let step = 0; step < 300 && disk.waitingCount > 0 && !isAhead(disk.folder!, store); step += 1) {
          disk.release(1);
          await turnsTaken();
        }
        const copied = await source.copyRows(store, to);
        ahead += (await aheadIn(to)) > 0 ? 1 : 0;
        return copied;
      };
      const backup = at(`backup${round}`);
      const writer = await BackupWriter.open({ source: { ...source, copyRows: copy }, folder: backup });
      const cut = await writer.cut('middle', NOON, 'always');
      expect(cut).toMatchObject({ hasBase: true, baseFault: null });
      await somewhat();
      await writer.bring();
      expect(await restoredBothWays(`cut${round}`, { backup, until: { cut: 'middle' } })).toMatchObject({
        base: 'middle',
        vector: cut.vector,
      });
      await releaseOneByOne(disk);
      await world.engine.close();
      await writer.bring();
      await writer.close();
      expect(await restoredBothWays(`end${round}`, { backup })).toMatchObject({ base: 'middle' });
      expect(await rowsIn(at(`end${round}`)), `SEED=${seed} round=${round}`).toEqual(rowsOf(disk.folder!));
    }
    // Where every copy was exactly at its mark, nothing was tested.
    expect(ahead, `SEED=${seed}`).toBeGreaterThan(0);
  });

  test('are so for a hot copy by LMDB in the middle of a checkpoint, which is as a crash would leave it', async () => {
    // Between two batches of one checkpoint the thread stands still until LMDB has begun to copy.
    let stand: (() => void) | null = null;
    const onPoint = (name: string) => {
      if (name !== 'rows-batch' || stand === null) return;
      stand();
      stand = null;
    };
    const persistence = await openPersistence({ folder: at('data'), shardCount: 1, onPoint });
    const world = await World.open({ persistence, now: LATER, checkpointRowCount: 1_200 });
    const [store] = persistence.stores as readonly FileStore[];
    const records = (sequence: number) => [...store!.records.read(sequence)];
    let copied: Promise<void> = Promise.resolve();
    const source: BackupSource = {
      folder: at('data'),
      manifest: readManifest(at('data'))!,
      positions: async () => [
        {
          sequence: store!.journal.lastSequence,
          slotCount: store!.vault.flushedCount,
          partitions: positionsIn(records(1)),
        },
      ],
      records: async (_, sequence) => records(sequence),
      async copyRows(_, to) {
        const copyRowsTo = () => {
          stand = () => {
            copied = store!.copyRowsTo(to);
            for (let look = 0; look < 1e9 && !isBegun(join(to, 'data.mdb')); look += 1);
          };
          return enrolled(world, 1_500).then(() => copied);
        };
        return copyRows({ rows: store!.rows, copyRowsTo }, { index: 0, shardCount: 1 }, to);
      },
    };
    const writer = await BackupWriter.open({ source, folder: at('backup') });
    await writer.cut('hot', NOON, 'always');
    expect(stand).toBeNull();
    // Whoever has the backup alone reads nobody's name, in pages that LMDB keeps for later neither.
    const names = Array.from({ length: 1_500 }, (_, number) => makeTaxCode(number));
    for (const [file, bytes] of Object.entries(filesIn(at('backup'), bytesOf))) {
      expect(
        names.filter((name) => bytes.includes(name)),
        file,
      ).toEqual([]);
    }
    const rowsAhead = await aheadIn(at('backup', 'bases', 'hot', 'store-0'));
    expect(rowsAhead).toBeGreaterThan(500);
    for (let number = 0; number < 20; number += 1) {
      await world.pay({ hpan: hpan(number), at: '2021-02-10T10:00:00+01:00', cents: 1_000 });
    }
    await world.engine.close();
    await writer.bring();
    await writer.close();
    await persistence.close();
    expect(await restoredBothWays('end')).toMatchObject({ base: 'hot' });
    expect(await rowsIn(at('end'))).toEqual(await rowsIn(at('data')));
  });
});

describe('a base', () => {
  test('is taken by a restore that wants at least its cut; to a moment before, records are folded', async () => {
    const { world, disk } = await openOnDisk({ shardCount: STORES });
    const source = memorySource(disk, at('data'));
    const writer = await BackupWriter.open({ source, folder: at('backup') });
    const random = new Random(seed);
    await enrolled(world, CITIZENS);
    const then: number[] = [];
    for (const [day, wish] of [
      ['11', 'never'],
      ['12', 'always'],
      ['13', 'never'],
      ['14', 'always'],
    ] as const) {
      world.at(`2021-02-${day}T12:00:00+01:00`);
      await Promise.all(Array.from({ length: 20 }, () => world.pay(payment(random))));
      then.push(world.nowMs);
      await writer.cut(day, NOON, wish);
    }
    await writer.close();
    await world.engine.close();
    const baseOf: Record<string, string | null> = {};
    for (const [index, timeMs] of then.entries()) {
      const cut = String(11 + index);
      const { base } = await restoredBothWays(`cut-${cut}`, { until: { cut } });
      expect(await restored(`time-${cut}`, { until: { timeMs } })).toMatchObject({ base });
      expect(await rowsIn(at(`time-${cut}`))).toEqual(await rowsIn(at(`cut-${cut}`)));
      baseOf[cut] = base;
    }
    expect(baseOf).toEqual({ 11: null, 12: '12', 13: '12', 14: '14' });
    expect(await inspectBackup(new BackupReader(at('backup')))).toMatchObject({
      ok: true,
      checked: { cuts: 4, bases: 2 },
    });
  });

  test('is due when much has come since the last, and goes when no cut that is kept would be restored from it', async () => {
    const { world, disk } = await openOnDisk({ shardCount: STORES });
    const source = memorySource(disk, at('data'));
    const writer = await BackupWriter.open({ source, folder: at('backup'), baseBytesMin: 1 });
    const taken: string[] = [];
    for (let round = 0; round < 12; round += 1) {
      await (round === 0 ? enrolled(world, 60) : enrolled(world, 4, 56 + 4 * round));
      const { name, hasBase } = await writer.cut(`round${round}`, NOON, 'due');
      if (hasBase) taken.push(name);
    }
    expect(taken[0]).toBe('round0');
    // A round brings a fifteenth of what was before, give or take how its records met in batches; due is at a quarter.
    expect(taken.length).toBeGreaterThan(1);
    expect(taken.length).toBeLessThan(7);
    expect(readdirSync(at('backup', 'bases')).sort()).toEqual([...taken].sort());
    // Where only the last cut is kept, only its base is.
    for (const file of readdirSync(at('backup', 'cuts')))
      if (file !== 'round11.json') rmSync(at('backup', 'cuts', file));
    await writer.cut('end', NOON);
    expect(readdirSync(at('backup', 'bases'))).toEqual(taken.slice(-1));
    await writer.close();
    await world.engine.close();
  });

  test('that cannot be made leaves a cut without one, and says why; who asked for it is refused', async () => {
    const { world, disk } = await openOnDisk({ shardCount: STORES });
    const source = memorySource(disk, at('data'));
    const full = new StorageFault('ROWS_NOT_COPIED', 'no space left on device');
    let stores = 0;
    const copyRows = async (store: number, to: string) => {
      stores += 1;
      if (stores % STORES === 0) throw full;
      return source.copyRows(store, to);
    };
    const writer = await BackupWriter.open({ source: { ...source, copyRows }, folder: at('backup'), baseBytesMin: 1 });
    await enrolled(world, CITIZENS);
    const said = 'ROWS_NOT_COPIED: no space left on device';
    expect(await writer.cut('due', NOON, 'due')).toMatchObject({ hasBase: false, baseFault: said });
    await expect(writer.cut('asked', NOON, 'always')).rejects.toBe(full);
    await writer.cut('none', NOON);
    // What was copied of them is gone.
    expect(readdirSync(at('backup', 'bases'))).toEqual([]);
    expect(readdirSync(at('backup', 'cuts')).sort()).toEqual(['due.json', 'none.json']);
    await writer.close();
    await world.engine.close();
    expect(await restoredBothWays('end')).toMatchObject({ base: null, damagedBases: [] });
  });
});

test('a base of which a bit is flipped, or which is cut short, is told of and never used', async () => {
  const random = new Random(seed);
  const { world, disk } = await openOnDisk({ shardCount: STORES });
  const writer = await BackupWriter.open({ source: memorySource(disk, at('data')), folder: at('backup') });
  await enrolled(world, CITIZENS);
  await writer.cut('early', NOON, 'always');
  world.at(LATER);
  await Promise.all(Array.from({ length: 40 }, () => world.pay(payment(random))));
  await writer.cut('late', NOON, 'always');
  await writer.close();
  await world.engine.close();
  await restoredBothWays('good', { until: { cut: 'late' } });
  const good = await rowsIn(at('good'));

  const rows = (name: string) => at('backup', 'bases', name, `store-${random.below(STORES)}`, 'data.mdb');
  const flipIn = (path: string) => {
    const bytes = readFileSync(path);
    const bit = random.below(8 * bytes.length);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    writeFileSync(path, bytes);
    return `${path} bit ${bit}`;
  };
  const cutShort = (path: string) => {
    const length = random.below(statSync(path).size);
    truncateSync(path, length);
    return `${path} to ${length}`;
  };
  const remove = (path: string) => {
    rmSync(path);
    return path;
  };
  const seals = () => at('backup', 'bases', 'late', 'base.json');
  const damages = [
    ...Array.from({ length: 3 }, () => () => flipIn(rows('late'))),
    () => flipIn(seals()),
    () => cutShort(rows('late')),
    () => cutShort(seals()),
    () => remove(rows('late')),
  ];
  cpSync(at('backup'), at('whole'), { recursive: true });
  for (const [index, damage] of damages.entries()) {
    rmSync(at('backup'), { recursive: true });
    cpSync(at('whole'), at('backup'), { recursive: true });
    const said = `SEED=${seed} ${damage()}`;
    const { base, damagedBases } = await restored(`damaged-${index}`, { until: { cut: 'late' } });
    expect({ base, damagedBases }, said).toEqual({
      base: 'early',
      damagedBases: [expect.stringContaining('base late')],
    });
    expect(await rowsIn(at(`damaged-${index}`)), said).toEqual(good);
    const inspected = await inspectBackup(new BackupReader(at('backup')));
    expect(inspected, said).toMatchObject({ ok: false, differences: [expect.stringContaining('base late')] });
  }
  // Both are, so all is folded; and nobody who does not want it is told.
  flipIn(rows('early'));
  expect(await restored('none', { until: { cut: 'late' } })).toMatchObject({ base: null, damagedBases: { length: 2 } });
  expect(await rowsIn(at('none'))).toEqual(good);
  expect(await restored('asked', { until: { cut: 'late' }, withoutBase: true })).toMatchObject({ damagedBases: [] });
});

test('a base of other records is not used, though all of it is whole', async () => {
  const backups: string[] = [];
  const persistence = await openPersistence({ folder: at('data'), shardCount: 1 });
  await persistence.close();
  for (const name of ['one', 'other']) {
    cpSync(at('data'), at(name), { recursive: true });
    const again = await openPersistence({ folder: at(name) });
    const world = await World.open({ persistence: again, now: LATER });
    await enrolled(world, 3, name === 'one' ? 0 : 10);
    await world.engine.close();
    await again.close();
    const atRest = await openAtRest(at(name));
    const writer = await BackupWriter.open({ source: atRest.source, folder: at(`${name}-backup`) });
    await writer.cut('cut', NOON, 'always');
    await writer.close();
    await atRest.close();
    backups.push(at(`${name}-backup`));
  }
  const [one, other] = backups;
  rmSync(join(one!, 'bases'), { recursive: true });
  cpSync(join(other!, 'bases'), join(one!, 'bases'), { recursive: true });
  const differs = [expect.stringContaining('base cut')];
  expect(await restored('mixed', { backup: one! })).toMatchObject({ base: null, damagedBases: differs });
  expect(await rowsIn(at('mixed'))).toEqual(await rowsIn(at('one')));
});

test('a base of rows that were damaged before they were copied is found when they are read, and not used', async () => {
  const persistence = await openPersistence({ folder: at('data'), shardCount: 2 });
  const world = await World.open({ persistence, now: LATER });
  await enrolled(world, CITIZENS);
  await world.engine.close();
  await persistence.close();
  const { database } = openEnvironment(join(at('data'), 'store-1', 'rows'));
  const wallet = [...database.getRange()].find(({ key }) => key[1] === tablePrefix('wallet', 0)[1]);
  const bytes = Buffer.from(wallet!.value);
  bytes[bytes.length - 1]! ^= 1;
  await database.put(wallet!.key, bytes);
  await database.close();
  // A last commit that took pages and gave them back leaves the file short, and such a one is read whole when it is
  // opened: that would find the row before any copy.
  await openEnvironment(join(at('data'), 'store-1', 'rows')).database.close();
  const atRest = await openAtRest(at('data'));
  const writer = await BackupWriter.open({ source: atRest.source, folder: at('backup') });
  expect(await writer.cut('cut', NOON, 'always')).toMatchObject({ hasBase: true });
  await writer.close();
  await atRest.close();
  const said = [expect.stringContaining('base cut: ROW_DAMAGED')];
  expect(await restored('new')).toMatchObject({ base: null, damagedBases: said });
  expect((await verifyFolder(at('new'))).differences).toEqual([]);
});

/** Rows that are ahead of the mark of a copied database. */
async function aheadIn(path: string): Promise<number> {
  const { database } = openEnvironment(path);
  const medium = new RowDatabase(database);
  const count = aheadOf(medium);
  await medium.close();
  rmSync(join(path, 'lock.mdb'));
  return count;
}

function isAhead({ stores }: MemoryFolder, store: number): boolean {
  return aheadOf(memoryMedia(stores[store]!, () => Promise.resolve()).rows) > 0;
}

function aheadOf(medium: RowMedium): number {
  const rows = new MediumRows({ medium, format: 2, failStop: new FailStop(), onPoint: () => {} });
  const { partitions } = rows.checkpoint();
  let count = 0;
  for (const [partition, reached] of partitions.entries()) {
    for (const table of ROW_TABLES)
      for (const [, { sequence }] of rows.scan(table, partition)) count += Number(sequence > reached);
  }
  return count;
}

/** LMDB has taken its snapshot when the first two pages are there. */
function isBegun(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= 8_192;
}
