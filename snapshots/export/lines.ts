/** Rows as text: CSV of RFC 4180 with a line of names, or a JSON object to a line. UTF-8, both. */
import { isoText } from '../../engine/programme/index.ts';
import type { Column, Value } from './column.ts';

export const EXPORT_FORMATS = ['csv', 'jsonl'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export const MEDIA_TYPES: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv',
  jsonl: 'application/jsonl',
};

type AnyColumn = Pick<Column<never>, 'name' | 'type'>;

/** What stands before the first row. */
export function headLine(columns: readonly AnyColumn[], format: ExportFormat): string {
  return format === 'csv' ? csvLine(columns.map(({ name }) => name)) : '';
}

/** @param values as many as there are columns */
export function rowLine(columns: readonly AnyColumn[], values: readonly Value[], format: ExportFormat): string {
  const written = values.map((value, at) => (columns[at]!.type === 'datetime' ? instantText(value) : value));
  if (format === 'csv') return csvLine(written);
  return `${JSON.stringify(Object.fromEntries(written.map((value, at) => [columns[at]!.name, value])))}\n`;
}

function instantText(value: Value): string | null {
  return value === null ? null : isoText(Number(value));
}

function csvLine(values: readonly Value[]): string {
  return `${values.map(csvField).join(',')}\r\n`;
}

const TO_BE_QUOTED = /[",\r\n]/;

/** Null is nothing at all, so that an empty text, which is quoted, can be told from it. */
function csvField(value: Value): string {
  if (value === null) return '';
  const text = String(value);
  return text === '' || TO_BE_QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
