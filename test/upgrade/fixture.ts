/** Folders that a program of an older format wrote, each in one compressed file, with what its writer said of it. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { Packr } from 'msgpackr';
import type { History } from './history.ts';

export interface Fixture extends History {
  /** By path. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Of `answersOf`, as the program that wrote it gave them when it went on. */
  readonly answers: unknown;
}

const packr = new Packr({ useRecords: false });

function pathOf(format: number): string {
  return fileURLToPath(new URL(`./fixtures/format-${format}.br`, import.meta.url));
}

export function readFixture(format: number): Fixture {
  return packr.unpack(brotliDecompressSync(readFileSync(pathOf(format)))) as Fixture;
}

/** @returns its bytes */
export function writeFixture(format: number, fixture: Fixture): number {
  const params = { [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS };
  const bytes = brotliCompressSync(packr.pack(fixture), { params });
  writeFileSync(pathOf(format), bytes);
  return bytes.length;
}

/** Every file below a folder, by its path there. */
export function filesOf(folder: string): Record<string, Uint8Array> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => statSync(join(folder, name)).isFile());
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(folder, name))]));
}

/** A folder of its own, to be removed by who asked for it. */
export function unpack({ files }: Pick<Fixture, 'files'>): { readonly folder: string; readonly remove: () => void } {
  const place = mkdtempSync(join(tmpdir(), 'clickday-upgrade-'));
  const folder = join(place, 'data');
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, name), bytes, { mode: 0o600 });
  }
  return { folder, remove: () => rmSync(place, { recursive: true, force: true }) };
}
