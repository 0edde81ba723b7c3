// Method: a real folder with bad lines of files, kept and closed by the server's own store between cuts of a backup and in the
// middle of making one; it is restored to each moment, and that store reads there what it said then. Copies are damaged.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { BadLines, ErrorStore } from '../../server/errors/index.ts';
import {
  BackupReader,
  type BackupSource,
  BackupWriter,
  errorsFolder,
  inspectBackup,
  openAtRest,
  openFolderSeal,
  openPersistence,
  restoreBackup,
  type Until,
} from '../../snapshots/index.ts';
import { World } from '../support/world.ts';

const NOW = '2021-02-11T12:00:00+01:00';
const NOW_MS = Date.parse(NOW);

let root: string;
let store: ErrorStore;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'clickday-backup-errors-'));
  await enrol(1, NOW);
  store = await openErrors('data');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const at = (...names: readonly string[]) => join(root, ...names);

async function enrol(number: number, now: string): Promise<void> {
  const persistence = await openPersistence({ folder: at('data'), shardCount: 1 });
  const world = await World.open({ persistence, now });
  await world.citizen(makeTaxCode(number)).enrol();
  await world.engine.close();
  await persistence.close();
}

function openErrors(name: string): Promise<ErrorStore> {
  const unreadable = (file: string) => {
    throw new Error(`${file} cannot be opened`);
  };
  const folder = at(name);
  return ErrorStore.open({ folder: errorsFolder(folder), seal: openFolderSeal(folder, 'errors'), unreadable });
}

async function keep(number: number): Promise<void> {
  const lines = new BadLines();
  lines.add({ line: 1, code: 'WRONG_COLUMNS', text: `line of ${number}` });
  const file = { kind: 'transactions', name: `file-${number}`, sender: '36081', digest: String(number) } as const;
  await store.keep({ ...file, receivedMs: NOW_MS + number }, lines);
}

async function close(number: number): Promise<void> {
  const { errors } = await store.page({ file: `file-${number}`, limit: 1 });
  const closing = { state: 'taken', operator: 'anna', reason: '', closedMs: NOW_MS } as const;
  expect(await store.close(errors[0]!.id, async () => ({ ok: true, value: closing }))).toMatchObject({ ok: true });
}

/** By file, `text` of its line, or how it was closed. */
async function said(of: ErrorStore = store): Promise<readonly string[]> {
  const { errors } = await of.page({ limit: 100 });
  return errors.map(({ file, state, text }) => `${file.name} ${state === 'open' ? text : state}`);
}

type Wrapped = (source: BackupSource) => BackupSource;

async function backUp(cut: string | null, wrapped: Wrapped = (source) => source): Promise<void> {
  const atRest = await openAtRest(at('data'));
  const writer = await BackupWriter.open({ source: wrapped(atRest.source), folder: at('backup') });
  try {
    if (cut === null) await writer.bring();
    else await writer.cut(cut, new Date(NOW_MS + readdirSync(at('backup')).length));
  } finally {
    await writer.close();
    await atRest.close();
  }
}

let restoredCount = 0;
async function restored(until: Until) {
  restoredCount += 1;
  const name = `restored-${restoredCount}`;
  const { errorFileCount, damagedErrors } = await restoreBackup({ backup: at('backup'), folder: at(name), until });
  return { errorFileCount, damagedErrors, said: await said(await openErrors(name)) };
}

const inspected = () => inspectBackup(new BackupReader(at('backup')));
const copies = () => readdirSync(errorsFolder(at('backup'))).filter((name) => /^[0-9a-f]{64}$/.test(name));

