/**
 * When what is journaled. Citizens come in groups; a group's enrolment takes so many records of each store, its payments
 * so many. Each record has a section of every partition, so sequences and instants follow from numbers alone: whoever
 * makes rows need not wait for whoever makes records.
 */
import { ENROLMENT_MS, PASS_MS, PAYMENTS_PER_CITIZEN_MAX, RECEPTION_MS } from './population.ts';

/**
 * Citizens of one record, a quarter of a megabyte of facts. A group lives until it is told: larger ones took a tenth more
 * time, spent by the collector on copying them.
 */
const GROUP_CITIZENS = 128;

export interface Round {
  /** Of the record, and of every partition in it. */
  readonly sequence: number;
  readonly nowMs: number;
}

export class Timeline {
  readonly citizenCount: number;
  readonly groupCount: number;
  readonly #enrolRounds: number;
  readonly #payRounds: number;

  constructor(citizenCount: number, storeCount: number) {
    this.citizenCount = citizenCount;
    this.groupCount = Math.ceil(citizenCount / GROUP_CITIZENS);
    // Within one store messages are taken in by the record that sends them. Between two a claim goes to and fro, and
    // so does each payment of a card, one after the other.
    this.#enrolRounds = storeCount === 1 ? 1 : 3;
    this.#payRounds = storeCount === 1 ? 1 : 2 * PAYMENTS_PER_CITIZEN_MAX + 1;
  }

  /** Of the last record of all. */
  get lastSequence(): number {
    return this.groupCount * (this.#enrolRounds + this.#payRounds);
  }

  /** Numbers of the citizens of a group: first, and past the last. */
  citizensOf(group: number): readonly [number, number] {
    return [group * GROUP_CITIZENS, Math.min((group + 1) * GROUP_CITIZENS, this.citizenCount)];
  }

  enrolment(group: number): readonly Round[] {
    return this.#rounds(group, this.#enrolRounds, { before: 0, startMs: ENROLMENT_MS });
  }

  payments(group: number): readonly Round[] {
    const before = this.groupCount * this.#enrolRounds;
    return this.#rounds(group, this.#payRounds, { before, startMs: RECEPTION_MS });
  }

  #rounds(group: number, count: number, pass: { readonly before: number; readonly startMs: number }): readonly Round[] {
    return Array.from({ length: count }, (_, round) => {
      const number = group * count + round;
      const passedMs = Math.floor((number * PASS_MS) / (this.groupCount * count));
      return { sequence: pass.before + number + 1, nowMs: pass.startMs + passedMs };
    });
  }
}
