/** All citizens of one crowd, driven from one thread. */
import { SeededRandom } from '../../client/replay/random.ts';
import { Template } from '../load/template.ts';
import { Bots } from './bots.ts';
import type { Canaries } from './canary.ts';
import { Citizen, type Wish, type World } from './citizen.ts';
import type { CrowdPlan, Phase, PhaseResult } from './plan.ts';
import { Tally } from './tally.ts';

/** A handshake costs the server a signature check. */
const CONNECTING_AT_ONCE = 50;
const TICK_MS = 1;
const TRIED_MAX = 4;

const BOT_FRAME = new Template({ type: 'wallet' }).fill(1, []);

/** What citizens wish. */
export interface Wishes {
  /** Of everybody once, before anything else, one after the other. */
  readonly first: readonly ((citizen: number) => Wish)[];
  /** @param cardShare see Phase */
  any(citizen: number, cardShare: number): Wish;
  /** See World. */
  greeting(citizen: number): Buffer | null;
}

export class People {
  readonly #plan: CrowdPlan;
  readonly #wishes: Wishes;
  readonly #citizens: readonly Citizen[];
  readonly #random: SeededRandom;
  #tally: Tally;
  #cardShare = 0;
  #idle: (citizen: Citizen) => void = () => {};

  constructor(plan: CrowdPlan, canaries: Canaries, wishes: Wishes) {
    const { tokens, seed } = plan;
    this.#plan = plan;
    this.#wishes = wishes;
    this.#random = new SeededRandom(seed, 0);
    this.#tally = new Tally(tokens.length, performance.now());
    const world: World = {
      ...{ host: plan.host, port: plan.port, tally: () => this.#tally },
      find: (citizen, payload) => canaries.find(citizen, payload),
      after: setTimeoutOf,
      nowMs: () => performance.now(),
      greeting: (citizen) => wishes.greeting(citizen),
      idle: (citizen) => this.#idle(citizen),
    };
    this.#citizens = tokens.map((token, number) => new Citizen(number, token, world));
  }

  /** All of them, with their first wishes served. */
  async open(): Promise<void> {
    for (let first = 0; first < this.#citizens.length; first += CONNECTING_AT_ONCE) {
      await Promise.all(this.#citizens.slice(first, first + CONNECTING_AT_ONCE).map((citizen) => citizen.connect()));
    }
    for (const first of this.#wishes.first) await this.everybody(first);
  }

  close(): void {
    for (const citizen of this.#citizens) citizen.close();
  }

  async run(phase: Phase): Promise<PhaseResult> {
    const startMs = performance.now();
    this.#tally = new Tally(this.#citizens.length, startMs);
    const { ms, perSecond, atOnce = 0, bots, cardShare = 0 } = phase;
    this.#cardShare = cardShare;
    const swarm = bots === undefined ? null : this.#bots(bots);
    if (perSecond === undefined) await this.#closedLoop(atOnce, ms);
    else await this.#openLoop(perSecond, startMs, startMs + ms);
    swarm?.stop();
    return this.#tally.result(performance.now());
  }

  #bots({ perSecond, socketCount }: NonNullable<Phase['bots']>): Bots {
    const { host, port, botTokens } = this.#plan;
    return new Bots(
      { host, port, tokens: botTokens, frame: BOT_FRAME, perSecond, tally: () => this.#tally },
      socketCount,
    );
  }

  /** One wish of each, some of them at once. Those that have one already come first. */
  async everybody(wish: (citizen: number) => Wish): Promise<void> {
    const asked = new Set<number>();
    return this.errands((citizen) => {
      if (asked.has(citizen)) return null;
      asked.add(citizen);
      return wish(citizen);
    });
  }

  /** Of each citizen one wish after the other, until it has none. Resolves when nobody has. */
  async errands(next: (citizen: number) => Wish | null): Promise<void> {
    await this.settle();
    const waiting = [...this.#citizens];
    let busy = CONNECTING_AT_ONCE;
    return new Promise((resolve) => {
      const goOn = (citizen: Citizen | undefined) => {
        for (let one = citizen ?? waiting.shift(); one !== undefined; one = waiting.shift()) {
          const wish = next(one.number);
          if (wish !== null) return one.want(() => wish);
        }
        busy -= 1;
        if (busy === 0) resolve();
      };
      this.#idle = goOn;
      for (let begun = 0; begun < CONNECTING_AT_ONCE; begun += 1) goOn(undefined);
    });
  }

  /** Resolves when everybody has had what it wished, also whoever waits for its turn. */
  settle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle = () => {
        if (this.#citizens.every(({ isIdle }) => isIdle)) resolve();
      };
      this.#idle(this.#citizens[0]!);
    });
  }

  /** All of them are cut off at once. */
  drop(): void {
    for (const citizen of this.#citizens) citizen.drop();
  }

  async #closedLoop(atOnce: number, ms: number): Promise<void> {
    this.#idle = (citizen) => citizen.want(() => this.#wishes.any(citizen.number, this.#cardShare));
    for (const citizen of this.#citizens.slice(0, atOnce))
      citizen.want(() => this.#wishes.any(citizen.number, this.#cardShare));
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.#idle = () => {};
  }

  /** Intended instants are those of a Poisson process, whatever the server and this thread do meanwhile. */
  async #openLoop(perSecond: number, startMs: number, endMs: number): Promise<void> {
    this.#idle = () => {};
    const meanMs = 1_000 / perSecond;
    let dueMs = startMs;
    for (let nowMs = startMs; nowMs < endMs; nowMs = performance.now()) {
      for (; dueMs <= nowMs; dueMs += meanMs * -Math.log(1 - this.#random.next())) {
        const citizen = this.#anybody();
        citizen.want(() => this.#wishes.any(citizen.number, this.#cardShare));
      }
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  /** Rather not one who looks at a spinner. */
  #anybody(): Citizen {
    for (let tried = 1; tried < TRIED_MAX; tried += 1) {
      const citizen = this.#citizens[this.#random.below(this.#citizens.length)]!;
      if (!citizen.isAsking) return citizen;
    }
    return this.#citizens[this.#random.below(this.#citizens.length)]!;
  }
}

function setTimeoutOf(ms: number, act: () => void): void {
  setTimeout(act, ms);
}
