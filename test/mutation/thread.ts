/** Runs the tests that a mutant has to survive, all of one process's memory being its own; the first that fails ends it. */
import { parentPort, workerData } from 'node:worker_threads';
import { collect, type Suite, type Test } from './vitest.ts';

export interface Task {
  /** Where `tests` are null. */
  readonly files: readonly string[];
  /** Names of tests and suites that nobody asks. */
  readonly without: readonly string[];
  /** In the order in which to run them; null: all, as they come. */
  readonly tests: readonly string[] | null;
  readonly mutant: { readonly id: string; readonly isStatic: boolean; readonly hitLimit: number | undefined } | null;
}

export type Told =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'passed'; readonly test: string; readonly cpuMs: number }
  | { readonly kind: 'failed'; readonly test: string; readonly message: string; readonly hitCount: number }
  | { readonly kind: 'done'; readonly coverage: unknown };

/** The variables that instrumented code looks at. */
interface Instruments {
  activeMutant?: string;
  currentTestId?: string | undefined;
  hitCount?: number;
  hitLimit?: number | undefined;
  mutantCoverage?: unknown;
}

const { files, without, tests, mutant }: Task = workerData;
const instruments: Instruments = {};
(globalThis as unknown as { __stryker__: Instruments }).__stryker__ = instruments;

if (mutant?.isStatic) activate();
const loaded = new Map<string, readonly Test[]>();
const begun = new Set<Suite>();
if (tests === null) {
  for (const file of files) for (const test of await load(file)) if (!isLeftOut(test)) await run(test);
} else {
  // A file is loaded when it is its turn: most mutants are noticed by then.
  for (const id of tests) await run((await load(fileOf(id))).find((test) => test.id === id)!);
}
for (const { afterAll } of begun) for (const hook of afterAll) await hook();
end({ kind: 'done', coverage: instruments.mutantCoverage });

async function load(file: string): Promise<readonly Test[]> {
  const known = loaded.get(file);
  if (known !== undefined) return known;
  if (mutant?.isStatic === false) delete instruments.activeMutant;
  const all = await collect(file, () => import(new URL(file, import.meta.url).href));
  loaded.set(file, all);
  if (mutant !== null) activate();
  tell({ kind: 'loaded' });
  return all;
}

function fileOf(id: string): string {
  return id.slice(0, id.indexOf(' '));
}

function isLeftOut({ name, suites }: Test): boolean {
  return [name, ...suites.map((suite) => suite.name)].some((one) => without.includes(one));
}

function activate(): void {
  instruments.activeMutant = mutant!.id;
  instruments.hitCount ??= 0;
  instruments.hitLimit = mutant!.hitLimit;
}

async function run({ id, suites, body }: Test): Promise<void> {
  const before = process.cpuUsage();
  try {
    // What a suite begins with is its first test's: as nobody's, all tests of the room would be asked about it.
    instruments.currentTestId = id;
    await begin(suites);
    for (const { beforeEach } of suites) for (const hook of beforeEach) await hook();
    await body();
    for (const { afterEach } of suites.toReversed()) for (const hook of afterEach) await hook();
  } catch (error) {
    end({ kind: 'failed', test: id, message: String(error), hitCount: instruments.hitCount ?? 0 });
  }
  instruments.currentTestId = undefined;
  const { user, system } = process.cpuUsage(before);
  tell({ kind: 'passed', test: id, cpuMs: (user + system) / 1_000 });
}

async function begin(suites: readonly Suite[]): Promise<void> {
  for (const suite of suites) {
    if (begun.has(suite)) continue;
    begun.add(suite);
    for (const hook of suite.beforeAll) await hook();
  }
}

function tell(told: Told): void {
  parentPort!.postMessage(told);
}

/** Waits to be ended: a thread that exits by itself may take its last words with it. */
function end(told: Told): void {
  tell(told);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
