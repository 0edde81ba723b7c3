/** Plain files that survive a power cut: written beside, synced, renamed, and the folder synced too. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

const UNFINISHED = '.tmp';

function unfinishedPath(path: string): string {
  return path + UNFINISHED;
}

export function isUnfinished(name: string): boolean {
  return name.endsWith(UNFINISHED);
}

/** The file is there whole, or as it was before. */
export function writeFileDurably(path: string, bytes: Uint8Array | string, mode = 0o600): void {
  const descriptor = openSync(unfinishedPath(path), 'w', mode);
  try {
    writeFileSync(descriptor, bytes);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(unfinishedPath(path), path);
  syncFolder(dirname(path));
}

/** The same without blocking: `write` fills the file. */
export async function createFileDurably(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(unfinishedPath(path), 'w', 0o600);
  try {
    await write(file);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinishedPath(path), path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** There, and by a durable name: also when who made it was killed before it could sync. */
export function makeFolderDurably(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  syncFolder(dirname(path));
}

/** A new folder with what `fill` puts into it, or none: `fill` makes that durable, under the path that it is given. */
export function createFolderDurably<T>(path: string, fill: (unfinished: string) => T): T {
  rmSync(unfinishedPath(path), { recursive: true, force: true });
  mkdirSync(unfinishedPath(path), { recursive: true, mode: 0o700 });
  const filled = fill(unfinishedPath(path));
  syncFolder(unfinishedPath(path));
  renameSync(unfinishedPath(path), path);
  syncFolder(dirname(path));
  return filled;
}

/** A new name in a folder is only durable once the folder is. */
export function syncFolder(path: string): void {
  syncFile(path);
}

export function syncFile(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Null = no such file. */
export function readFileIfThere(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** All of `bytes`, however often the system stops in between. */
export async function writeFully(file: FileHandle, bytes: Uint8Array, position: number | null): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const at = position === null ? null : position + written;
    written += (await file.write(bytes, written, bytes.length - written, at)).bytesWritten;
  }
}
