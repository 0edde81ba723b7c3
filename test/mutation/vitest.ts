/**
 * What tests see as `vitest` while mutants run: they are collected once for each thread, and numbered. Vitest itself
 * takes half a second of a processor for each mutant, most of it to start; a thread with bundled tests a sixth.
 */
import { chai, JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);
export const { expect } = chai;

type Body = (...values: readonly unknown[]) => unknown;

export interface Test {
  readonly id: string;
  readonly name: string;
  /** The outermost first: that of its file. */
  readonly suites: readonly Suite[];
  readonly body: Body;
}

export interface Suite extends Readonly<Record<'beforeAll' | 'beforeEach' | 'afterEach' | 'afterAll', Body[]>> {
  readonly name: string;
}

let [file, tests, suites]: [string, Test[], readonly Suite[]] = ['', [], []];

/** All tests of one file, whose name tells them from those of other files. */
export async function collect(name: string, load: () => Promise<unknown>): Promise<readonly Test[]> {
  [file, tests, suites] = [name, [], [newSuite(name)]];
  await load();
  return tests;
}

function newSuite(name: string): Suite {
  return { name, beforeAll: [], beforeEach: [], afterEach: [], afterAll: [] };
}

function addTest(name: string, ...rest: readonly unknown[]): void {
  tests.push({ id: `${file} ${tests.length} ${name}`, name, suites, body: bodyOf(rest) });
}

function addSuite(name: string, ...rest: readonly unknown[]): void {
  const outer = suites;
  suites = [...outer, newSuite(name)];
  bodyOf(rest)();
  suites = outer;
}

/** Options may come before it, and a time after it: neither matters to a mutant. */
function bodyOf(rest: readonly unknown[]): Body {
  return rest.find((one) => typeof one === 'function') as Body;
}

type Add = (name: string, ...rest: readonly unknown[]) => void;

function forEachRow(add: Add) {
  return (rows: readonly unknown[]): Add =>
    (name, ...rest) => {
      const body = bodyOf(rest);
      // A list among other values is a value.
      const isTable = rows.every(Array.isArray);
      for (const row of rows) {
        const values: readonly unknown[] = isTable ? (row as readonly unknown[]) : [row];
        add(name.replace(/%\w/, String(values[0])), () => body(...values));
      }
    };
}

const skip: Add = () => {};

export const describe = Object.assign(addSuite, { each: forEachRow(addSuite) });
export const test = Object.assign(addTest, {
  each: forEachRow(addTest),
  skipIf: (isSkipped: boolean) => (isSkipped ? skip : addTest),
  runIf: (isRun: boolean) => (isRun ? addTest : skip),
});
export const beforeAll = (body: Body) => void suites.at(-1)!.beforeAll.push(body);
export const beforeEach = (body: Body) => void suites.at(-1)!.beforeEach.push(body);
export const afterEach = (body: Body) => void suites.at(-1)!.afterEach.push(body);
export const afterAll = (body: Body) => void suites.at(-1)!.afterAll.push(body);
