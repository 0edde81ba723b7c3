/** Rows as the account taken from the journal expects them. */
import type { Place } from './partition-log.ts';

/** A value that a row should hold, and the partition's sequence that made it so. Null: there should be no row. */
export interface Held<T> {
  value: T | null;
  sequence: number;
  isRowSeen: boolean;
}

/** What each row of a list was, one after the other; by its sub. */
export type HeldRows<T> = Map<string, Held<T>[]>;

export function holdRow<T>(rows: HeldRows<T>, sub: string, value: T | null, { sequence }: Place): void {
  const held = { value, sequence, isRowSeen: false };
  const before = rows.get(sub);
  if (before === undefined) rows.set(sub, [held]);
  else before.push(held);
}
