// Method: the folder that format 1 left in the middle is backed up, dealt out to other numbers of stores, gone on with and
// backed up again, into the same backup. Every cut is restored, on top of a base and from the first record: it must be
// sound and answer as the folder did then. Keys are destroyed, rows made anew and pasts looked at over all generations.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { citizenKeyText, makeIban, makeTaxCode, partitionOf } from '../../engine/index.ts';
import {
  BackupReader,
  BackupWriter,
  type FolderAtRest,
  inspectBackup,
  openAtRest,
  openPersistence,
  pastOfBackup,
  pastOfFolder,
  pastOfTails,
  pastWallet,
  type Restored,
  type RestoreOptions,
  rebuildFolder,
  reshardFolder,
  restoreBackup,
  tailsOf,
  verifyFolder,
} from '../../snapshots/index.ts';
import { readManifest } from '../../snapshots/lmdb/folder.ts';
import { storePaths } from '../../snapshots/lmdb/layout.ts';
import { hpan, World } from '../support/world.ts';
import { readFixture, unpack } from '../upgrade/fixture.ts';
import { answersOf, NOW } from '../upgrade/history.ts';
import { valuesIn } from './folders.ts';

const fixture = readFixture(1);
const NOON = new Date('2020-12-08T11:00:00Z');
const SOMEBODY = makeTaxCode(20);

/** What the folder was at one cut; a copy of it has the name of the cut. */
interface Then {
  readonly cut: string;
  readonly stores: number;
  readonly generation: number;
  readonly answers: unknown;
  readonly timeMs: number;
}

let root: string;
let remove: () => void;
const history: Then[] = [];

beforeAll(async () => {
  const unpacked = unpack(fixture);
  root = mkdtempSync(join(tmpdir(), 'clickday-resharded-'));
  remove = unpacked.remove;
  cpSync(unpacked.folder, at('data'), { recursive: true });
  // Whoever wrote the folder erased a key before there was a list of those.
  await erase('data', [makeTaxCode(9)]);
  // Each time somebody new, and somebody who was always there, on another day.
  await remember('two', '20');
  await reshardFolder(at('data'), { storeCount: 3 });
  await remember('three', '21');
  await reshardFolder(at('data'), { storeCount: 1 });
  await remember('one', '22');
}, 120_000);
afterAll(() => {
  remove();
  rmSync(root, { recursive: true, force: true });
});

const at = (...names: readonly string[]) => join(root, ...names);

async function remember(cut: string, day: string): Promise<void> {
  const now = `2021-03-${day}T13:00:00+01:00`;
  await goOn(Number(day), now);
  await backUp(cut);
  cpSync(at('data'), at(cut), { recursive: true });
  const { shardCount, past = [] } = readManifest(at('data'))!;
  const timeMs = new Date(now).getTime();
  history.push({ cut, stores: shardCount, generation: past.length, answers: await answers('data'), timeMs });
}

async function goOn(number: number, now: string): Promise<void> {
  const world = await World.open({ persistence: await openPersistence({ folder: at('data') }), now });
  const [nobody, somebody] = [world.citizen(makeTaxCode(500 + number)), world.citizen(SOMEBODY)];
  const id = (kind: number) => `c${number}${kind}`.padStart(32, 'e');
  expect(await nobody.do({ kind: 'enrol' }, id(1))).toMatchObject({ ok: true });
  expect(await nobody.do({ kind: 'enableCashback', hpan: hpan(500 + number) }, id(2))).toMatchObject({ ok: true });
  const holder = { accountHolderCF: SOMEBODY, accountHolderName: 'A', accountHolderSurname: 'B' };
  const iban = { kind: 'setIban', iban: makeIban(number), ...holder } as const;
  expect(await somebody.do(iban, id(3))).toMatchObject({ ok: true });
  const payment = { hpan: hpan(20), at: NOW, cents: 1_000 + number, id: `AFTER${number}` };
  expect(await world.pay(payment)).toMatchObject({ status: 'counted' });
  await world.engine.close();
  await world.persistence.close();
  expect(world.faults).toEqual([]);
}

