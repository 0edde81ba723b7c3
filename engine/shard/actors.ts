/**
 * The actors of one store that are awake: wallets, cards and partitions as values in memory, over rows on disk.
 * Each has two faces: as the newest turn decided it, and as it was flushed, which is all that others see.
 *
 *   row on disk --wake--> actor: decided | flushed --checkpoint--> row on disk --rest--> forgotten
 *                           ^ turn        ^ publish
 *
 * The lists of an actor (commands, messages, and a partition's pages) stay on disk but for the rows that no checkpoint has
 * written yet. Who was changed since the last checkpoint is never forgotten; of the others only so many stay awake.
 */
import { invariant } from '../assert.ts';
import { type Card, draftOfCard } from '../card/card.ts';
import { PARTITION_COUNT } from '../contract.ts';
import type { Message, TurnRecord } from '../facts.ts';
import { indexIn, pageOf, withLine } from '../place.ts';
import type {
  ActorTable,
  Line,
  ListTable,
  PackedChange,
  PackedPage,
  PageChange,
  PageTable,
  PartitionRow,
  RowChange,
  Rows,
  RowTable,
  RowTypes,
  StoredRow,
} from '../ports.ts';
import { draftOfWallet, type Wallet } from '../wallet/wallet.ts';
import { type FoldTarget, foldOutbox } from './fold.ts';

/** Whose list it is. */
export const OWNER_OF = {
  payment: 'partition',
  command: 'wallet',
  record: 'partition',
  reversal: 'partition',
  outbox: 'partition',
} as const;

type Value = Wallet | Card | PartitionRow;

/** A row of a list that no checkpoint has written yet; it is replaced, never changed. */
export interface ListRow {
  readonly actor: Actor;
  readonly table: ListTable;
  readonly sub: string;
  readonly sequence: number;
  /** Null = deleted. A page is packed when its turn has ended. */
  value: RowTypes[ListTable] | PackedPage | null;
  isFlushed: boolean;
  /** What it replaced and all may still see; null once it is flushed itself. */
  before: ListRow | null;
}

export function newListRow(
  actor: Actor,
  table: ListTable,
  sub: string,
  { sequence, value }: { readonly sequence: number; readonly value: ListRow['value'] },
): ListRow {
  return { actor, table, sub, sequence, value, isFlushed: false, before: null };
}

/** Undefined values: nothing is known of it. A sequence is the partition's, of the last fact folded into the value. */
export class Actor {
  readonly table: ActorTable;
  readonly partition: number;
  readonly entity: string;
  decided: Value | undefined;
  decidedSequence: number;
  flushed: Value | undefined;
  flushedSequence: number;
  /** The newest turn that changed it and is not flushed. */
  turn: object | null = null;
  /** Changed since the last checkpoint began. */
  isDirty = false;
  /** Being written by a checkpoint. */
  isFrozen = false;
  wasUsed = true;
  lists: Partial<Record<ListTable, Map<string, ListRow>>> | null = null;

  constructor(table: ActorTable, partition: number, entity: string, stored: StoredRow<Value> | undefined) {
    this.table = table;
    this.partition = partition;
    this.entity = entity;
    this.decided = stored?.value;
    this.flushed = stored?.value;
    this.decidedSequence = stored?.sequence ?? 0;
    this.flushedSequence = this.decidedSequence;
  }

  get isResting(): boolean {
    return this.turn === null && !this.isDirty && !this.isFrozen && this.lists === null;
  }

  row(table: ListTable, sub: string): ListRow | undefined {
    return this.lists === null ? undefined : this.lists[table]?.get(sub);
  }

  setRow(row: ListRow): void {
    this.lists ??= {};
    const rows = this.lists[row.table];
    if (rows === undefined) {
      this.lists[row.table] = new Map([[row.sub, row]]);
      return;
    }
    if (!row.isFlushed) row.before = seenByAll(rows.get(row.sub)) ?? null;
    rows.set(row.sub, row);
  }

  /** The row is on disk; unless it was replaced meanwhile, nothing need be kept. */
  dropRow(row: ListRow): void {
    const rows = this.lists?.[row.table];
    if (rows?.get(row.sub) !== row) return;
    rows.delete(row.sub);
    if (rows.size > 0) return;
    delete this.lists![row.table];
    if (Object.keys(this.lists!).length === 0) this.lists = null;
  }
}

