// Method: one bug after the other is planted in the sources that a simulation is made of, and must be caught: at the seed
// that the table names, or, where a change of the sources has moved the course of seeds, within so many from the first on.
// The sources as they are pass the same seeds. The long version, always from the first on: `npm run simulate -- --planted`.
import Table from 'cli-table3';
import { expect, test } from 'vitest';
import { bundle, PatchFault, patched, patchedFile } from './bundle.ts';
import { runSeeds } from './children.ts';
import type { Check } from './fault.ts';
import { type Catch, plant } from './planted.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';
import { SMALL_LIMITS } from './small-limits.ts';

const WORKERS = 2;
const SEEDS_MAX = 300;
const CHECKS: readonly Check[] = [
  'acknowledged',
  'refused',
  'recomputed',
  'journal',
  'ended',
  'flushed',
  'replayed',
  'law',
  'contract',
  'broke',
  'liveness',
];

test('a change whose place is gone, or stands there twice, is an error', () => {
  const change = { file: 'a.ts', find: 'one', replace: 'two' };
  expect(patched('one', [change])).toBe('two');
  for (const text of ['', 'one one']) expect(() => patched(text, [change])).toThrow(PatchFault);
  for (const bug of PLANTED_BUGS) expect(patchedFile(bug.file, [bug])).not.toBe(patchedFile(bug.file, []));
});

test(`all ${PLANTED_BUGS.length} planted bugs are caught, and every kind of check catches some`, async () => {
  const caught: Catch[] = [];
  const left = [...PLANTED_BUGS.entries()];
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [number, bug] = next;
      const atHint = await plant(bug, number, bug.seed, 1);
      caught.push(atHint.seed === null ? await plant(bug, number, 1, SEEDS_MAX) : atHint);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  const table = new Table({ head: ['planted bug', 'caught by', 'at seed'], style: { head: [], border: [] } });
  for (const { what, check, seed } of caught) table.push([what, check, seed ?? 'not caught']);
  console.info(table.toString());
  expect(caught.filter(({ seed }) => seed === null).map(({ what }) => what)).toEqual([]);
  const checks = new Set(caught.map(({ check }) => check));
  expect(CHECKS.filter((check) => !checks.has(check))).toEqual([]);
}, 600_000);

test('without them the same seeds pass', async () => {
  const path = await bundle('control', SMALL_LIMITS);
  for (const first of new Set(PLANTED_BUGS.map(({ seed }) => seed))) {
    const [result] = await runSeeds({ path, first, count: 1 }, { workers: 1 });
    expect([first, result?.check, result?.problem]).toEqual([first, null, null]);
  }
}, 300_000);