async function answers(name: string): Promise<unknown> {
  const copy = at(`${name}-asked`);
  cpSync(at(name), copy, { recursive: true });
  const world = await World.open({
    persistence: await openPersistence({ folder: copy }),
    now: '2021-03-25T12:00:00+01:00',
  });
  const all = await answersOf(world.engine, fixture);
  const own = [await world.citizen(SOMEBODY).wallet(), await world.citizen(SOMEBODY).payments(2)];
  await world.engine.close();
  await world.persistence.close();
  rmSync(copy, { recursive: true });
  return [all, own];
}

async function backUp(cut: string, { data = 'data', to = 'backup' } = {}): Promise<void> {
  const atRest = await openAtRest(at(data));
  try {
    const writer = await BackupWriter.open({ source: atRest.source, folder: at(to) });
    expect(await writer.cut(cut, NOON, 'always')).toMatchObject({ hasBase: true });
    await writer.close();
  } finally {
    await atRest.close();
  }
}

async function restored(name: string, options: Partial<RestoreOptions> = {}): Promise<Restored> {
  const made = await restoreBackup({ backup: at('backup'), folder: at(name), ...options });
  expect((await verifyFolder(at(name))).differences, name).toEqual([]);
  return made;
}

test('every cut is restored with the stores that it is of, and answers as the folder did then', async () => {
  for (const { cut, stores, generation, answers: told } of history) {
    expect(await restored(`${cut}-based`, { until: { cut } })).toMatchObject({ base: cut, damagedBases: [] });
    expect(await restored(`${cut}-folded`, { until: { cut }, withoutBase: true })).toMatchObject({ base: null });
    for (const way of ['based', 'folded']) {
      expect(await valuesIn(at(`${cut}-${way}`)), `${cut} ${way}`).toEqual(await valuesIn(at(cut)));
    }
    const { shardCount, past = [] } = readManifest(at(`${cut}-based`))!;
    expect({ stores: shardCount, generation: past.length }).toEqual({ stores, generation });
    expect(await answers(`${cut}-folded`)).toEqual(told);
  }
  expect(new Set(history.map(({ answers: told }) => JSON.stringify(told))).size).toBe(history.length);
  expect(history.map(({ stores, generation }) => [stores, generation])).toEqual([
    [2, 0],
    [3, 1],
    [1, 2],
  ]);
  const { ok, checked } = await inspectBackup(new BackupReader(at('backup')));
  expect({ ok, checked }).toMatchObject({ ok: true, checked: { cuts: 3, bases: 3 } });
}, 120_000);

test('an instant is in the stores that there were then; where they were dealt out, in the new ones', async () => {
  const [{ timeMs, answers: told }] = history as [Then];
  await restored('earlier', { until: { timeMs: timeMs - 1 } });
  expect(readManifest(at('earlier'))!.shardCount).toBe(2);
  await restored('then', { until: { timeMs } });
  expect(readManifest(at('then'))!.shardCount).toBe(3);
  expect(await answers('then')).toEqual(told);
});

test('a restored folder is dealt out again, and a backup begun after a reshard holds what was before it', async () => {
  await restored('again', { until: { cut: 'three' } });
  await reshardFolder(at('again'), { storeCount: 2 });
  await backUp('fresh', { data: 'again', to: 'fresh-backup' });
  await restored('fresh', { backup: at('fresh-backup'), withoutBase: true });
  expect(await valuesIn(at('fresh'))).toEqual(await valuesIn(at('again')));
  // What has gone another way since is no part of the old backup.
  for (const data of ['again', 'two']) {
    await expect(backUp('other', { data })).rejects.toMatchObject({ code: 'BACKUP_OTHER_HISTORY' });
  }
  expect(await inspectBackup(new BackupReader(at('backup')))).toMatchObject({ ok: true });
});

test('until all that was before has come, and every new store has begun, a restore ends in the stores before', async () => {
  cpSync(at('backup'), at('begun'), { recursive: true });
  cpSync(at('backup.keys'), at('begun.keys'), { recursive: true });
  // As a kill in the middle of the first backup after the second reshard.
  rmSync(at('begun', 'store-2.0'), { recursive: true });
  await restored('before', { backup: at('begun') });
  expect(await valuesIn(at('before'))).toEqual(await valuesIn(at('three')));
  const told = { ok: false, differences: [expect.stringContaining('cut one'), expect.stringContaining('base one')] };
  expect(await inspectBackup(new BackupReader(at('begun')))).toMatchObject(told);
  await expect(restored('one-again', { backup: at('begun'), until: { cut: 'one' } })).rejects.toMatchObject({
    code: 'BACKUP_DAMAGED',
  });
});

