/** All citizens of one crowd, driven from one thread. */
import { SeededRandom } from '../../client/replay/random.ts';
import { makeTaxCode } from '../../engine/index.ts';
import { blank, Ids, Template } from '../load/template.ts';
import { hpanOf } from '../load/workload.ts';
import { Bots } from './bots.ts';
import { Canaries } from './canary.ts';
import { Citizen, type Wish, type World } from './citizen.ts';
import type { CrowdPlan, Phase, PhaseResult } from './plan.ts';
import { Tally } from './tally.ts';

/** A handshake costs the server a signature check. */
const CONNECTING_AT_ONCE = 50;
const TICK_MS = 1;
const TRIED_MAX = 4;

const ID = blank(2, 32);
const HPAN = blank(3, 64);
const IBAN = blank(4, 27);
const DETAILS = { methodKind: 'card', brand: 'VISA', lastDigits: '4242', expiry: '2026-12', issuerAbi: '03069' };
const HOLDER = { accountHolderCF: makeTaxCode(0), accountHolderName: 'ADA', accountHolderSurname: 'ROSSI' };

/** What citizens wish, of a hundred wishes: they look more often than they change something. */
const WALLET_SHARE = 40;
const RANKING_SHARE = 10;
const IBAN_SHARE = 25;

export class People {
  readonly #plan: CrowdPlan;
  readonly #canaries: Canaries;
  readonly #citizens: readonly Citizen[];
  readonly #random: SeededRandom;
  readonly #ids: Ids;
  readonly #templates = {
    wallet: new Template({ type: 'wallet' }),
    ranking: new Template({ type: 'ranking' }),
    setIban: new Template({ type: 'setIban', id: ID, iban: IBAN, ...HOLDER }, [ID, IBAN]),
    enable: new Template({ type: 'enableCashback', id: ID, hpan: HPAN }, [ID, HPAN]),
    add: new Template({ type: 'addMethod', id: ID, hpan: HPAN, details: DETAILS }, [ID, HPAN]),
    remove: new Template({ type: 'removeMethod', id: ID, hpan: HPAN }, [ID, HPAN]),
    disable: new Template({ type: 'disableCashback', id: ID, hpan: HPAN }, [ID, HPAN]),
  };
  readonly #isDisabled: Uint8Array;
  /** How often each has added a card or taken it away. */
  readonly #cards: Uint32Array;
  #cardShare = 0;
  #tally: Tally;
  #idle: (citizen: Citizen) => void = () => {};

  constructor(plan: CrowdPlan) {
    const { tokens, seed } = plan;
    this.#plan = plan;
    this.#canaries = new Canaries(tokens.length);
    this.#random = new SeededRandom(seed, 0);
    this.#ids = new Ids(Date.now(), seed.toString(16).padStart(5, '0').slice(-5));
    this.#isDisabled = new Uint8Array(tokens.length);
    this.#cards = new Uint32Array(tokens.length);
    this.#tally = new Tally(tokens.length, performance.now());
    const world: World = {
      ...{ host: plan.host, port: plan.port, tally: () => this.#tally },
      find: (citizen, payload) => this.#canaries.find(citizen, payload),
      after: setTimeoutOf,
      nowMs: () => performance.now(),
      idle: (citizen) => this.#idle(citizen),
    };
    this.#citizens = tokens.map((token, number) => new Citizen(number, token, world));
  }

  /** All of them, each with its canary. */
  async open(): Promise<void> {
    for (let first = 0; first < this.#citizens.length; first += CONNECTING_AT_ONCE) {
      await Promise.all(this.#citizens.slice(first, first + CONNECTING_AT_ONCE).map((citizen) => citizen.connect()));
    }
    await this.#everybody((citizen) => this.#iban(citizen));
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
    const frame = this.#templates.wallet.fill(1, []);
    return new Bots({ host, port, tokens: botTokens, frame, perSecond, tally: () => this.#tally }, socketCount);
  }

  /** Each wish once, by whoever has none. */
  #everybody(wish: (citizen: number) => Wish): Promise<void> {
    const waiting = [...this.#citizens];
    let served = 0;
    return new Promise((resolve) => {
      const next = () => {
        const citizen = waiting.shift();
        citizen?.want(() => wish(citizen.number));
      };
      this.#idle = () => {
        served += 1;
        if (served === this.#citizens.length) resolve();
        else next();
      };
      for (let begun = 0; begun < CONNECTING_AT_ONCE; begun += 1) next();
    });
  }

  async #closedLoop(atOnce: number, ms: number): Promise<void> {
    this.#idle = (citizen) => citizen.want(() => this.#anyWish(citizen.number));
    for (const citizen of this.#citizens.slice(0, atOnce)) citizen.want(() => this.#anyWish(citizen.number));
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
        citizen.want(() => this.#anyWish(citizen.number));
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

  #anyWish(citizen: number): Wish {
    if (this.#random.chance(this.#cardShare)) return this.#card(citizen);
    const { wallet, ranking } = this.#templates;
    const drawn = this.#random.below(100);
    if (drawn < WALLET_SHARE) return { frame: (ref) => wallet.fill(ref, []), showsData: true };
    if (drawn < WALLET_SHARE + RANKING_SHARE) return { frame: (ref) => ranking.fill(ref, []), showsData: false };
    return drawn < WALLET_SHARE + RANKING_SHARE + IBAN_SHARE ? this.#iban(citizen) : this.#toggle(citizen);
  }

  #iban(citizen: number): Wish {
    const iban = Buffer.from(this.#canaries.of(citizen));
    return { frame: (ref) => this.#templates.setIban.fill(ref, [this.#ids.next(), iban]), showsData: false };
  }

  #card(citizen: number): Wish {
    const { add, remove } = this.#templates;
    const count = this.#cards[citizen]!;
    this.#cards[citizen] = count + 1;
    const hpan = hpanOf(`more ${citizen} ${count >> 1}`);
    const template = count % 2 === 0 ? add : remove;
    return { frame: (ref) => template.fill(ref, [this.#ids.next(), hpan]), showsData: false };
  }

  /** Its one card, off and on. */
  #toggle(citizen: number): Wish {
    const { enable, disable } = this.#templates;
    const template = this.#isDisabled[citizen] === 1 ? enable : disable;
    this.#isDisabled[citizen] = 1 - this.#isDisabled[citizen]!;
    const hpan = hpanOf(`seed ${citizen}`);
    return { frame: (ref) => template.fill(ref, [this.#ids.next(), hpan]), showsData: false };
  }
}

function setTimeoutOf(ms: number, act: () => void): void {
  setTimeout(act, ms);
}
