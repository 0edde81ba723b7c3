/**
 * The only thing that decides what happens next in a simulated world. Every event has an instant, drawn from the seed;
 * events of one instant come in the order in which they were planned. Between two events all promises are drained, so
 * an event is what a thread does between two looks at its queue.
 */
import type { Random } from '../support/random.ts';

export const MS = 1_000;
export const SECOND = 1_000 * MS;

/** Something whose events end with it: a thread, a process, a disk. */
export interface Lane {
  readonly name: string;
  isDead: boolean;
  /** Until then nothing of it runs: a collection of garbage, another process on its core. */
  pausedUntilUs: number;
  /** When its newest immediate runs: they keep their order. */
  lastSoonUs: number;
}

/** The faults of the catalogue, as a world meets them. */
export type Met =
  | 'a record was lost before it was durable'
  | 'a record was durable before it was told'
  | 'a done command was answered again'
  | 'a death cut a checkpoint'
  | 'a death cut a recovery'
  | 'payout records made'
  | 'a complaint paid'
  | 'refunds cut in proportion'
  | 'a transfer failed'
  | 'a transfer sent again'
  | 'notices queued'
  | 'a delivery failed'
  | 'a delivery was put off'
  | 'a notice was withdrawn'
  | 'an exclusion was approved'
  | 'an exclusion was lifted'
  | 'one person alone was refused'
  | 'the rule on abuse excluded a payment'
  | 'an appeal was made'
  | 'a period was suspended'
  | 'a programme was replaced'
  | 'a period was opened again'
  | 'a late row counted'
  | 'a decision about a period was refused'
  | 'a death cut a decision about a period'
  | 'a reversal was resolved'
  | 'an account was checked again'
  | 'a file was accounted for'
  | 'a PAR was set'
  | 'a row that named a PAR counted'
  | 'a ring was full'
  | 'a death cut an orderly stop'
  | 'a flush failed'
  | 'keys were torn'
  | 'a copy of a ranking was damaged'
  | 'the clock jumped'
  | 'the clock was behind'
  | 'the clock was wrong'
  | 'a period closed'
  | 'clients met at the end of a period'
  | 'an id was reused'
  | 'a row came again'
  | 'two devices enabled one card'
  | 'a card was taken'
  | 'a death cut a claim'
  | 'a request was lost'
  | 'a request came twice'
  | 'a thread paused'
  | 'citizens tied down to the tax code';

interface Event {
  readonly atUs: number;
  readonly order: number;
  readonly lane: Lane;
  readonly label: string;
  readonly act: () => void;
}

export interface SchedulerOptions {
  readonly random: Random;
  /** An event threw; the world goes on unless this throws. */
  readonly thrown: (error: unknown, lane: Lane) => void;
  /** Called after each event and all that followed from it. */
  readonly settled: () => void;
  readonly trace?: ((line: string) => void) | undefined;
}

/** Events handed to Node at once: each is a task of its own, and so many cost one round of its loop. */
const EVENTS_PER_ROUND = 64;

export class Scheduler {
  readonly random: Random;
  readonly #options: SchedulerOptions;
  /** What a world has met, and how often: a fault that never comes is not tested. */
  readonly met: Record<string, number> = {};
  readonly #heap: Event[] = [];
  #nowUs = 0;
  #planned = 0;
  #count = 0;
  #hashLow = 0x811c9dc5;
  #hashHigh = 0x9e3779b9;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.random = options.random;
  }

  get nowUs(): number {
    return this.#nowUs;
  }

  /** Events so far. */
  get count(): number {
    return this.#count;
  }

  /** Of everything that happened, in order. */
  get hash(): string {
    const word = (value: number) => (value >>> 0).toString(16).padStart(8, '0');
    return word(this.#hashHigh) + word(this.#hashLow);
  }

  meet(what: Met, count = 1): void {
    if (count > 0) this.met[what] = (this.met[what] ?? 0) + count;
  }

  lane(name: string): Lane {
    return { name, isDead: false, pausedUntilUs: 0, lastSoonUs: 0 };
  }

  after(lane: Lane, delayUs: number, label: string, act: () => void): void {
    this.#planned += 1;
    this.#push({ atUs: this.#nowUs + delayUs, order: this.#planned, lane, label, act });
  }

  /** As `setImmediate` of that thread. */
  soon(lane: Lane, label: string, act: () => void): void {
    lane.lastSoonUs = Math.max(lane.lastSoonUs, this.#nowUs + this.random.below(40));
    this.after(lane, lane.lastSoonUs - this.#nowUs, label, act);
  }

  /** Adds something that happened to the hash of the course. */
  note(line: string): void {
    for (let at = 0; at < line.length; at += 1) {
      const code = line.charCodeAt(at);
      this.#hashLow = Math.imul(this.#hashLow ^ code, 0x01000193);
      this.#hashHigh = Math.imul(this.#hashHigh ^ code, 0x85ebca6b) ^ (this.#hashLow >>> 13);
    }
    this.#options.trace?.(`${(this.#nowUs / MS).toFixed(3).padStart(16)} ms  ${line}`);
  }

  /** Runs events until it is over or nothing is planned. Rejects with what `thrown` or `settled` throw. */
  run(isOver: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let isDone = false;
      const step = () => {
        if (isDone) return;
        try {
          this.#options.settled();
          isDone = isOver() || !this.#runNext();
          if (isDone) resolve();
        } catch (error) {
          isDone = true;
          reject(error);
        }
      };
      const round = () => {
        for (let left = EVENTS_PER_ROUND; left > 0; left -= 1) setImmediate(step);
        setImmediate(() => {
          if (!isDone) round();
        });
      };
      round();
    });
  }

  #runNext(): boolean {
    for (;;) {
      const event = this.#pop();
      if (event === undefined) return false;
      const { lane, atUs } = event;
      if (lane.isDead) continue;
      if (lane.pausedUntilUs > atUs) {
        this.#push({ ...event, atUs: lane.pausedUntilUs });
        continue;
      }
      this.#nowUs = atUs;
      this.#count += 1;
      this.note(`${lane.name} ${event.label}`);
      try {
        event.act();
      } catch (error) {
        this.#options.thrown(error, lane);
      }
      return true;
    }
  }

  // A binary heap: the earliest event first.

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || first === last) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(left: Event, right: Event): boolean {
  return left.atUs !== right.atUs ? left.atUs < right.atUs : left.order < right.order;
}
