/** Reads files that come back: bytes into rows, each checked by itself. A bad row is told of and has no effect. */
import type { RefusalName } from '../../engine/index.ts';
import { createLineReader, type Line } from '../files/index.ts';
import type { Column } from './columns.ts';
import type { RowFault } from './payout-row.ts';

/** One line that is not empty, numbered from 1 as an editor counts. */
export type ReadRow<T> = Pick<Line, 'text'> & { readonly line: number } & CheckedRow<T>;

export type CheckedRow<T> = { readonly ok: true; readonly value: T } | ({ readonly ok: false } & RowFault);

/** By name, in the order of the file. */
type Columns = Readonly<Record<string, Column<unknown>>>;
type Values<T extends Columns> = { readonly [Name in keyof T]: T[Name] extends Column<infer Value> ? Value : never };

/** What stands for bytes that are no UTF-8; a sender who has it in the text has lost that character before. */
const REPLACEMENT = '\uFFFD';
/** Tolerated before any line: some files are several in one. */
const BYTE_ORDER_MARK = '\uFEFF';

/**
 * Rows in the order of the file, read as they are asked for: memory holds one piece of the body, however long it is
 * altogether.
 *
 * Faults: WRONG_COLUMNS, ENCODING_INVALID, the code of the first column that does not hold, and what `check` adds.
 */
export async function* readRows<T extends Columns, Value>(
  body: AsyncIterable<Uint8Array>,
  columns: T,
  check: (values: Values<T>) => CheckedRow<Value>,
): AsyncGenerator<ReadRow<Value>> {
  for await (const line of linesOf(body)) {
    const read = readColumns(line, columns);
    yield { line: line.number, text: line.text, ...(read.ok ? check(read.value) : read) };
  }
}

export function fault(code: RefusalName, detail: string): { readonly ok: false } & RowFault {
  return { ok: false, code, detail };
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  const decoder = new TextDecoder();
  const reader = createLineReader();
  for await (const bytes of body) yield* reader.push(decoder.decode(bytes, { stream: true }));
  yield* reader.push(decoder.decode());
  yield* reader.end();
}

function readColumns<T extends Columns>({ columns: texts }: Line, columns: T): CheckedRow<Values<T>> {
  if (texts === null) return fault('WRONG_COLUMNS', 'line too long');
  if (texts.some((text) => text.includes(REPLACEMENT))) return fault('ENCODING_INVALID', '');
  const names = Object.keys(columns);
  if (texts.length !== names.length) return fault('WRONG_COLUMNS', `${texts.length} columns`);

  const values: Record<string, unknown> = {};
  for (const [index, name] of names.entries()) {
    const { code, read } = columns[name]!;
    const value = read(index === 0 ? withoutMark(texts[index]!) : texts[index]!);
    if (value === undefined) return fault(code, name);
    values[name] = value;
  }
  return { ok: true, value: values as Values<T> };
}

function withoutMark(text: string): string {
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}
