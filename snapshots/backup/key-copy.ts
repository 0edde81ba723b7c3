/**
 * Copies of a data folder's keys, in a folder of their own. A slot is written once, so what is new follows what is
 * there; only erasure overwrites, here as there: in place, so that no copy of the key stays.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { StorageFault } from '../../engine/ports.ts';
import { readFileIfThere, writeFileDurably, writeFully } from '../lmdb/files.ts';
import { keysFolder } from '../lmdb/folder.ts';
import { storePaths } from '../lmdb/layout.ts';
import { addErased, readErased } from '../lmdb/slot-file.ts';
import { SLOT_BYTES } from '../vault.ts';
import { backupStorePaths, indexPath, keyPaths, masterPath } from './layout.ts';
import type { BackupSource, StorePosition } from './source.ts';

const PIECE_BYTES = 1_048_576;

export interface KeyCopyOptions {
  readonly source: BackupSource;
  /** Of the backup, which keeps the list of erasures too. */
  readonly folder: string;
  /** Of the copied keys. */
  readonly keys: string;
}

export class KeyCopy {
  readonly #options: KeyCopyOptions;
  /** By store: slots that are known to be here, as they were there when they were written; -1 = nothing is known. */
  readonly #known: number[];
  /** By store: how much of the list of erasures was done here. */
  readonly #erased: number[];
  #isFolderKnown = false;

  constructor(options: KeyCopyOptions) {
    this.#options = options;
    const { shardCount } = options.source.manifest;
    this.#known = new Array<number>(shardCount).fill(-1);
    this.#erased = new Array<number>(shardCount).fill(0);
  }

  /** Durable when resolved: all keys that records need up to `positions`, and all erasures so far. */
  async bring(positions: readonly StorePosition[]): Promise<void> {
    if (!this.#isFolderKnown) this.#copyFolderKeys();
    for (const [index, { slotCount }] of positions.entries()) {
      await this.#copySlots(index, slotCount);
      await this.#erase(index);
    }
  }

  #copyFolderKeys(): void {
    const { source, keys } = this.#options;
    const folder = keysFolder(source.folder);
    for (const path of [masterPath, indexPath]) {
      const bytes = readFileIfThere(path(folder));
      if (bytes === null)
        throw new StorageFault('KEY_MISMATCH', `${path(folder)} is missing: there is nothing to copy`);
      if (readFileIfThere(path(keys))?.equals(bytes) !== true) writeFileDurably(path(keys), bytes);
    }
    this.#isFolderKnown = true;
  }

  async #copySlots(index: number, slotCount: number): Promise<void> {
    if (this.#known[index]! >= slotCount) return;
    const { source, keys } = this.#options;
    const from = await open(storePaths(source.folder, index).slots, 'r');
    try {
      const to = await open(keyPaths(keys, index).slots, constants.O_RDWR | constants.O_CREAT, 0o600);
      try {
        await copyDifferences(from, to, Math.max(0, this.#known[index]!) * SLOT_BYTES, slotCount * SLOT_BYTES);
        await to.sync();
      } finally {
        await to.close();
      }
    } finally {
      await from.close();
    }
    this.#known[index] = slotCount;
  }

  async #erase(index: number): Promise<void> {
    const { source, folder, keys } = this.#options;
    const erased = readErased(storePaths(source.folder, index).erased).slice(this.#erased[index]!);
    if (erased.length === 0) return;
    await noteErased(backupStorePaths(folder, index).erased, erased);
    await noteErased(keyPaths(keys, index).erased, erased);
    await eraseSlots(keyPaths(keys, index).slots, erased);
    this.#erased[index]! += erased.length;
  }
}

/** Adds to a list what is not in it. */
export async function noteErased(path: string, slots: readonly number[]): Promise<void> {
  const known = new Set(readErased(path));
  const missing = slots.filter((slot) => !known.has(slot));
  if (missing.length > 0) await addErased(path, missing);
}

/** Overwrites keys in place. Durable when resolved. */
export async function eraseSlots(path: string, slots: readonly number[]): Promise<void> {
  const file = await open(path, 'r+');
  try {
    for (const slot of slots) await writeFully(file, randomBytes(SLOT_BYTES), slot * SLOT_BYTES);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function copyDifferences(from: FileHandle, to: FileHandle, first: number, end: number): Promise<void> {
  const [wanted, there] = [Buffer.alloc(PIECE_BYTES), Buffer.alloc(PIECE_BYTES)];
  for (let at = first; at < end; at += PIECE_BYTES) {
    const length = Math.min(PIECE_BYTES, end - at);
    const { bytesRead } = await from.read(wanted, 0, length, at);
    if (bytesRead < length) throw new StorageFault('KEYS_DAMAGED', 'the file of keys is shorter than it was');
    await to.read(there, 0, length, at);
    if (wanted.compare(there, 0, length, 0, length) === 0) continue;
    await writeFully(to, wanted.subarray(0, length), at);
  }
}
