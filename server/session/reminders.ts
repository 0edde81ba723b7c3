/**
 * What a connection was told that has to wait, ready to be said again: to whoever asks before its time at hardly more cost
 * than an echo, since only how its request begins is looked at. Whatever was on its way when it was told to wait may still
 * come; whoever sends more than that does not listen, and is cut rather than refused for ever.
 */
import type { Clock } from '../../engine/index.ts';
import type { Codec, RefusedReply } from '../wire/index.ts';

const CHANGING = ['ref', 'retryAtMs', 'waitMs', 'position'] as const;

interface Told {
  readonly ticket: string;
  readonly dueMs: number;
  readonly again: (values: readonly number[]) => string | Uint8Array;
  position: number;
  /** How often it came back since. */
  count: number;
}

export interface Clocks {
  readonly monotonicMs: () => number;
  /** The programme's. */
  readonly clock: Clock;
}

export class Reminders {
  readonly #codec: Codec;
  readonly #onTheirWayMax: number;
  readonly #clocks: Clocks;
  /** By type of request, since each has its own words. */
  readonly #told = new Map<string, Told>();
  #isDeaf = false;

  constructor(codec: Codec, onTheirWayMax: number, clocks: Clocks) {
    this.#codec = codec;
    this.#onTheirWayMax = onTheirWayMax;
    this.#clocks = clocks;
  }

  /** It sent more than can have been on its way. */
  get isDeaf(): boolean {
    return this.#isDeaf;
  }

  /** Was given an appointment just now, or reminded of it. */
  add(type: string, refused: RefusedReply, ticket: string): void {
    const { waitMs = 0, position = 0 } = refused;
    const before = this.#told.get(type);
    if (before !== undefined && before.ticket === ticket) return this.#count(before);
    const dueMs = this.#clocks.monotonicMs() + waitMs;
    const again = this.#codec.repeated(refused, CHANGING);
    this.#told.set(type, { ticket, dueMs, again, position, count: 0 });
  }

  /** It stands elsewhere now; at position 0 it may come. */
  moved(ticket: string, position: number): void {
    for (const [type, told] of this.#told) {
      if (told.ticket !== ticket) continue;
      told.position = position;
      if (position === 0) this.#told.delete(type);
    }
  }

  /** What to say to such a frame; null: it has to be looked at. */
  answer(frame: Uint8Array): string | Uint8Array | null {
    if (this.#told.size === 0) return null;
    const asked = this.#codec.peek(frame);
    const told = asked === null ? undefined : this.#told.get(asked.type);
    if (asked === null || told === undefined) return null;
    const waitMs = Math.ceil(told.dueMs - this.#clocks.monotonicMs());
    if (waitMs <= 0) {
      this.#told.delete(asked.type);
      return null;
    }
    this.#count(told);
    return told.again([asked.ref, this.#clocks.clock.nowMs() + waitMs, waitMs, told.position]);
  }

  #count(told: Told): void {
    told.count += 1;
    if (told.count > this.#onTheirWayMax) this.#isDeaf = true;
  }
}