/** A copy, to be changed: others may still see the value. */
export function draftOf(value: Value | undefined, table: ActorTable): Value | undefined {
  if (value === undefined) return undefined;
  if (table === 'wallet') return draftOfWallet(value as Wallet);
  return table === 'card' ? draftOfCard(value as Card) : { ...value };
}

function seenByAll(row: ListRow | undefined): ListRow | undefined {
  return row === undefined || row.isFlushed ? row : (row.before ?? undefined);
}

/** What a turn changed: actors with the values that it left them, and rows of their lists. */
export interface Changes {
  readonly actors: readonly Actor[];
  readonly values: readonly (Value | undefined)[];
  readonly sequences: readonly number[];
  readonly rows: readonly ListRow[];
}

/** What a checkpoint writes: values as they were when it began. */
export interface Frozen {
  readonly rowCount: number;
  /** In key order, so that neighbours are written together; sorted piece by piece, so that no turn waits for all. */
  batches(rowCount: number): Iterable<readonly Change[]>;
}

type Change = RowChange | PackedChange;

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

/** More than one, so that the awake become fewer after a rush. */
const LOOKED_AT_PER_WAKING = 3;

export class Actors {
  /** What turns decide on. */
  readonly decided: View = new Face(this, { onlyFlushed: false });
  /** What everybody else may see (promise 1). */
  readonly flushed: View = new Face(this, { onlyFlushed: true });
  readonly rows: Rows;
  readonly #countMax: number;
  /** Wallets and cards: their keys differ in length. */
  readonly #awake = new Map<string, Actor>();
  readonly #round: Actor[] = [];
  #hand = 0;
  readonly #partitions: (Actor | undefined)[] = new Array(PARTITION_COUNT);
  #dirty: Actor[] = [];
  #dirtyRows: ListRow[] = [];
  /** Of the rows: a page weighs as much as its lines. */
  #dirtyWeight = 0;
  #frozen: { readonly actors: readonly Actor[]; readonly rows: readonly ListRow[]; readonly weight: number } | null =
    null;

  constructor(rows: Rows, countMax: number) {
    this.rows = rows;
    this.#countMax = countMax;
  }

  /** Rows, and lines of pages, that the next checkpoint has to write. */
  get dirtyCount(): number {
    return this.#dirty.length + this.#dirtyWeight;
  }

