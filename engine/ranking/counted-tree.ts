/**
 * An order-statistic tree of fixed rows (row.ts), two levels deep and off the JavaScript heap.
 *
 *   directory   position        0        1        2     ...   one column each, in rank order:
 *                 fence        [k0]     [k1]     [k2]         first standing of the block
 *                 count         201      230      240         rows in it
 *                 block          7        0        3          where it lies in the segments
 *                 sums         Fenwick tree over the counts
 *                                |        |        |
 *   segments    [ block 0 | block 1 | ... ] [ ... ]           sorted rows, `blockRows` places each
 *
 * Rank = rows in the blocks before (sums) + place in the block. Whenever a block is full, or under FILL_MIN, the
 * window of blocks around it is dealt out evenly over as many blocks as its rows need. So with more than one
 * window no block stays under FILL_MIN, and a row never costs more than 32 / FILL_MIN bytes and its share of the
 * directory: about 41; half-full B-tree leaves would be 64, and 46 on average.
 */
import { BrokenInvariant, invariant } from '../assert.ts';
import { compareStandings, isSameCitizen, ROW_BYTES, ROW_WORDS, type Rows } from './row.ts';

/** Orders two rows of different citizens with equal standings. Never zero. May be slow: called for ties only. */
export type CompareTies = (left: Rows, leftAt: number, right: Rows, rightAt: number) => number;

export interface CountedTreeOptions {
  readonly compareTies: CompareTies;
  /** Places in a block, a power of two from 16 to 32,768. Small ones are for tests. */
  readonly blockRows?: number;
}

/**
 * Measured in one process with 8 million rows, on two busy cores, best of 24 rounds, ns a read / a move: blocks of
 * 64 rows 1,340 / 6,400, of 128 1,280 / 3,080, of 256 1,100 / 3,560. Searches dominate; small blocks lose to the
 * larger directory.
 */
