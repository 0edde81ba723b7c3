/**
 * Letters as lines of JSON in a file a day, for whoever carries them on. They name people: the folder is nobody else's.
 * What is delivered is on disk. A line that a death cut short was not delivered: the next letter takes its place.
 */
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, LIMITS, romeText } from '../../engine/index.ts';
import type { Letter } from './letter.ts';
import type { Delivery, NoticeSink } from './sink.ts';

export interface FileSinkOptions {
  readonly folder: string;
  /** By whose days, as Rome counts them, files are begun. */
  readonly clock: Clock;
}

/** Longer than any letter. */
const TAIL_BYTES = 65_536;
const NEW_LINE = 0x0a;
const DELIVERED: Delivery = { kind: 'delivered' };

export class FileSink implements NoticeSink {
  /** They share a flush. */
  readonly atOnceMax = LIMITS.noticesPageMax;
  readonly #options: FileSinkOptions;
  #open: { readonly name: string; readonly file: FileHandle } | null = null;

  constructor(options: FileSinkOptions) {
    this.#options = options;
  }

  /** Rejects where the disk fails: nobody knows how much of it is there, and the next try makes good what it left. */
  async deliver(letters: readonly Letter[]): Promise<readonly Delivery[]> {
    const file = await this.#fileOfToday();
    try {
      await file.appendFile(letters.map((letter) => `${JSON.stringify(letter)}\n`).join(''));
      await file.sync();
    } catch (fault) {
      await this.close();
      throw fault;
    }
    return letters.map(() => DELIVERED);
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    await open?.file.close();
  }

  async #fileOfToday(): Promise<FileHandle> {
    const { folder, clock } = this.#options;
    const name = `notices.${romeText(clock.nowMs()).slice(0, 10)}.jsonl`;
    if (this.#open?.name === name) return this.#open.file;
    await this.close();
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = await open(join(folder, name), 'a+', 0o600);
    this.#open = { name, file };
    await endAtLine(file);
    await syncFolder(folder);
    return file;
  }
}

async function endAtLine(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  const start = Math.max(0, size - TAIL_BYTES);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
  const end = start + buffer.subarray(0, bytesRead).lastIndexOf(NEW_LINE) + 1;
  if (end < size) await file.truncate(end);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
