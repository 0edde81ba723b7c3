/** The body of an HTTP request on its way from a socket that pushes to a handler that pulls. */
import { TransportFault } from './transport.ts';

/** Above this the sender is stopped until the handler has caught up: a slow disk must not fill the memory. */
const WAITING_BYTES_MAX = 262_144;

/**
 * Of uWebSockets.js. Whom it resumes it gives ten seconds to send more, and cuts the connection after them also where all had
 * come: so nobody is resumed behind the last chunk before there is an answer, however long that takes.
 */
export interface Throttle {
  pause(): void;
  resume(): void;
}

export class BodyQueue implements AsyncIterable<Uint8Array> {
  readonly #throttle: Throttle;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #state: 'open' | 'ended' | 'aborted' | 'unwanted' = 'open';
  #isPaused = false;
  #wake: (() => void) | undefined;

  constructor(throttle: Throttle) {
    this.#throttle = throttle;
  }

  /** Takes a chunk that nobody else will change; the last one holds up nobody. */
  push(chunk: Uint8Array, isLast: boolean): void {
    if (this.#state !== 'open') return;
    if (chunk.length > 0) this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (isLast) this.#state = 'ended';
    else if (this.#waitingBytes > WAITING_BYTES_MAX && !this.#isPaused) {
      this.#isPaused = true;
      this.#throttle.pause();
    }
    this.#wake?.();
  }

  /** The peer has gone: the reader gets BODY_ABORTED, and the throttle is never touched again. */
  abort(): void {
    if (this.#state === 'ended') return;
    this.#state = 'aborted';
    this.#isPaused = false;
    this.#wake?.();
  }

  /** The answer leaves before the body is read: what still comes is dropped, and the sender is not held up. */
  drop(): void {
    if (this.#state === 'open') this.#state = 'unwanted';
    this.#waiting.length = 0;
    this.#resume();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      if (this.#state === 'aborted') throw new TransportFault('BODY_ABORTED', 'the peer went away during its request');
      const chunk = this.#waiting.shift();
      if (chunk !== undefined) {
        this.#waitingBytes -= chunk.length;
        if (this.#waiting.length === 0 && this.#state === 'open') this.#resume();
        yield chunk;
        continue;
      }
      if (this.#state !== 'open') return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#throttle.resume();
  }
}
