/**
 * Rows in memory over rows on disk. A turn writes into its scratch; when it is flushed the scratch is merged into the
 * overlay (what others see); a checkpoint freezes the overlay, writes it, and lets it go.
 *
 *   scratch of the turn being decided        only this turn
 *   scratch of the turn being flushed        later turns
 *   overlay, frozen overlay                  everybody
 *   rows on disk                             everybody
 */
import type { Rows, RowTable, RowTypes } from '../ports.ts';

/** A changed row; null = deleted. */
export interface Cell<T> {
  readonly sequence: number;
  readonly value: T | null;
}

type AnyCell = Cell<RowTypes[RowTable]>;

/** Changed rows by table, entity and sub. Rows of a partition itself have the partition's number as entity. */
export class Overlay {
  readonly #tables = new Map<RowTable, Map<string, Map<string, AnyCell>>>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get<T extends RowTable>(table: T, entity: string, sub: string): Cell<RowTypes[T]> | undefined {
    return this.#tables.get(table)?.get(entity)?.get(sub) as Cell<RowTypes[T]> | undefined;
  }

  set<T extends RowTable>(table: T, entity: string, sub: string, cell: Cell<RowTypes[T]>): void {
    const entities = getOrMake(this.#tables, table, () => new Map<string, Map<string, AnyCell>>());
    const cells = getOrMake(entities, entity, () => new Map<string, AnyCell>());
    if (!cells.has(sub)) this.#count += 1;
    cells.set(sub, cell as AnyCell);
  }

  entity<T extends RowTable>(table: T, entity: string): Iterable<readonly [string, Cell<RowTypes[T]>]> {
    const cells = this.#tables.get(table)?.get(entity) ?? new Map();
    return cells as Map<string, Cell<RowTypes[T]>>;
  }

  *table<T extends RowTable>(table: T): Iterable<readonly [string, string, Cell<RowTypes[T]>]> {
    for (const [entity, cells] of this.#tables.get(table) ?? []) {
      for (const [sub, cell] of cells) yield [entity, sub, cell as Cell<RowTypes[T]>];
    }
  }

  *all(): Iterable<readonly [RowTable, string, string, AnyCell]> {
    for (const [table, entities] of this.#tables) {
      for (const [entity, cells] of entities) for (const [sub, cell] of cells) yield [table, entity, sub, cell];
    }
  }

  mergeInto(target: Overlay): void {
    for (const [table, entity, sub, cell] of this.all()) target.set(table, entity, sub, cell);
  }
}

/** Actors that rest unchanged on disk, kept decoded; the least recently used goes first. */
export class AwakeCache {
  readonly #rows = new Map<string, AnyCell>();
  readonly #countMax: number;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get(key: string): AnyCell | undefined {
    const cell = this.#rows.get(key);
    if (cell === undefined) return undefined;
    this.#rows.delete(key);
    this.#rows.set(key, cell);
    return cell;
  }

  set(key: string, cell: AnyCell): void {
    this.#rows.set(key, cell);
    if (this.#rows.size <= this.#countMax) return;
    for (const oldest of this.#rows.keys()) {
      this.#rows.delete(oldest);
      return;
    }
  }

  forget(key: string): void {
    this.#rows.delete(key);
  }
}

/** Reads through layers, newest first, then rows. */
export class LayeredView {
  readonly #layers: readonly Overlay[];
  readonly #rows: Rows;
  readonly #awake: AwakeCache;

  constructor(layers: readonly Overlay[], rows: Rows, awake: AwakeCache) {
    this.#layers = layers;
    this.#rows = rows;
    this.#awake = awake;
  }

  get<T extends RowTable>(table: T, partition: number, entity: string, sub: string): RowTypes[T] | undefined {
    return this.cell(table, partition, entity, sub)?.value ?? undefined;
  }

  cell<T extends RowTable>(table: T, partition: number, entity: string, sub: string): Cell<RowTypes[T]> | undefined {
    for (const layer of this.#layers) {
      const cell = layer.get(table, entity, sub);
      if (cell !== undefined) return cell;
    }
    if (!isKeptAwake(table)) return this.#rows.get(table, partition, diskEntity(table, entity), sub);
    const key = table + entity + sub;
    const awake = this.#awake.get(key);
    if (awake !== undefined) return awake as Cell<RowTypes[T]>;
    const stored = this.#rows.get(table, partition, diskEntity(table, entity), sub);
    if (stored !== undefined) this.#awake.set(key, stored as AnyCell);
    return stored;
  }

  /** Rows of one entity whose sub begins with `prefix`, ordered by sub. */
  list<T extends RowTable>(
    table: T,
    partition: number,
    entity: string,
    prefix: string,
  ): readonly (readonly [string, RowTypes[T]])[] {
    const found = new Map<string, RowTypes[T]>();
    let isSorted = true;
    for (const [sub, row] of this.#rows.list(table, partition, diskEntity(table, entity), prefix)) {
      if (!sub.startsWith(prefix)) break;
      found.set(sub, row.value);
    }
    for (const layer of this.#layers.toReversed()) {
      for (const [sub, cell] of layer.entity(table, entity)) {
        if (!sub.startsWith(prefix)) continue;
        isSorted = false;
        if (cell.value === null) found.delete(sub);
        else found.set(sub, cell.value);
      }
    }
    const rows = [...found];
    return isSorted ? rows : rows.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  }
}

/** What decisions read again and again; lists of an actor are read when somebody looks. */
export const KEPT_AWAKE = ['wallet', 'card', 'partition', 'outbox'] as const satisfies readonly RowTable[];

function isKeptAwake(table: RowTable): boolean {
  return (KEPT_AWAKE as readonly RowTable[]).includes(table);
}

/** On disk the partition's own rows have no entity: the partition is part of every key. */
export function diskEntity(table: RowTable, entity: string): string {
  return table === 'partition' || table === 'outbox' ? '' : entity;
}

export function partitionEntity(partition: number): string {
  return String(partition);
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
