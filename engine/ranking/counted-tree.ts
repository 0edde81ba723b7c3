/**
 * An order-statistic tree of fixed rows (row.ts), off the JavaScript heap.
 *
 *   directory   position        0        1        2     ...   in rank order, on shelves (directory.ts):
 *                 fence        [k0]     [k1]     [k2]         where the first row of the block stands
 *                 count         101      116      120         rows in it; and sums of the counts
 *                 block          7        0        3          its number
 *                                |        |        |
 *   blocks      [ block 0 | block 1 | ... ] [ ... ]           sorted rows, up to `blockRows` (blocks.ts)
 *
 * Rank = rows in the blocks before + index in the block.
 *
 * A full block is cut in two behind its newest row: payments come in at the end of each count, so that the next ones
 * find room there, and what lies before stays full. Others empty meanwhile: so whenever all blocks together are under
 * FILL_MIN, a search that goes round and round gives up a block whose rows have room in those around it. A row thus
 * never costs more than 32 / FILL_MIN bytes and its share of directory and last segment, about 41; half-full B-tree
 * leaves would be 64, and 46 on average.
 */
import { BrokenInvariant, invariant } from '../assert.ts';
import { Blocks } from './blocks.ts';
import { BLOCK_ROWS_MAX, Directory } from './directory.ts';
import type { Bounds } from './interpolation.ts';
import { compareStandings, copyRow, isSameCitizen, ROW_WORDS, type Rows } from './row.ts';

/** Orders two rows of different citizens with equal standings. Never zero. May be slow: called for ties only. */
export type CompareTies = (left: Rows, leftAt: number, right: Rows, rightAt: number) => number;

export interface CountedTreeOptions {
  readonly compareTies: CompareTies;
  /** Places in a block, a power of two from 16 to BLOCK_ROWS_MAX. Small ones are for tests. */
  readonly blockRows?: number;
}

/** A power of two. Blocks of 128 shift more rows: a move took 5% longer, and a read, with a smaller directory, 3% less. */
const BLOCK_ROWS = 64;
/** Blocks on a shelf for each row in a block. */
const SHELF_FACTOR = 4;
/** In the middle: fuller blocks overflow soon, and many at once. */
const FILL_LOADED = 56 / 64;
/** Of all blocks together. */
const FILL_MIN = 53 / 64;
/** Up to which a block takes the rows of one that is given up. */
const FILL_PACKED = 61 / 64;
/**
 * Blocks among which one may be given up: so many that this always succeeds somewhere while all are under FILL_MIN,
 * since (WINDOW_BLOCKS - 1) FILL_PACKED > WINDOW_BLOCKS FILL_MIN.
 */
const WINDOW_BLOCKS = 8;
/** The least part of a block that is cut off. */
const FILL_CUT = 8 / 64;

export class CountedTree {
  readonly #compareTies: CompareTies;
  readonly #blockRows: number;
  readonly #blockShift: number;
  readonly #rowsPacked: number;
  readonly #rowsCut: number;

  readonly #directory: Directory;
  readonly #blocks: Blocks;
  /** Of the last search of the directory. */
  readonly #bounds: Bounds = new Float64Array(2);
  #count = 0;
  /** Grows with each change: who reads over several steps can see that the order moved meanwhile. */
  #changes = 0;
  /** Slot of the newest row. */
  #newestSlot = 0;
  /** Where the search for blocks to give up goes on. */
  #swept = 0;

  constructor({ compareTies, blockRows = BLOCK_ROWS }: CountedTreeOptions) {
    this.#compareTies = compareTies;
    this.#blockRows = blockRows;
    this.#blockShift = 31 - Math.clz32(blockRows);
    const isFit = 1 << this.#blockShift === blockRows && blockRows >= 16 && blockRows <= BLOCK_ROWS_MAX;
    invariant(isFit, 'odd size of a block');
    this.#rowsPacked = Math.floor(blockRows * FILL_PACKED);
    this.#rowsCut = blockRows * FILL_CUT;
    this.#blocks = new Blocks(blockRows, (left, leftAt, right, rightAt) => this.#compare(left, leftAt, right, rightAt));
    this.#directory = new Directory(SHELF_FACTOR * blockRows);
    this.#openBlock(this.#directory.first());
  }

  get count(): number {
    return this.#count;
  }

  /** Everything held, used or not. */
  get bytes(): number {
    return this.#blocks.bytes + this.#directory.bytes;
  }

  /** Rows before this one; -1 if it is not there. `row` is one row from word 0 on, here and below. */
  indexOf(row: Rows): number {
    const place = this.#locate(row);
    if (place < 0) return -1;
    return this.#directory.rowsBefore(place >>> this.#blockShift) + (place & (this.#blockRows - 1));
  }

