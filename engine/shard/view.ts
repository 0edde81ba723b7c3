/** What turns decide on, and what everybody else may see: the same actors, by one of their two faces. */
import { invariant } from '../assert.ts';
import { indexIn, pageOf } from '../place.ts';
import type { ActorTable, Line, ListTable, PageTable, Rows, RowTable, RowTypes, StoredRow } from '../ports.ts';
import { type Actor, type ListRow, lineOf, OWNER_OF, opened, seenByAll, type Value } from './actor.ts';

/** Actors and lists as one of the two faces shows them. */
export interface View {
  get<T extends RowTable>(table: T, partition: number, entity: string, sub: string): RowTypes[T] | undefined;
  row<T extends RowTable>(table: T, partition: number, entity: string, sub: string): StoredRow<RowTypes[T]> | undefined;
  /** What a page says at a place, which a chain has named: it is there. */
  line<T extends PageTable>(table: T, partition: number, place: number): Line<T>;
  /** Rows of one entity whose sub begins with `prefix`, ordered by sub. */
  list<T extends ListTable>(
    table: T,
    partition: number,
    entity: string,
    prefix: string,
  ): readonly (readonly [string, RowTypes[T]])[];
  /** The first `countMax` of them after the sub `after`: reads no more of the disk than that. */
  first<T extends ListTable>(
    table: T,
    partition: number,
    entity: string,
    part: { readonly prefix: string; readonly after?: string; readonly countMax: number },
  ): readonly (readonly [string, RowTypes[T]])[];
}

/** Whose faces they are. */
interface Awake {
  readonly rows: Rows;
  wake(table: ActorTable, partition: number, entity: string): Actor;
}

export class Face implements View {
  readonly #actors: Awake;
  readonly #onlyFlushed: boolean;

  constructor(actors: Awake, { onlyFlushed }: { readonly onlyFlushed: boolean }) {
    this.#actors = actors;
    this.#onlyFlushed = onlyFlushed;
  }

  get<T extends RowTable>(table: T, partition: number, entity: string, sub: string): RowTypes[T] | undefined {
    if (isActorTable(table)) {
      return this.#valueOf(this.#actors.wake(table, partition, entity)) as RowTypes[T] | undefined;
    }
    return this.row(table, partition, entity, sub)?.value;
  }

  row<T extends RowTable>(
    table: T,
    partition: number,
    entity: string,
    sub: string,
  ): StoredRow<RowTypes[T]> | undefined {
    const isActor = isActorTable(table);
    const actor = this.#actors.wake(isActor ? table : OWNER_OF[table as ListTable], partition, entity);
    if (isActor) {
      const value = this.#valueOf(actor);
      const sequence = this.#onlyFlushed ? actor.flushedSequence : actor.decidedSequence;
      return value === undefined ? undefined : { sequence, value: value as RowTypes[T] };
    }
    const row = this.#seen(actor.row(table as ListTable, sub));
    if (row === undefined) return this.#actors.rows.get(table, partition, actor.entity, sub);
    const value = opened(row.value);
    return value === null ? undefined : { sequence: row.sequence, value: value as RowTypes[T] };
  }

  line<T extends PageTable>(table: T, partition: number, place: number): Line<T> {
    const row = this.#seen(this.#actors.wake('partition', partition, '').row(table, pageOf(place)));
    const line = row === undefined ? this.#actors.rows.line(table, partition, place) : lineOf(row, indexIn(place));
    invariant(line !== undefined, `partition ${partition} has no ${table} at ${place}`);
    return line as Line<T>;
  }

  list<T extends ListTable>(
    table: T,
    partition: number,
    entity: string,
    prefix: string,
  ): readonly (readonly [string, RowTypes[T]])[] {
    const actor = this.#actors.wake(OWNER_OF[table], partition, entity);
    const found = new Map<string, RowTypes[T]>();
    for (const [sub, row] of this.#actors.rows.list(table, partition, actor.entity, prefix)) {
      if (!sub.startsWith(prefix)) break;
      found.set(sub, row.value);
    }
    const unwritten = actor.lists?.[table];
    if (unwritten === undefined) return [...found];
    for (const newest of unwritten.values()) {
      const row = this.#seen(newest);
      if (row === undefined || !row.sub.startsWith(prefix)) continue;
      const value = opened(row.value);
      if (value === null) found.delete(row.sub);
      else found.set(row.sub, value as RowTypes[T]);
    }
    return [...found].sort(bySub);
  }

  first<T extends ListTable>(
    table: T,
    partition: number,
    entity: string,
    { prefix, after = prefix, countMax }: { prefix: string; after?: string; countMax: number },
  ): readonly (readonly [string, RowTypes[T]])[] {
    const actor = this.#actors.wake(OWNER_OF[table], partition, entity);
    const unwritten = actor.lists?.[table];
    const isSought = (sub: string) => sub > after && sub.startsWith(prefix);
    const found = new Map<string, RowTypes[T]>();
    for (const [sub, row] of this.#actors.rows.list(table, partition, entity, after)) {
      if (!sub.startsWith(prefix) || found.size === countMax) break;
      if (isSought(sub) && this.#seen(unwritten?.get(sub)) === undefined) found.set(sub, row.value);
    }
    for (const newest of unwritten?.values() ?? []) {
      const row = this.#seen(newest);
      if (row === undefined || !isSought(row.sub)) continue;
      const value = opened(row.value);
      if (value !== null) found.set(row.sub, value as RowTypes[T]);
    }
    return [...found].sort(bySub).slice(0, countMax);
  }

  #valueOf(actor: Actor): Value | undefined {
    return this.#onlyFlushed ? actor.flushed : actor.decided;
  }

  #seen(row: ListRow | undefined): ListRow | undefined {
    return this.#onlyFlushed ? seenByAll(row) : row;
  }
}

function bySub([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isActorTable(table: RowTable): table is ActorTable {
  return table === 'wallet' || table === 'card' || table === 'partition';
}
