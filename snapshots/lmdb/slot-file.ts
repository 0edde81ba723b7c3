/** The key file of one store: slots of 64 bytes, read and overwritten in place, never through LMDB (it keeps copies). */
import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SlotMedium } from '../media.ts';
import { SLOT_BYTES } from '../vault.ts';
import { syncFolder, writeFully } from './files.ts';

export async function openSlotFile(path: string): Promise<SlotFile> {
  const file = await open(path, 'a+', 0o600).then(async (created) => {
    await created.close();
    return open(path, 'r+');
  });
  await file.sync();
  syncFolder(dirname(path));
  const { size } = await file.stat();
  return new SlotFile(file, Math.ceil(size / SLOT_BYTES));
}

export class SlotFile implements SlotMedium {
  readonly #file: FileHandle;
  readonly #slotCount: number;

  constructor(file: FileHandle, slotCount: number) {
    this.#file = file;
    this.#slotCount = slotCount;
  }

  /** At opening. A slot that a power cut left half written counts: nothing refers to it, and it is not used again. */
  slotCount(): number {
    return this.#slotCount;
  }

  read(slot: number): Buffer {
    const bytes = Buffer.alloc(SLOT_BYTES);
    const count = readSync(this.#file.fd, bytes, 0, SLOT_BYTES, slot * SLOT_BYTES);
    return bytes.subarray(0, count);
  }

  async write(slot: number, bytes: Buffer): Promise<void> {
    await writeFully(this.#file, bytes, slot * SLOT_BYTES);
    await this.#file.datasync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
