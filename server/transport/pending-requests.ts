/** HTTP requests that wait for their answer, so that closing can let them finish. */
import { TransportFault } from './transport.ts';

export class PendingRequests {
  #count = 0;
  #whenNone: (() => void) | undefined;

  /**
   * Counts a request until its answer has been handed over. A peer that went away in mid-body is no error; anything
   * else that fails here is our mistake and stays unhandled: the process stops.
   */
  track(answer: Promise<void>): void {
    this.#count += 1;
    void answer.catch(ignoreAbort).finally(() => {
      this.#count -= 1;
      if (this.#count === 0) this.#whenNone?.();
    });
  }

  /** Resolves when all are answered and had a moment to leave, or after `graceMs`. */
  settled(graceMs: number): Promise<void> {
    return new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#whenNone = () => {
        clearTimeout(timer);
        setImmediate(resolve);
      };
      if (this.#count === 0) this.#whenNone();
    });
  }
}

function ignoreAbort(error: unknown): void {
  if (error instanceof TransportFault && error.code === 'BODY_ABORTED') return;
  throw error;
}
