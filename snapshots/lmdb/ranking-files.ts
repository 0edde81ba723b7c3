/** Saved rankings as files, written and read piece by piece: one may have hundreds of megabytes. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { RankingSink, RankingSource } from '../ranking-file.ts';
import { hasCode, writeFully } from './files.ts';

/** So much may wait for the disk: at the end all at once would make the journal's flushes wait. */
const UNSYNCED_BYTES_MAX = 8_388_608;

export function rankingSink(file: FileHandle): RankingSink {
  let unsynced = 0;
  return {
    async append(bytes) {
      await writeFully(file, bytes, null);
      unsynced += bytes.length;
      if (unsynced < UNSYNCED_BYTES_MAX) return;
      unsynced = 0;
      await file.datasync();
    },
    setStart: (bytes) => writeFully(file, bytes, 0),
  };
}

/** Null = no such file. */
export function rankingSource(path: string): RankingSource | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
  return {
    length: fstatSync(descriptor).size,
    read(at, length) {
      const bytes = Buffer.allocUnsafe(length);
      const read = readSync(descriptor, bytes, 0, length, at);
      return bytes.subarray(0, read);
    },
    close: () => closeSync(descriptor),
  };
}
