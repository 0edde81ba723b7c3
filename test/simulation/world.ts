/**
 * One seed: a scene, a machine on which an engine starts, serves and dies, and clients who want something of it; at the
 * end faults stop, everybody is answered, and everything is compared with everything else.
 */
import {
  type CommandReply,
  citizenKeyText,
  closesAtMs,
  type Engine,
  LIMITS,
  StorageFault,
  visiblePeriods,
  type WalletCommand,
  type WalletCommandBody,
} from '../../engine/index.ts';
import { commandKey } from '../../engine/shard/command-text.ts';
import { KeyedHash } from '../../snapshots/keys.ts';
import type { MemoryFolder } from '../../snapshots/memory/disk.ts';
import { CARDS, PEOPLE } from '../model/walk.ts';
import { wholeCopyOf } from '../support/copies.ts';
import { Random } from '../support/random.ts';
import { Acquirer } from './acquirer.ts';
import { Auditor, short } from './auditor.ts';
import { CalmWalk } from './calm.ts';
import { checkAtRest, expectSeen } from './checks.ts';
import { flushTimes, SimulatedDisk } from './disk.ts';
import { EngineProcess } from './engine-process.ts';
import { expectThat, PowerCut, Violation } from './fault.ts';
import { Herald } from './herald.ts';
import { inspectFolder } from './inspection.ts';
import { Operator } from './operator.ts';
import { Paymaster } from './paymaster.ts';
import { isSame, type RecordReply, Requests } from './requests.ts';
import { drawScene, type Scene } from './scene.ts';
import { type Lane, MS, Scheduler, SECOND } from './scheduler.ts';
import { type Action, recordText, Workload } from './workload.ts';

export interface SeedResult {
  readonly seed: number;
  /** Of everything that happened, in order. */
  readonly hash: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly answers: number;
  readonly facts: number;
  /** Processes that ended before they should. */
  readonly deaths: number;
  readonly met: Readonly<Record<string, number>>;
  readonly check: string | null;
  readonly problem: string | null;
}

/** Places in the code at which a process may die, beside any moment between two events. */
const POINTS = [
  'turn-decided',
  'turn-flushed',
  'append',
  'append-flushed',
  'checkpoint-start',
  'checkpoint-batch',
  'rows-batch',
  'checkpoint-mark',
  'checkpoint-marked',
  'recovery-record',
  'claimStarted',
  'cardActivated',
  'cardClaimed',
  'claimConfirmed',
  'claimWithdrawn',
  'claimEnded',
  'periodDecided',
  'periodReopened',
] as const;

const CLAIM_POINTS: readonly string[] = POINTS.slice(POINTS.indexOf('claimStarted'), POINTS.indexOf('periodDecided'));
const DECISION_POINTS: readonly string[] = POINTS.slice(POINTS.indexOf('periodDecided'));
const STOPPED = 'has stopped';

/** More is no rest that is long in coming: it never comes. */
const EVENTS_MAX = 150_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MINUTE_US = 60 * SECOND;

interface Reading {
  readonly citizen: string;
  readonly hpan: string;
  /** Of which the outcome is asked; null = of any. */
  readonly command: WalletCommand | null;
}

interface Death {
  /** In so many events, or at so many passings of a point. */
  readonly atEvent: number;
  readonly point: string | null;
  passings: number;
  readonly isOrderly: boolean;
  /** Not before something waits for the disk. */
  readonly isInWrite: boolean;
}

export async function simulate(seed: number, trace?: (line: string) => void): Promise<SeedResult> {
  const world = new World(seed, trace);
  return world.run();
}

export class World {
  readonly scene: Scene;
  readonly auditor: Auditor;
  readonly requests: Requests;
  readonly scheduler: Scheduler;
  readonly workload: Workload;
  readonly citizens: ReadonlyMap<string, string>;
  readonly #paymaster: Paymaster;
  readonly #herald: Herald;
  readonly #operator: Operator;
  readonly #acquirer: Acquirer;
  readonly #seed: number;
  readonly #random: Random;
  readonly #disk: SimulatedDisk;
  readonly #lane: Lane;
  #process: EngineProcess | null = null;
  #engine: Engine | null = null;
  #isServing = false;
  #servingWaits: (() => void)[] = [];
  #deathWaits: (() => void)[] = [];
  #violation: Violation | null = null;
  #death: Death | null = null;
  #deathsLeft: number;
  #deaths = 0;
  #isOver = false;
  #isClockWrong = false;
  #isStopping = false;
  #failedWrites = 0;
  /** Between the time that has passed and the clock. */
  #skewMs = 0;
  /** In a calm world time passes only when nothing is under way. */
  #calmMs: number;
  #actionsLeft: number;
  #ids = 0;
  /** Folders as some deaths left them, to be verified at the end. */
  readonly #graves: MemoryFolder[] = [];

