/** Stryker's way to the tests of a room: bundled once, then a thread for each mutant. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { rolldown } from 'rolldown';
import { ROOMS } from './rooms.ts';
import type { Task, Told } from './thread.ts';

/** What each test takes of the processor. */
type Durations = Readonly<Record<string, number>>;

interface MutantRun {
  readonly testFilter?: readonly string[];
  readonly hitLimit?: number;
  readonly activeMutant: {
    readonly id: string;
    readonly fileName: string;
    readonly location: { readonly start: { readonly line: number } };
  };
  readonly mutantActivation: 'runtime' | 'static';
}

interface Place {
  readonly fileName: string;
  readonly line: number;
}

interface Ended {
  readonly passed: readonly Extract<Told, { kind: 'passed' }>[];
  readonly failed: Extract<Told, { kind: 'failed' }> | null;
  readonly coverage: unknown;
  readonly isTimeout: boolean;
}

/**
 * A test may use this much more of the processor than it does without a mutant, before it counts as one that never ends.
 * Not of the clock: on a busy machine that finds endless loops where there are none.
 */
const SLOWER_MAX = 4;
/** It may also be the first of its file. */
const LOADING_CPU_MS = 400;
const LOOK_EVERY_MS = 100;
/** One that uses less than this between two looks, so many times in a row, waits for what never comes. */
const IDLE_CPU_MS = 2;
const IDLE_LOOKS_MAX = 30;

/** What a mutant may cost that nobody notices: more tests would notice more, and a room take hours. */
const TESTS_CPU_MS_MAX = 5_000;

/** All else is bundled: loading packages file by file is most of what a thread would do. */
const NATIVE = /^(node:|lmdb$|msgpackr$)/;

/** Of the test of a file, and of one that noticed a mutant in the very line: against one that noticed any. */
const NAMESAKE_WEIGHT = 100;
const NEAR_WEIGHT = 100;

const DURATIONS = '.tmp/bundle/durations.json';

class ThreadRunner {
  readonly #folder = resolve('.tmp/bundle', process.env.STRYKER_MUTATOR_WORKER ?? '0');
  readonly #room = ROOMS[process.env.MUTATION_ROOM!]!;
  /** What each test has noticed so far. */
  readonly #kills = new Map<string, Place[]>();

  /** Every thread loads its files anew. */
  capabilities() {
    return { reloadEnvironment: true };
  }

