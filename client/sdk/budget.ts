/**
 * How often a client may try again without having been asked to: a tenth of what it asks, and a few times a minute
 * besides. A fleet that tries without a limit keeps up the very overload it waits for (fault 67). The tenth is that of
 * "Handling Overload" in Google's book on site reliability.
 */
import type { Timing } from './timing.ts';

/** Ten of what one request earns, so that a tenth is exact. */
const TRY = 10;
const TRIES_PER_MINUTE = 10;
/** What a quiet client has saved up, and no more. */
const SAVED_MAX = 10 * TRY;

export class RetryBudget {
  readonly #timing: Timing;
  #saved = SAVED_MAX;
  #filledMs: number;

  constructor(timing: Timing) {
    this.#timing = timing;
    this.#filledMs = timing.nowMs();
  }

  /** Something was asked for the first time. */
  earn(): void {
    this.#add(1);
  }

  /** False: there is none left for this try. */
  take(): boolean {
    const nowMs = this.#timing.nowMs();
    this.#add(((nowMs - this.#filledMs) / 60_000) * TRIES_PER_MINUTE * TRY);
    this.#filledMs = nowMs;
    if (this.#saved < TRY) return false;
    this.#saved -= TRY;
    return true;
  }

  /** A try that succeeded burdened nobody. */
  giveBack(): void {
    this.#add(TRY);
  }

  #add(earned: number): void {
    this.#saved = Math.min(SAVED_MAX, this.#saved + earned);
  }
}
