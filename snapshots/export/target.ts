/**
 * Where an export goes: a folder that is there whole, under its name, or not at all. It grows under a hidden name beside;
 * what a death leaves there, the next export to the same place removes.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { StorageFault } from '../../engine/ports.ts';
import { hasCode, syncFolder } from '../lmdb/files.ts';
import { lockFile } from '../lmdb/lock.ts';

/**
 * @param fill puts into the empty folder that it is given what `to` will hold, durably
 * @throws StorageFault FOLDER_NOT_EMPTY, EXPORT_UNDER_WAY, FOLDER_NOT_WRITABLE, STORAGE_FULL; what `fill` throws
 */
export async function makeWhole<T>(to: string, fill: (unfinished: string) => Promise<T>): Promise<T> {
  const target = resolve(to);
  const unfinished = join(dirname(target), `.${basename(target)}.exporting`);
  try {
    checkEmpty(target);
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    const unlock = lockedBy(`${unfinished}.lock`, to);
    try {
      rmSync(unfinished, { recursive: true, force: true });
      mkdirSync(unfinished, { mode: 0o700 });
      const filled = await fill(unfinished);
      syncFolder(unfinished);
      renameSync(unfinished, target);
      syncFolder(dirname(target));
      return filled;
    } finally {
      rmSync(unfinished, { recursive: true, force: true });
      rmSync(`${unfinished}.lock`, { force: true });
      unlock();
    }
  } catch (error) {
    throw explained(to, error);
  }
}

function checkEmpty(target: string): void {
  if (!existsSync(target) || readdirSync(target).length === 0) return;
  throw new StorageFault('FOLDER_NOT_EMPTY', `the folder ${target} is not empty: name another, or remove it`);
}

function lockedBy(path: string, to: string): () => void {
  try {
    return lockFile(path);
  } catch (fault) {
    if (!(fault instanceof StorageFault) || fault.code !== 'FOLDER_IN_USE') throw fault;
    throw new StorageFault('EXPORT_UNDER_WAY', `another export to ${to} is under way: wait for it, or name another`);
  }
}

function explained(to: string, error: unknown): unknown {
  if (hasCode(error, 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOENT', 'ENOTEMPTY')) {
    const text = `the folder ${to} cannot be written: give this user the right to, or name another with --to`;
    return new StorageFault('FOLDER_NOT_WRITABLE', text, { cause: error });
  }
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) {
    return new StorageFault('STORAGE_FULL', `the disk of ${to} has no space or no inodes left`, { cause: error });
  }
  return error;
}
