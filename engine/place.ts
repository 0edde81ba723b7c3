/**
 * Where a payment or a record stands: in which turn of its partition it was taken in, and as which one of that turn.
 * All that a turn takes in is one row, a page. Pages grow in the order of turns: a row to each payment, in the order
 * of citizens and cards, touched another page of the disk each time. Lines of one citizen or card are a chain: each
 * names the place of the one before, so that nobody has to keep a list that grows.
 */
import { invariant } from './assert.ts';
import type { Line, PageTable, RowTypes } from './ports.ts';

/** Before the first of a chain. */
export const NOWHERE = 0;

/** Lines of one turn, at most: what is in flight is far less. */
const INDEX_COUNT = 2 ** 20;
/** In the digits of `pageOf`; eight of them are more sequences than an integer can name. */
const RADIX = 36;
const DIGITS = 8;

export function placeAt(sequence: number, index: number): number {
  invariant(index < INDEX_COUNT, 'a turn takes in only so many');
  return sequence * INDEX_COUNT + index;
}

export function indexIn(place: number): number {
  return place % INDEX_COUNT;
}

/** Of the turn. */
export function sequenceOf(place: number): number {
  return Math.floor(place / INDEX_COUNT);
}

/** The sub of the row that has the place: pages stand in the order of turns. */
export function pageOf(place: number): string {
  return sequenceOf(place).toString(RADIX).padStart(DIGITS, '0');
}

/** @param page undefined where this is the first line of its turn */
export function withLine<T extends PageTable>(page: RowTypes[T] | undefined, line: Line<T>): RowTypes[T] {
  const lines: Line<T>[] = page === undefined ? [] : [...page];
  const index = indexIn(line.place);
  invariant(index <= lines.length, 'a page has no gaps');
  lines[index] = line;
  return lines as unknown as RowTypes[T];
}
