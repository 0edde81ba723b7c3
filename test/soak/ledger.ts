/**
 * What was promised, in the order in which it was, on disk: an hour makes millions of promises. Records of one width, in a
 * file that only this process reads.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { SeededRandom } from '../../client/replay/random.ts';

const PENDING_COUNT_MAX = 4_096;

export interface Entry {
  /** Of the request, from 1: what it asked for follows from that. */
  readonly number: number;
  readonly citizen: number;
  /** What it asked for, below 256. */
  readonly kind: number;
  /** Of the answer; or whatever else is to be remembered, as an integer below 2^48. */
  readonly digest: number;
}

const ENTRY_BYTES = 16;

export class Ledger {
  readonly #file: number;
  #pending = Buffer.alloc(PENDING_COUNT_MAX * ENTRY_BYTES);
  #pendingCount = 0;
  #written = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w+');
  }

  get count(): number {
    return this.#written + this.#pendingCount;
  }

  add({ number, citizen, kind, digest }: Entry): void {
    const at = this.#pendingCount * ENTRY_BYTES;
    this.#pending.writeUInt32LE(number, at);
    this.#pending.writeUInt32LE(citizen, at + 4);
    this.#pending.writeUIntLE(digest, at + 8, 6);
    this.#pending.writeUInt8(kind, at + 14);
    this.#pendingCount += 1;
    if (this.#pendingCount === PENDING_COUNT_MAX) this.#flush();
  }

  /** The newest ones, and some of those before them. */
  some(newestCount: number, olderCount: number, random: SeededRandom): readonly Entry[] {
    this.#flush();
    const first = Math.max(0, this.count - newestCount);
    const newest = Array.from({ length: this.count - first }, (_, at) => this.#read(first + at));
    const older = Array.from({ length: Math.min(olderCount, first) }, () => this.#read(random.below(first)));
    return [...newest, ...older];
  }

  close(): void {
    closeSync(this.#file);
  }

  #read(at: number): Entry {
    const bytes = Buffer.alloc(ENTRY_BYTES);
    readSync(this.#file, bytes, 0, ENTRY_BYTES, at * ENTRY_BYTES);
    const [number, citizen] = [bytes.readUInt32LE(0), bytes.readUInt32LE(4)];
    return { number, citizen, kind: bytes.readUInt8(14), digest: bytes.readUIntLE(8, 6) };
  }

  #flush(): void {
    writeSync(this.#file, this.#pending, 0, this.#pendingCount * ENTRY_BYTES, this.#written * ENTRY_BYTES);
    this.#written += this.#pendingCount;
    this.#pendingCount = 0;
  }
}

export function digestOf(answer: unknown): number {
  return crc32(JSON.stringify(answer));
}
