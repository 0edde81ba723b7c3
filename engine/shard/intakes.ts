/**
 * What was received and is not all answered yet. Of each intake nothing is known but how many closing instants had
 * passed at its reception: counters are enough, and what comes after an instant never holds back its closing.
 *
 *     closing instants                11 January    16 July
 *     passed at the reception     0       |      1     |     2
 *     intakes open                0       |    517     |     3      <- January may close, July must wait
 */
import { invariant } from '../assert.ts';
import type { PeriodParameters, Programme } from '../contract.ts';
import { closesAtMs, visiblePeriods } from '../programme/index.ts';

export class Intakes {
  readonly #periods: readonly PeriodParameters[];
  /** Rising. */
  readonly #instantsMs: readonly number[];
  /** By the number of instants passed. */
  readonly #open: number[];

  constructor(programme: Programme) {
    this.#periods = visiblePeriods(programme);
    this.#instantsMs = this.#periods.map(closesAtMs).toSorted((left, right) => left - right);
    this.#open = new Array<number>(this.#instantsMs.length + 1).fill(0);
  }

  /** @returns what `close` is to be told, once */
  open(receivedMs: number): number {
    const passed = this.#passedAt(receivedMs);
    this.#open[passed]! += 1;
    return passed;
  }

  close(passed: number): void {
    this.#open[passed]! -= 1;
    invariant(this.#open[passed]! >= 0, 'an intake is closed once');
  }

  /** Periods whose time has come, and of which nothing that was received before is open. */
  closedPeriods(nowMs: number): readonly PeriodParameters[] {
    return this.#periods.filter((period) => nowMs >= closesAtMs(period) && !this.#isOpenBefore(closesAtMs(period)));
  }

  #isOpenBefore(instantMs: number): boolean {
    const passed = this.#passedAt(instantMs);
    return this.#open.some((count, at) => count > 0 && at < passed);
  }

  /** Asked for each record: a programme has a handful of periods. */
  #passedAt(ms: number): number {
    let passed = 0;
    while (passed < this.#instantsMs.length && ms >= this.#instantsMs[passed]!) passed += 1;
    return passed;
  }
}
