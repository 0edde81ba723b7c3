/** One table as one file: written piece by piece, counted, added up and hashed on its way. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { writeFully } from '../lmdb/files.ts';
import type { Column, Table, Value } from './column.ts';
import { type ExportFormat, headLine, rowLine } from './lines.ts';

export interface WrittenFile {
  readonly name: string;
  readonly bytes: number;
  /** 64 hex digits. */
  readonly sha256: string;
}

export interface WrittenTable extends WrittenFile {
  readonly rows: number;
  readonly columns: readonly Column<never>[];
  readonly totals: readonly Total[];
}

/** Of the rows that share the values of `by`: how many they are, and what their cents come to. */
export interface Total {
  readonly by: Readonly<Record<string, Value>>;
  readonly rows: number;
  /** In digits: sums of a state's size are no exact numbers everywhere. */
  readonly cents: Readonly<Record<string, string>>;
}

/** Handed to the disk at once. */
const PIECE_BYTES = 1_048_576;

export async function writeTable<R>(
  folder: string,
  table: Table<R>,
  rows: Iterable<R>,
  { format, hasPersonalData }: { readonly format: ExportFormat; readonly hasPersonalData: boolean },
): Promise<WrittenTable> {
  const columns = table.columns.filter(({ isPersonal }) => hasPersonalData || !isPersonal);
  const adder = new Adder(table, columns);
  let rowCount = 0;
  function* lines(): Iterable<string> {
    yield headLine(columns, format);
    for (const row of rows) {
      const values = columns.map((column) => column.of(row));
      adder.add(values);
      rowCount += 1;
      yield rowLine(columns, values, format);
    }
  }
  const written = await writeText(folder, `${table.name}.${format}`, lines());
  return { ...written, rows: rowCount, columns, totals: adder.totals() };
}

/** Durable when resolved, but for its name. */
export async function writeText(folder: string, name: string, lines: Iterable<string>): Promise<WrittenFile> {
  const [file, hash] = [await open(`${folder}/${name}`, 'wx', 0o600), createHash('sha256')];
  let bytes = 0;
  const write = async (text: string) => {
    const piece = Buffer.from(text);
    hash.update(piece);
    bytes += piece.length;
    await writeFully(file, piece, null);
  };
  try {
    let text = '';
    for (const line of lines) {
      text += line;
      if (text.length < PIECE_BYTES) continue;
      await write(text);
      text = '';
    }
    await write(text);
    await file.sync();
  } finally {
    await file.close();
  }
  return { name, bytes, sha256: hash.digest('hex') };
}

/** Groups are few: periods, and what becomes of a record. */
class Adder {
  readonly #columns: readonly Column<never>[];
  readonly #by: readonly number[];
  readonly #of: readonly number[];
  readonly #groups = new Map<string, { readonly by: readonly Value[]; rows: number; readonly cents: bigint[] }>();

  constructor({ added }: Pick<Table<never>, 'added'>, columns: readonly Column<never>[]) {
    const places = (names: readonly string[]) => names.map((name) => columns.findIndex((one) => one.name === name));
    this.#columns = columns;
    this.#by = places(added.by);
    this.#of = places(added.of);
  }

  add(values: readonly Value[]): void {
    const by = this.#by.map((at) => values[at]!);
    const name = JSON.stringify(by);
    const group = this.#groups.get(name) ?? { by, rows: 0, cents: this.#of.map(() => 0n) };
    if (group.rows === 0) this.#groups.set(name, group);
    group.rows += 1;
    for (const [index, at] of this.#of.entries()) group.cents[index]! += BigInt(values[at] ?? 0);
  }

  totals(): readonly Total[] {
    const nameAt = (at: number) => this.#columns[at]!.name;
    const groups = [...this.#groups].sort(([left], [right]) => (left < right ? -1 : 1));
    return groups.map(([, { by, rows, cents }]) => ({
      by: Object.fromEntries(this.#by.map((at, index) => [nameAt(at), by[index]!])),
      rows,
      cents: Object.fromEntries(this.#of.map((at, index) => [nameAt(at), String(cents[index])])),
    }));
  }
}
