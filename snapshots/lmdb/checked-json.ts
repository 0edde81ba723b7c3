/** Small files of JSON that notice their own damage: `check` is the CRC-32 of all else in them. */
import { crc32 } from 'node:zlib';
import { writeFileDurably } from './files.ts';

export function writeChecked(path: string, value: object): void {
  const text = JSON.stringify({ ...value, check: crc32(JSON.stringify(value)) }, null, 2);
  writeFileDurably(path, `${text}\n`);
}

export interface CheckedJson {
  /** What it says of its format; null where it says nothing. Known also where the rest is not: a newer one is no damage. */
  readonly format: number | null;
  /** Null = damaged. */
  readonly value: unknown;
}

export function readChecked(text: string): CheckedJson {
  try {
    const { check, ...value } = JSON.parse(text) as { readonly check?: unknown; readonly format?: unknown };
    const format = typeof value.format === 'number' ? value.format : null;
    return { format, value: crc32(JSON.stringify(value)) === check ? value : null };
  } catch {
    return { format: null, value: null };
  }
}
