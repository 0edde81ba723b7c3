// Method: a small folder, and everything that may be wrong with it, with where it is to go, or with the moment. Each is
// refused by its code, and afterwards there is nothing under the name that was asked for, and nothing hidden beside it.
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeTaxCode, PARTITION_COUNT } from '../../engine/index.ts';
import { exportBackup, exportFolder, openAtRest, openPersistence, verifyFolder } from '../../snapshots/index.ts';
import { SLOT_BYTES } from '../../snapshots/vault.ts';
import { Programs } from '../support/programs.ts';
import { hpan, World } from '../support/world.ts';
import { Archive } from './reader.ts';

let folder: string;
let programs: Programs;
beforeAll(async () => {
  programs = new Programs();
  folder = mkdtempSync(join(tmpdir(), 'clickday-export-refused-'));
  const persistence = await openPersistence({ folder: at('sound'), shardCount: 2 });
  const world = await World.open({ persistence, now: '2020-12-07T10:00:00+01:00' });
  for (let number = 0; number < 4; number += 1) {
    const citizen = world.citizen(makeTaxCode(number));
    await citizen.enrol();
    await citizen.enable(hpan(number));
  }
  world.at('2020-12-10T10:00:00+01:00');
  await world.pay({ hpan: hpan(1), at: '2020-12-09T10:00:00+01:00', cents: 1_000 });
  await world.engine.close();
  await persistence.close();
});
afterAll(async () => {
  await programs.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  for (const name of ['data', 'to']) rmSync(at(name), { recursive: true, force: true });
  cpSync(at('sound'), at('data'), { recursive: true });
});

const at = (...names: readonly string[]) => join(folder, ...names);

function options(to = 'to') {
  return { to: at(to), format: 'csv', hasPersonalData: true, nowMs: 0 } as const;
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'done',
    (fault: { readonly code?: unknown }) => fault.code,
  );
}

const exporting = (data = 'data', to = 'to') => codeOf(exportFolder(at(data), options(to)));

function expectNothing(): void {
  expect(existsSync(at('to'))).toBe(false);
  expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
}

describe('where it goes', () => {
  test('a folder that holds anything stays as it is; an empty one is filled', async () => {
    mkdirSync(at('to'));
    writeFileSync(join(at('to'), 'note'), 'mine');
    expect(await exporting()).toBe('FOLDER_NOT_EMPTY');
    expect(readdirSync(at('to'))).toEqual(['note']);
    rmSync(join(at('to'), 'note'));
    expect(await exporting()).toBe('done');
    expect(new Archive(at('to')).complaints()).toEqual([]);
  });

  test('a file, a place within the folder itself, and a name that another export is filling', async () => {
    writeFileSync(at('to'), 'a file');
    expect(await exporting()).toBe('FOLDER_NOT_WRITABLE');
    expect(readFileSync(at('to'), 'utf8')).toBe('a file');
    rmSync(at('to'));
    expect(await exporting('data', 'data/export')).toBe('EXPORT_INSIDE_DATA');
    expect(await exporting('data', 'data')).toBe('EXPORT_INSIDE_DATA');
    expect(await codeOf(exportBackup({ backup: at('data') }, options('data/export')))).toBe('EXPORT_INSIDE_DATA');
    cpSync(at('sound'), at('other'), { recursive: true });
    const both = await Promise.all([exporting(), exporting('other')]);
    expect(both.sort()).toEqual(['EXPORT_UNDER_WAY', 'done']);
    expect(new Archive(at('to')).complaints()).toEqual([]);
  });
});

