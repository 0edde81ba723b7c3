/**
 * The engine as the front's thread sees it: the same door, over two rings. Whatever is asked is answered exactly once,
 * unless the engine's thread dies first; then the process dies with it.
 */
import {
  type CitizenKey,
  citizenKeyText,
  type Engine,
  LIMITS,
  type Programme,
  periodViews,
  type Refused,
  StorageFault,
} from '../../engine/index.ts';
import { type ByteReader, type Codec, KeyedHash } from '../../snapshots/index.ts';
import { type ClockOrigin, clockAt, monotonicMs } from '../clock.ts';
import { Calls } from './calls.ts';
import {
  type Answered,
  type Asked,
  CROSSINGS,
  type Crossing,
  citizens,
  clockOrigin,
  crossingOf,
  type ReadName,
  SAID,
  TOLD,
} from './formats.ts';
import { Link, type LinkOptions } from './link.ts';

export interface RemoteEngineOptions extends Pick<LinkOptions, 'port' | 'outgoing' | 'incoming'> {
  readonly programme: Programme;
  /** By which citizens are named: the front does that by itself, for every command. */
  readonly indexKey: Uint8Array;
  /** The front's, at the start; `setClock` tells of its moves. */
  readonly clock: ClockOrigin;
}

/** A question on its way. */
interface Pending<Reply> {
  readonly format: Codec<Reply>;
  readonly isRead: boolean;
  readonly done: (reply: Reply) => void;
  readonly failed: (fault: StorageFault) => void;
}

export class RemoteEngine implements Engine {
  readonly programme: Programme;
  readonly #names: KeyedHash;
  readonly #link: Link;
  readonly #calls = new Calls<Pending<unknown>>();
  readonly #listeners = new Set<(citizens: readonly CitizenKey[]) => void>();
  #clock: ClockOrigin;
  #readsInFlight = 0;
  #intakes = 0;
  #stats: ReturnType<Engine['stats']> | null = null;
  #isDraining = false;

  constructor({ programme, indexKey, clock, ...ends }: RemoteEngineOptions) {
    this.programme = programme;
    this.#clock = clock;
    this.#names = new KeyedHash(indexKey);
    // All that the sockets bring in one round of the loop is one batch.
    this.#link = new Link({ ...ends, soon: setImmediate, receive: (from) => this.#receive(from) });
  }

  execute: Engine['execute'] = (command, done) => this.#change(CROSSINGS.execute, command, done);
  record: Engine['record'] = (command, done) => this.#change(CROSSINGS.record, command, done);

  citizenKeyOf: Engine['citizenKeyOf'] = (taxCode) => this.#names.digest(citizenKeyText(taxCode));
  wallet: Engine['wallet'] = (...asked) => this.#view('wallet', asked);
  instrument: Engine['instrument'] = (...asked) => this.#view('instrument', asked);
  total: Engine['total'] = (...asked) => this.#view('total', asked);
  payments: Engine['payments'] = (...asked) => this.#view('payments', asked);
  paymentDays: Engine['paymentDays'] = (...asked) => this.#view('paymentDays', asked);
  milestones: Engine['milestones'] = (...asked) => this.#view('milestones', asked);
  rankings: Engine['rankings'] = (...asked) => this.#view('rankings', asked);
  rankingPage: Engine['rankingPage'] = (...asked) => this.#view('rankingPage', asked);
  outcome: Engine['outcome'] = (...asked) => this.#view('outcome', asked);
  reversals: Engine['reversals'] = (...asked) => this.#view('reversals', asked);
  /** One at a time: who asks meanwhile gets the same numbers. */
  stats(): ReturnType<Engine['stats']> {
    this.#stats ??= this.#read('stats', []).finally(() => {
      this.#stats = null;
    });
    return this.#stats;
  }

  periods: Engine['periods'] = () => periodViews(this.programme, this.#nowMs());

  onChanged: Engine['onChanged'] = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  openIntake(receivedMs: number): () => void {
    this.#intakes += 1;
    const intake = this.#intakes;
    this.#tell(TOLD.openIntake, intake, receivedMs);
    return () => this.#tell(TOLD.closeIntake, intake);
  }

  /** By the front's clock, which also says when rows are received: what it stamps later is not handed over yet. */
  tick(nowMs = this.#nowMs()): void {
    this.#tell(TOLD.tick, nowMs);
  }

  /** The clock was moved: whatever is asked from now on is judged by it. */
  setClock(origin: ClockOrigin): void {
    this.#clock = origin;
    const to = this.#link.say();
    to.byte(TOLD.clock);
    clockOrigin.write(to, origin);
  }

  /** Resolves when the stores are closed and the engine's thread has nothing more to do. */
  async close(): Promise<void> {
    this.#isDraining = true;
    await new Promise((resolve, reject) => this.#ask(CROSSINGS.close, [], resolve, reject));
    this.#link.close();
  }

  /** Refuses at once or not at all: what has been handed over finds room in every mailbox (limits.ts). */
  #change<Question, Reply>(
    crossing: Crossing<Question, Reply | Refused>,
    asked: Question,
    done: (reply: Reply | Refused) => void,
  ): void {
    if (this.#isDraining) return done({ ok: false, code: 'DRAINING' });
    const inFlight = this.#calls.count - this.#readsInFlight;
    if (inFlight >= LIMITS.changesInFlightMax || this.#link.isFull) return done(this.#overloaded());
    this.#ask(crossing, asked, done, neverFails);
  }

  #view<M extends Exclude<ReadName, 'stats'>>(name: M, asked: Asked<M>): Promise<Answered<M>> {
    const isTooMuch = this.#readsInFlight >= LIMITS.readsInFlightMax || this.#link.isFull;
    return isTooMuch ? Promise.resolve(this.#overloaded() as Answered<M>) : this.#read(name, asked);
  }

  #read<M extends ReadName>(name: M, asked: Asked<M>): Promise<Answered<M>> {
    this.#readsInFlight += 1;
    return new Promise((resolve, reject) => this.#ask(crossingOf(name), asked, resolve, reject, true));
  }

  #ask<Question, Reply>(
    { number, asked: format, answered }: Crossing<Question, Reply>,
    asked: Question,
    done: (reply: Reply) => void,
    failed: (fault: StorageFault) => void,
    isRead = false,
  ): void {
    const call = this.#calls.add({ format: answered, isRead, done, failed } as Pending<unknown>);
    const to = this.#link.say();
    to.byte(number);
    to.integer(call);
    format.write(to, asked);
  }

  #tell(what: (typeof TOLD)[keyof typeof TOLD], ...numbers: readonly number[]): void {
    const to = this.#link.say();
    to.byte(what);
    for (const number of numbers) to.integer(number);
  }

  #receive(from: ByteReader): void {
    const said = from.byte();
    if (said === SAID.changed) {
      const changed = citizens.read(from);
      for (const listener of this.#listeners) listener(changed);
      return;
    }
    const pending = this.#calls.take(from.integer());
    if (pending.isRead) this.#readsInFlight -= 1;
    if (said === SAID.answered) pending.done(pending.format.read(from));
    else pending.failed(new StorageFault(from.text(), from.text()));
  }

  #nowMs(): number {
    return clockAt(this.#clock, monotonicMs());
  }

  /** When a full mailbox will have been worked off. */
  #overloaded(): Refused {
    return { ok: false, code: 'OVERLOADED', retryAtMs: this.#nowMs() + LIMITS.mailboxDrainMs };
  }
}

function neverFails(fault: StorageFault): never {
  throw fault;
}
