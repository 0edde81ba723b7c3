/**
 * Blocks of sorted rows, off the JavaScript heap, numbered densely: a block is so many places for rows, and their order.
 *
 *   index     0   1   2   3 |  4   5  ...
 *   order     2   0   3   1 |  4   5  ...     a byte each: the place of that row; behind the last row the free places
 *
 *   place     0   1   2   3    4   5  ...
 *   rows      b   d   a   c                   32 bytes each, and they stay where they are
 *
 * So a row comes and goes with some bytes of the order. Before, the rows themselves were shifted: half of a block of
 * them for each, cold ones, which was half the time of a move among ten million.
 *
 * Who wants a whole block gets it as plain sorted rows, which are the file's: `straighten` sorts it in its own memory.
 */
import { copyRow, ROW_BYTES, ROW_WORDS, type Rows } from './row.ts';

/** Orders two rows; zero only for the same citizen with the same standing. */
export type CompareRows = (left: Rows, leftAt: number, right: Rows, rightAt: number) => number;

/** A place is a byte. */
export const BLOCK_ROWS_MAX = 256;
/**
 * Blocks share segments of memory. A move finds its way through those, so few are better: 2 ** 20 bytes were 4% faster
 * at ten million rows than 2 ** 18, larger ones no more; but the last one is partly used, here by up to 1.5% of a million.
 */
const SEGMENT_BYTES = 2 ** 19;

interface Segment {
  readonly rows: Rows;
  readonly order: Uint8Array<ArrayBuffer>;
}

export class Blocks {
  readonly #blockRows: number;
  readonly #compare: CompareRows;
  readonly #rowShift: number;
  /** Block b is in segment b >> segmentShift. */
  readonly #segmentShift: number;
  readonly #straightOrder: Uint8Array<ArrayBuffer>;
  readonly #spareOrder: Uint8Array<ArrayBuffer>;
  readonly #spareRows: Rows;
  readonly #segments: Segment[] = [];

  /** @param blockRows places in a block: a power of two up to BLOCK_ROWS_MAX */
  constructor(blockRows: number, compare: CompareRows) {
    this.#blockRows = blockRows;
    this.#compare = compare;
    this.#rowShift = 31 - Math.clz32(blockRows);
    this.#segmentShift = 31 - Math.clz32(SEGMENT_BYTES / ROW_BYTES / blockRows);
    this.#straightOrder = Uint8Array.from({ length: blockRows }, (_, place) => place);
    this.#spareOrder = new Uint8Array(blockRows);
    this.#spareRows = new Uint32Array(blockRows * ROW_WORDS);
  }

  get bytes(): number {
    const own = this.#straightOrder.byteLength + this.#spareOrder.byteLength + this.#spareRows.byteLength;
    return this.#segments.reduce((sum, { rows, order }) => sum + rows.byteLength + order.byteLength, own);
  }

