// Method: the same seeded changes drive a directory with the shortest shelves and a plain list of blocks, most of them
// somewhere for a while, so that shelves fill, empty and are evened out with either neighbour; both must say the same.
import { expect, test } from 'vitest';
import { BrokenInvariant } from '../../engine/assert.ts';
import { Directory } from '../../engine/ranking/directory.ts';
import { ROW_WORDS, type Rows, writeStanding } from '../../engine/ranking/row.ts';
import { Random, seed } from '../support/random.ts';

const PLACES = 32;
/** In 32 places: room for two more, and the least that a shelf holds beside others. */
const [SHELF_MAX, SHELF_MIN] = [30, 12];
const KEYS = 2 ** 47;

interface Block {
  number: number;
  rows: number;
  /** Of its first row: keys ascend. */
  readonly key: number;
}

class Shelves {
  readonly directory = new Directory(PLACES);
  readonly blocks: Block[] = [];
  readonly #random: Random;

  constructor(random: Random, count: number) {
    this.#random = random;
    for (let number = 0; number < count; number += 1) {
      this.blocks.push({ number, rows: 1 + random.below(60), key: Math.floor((KEYS * (number + 1)) / (count + 1)) });
    }
    this.directory.load(
      count,
      (index) => this.blocks[index]!.rows,
      (position) => this.#setFence(position, this.blocks[this.directory.blockAt(position)]!.key),
    );
  }

  /** A block behind another one. */
  open(index: number): void {
    const [left, right] = [this.blocks[index]!.key, this.blocks[index + 1]?.key ?? KEYS];
    // A key between any two is asked for as well.
    if (right - left < 4) return;
    const opened = {
      number: this.blocks.length,
      rows: 1 + this.#random.below(60),
      key: Math.floor((left + right) / 2),
    };
    const position = this.positionOf(index) + 1;
    this.directory.open(position);
    this.directory.addRows(position, opened.rows);
    this.#setFence(position, opened.key);
    this.blocks.splice(index + 1, 0, opened);
    this.directory.balance(this.directory.shelfOf(position));
  }

  close(index: number): void {
    const position = this.positionOf(index);
    const [closed] = this.blocks.splice(index, 1);
    this.directory.addRows(position, -closed!.rows);
    this.directory.close(position);
    // Who has the last number takes the one that is free.
    const last = this.blocks.find(({ number }) => number === this.blocks.length);
    if (last !== undefined) last.number = closed!.number;
    this.directory.balance(this.directory.shelfOf(position));
  }

  positionOf(index: number): number {
    let position = this.directory.first();
    for (let left = index; left > 0; left -= 1) position = this.directory.next(position);
    return position;
  }

  check(where: string): void {
    const { directory, blocks } = this;
    directory.checkInvariants();
    expect(directory.blockCount, where).toBe(blocks.length);
    let [previous, position, before] = [directory.first(), directory.first(), 0];
    for (const { number, rows, key } of blocks) {
      const [first, last] = [directory.positionOf(before), directory.positionOf(before + rows - 1)];
      const isRight =
        directory.blockAt(position) === number &&
        directory.countAt(position) === rows &&
        directory.rowsBefore(position) === before &&
        first.position === position &&
        first.slot === 0 &&
        last.position === position &&
        last.slot === rows - 1 &&
        this.#find(key - 1) === previous &&
        this.#find(key + 1) === position;
      if (!isRight) expect.fail(`${where}: block ${number} is not at ${position} with ${before} rows before it`);
      previous = position;
      position = directory.next(position);
      before += rows;
    }
    expect(position, where).toBe(-1);
  }

  #find(lastTrxMs: number): number {
    const asked = () => expect.fail('fences are never equal here');
    return this.directory.search(rowAt(lastTrxMs), asked, new Float64Array(2));
  }

  #setFence(position: number, lastTrxMs: number): void {
    this.directory.setFence(position, rowAt(lastTrxMs), 0);
  }
}

function rowAt(lastTrxMs: number): Rows {
  const row: Rows = new Uint32Array(ROW_WORDS);
  writeStanding(row, 0, { count: 1, lastTrxMs, termsMs: 0 });
  return row;
}

test('blocks stand where they stand in a plain list, however shelves fill and empty', () => {
  const random = new Random(seed);
  const shelves = new Shelves(random, 60);
  for (let round = 0; round < 60; round += 1) {
    const count = shelves.blocks.length;
    const isOpening = count < 30 || (count < 120 && random.below(2) === 0);
    const hot = random.below(count - 12);
    for (let step = 0; step < 10; step += 1) {
      if (isOpening) shelves.open(hot + random.below(3));
      else shelves.close(hot + random.below(2));
    }
    shelves.check(`seed=${seed} round=${round}`);
  }
});

test('a shelf that is too short, too long or empty is noticed', () => {
  const isNoticed = (directory: Directory) => {
    expect(() => directory.checkInvariants()).toThrow(BrokenInvariant);
  };
  const directory = new Directory(PLACES);
  isNoticed(directory);
  while (directory.blockCount < SHELF_MAX) directory.open(directory.first());
  directory.checkInvariants();
  directory.open(directory.first());
  isNoticed(directory);

  const { directory: several } = new Shelves(new Random(seed), 60);
  const closeFirst = () => {
    several.addRows(several.first(), -several.countAt(several.first()));
    several.close(several.first());
  };
  for (let size = 20; size > SHELF_MIN; size -= 1) closeFirst();
  several.checkInvariants();
  closeFirst();
  isNoticed(several);
});

test('rows that no sum knows of are noticed', () => {
  const { directory } = new Shelves(new Random(seed), 60);
  directory.setCount(directory.first(), directory.countAt(directory.first()) + 1);
  expect(() => directory.checkInvariants()).toThrow(BrokenInvariant);
});
