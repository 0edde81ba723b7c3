/**
 * What a thread does every few milliseconds however much comes in. A transport hands over all that has come on all of its
 * sockets, and what comes meanwhile, before the loop goes round: when thousands write at once that takes a second, in which
 * no timer runs. So whether it is time is also looked at between two of them.
 */
export interface PulseOptions {
  /** At the latest; a timer may come more often. */
  readonly everyMs: number;
  readonly monotonicMs: () => number;
  readonly act: () => void;
}

export class Pulse {
  readonly #options: PulseOptions;
  #actedMs = Number.NEGATIVE_INFINITY;

  constructor(options: PulseOptions) {
    this.#options = options;
  }

  /** By a timer. */
  beat(): void {
    this.#actedMs = this.#options.monotonicMs();
    this.#options.act();
  }

  /** Before each piece of what may be long. */
  feel(): void {
    const { monotonicMs, everyMs } = this.#options;
    if (monotonicMs() - this.#actedMs >= everyMs) this.beat();
  }
}