describe('what it is made of', () => {
  test('no folder, an empty one, one that is in use, one in which nothing ever happened', async () => {
    mkdirSync(at('empty'));
    expect([await exporting('none'), await exporting('empty')]).toEqual(['FOLDER_MISSING', 'FOLDER_MISSING']);
    expect(readdirSync(at('empty'))).toEqual([]);
    expectNothing();
    const persistence = await openPersistence({ folder: at('data') });
    expect(await exporting()).toBe('FOLDER_IN_USE');
    await persistence.close();
    expectNothing();
    await (await openPersistence({ folder: at('fresh') })).close();
    expect(await exporting('fresh')).toBe('PROGRAMME_MISSING');
    expect(await codeOf(exportBackup({ backup: at('none') }, options()))).toBe('BACKUP_MISSING');
    expectNothing();
  });

  test('a row that is not what the journal says is what `verify` says', async () => {
    await raiseCashback();
    const { differences } = await verifyFolder(at('data'));
    const fault = await exportFolder(at('data'), options()).catch((error: Error) => error);
    expect(fault).toMatchObject({ code: 'FOLDER_DIFFERS' });
    expect((fault as Error).message).toContain(differences[0]);
    expectNothing();
  });

  test('a manifest, and keys, that are damaged: nobody is left out for that', async () => {
    // Which store has whom is drawn anew with each folder's keys.
    for (const name of readdirSync(at('data', 'keys')).filter((one) => one.endsWith('.slots'))) {
      const bytes = readFileSync(at('data', 'keys', name));
      for (let slot = 0; slot < bytes.length; slot += SLOT_BYTES) bytes[slot + 40]! ^= 1;
      writeFileSync(at('data', 'keys', name), bytes);
    }
    expect(await exporting()).toBe('KEYS_DAMAGED');
    expectNothing();
    appendFileSync(join(at('data'), 'manifest.json'), 'x');
    expect(await exporting()).toBe('MANIFEST_DAMAGED');
    rmSync(join(at('data'), 'manifest.json'));
    expect(await exporting()).toBe('MANIFEST_MISSING');
    expectNothing();
  });
});

/** In every record, and with the checksum that such a row would have. */
async function raiseCashback(): Promise<void> {
  const { stores, close } = await openAtRest(at('data'));
  for (const { rows } of stores) {
    for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
      for (const [{ entity, sub }, { sequence, value }] of rows.scan('record', partition)) {
        const address = { table: 'record', partition, entity, sub } as const;
        await rows.write([{ address, sequence, value: value.map((entry) => ({ ...entry, scoreCents: 100_000 })) }]);
      }
    }
  }
  await close();
}

describe('clickday export', () => {
  const run = (...words: readonly string[]) => programs.run('export', ...words);
  const words = ['--data', () => at('data'), '--to', () => at('to')];
  const line = () => words.map((word) => (typeof word === 'string' ? word : word()));

  test('wrong arguments are refused before anything is opened, with exit code 2', async () => {
    const wrongs = [
      [['--data', at('data')], /--to/],
      [[...line(), '--format', 'xml'], /--format is csv or jsonl, not "xml"/],
      [[...line(), '--cut', 'x'], /--cut and --keys need --backup/],
      [[...line(), '--memory', 'much'], /--memory is a number of megabytes/],
      [[...line(), '--without-data'], /there is no option --without-data/],
    ] as const;
    const ends = await Promise.all(wrongs.map(([wrong]) => run(...wrong)));
    expect(ends.map(({ code, err }) => [code, err])).toEqual(
      wrongs.map(([, said]) => [2, expect.stringMatching(said)]),
    );
    expectNothing();
  });

  test('writes what it says, names nobody where that is asked, and fails with exit code 1', async () => {
    const { code, out, err } = await run(...line(), '--format', 'jsonl', '--without-personal-data', '--json');
    expect([code, err]).toEqual([0, '']);
    const archive = new Archive(at('to'));
    expect(archive.complaints()).toEqual([]);
    expect(archive.manifest.hasPersonalData).toBe(false);
    const { files } = JSON.parse(out) as { readonly files: readonly { name: string; rows: number }[] };
    expect(files.find(({ name }) => name === 'citizens.jsonl')?.rows).toBe(4);
    expect(await run(...line())).toMatchObject({ code: 1, err: expect.stringMatching(/is not empty/) });
    expect(await run('--data', at('none'), '--to', at('to'))).toMatchObject({ code: 1 });
  });

  test('a death at any moment leaves nothing that looks whole, and the next export removes what it left', async () => {
    for (const point of ['exported-payments', 'exported-manifest']) {
      process.env.CLICKDAY_KILL_AT = `${point}:1`;
      const { code, err } = await run(...line()).finally(() => delete process.env.CLICKDAY_KILL_AT);
      expect([code, err], point).toEqual([1, expect.stringMatching(/ended by SIGKILL/)]);
      expect(existsSync(at('to')), point).toBe(false);
    }
    expect(readdirSync(folder)).toContain('.to.exporting');
    expect((await run(...line())).code).toBe(0);
    expect(new Archive(at('to')).complaints()).toEqual([]);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
