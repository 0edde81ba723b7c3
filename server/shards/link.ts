/**
 * One side of the two rings between two threads. Messages said within one round of a thread's loop travel as one
 * batch, and a batch wakes the other side once, if it rests at all.
 *
 *   batch   count u32, then as many messages
 *
 * What does not fit into the ring waits here, in order: nothing that was said is dropped. How much that can be is for
 * those to limit who start conversations (LIMITS.changesInFlightMax, readsInFlightMax).
 */
import type { MessagePort } from 'node:worker_threads';
import { LIMITS } from '../../engine/index.ts';
import { ByteReader, ByteWriter } from '../../snapshots/index.ts';
import { RingReader, RingWriter } from './ring.ts';

const COUNT_BYTES = 4;

/** For a duration on one thread, after each message: the clock that all threads share makes a bigint of each look. */
const threadMs = () => performance.now();

export interface LinkOptions {
  /** Carries nothing but the wake. Keeps its thread alive until `close`. */
  readonly port: MessagePort;
  readonly outgoing: SharedArrayBuffer;
  readonly incoming: SharedArrayBuffer;
  /** Runs a task when what belongs into one batch has been said. */
  readonly soon: (task: () => void) => void;
  /** Runs a task after whatever else this thread has to do; default `setImmediate`. */
  readonly later?: (task: () => void) => void;
  /** Default: this thread's. */
  readonly monotonicMs?: () => number;
  /** Takes exactly one message. */
  readonly receive: (from: ByteReader) => void;
  /** Nothing that is said here arrives before what was said there. */
  readonly behind?: Link | undefined;
  /** Links of which all that has arrived is taken first, so that nothing here is answered without it. */
  readonly after?: readonly Link[] | undefined;
  /** The other side rang: there may be more for it here than messages. */
  readonly rung?: (() => void) | undefined;
  /** One message has been dealt with: whoever has many to take is busy, not stuck. */
  readonly taken?: (() => void) | undefined;
  /** There was no room, and now there is. */
  readonly drained?: (() => void) | undefined;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #writer: RingWriter;
  readonly #reader: RingReader;
  readonly #batch = new ByteWriter(2 * LIMITS.ringBatchBytes);
  #count = 0;
  /** Batches for which the ring had no room. */
  readonly #waiting: Uint8Array[] = [];
  /** Those that say nothing before this one has. */
  readonly #followers: Link[] = [];
  /** The batch that is being taken, and how many of its messages are left. */
  #from: ByteReader | null = null;
  #left = 0;
  #isSendingSoon = false;
  #isReadingSoon = false;

  constructor(options: LinkOptions) {
    const { port, outgoing, incoming } = options;
    const wake = () => port.postMessage(null);
    this.#options = options;
    if (options.behind !== undefined) options.behind.#followers.push(this);
    this.#writer = new RingWriter(outgoing, wake);
    this.#reader = new RingReader(incoming, wake);
    this.#startBatch();
    port.on('message', () => {
      options.rung?.();
      this.#sendWaiting();
      this.#read();
    });
    // What was written before this side was there found nobody at rest.
    this.#readSoon();
  }

  /** True while the other side does not keep up: what is said now would wait here. */
  get isFull(): boolean {
    return this.#waiting.length > 0;
  }

  /** Takes the bytes of one message, which the caller writes before it calls anything else. */
  say(): ByteWriter {
    if (this.#batch.length >= LIMITS.ringBatchBytes) this.#send();
    this.#count += 1;
    if (!this.#isSendingSoon) {
      this.#isSendingSoon = true;
      this.#options.soon(this.#sendNow);
    }
    return this.#batch;
  }

  /** Takes all that has arrived, at once. */
  drain(): void {
    const { end } = this.#reader;
    while (this.#hasBefore(end)) {
      this.#open();
      this.#take();
    }
  }

  /** Sends what was said and takes what has arrived, now. */
  exchange(): void {
    this.#send();
    this.#sendWaiting();
    this.#read();
  }

  /** Wakes the other side, whatever it does. */
  ring(): void {
    this.#options.port.postMessage(null);
  }

  /** Sends what was said, and lets go of the thread. */
  close(): void {
    this.#send();
    this.#options.port.close();
  }

  readonly #sendNow = () => {
    this.#isSendingSoon = false;
    this.#send();
  };

  #startBatch(): void {
    this.#batch.reset();
    this.#batch.skip(COUNT_BYTES);
    this.#count = 0;
  }

  #send(): void {
    if (this.#count === 0) return;
    const { behind } = this.#options;
    if (behind !== undefined) behind.#send();
    const batch = this.#batch.view();
    batch.writeUInt32LE(this.#count, 0);
    const mustWait = this.isFull || behind?.isFull === true;
    if (mustWait || !this.#writer.write(batch)) this.#waiting.push(this.#batch.copy());
    this.#startBatch();
  }

  #sendWaiting(): void {
    if (!this.isFull || this.#options.behind?.isFull === true) return;
    let sent = 0;
    while (sent < this.#waiting.length && this.#writer.write(this.#waiting[sent]!)) sent += 1;
    this.#waiting.splice(0, sent);
    if (this.isFull) return;
    for (const follower of this.#followers) follower.#sendWaiting();
    this.#options.drained?.();
  }

  /**
   * What has arrived by now, at most as much as a turn takes and for LIMITS.takeMsMax; the rest after whatever else this thread
   * has to do. Without an end, messages that come as fast as they are taken would keep it from its turns.
   */
  #read(): void {
    const { monotonicMs = threadMs } = this.#options;
    const { end } = this.#reader;
    const untilMs = monotonicMs() + LIMITS.takeMsMax;
    for (let taken = 1; this.#open(); taken += 1) {
      this.#take();
      const isOver = taken >= LIMITS.batchCountMax || monotonicMs() >= untilMs || !this.#hasBefore(end);
      // Only a reader that finds nothing is woken again.
      if (isOver && this.#hasBefore(this.#reader.end)) return this.#readSoon();
    }
  }

  #hasBefore(end: number): boolean {
    return this.#left > 0 || this.#reader.isBefore(end);
  }

  #readSoon(): void {
    if (this.#isReadingSoon) return;
    this.#isReadingSoon = true;
    const { later = setImmediate } = this.#options;
    later(() => {
      this.#isReadingSoon = false;
      this.#read();
    });
  }

  /** @returns whether there is a message to be taken */
  #open(): boolean {
    if (this.#left > 0) return true;
    const batch = this.#reader.next();
    if (batch === null) return false;
    if (this.#options.after !== undefined) for (const link of this.#options.after) link.drain();
    this.#left = Buffer.from(batch.buffer, batch.byteOffset, COUNT_BYTES).readUInt32LE(0);
    this.#from = new ByteReader(batch, COUNT_BYTES);
    return true;
  }

  #take(): void {
    const from = this.#from!;
    this.#left -= 1;
    this.#options.receive(from);
    this.#options.taken?.();
    if (this.#left === 0) from.finish();
  }
}
