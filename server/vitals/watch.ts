/** Which threads come round: counts that stand still, looked at again and again. No clock of its own, for tests. */
import type { Vitals } from './vitals.ts';
import { DEADLY_MS, LOOK_MS } from './vitals.ts';

/**
 * What one look may add to a silence. Whoever watches may have been held up as well, with all the others: a process that
 * was stopped for a minute has not been stuck for one.
 */
const LOOK_MS_MAX = 4 * LOOK_MS;

export class Watch {
  readonly #vitals: Vitals;
  readonly #beats: Int32Array;
  readonly #silentMs: Float64Array;
  #lookedMs: number;

  /** @param nowMs monotonic, as for `look` */
  constructor(vitals: Vitals, nowMs: number) {
    this.#vitals = vitals;
    this.#beats = new Int32Array(vitals.threadCount);
    this.#silentMs = new Float64Array(vitals.threadCount);
    this.#lookedMs = nowMs;
  }

  /** @returns a thread that will not come round any more, and null while there is none */
  look(nowMs: number): number | null {
    const passedMs = Math.min(nowMs - this.#lookedMs, LOOK_MS_MAX);
    this.#lookedMs = nowMs;
    let dead: number | null = null;
    for (let thread = 0; thread < this.#vitals.threadCount; thread += 1) {
      if (this.#silence(thread, passedMs) >= DEADLY_MS) dead = thread;
    }
    return dead;
  }

  #silence(thread: number, passedMs: number): number {
    const beats = this.#vitals.beats(thread);
    const silentMs = beats === this.#beats[thread] ? this.#silentMs[thread]! + passedMs : 0;
    this.#beats[thread] = beats;
    this.#silentMs[thread] = silentMs;
    this.#vitals.setSilence(thread, Math.round(silentMs));
    return silentMs;
  }
}
