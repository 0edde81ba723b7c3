/**
 * What of all that was sent has been read. A kernel takes megabytes for a peer that does not read, and shows no web server
 * how much is left: so a ping follows what was sent, with a mark that only its reader knows, and comes back as a pong when
 * everything before it has been read. Every WebSocket client answers pings by itself (RFC 6455, 5.5.2).
 */
import { randomFillSync } from 'node:crypto';

/** A receipt is asked for when so much has none: some forty answers, so that it costs next to nothing. */
export const RECEIPT_BYTES = 4_096;
const MARK_BYTES = 4;

export class Receipts {
  #unreadBytes = 0;
  /** What the receipt that is asked for will be for; zero: none is. */
  #askedBytes = 0;
  #mark = 0;
  #count = 0;

  get unreadBytes(): number {
    return this.#unreadBytes;
  }
  /** How many there were. */
  get count(): number {
    return this.#count;
  }

  sent(bytes: number): void {
    this.#unreadBytes += bytes;
  }

  /** The payload of the ping that should follow now; undefined: none. */
  ask(): Uint8Array | undefined {
    if (this.#askedBytes > 0 || this.#unreadBytes < RECEIPT_BYTES) return undefined;
    this.#askedBytes = this.#unreadBytes;
    const mark = MARKS.next();
    this.#mark = mark.readInt32LE();
    return mark;
  }

  /** Other pongs say nothing: they answer the pings that keep a connection alive, or nobody. */
  ponged(payload: Uint8Array): void {
    if (this.#askedBytes === 0 || payload.length !== MARK_BYTES) return;
    if (Buffer.from(payload.buffer, payload.byteOffset, MARK_BYTES).readInt32LE() !== this.#mark) return;
    this.#unreadBytes -= this.#askedBytes;
    this.#askedBytes = 0;
    this.#count += 1;
  }
}

/** Not to be guessed: whoever could would seem to read. */
class Marks {
  readonly #bytes = Buffer.alloc(1_024 * MARK_BYTES);
  #at = this.#bytes.length;

  next(): Buffer {
    if (this.#at === this.#bytes.length) {
      randomFillSync(this.#bytes);
      this.#at = 0;
    }
    this.#at += MARK_BYTES;
    return Buffer.from(this.#bytes.subarray(this.#at - MARK_BYTES, this.#at));
  }
}

const MARKS = new Marks();
