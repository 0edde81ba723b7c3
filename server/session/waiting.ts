/**
 * Connections of those who wait for their turn: told where they stand while they wait, and called when it has come. Like
 * any push, the newest place wins: a slow reader costs nothing.
 */
import type { Admission, ComeBack, Place } from '../admission/index.ts';

/** How often `tick` wants to be called, and of how many it may look at the place each time. */
export const WAITING_TICK_MS = 50;
const LOOKS_PER_TICK_MAX = 500;
/** Nobody is told more often. */
const INTERVAL_MS = 1_000;

export interface Waiter {
  canTakePush(topic: 'turn'): boolean;
  pushTurn(turn: ComeBack): void;
}

interface Waiting {
  readonly place: Place;
  readonly waiters: Set<Waiter>;
  dueMs: number;
  position: number;
}

export class WaitingRoom {
  readonly #admission: Admission;
  /** By place, in the order in which they are due. */
  readonly #waiting = new Map<string, Waiting>();
  /** Where each waits. */
  readonly #placesOf = new Map<Waiter, Set<string>>();

  constructor(admission: Admission) {
    this.#admission = admission;
    admission.onCalled((place, ticket) => this.#called(place, ticket));
  }

  /** Whoever was just told to come back. */
  add(waiter: Waiter, place: Place, nowMs: number): void {
    const key = keyOf(place);
    const waiting = this.#waiting.get(key) ?? {
      ...{ place, waiters: new Set<Waiter>() },
      ...{ dueMs: nowMs + INTERVAL_MS, position: Number.POSITIVE_INFINITY },
    };
    this.#waiting.set(key, waiting);
    waiting.waiters.add(waiter);
    const places = this.#placesOf.get(waiter) ?? new Set<string>();
    this.#placesOf.set(waiter, places.add(key));
  }

  /** Its connection is gone. */
  remove(waiter: Waiter): void {
    for (const key of this.#placesOf.get(waiter) ?? []) {
      const waiting = this.#waiting.get(key)!;
      waiting.waiters.delete(waiter);
      if (waiting.waiters.size === 0) this.#waiting.delete(key);
    }
    this.#placesOf.delete(waiter);
  }

  tick(nowMs: number): void {
    let looks = 0;
    for (const [key, waiting] of this.#waiting) {
      if (waiting.dueMs > nowMs || looks === LOOKS_PER_TICK_MAX) return;
      looks += 1;
      const standing = this.#admission.positionOf(waiting.place);
      if (standing === null) {
        this.#end(key, waiting);
        continue;
      }
      this.#waiting.delete(key); // To the end of the queue.
      this.#waiting.set(key, waiting);
      waiting.dueMs = nowMs + INTERVAL_MS;
      if (standing.position === waiting.position) continue;
      waiting.position = standing.position;
      push(waiting, standing);
    }
  }

  #called(place: Place, ticket: string): boolean {
    const key = keyOf(place);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return false;
    this.#end(key, waiting);
    return push(waiting, { position: 0, waitMs: 0, ticket });
  }

  #end(key: string, { waiters }: Waiting): void {
    this.#waiting.delete(key);
    for (const waiter of waiters) {
      const places = this.#placesOf.get(waiter)!;
      places.delete(key);
      if (places.size === 0) this.#placesOf.delete(waiter);
    }
  }
}

function keyOf({ asker, channel, class: of }: Place): string {
  return `${channel} ${of} ${asker}`;
}

function push({ waiters }: Waiting, turn: ComeBack): boolean {
  let isTold = false;
  for (const waiter of waiters) {
    if (!waiter.canTakePush('turn')) continue;
    waiter.pushTurn(turn);
    isTold = true;
  }
  return isTold;
}
