/** Time that passes when a test says so, and chance that is always the same. */
import type { Timing } from '../../client/sdk/index.ts';

interface Due {
  readonly atMs: number;
  readonly run: () => void;
}

export class Clockwork implements Timing {
  /** All that was asked for, in order. */
  readonly pauses: number[] = [];
  readonly #due = new Set<Due>();
  readonly #chance: () => number;
  readonly #startMs: number;
  #nowMs = 0;

  /** @param startMs real time */
  constructor(chance: () => number = () => 0.5, startMs = 1_607_410_800_000) {
    this.#chance = chance;
    this.#startMs = startMs;
  }

  /** Time passes until it is so, as fast as the loopback allows. */
  async passUntil(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      this.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  nowMs(): number {
    return this.#nowMs;
  }

  realMs(): number {
    return this.#startMs + this.#nowMs;
  }

  random(): number {
    return this.#chance();
  }

  after(pauseMs: number, run: () => void): () => void {
    this.pauses.push(pauseMs);
    const due = { atMs: this.#nowMs + pauseMs, run };
    this.#due.add(due);
    return () => this.#due.delete(due);
  }

  get waitingCount(): number {
    return this.#due.size;
  }

  /** What falls due meanwhile is run, each at its instant. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#nowMs = next.atMs;
      this.#due.delete(next);
      next.run();
    }
    this.#nowMs = untilMs;
  }

  #next(untilMs: number): Due | undefined {
    const due = [...this.#due].filter(({ atMs }) => atMs <= untilMs);
    return due.sort((one, other) => one.atMs - other.atMs)[0];
  }
}

/** Polls; a condition that never holds ends in the test's own time-out. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
