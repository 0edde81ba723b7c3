/**
 * An export as somebody reads it who has never seen the program: its manifest, CSV by RFC 4180 or lines of JSON, and the
 * law's arithmetic written out once more. None of the program's own code.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Null = there is none. */
export type Row = Readonly<Record<string, string | null>>;

interface Field {
  readonly name: string;
  readonly type: string;
  readonly unit?: string;
  readonly description: string;
  readonly constraints?: { readonly enum: readonly string[] };
  readonly isPersonal?: boolean;
}

export interface Resource {
  readonly name: string;
  readonly path: string;
  readonly format: string;
  readonly bytes: number;
  readonly hash: string;
  readonly rows: number;
  readonly description: string;
  readonly schema?: {
    readonly fields: readonly Field[];
    readonly primaryKey?: readonly string[];
    readonly foreignKeys: readonly {
      readonly fields: string;
      readonly reference: { resource: string; fields: string };
    }[];
  };
  readonly totals?: readonly {
    readonly by: Readonly<Record<string, unknown>>;
    readonly rows: number;
    readonly cents: Readonly<Record<string, string>>;
  }[];
}

export interface Manifest {
  readonly formatVersion: number;
  readonly exportedAt: string;
  readonly lastChangeAt: string;
  readonly hasPersonalData: boolean;
  readonly resources: readonly Resource[];
}

