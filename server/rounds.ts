/** Work that is done again and again, one round at a time, by whoever calls it on each tick. */
import { isWorldsFault } from './worlds-fault.ts';

export interface RoundsOptions {
  /** Rests are in real time: theirs for whose sake one rests. */
  readonly monotonicMs: () => number;
  /** After a round that broke off. */
  readonly restMs: number;
  /** The disk or the network failed: told, and tried again. Anything else is thrown. */
  readonly failed: (fault: unknown) => void;
}

export class Rounds {
  readonly #options: RoundsOptions;
  #round: Promise<void> | null = null;
  #restsUntilMs = 0;
  #isStopped = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** Neither stopped nor resting. */
  get isOn(): boolean {
    return !this.#isStopped && this.#options.monotonicMs() >= this.#restsUntilMs;
  }

  /** Resolves when this round has ended, or the one that is under way. */
  run(round: () => Promise<void>): Promise<void> {
    if (this.#round !== null || !this.isOn) return this.#round ?? Promise.resolve();
    this.#round = round()
      .catch((fault: unknown) => {
        if (!isWorldsFault(fault)) throw fault;
        this.rest();
        this.#options.failed(fault);
      })
      .finally(() => {
        this.#round = null;
      });
    return this.#round;
  }

  rest(ms = this.#options.restMs): void {
    this.#restsUntilMs = Math.max(this.#restsUntilMs, this.#options.monotonicMs() + ms);
  }

  /** No round begins any more. Resolves when the last one has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#round;
  }
}
