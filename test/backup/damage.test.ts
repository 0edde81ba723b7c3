// Method: one real folder with an archive, backed up at rest; then bits are flipped in each kind of file, work is stopped
// at each named point, keys are destroyed. What is restored must be whole, and what is not whole must not be restored.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { citizenKeyText, makeTaxCode, partitionOf } from '../../engine/index.ts';
import { BACKUP_POINTS } from '../../snapshots/backup/source.ts';
import { copySegment } from '../../snapshots/backup/store-copy.ts';
import {
  BackupWriter,
  type FolderAtRest,
  openAtRest,
  openFileStore,
  openFolder,
  openPersistence,
  type Restored,
  type RestoreOptions,
  restoreBackup,
  verifyFolder,
} from '../../snapshots/index.ts';
import { hashOf } from '../../snapshots/record.ts';
import { Random, seed } from '../support/random.ts';
import { hpan, World } from '../support/world.ts';
import { bytesOf, filesIn, identityOf, rowsIn } from './folders.ts';

const STORES = 2;
const NOON = new Date('2020-12-08T11:00:00Z');
/** Of one point: the first time, and the next. */
const STOPS = 2;
const LATER = '2021-02-11T12:00:00+01:00';

let root: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'clickday-damage-'));
  await session('data', 0);
  await backUp('data', 'first');
  await session('data', 100);
  await backUp('data', 'second');
  await restore('whole', { until: { cut: 'second' } });
  expect((await verifyFolder(at('whole'))).differences).toEqual([]);
  cpSync(at('data'), at('erased'), { recursive: true });
  // Somebody of each store, so that every kind of file is there.
  await erase(
    'erased',
    Array.from({ length: 10 }, (_, number) => makeTaxCode(number)),
  );
  await backUp('erased', 'second', { to: 'erased-backup' });
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const at = (...names: readonly string[]) => join(root, ...names);

/** A start, some citizens, and an orderly stop, which archives what was journaled. */
async function session(name: string, from: number): Promise<void> {
  const persistence = await openPersistence({ folder: at(name), shardCount: STORES });
  const world = await World.open({ persistence, now: LATER });
  await Promise.all(
    Array.from({ length: 10 }, async (_, index) => {
      const citizen = world.citizen(makeTaxCode(from + index));
      await citizen.enrol();
      await citizen.enable(hpan(from + index));
    }),
  );
  await world.engine.close();
  await persistence.close();
}

async function backUp(data: string, cut: string, options: { to?: string; stopAt?: (name: string) => boolean } = {}) {
  const { to = 'backup', stopAt = () => false } = options;
  const atRest = await openAtRest(at(data));
  try {
    const onPoint = (name: string) => {
      if (stopAt(name)) throw new Stopped(name);
    };
    const writer = await BackupWriter.open({ source: atRest.source, folder: at(to), onPoint });
    try {
      return await writer.cut(cut, NOON, 'always');
    } finally {
      await writer.close();
    }
  } finally {
    await atRest.close();
  }
}

/** Nothing cleans up after it, as after a kill. */
class Stopped extends Error {}

function restore(name: string, options: Partial<RestoreOptions> = {}): Promise<Restored> {
  return restoreBackup({ backup: at('backup'), folder: at(name), ...options });
}

let trial = '';
beforeEach(() => {
  trial = `trial-${readdirSync(root).length}-${Math.floor(performance.now())}`;
});

test('what is in a backup already is not written again', async () => {
  const to = 'incremental';
  await backUp('data', 'one', { to });
  const before = filesIn(at(to), identityOf);
  await session('data', 200);
  await backUp('data', 'two', { to });
  const after = filesIn(at(to), identityOf);
  const segments = Object.keys(before).filter((name) => name.includes('archive'));
  expect(segments.length).toBeGreaterThan(1);
  for (const name of segments) expect(after[name], name).toBe(before[name]);
  expect(Object.keys(after).filter((name) => name.includes('archive')).length).toBeGreaterThan(segments.length);
  expect(after['cuts/one.json']).toBe(before['cuts/one.json']);
  // A copy with the same bytes would be seen.
  cpSync(at(to), at(trial), { recursive: true });
  const copied = filesIn(at(trial), identityOf);
  for (const name of segments) expect(copied[name]).not.toBe(before[name]);
  expect(filesIn(at(trial), bytesOf)).toEqual(filesIn(at(to), bytesOf));
  // And what it names first is still what it was.
  await restore(`${trial}-restored`, { backup: at(to), until: { cut: 'one' } });
  expect((await verifyFolder(at(`${trial}-restored`))).differences).toEqual([]);
});

