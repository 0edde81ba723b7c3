/** A day in front of one door, in simulated time: a shard that works in turns, and crowds who ask it and come back. */
import { createHmac } from 'node:crypto';
import { LIMITS } from '../../engine/index.ts';
import { Admission, type Asking, type ComeBack } from '../../server/admission/admission.ts';
import type { Channel, Class } from '../../server/admission/classes.ts';
import { Random } from '../support/random.ts';

/** As the folder's own. */
export const digest = (text: string) => createHmac('sha256', 'crowd').update(text).digest('hex').slice(0, 32);
const TICK_MS = 10;

export interface ShardPace {
  readonly commandMs: number;
  readonly flushMs: number;
}

export interface Crowd {
  readonly name: string;
  readonly count: number;
  readonly channel?: Channel;
  readonly class?: Class;
  /** Of each of them, whatever it is answered; a time at random between two. */
  readonly perSecond: number;
  readonly fromMs?: number;
  readonly untilMs?: number;
  /** Comes back when it was told to; default true. Otherwise it only asks again, as it would anyway. */
  readonly obeys?: boolean;
  /** Hears that it is called, and comes at once. */
  readonly listens?: boolean;
  /** All of them are one and the same asker. */
  readonly isOne?: boolean;
}

export interface Served {
  readonly asked: number;
  readonly served: number;
  readonly refused: number;
  /** Served of each, in order. */
  readonly each: readonly number[];
  readonly kept: number;
  readonly broken: number;
  /** From being let in to the answer. */
  readonly latencyMs: readonly number[];
  /** By second. */
  readonly servedInSecond: readonly number[];
}

interface Person {
  readonly crowd: Crowd;
  readonly tally: Tally;
  readonly index: number;
  readonly asker: string;
  come: ComeBack | null;
}

interface Tally {
  asked: number;
  served: number;
  refused: number;
  kept: number;
  broken: number;
  each: number[];
  latencyMs: number[];
  servedInSecond: number[];
}

type Job = { readonly done: () => void; readonly isProbe: boolean; readonly taken?: () => void };

