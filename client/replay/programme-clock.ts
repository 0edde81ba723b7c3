/** The server's clock, moved from here. Between two moves it runs by itself, at real speed. */

import { romeMoment } from '../rome.ts';
import { askHttp, type HttpOptions } from '../sdk/index.ts';

/** The server does not let its clock be moved to where the replay needs it. */
class ClockFault extends Error {
  readonly code = 'CLOCK_REFUSED';
}

export class ProgrammeClock {
  readonly #http: HttpOptions;
  #setMs = 0;
  #setAtMs = 0;

  constructor(http: HttpOptions) {
    this.#http = http;
  }

  nowMs(): number {
    return this.#setMs + (performance.now() - this.#setAtMs);
  }

  /** @throws ClockFault that says how to start a server that can be moved there */
  async set(ms: number): Promise<void> {
    const body = JSON.stringify({ now: new Date(ms).toISOString() });
    const answer = await askHttp(this.#http, { method: 'POST', path: '/admin/clock', body });
    if (answer.status !== 200) {
      throw new ClockFault(
        `the server's clock cannot be set to ${romeMoment(ms)} (${answer.text.slice(0, 200)}): ` +
          'start it with an empty folder and --now 2020-12-07T00:00:00+01:00',
      );
    }
    this.#setMs = ms;
    this.#setAtMs = performance.now();
  }

  /** Moves the clock to `target()` again and again, one move at a time; the result stops it. */
  follow(target: () => number, everyMs: number): () => Promise<void> {
    let isStopped = false;
    const running = (async () => {
      while (!isStopped) {
        if (target() > this.nowMs()) await this.set(target());
        await new Promise((resolve) => setTimeout(resolve, everyMs));
      }
    })();
    // Looked at only when stopped: a refusal must not end the process meanwhile.
    running.catch(() => {});
    return async () => {
      isStopped = true;
      await running;
    };
  }
}
