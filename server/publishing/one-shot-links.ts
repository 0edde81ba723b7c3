/** Addresses that can be used once and for a short while, by whoever has them: downloads without a token. */
import { randomBytes } from 'node:crypto';

const LIFE_MS = 600_000;
/** More are not open at once: the oldest go. */
const COUNT_MAX = 1_000;

export class OneShotLinks<T> {
  readonly #open = new Map<string, { readonly value: T; readonly endMs: number }>();
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** @returns what stands at the end of the address */
  create(value: T): string {
    const name = randomBytes(24).toString('base64url');
    this.#open.set(name, { value, endMs: this.#monotonicMs() + LIFE_MS });
    for (const [oldest] of this.#open) {
      if (this.#open.size <= COUNT_MAX) break;
      this.#open.delete(oldest);
    }
    return name;
  }

  /** Null: there is none, or no longer. */
  take(name: string): T | null {
    const link = this.#open.get(name);
    this.#open.delete(name);
    return link === undefined || link.endMs < this.#monotonicMs() ? null : link.value;
  }
}
