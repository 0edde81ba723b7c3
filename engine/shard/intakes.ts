/**
 * What was received and is not all answered yet. Of each intake nothing is known but how many closing instants had
 * passed at its reception: counters are enough, and what comes after an instant never holds back its closing.
 *
 *     closing instants                11 January    16 July
 *     passed at the reception     0       |      1     |     2
 *     intakes open                0       |    517     |     3      <- January may close, July must wait
 *
 * A newer version of the programme, and a period that opens again, only ever move instants that are still to come: what is
 * counted keeps its place.
 */
import { invariant } from '../assert.ts';
import type { PeriodDecision, Programme } from '../contract.ts';
import { closesAtMs, reopenedUntilMs, visiblePeriods } from '../programme/index.ts';

/** Of a period, for the first time or after it was opened again. */
export interface Closing {
  readonly awardPeriodId: number;
  /** Of the decision that opened it again; 0 = for the first time. */
  readonly decisionNumber: number;
  /** Names of those that it was opened again for. */
  readonly files: readonly string[];
  readonly atMs: number;
}

/** One whose time has come. */
export type DueClosing = Omit<Closing, 'files'>;

export class Intakes {
  /** By instant. */
  #closings: readonly Closing[] = [];
  /** By the number of instants passed. */
  readonly #open: number[] = [];

  constructor(programme: Programme, decisions: readonly PeriodDecision[]) {
    this.#expect(closingsOf(programme, decisions));
  }

  /**
   * What was received before its period is heard to close still counts, however long ago that was decided: no instant
   * comes to lie before the one at which that is heard.
   */
  follow(programme: Programme, decisions: readonly PeriodDecision[], nowMs: number): void {
    this.#expect(
      closingsOf(programme, decisions).map((closing) => {
        const before = this.#closings.find((one) => isSame(one, closing))?.atMs ?? closing.atMs;
        return { ...closing, atMs: Math.max(closing.atMs, Math.min(before, nowMs)) };
      }),
    );
  }

  /** A closed period is open again for this file. */
  isReopenedFor(file: string, receivedMs: number): boolean {
    return this.#closings.some(({ files, atMs }) => files.includes(file) && receivedMs < atMs);
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

  /** Those whose time has come, and before which nothing that was received is open. */
  closings(nowMs: number): readonly Closing[] {
    return this.#closings.filter(({ atMs }) => nowMs >= atMs && !this.#isOpenBefore(atMs));
  }

  #expect(closings: readonly Closing[]): void {
    this.#closings = closings.toSorted((left, right) => left.atMs - right.atMs);
    while (this.#open.length <= this.#closings.length) this.#open.push(0);
  }

  #isOpenBefore(instantMs: number): boolean {
    const passed = this.#passedAt(instantMs);
    return this.#open.some((count, at) => count > 0 && at < passed);
  }

  /** Asked for each record: a programme has a handful of periods. */
  #passedAt(ms: number): number {
    let passed = 0;
    while (passed < this.#closings.length && ms >= this.#closings[passed]!.atMs) passed += 1;
    return passed;
  }
}

function closingsOf(programme: Programme, decisions: readonly PeriodDecision[]): readonly Closing[] {
  const first = visiblePeriods(programme).map((period): Closing => {
    return { awardPeriodId: period.awardPeriodId, decisionNumber: 0, files: [], atMs: closesAtMs(period) };
  });
  const again = decisions
    .filter(({ kind }) => kind === 'reopen')
    .map((one): Closing => {
      const { awardPeriodId, number: decisionNumber, files } = one;
      return { awardPeriodId, decisionNumber, files, atMs: reopenedUntilMs(decisions, one) };
    });
  return [...first, ...again];
}

function isSame(left: Closing, right: Closing): boolean {
  return left.awardPeriodId === right.awardPeriodId && left.decisionNumber === right.decisionNumber;
}
