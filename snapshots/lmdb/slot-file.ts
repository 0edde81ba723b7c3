/**
 * The key file of one store: slots of 64 bytes, read and overwritten in place, never through LMDB (it keeps copies).
 * Beside it a list of the slots whose keys were destroyed, which only grows: slot u32, CRC-32 of it.
 */
import { constants, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { StorageFault } from '../../engine/ports.ts';
import type { SlotMedium } from '../media.ts';
import { SLOT_BYTES } from '../vault.ts';
import { readFileIfThere, syncFolder, writeFully } from './files.ts';
import type { StorePaths } from './layout.ts';

const ERASED_BYTES = 8;

export async function openSlotFile({ slots: path, erased }: Pick<StorePaths, 'slots' | 'erased'>): Promise<SlotFile> {
  const file = await open(path, 'a+', 0o600).then(async (created) => {
    await created.close();
    return open(path, 'r+');
  });
  await file.sync();
  syncFolder(dirname(path));
  const { size } = await file.stat();
  return new SlotFile(file, Math.ceil(size / SLOT_BYTES), erased);
}

/** A copy that nobody writes to; it may lie on a disk that nobody can. */
export async function openSlotCopy(path: string): Promise<SlotFile> {
  const file = await open(path, 'r');
  const { size } = await file.stat();
  return new SlotFile(file, Math.ceil(size / SLOT_BYTES), '');
}

/** What the list says; nothing where there is none. @throws StorageFault KEYS_DAMAGED */
export function readErased(path: string): readonly number[] {
  const bytes = readFileIfThere(path) ?? Buffer.alloc(0);
  const slots: number[] = [];
  // What a power cut left of the last line was never acknowledged.
  for (let at = 0; at + ERASED_BYTES <= bytes.length; at += ERASED_BYTES) {
    const slot = bytes.subarray(at, at + 4);
    if (crc32(slot) !== bytes.readUInt32LE(at + 4)) {
      if (bytes.readBigUInt64LE(at) === 0n) break;
      throw new StorageFault('KEYS_DAMAGED', `${path} is damaged: take the list of the data folder or of its backup`);
    }
    slots.push(slot.readUInt32LE(0));
  }
  return slots;
}

/** Adds to the list. Durable when resolved. */
export async function addErased(path: string, slots: readonly number[]): Promise<void> {
  const position = readErased(path).length * ERASED_BYTES;
  const bytes = Buffer.alloc(slots.length * ERASED_BYTES);
  for (const [index, slot] of slots.entries()) {
    bytes.writeUInt32LE(slot, index * ERASED_BYTES);
    bytes.writeUInt32LE(
      crc32(bytes.subarray(index * ERASED_BYTES, index * ERASED_BYTES + 4)),
      index * ERASED_BYTES + 4,
    );
  }
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    await writeFully(file, bytes, position);
    await file.sync();
  } finally {
    await file.close();
  }
  syncFolder(dirname(path));
}

export class SlotFile implements SlotMedium {
  readonly #file: FileHandle;
  readonly #slotCount: number;
  readonly #erasedPath: string;

  constructor(file: FileHandle, slotCount: number, erasedPath: string) {
    this.#file = file;
    this.#slotCount = slotCount;
    this.#erasedPath = erasedPath;
  }

  /** At opening. A slot that a power cut left half written counts: nothing refers to it, and it is not used again. */
  slotCount(): number {
    return this.#slotCount;
  }

  read(slot: number): Buffer {
    const bytes = Buffer.allocUnsafe(SLOT_BYTES);
    const count = readSync(this.#file.fd, bytes, 0, SLOT_BYTES, slot * SLOT_BYTES);
    return bytes.subarray(0, count);
  }

  async write(slot: number, bytes: Buffer): Promise<void> {
    await writeFully(this.#file, bytes, slot * SLOT_BYTES);
    await this.#file.datasync();
  }

  noteErased(slot: number): Promise<void> {
    return addErased(this.#erasedPath, [slot]);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
