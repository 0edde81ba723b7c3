/** One batch through one shard: what was decided, folded at once into the actors, not yet on disk. */
import { PARTITION_COUNT, type Position } from '../contract.ts';
import type { Fact, Message, Section, TurnRecord } from '../facts.ts';
import { addToTally, type FileTally, fileTallySub } from '../file/received-file.ts';
import { indexIn, pageOf, placeAt, withLine } from '../place.ts';
import type { TurnPageTable } from '../ports.ts';
import { isExclusion, isReversal } from '../programme/index.ts';
import { type Actor, draftOf, type ListRow, newListRow, OWNER_OF } from './actor.ts';
import type { Actors, Changes } from './actors.ts';
import { type FoldTarget, foldFact, foldSectionEnd } from './fold.ts';
import type { View } from './view.ts';

interface OpenSection {
  readonly target: FoldTarget;
  readonly partition: number;
  readonly sequence: number;
  readonly facts: Fact[];
  readonly sent: Message[];
  readonly within: Map<number, number>;
  readonly received: Map<number, number>;
  /** Lines of its pages so far. */
  readonly lineCounts: Record<TurnPageTable, number>;
  /** Payments that a wallet was asked to count, by place: which fact says so. */
  readonly asked: Map<number, number>;
}

export class Turn {
  readonly nowMs: number;
  /** Of the tasks that it began with. */
  readonly names: readonly string[];
  /** What decisions of this turn read: what it and the turns before it have decided. */
  readonly view: View;
  /** Called after the flush, in order. */
  readonly replies: (() => void)[] = [];
  readonly #actors: Actors;
  readonly #nextSequence: (partition: number) => number;
  readonly #sections: (OpenSection | undefined)[] = new Array(PARTITION_COUNT);
  readonly #open: OpenSection[] = [];
  readonly #touched: Actor[] = [];
  /** By partition and file. */
  readonly #tallies = new Map<number, { readonly partition: number; tally: FileTally }>();
  readonly #rows: ListRow[] = [];

  constructor(nowMs: number, names: readonly string[], actors: Actors, nextSequence: (partition: number) => number) {
    this.nowMs = nowMs;
    this.names = names;
    this.view = actors.decided;
    this.#actors = actors;
    this.#nextSequence = nextSequence;
  }

  get isEmpty(): boolean {
    return this.#open.length === 0;
  }

  fact(partition: number, fact: Fact): void {
    const section = this.#section(partition);
    foldFact(section.target, partition, fact);
    if (fact.kind !== 'recordSet' || isReversal(fact.entry.record) || isExclusion(fact.entry.record)) {
      section.facts.push(fact);
      return;
    }
    // Where a wallet of this store answers at once, its verdict says all that the question said.
    const { place, state } = fact.entry;
    const asked = section.asked.get(place);
    if (asked === undefined) {
      if (state === 'asked') section.asked.set(place, section.facts.length);
      section.facts.push(fact);
    } else {
      section.facts[asked] = fact;
      section.asked.delete(place);
    }
  }

  /** A row of a file is accepted: its tally is told once, at the end. */
  tally(partition: number, fileNumber: number, amountCents: number): void {
    const key = fileNumber * PARTITION_COUNT + partition;
    let held = this.#tallies.get(key);
    if (held === undefined) {
      const before = this.view.get('fileTally', partition, '', fileTallySub(fileNumber));
      held = { partition, tally: before ?? { fileNumber, rowCount: 0, amountCents: 0 } };
      this.#tallies.set(key, held);
    }
    held.tally = addToTally(held.tally, { rowCount: 1, amountCents });
  }

  /** Of the line that a partition's page of this turn takes next. */
  newPlace(table: TurnPageTable, partition: number): number {
    const { sequence, lineCounts } = this.#section(partition);
    lineCounts[table] += 1;
    return placeAt(sequence, lineCounts[table] - 1);
  }

  /** A message that leaves the record. */
  send(message: Message): void {
    this.#section(message.from).sent.push(message);
  }

  /** A message that the record takes in itself. */
  sendWithin({ from, to, sequence }: Message): void {
    this.#section(from).within.set(to, sequence);
  }

  receive({ from, to, sequence }: Message): void {
    this.#section(to).received.set(from, sequence);
  }

  /** Where this turn stands in a partition's journal; touching it if need be. */
  position(partition: number): Position {
    return { partition, sequence: this.#section(partition).sequence };
  }

  /**
   * Ends the turn: its record, and what it leaves behind. Outboxes are folded when it is published, since
   * acknowledgements change them too.
   */
  end(epoch: number, sequence: number): { readonly record: TurnRecord; readonly changes: Changes } {
    for (const { partition, tally } of this.#tallies.values()) this.fact(partition, { kind: 'fileTallySet', tally });
    this.#open.sort((a, b) => a.partition - b.partition);
    const sections = this.#open.map(({ target, partition, sequence, facts, sent, within, received }): Section => {
      const closed = { partition, sequence, facts, sent, within: [...within], received: [...received] };
      foldSectionEnd(target, this.nowMs, closed);
      return closed;
    });
    const actors = this.#touched;
    const values = actors.map((actor) => actor.decided);
    const sequences = actors.map((actor) => actor.decidedSequence);
    const record = { epoch, sequence, nowMs: this.nowMs, sections };
    return { record, changes: { actors, values, sequences, rows: this.#rows } };
  }

  #section(partition: number): OpenSection {
    const known = this.#sections[partition];
    if (known !== undefined) return known;
    const sequence = this.#nextSequence(partition);
    const target = this.#target(sequence);
    const [within, received] = [new Map<number, number>(), new Map<number, number>()];
    const lineCounts = { payment: 0, record: 0 };
    const made = { target, partition, sequence, facts: [], sent: [], within, received, lineCounts, asked: new Map() };
    this.#sections[partition] = made;
    this.#open.push(made);
    return made;
  }

  #target(sequence: number): FoldTarget {
    const put: FoldTarget['put'] = (table, partition, entity, sub, value) => {
      const actor = this.#actors.wake(OWNER_OF[table], partition, entity);
      const row = newListRow(actor, table, sub, { sequence, value });
      actor.setRow(row);
      this.#rows.push(row);
    };
    return {
      sequence,
      change: (table, partition, entity, update) => {
        const actor = this.#actors.wake(table, partition, entity);
        if (actor.turn !== this) {
          actor.turn = this;
          this.#touched.push(actor);
          actor.decided = draftOf(actor.decided, table);
        }
        actor.decided = update(actor.decided as Parameters<typeof update>[0]) ?? undefined;
        actor.decidedSequence = sequence;
      },
      put,
      setLine: (table, partition, line) => {
        const sub = pageOf(line.place);
        const row = this.#actors.wake('partition', partition, '').row(table, sub);
        // A page that this turn began, or copied, is still its own.
        if (row?.sequence === sequence) (row.value as unknown[])[indexIn(line.place)] = line;
        else put(table, partition, '', sub, withLine(this.view.get(table, partition, '', sub), line));
      },
      waiting: (partition, to) => this.#actors.waiting(partition, to),
    };
  }
}
