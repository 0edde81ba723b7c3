/**
 * How the service does for people: every try of a function that they know, through whichever front it came, and the
 * incidents that follow from them. A citizen who is told to come back has had no success: an appointment counts as one try
 * that was turned away, however often its holder asks early, and as another one when it is kept. So a share never says that
 * all is well while people wait, and nobody can spoil it by asking a thousand times.
 */
import type { CommandReply, Engine, Read, RefusalName } from '../../engine/index.ts';
import { FUNCTION_NAMES, FUNCTION_OF, type FunctionName, type FunctionState, resultOf, stateOf } from './functions.ts';
import { type Incident, Incidents, type Part } from './incidents.ts';
import { type Figures, Tries } from './tries.ts';

export interface FunctionView {
  readonly state: FunctionState;
  readonly lastMinute: Figures;
  readonly sinceStart: Figures;
  /** Success shares, minute by minute: see `Tries`. */
  readonly lastHour: readonly (number | null)[];
}

export interface KeptIncidents {
  readonly incidents: readonly Incident[];
  /** When a server was there last; null = this is the first. */
  readonly seenMs: number | null;
}

/** What outlives this process. */
export interface IncidentLog {
  /** Of the starts before. */
  readonly kept: KeptIncidents;
  /** One has opened or closed: all that are known, until the next call. */
  changed(incidents: readonly Incident[]): void;
  /** Every second, after that: the server is there. */
  seen(nowMs: number): void;
}

export interface ServiceOptions {
  /** Milliseconds since the epoch, going on evenly from the start whatever becomes of the clock. */
  readonly nowMs: () => number;
  readonly parts: () => readonly Part[];
  readonly log: IncidentLog;
}

export class Service {
  readonly #options: ServiceOptions;
  readonly #tries: Readonly<Record<FunctionName, Tries>>;
  readonly #incidents: Incidents;

  constructor(options: ServiceOptions) {
    this.#options = options;
    const { log } = options;
    const nowMs = options.nowMs();
    const tries = FUNCTION_NAMES.map((name) => [name, new Tries(nowMs)] as const);
    this.#tries = Object.fromEntries(tries) as Record<FunctionName, Tries>;
    const { incidents, seenMs } = log.kept;
    this.#incidents = new Incidents(incidents);
    if (seenMs !== null && this.#incidents.addAbsence(seenMs, nowMs)) log.changed(this.#all);
  }

  get nowMs(): number {
    return this.#options.nowMs();
  }

  /** The newest first, as `closed`. */
  get open(): readonly Incident[] {
    return this.#incidents.open;
  }

  get closed(): readonly Incident[] {
    return this.#incidents.closed;
  }

  /** The same engine, with the tries of those functions counted: to be put before all that answers in its place. */
  observe(engine: Engine): Engine {
    const answered = <T>(name: FunctionName, startedMs: number, reading: Promise<Read<T>>) =>
      reading.then(
        (read) => {
          this.#count(name, startedMs, read.ok ? undefined : read.code);
          return read;
        },
        (error: unknown) => {
          this.#count(name, startedMs, 'INTERNAL_ERROR');
          throw error;
        },
      );
    return {
      ...engine,
      execute: (command, done) => {
        const name = FUNCTION_OF[command.body.kind];
        if (name === undefined) return engine.execute(command, done);
        const startedMs = this.nowMs;
        engine.execute(command, (reply: CommandReply) => {
          this.#count(name, startedMs, reply.ok ? undefined : reply.code);
          done(reply);
        });
      },
      record: (command, done) => {
        const startedMs = this.nowMs;
        engine.record(command, (outcome) => {
          this.#count('recordPayments', startedMs, 'code' in outcome ? outcome.code : undefined);
          done(outcome);
        });
      },
      wallet: (citizen) => answered('wallet', this.nowMs, engine.wallet(citizen)),
      rankings: (...asked) => answered('ranking', this.nowMs, engine.rankings(...asked)),
      rankingPage: (...asked) => answered('ranking', this.nowMs, engine.rankingPage(...asked)),
    };
  }

  /** One that ended before the engine was asked: with an appointment, or since a third party does not answer. */
  countUnserved(name: FunctionName, code: 'OVERLOADED' | 'PARTNER_UNAVAILABLE'): void {
    this.#count(name, this.nowMs, code);
  }

  /** To be called every second. */
  tick(): void {
    const { parts, log } = this.#options;
    const nowMs = this.nowMs;
    const functions = FUNCTION_NAMES.map((name) => ({ name, figures: this.#tries[name].lastMinute(nowMs) }));
    if (this.#incidents.look(nowMs, { functions, parts: parts() })) log.changed(this.#all);
    log.seen(nowMs);
  }

  functions(): Readonly<Record<FunctionName, FunctionView>> {
    const nowMs = this.nowMs;
    const views = FUNCTION_NAMES.map((name) => {
      const tries = this.#tries[name];
      const lastMinute = tries.lastMinute(nowMs);
      const state = stateOf(name, lastMinute);
      return [name, { state, lastMinute, sinceStart: tries.sinceStart(), lastHour: tries.lastHour(nowMs) }] as const;
    });
    return Object.fromEntries(views) as Record<FunctionName, FunctionView>;
  }

  get #all(): readonly Incident[] {
    return [...this.open, ...this.closed];
  }

  #count(name: FunctionName, startedMs: number, code: RefusalName | undefined): void {
    const nowMs = this.nowMs;
    this.#tries[name].count(resultOf(code), nowMs - startedMs, nowMs);
  }
}
