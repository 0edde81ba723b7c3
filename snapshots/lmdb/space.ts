/** How much room a data folder takes and has left. */
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from './files.ts';

export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Of the disk that holds the folder, as far as this user may fill it. */
export async function diskSpace(path: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(path);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

/** Of a disk: refused from 85 % used on. */
const RESERVE_SHARE = 0.15;
/** More is never under way, however large the disk: 400,000 rows at 5 kB each, twelve uploads, ten million ranks twice. */
const RESERVE_BYTES_MAX = 8 * 1_024 ** 3;

/** With less than this left on a disk of that size changes are refused. */
export function reserveBytes(totalBytes: number): number {
  return Math.min(totalBytes * RESERVE_SHARE, RESERVE_BYTES_MAX);
}

const BLOCK_BYTES = 512;

/** As the disk counts: LMDB's files may have holes. Files that come and go meanwhile count or do not. */
export async function folderBytes(path: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(path, { recursive: true })) {
    const found = await stat(join(path, name)).catch(ignoringMissing);
    if (found?.isFile() === true) bytes += found.blocks * BLOCK_BYTES;
  }
  return bytes;
}

function ignoringMissing(error: unknown): null {
  if (hasCode(error, 'ENOENT')) return null;
  throw error;
}