  constructor(seed: number, trace?: (line: string) => void) {
    this.#seed = seed;
    this.#random = new Random(seed);
    this.scene = drawScene(seed, this.#random);
    const { shardCount, startMs, programme, isDiskSlow, isReadSlow, actionCount, deathCount } = this.scene;
    this.#calmMs = startMs;
    this.#actionsLeft = actionCount;
    this.#deathsLeft = deathCount;
    this.scheduler = new Scheduler({
      random: this.#random,
      trace,
      thrown: (error) => this.#thrown(error),
      settled: () => this.#settled(),
    });
    this.scheduler.note(`scene ${JSON.stringify({ ...this.scene, programme: undefined })}`);
    this.#lane = this.scheduler.lane('world');
    this.auditor = new Auditor(programme, (store, slot) => this.#disk.hasKey(store, slot));
    const indexKey = Buffer.alloc(32, `${seed}`);
    this.#disk = new SimulatedDisk({
      scheduler: this.scheduler,
      shardCount,
      isReadSlow,
      indexKey,
      durable: (store, bytes) => this.auditor.take(store, bytes),
      flushUs: flushTimes(this.scheduler, isDiskSlow),
    });
    this.requests = new Requests({
      ...{ scheduler: this.scheduler, auditor: this.auditor, scene: this.scene, nowMs: () => this.nowMs },
      engine: () => (this.#isServing ? this.#engine : null),
      arrived: (command) => this.#planRead(command),
    });
    this.workload = new Workload(this.#random);
    const names = new KeyedHash(indexKey);
    this.citizens = new Map([...PEOPLE].map(([name, taxCode]) => [name, names.digest(citizenKeyText(taxCode))]));
    this.#paymaster = new Paymaster(seed, this.scheduler, this.citizens);
    this.#herald = new Herald(seed, this.scheduler);
    const { scheduler, requests, citizens } = this;
    const staff = { scheduler, requests, citizens: [...citizens.values()] };
    this.#operator = new Operator(seed, { ...staff, isProgrammeFixed: this.scene.isProgrammeFixed });
    this.#acquirer = new Acquirer(seed, staff);
  }

  get nowMs(): number {
    if (this.scene.isCalm) return this.#calmMs + this.#skewMs;
    const nowMs = this.scene.startMs + Math.floor(this.scheduler.nowUs / MS) + this.#skewMs;
    return nowMs - (nowMs % this.scene.clockStepMs);
  }

  async run(): Promise<SeedResult> {
    let violation: Violation | null = null;
    try {
      await this.#course();
    } catch (error) {
      violation = error instanceof Violation ? error : new Violation('broke', textOf(error));
    }
    if (violation !== null) this.scheduler.note(`${violation.check}: ${violation.message}`);
    const { scheduler, requests, auditor } = this;
    return {
      seed: this.#seed,
      hash: scheduler.hash,
      events: scheduler.count,
      simulatedMs: Math.max(0, this.nowMs - this.scene.startMs),
      answers: requests.answerCount,
      facts: auditor.factCount,
      deaths: this.#deaths,
      met: scheduler.met,
      check: violation?.check ?? null,
      problem: violation?.message ?? null,
    };
  }

  async #course(): Promise<void> {
    this.#start();
    if (this.scene.isCalm) await this.#complete(new CalmWalk(this).walk(this.scene.actionCount), 'a calm walk');
    else {
      this.#planAction(0);
      this.#planTick();
      await this.scheduler.run(() => this.#actionsLeft <= 0 && this.#isServing);
    }
    await this.#comeToRest();
    const frozen = this.scene.programme.periods.filter(({ awardPeriodId }) => this.auditor.isFrozen(awardPeriodId));
    const ids = frozen.map(({ awardPeriodId }) => awardPeriodId);
    await this.#complete(this.#operator.finish(this.#engine!, this.nowMs), 'the operator');
    await this.#complete(this.#acquirer.finish(this.#engine!), 'the acquirer');
    // What the operator closed closes.
    this.#engine!.tick();
    await this.scheduler.run(() => false);
    await this.#complete(this.#paymaster.finish(this.#engine!, ids), 'the paymaster');
    await this.#complete(this.#herald.finish(this.#engine!, this.nowMs), 'the herald');
    await this.#complete(this.#checkNow(this.#engine!), 'the questions at the end');
    const isClosed = this.#random.below(100) < 80;
    if (isClosed) await this.#complete(this.#engine!.close(), 'the close');
    this.#process!.kill();
    this.#disk.crash({ damagesRankings: false });
    for (const folder of this.#graves) await inspectFolder(folder, { isClosed: false, nowMs: 0, isHalf: false });
    await inspectFolder(this.#disk.folder, { isClosed, nowMs: this.nowMs, isHalf: this.#random.below(2) === 0 });
  }

  /** Faults stop: everybody is answered, and nothing is left to do. */
  async #comeToRest(): Promise<void> {
    this.scheduler.note('faults stop');
    this.#isOver = true;
    this.requests.isCalm = true;
    this.#disk.heal();
    this.#death = null;
    await this.scheduler.run(() => this.requests.openCount === 0 && this.#isServing);
    const { openCount } = this.requests;
    expectThat(openCount === 0, 'liveness', () => `${openCount} requests are never answered`);
    expectThat(this.#isServing, 'liveness', () => 'the engine never serves again');
    // A row that came twice, and is answered once, may be what the end of a period waits for at the first.
    for (let ticks = 0; ticks < 2; ticks += 1) {
      this.#engine!.tick();
      await this.scheduler.run(() => false);
    }
    this.requests.expectAllAnswered();
    for (const period of visiblePeriods(this.#engine!.programme)) {
      const isOver = closesAtMs(period) <= this.nowMs;
      const { awardPeriodId } = period;
      const isFrozen = this.auditor.isFrozen(awardPeriodId);
      if (isFrozen) this.scheduler.meet('a period closed');
      expectThat(isOver === isFrozen, 'liveness', () => `period ${awardPeriodId}: over ${isOver}, frozen ${isFrozen}`);
    }
  }

  /** Lets events happen until a promise has settled. */
  async #complete<T>(promise: Promise<T>, what: string): Promise<T> {
    let outcome: { readonly value: T } | { readonly error: unknown } | null = null;
    promise.then(
      (value) => {
        outcome = { value };
      },
      (error: unknown) => {
        outcome = { error };
      },
    );
    await this.scheduler.run(() => outcome !== null);
    const settled = outcome as { readonly value: T } | { readonly error: unknown } | null;
    if (settled === null) throw new Violation('liveness', `nothing is left to happen, and ${what} waits`);
    if ('error' in settled) throw settled.error;
    return settled.value;
  }

  // A process, from start to death

  #start(): void {
    this.auditor.life += 1;
    this.#planDeath();
    const process = new EngineProcess({
      scheduler: this.scheduler,
      disk: this.#disk,
      shardCount: this.scene.shardCount,
      clock: { nowMs: () => this.nowMs },
      programme: this.scene.programme,
      ringBytes: LIMITS.ringBytesBetweenShards * (this.scene.isProgrammeFixed ? 1 : 2),
      checkpointRowCount: this.scene.checkpointRowCount,
      onPoint: (name) => this.#passes(process, name),
      failed: (error) => this.#failed(process, error),
      isReceived: (message) => this.auditor.isReceived(message),
    });
    this.#process = process;
    process.open().then(
      (engine) => {
        if (process === this.#process) this.#opened(process, engine);
      },
      (error: unknown) => {
        if (process === this.#process) this.#cannotOpen(error);
      },
    );
  }

  #opened(process: EngineProcess, engine: Engine): void {
    this.#engine = engine;
    const isWrong = this.#isClockWrong && this.nowMs + 1_000 < this.auditor.lastMs;
    expectThat(!isWrong, 'broke', () => 'an engine opens long before what its journal says');
    if (this.#random.below(3) === 0) return this.#serve();
    this.#checkNow(engine).then(
      () => {
        if (process === this.#process) this.#serve();
      },
      (error: unknown) => {
        if (process === this.#process) this.#broke(error);
      },
    );
  }

  #serve(): void {
    this.scheduler.note('serves');
    this.#isServing = true;
    for (const resolve of this.#servingWaits.splice(0)) resolve();
  }

  #cannotOpen(error: unknown): void {
    const code = error instanceof StorageFault ? error.code : '';
    if (code === 'CLOCK_BEFORE_JOURNAL' && this.#isClockWrong) {
      this.#skewMs += DAY_MS;
      this.#isClockWrong = false;
      this.scheduler.meet('the clock was wrong');
      return this.#die('is told that its clock is wrong');
    }
    if (this.#disk.failedWrites > this.#failedWrites) return this.#die('cannot open');
    this.#broke(error);
  }

  #failed(process: EngineProcess, error: unknown): void {
    if (process !== this.#process) return;
    if (this.#disk.failedWrites > this.#failedWrites) this.#die('stops at a fault');
    else this.#broke(error);
  }

  #broke(error: unknown): void {
    const cause = error instanceof StorageFault ? error.cause : error;
    this.#violation ??= cause instanceof Violation ? cause : new Violation('broke', textOf(error));
  }

  #thrown(error: unknown): void {
    if (error instanceof PowerCut) return;
    this.#broke(error);
  }

  #passes(process: EngineProcess, name: string): void {
    if (process !== this.#process || this.#death?.point !== name) return;
    this.#death.passings -= 1;
    if (this.#death.passings > 0) return;
    this.#die(`dies at ${name}`);
    throw new PowerCut();
  }

  #settled(): void {
    if (this.#violation !== null) throw this.#violation;
    // Who opens or closes is told through the front.
    const isServing = this.#engine !== null && !this.#isStopping;
    const isStopped = !isServing || this.#disk.failedWrites === this.#failedWrites;
    expectThat(isStopped, 'broke', () => 'a write failed, and the process goes on');
    expectThat(this.scheduler.count < EVENTS_MAX, 'liveness', () => 'there is no end to it');
    const death = this.#death;
    if (death === null || this.#process === null || this.scheduler.count < death.atEvent) return;
    if (death.isInWrite && !this.#disk.isBusy) return;
    if (death.isOrderly && this.#engine !== null) this.#stopOrderly(this.#process, this.#engine);
    else this.#die('dies');
  }

  /** As by SIGTERM; a second death may come before it has ended (fault 23). */
  #stopOrderly(process: EngineProcess, engine: Engine): void {
    this.scheduler.note('is asked to stop');
    this.#isStopping = true;
    const atEvent = this.scheduler.count + (this.#random.below(2) === 0 ? this.#random.below(80) : EVENTS_MAX);
    this.#death = { atEvent, point: null, passings: 0, isOrderly: false, isInWrite: false };
    engine.close().then(
      () => {
        if (process === this.#process) this.#die(STOPPED);
      },
      (error: unknown) => {
        if (process === this.#process) this.#failed(process, error);
      },
    );
  }

  #die(how: string): void {
    this.scheduler.note(how);
    this.#deaths += 1;
    if (this.#engine === null) this.scheduler.meet('a death cut a recovery');
    if (this.#isStopping && how !== STOPPED) this.scheduler.meet('a death cut an orderly stop');
    if (this.#death !== null && CLAIM_POINTS.includes(this.#death.point ?? ''))
      this.scheduler.meet('a death cut a claim');
    if (this.#death !== null && DECISION_POINTS.includes(this.#death.point ?? ''))
      this.scheduler.meet('a death cut a decision about a period');
    this.#process?.kill();
    this.#process = null;
    this.#engine = null;
    this.#isServing = false;
    this.#isStopping = false;
    this.#death = null;
    this.#crashDisk();
    if (this.#random.below(3) === 0) this.#graves.push(wholeCopyOf(this.#disk.folder).folder!);
    this.#failedWrites = this.#disk.failedWrites;
    this.requests.cut();
    for (const resolve of this.#deathWaits.splice(0)) resolve();
    this.#setBackClock();
    this.scheduler.after(this.#lane, this.#random.below(2 * SECOND), 'starts', () => this.#start());
  }

  /** Where a promise is the only caller, nobody else would hear. */
  #crashDisk(): void {
    try {
      this.#disk.crash();
    } catch (error) {
      this.#broke(error);
    }
  }

  /** The clock of a machine that starts is not always right; what is a second off is borne, more is told (DECISION 34). */
  #setBackClock(): void {
    if (this.#isOver || this.#isClockWrong) return;
    const dice = this.#random.below(12);
    if (dice < 2 && this.scene.clockStepMs === 1 && this.nowMs >= this.auditor.lastMs) {
      this.#skewMs -= this.#random.below(900);
      this.requests.isClockFallen = true;
      this.scheduler.meet('the clock was behind');
    }
    if (dice !== 2) return;
    // Where nothing was journaled for longer nobody can tell; but who walks calmly goes by the instant at which it asked.
    if (this.scene.isCalm && this.nowMs - DAY_MS + 1_000 >= this.auditor.lastMs) return;
    this.#skewMs -= DAY_MS;
    this.#isClockWrong = true;
  }

  #planDeath(): void {
    this.#death = null;
    if (this.#deathsLeft === 0 || this.#isOver) return;
    this.#deathsLeft -= 1;
    const dice = this.#random.below(10);
    const { count } = this.scheduler;
    // Now and then one after the other, before anything is served.
    if (this.#deaths > 0 && dice < 4) this.#death = this.#deathAt(count + this.#random.below(120));
    else if (dice < 7) this.#death = this.#deathAt(count + 100 + this.#random.below(1_500));
    else {
      const [point, passings] = [this.#random.pick(POINTS), 1 + this.#random.below(20)];
      this.#death = { atEvent: EVENTS_MAX, point, passings, isOrderly: false, isInWrite: false };
    }
  }

  #deathAt(atEvent: number): Death {
    const dice = this.#random.below(6);
    return { atEvent, point: null, passings: 0, isOrderly: dice === 0, isInWrite: dice > 2 };
  }

  #checkNow(engine: Engine): Promise<void> {
    const { scheduler, auditor, requests, citizens } = this;
    return checkAtRest({ scheduler, engine, auditor, requests, citizens });
  }

  // For who walks calmly

  /** Asks whoever serves; if that dies meanwhile, the one after it. */
  async ask<T>(question: (engine: Engine) => Promise<T>): Promise<T> {
    for (;;) {
      if (!this.#isServing) await new Promise<void>((resolve) => this.#servingWaits.push(resolve));
      const isGone = new Promise<null>((resolve) => this.#deathWaits.push(() => resolve(null)));
      const answered = await Promise.race([question(this.#engine!).then((value) => ({ value })), isGone]);
      if (answered !== null) return answered.value;
    }
  }

  do(name: string, body: WalletCommandBody): Promise<CommandReply> {
    return new Promise((resolve) => {
      this.requests.command(this.#commandOf(name, body, this.nextId()), (reply) => resolve(reply as CommandReply));
    });
  }

  /** The clock moves on, and the engine hears of it. */
  passTime(ms: number): void {
    this.#calmMs += ms;
    this.#engine?.tick();
  }

  // What clients do

  #planAction(delayUs: number): void {
    this.scheduler.after(this.#lane, delayUs, 'acts', () => {
      this.#actionsLeft -= 1;
      const delay = this.#act(this.workload.next(this.nowMs));
      this.#interfere();
      this.#planPay(delay);
      if (this.#actionsLeft > 0) this.#planAction(delay);
    });
  }

  /** @returns when the next one comes */
  #act(action: Action): number {
    const soonUs = this.#soonUs();
    switch (action.kind) {
      case 'command':
        this.requests.command(this.#commandOf(action.name, action.body, this.nextId()));
        // From another device of the same citizen.
        if (action.body.kind === 'enableCashback' && this.#random.below(3) === 0) {
          this.requests.command(this.#commandOf(action.name, action.body, this.nextId()));
        }
        return soonUs;
      case 'record':
        this.requests.record(action.record);
        return soonUs;
      case 'again':
        this.#sendAgain();
        return soonUs;
      case 'reuse':
        this.#reuse(action.name, action.body);
        return soonUs;
      case 'read':
        this.#read({ citizen: this.citizens.get(action.name)!, hpan: action.hpan, command: null });
        return soonUs;
      case 'wait':
        return this.#waitUs(action.ms);
    }
  }

  #soonUs(): number {
    const dice = this.#random.below(6);
    if (dice < 3) return this.#random.below(200);
    return dice < 5 ? this.#random.below(8 * MS) : this.#random.below(2 * SECOND);
  }

  /** Now and then to the edge of a period, so that what follows happens on both sides of it. */
  #waitUs(ms: number): number {
    const edges = this.scene.programme.periods.map(closesAtMs).filter((edge) => edge > this.nowMs);
    const [edge] = edges.sort((a, b) => a - b);
    if (edge !== undefined && edge - this.nowMs < 30 * HOUR_MS && this.#random.below(3) === 0) {
      this.scheduler.meet('clients met at the end of a period');
      const untilMs = edge - this.nowMs - this.#random.below(12);
      this.scheduler.after(this.#lane, (untilMs + 12) * MS, 'ticks', () => this.#engine?.tick());
      return Math.max(0, untilMs * MS);
    }
    return ms * MS;
  }

  /** Threads that pause, disks that fail, clocks that jump. */
  #interfere(): void {
    const dice = this.#random.below(100);
    if (dice < 6) this.#process?.pause(this.#random.below(dice < 4 ? 300 * MS : 3 * SECOND));
    else if (dice < 8) this.#disk.failOnce();
    else if (dice < 10) this.#skewMs += this.#random.below(2 * DAY_MS);
    else if (dice < 11 && this.scene.isMonthLong) this.#skewMs += 31 * DAY_MS;
    if (dice < 8 || dice > 10) return;
    this.scheduler.meet('the clock jumped');
    this.#engine?.tick();
  }

  #planTick(): void {
    this.scheduler.after(this.#lane, 10 * MINUTE_US + this.#random.below(60 * MINUTE_US), 'ticks', () => {
      this.#engine?.tick();
      if (this.#actionsLeft > 0) this.#planTick();
    });
  }

  /** As often as clients act, however long they wait; also what is not closed yet, and then nothing comes of it. */
  #planPay(withinUs: number): void {
    this.scheduler.after(this.#lane, this.#random.below(withinUs + 1), 'pays', () => {
      this.#engine?.tick();
      if (!this.#isServing) return;
      const [engine, process] = [this.#engine!, this.#process];
      const over = this.scene.programme.periods.filter((period) => closesAtMs(period) <= this.nowMs + DAY_MS);
      const period = over[this.scheduler.count % Math.max(1, over.length)];
      const act = async () => {
        await this.#operator.act(engine, this.nowMs);
        await this.#acquirer.act(engine, this.nowMs);
        if (period !== undefined) await this.#paymaster.act(engine, period.awardPeriodId);
        await this.#herald.act(engine, this.nowMs);
      };
      act().catch((error: unknown) => {
        if (process === this.#process) this.#broke(error);
      });
    });
  }

  #sendAgain(): void {
    if (this.requests.all.length === 0) return;
    const { command, record, names } = this.#random.pick(this.requests.all);
    if (command !== null) this.requests.command(command);
    else this.requests.record(record!, undefined, names);
  }

  #reuse(name: string, body: WalletCommandBody): void {
    const citizen = this.citizens.get(name)!;
    const known = this.requests.all.filter(({ command }) => command?.citizen === citizen);
    if (known.length === 0) return;
    const { id, origin } = this.#random.pick(known).command!;
    this.requests.command({ citizen, taxCode: PEOPLE.get(name)!, origin, id, body });
  }

  #commandOf(name: string, body: WalletCommandBody, id: string) {
    const citizen = this.citizens.get(name)!;
    return { citizen, taxCode: PEOPLE.get(name)!, origin: this.#originOf(citizen), id, body };
  }

  #originOf(citizen: string) {
    return this.scene.isCalm ? OWN(citizen) : this.workload.originOf(citizen);
  }

  /** Mostly later than all before; some clients drew theirs long ago. */
  nextId(): string {
    this.#ids += 1;
    const isEarly = !this.scene.isCalm && this.#random.below(6) === 0;
    const order = isEarly ? this.#random.below(this.#ids) : this.#ids;
    return order.toString(16).padStart(12, '0') + this.#ids.toString(16).padStart(20, '0');
  }

  // Reads while everything is under way

  /** While a command is under way its citizen looks what became of it. */
  #planRead(command: WalletCommand): void {
    if (this.scene.isCalm || this.#random.below(3) > 0) return;
    const { citizen, body } = command;
    const hpan = 'hpan' in body ? body.hpan : CARDS[0]!;
    const delayUs = this.#random.below(this.#random.below(2) === 0 ? 300 : 4 * MS);
    this.scheduler.after(this.#lane, delayUs, 'reads', () => this.#read({ citizen, hpan, command }));
  }

  #read(read: Reading): void {
    const engine = this.#isServing ? this.#engine : null;
    if (engine === null) return;
    const process = this.#process;
    this.#readAndCheck(engine, read).catch((error: unknown) => {
      if (process === this.#process) this.#broke(error);
    });
  }

  async #readAndCheck(engine: Engine, { citizen, hpan, command }: Reading): Promise<void> {
    const { auditor } = this;
    const held = auditor.citizen(citizen);
    const who = short(citizen);
    const since = held.seen.length - 1;
    switch (this.#random.below(5)) {
      case 0: {
        const period = this.#random.pick(engine.programme.periods);
        const total = await engine.total(citizen, period.awardPeriodId);
        if (total.ok) expectSeen(total.value, period, held.seen.slice(since), `${who} (read)`);
        return;
      }
      case 1: {
        const wallet = await engine.wallet(citizen);
        if (!wallet.ok) return;
        const { enabled, termsMs, position } = wallet.value;
        const isSeen = held.seen.slice(since).some((one) => one.isEnabled === enabled && one.termsMs === termsMs);
        const isFlushed = position.sequence <= auditor.sequence(position.partition);
        return expectThat(isSeen && isFlushed, 'flushed', () => {
          return `${who} reads ${enabled} since ${termsMs} at ${position.sequence}: not on disk`;
        });
      }
      case 2: {
        const read = await engine.instrument(citizen, hpan);
        if (!read.ok || read.value.status !== 'ACTIVE') return;
        const { activationMs } = read.value;
        const isThere = auditor.card(hpan).activations.some((one) => {
          return one.citizen === citizen && one.activationMs === activationMs;
        });
        return expectThat(isThere, 'flushed', () => `${who} reads of an activation that is not on disk`);
      }
      case 3:
        return this.#readReversals(engine, this.#random.pick(['pending', 'parked']));
      default:
        return this.#readOutcome(engine, command ?? this.#anyCommandOf(citizen));
    }
  }

  async #readReversals(engine: Engine, state: 'pending' | 'parked'): Promise<void> {
    const read = await engine.reversals({ state, limit: 100 });
    if (!read.ok) return;
    for (const { record } of read.value.reversals) {
      const isThere = this.auditor.record(record)?.states.has(state) ?? false;
      expectThat(isThere, 'flushed', () => `${recordText(record)} is listed as ${state} and never was on disk`);
    }
  }

  #anyCommandOf(citizen: string): WalletCommand | null {
    const known = this.requests.all.filter(({ command }) => command?.citizen === citizen);
    return known.length === 0 ? null : this.#random.pick(known).command;
  }

  async #readOutcome(engine: Engine, command: WalletCommand | null): Promise<void> {
    if (command === null) return;
    const { citizen, origin, id } = command;
    const key = commandKey(origin, id);
    const before = this.auditor.command(citizen, key);
    const read = await engine.outcome(citizen, origin, id);
    if (!read.ok) return;
    const after = this.auditor.command(citizen, key);
    const { value } = read;
    const isRight =
      value.state === 'done' ? after !== undefined && isSame(value.answer, after.answer) : before === undefined;
    expectThat(isRight, 'flushed', () => `${short(citizen)} reads ${value.state} of a command that is not so on disk`);
  }

  /** @returns when it had arrived, too: that is the time by which it is judged */
  send(record: Parameters<Requests['record']>[0]): Promise<{ reply: RecordReply; receivedMs: number }> {
    return new Promise((resolve) => {
      this.requests.record(record, (reply, receivedMs) => resolve({ reply: reply as RecordReply, receivedMs }));
    });
  }
}

const OWN = (citizen: string) => ({ role: 'citizen', subject: citizen, channel: 'app-io-channel' }) as const;

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
