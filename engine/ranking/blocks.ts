/**
 * Blocks of sorted rows, off the JavaScript heap, numbered densely.
 *
 *   segment   [ b d f . | a c . . | ... ] [ ... ]       a block: its rows in order, then free places
 *
 * Of ten million rows nearly all are out of the processor's caches, and to wait for one of their lines takes as long as
 * a hundred comparisons. So a search does not halve, which is a wait a step, but guesses from the keys around, and reads
 * one line or two neighbours. Rows lie in order for the same reason: a byte of order for each, to be shifted in their
 * stead, was one more line to wait for before the first row, and that took longer than shifting half of a small block.
 */
import { type Bounds, expectedIndex, GUESSES_MAX, isOverCounts } from './interpolation.ts';
import { copyRow, ROW_BYTES, ROW_WORDS, type Rows, standingKey } from './row.ts';

/** Orders two rows; zero only for the same citizen with the same standing. */
export type CompareRows = (left: Rows, leftAt: number, right: Rows, rightAt: number) => number;

/**
 * Blocks share segments of memory. A move finds its way through those, so few are better: 2 ** 20 bytes are 5% faster
 * at ten million rows than 2 ** 19; but the last one is partly used, here by up to 3% of a million.
 */
const SEGMENT_BYTES = 2 ** 20;

export class Blocks {
  readonly #compare: CompareRows;
  readonly #blockWords: number;
  /** Block b is in segment b >> segmentShift. */
  readonly #segmentShift: number;
  readonly #segments: Rows[] = [];

  /** @param blockRows places in a block: a power of two */
  constructor(blockRows: number, compare: CompareRows) {
    this.#compare = compare;
    this.#blockWords = blockRows * ROW_WORDS;
    this.#segmentShift = 31 - Math.clz32(SEGMENT_BYTES / ROW_BYTES / blockRows);
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** Sees to memory for blocks 0 to `blockCount` - 1, and gives back what is not for them. */
  reserve(blockCount: number): void {
    const needed = ((blockCount - 1) >>> this.#segmentShift) + 1;
    while (this.#segments.length < needed) this.#segments.push(new Uint32Array(this.#blockWords << this.#segmentShift));
    // One spare segment stays, so that a size that swings about its edge does not allocate each time.
    while (this.#segments.length > needed + 1) this.#segments.pop();
  }

  // One row

  /**
   * Index of `row` in a block of `count` rows, or ~(the index where it would be put).
   *
   * @param bounds keys of the first row, and of the first one of the next block
   */
  find(block: number, count: number, row: Rows, bounds: Bounds): number {
    const rows = this.rowsAround(block);
    const start = this.#startOf(block);
    const key = standingKey(row, 0);
    let low = 0;
    let high = count;
    let lowKey = bounds[0]!;
    let highKey = bounds[1]!;
    let guesses = GUESSES_MAX;
    // Who has just paid is the last one of his count.
    let middle = isOverCounts(lowKey, highKey) ? count - 1 : expectedIndex(key, low, high, lowKey, highKey);
    while (low < high) {
      const at = start + middle * ROW_WORDS;
      const middleKey = standingKey(rows, at);
      const found = middleKey === key ? this.#compare(rows, at, row, 0) : middleKey - key;
      if (found === 0) return middle;
      if (found < 0) {
        low = middle + 1;
        lowKey = middleKey;
      } else {
        high = middle;
        highKey = middleKey;
      }
      guesses -= 1;
      middle = guesses > 0 ? expectedIndex(key, low, high, lowKey, highKey) : (low + high) >>> 1;
    }
    return ~low;
  }

  /** The words that a block's rows are among. */
  rowsAround(block: number): Rows {
    return this.#segments[block >>> this.#segmentShift]!;
  }

  /** Where in `rowsAround` the row at an index begins. */
  wordOf(block: number, index: number): number {
    return this.#startOf(block) + index * ROW_WORDS;
  }

  /** Into a block that is not full. */
  insert(block: number, count: number, index: number, row: Rows): void {
    const rows = this.rowsAround(block);
    const at = this.wordOf(block, index);
    if (index < count) rows.copyWithin(at + ROW_WORDS, at, this.wordOf(block, count));
    copyRow(rows, at, row, 0);
  }

  remove(block: number, count: number, index: number): void {
    const at = this.wordOf(block, index);
    this.rowsAround(block).copyWithin(at, at + ROW_WORDS, this.wordOf(block, count));
  }

  // Many rows

  /** The last `moved` rows of the left block become the first ones of the right block. */
  moveRight(left: number, leftCount: number, right: number, rightCount: number, moved: number): void {
    const rows = this.rowsAround(right);
    const start = this.#startOf(right);
    rows.copyWithin(start + moved * ROW_WORDS, start, this.wordOf(right, rightCount));
    rows.set(this.#piece(left, leftCount - moved, leftCount), start);
  }

  /** The first `moved` rows of the right block become the last ones of the left block. */
  moveLeft(left: number, leftCount: number, right: number, rightCount: number, moved: number): void {
    this.rowsAround(left).set(this.#piece(right, 0, moved), this.wordOf(left, leftCount));
    const start = this.#startOf(right);
    this.rowsAround(right).copyWithin(start, start + moved * ROW_WORDS, this.wordOf(right, rightCount));
  }

  /** All rows of a block, in order, as the memory that holds them. */
  rowsOf(block: number, count: number): Rows {
    return this.#piece(block, 0, count);
  }

  /** A block of `count` rows takes the place of another one. */
  replace(block: number, by: number, count: number): void {
    this.rowsAround(block).set(this.#piece(by, 0, count), this.#startOf(block));
  }

  #piece(block: number, from: number, end: number): Rows {
    return this.rowsAround(block).subarray(this.wordOf(block, from), this.wordOf(block, end));
  }

  #startOf(block: number): number {
    return (block & ((1 << this.#segmentShift) - 1)) * this.#blockWords;
  }
}