test('a segment is copied whole whatever its length, and not at all when it is damaged', async () => {
  const random = new Random(seed);
  const piece = 1_048_576;
  for (const length of [64, piece - 33, piece - 32, piece - 1, piece, piece + 1, piece + 31, piece + 33, 3 * piece]) {
    const body = Buffer.alloc(length, Buffer.of(random.below(256), random.below(256), random.below(256)));
    const bytes = Buffer.concat([body, hashOf(body)]);
    const segment = { first: 1, last: 1, path: at(`${trial}-${length}`) };
    writeFileSync(segment.path, bytes);
    await copySegment(segment, at(`${trial}-copy`));
    expect(readFileSync(at(`${trial}-copy`)).equals(bytes), `SEED=${seed} length=${length}`).toBe(true);
    bytes[random.below(bytes.length)]! ^= 1;
    writeFileSync(segment.path, bytes);
    const damaged = copySegment(segment, at(`${trial}-damaged`));
    await expect(damaged, `SEED=${seed} length=${length}`).rejects.toMatchObject({ code: 'ARCHIVE_DAMAGED' });
    expect(existsSync(at(`${trial}-damaged`))).toBe(false);
  }
});

describe('a damaged backup', () => {
  const KINDS = [
    ['backup.json', 'BACKUP_DAMAGED'],
    ['cuts/second.json', 'BACKUP_DAMAGED'],
    ['store-0/archive', 'ARCHIVE_DAMAGED'],
    ['store-1/tail', 'ARCHIVE_DAMAGED'],
    ['store-0/erased', 'KEYS_DAMAGED'],
    ['.keys/master.key', 'KEY_MISMATCH'],
    ['.keys/index.key', 'KEY_MISMATCH'],
    ['.keys/store-0.slots', 'KEYS_DAMAGED'],
    ['.keys/store-0.erased', 'KEYS_DAMAGED'],
  ] as const;

  test.each(KINDS)('is refused, with its cause: %s', async (kind, code) => {
    const random = new Random(seed);
    for (let round = 0; round < 3; round += 1) {
      const backup = `${trial}-${round}`;
      cpSync(at('erased-backup'), at(backup), { recursive: true });
      cpSync(at('erased-backup.keys'), at(`${backup}.keys`), { recursive: true });
      const path = kind.startsWith('.keys') ? at(backup + kind) : at(backup, kind);
      const flipped = flipBit(path, random);
      const restored = restore(`${backup}-new`, { backup: at(backup), until: { cut: 'second' } });
      // One bit of a format's number makes it a newer one.
      const codes = kind.endsWith('.json') ? `${code}|FORMAT_NEWER` : code;
      const refused = { code: expect.stringMatching(`^(${codes})$`) };
      await expect(restored, `SEED=${seed} ${flipped}`).rejects.toMatchObject(refused);
      expect(existsSync(at(`${backup}-new`, 'manifest.json'))).toBe(false);
    }
  });

  test('is restored where nothing was flipped', async () => {
    await restore(trial, { backup: at('erased-backup'), until: { cut: 'second' } });
  });

  test('with a segment missing, or the keys of another folder, is refused too', async () => {
    for (const from of [0, 10, 20]) await session(trial, from);
    await backUp(trial, 'one', { to: `${trial}-lacking` });
    cpSync(at('backup'), at(`${trial}-other`), { recursive: true });
    const archive = at(`${trial}-lacking`, 'store-0', 'archive');
    rmSync(join(archive, readdirSync(archive)[0]!));
    await expect(restore(trial, { backup: at(`${trial}-lacking`) })).rejects.toMatchObject({ code: 'ARCHIVE_DAMAGED' });
    await session('stranger', 0);
    await backUp('stranger', 'one', { to: 'stranger-backup' });
    const keys = at('stranger-backup.keys');
    await expect(restore(trial, { backup: at(`${trial}-other`), keys })).rejects.toMatchObject({
      code: 'KEY_MISMATCH',
    });
    await expect(backUp('stranger', 'two')).rejects.toMatchObject({ code: 'BACKUP_OF_ANOTHER' });
    await expect(restore(trial, { backup: at('data') })).rejects.toMatchObject({ code: 'BACKUP_MISSING' });
  });
});

test('a segment that its engine died on and writes anew, longer, is in a backup only once it stays', async () => {
  await session(trial, 0);
  const world = await World.open({ persistence: await openPersistence({ folder: at(trial) }), now: LATER });
  await Promise.all([20, 21, 22, 23, 24, 25].map((number) => world.citizen(makeTaxCode(number)).enrol()));
  await world.persistence.close(); // Without a checkpoint: the journal has more than its newest record.
  const folder = openFolder(at(trial), STORES);
  for (let index = 0; index < STORES; index += 1) {
    const store = await openFileStore(folder, index, (point) => {
      if (point === 'trim-written') throw new Stopped(point);
    });
    await store.journal.trim(store.journal.lastSequence).catch(() => {});
    await store.close();
  }
  folder.unlock();
  await backUp(trial, 'one', { to: `${trial}-backup` });
  await session(trial, 10);
  await backUp(trial, 'two', { to: `${trial}-backup` });
  await restore(`${trial}-restored`, { backup: at(`${trial}-backup`) });
  expect(await rowsIn(at(`${trial}-restored`))).toEqual(await rowsIn(at(trial)));
});

