// Method: the same seeded changes drive four small blocks and four plain sorted lists; after each step every block must
// have the rows of its list at the same indexes. Every row of a block, and every gap, is searched for between bounds of
// all kinds: they are where to guess, never what to believe.
import { expect, test } from 'vitest';
import { Blocks } from '../../engine/ranking/blocks.ts';
import type { Bounds } from '../../engine/ranking/interpolation.ts';
import { compareStandings, ROW_WORDS, type Rows, standingKey, writeRow } from '../../engine/ranking/row.ts';
import { Random, seed } from '../support/random.ts';

const BLOCK_ROWS = 16;
const BLOCKS = 4;
const START_MS = Date.UTC(2021, 0, 1);
const ANYWHERE: Bounds = Float64Array.of(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);

/** Rows are told apart by their first word. */
function makeRow(value: number): Rows {
  return new Uint32Array(ROW_WORDS).fill(value);
}

class Shelf {
  readonly blocks = new Blocks(BLOCK_ROWS, compareStandings);
  readonly lists: number[][] = Array.from({ length: BLOCKS }, () => []);
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
    this.blocks.reserve(BLOCKS);
  }

  step(): void {
    const block = this.#random.below(BLOCKS);
    const list = this.lists[block]!;
    const action = this.#random.below(10);
    if (action < 5 && list.length < BLOCK_ROWS) this.#insert(block, this.#random.below(2 ** 32));
    else if (action < 8 && list.length > 0) this.#remove(block, this.#random.below(list.length));
    else this.#moveOver(this.#random.below(BLOCKS - 1));
  }

  check(where: string): void {
    for (const [block, list] of this.lists.entries()) {
      const rows = this.blocks.rowsAround(block);
      const held = list.map((_, index) => rows[this.blocks.wordOf(block, index)]);
      expect(held, `${where} block=${block}`).toEqual(list);
      const firstWords = this.blocks.rowsOf(block, list.length).filter((_, word) => word % ROW_WORDS === 0);
      expect([...firstWords], `${where} block=${block}`).toEqual(list);
    }
  }

  #insert(block: number, value: number): void {
    const list = this.lists[block]!;
    const index = ~this.blocks.find(block, list.length, makeRow(value), ANYWHERE);
    this.blocks.insert(block, list.length, index, makeRow(value));
    list.push(value);
    list.sort((left, right) => left - right);
    expect(this.blocks.find(block, list.length, makeRow(value), ANYWHERE)).toBe(list.indexOf(value));
  }

  #remove(block: number, index: number): void {
    const list = this.lists[block]!;
    this.blocks.remove(block, list.length, index);
    list.splice(index, 1);
  }

  /** Values need not ascend over the edge: only the places matter here. */
  #moveOver(left: number): void {
    const [leftList, rightList] = [this.lists[left]!, this.lists[left + 1]!];
    if (this.#random.below(2) === 0) {
      const moved = Math.min(this.#random.below(leftList.length + 1), BLOCK_ROWS - rightList.length);
      this.blocks.moveRight(left, leftList.length, left + 1, rightList.length, moved);
      rightList.unshift(...leftList.splice(leftList.length - moved));
    } else {
      const moved = Math.min(this.#random.below(rightList.length + 1), BLOCK_ROWS - leftList.length);
      this.blocks.moveLeft(left, leftList.length, left + 1, rightList.length, moved);
      leftList.push(...rightList.splice(0, moved));
    }
    for (const list of [leftList, rightList]) if (!isAscending(list)) this.#empty(this.lists.indexOf(list));
  }

  #empty(block: number): void {
    while (this.lists[block]!.length > 0) this.#remove(block, 0);
  }
}

function isAscending(values: readonly number[]): boolean {
  return values.every((value, index) => index === 0 || values[index - 1]! < value);
}

test('blocks hold what sorted lists hold, however rows come, go and move over', () => {
  const shelf = new Shelf(new Random(seed));
  for (let step = 0; step < 1_500; step += 1) {
    shelf.step();
    shelf.check(`seed=${seed} step=${step}`);
  }
});

test('a row, or the gap where it belongs, is found wherever guesses lead', () => {
  const random = new Random(seed);
  const blocks = new Blocks(64, compareStandings);
  blocks.reserve(1);
  const citizen = '0'.repeat(32);
  const row: Rows = new Uint32Array(ROW_WORDS);
  for (let round = 0; round < 400; round += 1) {
    // Clusters of instants, in one count or in several.
    const spread = 2 ** random.below(42);
    const counts = random.pick([1, 1, 2, 60]);
    const standings = Array.from({ length: 2 * (1 + random.below(64)) }, () => ({
      count: 50 + random.below(counts),
      lastTrxMs: START_MS + Math.floor(random.next() ** random.pick([1, 8]) * spread),
      termsMs: random.below(3),
    }));
    const rows = standings.map((standing) => {
      writeRow(row, 0, citizen, standing);
      return row.slice();
    });
    const inOrder = rows
      .sort((left, right) => compareStandings(left, 0, right, 0))
      .filter((each, index) => index === 0 || compareStandings(rows[index - 1]!, 0, each, 0) < 0);
    const held = inOrder.filter((_, index) => index % 2 === 0);
    for (const [index, each] of held.entries()) blocks.insert(0, index, index, each);

    const [first, last] = [standingKey(inOrder[0]!, 0), standingKey(inOrder.at(-1)!, 0)];
    for (const keys of [
      [first, last],
      [first, last + 1],
      [first, Number.POSITIVE_INFINITY],
      [last, last],
    ]) {
      const bounds = Float64Array.from(keys);
      for (const [index, each] of inOrder.entries()) {
        const due = index % 2 === 0 ? index / 2 : ~((index + 1) / 2);
        const found = blocks.find(0, held.length, each, bounds);
        if (found !== due) expect.fail(`seed=${seed} round=${round}: ${found}, due ${due}, between ${keys}`);
      }
    }
  }
});

test('the key of a standing never contradicts the order of standings', () => {
  const random = new Random(seed);
  const citizen = '0'.repeat(32);
  const rows: Rows = new Uint32Array(2 * ROW_WORDS);
  for (let step = 0; step < 20_000; step += 1) {
    const count = random.pick([random.below(3), random.below(5_000), random.below(2 ** 32)]);
    const lastTrxMs = Math.floor(random.next() * 2 ** 48);
    const other = {
      count: random.pick([count, Math.max(0, count - 1), random.below(2 ** 32)]),
      lastTrxMs: random.pick([lastTrxMs, Math.max(0, lastTrxMs - 1 - random.below(2 ** 20)), 0, 2 ** 48 - 1]),
      termsMs: 0,
    };
    writeRow(rows, 0, citizen, { count, lastTrxMs, termsMs: 0 });
    writeRow(rows, ROW_WORDS, citizen, other);
    const order = compareStandings(rows, 0, rows, ROW_WORDS);
    const difference = standingKey(rows, 0) - standingKey(rows, ROW_WORDS);
    if (order === 0 ? difference !== 0 : difference * order < 0) {
      expect.fail(`seed=${seed} step=${step}: (${count}, ${lastTrxMs}) against ${JSON.stringify(other)}`);
    }
  }
});
