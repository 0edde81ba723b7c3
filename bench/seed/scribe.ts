/**
 * Writes a chronicle down as the sections of records: facts, messages with their sequences, cursors. Every record has a
 * section of every partition (timeline.ts says why).
 */
import { type ActorMessage, type Fact, type Message, PARTITION_COUNT, type Section } from '../../engine/index.ts';
import type { Listener } from './chronicle.ts';
import { Cursors } from './cursors.ts';
import type { Round } from './timeline.ts';

interface OpenSection extends Section {
  readonly facts: Fact[];
  readonly sent: Message[];
}

export class Scribe implements Listener {
  readonly #firstFact: Fact;
  /** A pair's messages all leave the record, or all stay within it. */
  readonly #sent = new Cursors();
  readonly #within = new Cursors();
  readonly #taken = new Cursors();
  readonly #written: (round: Round, sections: readonly Section[]) => void;
  #sections: OpenSection[] = [];

  /** @param firstFact of partition 0, which names the programme */
  constructor(firstFact: Fact, written: (round: Round, sections: readonly Section[]) => void) {
    this.#firstFact = firstFact;
    this.#written = written;
  }

  begin({ sequence }: Round): void {
    this.#within.mark();
    this.#taken.mark();
    this.#sections = Array.from({ length: PARTITION_COUNT }, (_, partition) => {
      return { partition, sequence, facts: [], sent: [], within: [], received: [] };
    });
    if (sequence === 1) this.fact(0, this.#firstFact);
  }

  fact(partition: number, fact: Fact): void {
    this.#sections[partition]!.facts.push(fact);
  }

  sent(from: number, to: number, body: ActorMessage): void {
    this.#sections[from]!.sent.push({ from, to, sequence: this.#sent.next(from, to), body });
  }

  sentWithin(from: number, to: number): void {
    this.#within.next(from, to);
  }

  taken(from: number, to: number): void {
    this.#taken.next(to, from);
  }

  end(round: Round): void {
    const sections = this.#sections.map((open): Section => {
      return { ...open, within: this.#within.moved(open.partition), received: this.#taken.moved(open.partition) };
    });
    this.#written(round, sections);
  }
}