test('fault 63: a key erased after it is erased in every cut from before, whichever store made it', async () => {
  cpSync(at('data'), at('erased'), { recursive: true });
  cpSync(at('backup'), at('erased-backup'), { recursive: true });
  cpSync(at('backup.keys'), at('erased-backup.keys'), { recursive: true });
  expect(await readable('erased')).toEqual([true, true]);
  await erase('erased', CITIZENS);
  expect(await readable('erased')).toEqual([false, false]);
  await backUp('erased', { data: 'erased', to: 'erased-backup' });
  for (const [number, cut] of ['two', 'one', 'erased'].entries()) {
    const options = { backup: at('erased-backup'), until: { cut }, withoutBase: number % 2 === 0 };
    // With yesterday's keys: the lists of the backup say who is gone.
    await restored(`erased-${cut}`, { ...options, ...(cut === 'erased' ? {} : { keys: at('backup.keys') }) });
    expect(await readable(`erased-${cut}`)).toEqual(cut === 'two' ? [false, null] : [false, false]);
  }
});

/** With keys of the first stores and of later ones. */
const CITIZENS = [SOMEBODY, makeTaxCode(521)];

/** Where a citizen's wallet is; no row of who was never there. */
function walletIn({ stores }: FolderAtRest, taxCode: string) {
  const key = stores[0]!.vault.digest(citizenKeyText(taxCode));
  const { rows, vault } = stores[partitionOf(key) % stores.length]!;
  return { vault, wallet: rows.get('wallet', partitionOf(key), key, '')?.value };
}

async function erase(name: string, taxCodes: readonly string[]): Promise<void> {
  const opened = await openAtRest(at(name));
  for (const taxCode of taxCodes) {
    const { vault, wallet } = walletIn(opened, taxCode);
    await vault.erase(wallet!.slot);
  }
  await opened.close();
}

/** Null: was never there. */
async function readable(name: string): Promise<readonly (boolean | null)[]> {
  const opened = await openAtRest(at(name));
  const found = CITIZENS.map((taxCode) => {
    const { vault, wallet } = walletIn(opened, taxCode);
    return wallet === undefined ? null : vault.hasKey(wallet.slot);
  });
  await opened.close();
  return found;
}

test('the past of a wallet is told over all generations, from the folder and from the backup', async () => {
  for (const { cut, timeMs } of history) {
    const [folder, backup, before] = [
      await pastOfFolder(at('data')),
      await pastOfBackup(at('backup')),
      await pastOfFolder(at(cut)),
    ];
    const tell = (from: typeof folder) => pastWallet(from.source, SOMEBODY, timeMs).finally(from.close);
    const then = await tell(before);
    expect(then.wallet?.iban).not.toBeNull();
    expect(await tell(folder), cut).toEqual(then);
    expect(await tell(backup), cut).toEqual(then);
    // As out of the folder of a running engine: from the archive and from what the stores say is not there.
    const { source, close } = await openAtRest(at('data'));
    const tails = await tailsOf(source);
    expect(tails.tails.every(({ first, records }) => first > 1 && records.length > 0)).toBe(true);
    expect(await tell(await pastOfTails(tails)).finally(close), cut).toEqual(then);
  }
});

test('rows that are damaged are made anew out of the journals of all generations', async () => {
  cpSync(at('data'), at('damaged'), { recursive: true });
  const path = join(storePaths(at('damaged'), { generation: 2, index: 0 }).rows, 'data.mdb');
  const bytes = readFileSync(path);
  for (let page = 8_192 + 100; page < bytes.length; page += 512) bytes[page]! ^= 1;
  writeFileSync(path, bytes);
  expect((await rebuildFolder(at('damaged'), { rowCount: 20 })).differences).toEqual([]);
  expect(await valuesIn(at('damaged'))).toEqual(await valuesIn(at('data')));
  expect(readdirSync(at('damaged', 'store-2.0'))).not.toContain('rows-aside');
});