  /** Here is the sandbox: a copy of the project, with all mutants in it. */
  async init(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    const build = await rolldown({
      input: {
        thread: 'test/mutation/thread.ts',
        ...Object.fromEntries(this.#room.tests.map((path) => [nameOf(path), path])),
      },
      platform: 'node',
      external: NATIVE,
      logLevel: 'silent',
      resolve: { alias: { vitest: resolve('test/mutation/vitest.ts') } },
    });
    await build.write({
      dir: this.#folder,
      format: 'esm',
      entryFileNames: '[name].mjs',
      chunkFileNames: '[name]-[hash].mjs',
    });
    await build.close();
  }

  /** Remembers how long each test takes, for all runners: what is quick and notices much goes first. */
  async dryRun() {
    const { passed, failed, coverage } = await this.#run({ files: this.#files(), tests: null, mutant: null }, null);
    if (failed !== null) return { status: 'error', errorMessage: `${failed.test}: ${failed.message}` };
    writeFileSync(DURATIONS, JSON.stringify(Object.fromEntries(passed.map(({ test, cpuMs }) => [test, cpuMs]))));
    const tests = passed.map(({ test, cpuMs }) => ({ id: test, name: test, timeSpentMs: cpuMs, status: 0 }));
    return { status: 'complete', tests, mutantCoverage: coverage };
  }

  async mutantRun({ testFilter, hitLimit, activeMutant, mutantActivation }: MutantRun) {
    const mutant = { id: activeMutant.id, isStatic: mutantActivation === 'static', hitLimit };
    const durations: Durations = JSON.parse(readFileSync(DURATIONS, 'utf8'));
    const place = { fileName: activeMutant.fileName, line: activeMutant.location.start.line };
    const costs = new Map(Object.entries(durations).map(([test, ms]) => [test, ms / this.#promise(test, place)]));
    const cost = (test: string) => costs.get(test)!;
    let cpuMs = 0;
    const tests = (testFilter ?? Object.keys(durations))
      .toSorted((left, right) => cost(left) - cost(right))
      .filter((test, index) => {
        cpuMs += durations[test]!;
        return index === 0 || cpuMs < TESTS_CPU_MS_MAX;
      });
    const { passed, failed, isTimeout } = await this.#run({ files: [], tests, mutant }, durations);
    if (isTimeout || (failed !== null && failed.hitCount > (hitLimit ?? Number.POSITIVE_INFINITY))) {
      return { status: 'timeout' };
    }
    if (failed === null) return { status: 'survived', nrOfTests: passed.length };
    const { test, message } = failed;
    this.#kills.set(test, [...(this.#kills.get(test) ?? []), place]);
    return { status: 'killed', killedBy: [test], failureMessage: message, nrOfTests: passed.length + 1 };
  }

  /** How much may be hoped of a test: it bears the name of the file, or has noticed something near. */
  #promise(test: string, { fileName, line }: Place): number {
    const isNamesake = test.includes(`-${basename(fileName, '.ts')}.test `);
    const near = (this.#kills.get(test) ?? []).map((other) =>
      other.fileName === fileName ? 1 + NEAR_WEIGHT / (1 + Math.abs(other.line - line)) : 1,
    );
    return near.reduce((sum, weight) => sum + weight, isNamesake ? NAMESAKE_WEIGHT : 1);
  }

  #files(): readonly string[] {
    return this.#room.tests.map((path) => `./${nameOf(path)}.mjs`);
  }

  /** @param durations null: there is no limit yet */
  #run(task: Omit<Task, 'without'>, durations: Durations | null): Promise<Ended> {
    const program = pathToFileURL(join(this.#folder, 'thread.mjs'));
    const thread = new Worker(program, {
      workerData: { ...task, without: this.#room.without ?? [] },
      stdout: true,
      stderr: true,
    });
    const passed: Extract<Told, { kind: 'passed' }>[] = [];
    let failed: Ended['failed'] = null;
    let coverage: unknown;
    let [isDone, isTimeout] = [false, false];
    let [begunCpuMs, lookedCpuMs, idleLooks] = [cpuMsUsed(), cpuMsUsed(), 0];
    const timer = setInterval(() => {
      const cpuMs = cpuMsUsed();
      idleLooks = cpuMs - lookedCpuMs < IDLE_CPU_MS ? idleLooks + 1 : 0;
      lookedCpuMs = cpuMs;
      const usualMs = LOADING_CPU_MS + (durations === null ? Infinity : (durations[task.tests![passed.length]!] ?? 0));
      isTimeout ||= cpuMs - begunCpuMs > SLOWER_MAX * usualMs || idleLooks > IDLE_LOOKS_MAX;
      if (isTimeout) void thread.terminate();
    }, LOOK_EVERY_MS);
    thread.on('message', (told: Told) => {
      begunCpuMs = cpuMsUsed();
      if (told.kind === 'passed') passed.push(told);
      if (told.kind === 'failed') failed ??= told;
      if (told.kind === 'done') [isDone, coverage] = [true, told.coverage];
      if (told.kind === 'failed' || told.kind === 'done') void thread.terminate();
    });
    // Of a mistake that no test waits for, or while the files are loaded.
    thread.on('error', (error) => {
      failed ??= { kind: 'failed', test: passed.at(-1)?.test ?? 'the first', message: String(error), hitCount: 0 };
    });
    return new Promise((settle) => {
      thread.on('exit', () => {
        clearInterval(timer);
        // A thread that ended without a word had nothing left to wait for: a test would never have ended.
        settle({ passed, failed, coverage, isTimeout: isTimeout || (!isDone && failed === null) });
      });
    });
  }
}

function cpuMsUsed(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function nameOf(path: string): string {
  return path.replaceAll('/', '-').replace(/\.ts$/, '');
}

export const strykerPlugins = [{ kind: 'TestRunner', name: 'threads', injectableClass: ThreadRunner }];
