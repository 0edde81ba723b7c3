/**
 * How often a client may try again without having been asked to: a tenth of what it asks, and a few times a minute
 * besides. A fleet that tries without a limit keeps up the very overload it waits for (fault 67). The tenth is that of
 * "Handling Overload" in Google's book on site reliability.
 */
import type { Timing } from './timing.ts';

const SHARE = 0.1;
const PER_MINUTE = 10;
/** What a quiet client has saved up, and no more. */
const TOKENS_MAX = 10;

export class RetryBudget {
  readonly #timing: Timing;
  #tokens = TOKENS_MAX;
  #filledMs: number;

  constructor(timing: Timing) {
    this.#timing = timing;
    this.#filledMs = timing.nowMs();
  }

  /** Something was asked for the first time. */
  earn(): void {
    this.#add(SHARE);
  }

  /** False: there is none left for this try. */
  take(): boolean {
    const nowMs = this.#timing.nowMs();
    this.#add(((nowMs - this.#filledMs) * PER_MINUTE) / 60_000);
    this.#filledMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** A try that succeeded burdened nobody. */
  giveBack(): void {
    this.#add(1);
  }

  #add(tokens: number): void {
    this.#tokens = Math.min(TOKENS_MAX, this.#tokens + tokens);
  }
}
