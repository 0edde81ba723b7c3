/**
 * What clients ask over a network that loses, doubles, delays and reorders, and what they are told: each answer is held
 * against the disk at the moment at which it leaves the engine. Who gets no answer sends the same again.
 */
import type {
  CommandReply,
  Engine,
  RecordCommand,
  RecordOutcome,
  Refused,
  TransactionRecord,
  WalletCommand,
} from '../../engine/index.ts';
import { acceptingPeriod } from '../../engine/index.ts';
import { bodyText, commandKey } from '../../engine/shard/command-text.ts';
import type { Auditor } from './auditor.ts';
import { expectThat } from './fault.ts';
import type { Scene } from './scene.ts';
import { type Lane, MS, type Scheduler, SECOND } from './scheduler.ts';
import { recordText } from './workload.ts';

export type RecordReply = RecordOutcome | Refused;

/** What a row says of where it stands and whose it may be. */
export type RowNames = Pick<RecordCommand, 'file' | 'par'>;

type Done = (reply: CommandReply | RecordReply, receivedMs: number) => void;

/** A command or a row, from its first sending to its last answer. */
export interface Request {
  readonly number: number;
  readonly command: WalletCommand | null;
  readonly record: TransactionRecord | null;
  readonly names: RowNames;
  readonly text: string;
  /** What the client was told at last; null = nothing yet. */
  reply: CommandReply | RecordReply | null;
  sentCount: number;
  /** Copies that were with the engine when it died. */
  lostCount: number;
  /** Told with the time at which the copy that was answered had arrived, by the clock of that machine. */
  readonly done: Done;
}

export interface RequestsOptions {
  readonly scheduler: Scheduler;
  readonly auditor: Auditor;
  readonly scene: Scene;
  readonly nowMs: () => number;
  /** Null = nobody listens. */
  readonly engine: () => Engine | null;
  /** A command is with the engine now. */
  readonly arrived: (command: WalletCommand) => void;
}

const TIMEOUT_US = 3 * SECOND;

