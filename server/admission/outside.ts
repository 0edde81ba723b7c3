/**
 * Those whose connection was cut since they did not wait for their turn: for a while they stay outside. What they open
 * meanwhile is refused when that is over, so that whoever comes again at once costs nothing but its socket.
 */
import { LIMITS } from '../../engine/index.ts';

export class Outside {
  /** In that order. */
  readonly #untilMs = new Map<string, number>();

  /** @param nowMs here and below: monotonic */
  add(subject: string, nowMs: number): void {
    this.#untilMs.delete(subject);
    this.#untilMs.set(subject, nowMs + LIMITS.outsideMs);
    for (const [other, untilMs] of this.#untilMs) {
      if (untilMs > nowMs && this.#untilMs.size <= LIMITS.outsideMax) return;
      this.#untilMs.delete(other);
    }
  }

  /** For how long still, in milliseconds; 0: it may come in. */
  waitMs(subject: string, nowMs: number): number {
    return Math.max(0, (this.#untilMs.get(subject) ?? 0) - nowMs);
  }
}
