/**
 * Formats by number. A folder has one, in its manifest, and all that is written there carries it: a program writes the
 * format of the folder, and reads all of this table.
 *
 *   rows     are read as they are found and rewritten when they are touched, the rest in the background (rows.ts); a
 *            program of format N reads N - 1 and N - 2, then the tables that changed may go from the older entries
 *   records  are read for ever: the archive is never rewritten, and nothing in it is judged again
 *
 * A codec reads to what the engine has today: where an old format lacks a field, it says what stands for it (`absent`).
 * What a new one changes is written in its own files on top of the one before.
 */
import type { RowTable } from '../../engine/ports.ts';
import {
  type HeadCodecs,
  type LineReaders,
  lineReaders,
  type RowValues,
  rowHeads,
  rowValues as rowValuesV1,
} from './rows-v1.ts';
import { rowValues as rowValuesV2 } from './rows-v2.ts';
import { lineReaders as lineReadersV3, rowHeads as rowHeadsV3, rowValues as rowValuesV3 } from './rows-v3.ts';
import type { Codec } from './shape.ts';
import { type TurnBody, turnBody as turnBodyV1 } from './turn-v1.ts';
import { turnBody as turnBodyV2 } from './turn-v2.ts';
import { turnBody as turnBodyV3 } from './turn-v3.ts';

export interface Format {
  readonly turnBody: Codec<TurnBody>;
  readonly rowValues: RowValues;
  /** Of what a row begins with alone. */
  readonly rowHeads: HeadCodecs;
  /** Of a line of a page alone. */
  readonly lineReaders: LineReaders;
}

/** What new folders get, and older ones when they are raised. */
export const FORMAT = 3;

/** The oldest rows that are read. */
export const FORMAT_OLDEST = 1;

const FORMATS: Readonly<Record<number, Format>> = {
  1: { turnBody: turnBodyV1, rowValues: rowValuesV1, rowHeads, lineReaders },
  2: { turnBody: turnBodyV2, rowValues: rowValuesV2, rowHeads, lineReaders },
  3: { turnBody: turnBodyV3, rowValues: rowValuesV3, rowHeads: rowHeadsV3, lineReaders: lineReadersV3 },
};

/** @param number in [FORMAT_OLDEST, FORMAT], or as it was found: undefined = there is no such format */
export function formatOf(number: number): Format | undefined {
  return FORMATS[number];
}

/** Whether rows of a table have to be rewritten when a folder is raised from one format to another. */
export function isTableChanged(table: RowTable, from: number, to: number): boolean {
  return FORMATS[from]?.rowValues[table] !== FORMATS[to]?.rowValues[table];
}