export class Requests {
  readonly all: Request[] = [];
  /** From now on the network is perfect. */
  isCalm = false;
  /** What was received may be older than what is journaled. */
  isClockFallen = false;
  openCount = 0;
  answerCount = 0;
  readonly #options: RequestsOptions;
  readonly #lane: Lane;
  /** Under which body an id was done, and which bodies were ever sent under it. */
  readonly #doneBodies = new Map<string, string>();
  readonly #bodies = new Map<string, Set<string>>();
  /** A copy each. */
  #atEngine = new Set<{ readonly text: string; readonly request: Request }>();

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.#lane = options.scheduler.lane('network');
  }

  command(command: WalletCommand, done: Done = () => {}): Request {
    const key = idOf(command);
    const known = this.#bodies.get(key);
    if (known === undefined) this.#bodies.set(key, new Set([bodyText(command.body)]));
    else known.add(bodyText(command.body));
    const text = `${command.body.kind} ${command.id.slice(-4)} of ${command.citizen.slice(0, 4)}`;
    return this.#open({ command, record: null, names: {}, text, done });
  }

  record(record: TransactionRecord, done: Done = () => {}, names: RowNames = {}): Request {
    return this.#open({ command: null, record, names, text: recordText(record), done });
  }

  /** The engine has died: what it had in hand may have happened or not, and its connections are cut. */
  cut(): void {
    for (const { request } of this.#atEngine) request.lostCount += 1;
    this.#atEngine = new Set();
  }

  /** When nothing is under way: whatever reached this engine was answered. */
  expectAllAnswered(): void {
    const [left] = this.#atEngine;
    expectThat(left === undefined, 'ended', () => `${left?.text} reached the engine, and was never answered`);
  }

  /** Whether anybody was told that a command is done, or it was with an engine that died. */
  mayBeDone(command: WalletCommand): boolean {
    const key = idOf(command);
    if (this.#doneBodies.has(key)) return true;
    return this.all.some((one) => one.lostCount > 0 && one.command !== null && idOf(one.command) === key);
  }

  #open(of: Pick<Request, 'command' | 'record' | 'names' | 'text' | 'done'>): Request {
    const request: Request = { ...of, number: this.all.length, reply: null, sentCount: 0, lostCount: 0 };
    this.all.push(request);
    this.openCount += 1;
    this.#send(request);
    return request;
  }

  #send(request: Request): void {
    if (request.reply !== null) return;
    const { scheduler, scene } = this.#options;
    const { random } = scheduler;
    request.sentCount += 1;
    const copies = !this.isCalm && random.below(100) < scene.duplicated ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (copy > 0) scheduler.meet('a request came twice');
      if (this.#isLost()) {
        scheduler.meet('a request was lost');
        continue;
      }
      scheduler.after(this.#lane, this.#delayUs(), `brings ${request.text}`, () => this.#arrive(request));
    }
    const timeoutUs = TIMEOUT_US * Math.min(16, request.sentCount);
    scheduler.after(this.#lane, timeoutUs, `is late with ${request.text}`, () => this.#send(request));
  }

  #arrive(request: Request): void {
    const engine = this.#options.engine();
    if (engine === null) return;
    // A refusal leaves no trace: a late copy may be done after all. Who walks beside the law asks it once.
    if (this.#options.scene.isCalm && request.reply !== null) return;
    const copy = { text: request.text, request };
    this.#atEngine.add(copy);
    const life = this.#options.auditor.life;
    let isAnswered = false;
    const receivedMs = this.#options.nowMs();
    const answer = (reply: CommandReply | RecordReply) => {
      expectThat(!isAnswered, 'ended', () => `${request.text} was answered twice`);
      isAnswered = true;
      if (life !== this.#options.auditor.life || this.#options.engine() === null) return;
      this.#atEngine.delete(copy);
      this.answerCount += 1;
      this.#options.scheduler.note(`answers ${request.text}: ${replyText(reply)}`);
      if (request.command !== null) this.#checkCommand(request.command, reply as CommandReply);
      else this.checkRecord({ record: request.record!, receivedMs, ...request.names }, reply as RecordReply);
      this.#reply(request, reply, receivedMs);
    };
    if (request.command !== null) this.#options.arrived(request.command);
    if (request.command !== null) engine.execute(request.command, answer);
    else engine.record({ record: request.record!, receivedMs, ...request.names }, answer);
  }

  #reply(request: Request, reply: CommandReply | RecordReply, receivedMs: number): void {
    if (this.#isLost()) return;
    this.#options.scheduler.after(this.#lane, this.#delayUs(), `answers ${request.text}`, () => {
      if (request.reply !== null || isTryAgain(reply)) return;
      request.reply = reply;
      this.openCount -= 1;
      request.done(reply, receivedMs);
    });
  }

  #isLost(): boolean {
    const { scheduler, scene } = this.#options;
    return !this.isCalm && scheduler.random.below(100) < scene.lost;
  }

  #delayUs(): number {
    const { random } = this.#options.scheduler;
    return random.below(20) === 0 ? random.below(800 * MS) : 50 + random.below(3 * MS);
  }

  #checkCommand({ citizen, origin, id, body }: WalletCommand, reply: CommandReply): void {
    const { auditor } = this.#options;
    const key = commandKey(origin, id);
    const text = bodyText(body);
    const known = `${citizen} ${key}`;
    const held = auditor.command(citizen, key);
    const { scheduler } = this.#options;
    if (!reply.ok) {
      if (reply.code === 'INSTRUMENT_TAKEN') scheduler.meet('a card was taken');
      if (reply.code === 'ID_REUSED') {
        scheduler.meet('an id was reused');
        const isReused = this.#bodies.get(known)!.size > 1;
        return expectThat(isReused, 'acknowledged', () => `${key} was used once, and is called reused`);
      }
      if (isTryAgain(reply)) return;
      const isDone = held !== undefined && this.#doneBodies.get(known) === text;
      return expectThat(!isDone, 'acknowledged', () => `${body.kind} ${key} is done, and refused: ${reply.code}`);
    }
    expectThat(held !== undefined, 'flushed', () => `${body.kind} ${key} is told done and is not on disk`);
    const { answer, partition, sequence } = held!;
    expectThat(isSame(reply.answer, answer), 'acknowledged', () => {
      return `${body.kind} ${key} is told ${JSON.stringify(reply.answer)}, done ${JSON.stringify(answer)}`;
    });
    expectThat(reply.position.partition === partition && reply.position.sequence === sequence, 'acknowledged', () => {
      return `${body.kind} ${key} is told at ${JSON.stringify(reply.position)}, done at ${partition}:${sequence}`;
    });
    if (this.#doneBodies.has(known)) scheduler.meet('a done command was answered again');
    const before = this.#doneBodies.get(known) ?? text;
    expectThat(before === text, 'acknowledged', () => `${key} is done with two bodies: ${before}, ${text}`);
    this.#doneBodies.set(known, text);
    if (body.kind !== 'enableCashback') return;
    if (this.#isAskedToo(citizen, id, body.hpan)) scheduler.meet('two devices enabled one card');
    const has = auditor.card(body.hpan).activations.some((one) => {
      return one.citizen === citizen && one.activationMs === answer.activationMs;
    });
    expectThat(has, 'recomputed', () => `${body.kind} ${key}: the card was never activated at ${answer.activationMs}`);
  }

  /** Whether the engine has another command to enable the same card. */
  #isAskedToo(citizen: string, id: string, hpan: string): boolean {
    return [...this.#atEngine].some(({ request: { command } }) => {
      if (command?.citizen !== citizen || command.id === id) return false;
      return command.body.kind === 'enableCashback' && command.body.hpan === hpan;
    });
  }

  /** What has just been said of a row, against the law and the disk. */
  checkRecord(command: RecordCommand, reply: RecordReply): void {
    const { record } = command;
    if ('ok' in reply) return;
    this.#checkPeriod(command, reply);
    const held = this.#options.auditor.record(record);
    const { status } = reply;
    if (status === 'dropped' || (status === 'rejected' && reply.code !== 'DUPLICATE_RECORD')) return;
    expectThat(held !== undefined, 'flushed', () => `${recordText(record)} is told ${status} and is not on disk`);
    const { scheduler } = this.#options;
    if (status === 'rejected') return scheduler.meet('a row came again');
    expectThat(held!.states.has(status), 'flushed', () => `${recordText(record)} is ${held!.state}, told ${status}`);
    if (!('scoreCents' in reply)) return;
    expectThat(reply.scoreCents === held!.scoreCents, 'acknowledged', () => {
      return `${recordText(record)} is told ${reply.scoreCents} cents, journaled with ${held!.scoreCents}`;
    });
  }

  /** Whatever is decided about a period is on disk before any row is dated inside it. */
  #checkPeriod({ record, receivedMs, file = '', par }: RecordCommand, reply: RecordOutcome): void {
    if (this.isClockFallen) return;
    const { scheduler, auditor } = this.#options;
    const period = acceptingPeriod(auditor.programme, { trxMs: record.trxMs, receivedMs });
    if ('code' in reply && reply.code === 'NO_AWARD_PERIOD') {
      expectThat(period === null, 'law', () => `${recordText(record)} came in time, and is told ${reply.code}`);
    }
    if (reply.status !== 'counted') return;
    if (par !== undefined) scheduler.meet('a row that named a PAR counted');
    const { awardPeriodId } = reply;
    if (period?.awardPeriodId === awardPeriodId) return;
    const isOpenAgain = auditor.decisions.some((one) => {
      const isNamed = one.kind === 'reopen' && one.awardPeriodId === awardPeriodId && one.files.includes(file);
      return isNamed && receivedMs < one.untilMs;
    });
    expectThat(isOpenAgain, 'law', () => `${recordText(record)} of file ${file} counts in period ${awardPeriodId}`);
    scheduler.meet('a late row counted');
  }
}

/** Of a citizen's command, whoever sent it. */
function idOf({ citizen, origin, id }: WalletCommand): string {
  return `${citizen} ${commandKey(origin, id)}`;
}

function isTryAgain(reply: CommandReply | RecordReply): boolean {
  return 'code' in reply && (reply.code === 'OVERLOADED' || reply.code === 'DRAINING');
}

function replyText(reply: CommandReply | RecordReply): string {
  if ('ok' in reply) return reply.ok ? 'done' : reply.code;
  return 'code' in reply ? `${reply.status} ${reply.code}` : reply.status;
}

export function isSame(left: unknown, right: unknown): boolean {
  return sorted(left) === sorted(right);
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    const isObject = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
    return isObject ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner;
  });
}
