/** The partitions whose actors are looked at in one pass over the journals: as many as memory has room for. */
import { PartitionLog } from './partition-log.ts';
import type { Step } from './walk.ts';

export class LogGroup {
  readonly #byteCountMax: number;
  readonly #logs = new Map<number, PartitionLog>();
  /** As of the last section of each. */
  readonly #byteCounts = new Map<number, number>();
  #byteCount = 0;
  /** Left to a later pass. */
  readonly putOff: number[] = [];

  constructor(partitions: readonly number[], byteCountMax: number) {
    this.#byteCountMax = byteCountMax;
    for (const partition of partitions) this.#logs.set(partition, new PartitionLog(partition));
  }

  /** How large a partition is, is known when it has been read: where they get too large together, the last one goes. */
  add(step: Step): void {
    const { partition } = step.section;
    const log = this.#logs.get(partition);
    if (log === undefined) return;
    log.add(step);
    this.#setByteCount(partition, log.byteCount);
    while (this.#byteCount > this.#byteCountMax && this.#logs.size > 1) this.#putOffLast();
  }

  /** Each with its partition's whole history; to be forgotten by the caller as by the group. */
  *take(): Iterable<PartitionLog> {
    for (const [partition, log] of this.#logs) {
      this.#logs.delete(partition);
      yield log;
    }
  }

  #putOffLast(): void {
    const last = [...this.#logs.keys()].at(-1)!;
    this.#logs.delete(last);
    this.#setByteCount(last, 0);
    this.putOff.unshift(last);
  }

  #setByteCount(partition: number, byteCount: number): void {
    this.#byteCount += byteCount - (this.#byteCounts.get(partition) ?? 0);
    this.#byteCounts.set(partition, byteCount);
  }
}
