/**
 * A cut is a sequence for each store. It is closed when no store has taken in what another one, as far as the cut goes,
 * has not sent: otherwise a receiver would remember a message that its restored sender sends again under the same
 * number, as another one. Of all closed cuts within given ones there is a greatest, since of two closed cuts the later
 * of each store's sequences are closed, too. It is found here from the cursors that the sections carry (`sent`,
 * `within`, `received`), so nothing has to be journaled for it.
 *
 *     store 0   ... 41  42 | 43 sends message 9           asked first: 42
 *     store 1   ... 70  71 | 72 takes in message 9  73    asked a moment later: 73; closed: 42 and 71
 *
 * Whatever was acknowledged before the stores were asked where they are stays inside. Acknowledged is what is flushed,
 * and messages are sent after the flush: what the records flushed at that moment have taken in was sent by records
 * flushed before them. So these records are a closed cut, each store's answer is at or past it, and the greatest closed
 * cut within the answers holds it.
 *
 * A ranking is frozen at a vector of sequences that the coordinator has heard, not the mail: it counts as taken in from
 * each partition, up to there.
 */
import { PARTITION_COUNT } from '../../engine/contract.ts';
import type { TurnRecord } from '../../engine/facts.ts';

/** First the messages of each pair (sender, receiver), then the sequence of each partition. */
const PARTITIONS_AT = PARTITION_COUNT * PARTITION_COUNT;
const COUNTER_COUNT = PARTITIONS_AT + PARTITION_COUNT;

interface Change {
  readonly counter: number;
  readonly value: number;
}

/** What of a record has to do with other stores. */
interface Step {
  readonly store: number;
  readonly sequence: number;
  readonly has: readonly Change[];
  readonly needs: readonly Change[];
}

/** What a partition had sent, and where it stood: enough to begin a walk with. */
export interface PartitionPosition {
  readonly partition: number;
  readonly sequence: number;
  /** Highest message sequence sent to each partition. */
  readonly sent: readonly number[];
}

/** The same with what it had taken in: only who asks for `taken` of what was before needs it. */
export interface PartitionState extends PartitionPosition {
  /** Highest message sequence taken in from each partition. */
  readonly received: readonly number[];
}

export interface ClosedCut {
  /** Sequence of each store. */
  readonly vector: readonly number[];
  /** Of the messages from one partition to another, how many the receiver has taken in. */
  taken(from: number, to: number): number;
}

export class Closure {
  /** Sequence of each store, as far as walked. */
  readonly #reached: number[];
  readonly #has = new Float64Array(COUNTER_COUNT);
  readonly #needs = new Float64Array(COUNTER_COUNT);
  /** Counters of which more is needed than there is. */
  readonly #owing = new Set<number>();
  /** Walked since nothing was owing: a cut there was closed, so what comes before stays inside. */
  #steps: Step[] = [];
  /** The counters there, of those that the steps have changed since. */
  readonly #before = new Map<Float64Array, Map<number, number>>([
    [this.#has, new Map()],
    [this.#needs, new Map()],
  ]);

  /**
   * @param from sequence of each store after which the walk begins: all before that is known to stay inside
   * @param partitions where they stood then; none at the beginning of the journals. They may be ahead of `from`, as far as
   *   what is known to stay inside
   */
  constructor(from: readonly number[], partitions: Iterable<PartitionPosition | PartitionState> = []) {
    this.#reached = [...from];
    for (const position of partitions) {
      const { partition, sequence, sent } = position;
      this.#has[PARTITIONS_AT + partition] = sequence;
      for (const [to, count] of sent.entries()) this.#has[pairOf(partition, to)] = count;
      if (!('received' in position)) continue;
      for (const [from, count] of position.received.entries()) this.#needs[pairOf(from, partition)] = count;
    }
  }

  /** The next record of a store. Little is kept where those of all stores come in the order of time. */
  take(store: number, turn: TurnRecord): void {
    const step = stepOf(store, turn);
    this.#reached[store] = turn.sequence;
    for (const change of step.has) this.#apply(this.#has, change);
    for (const change of step.needs) this.#apply(this.#needs, change);
    if (this.#owing.size > 0) this.#steps.push(step);
    else this.#forget();
  }

  /** A record that is known to stay inside, as all of those before it. */
  takeKnown(turn: TurnRecord): void {
    const { has, needs } = stepOf(0, turn);
    for (const change of has) this.#apply(this.#has, change);
    for (const change of needs) this.#apply(this.#needs, change);
    this.#forget();
  }

  /** The greatest closed cut within what was walked. */
  cut(): ClosedCut {
    const vector = [...this.#reached];
    for (;;) {
      const has = this.#within(vector, this.#has, ({ has }) => has);
      const missing = this.#steps.find(
        ({ store, sequence, needs }) =>
          sequence <= vector[store]! && needs.some(({ counter, value }) => value > has[counter]!),
      );
      if (missing === undefined) break;
      vector[missing.store] = missing.sequence - 1;
    }
    const taken = this.#within(vector, this.#needs, ({ needs }) => needs);
    return { vector, taken: (from, to) => taken[pairOf(from, to)]! };
  }

  #apply(counters: Float64Array, { counter, value }: Change): void {
    const before = this.#before.get(counters)!;
    if (!before.has(counter)) before.set(counter, counters[counter]!);
    counters[counter] = value;
    if (this.#needs[counter]! > this.#has[counter]!) this.#owing.add(counter);
    else this.#owing.delete(counter);
  }

  #forget(): void {
    this.#steps = [];
    for (const before of this.#before.values()) before.clear();
  }

  /** The counters as they were at a cut that is not before the steps. */
  #within(vector: readonly number[], counters: Float64Array, changes: (step: Step) => readonly Change[]): Float64Array {
    const then = counters.slice();
    for (const [counter, value] of this.#before.get(counters)!) then[counter] = value;
    for (const step of this.#steps) {
      if (step.sequence > vector[step.store]!) continue;
      for (const { counter, value } of changes(step)) then[counter] = value;
    }
    return then;
  }
}

function stepOf(store: number, { sequence, sections }: TurnRecord): Step {
  const [has, needs]: [Change[], Change[]] = [[], []];
  for (const section of sections) {
    const { partition } = section;
    has.push({ counter: PARTITIONS_AT + partition, value: section.sequence });
    for (const [to, count] of section.within) has.push({ counter: pairOf(partition, to), value: count });
    for (const message of section.sent) has.push({ counter: pairOf(partition, message.to), value: message.sequence });
    for (const [from, count] of section.received) needs.push({ counter: pairOf(from, partition), value: count });
    for (const fact of section.facts) {
      if (fact.kind !== 'rankingFrozen') continue;
      for (const [at, value] of fact.vector.entries()) needs.push({ counter: PARTITIONS_AT + at, value });
    }
  }
  return { store, sequence, has, needs };
}

function pairOf(from: number, to: number): number {
  return from * PARTITION_COUNT + to;
}
