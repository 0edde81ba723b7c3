// Method: the same seeded changes drive four small blocks and four plain sorted lists; after each step every block must
// have the rows of its list at the same indexes, and still know each of its places once.
import { expect, test } from 'vitest';
import { Blocks } from '../../engine/ranking/blocks.ts';
import { compareStandings, ROW_WORDS, type Rows, standingKey, writeRow } from '../../engine/ranking/row.ts';
import { Random, seed } from '../support/random.ts';

const BLOCK_ROWS = 16;
const BLOCKS = 4;

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
    else if (action === 8) this.#moveOver(this.#random.below(BLOCKS - 1));
    else this.blocks.straighten(block, list.length);
  }

  check(where: string): void {
    for (const [block, list] of this.lists.entries()) {
      expect(this.blocks.isOrderWhole(block), where).toBe(true);
      const rows = this.blocks.rowsAround(block);
      const held = list.map((_, index) => rows[this.blocks.wordOf(block, index)]);
      expect(held, `${where} block=${block}`).toEqual(list);
    }
  }

  #insert(block: number, value: number): void {
    const list = this.lists[block]!;
    const index = ~this.blocks.find(block, list.length, makeRow(value));
    this.blocks.insert(block, list.length, index, makeRow(value));
    list.push(value);
    list.sort((left, right) => left - right);
    expect(this.blocks.find(block, list.length, makeRow(value))).toBe(list.indexOf(value));
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

test('a straightened block is its rows in order, and they can go on moving', () => {
  const random = new Random(seed);
  const shelf = new Shelf(random);
  for (let step = 0; step < 500; step += 1) {
    shelf.step();
    const block = random.below(BLOCKS);
    const rows = shelf.blocks.straighten(block, shelf.lists[block]!.length);
    const firstWords = shelf.lists[block]!.map((_, index) => rows[index * ROW_WORDS]);
    expect(firstWords, `seed=${seed} step=${step}`).toEqual(shelf.lists[block]);
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
