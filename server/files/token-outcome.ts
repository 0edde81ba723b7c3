/** What became of a list of device tokens: sums, and every line that had no effect and should have had one. */
import type { FileFigure, RefusalName, RowFate } from '../../engine/index.ts';
import { LineReasons, type RowNotCounted } from './line-reasons.ts';

/** `known`: an instrument of the card's owner already. `dropped`: nobody's, or nobody knows whose account it is. */
export const TOKEN_STATUSES = ['enabled', 'known', 'dropped', 'rejected'] as const;
type TokenStatus = (typeof TOKEN_STATUSES)[number];

const FATES: Readonly<Record<TokenStatus, RowFate>> = {
  enabled: 'accepted',
  known: 'repeated',
  dropped: 'dropped',
  rejected: 'rejected',
};

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
  /** By status and code. */
  readonly #sums = new Map<string, Sum>();

  add(line: number, { status, code, detail }: TokenVerdict): void {
    const key = `${status} ${code}`;
    const { rowCount } = this.#sums.get(key) ?? { rowCount: 0 };
    this.#sums.set(key, { status, code, rowCount: rowCount + 1 });
    if (status === 'dropped' || status === 'rejected') this.#lines.add(line, { status, code, detail });
  }

  summary(file: string, received: string): TokenSummary {
    const counts = { enabled: 0, known: 0, dropped: 0, rejected: 0 };
    const codes: Partial<Record<RefusalName, number>> = {};
    for (const { status, code, rowCount } of this.#sums.values()) {
      counts[status] += rowCount;
      if (code !== '') codes[code] = (codes[code] ?? 0) + rowCount;
    }
    const rows = TOKEN_STATUSES.reduce((sum, status) => sum + counts[status], 0);
    return { file, received, rows, ...counts, codes, unlisted: this.#lines.unlisted };
  }

  /** What the account of the list says; each line is in one of them. */
  figures(): readonly FileFigure[] {
    return [...this.#sums.values()].map(({ status, code, rowCount }) => {
      return { fate: FATES[status], code: code === '' ? null : code, rowCount, amountCents: 0 };
    });
  }

  /** By line, rising. */
  rowsNotCounted(): Generator<RowNotCounted> {
    return this.#lines.rows();
  }
}

interface Sum extends Pick<TokenVerdict, 'status' | 'code'> {
  readonly rowCount: number;
}
