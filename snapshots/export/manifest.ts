/**
 * What an export says of itself, for people and for programs that never saw this one: a Frictionless data package
 * (specs.frictionlessdata.io) with a few members of its own: rows, units, and sums that can be added up again.
 */
import { isoText } from '../../engine/programme/index.ts';
import type { Column, Table } from './column.ts';
import { type ExportFormat, MEDIA_TYPES } from './lines.ts';
import type { Total, WrittenFile, WrittenTable } from './table-file.ts';

/** Of an export; grows with every change that a reader would notice. */
export const EXPORT_VERSION = 1;

export interface PackageParts {
  readonly format: ExportFormat;
  readonly hasPersonalData: boolean;
  /** Of a real clock. */
  readonly exportedMs: number;
  /** Of the programme's. */
  readonly lastMs: number;
  readonly programme: WrittenFile;
  readonly tables: readonly { readonly table: Table<never>; readonly written: WrittenTable }[];
}

export function manifestText(parts: PackageParts): string {
  const { format, hasPersonalData, exportedMs, lastMs, programme, tables } = parts;
  const manifest = {
    profile: 'data-package',
    name: 'clickday-export',
    title: 'A cashback programme: all that it knew',
    formatVersion: EXPORT_VERSION,
    exportedAt: isoText(exportedMs),
    lastChangeAt: isoText(lastMs),
    hasPersonalData,
    conventions: conventions(format, hasPersonalData),
    resources: [
      programmeResource(programme, hasPersonalData),
      ...tables.map(({ table, written }) => tableResource(table, written, format)),
    ],
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function conventions(format: ExportFormat, hasPersonalData: boolean): readonly string[] {
  return [
    'Money is whole cents of euro, with a sign. Instants are UTC, ISO 8601 with milliseconds; days are days of Europe/Rome.',
    format === 'csv'
      ? 'CSV as RFC 4180 has it, UTF-8, with a line of names. A field of nothing is null; "" is an empty text.'
      : 'One JSON object to a line, UTF-8.',
    'Whoever was erased is in no file. What names somebody erased is left out with them.',
    hasPersonalData
      ? 'Holds personal data in clear, and the salt of the instruments’ numbers: keep it as the law says.'
      : 'Holds no personal data in clear: citizens have keys, and the salt of the instruments’ numbers is left out.',
    'totals of a file: for the rows that share the values of by, how many there are and what each column of cents comes to.',
  ];
}

interface Resource {
  readonly name: string;
  readonly path: string;
  readonly description: string;
  readonly format: string;
  readonly mediatype: string;
  readonly encoding: 'utf-8';
  readonly bytes: number;
  readonly hash: string;
}

function resource(
  { name, bytes, sha256 }: WrittenFile,
  format: string,
  mediatype: string,
  description: string,
): Resource {
  const [stem] = name.split('.');
  return {
    name: stem!,
    path: name,
    description,
    format,
    mediatype,
    encoding: 'utf-8',
    bytes,
    hash: `sha256:${sha256}`,
  };
}

function programmeResource(written: WrittenFile, hasPersonalData: boolean): Resource {
  const salt = hasPersonalData ? '' : ' panSalt is left out: with it a hpan can be tried for its number.';
  const description = `The programme: award periods, amounts in cents, thresholds, last winning positions.${salt}`;
  return resource(written, 'json', 'application/json', description);
}

interface TableResource extends Resource {
  readonly profile: 'tabular-data-resource';
  readonly rows: number;
  readonly dialect?: object;
  readonly schema: object;
  readonly totals: readonly Total[];
}

function tableResource(table: Table<never>, written: WrittenTable, format: ExportFormat): TableResource {
  const { columns, rows, totals } = written;
  const names = columns.map(({ name }) => name);
  return {
    ...resource(written, format, MEDIA_TYPES[format], table.meaning),
    profile: 'tabular-data-resource',
    rows,
    ...(format === 'csv' ? { dialect: CSV_DIALECT } : {}),
    schema: {
      fields: columns.map(fieldOf),
      ...(table.key.length === 0 ? {} : { primaryKey: table.key }),
      foreignKeys: Object.entries(table.refersTo)
        .filter(([column]) => names.includes(column))
        .map(([fields, [other, field]]) => ({
          fields,
          reference: { resource: other === table.name ? '' : other, fields: field },
        })),
    },
    totals: table.added.of.length === 0 ? [] : totals,
  };
}

const CSV_DIALECT = { delimiter: ',', quoteChar: '"', doubleQuote: true, lineTerminator: '\r\n', header: true };

function fieldOf({ name, type, unit, meaning, values, isPersonal }: Column<never>): object {
  return {
    name,
    type,
    ...(type === 'datetime' ? { format: '%Y-%m-%dT%H:%M:%S.%fZ' } : {}),
    ...(unit === null ? {} : { unit }),
    description: meaning,
    ...(values === null ? {} : { constraints: { enum: values } }),
    ...(isPersonal ? { isPersonal } : {}),
  };
}
