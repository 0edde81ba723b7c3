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
type Cells = Map<string, AnyCell>;

/**
 * Changed rows by table, entity and sub. Rows of a partition itself have the partition's number as entity.
 * Actors (sub '') lie in a map of their own: nearly all reads and writes of a turn are theirs.
 */
export class Overlay {
  readonly #heads = new Map<RowTable, Cells>();
  readonly #lists = new Map<RowTable, Map<string, Cells>>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get<T extends RowTable>(table: T, entity: string, sub: string): Cell<RowTypes[T]> | undefined {
    const cells = sub === '' ? this.#heads.get(table) : this.#lists.get(table)?.get(entity);
    return cells?.get(sub === '' ? entity : sub) as Cell<RowTypes[T]> | undefined;
  }

  set<T extends RowTable>(table: T, entity: string, sub: string, cell: Cell<RowTypes[T]>): void {
    const isHead = sub === '';
    const cells = isHead ? getOrMake(this.#heads, table, newCells) : this.#list(table, entity);
    const before = cells.size;
    cells.set(isHead ? entity : sub, cell as AnyCell);
    this.#count += cells.size - before;
  }

  /** The rows of one entity but its head. */
  entity<T extends RowTable>(table: T, entity: string): Iterable<readonly [string, Cell<RowTypes[T]>]> {
    return (this.#lists.get(table)?.get(entity) ?? EMPTY) as unknown as Map<string, Cell<RowTypes[T]>>;
  }

  heads<T extends RowTable>(table: T): Iterable<readonly [string, Cell<RowTypes[T]>]> {
    return (this.#heads.get(table) ?? EMPTY) as unknown as Map<string, Cell<RowTypes[T]>>;
  }

  forEach(visit: (table: RowTable, entity: string, sub: string, cell: AnyCell) => void): void {
    for (const [table, cells] of this.#heads) {
      for (const [entity, cell] of cells) visit(table, entity, '', cell);
    }
    for (const [table, entities] of this.#lists) {
      for (const [entity, cells] of entities) for (const [sub, cell] of cells) visit(table, entity, sub, cell);
    }
  }

  #list(table: RowTable, entity: string): Cells {
    return getOrMake(getOrMake(this.#lists, table, newEntities), entity, newCells);
  }
}

const EMPTY: Cells = new Map();
const newCells = (): Cells => new Map();
const newEntities = (): Map<string, Cells> => new Map();

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
const KEPT_AWAKE = ['wallet', 'card', 'partition', 'outbox'] as const satisfies readonly RowTable[];

export function isKeptAwake(table: RowTable): boolean {
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