const BLOCK_ROWS = 256;
const WINDOW_BLOCKS = 9;
/** After dealing out, blocks are between this and seven eighths of it full. */
const FILL_DEALT = 61 / 64;
const FILL_MIN = 50 / 64;
/** In the middle: fuller blocks overflow soon, and many at once. */
const FILL_LOADED = 56 / 64;
/** Small enough that the last, partly used one is under 1% of a million rows. */
const SEGMENT_BYTES = 2 ** 18;
const FENCE_WORDS = 4;
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
  readonly #window: Rows;

  /** Blocks are numbered densely: block b is in segment b >> segmentShift. */
  readonly #segments: Rows[] = [];
  #blockCount = 0;
  #fences: Rows = new Uint32Array(0);
  #counts: Uint16Array<ArrayBuffer> = new Uint16Array(0);
  #blocks: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  /** From 1, as Fenwick trees are: element p sums the counts of the lowbit(p) positions that end with p - 1. */
  #sums: Uint32Array<ArrayBuffer> = new Uint32Array(1);
  #count = 0;
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
    this.#window = new Uint32Array(WINDOW_BLOCKS * this.#blockWords);
    this.#addBlocks(0, 1);
  }

  get count(): number {
    return this.#count;
  }

  /** Grows with each change: who reads over several steps can see that the order moved meanwhile. */
  get changes(): number {
    return this.#changes;
  }

  /** Everything held, used or not. */
  get bytes(): number {
    const directory = [this.#fences, this.#counts, this.#blocks, this.#sums, this.#window];
    return [...this.#segments, ...directory].reduce((sum, part) => sum + part.byteLength, 0);
  }

  /** Rows before this one; -1 if it is not there. `row` is one row from word 0 on, here and below. */
  indexOf(row: Rows): number {
    const place = this.#locate(row);
    if (place < 0) return -1;
    return this.#rowsBefore(place >>> this.#blockShift) + (place & (this.#blockRows - 1));
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
   * Removes one row and inserts another in its stead; cheapest when both belong into one block.
   * Both places are found before anything changes, so a throwing `compareTies` leaves the tree as it was.
   */
  move(before: Rows, after: Rows): 'moved' | 'not there' | 'already there' {
    const from = this.#locate(before);
    if (from < 0) return 'not there';
    const to = ~this.#locate(after);
    if (to < 0) return 'already there';

    this.#changes += 1;
    const [fromPosition, toPosition] = [from >>> this.#blockShift, to >>> this.#blockShift];
    if (fromPosition === toPosition) {
      this.#shift(from, to, after);
      return 'moved';
    }
    this.#take(from);
    this.#put(to, after);
    // The later one first: dealing out leaves the positions before its window alone.
    this.#settle(Math.max(fromPosition, toPosition));
    this.#settle(Math.min(fromPosition, toPosition));
    return 'moved';
  }

  /**
   * Visits `count` rows from `index` on, fewer at the end, in order. The words belong to the tree: read at once.
   */
  visit(index: number, count: number, visitor: (rows: Rows, at: number, index: number) => void): void {
    const end = Math.min(index + count, this.#count);
    if (index < 0 || index >= end) return;
    const first = this.#positionOf(index);
    let position = first.position;
    let slot = first.slot;
    for (let next = index; next < end; next += 1) {
      if (slot === this.#counts[position]!) {
        position += 1;
        slot = 0;
      }
      visitor(this.#segmentOf(position), this.#startOf(position) + slot * ROW_WORDS, next);
      slot += 1;
    }
  }

  /** The rows in order, as pieces of the memory that holds them. Changing the tree meanwhile breaks an invariant. */
  *pieces(): Generator<Rows, void, undefined> {
    const changes = this.#changes;
    for (let position = 0; position < this.#blockCount; position += 1) {
      const start = this.#startOf(position);
      yield this.#segmentOf(position).subarray(start, start + this.#counts[position]! * ROW_WORDS);
      invariant(changes === this.#changes, 'the ranking changed while it was being read');
    }
  }

  /**
   * Fills an empty tree with `count` rows that `fill` writes in order, piece by piece: each piece is a part of the
   * tree's own memory. The rows must ascend; `checkInvariants` tells.
   */
  load(count: number, fill: (piece: Rows) => void): void {
    invariant(this.#count === 0, 'only an empty tree is loaded');
    const wanted = Math.max(1, Math.ceil(count / Math.floor(this.#blockRows * FILL_LOADED)));
    this.#addBlocks(this.#blockCount, wanted - this.#blockCount);
    let loaded = 0;
    for (let position = 0; position < wanted; position += 1) {
      const end = shareEnd(count, position, wanted);
      const start = this.#startOf(position);
      fill(this.#segmentOf(position).subarray(start, start + (end - loaded) * ROW_WORDS));
      this.#counts[position] = end - loaded;
      this.#setFence(position);
      loaded = end;
    }
    this.#count = count;
    this.#changes += 1;
    this.#rebuildSums();
  }

  /** Throws BrokenInvariant unless every row is in order and every count, fence and sum says the truth. */
  checkInvariants(): void {
    let total = 0;
    let previous: { readonly rows: Rows; readonly at: number } | null = null;
    for (let position = 0; position < this.#blockCount; position += 1) {
      const rows = this.#segmentOf(position);
      const start = this.#startOf(position);
      const count = this.#counts[position]!;
      const isLow = this.#blockCount >= WINDOW_BLOCKS && count < this.#rowsMin;
      invariant(count < this.#blockRows && !isLow, `block at ${position} holds ${count} rows`);
      invariant(count > 0 || this.#blockCount === 1, `block at ${position} is empty`);
      invariant(this.#rowsBefore(position) === total, `sums are wrong before block ${position}`);
      if (count > 0) this.#checkFence(position);
      for (let at = start; at < start + count * ROW_WORDS; at += ROW_WORDS) {
        const isAscending = previous === null || this.#compare(previous.rows, previous.at, rows, at) < 0;
        invariant(isAscending, `rows are out of order in block ${position}`);
        previous = { rows, at };
      }
      total += count;
    }
    invariant(total === this.#count, `${total} rows are there, ${this.#count} were counted`);
    invariant(new Set(this.#blocks.subarray(0, this.#blockCount)).size === this.#blockCount, 'a block is used twice');
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
    const position = this.#search(row);
    const rows = this.#segmentOf(position);
    const start = this.#startOf(position);
    let low = 0;
    let high = this.#counts[position]!;
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

  /** Reads the seven words that part a range into eight; kept, or the compiler would leave the reading out. */
  #touch(rows: Rows, start: number, step: number): void {
    let touched = 0;
    for (let part = 1; part < PARTS; part += 1) touched |= rows[start + part * step]!;
    this.#touched = touched & 1;
  }

  /** The last position whose first row is not after `row`; 0 if there is none. */
  #search(row: Rows): number {
    const fences = this.#fences;
    let low = 0;
    let high = this.#blockCount;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      let order = compareStandings(fences, middle * FENCE_WORDS, row, 0);
      if (order === 0) order = this.#compare(this.#segmentOf(middle), this.#startOf(middle), row, 0);
      if (order <= 0) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Zero only for the same citizen with the same standing. */
  #compare(left: Rows, leftAt: number, right: Rows, rightAt: number): number {
    const order = compareStandings(left, leftAt, right, rightAt);
    if (order !== 0 || isSameCitizen(left, leftAt, right, rightAt)) return order;
    const tieOrder = this.#compareTies(left, leftAt, right, rightAt);
    if (tieOrder === 0 || Number.isNaN(tieOrder)) throw new BrokenInvariant('two citizens have one tax code');
    return tieOrder;
  }

  #rowsBefore(position: number): number {
    const sums = this.#sums;
    let rows = 0;
    for (let element = position; element > 0; element &= element - 1) rows += sums[element]!;
    return rows;
  }

  #positionOf(index: number): { readonly position: number; readonly slot: number } {
    let position = 0;
    let slot = index;
    for (let step = 1 << (31 - Math.clz32(this.#blockCount)); step > 0; step >>>= 1) {
      const next = position + step;
      if (next > this.#blockCount || this.#sums[next]! > slot) continue;
      position = next;
      slot -= this.#sums[next]!;
    }
    return { position, slot };
  }

  // Changing one block

  #put(place: number, row: Rows): void {
    const position = place >>> this.#blockShift;
    const slot = place & (this.#blockRows - 1);
    const rows = this.#segmentOf(position);
    const start = this.#startOf(position);
    const at = start + slot * ROW_WORDS;
    rows.copyWithin(at + ROW_WORDS, at, start + this.#counts[position]! * ROW_WORDS);
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
    rows.copyWithin(at, at + ROW_WORDS, start + this.#counts[position]! * ROW_WORDS);
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
    this.#counts[position]! += change;
    this.#count += change;
    this.#addSum(position, change);
  }

  // Keeping blocks filled

  /** Deals out the window around a block that is full or too empty. */
  #settle(changedPosition: number): void {
    // Settling another block may have left fewer positions.
    const position = Math.min(changedPosition, this.#blockCount - 1);
    const count = this.#counts[position]!;
    if (count >= this.#rowsMin && count < this.#blockRows) return;

    const blocks = Math.min(WINDOW_BLOCKS, this.#blockCount);
    const first = Math.max(0, Math.min(position - (WINDOW_BLOCKS >>> 1), this.#blockCount - blocks));
    const rows = this.#counts.subarray(first, first + blocks).reduce((sum, next) => sum + next, 0);
    const wanted = this.#blocksFor(rows);
    // A tree smaller than a window may have no better way: it waits until a block is empty or one can be saved.
    const mayWait = blocks < WINDOW_BLOCKS && wanted === blocks && count > 0 && count < this.#blockRows;
    if (!mayWait) this.#deal(first, blocks, wanted);
  }

  #blocksFor(rows: number): number {
    return Math.max(1, Math.ceil(rows / this.#rowsDealt));
  }

  /** Spreads the rows of `blocks` blocks from position `first` on evenly over `wanted` blocks. */
  #deal(first: number, blocks: number, wanted: number): void {
    const rows = this.#gather(first, blocks);
    if (wanted > blocks) this.#addBlocks(first + blocks, wanted - blocks);
    if (wanted < blocks) this.#dropBlocks(first + wanted, blocks - wanted);

    let dealt = 0;
    for (let share = 0; share < wanted; share += 1) {
      const end = shareEnd(rows, share, wanted);
      const position = first + share;
      this.#segmentOf(position).set(this.#window.subarray(dealt * ROW_WORDS, end * ROW_WORDS), this.#startOf(position));
      this.#addSum(position, end - dealt - this.#counts[position]!);
      this.#counts[position] = end - dealt;
      this.#setFence(position);
      dealt = end;
    }
    if (wanted !== blocks) this.#rebuildSums();
  }

  /** Copies the rows of neighbouring blocks into the window; returns how many. */
  #gather(first: number, blocks: number): number {
    let rows = 0;
    for (let position = first; position < first + blocks; position += 1) {
      const start = this.#startOf(position);
      const count = this.#counts[position]!;
      this.#window.set(this.#segmentOf(position).subarray(start, start + count * ROW_WORDS), rows * ROW_WORDS);
      rows += count;
    }
    return rows;
  }

  // The directory and the segments

  #segmentOf(position: number): Rows {
    return this.#segments[this.#blocks[position]! >>> this.#segmentShift]!;
  }

  /** First word of the block in its segment. */
  #startOf(position: number): number {
    return (this.#blocks[position]! & ((1 << this.#segmentShift) - 1)) * this.#blockWords;
  }

  #setFence(position: number): void {
    const rows = this.#segmentOf(position);
    const start = this.#startOf(position);
    for (let word = 0; word < FENCE_WORDS; word += 1) this.#fences[position * FENCE_WORDS + word] = rows[start + word]!;
  }

  #checkFence(position: number): void {
    const order = compareStandings(
      this.#fences,
      position * FENCE_WORDS,
      this.#segmentOf(position),
      this.#startOf(position),
    );
    invariant(order === 0, `fence is wrong at block ${position}`);
  }

  #addSum(position: number, change: number): void {
    if (change === 0) return;
    for (let element = position + 1; element <= this.#blockCount; element += element & -element) {
      this.#sums[element]! += change;
    }
  }

  /** Linear: each element hands its sum on to the one that covers it. */
  #rebuildSums(): void {
    const sums = this.#sums;
    for (let element = 1; element <= this.#blockCount; element += 1) sums[element] = this.#counts[element - 1]!;
    for (let element = 1; element <= this.#blockCount; element += 1) {
      const cover = element + (element & -element);
      if (cover <= this.#blockCount) sums[cover]! += sums[element]!;
    }
  }

  /** Makes room for empty blocks at `position`; sums are wrong until rebuilt. */
  #addBlocks(position: number, added: number): void {
    const blockCount = this.#blockCount + added;
    if (blockCount > this.#counts.length) this.#growDirectory(blockCount);
    this.#moveDirectory(position, position + added);
    for (let next = 0; next < added; next += 1) {
      this.#blocks[position + next] = this.#blockCount + next;
      this.#counts[position + next] = 0;
    }
    this.#blockCount = blockCount;
    const segmentWords = this.#blockWords << this.#segmentShift;
    while (this.#segments.length << this.#segmentShift < blockCount) {
      this.#segments.push(new Uint32Array(segmentWords));
    }
  }

  /** Gives up blocks whose rows were gathered; sums are wrong until rebuilt. */
  #dropBlocks(position: number, dropped: number): void {
    for (let next = 0; next < dropped; next += 1) this.#freeBlock(position + next, this.#blockCount - 1 - next);
    this.#moveDirectory(position + dropped, position);
    this.#blockCount -= dropped;
    // One spare segment stays, so that a size that swings about its edge does not allocate each time.
    const segmentsUsed = ((this.#blockCount - 1) >>> this.#segmentShift) + 1;
    while (this.#segments.length > segmentsUsed + 1) this.#segments.pop();
  }

  /** Blocks stay numbered without gaps: the `last` one moves to where this one lies. */
  #freeBlock(position: number, last: number): void {
    const hole = this.#blocks[position]!;
    if (hole === last) return;
    const lastPosition = this.#blocks.indexOf(last);
    const source = this.#startOf(lastPosition);
    const target = this.#startOf(position);
    const lastRows = this.#segmentOf(lastPosition).subarray(source, source + this.#blockWords);
    this.#segmentOf(position).set(lastRows, target);
    this.#blocks[lastPosition] = hole;
    this.#blocks[position] = last;
  }

  #moveDirectory(from: number, to: number): void {
    const end = this.#blockCount;
    this.#counts.copyWithin(to, from, end);
    this.#blocks.copyWithin(to, from, end);
    this.#fences.copyWithin(to * FENCE_WORDS, from * FENCE_WORDS, end * FENCE_WORDS);
  }

  #growDirectory(blockCount: number): void {
    const length = Math.max(16, blockCount, this.#counts.length * 2);
    this.#counts = grown(this.#counts, new Uint16Array(length));
    this.#blocks = grown(this.#blocks, new Uint32Array(length));
    this.#fences = grown(this.#fences, new Uint32Array(length * FENCE_WORDS));
    this.#sums = new Uint32Array(length + 1);
  }
}

function grown<Column extends Rows | Uint16Array<ArrayBuffer>>(old: Column, larger: Column): Column {
  larger.set(old);
  return larger;
}

/** Where the share ends if `rows` are dealt out evenly: shares differ by one row at most. */
function shareEnd(rows: number, share: number, shares: number): number {
  return Math.floor((rows * (share + 1)) / shares);
}

function copyRow(rows: Rows, at: number, row: Rows): void {
  for (let word = 0; word < ROW_WORDS; word += 1) rows[at + word] = row[word]!;
}