  /** What is newer here than on disk, also what a checkpoint is writing. */
  get unwrittenCount(): number {
    return this.dirtyCount + (this.#frozen === null ? 0 : this.#frozen.actors.length + this.#frozen.weight);
  }

  wake(table: ActorTable, partition: number, entity: string): Actor {
    if (table === 'partition') return this.#partition(partition);
    const known = this.#awake.get(entity);
    if (known !== undefined) {
      known.wasUsed = true;
      return known;
    }
    const actor = new Actor(table, partition, entity, this.rows.get(table, partition, entity, ''));
    this.#awake.set(entity, actor);
    this.#seat(actor);
    return actor;
  }

  /** Without waking it. */
  isChanged(entity: string): boolean {
    return this.#awake.get(entity)?.isDirty ?? false;
  }

  *changed(table: ActorTable): Iterable<Value> {
    for (const actor of this.#dirty) if (actor.table === table && actor.flushed !== undefined) yield actor.flushed;
  }

  /** A turn has ended: nothing sets a line of its pages any more, and until a checkpoint writes them they are bytes. */
  pack({ rows }: Changes): void {
    const pages = rows.filter(({ value }) => Array.isArray(value));
    if (pages.length === 0) return;
    const packed = this.rows.pack(
      pages.map(({ actor, table, sub, sequence, value }) => {
        const address = { table, partition: actor.partition, entity: actor.entity, sub };
        return { address, sequence, value } as PageChange;
      }),
    );
    for (const [index, page] of pages.entries()) page.value = packed[index]!;
  }

  /** A turn is flushed: what it left is what everybody sees now. */
  publish(turn: object, { actors, values, sequences, rows }: Changes, record: TurnRecord): void {
    for (let index = 0; index < actors.length; index += 1) {
      const actor = actors[index]!;
      actor.flushed = values[index];
      actor.flushedSequence = sequences[index]!;
      if (actor.turn === turn) actor.turn = null;
      this.#mark(actor);
    }
    for (const row of rows) {
      row.isFlushed = true;
      row.before = null;
      this.#addDirtyRow(row);
    }
    for (const section of record.sections) {
      if (section.sent.length > 0) foldOutbox(this.target(section.sequence), section);
    }
  }

  /** Where facts go that are on disk already: they are seen at once. A row that is ahead of a fact skips it. */
  target(sequence: number): FoldTarget {
    return {
      sequence,
      change: (table, partition, entity, update) => {
        const actor = this.wake(table, partition, entity);
        // What was changed since the last checkpoint is in step with the journal; a row on disk may be ahead of it.
        if (!actor.isDirty && actor.flushedSequence >= sequence) return;
        const draft = draftOf(actor.flushed, table) as Parameters<typeof update>[0];
        this.#set(actor, sequence, update(draft) ?? undefined);
      },
      put: (table, partition, entity, sub, value) => {
        this.putRow(this.wake(OWNER_OF[table], partition, entity), table, sub, { sequence, value });
      },
      setLine: (table, partition, line) => {
        const actor = this.#partition(partition);
        const sub = pageOf(line.place);
        const row = actor.row(table, sub);
        // Of the same turn: nobody has seen it yet.
        if (row?.sequence === sequence) {
          (row.value as unknown[])[indexIn(line.place)] = line;
          this.#dirtyWeight += 1;
        } else {
          const value = withLine(this.flushed.get(table, partition, '', sub), line);
          this.putRow(actor, table, sub, { sequence, value });
        }
      },
      waiting: (partition, to) => this.waiting(partition, to),
    };
  }

  #set(actor: Actor, sequence: number, value: Value | undefined): void {
    actor.decided = value;
    actor.decidedSequence = sequence;
    actor.flushed = value;
    actor.flushedSequence = sequence;
    this.#mark(actor);
  }

  /** The same for a row of a list. */
  putRow<T extends ListTable>(
    actor: Actor,
    table: T,
    sub: string,
    row: { sequence: number; value: RowTypes[T] | null },
  ) {
    const flushed: ListRow = { ...newListRow(actor, table, sub, row), isFlushed: true };
    actor.setRow(flushed);
    this.#addDirtyRow(flushed);
  }

  /** Messages of a partition that another one is not known to have on disk. */
  waiting(partition: number, to: number): readonly Message[] {
    return this.flushed.get('outbox', partition, '', String(to))?.messages ?? [];
  }

  /** The receiver has `message` and all before it on disk. */
  acknowledge({ from, to, sequence }: Message): void {
    const row = this.flushed.row('outbox', from, '', String(to));
    if (row === undefined) return;
    const messages = row.value.messages.filter((message) => message.sequence > sequence);
    if (messages.length === row.value.messages.length) return;
    const value = messages.length === 0 ? null : { messages };
    this.putRow(this.#partition(from), 'outbox', String(to), { sequence: row.sequence, value });
  }

  /** Sets aside what has to be written. What changes from now on is left for the next checkpoint. */
  freeze(): Frozen {
    invariant(this.#frozen === null, 'one checkpoint at a time');
    const frozen = { actors: this.#dirty, rows: this.#dirtyRows, weight: this.#dirtyWeight };
    this.#frozen = frozen;
    this.#dirty = [];
    this.#dirtyRows = [];
    this.#dirtyWeight = 0;
    const groups = new RowGroups();
    for (const actor of frozen.actors) {
      actor.isDirty = false;
      actor.isFrozen = true;
      groups.add(actor, actor.table, '', actor.flushedSequence, actor.flushed ?? null);
    }
    for (const { actor, table, sub, sequence, value } of frozen.rows) groups.add(actor, table, sub, sequence, value);
    const rowCount = frozen.actors.length + frozen.rows.length;
    return { rowCount, batches: (count) => groups.batches(count) };
  }

  /** What was set aside is on disk. */
  release(): void {
    invariant(this.#frozen !== null, 'a checkpoint ends once');
    for (const actor of this.#frozen.actors) actor.isFrozen = false;
    for (const row of this.#frozen.rows) row.actor.dropRow(row);
    this.#frozen = null;
    // After a rush nobody need wake for a long time, and who changed in it can rest now.
    for (let left = this.#round.length; left > 0 && this.#round.length > this.#countMax; left -= 1) this.#pass(null);
  }

  #addDirtyRow(row: ListRow): void {
    this.#dirtyRows.push(row);
    this.#dirtyWeight += weightOf(row.value);
  }

  #mark(actor: Actor): void {
    if (actor.isDirty) return;
    actor.isDirty = true;
    this.#dirty.push(actor);
  }

  #partition(partition: number): Actor {
    const known = this.#partitions[partition];
    if (known !== undefined) return known;
    // On disk the partition's own rows have no entity: the partition is part of every key.
    const actor = new Actor('partition', partition, '', this.rows.get('partition', partition, '', ''));
    this.#partitions[partition] = actor;
    return actor;
  }

  /**
   * Gives a woken actor a place in the round, in that of one who can rest if there are enough: the hand passes over
   * whoever was used since it came by last. A map in the order of waking did the same until it held 100,000: what was
   * deleted from its front has to be stepped over each time.
   */
  #seat(actor: Actor): void {
    let isSeated = false;
    for (let looked = 0; looked < LOOKED_AT_PER_WAKING && this.#round.length >= this.#countMax; looked += 1) {
      isSeated = this.#pass(isSeated ? null : actor) || isSeated;
    }
    if (!isSeated) this.#round.push(actor);
  }

  /** Moves the hand on by one place, which goes to `actor` if it falls free. @returns whether it did */
  #pass(actor: Actor | null): boolean {
    const other = this.#round[this.#hand]!;
    const isFree = other.isResting && !other.wasUsed;
    other.wasUsed = false;
    if (isFree) {
      this.#awake.delete(other.entity);
      this.#round[this.#hand] = actor ?? this.#round[this.#round.length - 1]!;
      if (actor === null) this.#round.pop();
    }
    this.#hand = (this.#hand + 1) % Math.max(1, this.#round.length);
    return isFree;
  }
}

class Face implements View {
  readonly #actors: Actors;
  readonly #onlyFlushed: boolean;

  constructor(actors: Actors, { onlyFlushed }: { readonly onlyFlushed: boolean }) {
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

function isPacked(value: ListRow['value']): value is PackedPage {
  return value !== null && 'lineCount' in value;
}

function opened(value: ListRow['value']): RowTypes[ListTable] | null {
  return isPacked(value) ? value.lines() : value;
}

function lineOf({ value }: ListRow, index: number): Line<PageTable> | undefined {
  return isPacked(value) ? value.line(index) : (value as RowTypes[PageTable])[index];
}

/** A page weighs as much as its lines. */
function weightOf(value: ListRow['value']): number {
  if (isPacked(value)) return value.lineCount;
  return Array.isArray(value) ? value.length : 1;
}

function bySub([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return compare(a, b);
}

function isActorTable(table: RowTable): table is ActorTable {
  return table === 'wallet' || table === 'card' || table === 'partition';
}

/** Rows by partition and table; each group is sorted when its turn comes. */
class RowGroups {
  /** By partition. */
  readonly #groups = Array.from({ length: PARTITION_COUNT }, () => new Map<RowTable, Change[]>());

  add(actor: Actor, table: RowTable, sub: string, sequence: number, value: Change['value']): void {
    const { partition, entity } = actor;
    const change = { address: { table, partition, entity, sub }, sequence, value } as Change;
    const groups = this.#groups[partition]!;
    const group = groups.get(table);
    if (group === undefined) groups.set(table, [change]);
    else group.push(change);
  }

  *batches(rowCount: number): Iterable<readonly Change[]> {
    let batch: Change[] = [];
    const groups = this.#groups.flatMap((ofPartition) => [...ofPartition].sort(([a], [b]) => compare(a, b)));
    for (const [, group] of groups) {
      for (const change of withoutReplaced(group.sort(compareKeys))) {
        batch.push(change);
        if (batch.length < rowCount) continue;
        yield batch;
        batch = [];
      }
    }
    if (batch.length > 0) yield batch;
  }
}

/** Of a row that was replaced the newest stays: sorting keeps the order in which they came. */
function withoutReplaced(group: readonly Change[]): readonly Change[] {
  return group.filter((change, index) => index + 1 === group.length || compareKeys(change, group[index + 1]!) !== 0);
}

function compareKeys({ address: a }: Change, { address: b }: Change): number {
  return compare(a.entity, b.entity) || compare(a.sub, b.sub);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
