/**
 * Copies of a data folder's keys, in a folder of their own. A slot is written once, so what is new follows what is
 * there; only erasure overwrites, here as there: in place, so that no copy of the key stays.
 */

import { randomBytes } from 'node:crypto';
import { constants, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { StorageFault } from '../../engine/ports.ts';
import { FailStop } from '../fail-stop.ts';
import { KeyedHash } from '../keys.ts';
import { hasCode, readFileIfThere, writeFileDurably, writeFully } from '../lmdb/files.ts';
import { allPlacesOf, keysFolder, type Manifest, readKeys } from '../lmdb/folder.ts';
import { storePaths } from '../lmdb/layout.ts';
import { addErased, openSlotCopy, readErased, type SlotFile } from '../lmdb/slot-file.ts';
import { type StorePlace, storeName } from '../store-place.ts';
import { MediumVault, SLOT_BYTES } from '../vault.ts';
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
  /** By store, those of the past first: slots that are known to be here, as they were there when they were written; -1 = nothing is known. */
  readonly #known: number[];
  /** By store: how much of the list of erasures was done here. */
  readonly #erased: number[];
  readonly #places: readonly StorePlace[];
  #isFolderKnown = false;

  constructor(options: KeyCopyOptions) {
    this.#options = options;
    const { manifest } = options.source;
    this.#places = allPlacesOf(manifest);
    this.#known = this.#places.map(() => -1);
    this.#erased = this.#places.map(() => 0);
  }

  /** Durable when resolved: all keys that records need up to `positions`, and all erasures so far. */
  async bring(positions: readonly StorePosition[]): Promise<void> {
    if (!this.#isFolderKnown) this.#copyFolderKeys();
    const pastCount = this.#places.length - positions.length;
    for (const [number, place] of this.#places.entries()) {
      await this.#copySlots(number, positions[number - pastCount]?.slotCount ?? this.#slotCount(place));
      await this.#erase(number);
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

  /** Of a store that is past: there are no more. */
  #slotCount(place: StorePlace): number {
    return Math.floor(statSync(storePaths(this.#options.source.folder, place).slots).size / SLOT_BYTES);
  }

  async #copySlots(number: number, slotCount: number): Promise<void> {
    const [known, place] = [this.#known[number]!, this.#places[number]!];
    if (known >= slotCount) return;
    const { source, keys } = this.#options;
    const from = await open(storePaths(source.folder, place).slots, 'r');
    try {
      const to = await open(keyPaths(keys, place).slots, constants.O_RDWR | constants.O_CREAT, 0o600);
      try {
        await copyDifferences(from, to, Math.max(0, known) * SLOT_BYTES, slotCount * SLOT_BYTES);
        await to.sync();
      } finally {
        await to.close();
      }
    } finally {
      await from.close();
    }
    this.#known[number] = slotCount;
  }

  async #erase(number: number): Promise<void> {
    const { source, folder, keys } = this.#options;
    const place = this.#places[number]!;
    const erased = readErased(storePaths(source.folder, place).erased).slice(this.#erased[number]!);
    if (erased.length === 0) return;
    await noteErased(backupStorePaths(folder, place).erased, erased);
    await noteErased(keyPaths(keys, place).erased, erased);
    await eraseSlots(keyPaths(keys, place).slots, erased);
    this.#erased[number]! += erased.length;
  }
}

export interface KeyCopies {
  /** By store, those of the past first: each opens what it sealed, and what was sealed before. */
  readonly vaults: readonly MediumVault[];
  close(): Promise<void>;
}

/** Copied keys, to read what they seal. @throws StorageFault KEY_MISMATCH, KEYS_DAMAGED */
export async function openKeyCopies(folder: string, manifest: Manifest): Promise<KeyCopies> {
  const { master, index: indexKey } = readKeys(folder, manifest.folderId);
  const media = new Map<string, SlotFile>();
  const close = async () => {
    for (const medium of media.values()) await medium.close();
  };
  const places = allPlacesOf(manifest);
  try {
    for (const place of places) {
      media.set(storeName(place), await openSlotCopy(keyPaths(folder, place).slots));
    }
  } catch (error) {
    await close();
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new StorageFault('KEYS_DAMAGED', `${folder} lacks keys of a store: take another copy`, { cause: error });
  }
  const vaultOf = (place: StorePlace) =>
    new MediumVault({
      medium: media.get(storeName(place))!,
      master,
      keyedHash: new KeyedHash(indexKey),
      place,
      pastSlots: (of) => media.get(storeName(of)),
      failStop: new FailStop(),
      keysMax: 1,
    });
  return { vaults: places.map(vaultOf), close };
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
