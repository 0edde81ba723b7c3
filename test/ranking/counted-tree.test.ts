// Method: a million rows live through every kind of churn that could leave blocks half empty; after each kind the
// memory that the tree says it holds is divided by its rows, and the structure is checked. Thousands in the smallest
// blocks do so on shelves that are soon full or short, and all their indexes must agree with a sorted list.
import { describe, expect, test } from 'vitest';
import { BrokenInvariant } from '../../engine/assert.ts';
import { CountedTree } from '../../engine/ranking/counted-tree.ts';
import { compareStandings, ROW_WORDS, type Rows, writeRow } from '../../engine/ranking/row.ts';
import { Random, seed } from '../support/random.ts';
import { START_MS } from './crowd.ts';

const BYTES_PER_ENTRY_MAX = 42;
const MILLION = 1_000_000;

/** The rows that are in the tree, as a plain unordered list. */
class Herd {
  readonly tree: CountedTree;
  readonly #random: Random;
  readonly #rows: Rows;
  readonly #row: Rows = new Uint32Array(ROW_WORDS);

  constructor(random: Random, countMax: number, blockRows?: number) {
    const compareTies = () => {
      throw new Error('random rows do not tie');
    };
    this.tree = new CountedTree({ compareTies, ...(blockRows === undefined ? {} : { blockRows }) });
    this.#random = random;
    this.#rows = new Uint32Array(countMax * ROW_WORDS);
  }

