/**
 * An order-statistic tree of fixed rows (row.ts), off the JavaScript heap.
 *
 *   directory   position        0        1        2     ...   in rank order, on shelves (directory.ts):
 *                 fence        [k0]     [k1]     [k2]         first standing of the block
 *                 count         201      230      240         rows in it; and sums of the counts
 *                 block          7        0        3          where it lies in the segments
 *                                |        |        |
 *   segments    [ block 0 | block 1 | ... ] [ ... ]           sorted rows, `blockRows` places each
 *
 * Rank = rows in the blocks before + place in the block. Whenever a block is full, or under FILL_MIN, it is evened out
 * with a neighbour; where that would not last, the window of blocks around it is dealt out evenly over as many blocks
 * as its rows need. So with more than one window no block stays under FILL_MIN, and a row never costs more than
 * 32 / FILL_MIN bytes and its share of the directory: about 41; half-full B-tree leaves would be 64, and 46 on average.
 */
import { BrokenInvariant, invariant } from '../assert.ts';
import { Directory } from './directory.ts';
import { compareStandings, isSameCitizen, ROW_BYTES, ROW_WORDS, type Rows } from './row.ts';

/** Orders two rows of different citizens with equal standings. Never zero. May be slow: called for ties only. */
export type CompareTies = (left: Rows, leftAt: number, right: Rows, rightAt: number) => number;

export interface CountedTreeOptions {
  readonly compareTies: CompareTies;
  /** Places in a block, a power of two from 16 to 32,768. Small ones are for tests. */
  readonly blockRows?: number;
}

/**
 * Measured with ten million rows (bench/ranking.ts has their distribution), processor time on two very busy cores,
 * means of two runs, ns a read / a move: blocks of 128 rows 640 / 4,200, of 256 590 / 3,600. Most of a move waits for
 * memory: huge pages would save a sixth of it, but are not ours to switch on.
 */
const BLOCK_ROWS = 256;
/** The fewest that leave none under FILL_MIN, also in blocks of 16 rows. Dealing out costs by the block. */
const WINDOW_BLOCKS = 7;
/** Blocks on a shelf for each row in a block: enough of them that a shelf is never shorter than a window. */
const SHELF_FACTOR = 2;
/** After dealing out, blocks are between this and seven eighths of it full. */
const FILL_DEALT = 61 / 64;
const FILL_MIN = 50 / 64;
/** By so much of a block must neighbours differ to be evened out: otherwise one of them soon needs it again. */
const FILL_SHARED = 4 / 64;
/** In the middle: fuller blocks overflow soon, and many at once. */
const FILL_LOADED = 56 / 64;
/** Small enough that the last, partly used one is under 1% of a million rows. */
const SEGMENT_BYTES = 2 ** 18;
/** A range is parted into eight for three steps of a search. */
const PARTS = 8;

export class CountedTree {
  readonly #compareTies: CompareTies;
  readonly #blockRows: number;
  readonly #blockShift: number;
  readonly #blockWords: number;
  readonly #segmentShift: number;
  readonly #rowsMin: number;
  readonly #rowsDealt: number;
  readonly #sharedMin: number;
  readonly #window: Rows;

  readonly #directory: Directory;
  /** Blocks are numbered densely: block b is in segment b >> segmentShift. */
  readonly #segments: Rows[] = [];
  #count = 0;
  /** Grows with each change: who reads over several steps can see that the order moved meanwhile. */
  #changes = 0;
  // biome-ignore lint/correctness/noUnusedPrivateClassMembers: see #touch
  #touched = 0;

  constructor({ compareTies, blockRows = BLOCK_ROWS }: CountedTreeOptions) {
    this.#compareTies = compareTies;
    this.#blockRows = blockRows;
    this.#blockShift = 31 - Math.clz32(blockRows);
    invariant(1 << this.#blockShift === blockRows && blockRows >= 16 && blockRows <= 32_768, 'odd size of a block');
    this.#blockWords = blockRows * ROW_WORDS;
    this.#segmentShift = Math.max(0, 31 - Math.clz32(SEGMENT_BYTES / ROW_BYTES / blockRows));
    this.#rowsMin = Math.ceil(blockRows * FILL_MIN);
    this.#rowsDealt = Math.floor(blockRows * FILL_DEALT);
    this.#sharedMin = Math.max(2, blockRows * FILL_SHARED);
    this.#window = new Uint32Array(WINDOW_BLOCKS * this.#blockWords);
    this.#directory = new Directory(SHELF_FACTOR * blockRows);
    this.#openBlock(this.#directory.first());
  }

  get count(): number {
    return this.#count;
  }

  /** Everything held, used or not. */
  get bytes(): number {
    return this.#segments.reduce(
      (sum, { byteLength }) => sum + byteLength,
      this.#window.byteLength + this.#directory.bytes,
    );
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
    this.#directory.balance(this.#directory.shelfOf(place >>> this.#blockShift));
    this.#changes += 1;
    return true;
  }

