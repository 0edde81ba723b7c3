/** One batch through one shard: what was decided, folded at once into a scratch, not yet on disk. */
import type { Position } from '../contract.ts';
import type { Fact, Message, MessageBody, Section, TurnRecord } from '../facts.ts';
import type { RowTable, RowTypes } from '../ports.ts';
import type { FoldTarget } from './fold.ts';
import { foldFact, foldSectionEnd } from './fold.ts';
import type { LayeredView } from './layers.ts';
import { Overlay } from './layers.ts';

interface OpenSection {
  readonly target: FoldTarget;
  readonly partition: number;
  readonly sequence: number;
  readonly facts: Fact[];
  readonly sent: Message[];
  readonly received: Map<number, number>;
}

export class Turn {
  readonly scratch = new Overlay();
  readonly nowMs: number;
  /** Called after the flush, in order. */
  readonly replies: (() => void)[] = [];
  readonly #sections = new Map<number, OpenSection>();
  readonly #nextSequence: (partition: number) => number;
  #view: LayeredView | undefined;

  constructor(nowMs: number, nextSequence: (partition: number) => number) {
    this.nowMs = nowMs;
    this.#nextSequence = nextSequence;
  }

  /** The view that decisions of this turn read: its own scratch first. Set once, right after construction. */
  get view(): LayeredView {
    if (this.#view === undefined) throw new Error('a turn reads through its view');
    return this.#view;
  }
  set view(view: LayeredView) {
    this.#view = view;
  }

  get isEmpty(): boolean {
    return this.#sections.size === 0;
  }

  get partitions(): Iterable<number> {
    return this.#sections.keys();
  }

  fact(partition: number, fact: Fact): void {
    const section = this.#section(partition);
    section.facts.push(fact);
    foldFact(section.target, partition, fact);
  }

  send(from: number, to: number, sequence: number, body: MessageBody): Message {
    const message: Message = { from, to, sequence, body };
    this.#section(from).sent.push(message);
    return message;
  }

  receive({ from, to, sequence }: Message): void {
    this.#section(to).received.set(from, sequence);
  }

  /** Where this turn stands in a partition's journal; touching it if need be. */
  position(partition: number): Position {
    return { partition, sequence: this.#section(partition).sequence };
  }

  /** Ends the turn: its record. Outboxes are folded when it is published, since acknowledgements change them too. */
  record(epoch: number, sequence: number): TurnRecord {
    const open = [...this.#sections.values()].sort((a, b) => a.partition - b.partition);
    const sections = open.map(({ target, received, ...section }): Section => {
      const closed = { ...section, received: [...received] };
      foldSectionEnd(target, this.nowMs, closed);
      return closed;
    });
    return { epoch, sequence, nowMs: this.nowMs, sections };
  }

  #section(partition: number): OpenSection {
    const known = this.#sections.get(partition);
    if (known !== undefined) return known;
    const sequence = this.#nextSequence(partition);
    const target = this.#target(sequence);
    const made: OpenSection = { target, partition, sequence, facts: [], sent: [], received: new Map() };
    this.#sections.set(partition, made);
    return made;
  }

  #target(sequence: number): FoldTarget {
    return {
      change: <T extends RowTable>(
        table: T,
        partition: number,
        entity: string,
        sub: string,
        update: (value: RowTypes[T] | undefined) => RowTypes[T] | null,
      ) => {
        const value = update(this.view.get(table, partition, entity, sub));
        this.scratch.set(table, entity, sub, { sequence, value });
      },
    };
  }
}
