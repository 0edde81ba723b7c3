/**
 * How much each of many may cost: so much at once, and from then on so much a second. Kept is one instant for each who came
 * lately, at which all will be paid back (the generic cell rate algorithm, ITU-T I.371).
 */
export interface BudgetOptions {
  readonly perSecond: number;
  /** At once, after a time of rest. */
  readonly burst: number;
  /** Of how many something is kept: then those who cost least lately are forgotten. */
  readonly keysMax: number;
}

export class Budget {
  readonly #costMs: number;
  readonly #burstMs: number;
  readonly #keysMax: number;
  /** In the order of their last spending. */
  readonly #paidBackMs = new Map<string, number>();

  constructor({ perSecond, burst, keysMax }: BudgetOptions) {
    this.#costMs = 1_000 / perSecond;
    this.#burstMs = burst * this.#costMs;
    this.#keysMax = keysMax;
  }

  /** @returns 0, or when it may come back at the earliest: nothing was spent then; times are monotonic */
  spend(key: string, nowMs: number, cost = 1): number {
    const owed = Math.max(this.#paidBackMs.get(key) ?? 0, nowMs) + cost * this.#costMs;
    if (owed > nowMs + this.#burstMs) return owed - this.#burstMs;
    this.#paidBackMs.delete(key);
    this.#paidBackMs.set(key, owed);
    if (this.#paidBackMs.size > this.#keysMax) this.#forget();
    return 0;
  }

  /** Forgets those who have paid back. */
  sweep(nowMs: number): void {
    for (const [key, paidBackMs] of this.#paidBackMs) if (paidBackMs <= nowMs) this.#paidBackMs.delete(key);
  }

  #forget(): void {
    const [oldest] = this.#paidBackMs.keys();
    this.#paidBackMs.delete(oldest!);
  }
}
