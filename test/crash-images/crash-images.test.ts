// Method: what real servers asked of the disk under load is recorded, with what they promised to whom. From that, images of
// the disk are made as a power cut at any moment may leave it, and each is opened by the real recovery, asked for every
// promise made by then, and recomputed. `npm run crash-images -- --count 20000` is the same for longer. Then it is shown to notice
// disks that lie and servers that promise early.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Compiled, compile } from '../support/compiled.ts';
import { Random, seed } from '../support/random.ts';
import { diskLogOf, UNIMPORTANT } from './disk-log.ts';
import { type Exploration, explore, type Summary } from './explore.ts';
import { WINDOWS, writeImage } from './image.ts';
import { judge } from './promises.ts';
import {
  compileRecorder,
  DATA,
  placeOf,
  type Recording,
  type RecordingPlan,
  record,
  saveRecording,
} from './recording.ts';

const IMAGES = Number(process.env.IMAGES ?? 300);
const LONG_MS = 600_000;
const folder = mkdtempSync(join(tmpdir(), 'clickday-crash-images-'));
const library = compileRecorder(folder);
if (library === null) console.info('left out: power cuts, since this machine has no compiler of C for the recorder');

const random = new Random(seed);
/** Between a sync and the write of a meta page, or in the midst of the other: every second flush is one of them. */
const FAILED_FLUSH = 30 + random.below(20);
/** A segment is synced under its first name, then its folder is: the fourth is of a folder. */
const ARCHIVE_FOLDER_SYNC = 4;
const PLANS: Readonly<Record<string, RecordingPlan>> = {
  killed: {
    shards: 2,
    lives: [
      { checkpointRows: 40, actions: 20, killedAfter: 1 + random.below(300) },
      { checkpointRows: 40, actions: 20, kill: `archive:${ARCHIVE_FOLDER_SYNC}` },
      { checkpointRows: 1_500, actions: 20 },
    ],
  },
  failed: {
    shards: 1,
    lives: [
      { checkpointRows: 200, actions: 15 },
      { checkpointRows: 40, actions: 20, fail: `journal/data.mdb:${FAILED_FLUSH}` },
      { checkpointRows: 40, actions: 15 },
    ],
  },
};

let checker: Compiled;
const recordings = new Map<string, Recording>();

function pathOf(name: string): string {
  return join(folder, `${name}.recording`);
}

function exploring(options: Partial<Exploration> = {}): Promise<Summary> {
  return explore({
    ...{ checker: checker.path, library: library!, recordings: Object.keys(PLANS).map(pathOf) },
    ...{ first: 0, count: 12, seed, liesAbout: '', haste: 0, ...options },
  });
}

describe.skipIf(library === null)('power cuts', () => {
  beforeAll(async () => {
    checker = compile('test/crash-images/checker.ts');
    for (const [name, plan] of Object.entries(PLANS)) {
      mkdirSync(join(folder, name));
      const recording = await record({ folder: join(folder, name), library: library!, random, plan });
      recordings.set(name, recording);
      saveRecording(pathOf(name), recording);
    }
  }, LONG_MS);
  afterAll(() => {
    checker.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  test(
    `faults 2, 6 and 7: ${IMAGES} disks whose power was cut lose nothing acknowledged, double nothing, and open`,
    async () => {
      const { problems, windows, sameBoot, locks, promises } = await exploring({ count: IMAGES });
      console.info(`images ${JSON.stringify({ ...windows, sameBoot, locks })}; promises kept: ${promises}`);
      expect(problems).toEqual([]);
      for (const window of WINDOWS) expect(windows[window], window).toBeGreaterThan(0);
      expect(sameBoot).toBeGreaterThan(0);
    },
    LONG_MS,
  );

  test('a recording holds everything: played to its end, it is the folder as the last process left it', () => {
    for (const [name, { logged }] of recordings) {
      const [made, left] = [join(folder, `${name}-again`), placeOf(join(folder, name))];
      const log = diskLogOf(logged);
      writeImage(log, log.end, null, made);
      const paths = filesIn(made);
      expect(paths).toEqual(filesIn(left).filter((path) => !UNIMPORTANT.test(path)));
      for (const path of paths)
        expect(readFileSync(join(made, path)).equals(readFileSync(join(left, path))), path).toBe(true);
    }
  });

  test(
    'fault 8: a flush that fails once is final: the process stops, and its file is written again at the next start',
    async () => {
      const { logged, ends, promised, rows, nowMs } = recordings.get('failed')!;
      const [, failed, next] = ends;
      expect(failed!.by).toBe('SIGKILL');
      expect(failed!.errors).toContain('stopping, nothing is retried');
      expect(next!.by).toBe('0');

      const [, , restart] = logged.starts;
      const ofJournal = logged.entries.filter(({ path }) => path.endsWith('journal/data.mdb'));
      const failure = ofJournal.find(({ kind, result }) => (kind === 'sync' || kind === 'write') && result < 0)!;
      const later = ofJournal.filter(({ kind, begin }) => kind === 'sync' && begin > failure.end && begin < restart!);
      expect(later).toEqual([]);
      const wholeFile = ofJournal.find(
        ({ kind, begin, offset }) => kind === 'write' && begin > restart! && offset === 0,
      )!;
      expect(wholeFile.bytes.length).toBeGreaterThan(8_192);

      const everything = { promised, rows, unpromised: [], nowMs };
      const verdict = await judge(join(placeOf(join(folder, 'failed')), DATA), everything, random);
      expect(verdict).toEqual({ lost: [], doubled: [], unopenable: [], differences: [] });
    },
    LONG_MS,
  );

  test(
    'fault 8: whatever the disk kept of a failed flush, a power cut after the next start loses nothing',
    async () => {
      const after = { recordings: [pathOf('failed')], life: 2, window: 'recovery' } as const;
      const { problems } = await exploring({ count: Math.ceil(IMAGES / 10), ...after });
      expect(problems).toEqual([]);
    },
    LONG_MS,
  );

  describe('are noticed when', () => {
    test.each([
      ['the journal', '/journal', 'journal'],
      ['the archive', '/archive', 'archive'],
      ['the rows', '/rows', 'checkpoint'],
      ['the keys', '.slots', 'key slot'],
      ['the names of folders', 'data', 'making'],
    ] as const)('a disk lies about %s', async (_, liesAbout, window) => {
      const { found } = await exploring({ liesAbout, window });
      console.info(liesAbout, JSON.stringify(found));
      expect(Object.values(found).some((images) => images > 0)).toBe(true);
    });

    test('a server promises what it has not flushed', async () => {
      const { found } = await exploring({ haste: 200, window: 'journal', count: 24 });
      console.info(`promised early: ${JSON.stringify(found)}`);
      expect(found.lost).toBeGreaterThan(0);
      expect(found.doubled).toBeGreaterThan(0);
    });
  });
});

function filesIn(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(path, name)).isFile())
    .sort();
}
