/** The databases of a server that runs, as any other process sees them. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { roomOf } from '../../snapshots/lmdb/environment.ts';

const PARTS = ['journal', 'rows'] as const;

/** How long readers keep what they see: as far as who looks now and then can tell. */
export class ReaderAges {
  readonly #data: string;
  #sinceMs = new Map<string, number>();

  constructor(data: string) {
    this.#data = data;
  }

  /** @returns of the oldest snapshot that was there at the last look too, in milliseconds */
  async look(nowMs: number): Promise<number> {
    const sinceMs = new Map<string, number>();
    for (const path of pathsOf(this.#data, PARTS)) {
      for (const seat of await looking(path, seatsOf)) {
        const key = `${path} ${seat}`;
        sinceMs.set(key, this.#sinceMs.get(key) ?? nowMs);
      }
    }
    this.#sinceMs = sinceMs;
    return nowMs - Math.min(nowMs, ...sinceMs.values());
  }
}

/** Of all files of rows together. @returns of what is in them */
export async function rowsGrowth(data: string): Promise<number> {
  const sum = { fileBytes: 0, liveBytes: 0 };
  for (const path of pathsOf(data, ['rows'])) {
    const { fileBytes, liveBytes } = await looking(path, roomOf);
    sum.fileBytes += fileBytes;
    sum.liveBytes += liveBytes;
  }
  return sum.fileBytes / sum.liveBytes;
}

function pathsOf(data: string, parts: readonly string[]): readonly string[] {
  const stores = readdirSync(data).filter((name) => name.startsWith('store-'));
  return stores.flatMap((store) => parts.map((part) => join(data, store, part))).filter((path) => existsSync(path));
}

async function looking<T>(path: string, look: (database: RootDatabase<Buffer, Buffer>) => T): Promise<T> {
  const options = { path, noSubdir: false, readOnly: true, encoding: 'binary', keyEncoding: 'binary' } as const;
  const database = open<Buffer, Buffer>(options);
  try {
    return look(database);
  } finally {
    await database.close();
  }
}

/** Process, thread and transaction of each reader; one that rests has no transaction. */
function seatsOf(database: RootDatabase): readonly string[] {
  const lines = database.readerList().split('\n').slice(1);
  return lines.map((line) => line.trim()).filter((line) => /\d$/.test(line));
}
