/**
 * Writes a chronicle down as the sections of records: facts, messages with their sequences, cursors. Every record has a
 * section of every partition (timeline.ts says why).
 */
import { type ActorMessage, type Fact, type Message, PARTITION_COUNT, type Section } from '../../engine/index.ts';
import type { Listener } from './chronicle.ts';
import type { Round } from './timeline.ts';

interface OpenSection extends Section {
  readonly facts: Fact[];
  readonly sent: Message[];
  /** Last message sent within the record, by receiver; last one taken in, by sender. */
  readonly sentWithin: Map<number, number>;
  readonly taken: Map<number, number>;
}

export class Scribe implements Listener {
  readonly #firstFact: Fact;
  /** Messages so far, by sender and receiver. */
  readonly #sent = new Float64Array(PARTITION_COUNT * PARTITION_COUNT);
  readonly #taken = new Float64Array(PARTITION_COUNT * PARTITION_COUNT);
  readonly #written: (round: Round, sections: readonly Section[]) => void;
  #sections: OpenSection[] = [];

  /** @param firstFact of partition 0, which names the programme */
  constructor(firstFact: Fact, written: (round: Round, sections: readonly Section[]) => void) {
    this.#firstFact = firstFact;
    this.#written = written;
  }

  begin({ sequence }: Round): void {
    this.#sections = Array.from({ length: PARTITION_COUNT }, (_, partition) => ({
      ...{ partition, sequence, facts: [], sent: [], within: [], received: [] },
      ...{ sentWithin: new Map(), taken: new Map() },
    }));
    if (sequence === 1) this.fact(0, this.#firstFact);
  }

  fact(partition: number, fact: Fact): void {
    this.#sections[partition]!.facts.push(fact);
  }

  sent(from: number, to: number, body: ActorMessage): void {
    this.#sections[from]!.sent.push({ from, to, sequence: next(this.#sent, from, to), body });
  }

  sentWithin(from: number, to: number): void {
    this.#sections[from]!.sentWithin.set(to, next(this.#sent, from, to));
  }

  taken(from: number, to: number): void {
    this.#sections[to]!.taken.set(from, next(this.#taken, from, to));
  }

  end(round: Round): void {
    const sections = this.#sections.map(({ partition, sequence, facts, sent, ...open }): Section => {
      return { partition, sequence, facts, sent, within: [...open.sentWithin], received: [...open.taken] };
    });
    this.#written(round, sections);
  }
}

function next(counts: Float64Array, from: number, to: number): number {
  const pair = from * PARTITION_COUNT + to;
  counts[pair]! += 1;
  return counts[pair]!;
}
