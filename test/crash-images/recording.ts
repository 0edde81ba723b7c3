/**
 * A real server under load, several times over in one folder, with everything written down that it asked of the disk and
 * everything that it promised: what the images of a power cut at any moment are made of, and judged by.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { openFolderIdentity } from '../../server/index.ts';
import { Crowd, type Promised, type PromisedRow } from '../kill/crowd.ts';
import { PROGRAM, Victim } from '../kill/victim.ts';
import type { Random } from '../support/random.ts';
import { type Logged, LogReader } from './disk-log.ts';

const START = Date.parse('2021-03-01T09:00:00Z');
const DAY_MS = 86_400_000;

/** What happened below the place that was watched; the data folder lies in it. */
export interface Recording {
  readonly logged: Logged;
  readonly promised: readonly Promised[];
  readonly rows: readonly PromisedRow[];
  /** LMDB's lock tables as the last process left them, with readers that are no more; by path. */
  readonly locks: Readonly<Record<string, Buffer>>;
  /** How each process ended, and what it said. */
  readonly ends: readonly { readonly by: string; readonly errors: string }[];
  /** A time after all of it. */
  readonly nowMs: number;
}

export const DATA = 'data';

export interface RecordingPlan {
  readonly shards: number;
  /** Of one process after the other. */
  readonly lives: readonly Life[];
}

export interface Life {
  readonly checkpointRows: number;
  /** Of each citizen. */
  readonly actions: number;
  /** Killed after so many promises, if it has not done all before; undefined = stopped in order. */
  readonly killedAfter?: number;
  /** See RECORDER_FAIL. */
  readonly fail?: string;
  /** See RECORDER_KILL. */
  readonly kill?: string;
}

/** Any number of processes that end in any way. */
export function anyPlan(random: Random): RecordingPlan {
  const lives = Array.from({ length: 3 }, (): Life => {
    const file = random.pick(['/journal', '/rows', '/archive', '.slots']);
    const flush = `${file}:${1 + random.below(file === '.slots' ? 3 : 40)}`;
    const ends: readonly Partial<Life>[] = [
      {},
      { killedAfter: 1 + random.below(400) },
      { fail: flush },
      { kill: flush },
    ];
    return { checkpointRows: random.pick([40, 200, 1_500]), actions: 25, ...random.pick(ends) };
  });
  return { shards: 1 + random.below(3), lives };
}

/** @returns the library to preload; null: this machine has no compiler of C */
export function compileRecorder(folder: string): string | null {
  if (!['/usr/bin/cc', '/usr/bin/gcc'].some((path) => existsSync(path))) return null;
  const library = join(folder, 'recorder.so');
  const source = resolve('test/crash-images/recorder.c');
  execFileSync('cc', ['-O2', '-shared', '-fPIC', '-o', library, source, '-ldl', '-pthread']);
  return library;
}

export interface RecordOptions {
  /** An empty one: the place that is watched lies in it, and the logs. */
  readonly folder: string;
  readonly library: string;
  readonly random: Random;
  readonly plan: RecordingPlan;
}

export function placeOf(folder: string): string {
  return join(folder, 'place');
}

export async function record({ folder, library, random, plan }: RecordOptions): Promise<Recording> {
  const place = placeOf(folder);
  mkdirSync(place, { recursive: true });
  const data = join(place, DATA);
  const logged = new LogReader(place);
  const ends: { by: string; errors: string }[] = [];
  let crowd: Crowd | null = null;
  for (const [index, life] of plan.lives.entries()) {
    const nowMs = START + index * DAY_MS;
    const log = join(folder, `${index}.log`);
    const environment = {
      LD_PRELOAD: library,
      RECORDER_FOLDER: place,
      RECORDER_LOG: log,
      RECORDER_FAIL: life.fail ?? '',
      RECORDER_KILL: life.kill ?? '',
    };
    const now = new Date(nowMs).toISOString();
    const { checkpointRows, killedAfter } = life;
    const victim = new Victim({
      ...{ program: PROGRAM, folder: data, now, shards: plan.shards, programme: 'italy-2020' },
      ...{ killAt: '', checkpointRows, environment },
    });
    const url = await victim.url;
    if (url !== undefined) {
      crowd ??= new Crowd(random, await openFolderIdentity(data));
      if (killedAfter !== undefined) crowd.afterPromises(killedAfter, () => victim.kill());
      await crowd.rage(url, nowMs, life.actions);
    } else if (life.fail === undefined && life.kill === undefined)
      throw new Error(`the engine did not start: ${victim.errors}`);
    if (killedAfter !== undefined) victim.kill();
    ends.push({ by: await victim.stop(), errors: victim.errors });
    logged.add(log);
    rmSync(log);
  }
  const nowMs = START + plan.lives.length * DAY_MS;
  return {
    logged,
    promised: crowd?.promised ?? [],
    rows: crowd?.promisedRows ?? [],
    locks: locksIn(place),
    ends,
    nowMs,
  };
}

function locksIn(place: string): Readonly<Record<string, Buffer>> {
  const paths = readdirSync(place, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('/lock.mdb'));
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(place, path))]));
}

export function saveRecording(path: string, { logged, ...rest }: Recording): void {
  const { entries, starts, end } = logged;
  writeFileSync(path, serialize({ logged: { entries, starts, end }, ...rest } satisfies Recording));
}

export function loadRecording(path: string): Recording {
  return deserialize(readFileSync(path)) as Recording;
}
