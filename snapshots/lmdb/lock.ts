/**
 * One engine per data folder. The lock is flock(2) on a file that this process holds open, taken by util-linux on an
 * inherited descriptor: it ends with the process, also by kill -9, and no stale pid or time can rob it.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { StorageFault } from '../../engine/ports.ts';

/** In the child; this process knows it under the number that `openSync` gave. */
const INHERITED_DESCRIPTOR = 3;

/** @returns what lets go of it. @throws StorageFault FOLDER_IN_USE, FLOCK_MISSING */
export function lockFile(path: string): () => void {
  const descriptor = openSync(path, 'a', 0o600);
  const taken = spawnSync('flock', ['--nonblock', String(INHERITED_DESCRIPTOR)], {
    stdio: ['ignore', 'ignore', 'ignore', descriptor],
  });
  if (taken.status === 0) return () => closeSync(descriptor);

  closeSync(descriptor);
  if (taken.error !== undefined) {
    throw new StorageFault('FLOCK_MISSING', 'the program flock cannot be run: install util-linux', {
      cause: taken.error,
    });
  }
  throw new StorageFault('FOLDER_IN_USE', `another engine works in this folder (it holds ${path}): stop it first`);
}