export class Day {
  readonly admission: Admission;
  readonly #random: Random;
  readonly #events = new Heap();
  readonly #mailbox: Job[] = [];
  readonly #people = new Map<string, Person>();
  readonly #tallies = new Map<string, Tally>();
  readonly #load = {
    inside: 0,
    answeredCount: 0,
    probe: () => {
      const sentMs = this.#nowMs;
      return new Promise<number>((resolve) => {
        this.#send({ isProbe: true, done: () => {}, taken: () => resolve(this.#nowMs - sentMs) });
      });
    },
  };
  readonly #isOpen: boolean;
  #nowMs = 1_607_000_000_000;
  #isTurning = false;
  /** Turns that are not flushed, and when the last of their flushes ends. */
  #flushes = { count: 0, endMs: 0 };
  #pace: ShardPace;
  #stalledUntilMs = 0;

  /** @param isOpen everybody is let in: the contrast */
  constructor(seed: number, pace: ShardPace, { isOpen = false, origin = 1, startMs = 0 } = {}) {
    this.#random = new Random(seed);
    this.#pace = pace;
    this.#isOpen = isOpen;
    this.#nowMs += startMs;
    this.admission = new Admission({
      shards: [this.#load],
      digest,
      origin,
      nowMs: () => this.#nowMs,
      random: () => this.#random.next(),
    });
    this.admission.onCalled(({ asker }) => this.#called(asker));
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  setPace(pace: ShardPace): void {
    this.#pace = pace;
  }

  /** The shard does nothing for so long. */
  stall(ms: number): void {
    this.#stalledUntilMs = this.#nowMs + ms;
  }

  at(ms: number, happen: () => void): void {
    this.#events.push(this.#nowMs + ms, happen);
  }

  come(crowd: Crowd): void {
    const tally: Tally = {
      ...{ asked: 0, served: 0, refused: 0, kept: 0, broken: 0 },
      ...{ each: new Array<number>(crowd.count).fill(0), latencyMs: [], servedInSecond: [] },
    };
    this.#tallies.set(crowd.name, tally);
    const startMs = this.#nowMs;
    for (let index = 0; index < crowd.count; index += 1) {
      const asker = crowd.isOne === true ? crowd.name : `${crowd.name} ${index}`;
      const person: Person = { crowd, tally, index, asker, come: null };
      if (crowd.listens === true) this.#people.set(asker, person);
      const meanMs = 1_000 / crowd.perSecond;
      const untilMs = crowd.untilMs === undefined ? Number.POSITIVE_INFINITY : startMs + crowd.untilMs;
      const askAndGoOn = () => {
        if (this.#nowMs >= untilMs) return;
        this.#ask(person, false);
        this.#events.push(this.#nowMs - meanMs * Math.log(1 - this.#random.next()), askAndGoOn);
      };
      this.#events.push(startMs + (crowd.fromMs ?? 0) + this.#random.next() * meanMs, askAndGoOn);
    }
  }

  async run(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    const tick = () => {
      this.admission.tick();
      this.#events.push(this.#nowMs + TICK_MS, tick);
    };
    tick();
    for (let steps = 0; ; steps += 1) {
      const next = this.#events.pop(endMs);
      if (next === null) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.happen();
      // What a probe's promise has to say.
      if (steps % 16 === 0) await null;
    }
    this.#nowMs = endMs;
  }

  of(name: string): Served {
    return this.#tallies.get(name)!;
  }

  #asking({ asker, crowd }: Person): Asking {
    return { asker, channel: crowd.channel ?? 'citizens', class: crowd.class ?? 'card', shard: 0, weight: 1 };
  }

  #ask(person: Person, isOnTime: boolean): void {
    const { tally, crowd } = person;
    const asking = this.#asking(person);
    tally.asked += 1;
    const come = this.#isOpen ? null : this.admission.ask({ ...asking, ticket: person.come?.ticket });
    if (come === null) {
      if (isOnTime) tally.kept += 1;
      person.come = null;
      this.#serve(person);
      return;
    }
    tally.refused += 1;
    if (isOnTime) tally.broken += 1;
    if (person.come?.ticket === come.ticket || crowd.obeys === false) return;
    person.come = come;
    this.#events.push(this.#nowMs + come.waitMs, () => {
      if (person.come === come) this.#ask(person, true);
    });
  }

  #called(asker: string): boolean {
    const person = this.#people.get(asker);
    if (person === undefined) return false;
    const { come } = person;
    // A message to a telephone and back.
    this.#events.push(this.#nowMs + 20 + this.#random.below(80), () => {
      if (come !== null && person.come === come) this.#ask(person, true);
    });
    return true;
  }

  #serve({ tally, index }: Person): void {
    const askedMs = this.#nowMs;
    this.#load.inside += 1;
    this.#send({
      isProbe: false,
      done: () => {
        this.#load.inside -= 1;
        this.#load.answeredCount += 1;
        tally.served += 1;
        tally.each[index]! += 1;
        tally.latencyMs.push(this.#nowMs - askedMs);
        const second = Math.floor((this.#nowMs - 1_607_000_000_000) / 1_000);
        tally.servedInSecond[second] = (tally.servedInSecond[second] ?? 0) + 1;
      },
    });
  }

  #send(job: Job): void {
    this.#mailbox.push(job);
    this.#turn();
  }

  #turn(): void {
    if (this.#isTurning || this.#mailbox.length === 0) return;
    if (this.#flushes.count >= LIMITS.turnsInFlightMax) return this.#spareProbes();
    this.#isTurning = true;
    if (this.#nowMs < this.#stalledUntilMs) {
      this.#events.push(this.#stalledUntilMs, () => this.#endTurn());
      return;
    }
    const { commandMs, flushMs } = this.#pace;
    let tookMs = 0;
    const batch = this.#mailbox.splice(0, LIMITS.batchCountMax).filter((job) => {
      if (job.isProbe) this.#events.push(this.#nowMs + tookMs, job.taken!);
      else tookMs += commandMs;
      return !job.isProbe;
    });
    const turnEndMs = this.#nowMs + tookMs;
    if (batch.length > 0) {
      this.#flushes.count += 1;
      this.#flushes.endMs = Math.max(turnEndMs, this.#flushes.endMs) + flushMs;
      this.#events.push(this.#flushes.endMs, () => {
        this.#flushes.count -= 1;
        for (const { done } of batch) done();
        this.#turn();
      });
    }
    this.#events.push(turnEndMs, () => this.#endTurn());
  }

  /** As the engine's shard does. */
  #spareProbes(): void {
    const next = this.#mailbox.splice(0, LIMITS.batchCountMax);
    for (const { isProbe, taken } of next) if (isProbe) taken!();
    this.#mailbox.unshift(...next.filter(({ isProbe }) => !isProbe));
  }

  #endTurn(): void {
    this.#isTurning = false;
    this.#turn();
  }
}

/** How evenly it was shared out: 1 = to all alike, 1/n = all to one (Jain, Chiu and Hawe 1984). */
export function fairness(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return sum ** 2 / (shares.length * squares);
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

interface Happening {
  readonly atMs: number;
  readonly order: number;
  readonly happen: () => void;
}

class Heap {
  readonly #items: Happening[] = [];
  #order = 0;

  push(atMs: number, happen: () => void): void {
    const items = this.#items;
    const item = { atMs, order: this.#order++, happen };
    items.push(item);
    for (let at = items.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (isBefore(items[parent]!, items[at]!)) break;
      [items[parent], items[at]] = [items[at]!, items[parent]!];
      at = parent;
    }
  }

  pop(untilMs: number): Happening | null {
    const items = this.#items;
    if (items.length === 0 || items[0]!.atMs > untilMs) return null;
    const first = items[0]!;
    const last = items.pop()!;
    if (items.length > 0) {
      items[0] = last;
      for (let at = 0; ; ) {
        const [left, right] = [2 * at + 1, 2 * at + 2];
        let least = at;
        if (left < items.length && isBefore(items[left]!, items[least]!)) least = left;
        if (right < items.length && isBefore(items[right]!, items[least]!)) least = right;
        if (least === at) break;
        [items[least], items[at]] = [items[at]!, items[least]!];
        at = least;
      }
    }
    return first;
  }
}

function isBefore(one: Happening, other: Happening): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
