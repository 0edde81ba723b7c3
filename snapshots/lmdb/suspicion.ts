/**
 * After a flush that failed, the system takes pages for written that the disk may not have, and the disk may have what
 * the system no longer shows: a last commit of LMDB that was taken back, say. The next commit overwrites the pages of that
 * one, and a power cut in the midst of it leaves a tree out of both. So whoever is stopped by a failure leaves a mark, and
 * the next start first writes the files once more, as the system shows them, and reads everything.
 *
 * The mark is not synced: it is for who starts under the same system. After a power cut there is only the disk.
 */
import { closeSync, existsSync, fsyncSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { StorageFault } from '../../engine/ports.ts';

const PIECE_BYTES = 1_048_576;

export class Suspicion {
  readonly #path: string;
  /** Whether there was a mark when it was opened. */
  readonly isRaised: boolean;

  constructor(path: string) {
    this.#path = path;
    this.isRaised = existsSync(path);
  }

  /** On a disk that takes nothing any more there is no mark: then the next start fails by itself. */
  raise(fault: Error): void {
    try {
      writeFileSync(this.#path, `${fault.message}\n`, { mode: 0o600 });
    } catch {}
  }

  /** In place: a full disk has room for that. @throws StorageFault STORE_DAMAGED when that fails, too */
  rewrite(paths: readonly string[]): void {
    for (const path of paths) {
      try {
        if (existsSync(path)) rewriteFile(path);
      } catch (cause) {
        const text = `${path} could not be flushed and cannot be written again: put the folder on a sound disk`;
        throw new StorageFault('STORE_DAMAGED', text, { cause });
      }
    }
  }

  /** Everything was read and is sound. */
  settle(): void {
    rmSync(this.#path, { force: true });
  }
}

function rewriteFile(path: string): void {
  const descriptor = openSync(path, 'r+');
  try {
    const piece = Buffer.alloc(PIECE_BYTES);
    for (let at = 0; ; ) {
      const read = readSync(descriptor, piece, 0, PIECE_BYTES, at);
      if (read === 0) break;
      at += writeSync(descriptor, piece, 0, read, at);
    }
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