  load(count: number): void {
    for (let index = 0; index < count; index += 1) {
      this.#randomize((index * 2 ** 32) / count, 1_000);
      this.#rows.set(this.#row, index * ROW_WORDS);
    }
    let loaded = 0;
    this.tree.load(count, (piece) => {
      piece.set(this.#rows.subarray(loaded, loaded + piece.length));
      loaded += piece.length;
    });
  }

  /** Rows whose first word is near `center`, within `spread`. */
  insert(count: number, center: number, spread: number): void {
    for (let done = 0; done < count; done += 1) {
      this.#randomize(center, spread);
      this.#rows.set(this.#row, this.tree.count * ROW_WORDS);
      expectTrue(this.tree.insert(this.#row));
    }
  }

  move(count: number, center: number, spread: number): void {
    for (let done = 0; done < count; done += 1) {
      const at = this.#random.below(this.tree.count) * ROW_WORDS;
      const before = this.#rows.subarray(at, at + ROW_WORDS);
      this.#randomize(center, spread);
      expectTrue(this.tree.move(before, this.#row) === 'moved');
      before.set(this.#row);
    }
  }

  /** Removes rows at random among those that `isChosen`, until `count` stay. */
  removeTo(count: number, isChosen: (firstWord: number) => boolean = () => true): void {
    while (this.tree.count > count) {
      const at = this.#random.below(this.tree.count) * ROW_WORDS;
      if (!isChosen(this.#rows[at]!)) continue;
      const row = this.#rows.subarray(at, at + ROW_WORDS);
      expectTrue(this.tree.remove(row));
      row.set(this.#rows.subarray(this.tree.count * ROW_WORDS, (this.tree.count + 1) * ROW_WORDS));
    }
  }

  check(after: string): void {
    this.tree.checkInvariants();
    const bytesPerEntry = this.tree.bytes / this.tree.count;
    expect(bytesPerEntry, `seed=${seed} after ${after}`).toBeLessThanOrEqual(BYTES_PER_ENTRY_MAX);
  }

  /** Each row's index against all rows sorted by their first words. */
  checkIndexes(after: string): void {
    this.tree.checkInvariants();
    const due = Array.from({ length: this.tree.count }, (_, index) => index).sort(
      (left, right) =>
        this.#rows[left * ROW_WORDS]! - this.#rows[right * ROW_WORDS]! ||
        this.#rows[left * ROW_WORDS + 1]! - this.#rows[right * ROW_WORDS + 1]!,
    );
    for (const [index, row] of due.entries()) {
      const held = this.tree.indexOf(this.#rows.subarray(row * ROW_WORDS, (row + 1) * ROW_WORDS));
      if (held !== index) expect.fail(`seed=${seed} after ${after}: index ${held}, due ${index}`);
    }
  }

  #randomize(center: number, spread: number): void {
    for (let word = 0; word < ROW_WORDS; word += 1) this.#row[word] = this.#random.next() * 2 ** 32;
    this.#row[0] = center + this.#random.next() * spread;
  }
}

/** `expect` a million times takes longer than the tree. */
function expectTrue(condition: boolean): void {
  if (!condition) expect.fail(`seed=${seed}: a row is not where it was put`);
}

test('an entry takes at most 42 bytes, all in, whatever a million of them went through', () => {
  const herd = new Herd(new Random(seed), 1.1 * MILLION);
  const everywhere = 2 ** 32 - 1;
  herd.load(MILLION);
  herd.check('a million were loaded');
  herd.move(0.15 * MILLION, 0, everywhere);
  herd.check('many random moves');
  herd.insert(0.1 * MILLION, 2 ** 30, 2 ** 20);
  herd.check('a crowd came into one place');
  herd.removeTo(MILLION);
  herd.check('as many left at random');
  herd.move(0.05 * MILLION, 2 ** 31, 2 ** 16);
  herd.check('many moved to one place');
  herd.removeTo(0.9 * MILLION, (word) => word < 2 ** 30);
  herd.check('the first quarter thinned out');
});

test('memory is given back when everybody leaves', () => {
  const herd = new Herd(new Random(seed), 50_000);
  const empty = herd.tree.bytes;
  herd.insert(50_000, 0, 2 ** 32 - 1);
  herd.removeTo(0);
  herd.tree.checkInvariants();
  // One spare segment may stay, and the directory, which is small.
  expect(herd.tree.bytes).toBeLessThan(empty + 2 ** 20 + 50_000);
});

test('indexes stay right while small shelves split, even out and merge', () => {
  const random = new Random(seed);
  const herd = new Herd(random, 4_000, 16);
  const spread = 2 ** 31;
  herd.load(1_000);
  for (let step = 0; step < 12; step += 1) {
    herd.insert(250, random.below(2 ** 31), spread / 2 ** random.below(8));
    herd.checkIndexes(`insert ${step}`);
    herd.move(250, random.below(2 ** 31), spread / 2 ** random.below(8));
    herd.checkIndexes(`move ${step}`);
  }
  while (herd.tree.count > 0) {
    const edge = random.below(2 ** 32);
    const isRight = random.below(2) === 0;
    const isChosen = (word: number) => word < edge === isRight || random.below(20) === 0;
    herd.removeTo(Math.max(0, herd.tree.count - 250), isChosen);
    herd.checkIndexes(`${herd.tree.count} are left`);
  }
});

/** So many citizens, each behind the one before, of whom those with one count are tied. */
function rowsOf(counts: readonly number[]): readonly Rows[] {
  return counts.map((count, index) => {
    const row: Rows = new Uint32Array(ROW_WORDS);
    writeRow(row, 0, index.toString(16).padStart(32, '0'), { count, lastTrxMs: START_MS, termsMs: START_MS });
    return row;
  });
}

/** In blocks of 16; ties go by the last word. */
function treeOf(rows: readonly Rows[]): { readonly tree: CountedTree; readonly pieces: readonly Rows[] } {
  const tree = new CountedTree({ blockRows: 16, compareTies: (left, at, right, to) => left[at + 7]! - right[to + 7]! });
  const pieces: Rows[] = [];
  let next = 0;
  tree.load(rows.length, (piece) => {
    for (let at = 0; at < piece.length; at += ROW_WORDS, next += 1) piece.set(rows[next]!, at);
    pieces.push(piece);
  });
  return { tree, pieces };
}

test('copies of any length are all rows, and never part those that are tied', () => {
  // Alone, few, as many as fill blocks, and alone again.
  const counts = [90, 90, 89, 88, 88, 88, ...new Array(70).fill(87), 86, 86, 85, ...new Array(14).fill(84), 83, 82];
  const rows = rowsOf(counts);
  const { tree } = treeOf(rows);
  for (const rowsMin of [1, 2, 3, 14, 15, 16, 17, 40, 90, 97, 98, 99]) {
    let last: Rows | null = null;
    for (let from = 0; from < rows.length; ) {
      let end = Math.min(from + rowsMin, rows.length);
      while (end < rows.length && compareStandings(rows[end - 1]!, 0, rows[end]!, 0) === 0) end += 1;
      const copy: Rows = tree.copyAfter(last, rowsMin);
      expect([...copy], `from ${from}, at least ${rowsMin}`).toEqual(rows.slice(from, end).flatMap((row) => [...row]));
      last = copy.slice(-ROW_WORDS);
      from = end;
    }
    expect(tree.copyAfter(last, rowsMin)).toHaveLength(0);
  }
});

test('a move says what came of it, and makes none unless a row was there and another was not', () => {
  const [first, second, third] = rowsOf([3, 2, 1]) as [Rows, Rows, Rows];
  const { tree } = treeOf([first, second]);
  expect(tree.move(third, first)).toBe('not there');
  expect(tree.move(first, second)).toBe('already there');
  expect([first, second, third].map((row) => tree.indexOf(row))).toEqual([0, 1, -1]);
  expect(tree.move(first, third)).toBe('moved');
  expect([first, second, third].map((row) => tree.indexOf(row))).toEqual([-1, 0, 1]);
});

test('what it says to hold is the memory of its blocks, and of the columns that lead there', () => {
  const { tree, pieces } = treeOf(rowsOf(Array.from({ length: 20_000 }, (_, index) => 30_000 - index)));
  const columns = tree.bytes - 2 ** 20;
  // A fence, an entry and a shelf are 16 bytes; a quarter of the places on shelves is free, and the last fifth may be.
  expect(columns).toBeGreaterThan(16 * pieces.length);
  expect(columns).toBeLessThan(28 * pieces.length);
});

describe('rows that were changed behind its back are noticed', () => {
  const rows = rowsOf(Array.from({ length: 40 }, (_, index) => 100 - index));
  const expectBroken = (changed: readonly Rows[], change: (pieces: readonly Rows[]) => void = () => {}) => {
    const { tree, pieces } = treeOf(changed);
    change(pieces);
    expect(() => tree.checkInvariants()).toThrow(BrokenInvariant);
  };
  const swapped = (left: number, right: number) => rows.with(left, rows[right]!).with(right, rows[left]!);

  test('as they are, they are right; one of zeros, which has the most payments that can be, comes first', () => {
    treeOf(rows).tree.checkInvariants();
    treeOf([new Uint32Array(ROW_WORDS), ...rows]).tree.checkInvariants();
  });

  test('two in the wrong order, within a block and over its edge', () => {
    for (let index = 0; index < rows.length - 1; index += 1) expectBroken(swapped(index, index + 1));
  });

  test('the same one twice', () => {
    expectBroken(rows.with(7, rows[6]!));
  });

  test('a first one that is not where its block is said to begin', () => {
    expectBroken(rows, ([first]) => {
      first![1]! -= 1;
    });
  });
});
