/**
 * What was asked and is not answered yet. A request waits for a line and for room on it, is sent, may be told to come
 * back and comes back, and is sent again on the next line when one breaks; all of it before its deadline.
 */
import type { CommandId } from '../../engine/contract.ts';
import type { PushOf, RefusedReply, RequestType, WireReply } from '../../server/wire/index.ts';
import type { RetryBudget } from './budget.ts';
import { ClientFault, type ClientFaultCode } from './fault.ts';
import type { Timing } from './timing.ts';

export interface RequestsOptions {
  readonly timing: Timing;
  readonly budget: RetryBudget;
  send(message: object): void;
  /** The token has expired: asks for another one, and then calls `resume`. False: there is none. */
  renew(): boolean;
  refused(type: RequestType, refusal: RefusedReply): void;
  /** Who holds an appointment, and for when, is not as it was. */
  appointmentsChanged(): void;
}

export interface Question {
  readonly type: RequestType;
  /** All but `ref` and `type`. */
  readonly fields: object;
  readonly id?: CommandId;
  /** Monotonic; Infinity: as long as it takes. */
  readonly untilMs: number;
}

export interface Appointment {
  readonly position: number;
  readonly dueMs: number;
}

interface Asked extends Question {
  readonly ref: number;
  /** Who goes before whom, also when sent again: in the order of asking, and what is urgent first. */
  readonly order: number;
  /** May have arrived: what became of it is not known. */
  isSent: boolean;
  /** The last one, while nothing was sent since. */
  refusal: RefusedReply | null;
  ticket: string | undefined;
  /** Have the same appointment, which lets in one: they learn from its answer how it goes on. */
  followers: readonly Asked[];
  settle(reply: WireReply): void;
  fail(fault: ClientFault): void;
  cancelDeadline(): void;
}

interface Held {
  /** Null: it was told when to come back, and no more. */
  appointment: Appointment | null;
  cancel(): void;
}

/** Asked and unanswered at once: partners ask thousands together. */
const COUNT_MAX = 10_000;

