/** What a column of an exported table is: what it is called, what it means, and how it is read off a row. */

/** Null = there is none. Of an instant milliseconds since the epoch. */
export type Value = string | number | boolean | null;

/** As Frictionless' Table Schema names them. */
export type ColumnType = 'string' | 'integer' | 'boolean' | 'datetime';

export interface Column<R> {
  readonly name: string;
  readonly type: ColumnType;
  /** Null = the type says all. */
  readonly unit: 'cents' | null;
  readonly meaning: string;
  /** All that it may say; null = anything. */
  readonly values: readonly string[] | null;
  /** Names somebody, or leads to somebody's name or account. */
  readonly isPersonal: boolean;
  readonly of: (row: R) => Value;
}

export interface Table<R> {
  /** Of the file, without what comes after the dot. */
  readonly name: string;
  readonly meaning: string;
  readonly columns: readonly Column<R>[];
  /** Columns that together name a row; empty = a row is a step of something, and none is like another by a name of its own. */
  readonly key: readonly string[];
  /** Columns that name rows of other tables. */
  readonly refersTo: Readonly<Record<string, readonly [table: string, column: string]>>;
  /** Columns of cents that are added up, for each value of the columns `by`. */
  readonly added: { readonly by: readonly string[]; readonly of: readonly string[] };
}

type Of<R, V extends Value> = (row: R) => V | null;

export function text<R>(name: string, meaning: string, of: Of<R, string>): Column<R> {
  return { ...PLAIN, name, type: 'string', meaning, of };
}

export function oneOf<R>(name: string, values: readonly string[], meaning: string, of: Of<R, string>): Column<R> {
  return { ...PLAIN, name, type: 'string', values, meaning, of };
}

export function whole<R>(name: string, meaning: string, of: Of<R, number>): Column<R> {
  return { ...PLAIN, name, type: 'integer', meaning, of };
}

export function cents<R>(name: string, meaning: string, of: Of<R, number>): Column<R> {
  return { ...PLAIN, name, type: 'integer', unit: 'cents', meaning, of };
}

export function flag<R>(name: string, meaning: string, of: Of<R, boolean>): Column<R> {
  return { ...PLAIN, name, type: 'boolean', meaning, of };
}

/** @param of milliseconds since the epoch */
export function instant<R>(name: string, meaning: string, of: Of<R, number>): Column<R> {
  return { ...PLAIN, name, type: 'datetime', meaning, of };
}

export function personal<R>(column: Column<R>): Column<R> {
  return { ...column, isPersonal: true };
}

const PLAIN = { unit: null, values: null, isPersonal: false } as const;
