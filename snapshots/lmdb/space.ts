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
