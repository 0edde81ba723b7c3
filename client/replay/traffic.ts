/**
 * Performs the plan against a real server. Open loop: an operation is due at its instant whatever the server does;
 * one that has to wait for the step before it is late, and its latency says so (no coordinated omission).
 */
import type { CommandId, Hpan } from '../../engine/contract.ts';
import type { ChangeType } from '../../server/wire/index.ts';
import {
  type ChangeFields,
  type ChangeReply,
  ClickdayClient,
  ClientFault,
  newCommandId,
  type ReadReply,
  type SocketConstructor,
} from '../sdk/index.ts';
import type { Ledger } from './ledger.ts';
import type { Meter } from './meter.ts';
import type { Operation, StepKind } from './plan.ts';
import type { Citizen, Instrument } from './population.ts';

export interface TrafficOptions {
  readonly url: string;
  readonly WebSocket: SocketConstructor;
  /** Signed beforehand: making tokens is not the server's work. */
  readonly tokenOf: (citizen: Citizen) => string;
  readonly hpanOf: (instrument: Instrument) => Hpan;
  readonly meter: Meter;
  readonly ledger: Ledger;
}

/** What one person does in one sitting: steps happen one after the other, on one connection. */
interface Visit {
  client: ClickdayClient | null;
  tail: Promise<void>;
  /** The last addition, in case the button is pressed twice. */
  lastAdditionId: CommandId;
  isGivenUp: boolean;
}

const LOGIN_TRIES = 4;
const LOGIN_PAUSE_MS = 500;
/** Timers fire no finer; what is due within it goes out together. */
const PACE_MS = 4;

export class Traffic {
  readonly #options: TrafficOptions;
  readonly #visits = new Map<number, Visit>();
  #startMs = 0;

  constructor(options: TrafficOptions) {
    this.#options = options;
  }

  /** Milliseconds since the start; monotonic. */
  get elapsedMs(): number {
    return this.#startMs === 0 ? 0 : performance.now() - this.#startMs;
  }

  /** Resolves when the last operation has its answer, or was given up. */
  async run(operations: readonly Operation[]): Promise<void> {
    this.#startMs = performance.now();
    const running = new Set<Promise<void>>();
    let next = 0;
    while (next < operations.length) {
      for (; next < operations.length && operations[next]!.atMs <= this.elapsedMs; next += 1) {
        const launched = this.#launch(operations[next]!).finally(() => running.delete(launched));
        running.add(launched);
      }
      await pause(PACE_MS);
    }
    await Promise.all(running);
  }

  #launch(operation: Operation): Promise<void> {
    const visit = this.#visitOf(operation.visit);
    const { meter } = this.#options;
    meter.inFlight += 1;
    visit.tail = visit.tail.then(async () => {
      await this.#perform(visit, operation);
      meter.inFlight -= 1;
      if (operation.isLast) this.#end(operation.visit, visit);
    });
    return visit.tail;
  }

  #visitOf(number: number): Visit {
    const known = this.#visits.get(number);
    if (known !== undefined) return known;
    const visit: Visit = { client: null, tail: Promise.resolve(), lastAdditionId: '', isGivenUp: false };
    this.#visits.set(number, visit);
    return visit;
  }

  #end(number: number, visit: Visit): void {
    if (visit.client !== null) {
      visit.client.close();
      this.#options.meter.sockets -= 1;
    }
    this.#visits.delete(number);
  }

  async #perform(visit: Visit, operation: Operation): Promise<void> {
    const { step } = operation;
    if (visit.isGivenUp) return this.#options.meter.lost(step.kind, 'GIVEN_UP');
    try {
      const isRepeated = await this.#step(visit, operation);
      if (isRepeated !== null) this.#done(operation, isRepeated);
    } catch (fault) {
      if (!(fault instanceof ClientFault)) throw fault;
      this.#options.meter.lost(step.kind, fault.code);
      if (step.kind === 'login') visit.isGivenUp = true;
    }
  }

  #done({ atMs, step }: Operation, isRepeated: boolean): void {
    this.#options.meter.done(step.kind, this.elapsedMs - atMs, this.elapsedMs, isRepeated);
  }

  /** @returns whether it had been done before; null when it ended in a refusal */
  async #step(visit: Visit, { citizen, step }: Operation): Promise<boolean | null> {
    switch (step.kind) {
      case 'login':
        visit.client = await this.#login(citizen);
        visit.client.onRefusal(({ type, refusal }) => this.#options.meter.refused(type as StepKind, refusal.code));
        this.#options.meter.sockets += 1;
        return false;
      case 'wallet':
        return repetition(await visit.client!.read('wallet', {}));
      case 'ranking':
        return repetition(await visit.client!.read('ranking', {}));
      case 'enrol':
        return this.#change(visit, citizen, 'enrol', {}, null);
      case 'setIban': {
        const holder = {
          accountHolderCF: citizen.taxCode,
          accountHolderName: citizen.name,
          accountHolderSurname: citizen.surname,
        };
        return this.#change(visit, citizen, 'setIban', { iban: step.iban, ...holder }, null);
      }
      case 'addMethod': {
        const { pan, circuitType: _, ...details } = step.instrument;
        const id = step.isRepeat ? visit.lastAdditionId : newCommandId();
        visit.lastAdditionId = id;
        return this.#change(visit, citizen, 'addMethod', { pan, details }, this.#options.hpanOf(step.instrument), id);
      }
      case 'enableCashback': {
        const hpan = this.#options.hpanOf(step.instrument);
        return this.#change(visit, citizen, 'enableCashback', { hpan }, hpan);
      }
    }
  }

  async #login(citizen: Citizen): Promise<ClickdayClient> {
    const { url, WebSocket, tokenOf } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await ClickdayClient.connect({ url, WebSocket, token: tokenOf(citizen) });
      } catch (fault) {
        if (attempt === LOGIN_TRIES || (fault instanceof ClientFault && fault.code === 'UNAUTHENTICATED')) throw fault;
        this.#options.meter.refused('login', fault instanceof ClientFault ? fault.code : 'ERROR');
        await pause(LOGIN_PAUSE_MS * attempt);
      }
    }
  }

  /** One command under one id, however often it takes; every answer goes into the ledger. */
  async #change<T extends ChangeType & StepKind>(
    visit: Visit,
    citizen: Citizen,
    kind: T,
    fields: ChangeFields<T>,
    hpan: Hpan | null,
    id: CommandId = newCommandId(),
  ): Promise<boolean | null> {
    const { ledger } = this.#options;
    const command = { taxCode: citizen.taxCode, id, kind, hpan };
    ledger.note({ ...command, answer: null });
    const reply = await visit.client!.change(kind, fields, id);
    if (reply.ok) ledger.note({ ...command, answer: reply.answer });
    else ledger.refuse(id);
    return repetition(reply);
  }
}

function repetition(reply: ChangeReply | ReadReply<'wallet' | 'ranking'>): boolean | null {
  if (!reply.ok) return null;
  return 'repeated' in reply && reply.repeated;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
