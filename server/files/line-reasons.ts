/** Which lines of a file do not count, and why (DECISIONS 17, 39). */
import { LIMITS, type RefusalName } from '../../engine/index.ts';

/** A row that changed no total. `code` is empty for a reversal that waits for its payment. */
export interface RowNotCounted {
  readonly line: number;
  readonly status: 'pending' | 'parked' | 'dropped' | 'rejected';
  readonly code: RefusalName | '';
  /** The column at fault, or empty. */
  readonly detail: string;
}

type Reason = Omit<RowNotCounted, 'line'>;

/** A file has a few dozen reasons; two bytes hold more than this and one for each status and code. */
const DETAILED_REASONS_MAX = 60_000;

/**
 * Takes lines in any order and lists them rising. A line costs two bytes, the number of its reason: a file of two million
 * bad rows costs 4 MB, and nothing needs sorting.
 */
export class LineReasons {
  #reasonOfLine = new Uint16Array(4_096);
  #lastLine = 0;
  #unlisted = 0;
  /** From 1: 0 is a line that counts, or is no row. */
  readonly #reasons: Reason[] = [];
  readonly #numbers = new Map<string, number>();

  /** Lines that stand beyond the last one that can be named. */
  get unlisted(): number {
    return this.#unlisted;
  }

  add(line: number, reason: Reason): void {
    if (line > LIMITS.outcomeLinesMax) {
      this.#unlisted += 1;
      return;
    }
    if (line >= this.#reasonOfLine.length) this.#grow(line);
    this.#reasonOfLine[line] = this.#numberOf(reason);
    this.#lastLine = Math.max(this.#lastLine, line);
  }

  *rows(): Generator<RowNotCounted> {
    for (let line = 1; line <= this.#lastLine; line += 1) {
      const reason = this.#reasons[this.#reasonOfLine[line]! - 1];
      if (reason !== undefined) yield { line, ...reason };
    }
  }

  #numberOf(reason: Reason): number {
    const key = `${reason.status} ${reason.code} ${reason.detail}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const isFull = this.#reasons.length >= DETAILED_REASONS_MAX;
    if (isFull && reason.detail !== '') return this.#numberOf({ ...reason, detail: '' });
    this.#reasons.push(reason);
    this.#numbers.set(key, this.#reasons.length);
    return this.#reasons.length;
  }

  #grow(line: number): void {
    const larger = new Uint16Array(Math.min(2 * line, LIMITS.outcomeLinesMax + 1));
    larger.set(this.#reasonOfLine);
    this.#reasonOfLine = larger;
  }
}
