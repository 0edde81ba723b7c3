/** Wallets or cards of a partition in the order of their keys, so many at a time, wherever the newest of each is. */
import type { RowHeads, RowTypes } from '../ports.ts';
import type { Actors } from './actors.ts';

export interface ActorPart {
  readonly partition: number;
  /** Empty: from the first. */
  readonly after: string;
  readonly countMax: number;
}

export interface ActorPage<V> {
  /** By key; as they were flushed. */
  readonly values: readonly V[];
  /** After which the next page begins; null = there is none. */
  readonly next: string | null;
}

/** Nobody is woken. */
export function actorPage<T extends keyof RowHeads>(actors: Actors, table: T, part: ActorPart): ActorPage<RowTypes[T]> {
  const { partition, after } = part;
  return pageOf(actors, table, part, valuesIn(actors.rows.scan(table, partition, after === '' ? undefined : after)));
}

/** The same of no more than their rows begin with. */
export function headPage<T extends keyof RowHeads>(actors: Actors, table: T, part: ActorPart): ActorPage<RowHeads[T]> {
  return pageOf(actors, table, part, actors.rows.heads(table, part.partition, part.after));
}

/** Who has no row yet, or an older one, comes in its place among the rows that are looked at. */
function pageOf<V extends RowHeads[keyof RowHeads]>(
  actors: Actors,
  table: keyof RowHeads,
  { partition, after, countMax }: ActorPart,
  rows: Iterable<V>,
): ActorPage<V> {
  const values: V[] = [];
  let lookedAt = 0;
  let last: string | null = null;
  for (const value of rows) {
    const entity = entityOf(value);
    if (entity === after) continue;
    if (lookedAt === countMax) break;
    lookedAt += 1;
    last = entity;
    if (!actors.isUnwritten(entity)) values.push(value);
  }
  const isLast = lookedAt < countMax;
  for (const [entity, value] of actors.unwritten(table, partition)) {
    if (entity > after && (isLast || entity <= last!)) values.push(value as unknown as V);
  }
  values.sort((left, right) => (entityOf(left) < entityOf(right) ? -1 : 1));
  return { values, next: isLast ? null : last };
}

function* valuesIn<V>(rows: Iterable<readonly [unknown, { readonly value: V }]>): Iterable<V> {
  for (const [, { value }] of rows) yield value;
}

function entityOf(value: RowHeads[keyof RowHeads]): string {
  return 'hpan' in value ? value.hpan : value.citizen;
}
