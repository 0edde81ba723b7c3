/**
 * What waits for its payment for a month is given up (DECISIONS 23, 40), by time alone. Each partition's list of
 * reversals begins with the one that expires first; here is remembered when that is, so that nothing is read before.
 */
import { PARTITION_COUNT } from '../contract.ts';
import type { TurnRecord } from '../facts.ts';

export interface ReversalExpiryOptions {
  /** Of this store. */
  readonly partitions: readonly number[];
  /** When the first pending reversal of a partition expires, flushed; infinite = none is pending. */
  readonly firstDueMs: (partition: number) => number;
  /** Gives up what is due, as facts; `done` hears after the flush when the next one is. */
  readonly expire: (partition: number, done: (nextDueMs: number) => void) => void;
}

export class ReversalExpiry {
  readonly #expire: ReversalExpiryOptions['expire'];
  /** Never later than the truth: what was matched meanwhile costs one look. */
  readonly #dueMs: Float64Array;

  constructor({ partitions, firstDueMs, expire }: ReversalExpiryOptions) {
    this.#expire = expire;
    this.#dueMs = new Float64Array(PARTITION_COUNT).fill(Number.POSITIVE_INFINITY);
    for (const partition of partitions) this.#dueMs[partition] = firstDueMs(partition);
  }

  tick(nowMs: number): void {
    for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
      if (nowMs < this.#dueMs[partition]!) continue;
      this.#dueMs[partition] = Number.POSITIVE_INFINITY;
      this.#expire(partition, (nextDueMs) => this.#isDue(partition, nextDueMs));
    }
  }

  /** After a flush. */
  published(record: TurnRecord): void {
    for (const { partition, facts } of record.sections) {
      for (const fact of facts) {
        if (fact.kind === 'recordSet' && fact.entry.state === 'pending') {
          this.#isDue(partition, fact.entry.expiresMs);
        }
      }
    }
  }

  #isDue(partition: number, dueMs: number): void {
    this.#dueMs[partition] = Math.min(this.#dueMs[partition]!, dueMs);
  }
}
