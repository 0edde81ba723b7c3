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
  /** Its connection has closed: it is told nothing any more. */
  readonly isGone: boolean;
  canTakePush(topic: 'turn'): boolean;
  /** Answers what came early, too. */
  pushTurn(turn: ComeBack): void;
  answerEarly(): void;
}

/** Those who have one appointment. */
interface Waiting {
  readonly place: Place;
  readonly ticket: string;
  waiters: readonly Waiter[];
  dueMs: number;
  position: number;
}

/** First in, first out. */
class Queue<T> {
  #items: T[] = [];
  #gone = 0;

  get first(): T | undefined {
    return this.#items[this.#gone];
  }

  add(item: T): void {
    this.#items.push(item);
  }

  removeFirst(): void {
    this.#gone += 1;
    if (2 * this.#gone < this.#items.length) return;
    this.#items = this.#items.slice(this.#gone);
    this.#gone = 0;
  }
}

export class WaitingRoom {
  readonly #admission: Admission;
  /** By ticket. */
  readonly #waiting = new Map<string, Waiting>();
  /** In the order in which they are due, with those whose appointment is over. */
  readonly #due = new Queue<Waiting>();
  /** Who asked before its time, and until when it is answered, in that order. */
  readonly #early = new Map<Waiter, number>();

  constructor(admission: Admission) {
    this.#admission = admission;
    admission.onCalled((_, ticket) => this.#called(ticket));
  }

  /** Whoever was just told to come back, with a ticket. */
  add(waiter: Waiter, place: Place, ticket: string, nowMs: number): void {
    const waiting = this.#waiting.get(ticket);
    if (waiting === undefined) {
      const begun = {
        place,
        ticket,
        waiters: [waiter],
        dueMs: nowMs + INTERVAL_MS,
        position: Number.POSITIVE_INFINITY,
      };
      this.#waiting.set(ticket, begun);
      this.#due.add(begun);
    } else if (!waiting.waiters.includes(waiter)) {
      waiting.waiters = [...waiting.waiters.filter(({ isGone }) => !isGone), waiter];
    }
  }

  cameEarly(waiter: Waiter, nowMs: number): void {
    if (!this.#early.has(waiter)) this.#early.set(waiter, nowMs + INTERVAL_MS);
  }

  /** Whatever their time. */
  answerEarly(): void {
    for (const waiter of this.#early.keys()) waiter.answerEarly();
    this.#early.clear();
  }

  /** Its connection has closed: who asked over it early is not answered. */
  remove(waiter: Waiter): void {
    this.#early.delete(waiter);
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
    for (let looks = 0; looks < LOOKS_PER_TICK_MAX; looks += 1) {
      const waiting = this.#due.first;
      if (waiting === undefined || waiting.dueMs > nowMs) return;
      this.#due.removeFirst();
      if (!this.#waiting.has(waiting.ticket)) continue;
      const standing = this.#admission.positionOf(waiting.place);
      if (standing?.ticket !== waiting.ticket || waiting.waiters.every(({ isGone }) => isGone)) {
        this.#waiting.delete(waiting.ticket);
        continue;
      }
      this.#due.add(waiting);
      waiting.dueMs = nowMs + INTERVAL_MS;
      if (standing.position === waiting.position) continue;
      waiting.position = standing.position;
      this.#push(waiting, standing);
    }
  }

  #called(ticket: string): boolean {
    const waiting = this.#waiting.get(ticket);
    if (waiting === undefined) return false;
    this.#waiting.delete(ticket);
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
}