export class Requests {
  readonly #options: RequestsOptions;
  readonly #waiting: Asked[] = [];
  readonly #sent = new Map<number, Asked>();
  /** Who was told to come back. */
  readonly #held = new Map<Asked, Held>();
  /** By ticket, of which several may have the same: ends the waiting for its time. */
  readonly #dues = new Map<string, () => void>();
  #nextRef = 1;
  /** What the server takes at once. 0: there is no line. */
  #sentMax = 0;
  #isRenewing = false;

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#waiting.length + this.#sent.size + this.#held.size;
  }

  get isExpecting(): boolean {
    return this.#sent.size > 0;
  }

  /** The first to fall due, of those for which the server keeps a place. */
  get appointment(): Appointment | null {
    let first: Appointment | null = null;
    for (const { appointment } of this.#held.values())
      if (appointment !== null && (first === null || appointment.dueMs < first.dueMs)) first = appointment;
    return first;
  }

  /** Rejects with ClientFault NO_REPLY, NOT_SENT or QUEUE_FULL, or what `failAll` says. */
  ask(question: Question, { isUrgent = false } = {}): Promise<WireReply> {
    const { timing, budget } = this.#options;
    if (this.count >= COUNT_MAX && !isUrgent) return Promise.reject(faultOf('QUEUE_FULL', question));
    budget.earn();
    const ref = this.#nextRef++;
    return new Promise((settle, fail) => {
      const asked: Asked = {
        ...{ ...question, ref, order: isUrgent ? -ref : ref, settle, fail },
        ...{ isSent: false, refusal: null, ticket: undefined, followers: [], cancelDeadline: nothing },
      };
      if (question.untilMs !== Number.POSITIVE_INFINITY)
        asked.cancelDeadline = timing.after(Math.max(0, question.untilMs - timing.nowMs()), () => this.#overdue(asked));
      this.#wait(asked);
      this.#sendWaiting();
    });
  }

  /** There is a line: what was under way on the one before is sent again, under the same ids. */
  open(sentMax: number): void {
    this.#sentMax = sentMax;
    this.#isRenewing = false;
    for (const asked of this.#sent.values()) this.#wait(asked);
    this.#sent.clear();
    this.#sendWaiting();
  }

  /** The line is gone. */
  pause(): void {
    this.#sentMax = 0;
  }

  /** The token is good again. */
  resume(): void {
    this.#isRenewing = false;
    this.#sendWaiting();
  }

  receive(reply: WireReply): void {
    const asked = this.#sent.get(reply.ref!);
    if (asked === undefined) return; // Its caller has given up waiting.
    if (!reply.ok && reply.code === 'DRAINING') {
      this.#refused(asked, reply);
      return; // The next server takes it in.
    }
    this.#sent.delete(asked.ref);
    if (reply.ok) this.#settle(asked, reply);
    else if (this.#isRenewable(asked, reply)) this.#waitForToken(asked, reply);
    else this.#refuse(asked, reply);
    this.#sendWaiting();
  }

  /** The server says where a place stands, and calls it at position 0. */
  turn({ ticket, position, waitMs }: PushOf<'turn'>['view']): void {
    if (position === 0) this.#due(ticket);
    const appointment = { position, dueMs: this.#options.timing.nowMs() + waitMs };
    for (const [asked, held] of this.#held) if (asked.ticket === ticket) held.appointment = appointment;
    this.#options.appointmentsChanged();
    this.#sendWaiting();
  }

  failAll(code: ClientFaultCode, message: string, cause?: unknown): void {
    const unanswered = [...this.#sent.values(), ...this.#waiting, ...this.#held.keys()];
    this.#sent.clear();
    this.#waiting.length = 0;
    for (const asked of unanswered) this.#end(asked).fail(new ClientFault(code, message, { cause, id: asked.id }));
  }

  #wait(asked: Asked): void {
    const place = this.#waiting.findLastIndex(({ order }) => order < asked.order);
    this.#waiting.splice(place + 1, 0, asked);
  }

  #sendWaiting(): void {
    while (this.#waiting.length > 0 && this.#sent.size < this.#sentMax) {
      if (this.#isRenewing && this.#waiting[0]!.type !== 'authenticate') return;
      const asked = this.#waiting.shift()!;
      const { ref, type, fields, ticket } = asked;
      this.#sent.set(ref, asked);
      asked.isSent = true;
      this.#options.send({ ref, type, ...fields, ...(ticket === undefined ? {} : { ticket }) });
    }
  }

  #refuse(asked: Asked, refusal: RefusedReply): void {
    this.#refused(asked, refusal);
    const { timing, budget } = this.#options;
    const { waitMs = Number.POSITIVE_INFINITY, ticket, position = 0 } = refusal;
    const dueMs = timing.nowMs() + waitMs;
    const isObeyed = dueMs < asked.untilMs && (ticket !== undefined || budget.take());
    if (!isObeyed) {
      this.#settle(asked, refusal);
      return;
    }
    if (ticket === undefined) {
      asked.ticket = undefined;
      this.#held.set(asked, { appointment: null, cancel: timing.after(waitMs, () => this.#comeBack([asked])) });
      this.#lead(asked.followers);
    } else {
      if (!this.#dues.has(ticket))
        this.#dues.set(
          ticket,
          timing.after(waitMs, () => this.#due(ticket)),
        );
      for (const one of [asked, ...asked.followers.filter((follower) => this.#held.has(follower))]) {
        one.ticket = ticket;
        this.#held.set(one, { appointment: { position, dueMs }, cancel: nothing });
      }
    }
    asked.followers = [];
    this.#options.appointmentsChanged();
  }

  #due(ticket: string): void {
    this.#dues.get(ticket)?.();
    this.#dues.delete(ticket);
    this.#comeBack([...this.#held.keys()].filter((asked) => asked.ticket === ticket));
  }

  #comeBack(together: readonly Asked[]): void {
    this.#lead(together);
    this.#options.appointmentsChanged();
    this.#sendWaiting();
  }

  /** The first of those who still wait goes before the others. */
  #lead(together: readonly Asked[]): void {
    const [first, ...others] = together
      .filter((asked) => this.#held.has(asked))
      .sort((one, other) => one.order - other.order);
    if (first === undefined) return;
    this.#held.get(first)!.cancel();
    this.#held.delete(first);
    first.followers = others;
    this.#wait(first);
  }

  #settle(asked: Asked, reply: WireReply): void {
    this.#end(asked).settle(reply);
    this.#lead(asked.followers);
  }

  #isRenewable({ type }: Asked, { code }: RefusedReply): boolean {
    return code === 'TOKEN_EXPIRED' && type !== 'authenticate' && this.#options.renew();
  }

  #waitForToken(asked: Asked, refusal: RefusedReply): void {
    this.#refused(asked, refusal);
    this.#isRenewing = true;
    this.#wait(asked);
  }

  #refused(asked: Asked, refusal: RefusedReply): void {
    asked.isSent = false;
    asked.refusal = refusal;
    this.#options.refused(asked.type, refusal);
  }

  /** What was refused is known not to be done, whenever its time is up. */
  #overdue(asked: Asked): void {
    this.#sent.delete(asked.ref);
    const place = this.#waiting.indexOf(asked);
    if (place >= 0) this.#waiting.splice(place, 1);
    this.#end(asked);
    if (asked.isSent) asked.fail(faultOf('NO_REPLY', asked));
    else if (asked.refusal !== null) asked.settle(asked.refusal);
    else asked.fail(faultOf('NOT_SENT', asked));
    this.#lead(asked.followers);
    this.#sendWaiting();
  }

  #end(asked: Asked): Asked {
    asked.cancelDeadline();
    this.#held.get(asked)?.cancel();
    if (this.#held.delete(asked)) this.#forget(asked.ticket);
    return asked;
  }

  /** Where nobody waits for its time any more. */
  #forget(ticket: string | undefined): void {
    if (ticket === undefined || [...this.#held.keys()].some((asked) => asked.ticket === ticket)) return;
    this.#dues.get(ticket)?.();
    this.#dues.delete(ticket);
  }
}

function nothing(): void {}

const SAID = {
  NO_REPLY: (type: string) => `no reply to ${type} in time`,
  NOT_SENT: (type: string) => `${type} could not be sent in time: nothing was done`,
  QUEUE_FULL: (type: string) => `${type} was not sent: ${COUNT_MAX} requests wait already`,
} as const;

function faultOf(code: keyof typeof SAID, { type, id }: Question): ClientFault {
  return new ClientFault(code, SAID[code](type), { id });
}
