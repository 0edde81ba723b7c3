/**
 * How one connection waits for its turn: it is let in, or told when to come; told so again when it asks before, and given up
 * when it does not listen.
 */
import { type CitizenKey, type Clock, LIMITS, type Origin } from '../../engine/index.ts';
import { type Admission, Allowance, CHANNEL_OF, CLASS_OF, type ComeBack } from '../admission/index.ts';
import { FUNCTION_OF, type Service } from '../service/index.ts';
import type { CheckedRequest, Codec, RefusedReply, RequestType } from '../wire/index.ts';
import { Reminders } from './reminders.ts';
import type { Refusal } from './replies.ts';
import type { Waiter, WaitingRoom } from './waiting.ts';

export interface TurnsPorts {
  /** The programme's time. */
  readonly clock: Clock;
  readonly monotonicMs: () => number;
  /** Absent: there is always room. */
  readonly admission?: Admission | undefined;
  readonly waitingRoom?: WaitingRoom | undefined;
  /** Absent: nobody wants to know whom there was no room for. */
  readonly service?: Pick<Service, 'countUnserved'> | undefined;
}

export interface TurnsOptions {
  /** The connection itself. */
  readonly waiter: Waiter;
  readonly origin: Origin;
  readonly codec: Codec;
  readonly inFlightMax: number;
}

export class Turns {
  readonly #ports: TurnsPorts;
  readonly #waiter: Waiter;
  readonly #origin: Origin;
  /** For asking more than one citizen may. */
  readonly #credit: Allowance;
  #hasCredit = true;
  /** Null: it asks for many, each of whom waits. */
  readonly #reminders: Reminders | null;

  constructor({ waiter, origin, codec, inFlightMax }: TurnsOptions, ports: TurnsPorts) {
    this.#ports = ports;
    this.#waiter = waiter;
    this.#origin = origin;
    this.#credit = new Allowance({ perSecond: LIMITS.creditPerSecond, burst: inFlightMax });
    const isOneAsker = origin.role === 'citizen' || origin.role === 'acquirer';
    this.#reminders = isOneAsker ? new Reminders(codec, inFlightMax, ports) : null;
  }

  /** It goes on as if it had not been told to wait: it is to be cut, rather than being refused for ever. */
  get isDeaf(): boolean {
    return !this.#hasCredit || this.#reminders?.isDeaf === true;
  }

  /** Whether a frame comes before its time, and so is answered with what this connection is told next; any other has to be looked at. */
  isEarly(frame: Uint8Array): boolean {
    if (this.#reminders?.isEarly(frame) !== true) return false;
    const { waitingRoom, monotonicMs } = this.#ports;
    waitingRoom?.cameEarly(this.#waiter, monotonicMs());
    this.slowDown();
    return true;
  }

  /** A citizen asks once more, whatever it is. Null: it may; each further frame costs its connection credit. */
  slowDown(): Refusal | null {
    const { admission, clock } = this.#ports;
    const { role, subject } = this.#origin;
    const waitMs = role === 'citizen' && admission !== undefined ? admission.slowDownMs(subject) : 0;
    return waitMs === 0 ? null : { ...this.askedTooMuch(), retryAtMs: clock.nowMs() + waitMs };
  }

  /** More than it may: it is refused, and not for ever. */
  askedTooMuch(): Refusal {
    if (this.#credit.spend(this.#ports.monotonicMs()) > 0) this.#hasCredit = false;
    return { code: 'OVERLOADED' };
  }

  answersToEarly(): readonly (string | Uint8Array)[] {
    return this.#reminders?.answers() ?? [];
  }

  /**
   * Everybody who asks is one, over however many connections; a partner is one for each citizen that it asks for.
   *
   * @param citizen null: it concerns all of them
   * @returns null: it is let in; else what it is to be told, see `told`
   */
  ask({ type, ticket: shown }: CheckedRequest, citizen: CitizenKey | null, weight: number): Refusal | null {
    const { admission, waitingRoom, service, clock, monotonicMs } = this.#ports;
    const priority = CLASS_OF[type];
    if (admission === undefined || priority === null) return null;
    const { role, subject } = this.#origin;
    const asking = {
      asker: role === 'citizen' ? subject : `${subject} ${citizen ?? ''}`,
      channel: CHANNEL_OF[role],
      class: priority,
      shard: citizen === null ? null : admission.shardOf(citizen),
      weight,
      ticket: shown,
    };
    const comeBack = admission.ask(asking);
    if (comeBack === null) return null;
    const { waitMs, isNew, ticket, position } = comeBack;
    const name = FUNCTION_OF[type];
    if (isNew && name !== undefined) service?.countUnserved(name, 'OVERLOADED');
    waitingRoom?.add(this.#waiter, asking, ticket, monotonicMs());
    return { code: 'OVERLOADED', retryAtMs: clock.nowMs() + waitMs, ticket, position };
  }

  /** And was told this. */
  told(type: RequestType, refused: RefusedReply): void {
    if (refused.ticket !== undefined) this.#reminders?.add(type, refused, refused.ticket);
  }

  /** It was told that it stands elsewhere now. */
  moved({ ticket, position }: ComeBack): void {
    this.#reminders?.moved(ticket, position);
  }
}