test('bad lines come back as they were at a cut, at a moment and at the end', async () => {
  await backUp('none');
  await keep(1);
  await keep(2);
  const first = await said();
  await backUp('first');
  await enrol(2, '2021-02-11T13:00:00+01:00');
  await close(1);
  await keep(3);
  const second = await said();
  await backUp('second');
  await enrol(3, '2021-02-11T14:00:00+01:00');
  await close(2);
  const shipped = await said();
  await backUp(null);
  await keep(4);

  expect(first).toEqual(['file-1 line of 1', 'file-2 line of 2']);
  expect(shipped).toEqual(['file-1 taken', 'file-2 taken', 'file-3 line of 3']);
  const whole = { damagedErrors: [] };
  expect(await restored({ cut: 'none' })).toEqual({ ...whole, errorFileCount: 0, said: [] });
  expect(await restored({ cut: 'first' })).toEqual({ ...whole, errorFileCount: 2, said: first });
  expect(await restored({ cut: 'second' })).toEqual({ ...whole, errorFileCount: 3, said: second });
  expect(await restored('end')).toEqual({ ...whole, errorFileCount: 3, said: shipped });
  expect((await restored({ timeMs: NOW_MS + 1_800_000 })).said).toEqual(first);
  expect((await restored({ timeMs: NOW_MS + 5_400_000 })).said).toEqual(second);
  expect((await restored({ timeMs: NOW_MS + 86_400_000 })).said).toEqual(shipped);
  expect(await inspected()).toMatchObject({ ok: true, checked: { errorFiles: 5 } });
});

test('what is closed, or comes, while records are copied is as it was before them', async () => {
  await keep(1);
  const before = await said();
  let isChanged = false;
  await backUp('during', (source) => ({
    ...source,
    async positions() {
      if (!isChanged) await close(1);
      isChanged = true;
      return source.positions();
    },
  }));
  expect((await restored({ cut: 'during' })).said).toEqual(before);
  await backUp(null);
  expect((await restored('end')).said).toEqual(['file-1 taken']);
  expect((await restored({ cut: 'during' })).said).toEqual(before);
});

test('what comes after rounds of shipping that found nothing new is shipped', async () => {
  await keep(1);
  const atRest = await openAtRest(at('data'));
  const writer = await BackupWriter.open({ source: atRest.source, folder: at('backup') });
  for (let round = 0; round < 5; round += 1) await writer.bring();
  await close(1);
  await keep(2);
  await writer.bring();
  await writer.close();
  await atRest.close();
  expect((await restored('end')).said).toEqual(await said());
});

test('where copying of records fails, the end is as it was told before', async () => {
  await keep(1);
  await backUp(null);
  const before = await said();
  await close(1);
  const failing = backUp(null, (source) => ({ ...source, positions: () => Promise.reject(new Error('died')) }));
  await expect(failing).rejects.toThrow('died');
  expect((await restored('end')).said).toEqual(before);
});

test('a copy goes with the last cut that had it', async () => {
  await keep(1);
  await backUp('first');
  await close(1);
  await backUp('second');
  expect(copies()).toHaveLength(2);
  rmSync(at('backup', 'cuts', 'first.json'));
  await backUp('third');
  expect(copies()).toHaveLength(1);
  expect((await restored({ cut: 'second' })).said).toEqual(['file-1 taken']);
});

test('damage is found by an inspection; a restore tells what is lost, and brings all the rest', async () => {
  await keep(1);
  await keep(2);
  await backUp('cut');
  const [name] = copies();
  const path = join(errorsFolder(at('backup')), name!);
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  const missing = `errors/${name}, the copy of `;
  for (const damage of [() => writeFileSync(path, bytes), () => rmSync(path)]) {
    damage();
    const told = [expect.stringContaining(missing)];
    expect(await inspected()).toMatchObject({ ok: false, differences: told });
    expect(await restored({ cut: 'cut' })).toMatchObject({
      errorFileCount: 1,
      damagedErrors: told,
      said: { length: 1 },
    });
  }
  const list = join(errorsFolder(at('backup')), 'cuts', 'cut.json');
  writeFileSync(list, readFileSync(list, 'utf8').replace('file', 'fi1e'));
  const damagedErrors = [`${list} fails its checksum`];
  expect(await inspected()).toMatchObject({ ok: false, differences: expect.arrayContaining(damagedErrors) });
  expect(await restored({ cut: 'cut' })).toEqual({ errorFileCount: 0, damagedErrors, said: [] });
});