  /** Sees to memory for blocks 0 to `blockCount` - 1, and gives back what is not for them. */
  reserve(blockCount: number): void {
    const needed = ((blockCount - 1) >>> this.#segmentShift) + 1;
    while (this.#segments.length < needed) this.#segments.push(this.#makeSegment());
    // One spare segment stays, so that a size that swings about its edge does not allocate each time.
    while (this.#segments.length > needed + 1) this.#segments.pop();
  }

  // One row

  /** Index of `row` in a block of `count` rows, or ~(the index where it would be put). */
  find(block: number, count: number, row: Rows): number {
    const { rows, order } = this.#segmentOf(block);
    const first = this.#firstOf(block);
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const found = this.#compare(rows, (first + order[first + middle]!) * ROW_WORDS, row, 0);
      if (found === 0) return middle;
      if (found < 0) low = middle + 1;
      else high = middle;
    }
    return ~low;
  }

  /** The words that a block's rows are among. */
  rowsAround(block: number): Rows {
    return this.#segmentOf(block).rows;
  }

  /** Where in `rowsAround` the row at an index begins. */
  wordOf(block: number, index: number): number {
    const first = this.#firstOf(block);
    return (first + this.#segmentOf(block).order[first + index]!) * ROW_WORDS;
  }

  /** Into a block that is not full. */
  insert(block: number, count: number, index: number, row: Rows): void {
    const { rows, order } = this.#segmentOf(block);
    const first = this.#firstOf(block);
    const place = order[first + count]!;
    order.copyWithin(first + index + 1, first + index, first + count);
    order[first + index] = place;
    copyRow(rows, (first + place) * ROW_WORDS, row, 0);
  }

  remove(block: number, count: number, index: number): void {
    const { order } = this.#segmentOf(block);
    const first = this.#firstOf(block);
    const last = first + count - 1;
    const place = order[first + index]!;
    order.copyWithin(first + index, first + index + 1, last + 1);
    order[last] = place;
  }

  // Many rows

  /** The last `moved` rows of the left block become the first ones of the right block. */
  moveRight(left: number, leftCount: number, right: number, rightCount: number, moved: number): void {
    this.#copyRows(left, leftCount - moved, right, rightCount, moved);
    const { order } = this.#segmentOf(right);
    const first = this.#firstOf(right);
    const end = first + rightCount;
    this.#spareOrder.set(order.subarray(end, end + moved));
    order.copyWithin(first + moved, first, end);
    order.set(this.#spareOrder.subarray(0, moved), first);
  }

  /** The first `moved` rows of the right block become the last ones of the left block. */
  moveLeft(left: number, leftCount: number, right: number, rightCount: number, moved: number): void {
    this.#copyRows(right, 0, left, leftCount, moved);
    const { order } = this.#segmentOf(right);
    const first = this.#firstOf(right);
    const end = first + rightCount;
    this.#spareOrder.set(order.subarray(first, first + moved));
    order.copyWithin(first, first + moved, end);
    order.set(this.#spareOrder.subarray(0, moved), end - moved);
  }

  /** All rows of a block, in order, as the memory that holds them: shuffled there if they were not. */
  straighten(block: number, count: number): Rows {
    const { rows, order } = this.#segmentOf(block);
    const first = this.#firstOf(block);
    const straight = rows.subarray(first * ROW_WORDS, (first + count) * ROW_WORDS);
    let index = 0;
    while (index < count && order[first + index] === index) index += 1;
    if (index === count) return straight;

    for (index = 0; index < count; index += 1) {
      copyRow(this.#spareRows, index * ROW_WORDS, rows, (first + order[first + index]!) * ROW_WORDS);
    }
    straight.set(this.#spareRows.subarray(0, straight.length));
    order.set(this.#straightOrder, first);
    return straight;
  }

  /** A block with all its rows takes the place of another one. */
  replace(block: number, by: number): void {
    const [from, to] = [this.#segmentOf(by), this.#segmentOf(block)];
    const [fromFirst, toFirst] = [this.#firstOf(by), this.#firstOf(block)];
    const fromEnd = fromFirst + this.#blockRows;
    to.rows.set(from.rows.subarray(fromFirst * ROW_WORDS, fromEnd * ROW_WORDS), toFirst * ROW_WORDS);
    to.order.set(from.order.subarray(fromFirst, fromEnd), toFirst);
  }

  /** Whether each place of a block is in its order once. */
  isOrderWhole(block: number): boolean {
    const first = this.#firstOf(block);
    return new Set(this.#segmentOf(block).order.subarray(first, first + this.#blockRows)).size === this.#blockRows;
  }

  /** Copies `count` rows into the free places of another block; the orders stay as they are. */
  #copyRows(from: number, fromIndex: number, to: number, toCount: number, count: number): void {
    const [source, target] = [this.#segmentOf(from), this.#segmentOf(to)];
    const sourceFirst = this.#firstOf(from);
    const targetFirst = this.#firstOf(to);
    for (let row = 0; row < count; row += 1) {
      const sourcePlace = sourceFirst + source.order[sourceFirst + fromIndex + row]!;
      const targetPlace = targetFirst + target.order[targetFirst + toCount + row]!;
      copyRow(target.rows, targetPlace * ROW_WORDS, source.rows, sourcePlace * ROW_WORDS);
    }
  }

  #segmentOf(block: number): Segment {
    return this.#segments[block >>> this.#segmentShift]!;
  }

  /** First place of a block in its segment. */
  #firstOf(block: number): number {
    return (block & ((1 << this.#segmentShift) - 1)) << this.#rowShift;
  }

  #makeSegment(): Segment {
    const places = this.#blockRows << this.#segmentShift;
    const order = new Uint8Array(places);
    for (let at = 0; at < places; at += this.#blockRows) order.set(this.#straightOrder, at);
    return { rows: new Uint32Array(places * ROW_WORDS), order };
  }
}
