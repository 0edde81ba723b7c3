/** Examines many images with as many processes as there are cores, and sums up what they found. */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Examined, type ExplorerOptions, LOCKS, type Lock } from './explorer.ts';
import { WINDOWS } from './image.ts';

export interface Exploration extends ExplorerOptions {
  /** Compiled. */
  readonly checker: string;
  /** Of the recorder. */
  readonly library: string;
  /** Paths of recordings; image i is of number i % their count. */
  readonly recordings: readonly string[];
  readonly first: number;
  readonly count: number;
  /** Told after each image how many are done. */
  readonly done?: (images: number) => void;
}

export const FINDINGS = ['lost', 'doubled', 'unopenable', 'differences'] as const;
export type Finding = (typeof FINDINGS)[number];

export interface Summary {
  readonly images: number;
  /** Images by what was under way; one may count for several. */
  readonly windows: Readonly<Record<string, number>>;
  /** Images in which it was found. */
  readonly found: Readonly<Record<Finding, number>>;
  /** Images opened by the system that wrote them; of all, those with LMDB's lock table as it was, torn, missing. */
  readonly sameBoot: number;
  readonly locks: Readonly<Record<Lock, number>>;
  /** Of all images together: what was asked for. */
  readonly promises: number;
  /** A line for each image that is not as it should be. */
  readonly problems: readonly string[];
}

const PROCESSES = 2;
/** A memory of the machine's is as good a disk for an image that nobody keeps. */
const FAST = '/dev/shm';

export async function explore(exploration: Exploration): Promise<Summary> {
  const place = mkdtempSync(join(existsSync(FAST) ? FAST : tmpdir(), 'clickday-images-'));
  const { first, count, seed } = exploration;
  let next = first;
  const examined: Examined[] = [];
  const work = async (number: number) => {
    const checker = new Checker(exploration, join(place, String(number)));
    while (next < first + count) {
      next += 1;
      examined.push(await checker.examine(next - 1));
      exploration.done?.(examined.length);
    }
    checker.stop();
  };
  try {
    await Promise.all(Array.from({ length: PROCESSES }, (_, number) => work(number)));
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
  return summaryOf(examined, seed);
}

/** Of an image that ended its process. */
const UNKNOWN: Examined = {
  ...{ image: -1, moment: -1, windows: [], promised: 0, isSameBoot: false, lock: 'missing' },
  ...{ lost: [], doubled: [], unopenable: [], differences: [] },
};

class Checker {
  readonly #exploration: Exploration;
  readonly #place: string;
  #child: ChildProcess | null = null;

  constructor(exploration: Exploration, place: string) {
    this.#exploration = exploration;
    this.#place = place;
  }

  async examine(image: number): Promise<Examined> {
    const child = this.#running();
    return new Promise((resolve) => {
      const ended = (code: number | null, signal: string | null) => {
        this.#child = null;
        resolve({ ...UNKNOWN, image, unopenable: [`its process ended by ${signal ?? code}`] });
      };
      child.once('exit', ended);
      child.once('message', (examined) => {
        child.off('exit', ended);
        resolve(examined as Examined);
      });
      child.send(image);
    });
  }

  stop(): void {
    this.#child?.disconnect();
  }

  #running(): ChildProcess {
    const { checker, library, recordings, seed, liesAbout, haste, window, life } = this.#exploration;
    const options: ExplorerOptions = { seed, liesAbout, haste, window, life };
    this.#child ??= fork(checker, [this.#place, JSON.stringify(options), ...recordings], {
      execArgv: [],
      env: { ...process.env, LD_PRELOAD: library },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    return this.#child;
  }
}

function summaryOf(examined: readonly Examined[], seed: number): Summary {
  const counted = (isSo: (one: Examined) => boolean) => examined.filter(isSo).length;
  const windows = WINDOWS.map((window) => [window, counted((one) => one.windows.includes(window))] as const);
  return {
    images: examined.length,
    windows: Object.fromEntries([...windows, ['idle', counted((one) => one.windows.length === 0)]]),
    found: Object.fromEntries(
      FINDINGS.map((finding) => [finding, counted((one) => one[finding].length > 0)]),
    ) as Summary['found'],
    sameBoot: counted((one) => one.isSameBoot),
    locks: Object.fromEntries(LOCKS.map((lock) => [lock, counted((one) => one.lock === lock)])) as Summary['locks'],
    promises: examined.reduce((sum, { promised }) => sum + promised, 0),
    problems: examined.flatMap((one) => problemsOf(one, seed)),
  };
}

function problemsOf(one: Examined, seed: number): string[] {
  const texts = FINDINGS.flatMap((finding) => one[finding].slice(0, 3).map((text) => `${finding}: ${text}`));
  if (texts.length === 0) return [];
  return [`seed=${seed} image=${one.image} moment=${one.moment} (${one.windows.join(', ')}): ${texts.join('; ')}`];
}
