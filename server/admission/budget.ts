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

export interface Spending {
  /** Negative: it is given back. */
  readonly cost?: number;
  /** Of what may be spent at once, so much; the rest is left to others. */
  readonly fill?: number;
}

const ONCE: Spending = {};

/** When all will be paid back, and within it how late that may be. */
class Rate {
  readonly #costMs: number;
  readonly #burstMs: number;

  constructor({ perSecond, burst }: Pick<BudgetOptions, 'perSecond' | 'burst'>) {
    this.#costMs = 1_000 / perSecond;
    this.#burstMs = burst * this.#costMs;
  }

  owedMs(paidBackMs: number, nowMs: number, { cost = 1 }: Spending): number {
    return Math.max(paidBackMs, nowMs) + cost * this.#costMs;
  }

  /** 0: it may be spent; else when at the earliest. */
  earliestMs(owedMs: number, nowMs: number, { fill = 1 }: Spending): number {
    const burstMs = fill * this.#burstMs;
    return owedMs > nowMs + burstMs ? owedMs - burstMs : 0;
  }
}

/** Of one alone. */
export class Allowance {
  readonly #rate: Rate;
  #paidBackMs = 0;

  constructor(options: Pick<BudgetOptions, 'perSecond' | 'burst'>) {
    this.#rate = new Rate(options);
  }

  /** As Budget's. */
  spend(nowMs: number, spending = ONCE): number {
    const owedMs = this.#rate.owedMs(this.#paidBackMs, nowMs, spending);
    const earliestMs = this.#rate.earliestMs(owedMs, nowMs, spending);
    if (earliestMs === 0) this.#paidBackMs = owedMs;
    return earliestMs;
  }
}

export class Budget {
  readonly #rate: Rate;
  readonly #keysMax: number;
  /** In the order of their last spending, once it is half full. */
  readonly #paidBackMs = new Map<string, number>();

  constructor(options: BudgetOptions) {
    this.#rate = new Rate(options);
    this.#keysMax = options.keysMax;
  }

  /** @returns 0, or when it may come back at the earliest: nothing was spent then; times are monotonic */
  spend(key: string, nowMs: number, spending = ONCE): number {
    const owedMs = this.#rate.owedMs(this.#paidBackMs.get(key) ?? 0, nowMs, spending);
    const earliestMs = this.#rate.earliestMs(owedMs, nowMs, spending);
    if (earliestMs > 0) return earliestMs;
    // To the end, where somebody may have to be forgotten soon. Not always: a map with as many deletions as additions is made
    // anew again and again.
    if (2 * this.#paidBackMs.size > this.#keysMax) this.#paidBackMs.delete(key);
    this.#paidBackMs.set(key, owedMs);
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