export class Archive {
  readonly manifest: Manifest;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest;
  }

  resource(name: string): Resource {
    const found = this.manifest.resources.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no resource ${name}`);
    return found;
  }

  text(name: string): string {
    return readFileSync(join(this.#folder, this.resource(name).path), 'utf8');
  }

  rows(name: string): readonly Row[] {
    return this.resource(name).format === 'csv' ? fromCsv(this.text(name)) : fromLines(this.text(name));
  }

  /** What the manifest says that is not so; nothing. */
  complaints(): readonly string[] {
    const said: string[] = [];
    for (const { name, path, bytes, hash } of this.manifest.resources) {
      const content = readFileSync(join(this.#folder, path));
      if (content.length !== bytes) said.push(`${name}: ${content.length} bytes`);
      if (hash !== `sha256:${createHash('sha256').update(content).digest('hex')}`) said.push(`${name}: its hash`);
    }
    for (const resource of this.manifest.resources)
      if (resource.schema !== undefined) said.push(...this.#judge(resource));
    return said;
  }

  #judge({ name, rows: rowCount, schema, totals = [] }: Resource): readonly string[] {
    const [rows, said] = [this.rows(name), [] as string[]];
    const { fields, primaryKey = [], foreignKeys } = schema!;
    if (rows.length !== rowCount) said.push(`${name}: ${rows.length} rows`);
    if (fields.some(({ description }) => description === '')) said.push(`${name}: a column without a meaning`);
    for (const row of rows) {
      if (Object.keys(row).join() !== fields.map((field) => field.name).join()) said.push(`${name}: columns`);
      for (const field of fields)
        if (!fits(row[field.name]!, field)) said.push(`${name}.${field.name}: ${row[field.name]}`);
    }
    const keys = rows.map((row) => primaryKey.map((column) => row[column]).join('/'));
    if (primaryKey.length > 0 && new Set(keys).size < rows.length) said.push(`${name}: its key is not one`);
    for (const { fields: column, reference } of foreignKeys) {
      const others = new Set(this.rows(reference.resource || name).map((row) => row[reference.fields]));
      const missing = rows.filter((row) => row[column] !== null && !others.has(row[column]));
      if (missing.length > 0) said.push(`${name}.${column}: names ${missing[0]![column]}`);
    }
    for (const { by, rows: count, cents } of totals) {
      const group = rows.filter((row) => Object.entries(by).every(([column, value]) => row[column] === textOf(value)));
      if (group.length !== count) said.push(`${name}: ${JSON.stringify(by)} are ${group.length}`);
      for (const [column, sum] of Object.entries(cents)) {
        const added = group.reduce((total, row) => total + BigInt(row[column] ?? 0), 0n);
        if (String(added) !== sum) said.push(`${name}.${column}: ${JSON.stringify(by)} come to ${added}`);
      }
    }
    const inTotals = totals.reduce((sum, { rows: count }) => sum + count, 0);
    if (totals.length > 0 && inTotals !== rowCount) said.push(`${name}: totals of ${inTotals} rows`);
    return said;
  }
}

function textOf(value: unknown): string | null {
  return value === null ? null : String(value);
}

const FORMS: Readonly<Record<string, RegExp>> = {
  string: /^/,
  integer: /^-?\d+$/,
  boolean: /^(true|false)$/,
  datetime: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
};

function fits(text: string | null, { type, constraints }: Field): boolean {
  if (text === null) return true;
  return FORMS[type]!.test(text) && constraints?.enum.includes(text) !== false;
}

/** By the grammar of RFC 4180, a character at a time. */
export function fromCsv(text: string): readonly Row[] {
  const [records, at] = [[] as (string | null)[][], { index: 0 }];
  while (at.index < text.length) records.push(recordOf(text, at));
  const [names = [], ...rows] = records;
  return rows.map((row) => {
    if (row.length !== names.length) throw new Error(`a record of ${row.length} fields: ${row.join('|')}`);
    return Object.fromEntries(row.map((value, index) => [names[index]!, value]));
  });
}

function recordOf(text: string, at: { index: number }): (string | null)[] {
  const fields: (string | null)[] = [];
  for (;;) {
    fields.push(text[at.index] === '"' ? quotedField(text, at) : plainField(text, at));
    const end = text[at.index];
    at.index += 1;
    if (end === ',') continue;
    if (end !== '\r' || text[at.index] !== '\n') throw new Error(`a record that does not end at ${at.index}`);
    at.index += 1;
    return fields;
  }
}

function plainField(text: string, at: { index: number }): string | null {
  const first = at.index;
  while (at.index < text.length && !',\r\n"'.includes(text[at.index]!)) at.index += 1;
  return at.index === first ? null : text.slice(first, at.index);
}

function quotedField(text: string, at: { index: number }): string {
  let field = '';
  for (at.index += 1; at.index < text.length; at.index += 1) {
    if (text[at.index] !== '"') field += text[at.index];
    else if (text[at.index + 1] === '"') {
      field += '"';
      at.index += 1;
    } else {
      at.index += 1;
      return field;
    }
  }
  throw new Error('a quote that does not end');
}

function fromLines(text: string): readonly Row[] {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error('the last line does not end');
  return lines.map((line) => {
    const row = JSON.parse(line) as Record<string, unknown>;
    return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, textOf(value)]));
  });
}

/** What one citizen has in one period, out of payments and reversals alone. */
export interface Recomputed {
  readonly citizen: string;
  readonly period: string;
  raw: number;
  count: number;
  last: string;
}

/** Domain 4.1: a tenth of 150 euro at most; a tie goes towards zero. */
function tenth(amount: number): number {
  const seen = Math.min(amount, 15_000);
  return Math.floor(seen / 10) + (seen % 10 > 5 ? 1 : 0);
}

export interface Recomputation {
  readonly people: readonly Recomputed[];
  /** By the id of the record. */
  readonly cashback: ReadonlyMap<string, number>;
  readonly left: ReadonlyMap<string, number>;
}

/** Domain 4.2 and 4.3; reversals in the order in which their instrument's records arrived. */
export function recompute(payments: readonly Row[], reversals: readonly Row[]): Recomputation {
  const [people, owners] = [new Map<string, Recomputed>(), new Map<string, Recomputed>()];
  const [cashback, left] = [new Map<string, number>(), new Map<string, number>()];
  for (const row of payments) {
    if (row.state !== 'counted') continue;
    const [citizen, period] = [row.citizen!, row.award_period_id!];
    const own = people.get(`${citizen}/${period}`) ?? { citizen, period, raw: 0, count: 0, last: '' };
    people.set(`${citizen}/${period}`, own);
    owners.set(row.id!, own);
    cashback.set(row.id!, tenth(Number(row.amount_cents)));
    own.raw += cashback.get(row.id!)!;
    own.count += 1;
    if (row.trx_at! > own.last) own.last = row.trx_at!;
    left.set(row.id!, Number(row.amount_cents));
  }
  const applied = reversals.filter(({ state }) => state === 'applied');
  for (const row of [...applied].sort((one, other) => Number(one.arrival) - Number(other.arrival))) {
    const [own, before] = [owners.get(row.payment_id!), left.get(row.payment_id!)];
    if (own === undefined || before === undefined) throw new Error(`${row.id} reverses what was not counted`);
    const after = before - Number(row.amount_cents);
    cashback.set(row.id!, 0 - tenth(Math.min(before, 15_000) - Math.min(after, 15_000)));
    own.raw += cashback.get(row.id!)!;
    if (after === 0) own.count -= 1;
    left.set(row.payment_id!, after);
  }
  return { people: [...people.values()], cashback, left };
}

/** Domain 5.1. @returns keys of citizens, the first one first */
export function rank(all: readonly Recomputed[], period: string, citizens: readonly Row[]): readonly string[] {
  const byKey = new Map(citizens.map((row) => [row.citizen, row]));
  const orderOf = ({ citizen, count, last }: Recomputed) => {
    const { terms_at, tax_code } = byKey.get(citizen)!;
    return `${String(1_000_000 - count).padStart(7, '0')} ${last} ${terms_at} ${tax_code}`;
  };
  const taking = all.filter((one) => one.period === period);
  return taking.sort((one, other) => (orderOf(one) < orderOf(other) ? -1 : 1)).map(({ citizen }) => citizen);
}