describe('stopped in the middle', () => {
  test.each(BACKUP_POINTS.filter((name) => name.startsWith('backup')))(
    'at %s a backup leaves the cuts before as they were, and is begun again',
    async (point) => {
      const cut = `after ${point}`.replace(' ', '-');
      await session('data', 300 + BACKUP_POINTS.indexOf(point) * 100);
      for (let count = 1; count <= STOPS; count += 1) {
        let left = count;
        const made = await backUp('data', `${cut}-${count}`, {
          stopAt: (name) => name === point && --left === 0,
        }).catch((error: unknown) => error);
        if (!(made instanceof Stopped)) break;
        await restore(`${trial}-${count}`, { until: { cut: 'first' } });
        expect((await verifyFolder(at(`${trial}-${count}`))).differences).toEqual([]);
        rmSync(at(`${trial}-${count}`), { recursive: true });
      }
      await backUp('data', `${cut}-whole`);
      await restore(trial);
      expect((await verifyFolder(at(trial))).differences).toEqual([]);
      expect(await rowsIn(at(trial))).toEqual(await rowsIn(at('data')));
    },
  );

  test.each(BACKUP_POINTS.filter((name) => name.startsWith('restore')))(
    'at %s a restore leaves no folder, and is begun again in the same place',
    async (point) => {
      for (let count = 1; count <= STOPS; count += 1) {
        let left = count;
        const onPoint = (name: string) => {
          if (name !== point) return;
          left -= 1;
          if (left === 0) throw new Stopped(name);
        };
        const restored = await restore(trial, { until: { cut: 'second' }, onPoint, rowCount: 40 }).catch(
          (error: unknown) => error,
        );
        if (!(restored instanceof Stopped)) return;
        expect(existsSync(at(trial, 'manifest.json'))).toBe(false);
        await expect(openPersistence({ folder: at(trial) })).rejects.toMatchObject({ code: 'MANIFEST_MISSING' });
      }
      await restore(trial, { until: { cut: 'second' } });
      expect(await rowsIn(at(trial))).toEqual(await rowsIn(at('whole')));
    },
  );
});

test('fault 63: an erased citizen does not come back, not even with yesterday’s keys', async () => {
  const anna = makeTaxCode(1);
  cpSync(at('data'), at(trial), { recursive: true });
  const backup = `${trial}-backup`;
  await backUp(trial, 'before', { to: backup });
  cpSync(at(`${backup}.keys`), at(`${trial}-old.keys`), { recursive: true });
  expect(await isReadable(trial, anna)).toBe(true);
  await erase(trial, [anna]);
  expect(await isReadable(trial, anna)).toBe(false);
  await backUp(trial, 'after', { to: backup });

  for (const [name, keys] of [
    ['today', at(`${backup}.keys`)],
    ['yesterday', at(`${trial}-old.keys`)],
  ] as const) {
    const { erasedCount } = await restore(`${trial}-${name}`, { backup: at(backup), keys, until: { cut: 'before' } });
    expect(erasedCount).toBe(1);
    expect(await isReadable(`${trial}-${name}`, anna), name).toBe(false);
    expect(await isReadable(`${trial}-${name}`, makeTaxCode(2)), name).toBe(true);
    expect((await verifyFolder(at(`${trial}-${name}`))).differences).toEqual([]);
  }
  // It is the list that does it: yesterday's keys alone give her back.
  for (const store of ['store-0', 'store-1']) rmSync(at(backup, store, 'erased'), { force: true });
  await restore(`${trial}-list`, { backup: at(backup), keys: at(`${trial}-old.keys`) });
  expect(await isReadable(`${trial}-list`, anna)).toBe(true);
});

/** Destroys the keys of some citizens. */
async function erase(name: string, taxCodes: readonly string[]): Promise<void> {
  const opened = await openAtRest(at(name));
  for (const taxCode of taxCodes) {
    const { store, row } = placeOf(opened, taxCode);
    await store.vault.erase(row.slot);
  }
  await opened.close();
}

function placeOf({ stores }: FolderAtRest, taxCode: string) {
  const key = stores[0]!.vault.digest(citizenKeyText(taxCode));
  const store = stores[partitionOf(key) % STORES]!;
  return { store, row: store.rows.get('wallet', partitionOf(key), key, '')!.value };
}

async function isReadable(name: string, taxCode: string): Promise<boolean> {
  const opened = await openAtRest(at(name));
  const { store, row } = placeOf(opened, taxCode);
  try {
    return store.vault.open(row.slot, row.sealedTaxCode!) === taxCode;
  } catch {
    return false;
  } finally {
    await opened.close();
  }
}

/** In a file, or in one of those of a folder. */
function flipBit(path: string, random: Random): string {
  const file = statSync(path).isDirectory() ? join(path, random.pick(readdirSync(path).sort())) : path;
  const bytes = readFileSync(file);
  const bit = somewhere(file, bytes.length, random);
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  writeFileSync(file, bytes);
  return `${file} bit ${bit}`;
}

/** A bit that says something: not the case of a hex digit, nor what stands in an erased slot or before a sealed one. */
function somewhere(file: string, bytes: number, random: Random): number {
  if (file.endsWith('master.key')) return 8 * random.below(64);
  return file.endsWith('.slots') ? 8 * (bytes - 60) + random.below(480) : random.below(8 * bytes);
}
