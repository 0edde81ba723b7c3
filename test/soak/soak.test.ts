// Method: the soak itself, for four faults of a seed in some twenty seconds, on the compiled server. Then it is shown to
// notice: a promise that nobody made. What it draws and what it says of what it saw are tested on figures written by hand.
// `npm run soak -- --hours 1` is the same for longer.
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Compiled, compile } from '../support/compiled.ts';
import { Random, seed } from '../support/random.ts';
import { drawFaults, FAULTS } from './faults.ts';
import { slopeOf, thinned } from './figures.ts';
import { runSoak, type SoakOptions } from './soak.ts';

const FAULT_COUNT = 4;
const LONG_MS = 600_000;
let crowd: Compiled;

beforeAll(() => {
  crowd = compile('test/soak/crowd-process.ts');
});
afterAll(() => crowd.remove());

function options(): SoakOptions {
  return {
    ...{ seed, crowdProgram: crowd.path, faultCount: FAULT_COUNT, everyMs: 5_000, citizenCount: 200 },
    ...{ peakMs: 500, sampleMs: 500, newestCount: 500, olderCount: 200 },
    say: (line) => console.info(line),
  };
}

test('whatever happens to a server under load, nothing acknowledged is lost or doubled', {
  timeout: LONG_MS,
}, async () => {
  const { broken, keptFolder, happened, checked, samples, growth, ...seen } = await runSoak(options());
  expect(broken).toEqual([]);
  expect(keptFolder).toBeNull();
  expect(happened).toHaveLength(FAULT_COUNT);
  expect(growth).toHaveLength(FAULT_COUNT);
  expect(samples.length).toBeGreaterThan(0);
  expect(checked.commandCount).toBeGreaterThan(600); // Everybody has enrolled, with a card and an IBAN.
  expect(checked.rowCount).toBeGreaterThan(0);
  expect(seen.pushes).toBeGreaterThan(0);
  expect(seen.ownFound).toBeGreaterThan(0);
  expect(seen.foreignFound).toBe(0);
});

test('a promise that nobody made is missed, and the folder is kept', { timeout: LONG_MS }, async () => {
  const short = { faultCount: 1, everyMs: 1_000, citizenCount: 20, faults: FAULTS.filter(isKill) };
  const { broken, keptFolder, happened } = await runSoak({ ...options(), ...short, isPlanted: true });
  rmSync(keptFolder!, { recursive: true });
  expect(happened).toHaveLength(1);
  expect(broken[0]).toMatch(`seed ${seed}, after engine killed: commands: 1 lost`);
  expect(broken[1]).toMatch(/after engine killed: command \w{32} of citizen 0 \(enrol\) is lost: .*"not-done"/);
});

function isKill({ name }: { readonly name: string }): boolean {
  return name === 'engine killed';
}

describe('the faults', () => {
  const names = (count: number) => drawFaults(new Random(seed), count, 60).map(({ name }) => name);

  test('are the same for the same seed, and each comes at least once an hour', () => {
    expect(names(120)).toEqual(names(120));
    for (const from of [0, 60]) expect(new Set(names(120).slice(from, from + 60)).size).toBe(FAULTS.length);
  });

  test('each comes at most once where there are fewer than kinds', () => {
    expect(new Set(names(FAULTS.length)).size).toBe(FAULTS.length);
    expect(new Set(names(4)).size).toBe(4);
  });

  test('leave one process alone in the last third of an hour', () => {
    const deadly = FAULTS.flatMap(({ name, endsProcess }) => (endsProcess === true ? [name] : []));
    expect(names(60).slice(40)).not.toEqual(expect.arrayContaining([expect.stringMatching(deadly.join('|'))]));
    expect(names(60).slice(0, 40)).toEqual(expect.arrayContaining(deadly));
  });
});

describe('what was seen', () => {
  test('grows as the straight line through it', () => {
    expect(slopeOf([])).toBe(0);
    expect(slopeOf([[3, 5]])).toBe(0);
    expect(slopeOf([0, 1, 2, 3].map((along) => [along, 7 + 2.5 * along]))).toBeCloseTo(2.5, 9);
  });

  test('is drawn with no more points than fit', () => {
    const points = Array.from({ length: 1_000 }, (_, at) => [at, at] as const);
    expect(thinned(points, 360)).toHaveLength(334);
    expect(thinned(points.slice(0, 5), 360)).toEqual(points.slice(0, 5));
  });
});
