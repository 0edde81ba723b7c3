/**
 * Where to look next in a search among ascending keys (standingKey). Keys of one count are instants, and payments come
 * steadily for as long as a shelf or a block spans: so a row is near where its key lies between the two that are known.
 */
import { COUNT_KEYS } from './row.ts';

/** Of one search. Keys in a cluster could mislead every guess; halving, which comes then, is never misled. */
export const GUESSES_MAX = 4;

/** Keys that what is searched lies between: not before the first, before the second. */
export type Bounds = Float64Array<ArrayBuffer>;

/** Of the indexes from `low` to `high` - 1. The middle one if not all have one count: counts say nothing about distance. */
export function expectedIndex(key: number, low: number, high: number, lowKey: number, highKey: number): number {
  if (isOverCounts(lowKey, highKey)) return (low + high) >>> 1;
  const index = (low + ((high - low) * (key - lowKey)) / (highKey - lowKey)) | 0;
  return Math.max(low, Math.min(high - 1, index));
}

/** Whether the keys belong to different counts. Instants of one count are years apart at most, never 4,000. */
export function isOverCounts(lowKey: number, highKey: number): boolean {
  return highKey - lowKey > COUNT_KEYS / 2;
}
