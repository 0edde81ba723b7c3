/** Who takes part in one ranking, in plain numbers: millions of objects would be most of what an inspection holds. */
import type { CitizenKey } from '../../engine/contract.ts';
import type { Standing } from '../../engine/facts.ts';

export interface Participant extends Standing {
  readonly citizen: CitizenKey;
}

const KEY_BYTES = 16;
const ROOM_AT_FIRST = 1_024;

export class Participants {
  #size = 0;
  #keys = Buffer.alloc(ROOM_AT_FIRST * KEY_BYTES);
  #counts = new Int32Array(ROOM_AT_FIRST);
  #lastTrxMs = new Float64Array(ROOM_AT_FIRST);
  #termsMs = new Float64Array(ROOM_AT_FIRST);

  add(citizen: CitizenKey, { count, lastTrxMs, termsMs }: Standing): void {
    if (this.#size === this.#counts.length) this.#grow();
    const index = this.#size;
    this.#keys.write(citizen, index * KEY_BYTES, KEY_BYTES, 'hex');
    this.#counts[index] = count;
    this.#lastTrxMs[index] = lastTrxMs;
    this.#termsMs[index] = termsMs;
    this.#size += 1;
  }

  get(index: number): Participant {
    return {
      citizen: this.citizen(index),
      count: this.#counts[index]!,
      lastTrxMs: this.#lastTrxMs[index]!,
      termsMs: this.#termsMs[index]!,
    };
  }

  citizen(index: number): CitizenKey {
    return this.#keys.toString('hex', index * KEY_BYTES, (index + 1) * KEY_BYTES);
  }

  /** Indexes, best first; those of equal standing next to each other, in no order. */
  sorted(): Uint32Array {
    return Uint32Array.from({ length: this.#size }, (_, index) => index).sort((left, right) =>
      this.compare(left, right),
    );
  }

  /** All of the order but tax codes: count descending, then last payment and terms ascending. */
  compare(left: number, right: number): number {
    return (
      this.#counts[right]! - this.#counts[left]! ||
      this.#lastTrxMs[left]! - this.#lastTrxMs[right]! ||
      this.#termsMs[left]! - this.#termsMs[right]!
    );
  }

  #grow(): void {
    const room = this.#counts.length * 2;
    const [keys, counts] = [Buffer.alloc(room * KEY_BYTES), new Int32Array(room)];
    const [lastTrxMs, termsMs] = [new Float64Array(room), new Float64Array(room)];
    keys.set(this.#keys);
    counts.set(this.#counts);
    lastTrxMs.set(this.#lastTrxMs);
    termsMs.set(this.#termsMs);
    this.#keys = keys;
    this.#counts = counts;
    this.#lastTrxMs = lastTrxMs;
    this.#termsMs = termsMs;
  }
}
