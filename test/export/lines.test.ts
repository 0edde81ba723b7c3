// Method: seeded texts of all that is awkward in a table go out as lines and come back through a reader written from RFC
// 4180, as CSV, and through JSON; nothing may have changed, nor any line have become two.
import { expect, test } from 'vitest';
import { type Column, instant, text, whole } from '../../snapshots/export/column.ts';
import { type ExportFormat, headLine, rowLine } from '../../snapshots/export/lines.ts';
import { Random, seed } from '../support/random.ts';
import { fromCsv, type Row } from './reader.ts';

const COLUMNS: readonly Column<never>[] = ['one', 'two', 'three'].map((name) => text(name, '', () => null));

function written(rows: readonly (readonly (string | null)[])[], format: ExportFormat): string {
  return headLine(COLUMNS, format) + rows.map((row) => rowLine(COLUMNS, row, format)).join('');
}

function valuesOf(rows: readonly Row[]): readonly (readonly unknown[])[] {
  return rows.map((row) => Object.values(row));
}

test('whatever a text holds comes back, and an empty one is not the same as none', () => {
  const random = new Random(seed);
  const pieces = ['"', ',', ';', '\n', '\r', '\r\n', ' ', 'a', 'è', '€', '😀', '\t', "'"];
  const some = () => Array.from({ length: random.below(5) }, () => pieces[random.below(pieces.length)]!).join('');
  const alone = pieces.map((piece) => [piece, `a${piece}b`, null]);
  const rows = [...alone, ...Array.from({ length: 500 }, () => [some(), random.below(4) === 0 ? null : some(), 'z'])];
  expect(valuesOf(fromCsv(written(rows, 'csv'))), `seed=${seed}`).toEqual(rows);
  const lines = written(rows, 'jsonl').split('\n').slice(0, -1);
  expect(valuesOf(lines.map((line) => JSON.parse(line) as Row))).toEqual(rows);
});

test('lines are as RFC 4180 writes them: a line of names, CRLF, quotes only where they are needed', () => {
  const columns = [...COLUMNS.slice(0, 2), whole('cents', '', () => 0), instant('at', '', () => 0)];
  const values = ['Rossi; Anna', 'di "Roma"', -5, Date.parse('2020-12-08T10:00:00+01:00')];
  expect(headLine(columns, 'csv') + rowLine(columns, values, 'csv')).toBe(
    'one,two,cents,at\r\nRossi; Anna,"di ""Roma""",-5,2020-12-08T09:00:00.000Z\r\n',
  );
  expect(rowLine(columns, ['', null, 0, null], 'csv')).toBe('"",,0,\r\n');
});
