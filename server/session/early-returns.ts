/**
 * How often a connection asked again before its time. Whatever was on its way when it was told to wait may still come;
 * whoever sends more than that does not listen, and is cut rather than refused for ever.
 */
import type { Class } from '../admission/index.ts';

interface Counted {
  readonly ticket: string;
  count: number;
}

export class EarlyReturns {
  readonly #onTheirWayMax: number;
  readonly #counted = new Map<Class, Counted>();

  constructor(onTheirWayMax: number) {
    this.#onTheirWayMax = onTheirWayMax;
  }

  /** One more on the same appointment. @returns false: more than can have been on their way */
  add(of: Class, ticket: string): boolean {
    const counted = this.#counted.get(of);
    if (counted?.ticket !== ticket) {
      this.#counted.set(of, { ticket, count: 0 });
      return true;
    }
    counted.count += 1;
    return counted.count <= this.#onTheirWayMax;
  }
}
