/** What became of a list of device tokens: sums, and every line that had no effect and should have had one. */
import type { RefusalName } from '../../engine/index.ts';
import { LineReasons, type RowNotCounted } from './line-reasons.ts';

/** `known`: an instrument of the card's owner already. `dropped`: nobody's, or nobody knows whose account it is. */
export const TOKEN_STATUSES = ['enabled', 'known', 'dropped', 'rejected'] as const;
type TokenStatus = (typeof TOKEN_STATUSES)[number];

export interface TokenVerdict {
  readonly status: TokenStatus;
  /** Empty where there is nothing to say. */
  readonly code: RefusalName | '';
  /** The column at fault, or empty. */
  readonly detail: string;
}

export interface TokenSummary extends Readonly<Record<TokenStatus, number>> {
  readonly file: string;
  /** ISO-8601. */
  readonly received: string;
  readonly rows: number;
  readonly codes: Readonly<Partial<Record<RefusalName, number>>>;
  /** Lines that stand beyond the last one that an outcome can name. */
  readonly unlisted: number;
}

export class TokenOutcome {
  readonly #lines = new LineReasons();
  readonly #counts = { enabled: 0, known: 0, dropped: 0, rejected: 0 };
  readonly #codes: Partial<Record<RefusalName, number>> = {};

  add(line: number, { status, code, detail }: TokenVerdict): void {
    this.#counts[status] += 1;
    if (code !== '') this.#codes[code] = (this.#codes[code] ?? 0) + 1;
    if (status === 'dropped' || status === 'rejected') this.#lines.add(line, { status, code, detail });
  }

  summary(file: string, received: string): TokenSummary {
    const counts = { ...this.#counts };
    const rows = TOKEN_STATUSES.reduce((sum, status) => sum + counts[status], 0);
    return { file, received, rows, ...counts, codes: { ...this.#codes }, unlisted: this.#lines.unlisted };
  }

  /** By line, rising. */
  rowsNotCounted(): Generator<RowNotCounted> {
    return this.#lines.rows();
  }
}
