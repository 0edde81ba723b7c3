// Method: bits are changed and files cut short in copies of a small folder, in every kind of file; a process of its own
// opens, recomputes and reads all of it. Then rows that are damaged are made anew and give the same answers.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPersistence, rebuildFolder } from '../../snapshots/index.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { Random, seed } from '../support/random.ts';
import { cutShort, type Damage, damageFolders, flipBit, QUICK_FOLDER } from './damage.ts';
import { examine, filesByKind, makeSubject } from './subject.ts';

const CLICKDAY = new URL('../../dist/client/cli/main.js', import.meta.url).pathname;
const PAGE_BYTES = 4_096;
const random = new Random(seed);
const LONG_MS = 300_000;
let program: Compiled;
let place: string;
let whole: string;

beforeAll(async () => {
  program = compile('test/faults/examiner.ts');
  place = mkdtempSync(join(QUICK_FOLDER, 'clickday-faults-'));
  whole = join(place, 'whole');
  await makeSubject(whole);
});
afterAll(() => {
  program.remove();
  rmSync(place, { recursive: true, force: true });
});

const KINDS = [
  'archive',
  'index.key',
  'journal',
  'lock table',
  'manifest.json',
  'master.key',
  'ranking',
  'rows',
  'slots',
  'turn',
];

test('fault 12: a bit changed in any kind of file is noticed or harmless, and never served', {
  timeout: LONG_MS,
}, async () => {
  const { byKind, served, stopped, said } = await damageFolders({
    count: 108,
    random,
    damage: flipBit,
    program: program.path,
  });
  console.info(
    `bits changed: ${JSON.stringify(byKind)}; ended: ${JSON.stringify(stopped)}; ${JSON.stringify([...said])}`,
  );
  expect(served, `seed=${seed}`).toEqual([]);
  expect(Object.keys(byKind).sort()).toEqual(KINDS);
  // Every byte of these means something; a ranking whose end is damaged is as good as none, and made again.
  for (const kind of ['archive', 'index.key']) expect(byKind[kind]!.noticed, kind).toBe(byKind[kind]!.count);
  for (const kind of ['rows', 'slots', 'manifest.json']) expect(byKind[kind]!.noticed, kind).toBeGreaterThan(0);
  // The journal's file is mostly pages that were given back: of eleven bits none may be of a record.
});

test('fault 13: a file cut short, emptied or missing is refused with a cause, or made again', {
  timeout: LONG_MS,
}, async () => {
  const { byKind, served, stopped } = await damageFolders({
    count: 100,
    random,
    damage: cutShort,
    program: program.path,
  });
  console.info(`files cut short: ${JSON.stringify(byKind)}`);
  expect(served, `seed=${seed}`).toEqual([]);
  // A page beyond the end of a mapped file would end the process with SIGBUS.
  expect(
    stopped.filter((line) => line.includes('SIGBUS')),
    `seed=${seed}`,
  ).toEqual([]);
});

test('a change that passes every check is caught: the digest is of what is served', { timeout: LONG_MS }, async () => {
  // Another folder's manifest and keys and all: sound in itself, and not what was there.
  const other = join(place, 'other');
  await (await openPersistence({ folder: other, shardCount: 2 })).close();
  const replace: Damage = (path) => {
    const folder = path.slice(0, path.indexOf('damaged') + 'damaged'.length);
    rmSync(folder, { recursive: true });
    cpSync(other, folder, { recursive: true });
    return 'replaced';
  };
  const { served } = await damageFolders({ count: 1, random, damage: replace, program: program.path });
  expect(served).toHaveLength(1);
});

test('fault 12: rows that are damaged are made anew from archive and journal, and answer as before', {
  timeout: LONG_MS,
}, async () => {
  const good = await examineCopy('good');
  const damaged = join(place, 'damaged');
  cpSync(whole, damaged, { recursive: true });
  for (const name of filesByKind(damaged).get('rows')!) {
    const path = join(damaged, name);
    const bytes = readFileSync(path);
    // Pages of rows, past the two that lead to them.
    for (let at = 8_192 + 100; at < bytes.length; at += 512) bytes[at]! ^= 1 << random.below(8);
    writeFileSync(path, bytes);
  }
  const inspection = await rebuildFolder(damaged, { rowCount: 20 });
  expect(inspection.differences).toEqual([]);
  expect(readdirSync(join(damaged, 'store-0')).sort()).toEqual(['archive', 'journal', 'rows', 'turn']);
  expect(await examine(damaged)).toEqual({ digest: good });
});

test('fault 12: where a damaged page ends whoever reads it, the one who verifies says which store, and what to do', {
  timeout: LONG_MS,
}, async () => {
  const damaged = join(place, 'deadly');
  cpSync(whole, damaged, { recursive: true });
  const path = join(damaged, 'store-1', 'rows', 'data.mdb');
  const bytes = readFileSync(path);
  // Each page says where on it its rows begin: far behind the end of the file.
  for (let at = 2 * PAGE_BYTES; at < bytes.length; at += PAGE_BYTES) bytes.fill(0xff, at + 24, at + 32);
  writeFileSync(path, bytes);
  const verb = (name: string) => spawnSync(process.execPath, [CLICKDAY, name, '--data', damaged], { encoding: 'utf8' });
  expect(verb('verify')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/ended by SIG(BUS|SEGV) while it read store-1\/rows\n.*clickday rebuild/),
  });
  expect(verb('rebuild')).toMatchObject({ status: 0 });
  expect(verb('verify')).toMatchObject({ status: 0, stdout: expect.stringContaining('the folder is sound') });
});

test('fault 12: making rows anew dies at any point, and goes on when it is called again', {
  timeout: LONG_MS,
}, async () => {
  const good = await examineCopy('good-too');
  const died = new Error('died');
  for (let point = 1, isDone = false; !isDone; point += 4) {
    const folder = join(place, `dying-${point}`);
    cpSync(whole, folder, { recursive: true });
    let left = point;
    const onPoint = () => {
      left -= 1;
      if (left === 0) throw died;
    };
    const first = await rebuildFolder(folder, { rowCount: 10, onPoint }).catch((error: unknown) => error);
    isDone = first !== died;
    expect((await rebuildFolder(folder, { rowCount: 10 })).differences, `point ${point}`).toEqual([]);
    expect(await examine(folder), `point ${point}`).toEqual({ digest: good });
    rmSync(folder, { recursive: true });
  }
});

async function examineCopy(name: string): Promise<string | undefined> {
  const folder = join(place, name);
  cpSync(whole, folder, { recursive: true });
  return (await examine(folder)).digest;
}