  /** False, and nothing changed, if it is not there. */
  remove(row: Rows): boolean {
    const place = this.#locate(row);
    if (place < 0) return false;
    this.#take(place);
    this.#settle(place >>> this.#blockShift);
    this.#directory.balance(this.#directory.shelfOf(place >>> this.#blockShift));
    this.#changes += 1;
    return true;
  }

  /**
   * Removes one row and inserts another in its stead; cheapest when both belong into one block.
   * Both places are found before anything changes, so a throwing `compareTies` leaves the tree as it was.
   */
  move(before: Rows, after: Rows): 'moved' | 'not there' | 'already there' {
    const from = this.#locate(before);
    if (from < 0) return 'not there';
    const to = ~this.#locate(after);
    if (to < 0) return 'already there';

    this.#changes += 1;
    const fromPosition = from >>> this.#blockShift;
    const toPosition = to >>> this.#blockShift;
    if (fromPosition === toPosition) {
      this.#shift(from, to, after);
      return 'moved';
    }
    this.#take(from);
    this.#put(to, after);
    // The later one first: dealing out saves one block at most, so that the earlier position still is one.
    this.#settle(Math.max(fromPosition, toPosition));
    this.#settle(Math.min(fromPosition, toPosition));
    this.#directory.balance(this.#directory.shelfOf(fromPosition));
    this.#directory.balance(this.#directory.shelfOf(toPosition));
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
      visitor(this.#segmentOf(position), this.#startOf(position) + slot * ROW_WORDS, next);
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
    let position = row === null ? this.#directory.first() : this.#directory.search(row, notAfter);
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
    this.#makeSegments(wanted);
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
    let previous: { readonly rows: Rows; readonly at: number } | null = null;
    for (let position = this.#directory.first(); position >= 0; position = this.#directory.next(position)) {
      const rows = this.#segmentOf(position);
      const start = this.#startOf(position);
      const count = this.#directory.countAt(position);
      const isLow = this.#directory.blockCount >= WINDOW_BLOCKS && count < this.#rowsMin;
      invariant(count < this.#blockRows && !isLow, `block at ${position} holds ${count} rows`);
      invariant(count > 0 || this.#directory.blockCount === 1, `block at ${position} is empty`);
      if (count > 0) this.#directory.checkFence(position, rows, start);
      for (let at = start; at < start + count * ROW_WORDS; at += ROW_WORDS) {
        const isAscending = previous === null || this.#compare(previous.rows, previous.at, rows, at) < 0;
        invariant(isAscending, `rows are out of order in block ${position}`);
        previous = { rows, at };
      }
      total += count;
    }
    invariant(total === this.#count, `${total} rows are there, ${this.#count} were counted`);
  }

  // Searching

  /**
   * Where `row` is, or ~(where it would be put). A place is a position and a slot in one number; no block is full
   * between changes, so that a slot always fits.
   *
   * A binary search; but in a large tree each row it looks at comes from main memory, 100 ns away, one after the
   * other. So the rows of the next three steps are touched first, for the processor to fetch them all at once:
   * 15% off a read of 8 million rows, nothing lost or won at one million.
   */
  #locate(row: Rows): number {
    const position = this.#directory.search(row, this.#compareFirst);
    const rows = this.#segmentOf(position);
    const start = this.#startOf(position);
    let low = 0;
    let high = this.#directory.countAt(position);
    while (high - low >= 2 * PARTS) {
      const step = (high - low) >>> 3;
      this.#touch(rows, start + low * ROW_WORDS, step * ROW_WORDS);
      let part = 0;
      for (let half = PARTS >>> 1; half > 0; half >>>= 1) {
        const slot = low + (part + half) * step;
        const order = this.#compare(rows, start + slot * ROW_WORDS, row, 0);
        if (order === 0) return (position << this.#blockShift) | slot;
        if (order < 0) part += half;
      }
      if (part < PARTS - 1) high = low + (part + 1) * step;
      if (part > 0) low += part * step + 1;
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.#compare(rows, start + middle * ROW_WORDS, row, 0);
      if (order === 0) return (position << this.#blockShift) | middle;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return ~((position << this.#blockShift) | low);
  }

  /** Rows of a block whose standing is not after that of `row`. */
  #slotAfter(position: number, row: Rows): number {
    const rows = this.#segmentOf(position);
    const start = this.#startOf(position);
    let low = 0;
    let high = this.#directory.countAt(position);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareStandings(rows, start + middle * ROW_WORDS, row, 0) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Reads the seven words that part a range into eight; kept, or the compiler would leave the reading out. */
  #touch(rows: Rows, start: number, step: number): void {
    let touched = 0;
    for (let part = 1; part < PARTS; part += 1) touched |= rows[start + part * step]!;
    this.#touched = touched & 1;
  }

  /** Zero only for the same citizen with the same standing. */
  #compare(left: Rows, leftAt: number, right: Rows, rightAt: number): number {
    const order = compareStandings(left, leftAt, right, rightAt);
    if (order !== 0 || isSameCitizen(left, leftAt, right, rightAt)) return order;
    const tieOrder = this.#compareTies(left, leftAt, right, rightAt);
    if (tieOrder === 0 || Number.isNaN(tieOrder)) throw new BrokenInvariant('two citizens have one tax code');
    return tieOrder;
  }

  readonly #compareFirst = (position: number, row: Rows): number =>
    this.#compare(this.#segmentOf(position), this.#startOf(position), row, 0);

  // Changing one block

  #put(place: number, row: Rows): void {
    const position = place >>> this.#blockShift;
    const slot = place & (this.#blockRows - 1);
    const rows = this.#segmentOf(position);
    const start = this.#startOf(position);
    const at = start + slot * ROW_WORDS;
    rows.copyWithin(at + ROW_WORDS, at, start + this.#directory.countAt(position) * ROW_WORDS);
    copyRow(rows, at, row);
    this.#addRows(position, 1);
    if (slot === 0) this.#setFence(position);
  }

  #take(place: number): void {
    const position = place >>> this.#blockShift;
    const slot = place & (this.#blockRows - 1);
    const rows = this.#segmentOf(position);
    const start = this.#startOf(position);
    const at = start + slot * ROW_WORDS;
    rows.copyWithin(at, at + ROW_WORDS, start + this.#directory.countAt(position) * ROW_WORDS);
    this.#addRows(position, -1);
    if (slot === 0) this.#setFence(position);
  }

  /** Takes the row at `from` and puts `row` before the one at `to`, in the same block. */
  #shift(from: number, to: number, row: Rows): void {
    const position = from >>> this.#blockShift;
    const rows = this.#segmentOf(position);
    const start = this.#startOf(position);
    const fromAt = start + (from & (this.#blockRows - 1)) * ROW_WORDS;
    const toAt = start + (to & (this.#blockRows - 1)) * ROW_WORDS;
    if (fromAt < toAt) {
      rows.copyWithin(fromAt, fromAt + ROW_WORDS, toAt);
      copyRow(rows, toAt - ROW_WORDS, row);
    } else {
      rows.copyWithin(toAt + ROW_WORDS, toAt, fromAt);
      copyRow(rows, toAt, row);
    }
    this.#setFence(position);
  }

  #addRows(position: number, change: 1 | -1): void {
    this.#directory.addRows(position, change);
    this.#count += change;
  }

  // Keeping blocks filled

  /** Sees to it that a block is neither full nor too empty. */
  #settle(position: number): void {
    const count = this.#directory.countAt(position);
    if (count >= this.#rowsMin && count < this.#blockRows) return;

    const partner = this.#partnerOf(position, count);
    if (partner >= 0) this.#dealOut(Math.min(position, partner), 2, 2);
    else this.#settleWindow(position, count);
  }

  /** The neighbour to even out with: the one that differs most; -1 if neither does by enough to be worth it. */
  #partnerOf(position: number, count: number): number {
    const sign = count < this.#rowsMin ? -1 : 1;
    const { first, size } = this.#directory.window(position, 3);
    let partner = -1;
    let differenceMax = this.#sharedMin - 1;
    for (let other = first; other < first + size; other += 1) {
      const difference = sign * (count - this.#directory.countAt(other));
      if (difference <= differenceMax || Math.abs(other - position) > 1) continue;
      partner = other;
      differenceMax = difference;
    }
    return partner;
  }

  #settleWindow(position: number, count: number): void {
    const { first, size } = this.#directory.window(position, WINDOW_BLOCKS);
    let rows = 0;
    for (let next = first; next < first + size; next += 1) rows += this.#directory.countAt(next);
    const wanted = Math.max(1, Math.ceil(rows / this.#rowsDealt));
    // A tree smaller than a window may have no better way: it waits until a block is empty or one can be saved.
    const mayWait = size < WINDOW_BLOCKS && wanted === size && count > 0 && count < this.#blockRows;
    if (!mayWait) this.#dealOut(first, size, wanted);
  }

  /** Spreads the rows of `blocks` blocks from position `first` on evenly over `wanted` blocks. */
  #dealOut(first: number, blocks: number, wanted: number): void {
    const rows = this.#gather(first, blocks);
    for (let next = blocks; next < wanted; next += 1) this.#openBlock(first + next);
    for (let next = wanted; next < blocks; next += 1) this.#closeBlock(first + wanted);

    let dealt = 0;
    for (let share = 0; share < wanted; share += 1) {
      const end = shareEnd(rows, share, wanted);
      const position = first + share;
      this.#segmentOf(position).set(this.#window.subarray(dealt * ROW_WORDS, end * ROW_WORDS), this.#startOf(position));
      this.#directory.setCount(position, end - dealt);
      this.#setFence(position);
      dealt = end;
    }
  }

  /** Copies the rows of neighbouring blocks into the window; returns how many. */
  #gather(first: number, blocks: number): number {
    let rows = 0;
    for (let position = first; position < first + blocks; position += 1) {
      this.#window.set(this.#rowsOf(position), rows * ROW_WORDS);
      rows += this.#directory.countAt(position);
    }
    return rows;
  }

  // The segments

  #segmentOf(position: number): Rows {
    return this.#segments[this.#directory.blockAt(position) >>> this.#segmentShift]!;
  }

  /** First word of the block in its segment. */
  #startOf(position: number): number {
    return this.#wordOf(this.#directory.blockAt(position));
  }

  #wordOf(block: number): number {
    return (block & ((1 << this.#segmentShift) - 1)) * this.#blockWords;
  }

  #rowsOf(position: number): Rows {
    const start = this.#startOf(position);
    return this.#segmentOf(position).subarray(start, start + this.#directory.countAt(position) * ROW_WORDS);
  }

  #setFence(position: number): void {
    this.#directory.setFence(position, this.#segmentOf(position), this.#startOf(position));
  }

  #openBlock(position: number): void {
    this.#directory.open(position);
    this.#makeSegments(this.#directory.blockCount);
  }

  /** Gives up a block whose rows were gathered: the last one moves to where it lies. */
  #closeBlock(position: number): void {
    const hole = this.#directory.blockAt(position);
    this.#directory.close(position);
    const last = this.#directory.blockCount;
    if (hole !== last) {
      const lastRows = this.#segments[last >>> this.#segmentShift]!.subarray(
        this.#wordOf(last),
        this.#wordOf(last) + this.#blockWords,
      );
      this.#segments[hole >>> this.#segmentShift]!.set(lastRows, this.#wordOf(hole));
    }
    // One spare segment stays, so that a size that swings about its edge does not allocate each time.
    const segmentsUsed = ((last - 1) >>> this.#segmentShift) + 1;
    while (this.#segments.length > segmentsUsed + 1) this.#segments.pop();
  }

  #makeSegments(blockCount: number): void {
    const segmentWords = this.#blockWords << this.#segmentShift;
    while (this.#segments.length << this.#segmentShift < blockCount) {
      this.#segments.push(new Uint32Array(segmentWords));
    }
  }
}

/** Where the share ends if `rows` are dealt out evenly: shares differ by one row at most. */
function shareEnd(rows: number, share: number, shares: number): number {
  return Math.floor((rows * (share + 1)) / shares);
}

/** Of equal standings a search takes the last block that begins with one. */
function notAfter(): number {
  return -1;
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

function copyRow(rows: Rows, at: number, row: Rows): void {
  for (let word = 0; word < ROW_WORDS; word += 1) rows[at + word] = row[word]!;
}