  /** False, and nothing changed, if it is already there. */
  insert(row: Rows): boolean {
    const place = ~this.#locate(row);
    if (place < 0) return false;
    this.#put(place, row);
    this.#settle(place >>> this.#blockShift);
    this.#changes += 1;
    return true;
  }

  /** False, and nothing changed, if it is not there. */
  remove(row: Rows): boolean {
    const place = this.#locate(row);
    if (place < 0) return false;
    this.#take(place);
    this.#settle(place >>> this.#blockShift);
    this.#changes += 1;
    return true;
  }

  /**
   * Removes one row and inserts another in its stead.
   * Both places are found before anything changes, so a throwing `compareTies` leaves the tree as it was.
   */
  move(before: Rows, after: Rows): 'moved' | 'not there' | 'already there' {
    const from = this.#locate(before);
    if (from < 0) return 'not there';
    const to = ~this.#locate(after);
    if (to < 0) return 'already there';

    const fromPosition = from >>> this.#blockShift;
    const toPosition = to >>> this.#blockShift;
    this.#take(from);
    this.#put(fromPosition === toPosition && from < to ? to - 1 : to, after);
    this.#settle(fromPosition, toPosition);
    this.#changes += 1;
    return 'moved';
  }

  /**
   * Visits `count` rows from `index` on, fewer at the end, in order. The words belong to the tree: read at once.
   */
  visit(index: number, count: number, visitor: (rows: Rows, at: number, index: number) => void): void {
    const end = Math.min(index + count, this.#count);
    if (index < 0 || index >= end) return;
    const first = this.#directory.positionOf(index);
    let position = first.position;
    let slot = first.slot;
    for (let next = index; next < end; next += 1) {
      if (slot === this.#directory.countAt(position)) {
        position = this.#directory.next(position);
        slot = 0;
      }
      const block = this.#directory.blockAt(position);
      visitor(this.#blocks.rowsAround(block), this.#blocks.wordOf(block, slot), next);
      slot += 1;
    }
  }

  /** The rows in order, as pieces of the memory that holds them. Changing the tree meanwhile breaks an invariant. */
  *pieces(): Generator<Rows, void, undefined> {
    const changes = this.#changes;
    for (let position = this.#directory.first(); position >= 0; position = this.#directory.next(position)) {
      yield this.#rowsOf(position);
      invariant(changes === this.#changes, 'the ranking changed while it was being read');
    }
  }

  /**
   * A copy of the rows whose standing is after that of `row` (null = of all), in order: at least `rowsMin` of them, and
   * on to the last of an equal standing; fewer at the end. Who asks again with the last row of a copy goes through the
   * whole ranking while it moves, and meets once everyone who did not move. Never asks `compareTies`.
   */
  copyAfter(row: Rows | null, rowsMin: number): Rows {
    let position =
      row === null ? this.#directory.first() : this.#directory.search(row, this.#compareFirstStanding, this.#bounds);
    let slot = row === null ? 0 : this.#slotAfter(position, row);
    const pieces: Rows[] = [];
    let words = 0;
    for (; position >= 0; position = this.#directory.next(position), slot = 0) {
      const piece = this.#rowsOf(position).subarray(slot * ROW_WORDS);
      const missing = Math.max(0, rowsMin * ROW_WORDS - words);
      const end = missing < piece.length ? endOfTie(pieces.at(-1), piece, missing) : piece.length;
      if (end > 0) pieces.push(piece.subarray(0, end));
      words += end;
      if (end < piece.length) break;
    }
    const copy: Rows = new Uint32Array(words);
    let at = 0;
    for (const piece of pieces) {
      copy.set(piece, at);
      at += piece.length;
    }
    return copy;
  }

  /**
   * Fills an empty tree with `count` rows that `fill` writes in order, piece by piece: each piece is a part of the
   * tree's own memory. The rows must ascend; `checkInvariants` tells.
   */
  load(count: number, fill: (piece: Rows) => void): void {
    invariant(this.#count === 0, 'only an empty tree is loaded');
    const wanted = Math.max(1, Math.ceil(count / Math.floor(this.#blockRows * FILL_LOADED)));
    this.#blocks.reserve(wanted);
    const rowsOf = (index: number) => shareEnd(count, index, wanted) - shareEnd(count, index - 1, wanted);
    this.#directory.load(wanted, rowsOf, (position) => {
      fill(this.#rowsOf(position));
      this.#setFence(position);
    });
    this.#count = count;
    this.#changes += 1;
  }

  /** Throws BrokenInvariant unless every row is in order and every count, fence and sum says the truth. */
  checkInvariants(): void {
    this.#directory.checkInvariants();
    let total = 0;
    const previous: Rows = new Uint32Array(ROW_WORDS);
    for (let position = this.#directory.first(); position >= 0; position = this.#directory.next(position)) {
      const count = this.#directory.countAt(position);
      invariant(count < this.#blockRows, `block at ${position} holds ${count} rows`);
      invariant(count > 0 || this.#directory.blockCount === 1, `block at ${position} is empty`);
      const block = this.#directory.blockAt(position);
      const rows = this.#blocks.rowsAround(block);
      if (count > 0) this.#directory.checkFence(position, rows, this.#blocks.wordOf(block, 0));
      for (let slot = 0; slot < count; slot += 1, total += 1) {
        const at = this.#blocks.wordOf(block, slot);
        const isAscending = total === 0 || this.#compare(previous, 0, rows, at) < 0;
        invariant(isAscending, `rows are out of order in block ${position}`);
        copyRow(previous, 0, rows, at);
      }
    }
    invariant(total === this.#count, `${total} rows are there, ${this.#count} were counted`);
    invariant(this.#directory.blockCount <= this.#blocksMax(), `${total} rows are in too many blocks`);
  }

  // Searching

  /**
   * Where `row` is, or ~(where it would be put). A place is a position and a slot in one number; no block is full
   * between changes, so that a slot always fits.
   *
   * Most of a search is waiting for memory: a rank among ten million took 1,430 ns, 270 when it was asked for again. To
   * wait for several moves at once, by touching what the next 16 of a batch will need, was tried and is worth nothing:
   * few lines are left, and finding out which they are costs a search of the directory.
   */
  #locate(row: Rows): number {
    const position = this.#directory.search(row, this.#compareFirst, this.#bounds);
    const block = this.#directory.blockAt(position);
    const slot = this.#blocks.find(block, this.#directory.countAt(position), row, this.#bounds);
    return slot >= 0 ? (position << this.#blockShift) | slot : ~((position << this.#blockShift) | ~slot);
  }

  /** Zero only for the same citizen with the same standing. */
  #compare(left: Rows, leftAt: number, right: Rows, rightAt: number): number {
    const order = compareStandings(left, leftAt, right, rightAt);
    if (order !== 0 || isSameCitizen(left, leftAt, right, rightAt)) return order;
    const tieOrder = this.#compareTies(left, leftAt, right, rightAt);
    if (tieOrder === 0 || Number.isNaN(tieOrder)) throw new BrokenInvariant('two citizens have one tax code');
    return tieOrder;
  }

  readonly #compareFirst = (position: number, row: Rows): number => {
    const block = this.#directory.blockAt(position);
    return this.#compare(this.#blocks.rowsAround(block), this.#blocks.wordOf(block, 0), row, 0);
  };

  readonly #compareFirstStanding = (position: number, row: Rows): number => {
    const block = this.#directory.blockAt(position);
    return compareStandings(this.#blocks.rowsAround(block), this.#blocks.wordOf(block, 0), row, 0);
  };

  /** Rows of a block whose standing is not after that of `row`. */
  #slotAfter(position: number, row: Rows): number {
    const block = this.#directory.blockAt(position);
    const rows = this.#blocks.rowsAround(block);
    let low = 0;
    let high = this.#directory.countAt(position);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareStandings(rows, this.#blocks.wordOf(block, middle), row, 0) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // Changing one block

  #put(place: number, row: Rows): void {
    const position = place >>> this.#blockShift;
    const slot = place & (this.#blockRows - 1);
    this.#blocks.insert(this.#directory.blockAt(position), this.#directory.countAt(position), slot, row);
    this.#newestSlot = slot;
    this.#addRows(position, 1);
    if (slot === 0) this.#setFence(position);
  }

  #take(place: number): void {
    const position = place >>> this.#blockShift;
    const slot = place & (this.#blockRows - 1);
    this.#blocks.remove(this.#directory.blockAt(position), this.#directory.countAt(position), slot);
    this.#addRows(position, -1);
    if (slot === 0) this.#setFence(position);
  }

  #addRows(position: number, change: 1 | -1): void {
    this.#directory.addRows(position, change);
    this.#count += change;
  }

  // Keeping blocks filled

  /** After a change of one or two blocks: sees to it that none is full or empty, and that they are not too many. */
  #settle(position: number, other = position): void {
    if (this.#isSettled(position) && this.#isSettled(other) && this.#directory.blockCount <= this.#blocksMax()) return;

    const shelves = [this.#directory.shelfOf(position), this.#directory.shelfOf(other)] as const;
    // The later one first, so that the earlier position still is one.
    this.#settleBlock(Math.max(position, other));
    if (position !== other) this.#settleBlock(Math.min(position, other));
    for (const shelf of shelves) this.#directory.balance(shelf);
    for (let swept = 0; swept < this.#count && this.#directory.blockCount > this.#blocksMax(); ) swept += this.#sweep();
  }

  #isSettled(position: number): boolean {
    const count = this.#directory.countAt(position);
    return count > 0 && count < this.#blockRows;
  }

  #blocksMax(): number {
    return this.#count / (this.#blockRows * FILL_MIN) + WINDOW_BLOCKS;
  }

  #settleBlock(position: number): void {
    const count = this.#directory.countAt(position);
    if (count === 0 && this.#directory.blockCount > 1) this.#closeBlock(position);
    if (count < this.#blockRows) return;

    const cut = Math.max(this.#rowsCut, Math.min(this.#newestSlot + 1, count - this.#rowsCut));
    this.#openBlock(position + 1);
    this.#moveRows(position, position + 1, count - cut);
  }

  /** Moves rows over the edge between two neighbouring blocks. */
  #moveRows(from: number, to: number, moved: number): void {
    const [fromBlock, toBlock] = [this.#directory.blockAt(from), this.#directory.blockAt(to)];
    const [fromCount, toCount] = [this.#directory.countAt(from), this.#directory.countAt(to)];
    if (from < to) this.#blocks.moveRight(fromBlock, fromCount, toBlock, toCount, moved);
    else this.#blocks.moveLeft(toBlock, toCount, fromBlock, fromCount, moved);
    this.#directory.setCount(from, fromCount - moved);
    this.#directory.setCount(to, toCount + moved);
    this.#setFence(Math.max(from, to));
  }

  /** Gives up the emptiest of the next few blocks if the others have room for its rows; returns how many rows those are. */
  #sweep(): number {
    if (this.#swept >= this.#count) this.#swept = 0;
    const { first, size } = this.#directory.window(this.#directory.positionOf(this.#swept).position, WINDOW_BLOCKS);
    let rows = 0;
    let emptiest = first;
    for (let position = first; position < first + size; position += 1) {
      rows += this.#directory.countAt(position);
      if (this.#directory.countAt(position) < this.#directory.countAt(emptiest)) emptiest = position;
    }
    this.#swept += rows;

    const count = this.#directory.countAt(emptiest);
    const leftRoom = this.#roomIn(first, emptiest);
    const rightRoom = this.#roomIn(emptiest + 1, first + size);
    if (leftRoom + rightRoom < count) return rows;
    const leftRows = Math.max(count - rightRoom, Math.min(leftRoom, count >>> 1));
    this.#push(emptiest, -1, leftRows);
    this.#push(emptiest, 1, count - leftRows);
    this.#closeBlock(emptiest);
    this.#directory.balance(this.#directory.shelfOf(first));
    return rows;
  }

  #roomIn(first: number, end: number): number {
    let room = 0;
    for (let position = first; position < end; position += 1) room += this.#roomAt(position);
    return room;
  }

  #roomAt(position: number): number {
    return Math.max(0, this.#rowsPacked - this.#directory.countAt(position));
  }

  /** Moves rows of a block into those on one side of it, where there is room for them. */
  #push(position: number, step: 1 | -1, rows: number): void {
    if (rows === 0) return;
    const surplus = rows - this.#roomAt(position + step);
    if (surplus > 0) this.#push(position + step, step, surplus);
    this.#moveRows(position, position + step, rows);
  }

  // Blocks at positions

  #rowsOf(position: number): Rows {
    return this.#blocks.rowsOf(this.#directory.blockAt(position), this.#directory.countAt(position));
  }

  #setFence(position: number): void {
    const block = this.#directory.blockAt(position);
    this.#directory.setFence(position, this.#blocks.rowsAround(block), this.#blocks.wordOf(block, 0));
  }

  #openBlock(position: number): void {
    this.#directory.open(position);
    this.#blocks.reserve(this.#directory.blockCount);
  }

  /** Gives up an empty block: the last one moves to where it lies. */
  #closeBlock(position: number): void {
    const hole = this.#directory.blockAt(position);
    this.#directory.close(position);
    const last = this.#directory.blockCount;
    if (hole !== last) this.#blocks.replace(hole, last, this.#blockRows);
    this.#blocks.reserve(last);
  }
}

/** Where the share ends if `rows` are dealt out evenly: shares differ by one row at most. */
function shareEnd(rows: number, share: number, shares: number): number {
  return Math.floor((rows * (share + 1)) / shares);
}

/** The first word of `piece`, at or after `from`, where another standing begins; `before` ends with the row before it. */
function endOfTie(before: Rows | undefined, piece: Rows, from: number): number {
  let at = from;
  if (at === 0) {
    if (before !== undefined && compareStandings(before, before.length - ROW_WORDS, piece, 0) !== 0) return 0;
    at = ROW_WORDS;
  }
  while (at < piece.length && compareStandings(piece, at - ROW_WORDS, piece, at) === 0) at += ROW_WORDS;
  return at;
}
