// Method: healthy folders and folders with one thing wrong are shown to the doctor, who must find that and nothing else;
// the command line is asked the same about a folder in which something was set aside.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Examining, examineFolder } from '../../snapshots/examine.ts';
import { damagePath, markDamage } from '../../snapshots/lmdb/damage-mark.ts';
import { writeManifest } from '../../snapshots/lmdb/folder.ts';
import { blameText } from '../../snapshots/quarantine.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickday-doctor-'));
  mkdirSync(join(folder, 'keys'), { mode: 0o700 });
  writeFileSync(join(folder, 'keys', 'master.key'), 'secret', { mode: 0o600 });
  writeFileSync(join(folder, 'lock'), '');
  writeManifest(folder, { format: 2, folderId: 'doctor', shardCount: 1, createdAt: '2021-03-01T09:00:00Z' });
  mkdirSync(join(folder, 'store-0', 'journal'), { recursive: true });
  mkdirSync(join(folder, 'store-0', 'archive'));
  writeFileSync(join(folder, 'store-0', 'journal', 'data.mdb'), 'pages');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A disk takes a millisecond to flush, as told by the clock that is given; what else there is, this machine has. */
function examine(more: Partial<Examining> = {}, flushMs = 1) {
  let nowMs = 0;
  const monotonicMs = () => {
    nowMs += flushMs;
    return nowMs;
  };
  const startMs = Date.now() + 1_000;
  const realMs = () => startMs + nowMs;
  return examineFolder({ folder, realMs, monotonicMs, descriptorLimit: 20_000, ...more });
}

/** About which things somebody should act; how full this machine's disk is, is its own affair. */
function unwell(findings = examine()): readonly string[] {
  return findings.filter(({ isWell, about }) => !isWell && about !== 'space').map(({ about }) => about);
}

test('finds nothing wrong with a folder that is well', () => {
  expect(unwell()).toEqual([]);
  expect(examine().find(({ about }) => about === 'lock')?.text).toBe('no engine works here now');
});

test('says whether an engine works there, without touching its lock', () => {
  const script = `const { examineFolder } = await import(process.argv[1]); const text = JSON.stringify(examineFolder({
    folder: process.argv[2], realMs: Date.now, monotonicMs: () => performance.now(), descriptorLimit: 9999 })); console.log(text)`;
  const examiner = new URL('../../dist/snapshots/examine.js', import.meta.url).href;
  const node = [process.execPath, '--input-type=module', '-e', script, examiner, folder];
  const held = execFileSync('flock', [join(folder, 'lock'), ...node], { encoding: 'utf8' });
  expect(held).toContain('an engine works here now');
});

test.each<[string, string, () => readonly string[]]>([
  ['a flush that no disk is quick enough for', 'flush', () => unwell(examine({}, 0.01))],
  ['a flush that everybody waits for', 'flush', () => unwell(examine({}, 80))],
  ['few files', 'limits', () => unwell(examine({ descriptorLimit: 1_024 }))],
  ['a date in 1970', 'clock', () => unwell(examine({ realMs: () => 0, monotonicMs: () => 0 }).filter(isClock))],
  ['a date that is being set', 'clock', () => unwell(examine({ realMs: settingClock() }).filter(isClock))],
  [
    'a key that others may read',
    'rights',
    () => {
      chmodSync(join(folder, 'keys', 'master.key'), 0o644);
      return unwell();
    },
  ],
  [
    'a journal from the future',
    'clock',
    () => {
      const tomorrow = Date.now() / 1_000 + 86_400;
      utimesSync(join(folder, 'store-0', 'journal', 'data.mdb'), tomorrow, tomorrow);
      return unwell();
    },
  ],
  [
    'a disk that will be full in days',
    'growth',
    () => {
      for (const name of ['1', '2']) {
        const path = join(folder, 'store-0', 'archive', name);
        writeFileSync(path, '');
        truncateSync(path, 2 ** 42);
        const yesterday = Date.now() / 1_000 - 86_400;
        utimesSync(path, yesterday, yesterday);
      }
      return unwell();
    },
  ],
  [
    'what was set aside',
    'set aside',
    () => {
      const setAside = [{ name: 'command a 1', at: '2021-03-01T09:00:00Z' }];
      writeFileSync(join(folder, 'store-0', 'set-aside.json'), blameText({ suspects: [], setAside }));
      return unwell();
    },
  ],
  [
    'a row that was found damaged',
    'rows',
    () => {
      markDamage(damagePath(join(folder, 'store-0')), new Error('row wallet ab of partition 1 fails its checksum'));
      return unwell();
    },
  ],
  [
    'a list of that which is damaged',
    'deaths',
    () => {
      writeFileSync(join(folder, 'store-0', 'set-aside.json'), '{');
      return unwell();
    },
  ],
])('finds %s, and nothing else', (_name, about, examined) => {
  expect(examined()).toEqual([about]);
});

const isClock = ({ about }: { readonly about: string }) => about === 'clock';

/** An hour on at the second look. */
function settingClock(): () => number {
  const startMs = Date.now();
  let looks = 0;
  return () => {
    looks += 1;
    return startMs + (looks - 1) * 3_600_000;
  };
}

test('fault 18: tells an operator of what was set aside with exit code 1, and lets it go when asked', () => {
  const setAside = [{ name: 'command 00ff 0193c1a0', at: '2021-03-01T09:00:00Z' }];
  writeFileSync(join(folder, 'store-0', 'set-aside.json'), blameText({ suspects: [], setAside }));
  const program = new URL('../../dist/client/cli/main.js', import.meta.url).pathname;
  const run = (...words: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words, '--data', folder, '--json']);
    return { status, out: String(stdout), err: String(stderr) };
  };
  expect(run('doctor')).toMatchObject({ status: 1, out: expect.stringContaining('clickday release') });
  expect(JSON.parse(run('doctor').out).findings.at(-1)).toMatchObject({ about: 'versions', isWell: true });
  expect(run('release', 'nobody')).toMatchObject({ status: 1, err: expect.stringContaining('nothing of that name') });
  expect(JSON.parse(run('release', '0193c1a0').out)).toEqual({ released: ['command 00ff 0193c1a0'] });
  expect(run('release', '0193c1a0').status).toBe(1);
  expect(unwell()).toEqual([]);
});
