/** Wallets or cards of a partition in the order of their keys, so many at a time, wherever the newest of each is. */
import type { RowTypes } from '../ports.ts';
import type { Actors } from './actors.ts';

export interface ActorPage<T extends 'wallet' | 'card'> {
  /** By key; as they were flushed. */
  readonly entries: readonly (readonly [string, RowTypes[T]])[];
  /** After which the next page begins; null = there is none. */
  readonly next: string | null;
}

/**
 * Who has no row yet, or an older one, comes in its place among the rows that are looked at. Nobody is woken.
 *
 * @param after empty: from the first
 */
export function actorPage<T extends 'wallet' | 'card'>(
  actors: Actors,
  table: T,
  { partition, after, countMax }: { readonly partition: number; readonly after: string; readonly countMax: number },
): ActorPage<T> {
  const entries: [string, RowTypes[T]][] = [];
  let lookedAt = 0;
  let last: string | null = null;
  for (const [{ entity }, { value }] of actors.rows.scan(table, partition, after === '' ? undefined : after)) {
    if (entity === after) continue;
    if (lookedAt === countMax) break;
    lookedAt += 1;
    last = entity;
    if (!actors.isUnwritten(entity)) entries.push([entity, value]);
  }
  const isLast = lookedAt < countMax;
  for (const [entity, value] of actors.unwritten(table, partition)) {
    if (entity > after && (isLast || entity <= last!)) entries.push([entity, value as RowTypes[T]]);
  }
  entries.sort(([left], [right]) => (left < right ? -1 : 1));
  return { entries, next: isLast ? null : last };
}
