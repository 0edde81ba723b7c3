/** Messages between partitions, counted by pair: their sequences and, record by record, how far each pair has come. */
import { PARTITION_COUNT } from '../../engine/index.ts';

export class Cursors {
  readonly #counts = new Float64Array(PARTITION_COUNT * PARTITION_COUNT);
  readonly #marked = new Float64Array(PARTITION_COUNT * PARTITION_COUNT);

  /** @returns the sequence of one more message */
  next(partition: number, other: number): number {
    const pair = partition * PARTITION_COUNT + other;
    this.#counts[pair]! += 1;
    return this.#counts[pair]!;
  }

  mark(): void {
    this.#marked.set(this.#counts);
  }

  /** The last sequence with each of the others that `partition` had a message with since the mark: [other, sequence]. */
  moved(partition: number): readonly (readonly [number, number])[] {
    const moved: (readonly [number, number])[] = [];
    const first = partition * PARTITION_COUNT;
    for (let other = 0; other < PARTITION_COUNT; other += 1) {
      const count = this.#counts[first + other]!;
      if (count !== this.#marked[first + other]) moved.push([other, count]);
    }
    return moved;
  }
}
