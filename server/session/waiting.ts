/**
 * Connections of those who wait for their turn: told where they stand while they wait, and called when it has come. Like
 * any push, the newest place wins: a slow reader costs nothing. Whoever asks meanwhile is answered with that: whoever tries
 * again as soon as it is refused, as programs do that were not written for such a day, tries once a second.
 */
import type { Admission, ComeBack, Place } from '../admission/index.ts';

/** How often `tick` wants to be called, and of how many it may look at the place each time. */
export const WAITING_TICK_MS = 50;
const LOOKS_PER_TICK_MAX = 500;
/** Nobody is told more often, or kept waiting longer for an answer. */
export const INTERVAL_MS = 1_000;

export interface Waiter {
  canTakePush(topic: 'turn'): boolean;
  /** Answers what came early, too. */
  pushTurn(turn: ComeBack): void;
  answerEarly(): void;
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
  /** Who asked before its time, and until when it is answered, in that order. */
  readonly #early = new Map<Waiter, number>();

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

  cameEarly(waiter: Waiter, nowMs: number): void {
    if (!this.#early.has(waiter)) this.#early.set(waiter, nowMs + INTERVAL_MS);
  }

  /** Whatever their time. */
  answerEarly(): void {
    for (const waiter of this.#early.keys()) waiter.answerEarly();
    this.#early.clear();
  }

  /** Its connection is gone. */
  remove(waiter: Waiter): void {
    this.#early.delete(waiter);
    for (const key of this.#placesOf.get(waiter) ?? []) {
      const waiting = this.#waiting.get(key)!;
      waiting.waiters.delete(waiter);
      if (waiting.waiters.size === 0) this.#waiting.delete(key);
    }
    this.#placesOf.delete(waiter);
  }

  tick(nowMs: number): void {
    this.#tellPlaces(nowMs);
    for (const [waiter, dueMs] of this.#early) {
      if (dueMs > nowMs) return;
      this.#early.delete(waiter);
      waiter.answerEarly();
    }
  }

  #tellPlaces(nowMs: number): void {
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
      this.#push(waiting, standing);
    }
  }

  #called(place: Place, ticket: string): boolean {
    const key = keyOf(place);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return false;
    this.#end(key, waiting);
    return this.#push(waiting, { position: 0, waitMs: 0, ticket });
  }

  #push({ waiters }: Waiting, turn: ComeBack): boolean {
    let isTold = false;
    for (const waiter of waiters) {
      if (!waiter.canTakePush('turn')) continue;
      this.#early.delete(waiter);
      waiter.pushTurn(turn);
      isTold = true;
    }
    return isTold;
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
