/**
 * Which block stands where: for each block of the tree, in rank order, where its first row stands (fence), how many
 * rows it holds and its number. Blocks come and go all day, and moving the columns of ninety thousand of them for each
 * would be slower than all the rest; so they stand on shelves, whose order is a short list.
 *
 * A fence is one number (standingKey). Where it equals that of the row in question, the block is asked. Sums are kept of
 * the rows on a shelf and of those in a group of blocks on it: a Fenwick tree over all blocks of a shelf had a change
 * and a reader wait for several lines of it, here for one or two.
 *
 *   order     shelf 2                       shelf 0                     ...
 *   position  1024  1025  1026  free ...    0    1    2    3  free ...        shelf << shift | place on it
 *
 * Positions ascend along a shelf, not from shelf to shelf. They are good until a block is opened or closed on the
 * shelf, or `balance` moves blocks between shelves.
 */
import { invariant } from '../assert.ts';
import { type Bounds, expectedIndex, GUESSES_MAX } from './interpolation.ts';
import { type Rows, standingKey } from './row.ts';
import { addToSums, countWithin, makeSums, sumOfFirst } from './sums.ts';

/** Two settled blocks may each become two before shelves are balanced. */
const SPARE_PLACES = 2;
/** In 32nds of a shelf. */
const SHELF_MIN = 12;
const SHELF_LOADED = 24;

const COUNT_BITS = 8;
const COUNT_MASK = 2 ** COUNT_BITS - 1;
/** A block is full for a moment, and then still is to be counted. */
export const BLOCK_ROWS_MAX = 2 ** (COUNT_BITS - 1);
/** Places of a group, as a power of two. */
const GROUP_SHIFT = 4;

type Fences = Float64Array<ArrayBuffer>;

/** Orders the first row of the block at a position, and a row. */
export type CompareFirst = (position: number, row: Rows) => number;

export class Directory {
  readonly #shelfShift: number;
  readonly #places: number;
  readonly #shelfMin: number;

  // By position.
  #fences: Fences = new Float64Array(0);
  /** Number of the block << COUNT_BITS | rows in it: who asks for one needs the other, and a second line is a wait. */
  #entries: Rows = new Uint32Array(0);
  /** Rows in the blocks of each group of places. */
  #groups: Rows = new Uint32Array(0);

  /** Shelves in rank order. */
  #order: number[] = [];
  /** Of the first block of each shelf, in that order. */
  #shelfFences: Fences = new Float64Array(0);
  /** Of the rows on each shelf, in that order. */
  #shelfSums: Rows = new Uint32Array(0);
  // By shelf.
  readonly #ordinals: number[] = [];
  readonly #sizes: number[] = [];
  readonly #unusedShelves: number[] = [];

  /** By block. */
  #shelves: Rows = new Uint32Array(0);
  #blockCount = 0;

  /** @param places on a shelf: a power of two, at least 32 */
  constructor(places: number) {
    this.#places = places;
    this.#shelfShift = 31 - Math.clz32(places);
    this.#shelfMin = (places * SHELF_MIN) >>> 5;
    this.#putUpShelf(0);
    this.#sumUpShelves();
  }

  get blockCount(): number {
    return this.#blockCount;
  }

