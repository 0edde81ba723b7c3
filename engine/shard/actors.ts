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
import { PARTITION_COUNT } from '../contract.ts';
import type { Message, TurnRecord } from '../facts.ts';
import { indexIn, pageOf, withLine } from '../place.ts';
import type { ActorTable, ListTable, PageChange, Rows, RowTypes } from '../ports.ts';
import type { Wallet, WalletHead } from '../wallet/wallet.ts';
import { Actor, draftOf, type ListRow, newListRow, OWNER_OF, type Value, weightOf } from './actor.ts';
import { type FoldTarget, foldOutbox } from './fold.ts';
import { type Frozen, RowGroups } from './frozen.ts';
import { Face, type View } from './view.ts';

/** What a turn changed: actors with the values that it left them, and rows of their lists. */
export interface Changes {
  readonly actors: readonly Actor[];
  readonly values: readonly (Value | undefined)[];
  readonly sequences: readonly number[];
  readonly rows: readonly ListRow[];
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

  /** Wallets and cards. */
  isAwake(entity: string): boolean {
    return this.#awake.has(entity);
  }

  /** Without waking it. */
  isChanged(entity: string): boolean {
    return this.#awake.get(entity)?.isDirty ?? false;
  }

  /** Or a checkpoint is writing it. */
  isUnwritten(entity: string): boolean {
    const actor = this.#awake.get(entity);
    return actor !== undefined && (actor.isDirty || actor.isFrozen);
  }

  /** Whether a list of it has rows that no checkpoint has written. */
  hasUnwritten(table: ListTable, entity: string): boolean {
    return this.#awake.get(entity)?.lists?.[table] !== undefined;
  }

  /** Whose rows on disk are older, or are not there yet. */
  *unwritten(table: ActorTable, partition: number): Iterable<readonly [string, Value]> {
    const frozen = this.#frozen?.actors ?? [];
    for (const actor of frozen) {
      if (!actor.isDirty && isOf(actor, table, partition)) yield [actor.entity, actor.flushed!];
    }
    for (const actor of this.#dirty) if (isOf(actor, table, partition)) yield [actor.entity, actor.flushed!];
  }

  /** As the newest turn decided it, where that is awake; else it is as it was. */
  newest(wallet: WalletHead): WalletHead {
    return (this.#awake.get(wallet.citizen)?.decided as Wallet | undefined) ?? wallet;
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
        // Nor has anybody seen that: a start changes it where it is.
        const draft = actor.isDirty ? actor.flushed : draftOf(actor.flushed, table);
        this.#set(actor, sequence, update(draft as Parameters<typeof update>[0]) ?? undefined);
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

function isOf(actor: Actor, table: ActorTable, partition: number): boolean {
  return actor.table === table && actor.partition === partition && actor.flushed !== undefined;
}
