// Method: the names of all tests are read, and the numbers of the faults that they name are held against the catalogue.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CATALOGUE = [...range(1, 41), ...range(71, 76), 83];
/** No test names these yet. */
const MISSING: readonly number[] = [];

test('each fault of disk, process, commands and life cycle has a test that names its number', () => {
  const tested = new Set(testTexts().flatMap(faultsNamed));
  expect(CATALOGUE.filter((fault) => !tested.has(fault))).toEqual(MISSING);
});

test('numbers are read as people write them', () => {
  expect(faultsNamed("test('fault 12: a bit')")).toEqual([12]);
  expect(faultsNamed("test('faults 1-3, 23 and 33: kills')")).toEqual([1, 2, 3, 23, 33]);
  expect(faultsNamed("test('no default of 7')")).toEqual([]);
});

function testTexts(): readonly string[] {
  return readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && !import.meta.filename.endsWith(name))
    .map((name) => withoutComments(readFileSync(join(ROOT, name), 'utf8')));
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1');
}

function faultsNamed(text: string): readonly number[] {
  return [...text.matchAll(/\bfaults? (?<list>\d+(?:(?:-|, | and )\d+)*)/g)].flatMap(({ groups }) =>
    groups!.list!.split(/, | and /).flatMap((part) => {
      const [first, last] = part.split('-').map(Number) as [number, number?];
      return range(first, last ?? first);
    }),
  );
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