  get bytes(): number {
    const columns = [this.#fences, this.#entries, this.#groups, this.#shelfFences, this.#shelfSums, this.#shelves];
    const lists = this.#order.length + this.#ordinals.length + this.#sizes.length + this.#unusedShelves.length;
    return columns.reduce((sum, { byteLength }) => sum + byteLength, lists * 8);
  }

  shelfOf(position: number): number {
    return position >>> this.#shelfShift;
  }

  blockAt(position: number): number {
    return this.#entries[position]! >>> COUNT_BITS;
  }

  countAt(position: number): number {
    return this.#entries[position]! & COUNT_MASK;
  }

  first(): number {
    return this.#baseOf(this.#order[0]!);
  }

  /** The position after this one; -1 after the last. */
  next(position: number): number {
    const shelf = this.shelfOf(position);
    if (position + 1 < this.#baseOf(shelf) + this.#sizes[shelf]!) return position + 1;
    const after = this.#order[this.#ordinals[shelf]! + 1];
    return after === undefined ? -1 : this.#baseOf(after);
  }

  /** At most `count` positions around this one, on the same shelf; fewer only where there are no more blocks. */
  window(position: number, count: number): { readonly first: number; readonly size: number } {
    const shelf = this.shelfOf(position);
    const base = this.#baseOf(shelf);
    const size = Math.min(count, this.#sizes[shelf]!);
    const first = Math.max(base, Math.min(position - (count >>> 1), base + this.#sizes[shelf]! - size));
    return { first, size };
  }

  /**
   * The last position whose first row is not after `row`; the first one if there is none.
   *
   * @param compareFirst asked only where fences are equal
   * @param bounds takes the fences of that position and the next
   */
  search(row: Rows, compareFirst: CompareFirst, bounds: Bounds): number {
    const key = standingKey(row, 0);
    let low = 0;
    let high = this.#order.length;
    // Two comparisons: the difference of both in their stead made a read 15% slower.
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      const fence = this.#shelfFences[middle]!;
      const isAfter = fence === key ? compareFirst(this.#baseOf(this.#order[middle]!), row) > 0 : fence > key;
      if (isAfter) high = middle;
      else low = middle;
    }
    let lowKey = this.#shelfFences[low]!;
    let highKey = high < this.#order.length ? this.#shelfFences[high]! : Infinity;
    const shelf = this.#order[low]!;
    low = this.#baseOf(shelf);
    high = low + this.#sizes[shelf]!;
    for (let guesses = GUESSES_MAX; high - low > 1; guesses -= 1) {
      const middle = guesses > 0 ? expectedIndex(key, low + 1, high, lowKey, highKey) : (low + high) >>> 1;
      const fence = this.#fences[middle]!;
      const isAfter = fence === key ? compareFirst(middle, row) > 0 : fence > key;
      if (isAfter) {
        high = middle;
        highKey = fence;
      } else {
        low = middle;
        lowKey = fence;
      }
    }
    bounds[0] = lowKey;
    bounds[1] = highKey;
    return low;
  }

  rowsBefore(position: number): number {
    const shelf = this.shelfOf(position);
    let rows = sumOfFirst(this.#shelfSums, this.#ordinals[shelf]!);
    const group = position >>> GROUP_SHIFT;
    for (let before = this.#baseOf(shelf) >>> GROUP_SHIFT; before < group; before += 1) rows += this.#groups[before]!;
    for (let before = group << GROUP_SHIFT; before < position; before += 1) rows += this.countAt(before);
    return rows;
  }

  /** Where the row is that has `index` before it. */
  positionOf(index: number): { readonly position: number; readonly slot: number } {
    const ordinal = countWithin(this.#shelfSums, this.#order.length, index);
    let slot = index - sumOfFirst(this.#shelfSums, ordinal);
    let group = this.#baseOf(this.#order[ordinal]!) >>> GROUP_SHIFT;
    for (; slot >= this.#groups[group]!; group += 1) slot -= this.#groups[group]!;
    let position = group << GROUP_SHIFT;
    for (; slot >= this.countAt(position); position += 1) slot -= this.countAt(position);
    return { position, slot };
  }

  addRows(position: number, change: number): void {
    this.#entries[position]! += change;
    this.#groups[position >>> GROUP_SHIFT]! += change;
    addToSums(this.#shelfSums, this.#order.length, this.#ordinals[this.shelfOf(position)]!, change);
  }

  /** Of a block whose rows came from the same shelf, or went there. */
  setCount(position: number, count: number): void {
    const change = count - this.countAt(position);
    this.#entries[position]! += change;
    this.#groups[position >>> GROUP_SHIFT]! += change;
  }

  setFence(position: number, rows: Rows, at: number): void {
    const fence = standingKey(rows, at);
    this.#fences[position] = fence;
    const shelf = this.shelfOf(position);
    if (position === this.#baseOf(shelf)) this.#shelfFences[this.#ordinals[shelf]!] = fence;
  }

  /** Makes room for an empty block, numbered next, where another stands or after the last one of its shelf. */
  open(position: number): void {
    const shelf = this.shelfOf(position);
    const end = this.#baseOf(shelf) + this.#sizes[shelf]!;
    this.#moveColumns(position, position + 1, end - position);
    this.#sizes[shelf]! += 1;
    this.#number(position, shelf);
    this.#sumUpShelf(shelf);
  }

  /**
   * Forgets the block at a position. Numbers stay without gaps: the block with the last number takes the number of
   * this one, and its rows, if any are wanted, must move accordingly.
   */
  close(position: number): void {
    const shelf = this.shelfOf(position);
    this.#blockCount -= 1;
    const [hole, last] = [this.blockAt(position), this.#blockCount];
    const lastShelf = this.#shelves[last]!;
    let lastPosition = this.#baseOf(lastShelf);
    while (this.blockAt(lastPosition) !== last) lastPosition += 1;
    this.#entries[lastPosition] = (hole << COUNT_BITS) | this.countAt(lastPosition);
    this.#shelves[hole] = lastShelf;

    const end = this.#baseOf(shelf) + this.#sizes[shelf]!;
    this.#moveColumns(position + 1, position, end - position - 1);
    this.#shelfFences[this.#ordinals[shelf]!] = this.#fences[this.#baseOf(shelf)]!;
    this.#sizes[shelf]! -= 1;
    this.#sumUpShelf(shelf);
  }

  /** Fills an empty directory: `rowsOf` tells for each block, in order, how many rows it holds. */
  load(blockCount: number, rowsOf: (index: number) => number, visit: (position: number, rows: number) => void): void {
    const perShelf = (this.#places * SHELF_LOADED) >>> 5;
    const shelfCount = Math.ceil(blockCount / perShelf);
    while (this.#order.length < shelfCount) this.#putUpShelf(this.#order.length);
    this.#blockCount = 0;
    for (const [ordinal, shelf] of this.#order.entries()) {
      const end = Math.floor((blockCount * (ordinal + 1)) / shelfCount);
      this.#sizes[shelf] = end - this.#blockCount;
      for (let position = this.#baseOf(shelf); this.#blockCount < end; position += 1) {
        const rows = rowsOf(this.#blockCount);
        this.#number(position, shelf);
        this.#entries[position]! += rows;
        visit(position, rows);
      }
      this.#sumUpShelf(shelf);
    }
    this.#sumUpShelves();
  }

  /** Splits a shelf that may soon be full; merges one that has become short, or evens it out, with another. */
  balance(shelf: number): void {
    const size = this.#sizes[shelf]!;
    const ordinal = this.#ordinals[shelf]!;
    if (size > this.#places - SPARE_PLACES) {
      this.#evenOut(shelf, this.#putUpShelf(ordinal + 1));
      return;
    }
    // An unused one has been merged already.
    if (size >= this.#shelfMin || size === 0 || this.#order.length === 1) return;
    const left = this.#order[Math.max(0, ordinal - 1)]!;
    const right = this.#order[Math.max(0, ordinal - 1) + 1]!;
    if (this.#sizes[left]! + this.#sizes[right]! > 2 * this.#shelfMin) this.#evenOut(left, right);
    else this.#merge(left, right);
  }

  /** Throws BrokenInvariant unless shelves, sums and numbers say the truth. */
  checkInvariants(): void {
    const seen = new Set<number>();
    let total = 0;
    for (const [ordinal, shelf] of this.#order.entries()) {
      const size = this.#sizes[shelf]!;
      const isShort = size < this.#shelfMin && this.#order.length > 1;
      invariant(size > 0 && size <= this.#places - SPARE_PLACES && !isShort, `shelf ${shelf} holds ${size} blocks`);
      invariant(this.#ordinals[shelf] === ordinal, `shelf ${shelf} is not where it says`);
      invariant(this.#shelfFences[ordinal] === this.#fences[this.#baseOf(shelf)], `fence is wrong at shelf ${shelf}`);
      for (let position = this.#baseOf(shelf); position < this.#baseOf(shelf) + size; position += 1) {
        invariant(this.rowsBefore(position) === total, `sums are wrong before block ${position}`);
        invariant(this.#shelves[this.blockAt(position)] === shelf, `the block at ${position} is on another shelf`);
        seen.add(this.blockAt(position));
        total += this.countAt(position);
      }
    }
    const isDense = seen.size === this.#blockCount && [...seen].every((block) => block < seen.size);
    invariant(isDense, 'a block is used twice');
  }

  checkFence(position: number, rows: Rows, at: number): void {
    invariant(this.#fences[position] === standingKey(rows, at), `fence is wrong at block ${position}`);
  }

  #baseOf(shelf: number): number {
    return shelf << this.#shelfShift;
  }

  #sumUpShelf(shelf: number): void {
    const base = this.#baseOf(shelf);
    const end = base + this.#sizes[shelf]!;
    this.#groups.fill(0, base >>> GROUP_SHIFT, (base + this.#places) >>> GROUP_SHIFT);
    for (let position = base; position < end; position += 1) {
      this.#groups[position >>> GROUP_SHIFT]! += this.countAt(position);
    }
  }

  #sumUpShelves(): void {
    for (const [ordinal, shelf] of this.#order.entries()) {
      this.#ordinals[shelf] = ordinal;
      this.#shelfFences[ordinal] = this.#fences[this.#baseOf(shelf)]!;
      this.#shelfSums[ordinal] = this.#rowsOn(shelf);
    }
    makeSums(this.#shelfSums, this.#order.length);
  }

  #rowsOn(shelf: number): number {
    let rows = 0;
    const end = this.#baseOf(shelf + 1) >>> GROUP_SHIFT;
    for (let group = this.#baseOf(shelf) >>> GROUP_SHIFT; group < end; group += 1) rows += this.#groups[group]!;
    return rows;
  }

  /** The next number goes to a position. */
  #number(position: number, shelf: number): void {
    if (this.#blockCount === this.#shelves.length) {
      this.#shelves = grown(this.#shelves, new Uint32Array(lengthAfter(this.#shelves.length, this.#places)));
    }
    this.#entries[position] = this.#blockCount << COUNT_BITS;
    this.#shelves[this.#blockCount] = shelf;
    this.#blockCount += 1;
  }

  /** An empty one. */
  #putUpShelf(ordinal: number): number {
    const shelf = this.#unusedShelves.pop() ?? this.#sizes.length;
    this.#sizes[shelf] = 0;
    this.#order.splice(ordinal, 0, shelf);
    const end = this.#baseOf(shelf + 1);
    if (end > this.#fences.length) this.#grow(lengthAfter(this.#fences.length, this.#places));
    return shelf;
  }

  #grow(length: number): void {
    this.#fences = grown(this.#fences, new Float64Array(length));
    this.#entries = grown(this.#entries, new Uint32Array(length));
    this.#groups = grown(this.#groups, new Uint32Array(length >>> GROUP_SHIFT));
    this.#shelfFences = grown(this.#shelfFences, new Float64Array(length / this.#places));
    this.#shelfSums = grown(this.#shelfSums, new Uint32Array(length / this.#places));
  }

  /** Moves blocks over the edge of two neighbouring shelves until both have as many. */
  #evenOut(left: number, right: number): void {
    const [leftBase, rightBase] = [this.#baseOf(left), this.#baseOf(right)];
    const [leftSize, rightSize] = [this.#sizes[left]!, this.#sizes[right]!];
    const surplus = Math.trunc((leftSize - rightSize) / 2);
    if (surplus > 0) {
      this.#moveColumns(rightBase, rightBase + surplus, rightSize);
      this.#moveColumns(leftBase + leftSize - surplus, rightBase, surplus);
    } else {
      this.#moveColumns(rightBase, leftBase + leftSize, -surplus);
      this.#moveColumns(rightBase - surplus, rightBase, rightSize + surplus);
    }
    this.#resize(left, leftSize - surplus);
    this.#resize(right, rightSize + surplus);
    this.#sumUpShelves();
  }

  #merge(left: number, right: number): void {
    const [leftSize, rightSize] = [this.#sizes[left]!, this.#sizes[right]!];
    this.#moveColumns(this.#baseOf(right), this.#baseOf(left) + leftSize, rightSize);
    this.#order.splice(this.#ordinals[right]!, 1);
    this.#resize(left, leftSize + rightSize);
    this.#resize(right, 0);
    this.#unusedShelves.push(right);
    this.#sumUpShelves();
  }

  #resize(shelf: number, size: number): void {
    const base = this.#baseOf(shelf);
    this.#sizes[shelf] = size;
    for (let place = 0; place < size; place += 1) this.#shelves[this.blockAt(base + place)] = shelf;
    this.#sumUpShelf(shelf);
  }

  #moveColumns(from: number, to: number, count: number): void {
    const end = from + count;
    this.#entries.copyWithin(to, from, end);
    this.#fences.copyWithin(to, from, end);
  }
}

function grown<Column extends Rows | Fences>(old: Column, larger: Column): Column {
  larger.set(old);
  return larger;
}

/** A quarter more, in whole shelves. */
function lengthAfter(length: number, places: number): number {
  return length + Math.ceil((length + 1) / 4 / places) * places;
}
