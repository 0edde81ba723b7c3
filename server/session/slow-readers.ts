/**
 * Connections that have more to read than a push may add to. Whoever reads nothing for a while is cut, and finds the reason
 * behind what it has not read; and where all of them together hold too much memory, here or in the kernel, those that
 * read last the longest ago (fault 50).
 */
import { PUSH_UNREAD_BYTES_MAX, SLOW_READ_MS_MAX, UNREAD_BYTES_MAX_TOGETHER } from '../admission/index.ts';

/** How often `tick` wants to be called. */
export const SLOW_TICK_MS = 250;

export interface Reader {
  readonly unreadBytes: number;
  /** Of what it has read: while this grows, it reads. */
  readonly receiptCount: number;
  cutAsSlow(): void;
}

interface Standing {
  receiptCount: number;
  sinceMs: number;
}

export class SlowReaders {
  /** In the order of their last receipt. */
  readonly #standings = new Map<Reader, Standing>();

  /** Whoever was just sent something, and had not read what was there. */
  watch(reader: Reader, nowMs: number): void {
    if (!this.#standings.has(reader))
      this.#standings.set(reader, { receiptCount: reader.receiptCount, sinceMs: nowMs });
  }

  remove(reader: Reader): void {
    this.#standings.delete(reader);
  }

  /** @param nowMs monotonic */
  tick(nowMs: number): void {
    let bytes = 0;
    for (const [reader, standing] of [...this.#standings]) {
      const { unreadBytes, receiptCount } = reader;
      bytes += unreadBytes;
      if (receiptCount !== standing.receiptCount) {
        this.#standings.delete(reader); // To the end of the order, or out of it until it is behind again.
        if (unreadBytes >= PUSH_UNREAD_BYTES_MAX) this.#standings.set(reader, { receiptCount, sinceMs: nowMs });
      } else if (nowMs - standing.sinceMs >= SLOW_READ_MS_MAX) bytes -= this.#cut(reader);
    }
    for (const reader of this.#standings.keys()) {
      if (bytes <= UNREAD_BYTES_MAX_TOGETHER) return;
      bytes -= this.#cut(reader);
    }
  }

  #cut(reader: Reader): number {
    const { unreadBytes } = reader;
    this.#standings.delete(reader);
    reader.cutAsSlow();
    return unreadBytes;
  }
}
