// Method: the names of all tests are read, and the numbers of the faults and of the press's requirements that they name are held
// against the catalogues. What asks for a load is measured: a suite of `bench/`, or the soak, names it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FAULTS = [...range(1, 51), ...range(64, 76), 83];
const REQUIREMENTS = range(1, 27);
/** A rate for minutes, hours or days. */
const LOADS = [1, 8, 17, 18, 19, 24, 25];

test('each fault of disk, process, commands, peers, load and life cycle has a test that names its number', () => {
  const tested = new Set(testTexts().flatMap(faultsNamed));
  expect(FAULTS.filter((fault) => !tested.has(fault))).toEqual([]);
});

test('each requirement of the press has a test that names its number, or a load that does', () => {
  const tested = new Set(testTexts().flatMap(requirementsNamed));
  const measured = new Set(loadTexts().flatMap((text) => numbersIn(text, /\bR(?<number>\d+)\b/g)));
  const isMissing = (number: number) => !(LOADS.includes(number) ? measured : tested).has(number);
  expect(REQUIREMENTS.filter(isMissing)).toEqual([]);
});

test('numbers are read as people write them', () => {
  expect(faultsNamed("test('fault 12: a bit')")).toEqual([12]);
  expect(faultsNamed("test('faults 1-3, 23 and 33: kills')")).toEqual([1, 2, 3, 23, 33]);
  expect(faultsNamed("test('no default of 7')")).toEqual([]);
});

test('requirements are read as people write them', () => {
  expect(requirementsNamed("test('R4, R14: a card'")).toEqual([4, 14]);
  expect(requirementsNamed("test('fault 75, R20: clients'")).toEqual([20]);
  expect(requirementsNamed("send('R1', 'c')")).toEqual([]);
});

function testTexts(): readonly string[] {
  return readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && !import.meta.filename.endsWith(name))
    .map((name) => withoutComments(readFileSync(join(ROOT, name), 'utf8')));
}

function loadTexts(): readonly string[] {
  return [join(ROOT, '..', 'bench'), join(ROOT, 'soak')].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(folder, name), 'utf8')),
  );
}

/** In what a test is called, before the colon. */
function requirementsNamed(text: string): readonly number[] {
  return [...text.matchAll(/['`](?<list>(?:fault \d+, )?R\d+(?:, R\d+)*): /g)].flatMap(({ groups }) =>
    numbersIn(groups!.list!, /R(?<number>\d+)/g),
  );
}

function numbersIn(text: string, pattern: RegExp): readonly number[] {
  return [...text.matchAll(pattern)].map(({ groups }) => Number(groups!.number));
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
