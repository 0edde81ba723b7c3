/**
 * Connections of those who wait for their turn: told where they stand while they wait, and called when it has come. Like
 * any push, the newest place wins: a slow reader costs nothing.
 */
import type { Admission, Asking } from '../admission/index.ts';

/** How often `tick` wants to be called, and of how many it may look at the place each time. */
export const WAITING_TICK_MS = 50;
const LOOKS_PER_TICK_MAX = 500;
/** Nobody is told more often. */
const INTERVAL_MS = 1_000;

export type Place = Pick<Asking, 'asker' | 'channel' | 'class' | 'shard'>;

export interface Waiter {
  canTakePush(topic: 'turn'): boolean;
  /** @param position 0: may come now */
  pushTurn(position: number, waitMs: number): void;
}

interface Waiting {
  readonly place: Place;
  readonly waiters: Set<Waiter>;
  dueMs: number;
  position: number;
}

export class WaitingRoom {
  readonly #admission: Admission;
  /** In the order in which they are due. */
  readonly #waiting = new Map<string, Waiting>();

  constructor(admission: Admission) {
    this.#admission = admission;
    admission.onCalled((asker) => this.#called(asker));
  }

  /** Whoever was just told to come back. */
  add(waiter: Waiter, place: Place, nowMs: number): void {
    const waiting = this.#waiting.get(place.asker);
    if (waiting !== undefined) waiting.waiters.add(waiter);
    else {
      const position = Number.POSITIVE_INFINITY;
      this.#waiting.set(place.asker, { place, waiters: new Set([waiter]), dueMs: nowMs + INTERVAL_MS, position });
    }
  }

  remove(waiter: Waiter, asker: string): void {
    const waiting = this.#waiting.get(asker);
    if (waiting?.waiters.delete(waiter) === true && waiting.waiters.size === 0) this.#waiting.delete(asker);
  }

  tick(nowMs: number): void {
    let looks = 0;
    for (const [asker, waiting] of this.#waiting) {
      if (waiting.dueMs > nowMs || looks === LOOKS_PER_TICK_MAX) return;
      looks += 1;
      this.#waiting.delete(asker);
      const standing = this.#admission.positionOf(waiting.place);
      if (standing === null) continue;
      waiting.dueMs = nowMs + INTERVAL_MS;
      this.#waiting.set(asker, waiting);
      if (standing.position === waiting.position) continue;
      waiting.position = standing.position;
      push(waiting, standing.position, standing.waitMs);
    }
  }

  #called(asker: string): boolean {
    const waiting = this.#waiting.get(asker);
    if (waiting === undefined) return false;
    this.#waiting.delete(asker);
    return push(waiting, 0, 0);
  }
}

function push({ waiters }: Waiting, position: number, waitMs: number): boolean {
  let isTold = false;
  for (const waiter of waiters) {
    if (!waiter.canTakePush('turn')) continue;
    waiter.pushTurn(position, waitMs);
    isTold = true;
  }
  return isTold;
}
