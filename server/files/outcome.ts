/** What became of a file: sums, and every row that does not count with its line and reason (DECISIONS 17, 39). */
import { addCents, type FileFigure, type RecordOutcome, type RefusalName, type RowFate } from '../../engine/index.ts';
import { LineReasons, type RowNotCounted } from './line-reasons.ts';

export const ROW_STATUSES = ['counted', 'applied', 'pending', 'parked', 'dropped', 'rejected'] as const;
export type RowStatus = (typeof ROW_STATUSES)[number];

export interface FileSummary {
  readonly file: string;
  /** Stamped once for all rows: periods, grace and a reversal's month are judged by it. ISO-8601. */
  readonly received: string;
  readonly rows: number;
  readonly counted: number;
  readonly applied: number;
  readonly pending: number;
  readonly parked: number;
  readonly dropped: number;
  readonly rejected: number;
  /** Absolute amounts by what became of them; a row of a wrong form has none. */
  readonly amountCents: Readonly<Record<RowStatus, number>>;
  /** Net cashback of what was counted and applied. */
  readonly cashbackCents: number;
  readonly codes: Readonly<Partial<Record<RefusalName, number>>>;
  /** Rows that did not count and stand beyond the last line an outcome can name; 0 in any real file. */
  readonly unlisted: number;
}

/** Collects outcomes in any order, and lists by line what does not count. */
export class FileOutcome {
  readonly #lines = new LineReasons();
  #cashbackCents = 0;
  /** By status and code. */
  readonly #sums = new Map<string, Sum>();

  /** A row that the engine judged. */
  add(line: number, outcome: RecordOutcome, amountCents: number): void {
    const { status } = outcome;
    const code = 'code' in outcome ? outcome.code : '';
    this.#count(status, code, amountCents);
    if (status === 'counted' || status === 'applied') this.#cashbackCents += outcome.scoreCents;
    else this.#lines.add(line, { status, code, detail: '' });
  }

  /** A row of a wrong form, which the engine never saw. */
  reject(line: number, code: RefusalName, detail: string): void {
    this.#count('rejected', code, 0);
    this.#lines.add(line, { status: 'rejected', code, detail });
  }

  summary(file: string, received: string): FileSummary {
    const [rows, amountCents] = [tally(), tally()];
    const codes: Partial<Record<RefusalName, number>> = {};
    for (const sum of this.#sums.values()) {
      rows[sum.status] += sum.rowCount;
      amountCents[sum.status] += sum.amountCents;
      if (sum.code !== '') codes[sum.code] = (codes[sum.code] ?? 0) + sum.rowCount;
    }
    return {
      file,
      received,
      rows: ROW_STATUSES.reduce((sum, status) => sum + rows[status], 0),
      ...rows,
      amountCents,
      cashbackCents: this.#cashbackCents,
      codes,
      unlisted: this.#lines.unlisted,
    };
  }

  /** What the account of the file says; each row is in one of them. */
  figures(): readonly FileFigure[] {
    const figures = new Map<string, FileFigure>();
    for (const { status, code, rowCount, amountCents } of this.#sums.values()) {
      const figure = { fate: fateOf(status, code), code: code === '' ? null : code };
      const before = figures.get(`${figure.fate} ${code}`) ?? { rowCount: 0, amountCents: 0 };
      figures.set(`${figure.fate} ${code}`, {
        ...figure,
        rowCount: before.rowCount + rowCount,
        amountCents: addCents(before.amountCents, amountCents),
      });
    }
    return [...figures.values()];
  }

  /** By line, rising. */
  rowsNotCounted(): Generator<RowNotCounted> {
    return this.#lines.rows();
  }

  #count(status: RowStatus, code: RefusalName | '', amountCents: number): void {
    const key = `${status} ${code}`;
    let sum = this.#sums.get(key);
    if (sum === undefined) {
      sum = { status, code, rowCount: 0, amountCents: 0 };
      this.#sums.set(key, sum);
    }
    sum.rowCount += 1;
    sum.amountCents = addCents(sum.amountCents, amountCents);
  }
}

interface Sum {
  readonly status: RowStatus;
  readonly code: RefusalName | '';
  rowCount: number;
  amountCents: number;
}

/** One that is stored already is no error of this row. */
function fateOf(status: RowStatus, code: RefusalName | ''): RowFate {
  if (status === 'dropped') return 'dropped';
  if (status !== 'rejected') return 'accepted';
  return code === 'DUPLICATE_RECORD' ? 'repeated' : 'rejected';
}

function tally(): Record<RowStatus, number> {
  return { counted: 0, applied: 0, pending: 0, parked: 0, dropped: 0, rejected: 0 };
}

export const OUTCOME_CSV_HEADER = 'line;status;code;detail\n';

/** `line;status;code;detail`, in the acquirers' own dialect. Codes and columns never hold a separator. */
export function outcomeCsvLine({ line, status, code, detail }: RowNotCounted): string {
  return `${line};${status};${code};${detail}\n`;
}

/** As one element of a JSON list; what is empty is absent. */
export function outcomeJsonItem({ line, status, code, detail }: RowNotCounted): string {
  return JSON.stringify({ line, status, ...(code === '' ? {} : { code }), ...(detail === '' ? {} : { detail }) });
}
