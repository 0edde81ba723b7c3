/** Sees each kept command through to an outcome that is known, over however many lives of the app. */
import type { CommandId } from '../../engine/contract.ts';
import type { ChangeType, DoneReply, RefusedReply, ViewOf } from '../../server/wire/index.ts';
import { ClientFault, type ClientFaultCode } from './fault.ts';
import { type KeptCommand, type Outbox, withoutSecrets } from './outbox.ts';
import type { Timing } from './timing.ts';

/** What became of a command for whose reply nobody waits any more. */
export interface Settled {
  readonly id: CommandId;
  readonly type: ChangeType;
  readonly outcome:
    | { readonly state: 'done'; readonly answer: DoneReply['answer'] }
    | { readonly state: 'refused'; readonly refusal: RefusedReply }
    /** Its deadline passed before, or it could not be kept whole. It will not be sent any more. */
    | { readonly state: 'not-done' };
}

export type ChangeReply = DoneReply | RefusedReply;

export interface KeeperPorts {
  readonly outbox: Outbox;
  readonly timing: Timing;
  send(command: KeptCommand): Promise<ChangeReply>;
  /** Asks for as long as it takes. Null: that is not to be had from this server. */
  outcomeOf(id: CommandId): Promise<ViewOf<'outcome'> | null>;
  settled(settled: Settled): void;
}

export class Keeper {
  readonly #ports: KeeperPorts;
  /** What an earlier life of the app left goes first. Rejects with ClientFault OUTBOX_UNREADABLE. */
  readonly loaded: Promise<void>;
  /** One is kept after the other. */
  #kept: Promise<void> = Promise.resolve();
  /** Sent once, not answered, and not sent any more. */
  readonly #unknown = new Set<CommandId>();

  constructor(ports: KeeperPorts) {
    this.#ports = ports;
    this.loaded = this.#load();
    this.loaded.catch(() => {}); // Whoever opens the client looks at it.
  }

  /** Rejects with ClientFault NOT_KEPT, or as the port's `send` does. */
  async send(command: KeptCommand): Promise<ChangeReply> {
    const kept = Promise.all([this.loaded, this.#kept]).then(() => this.#ports.outbox.keep(withoutSecrets(command)));
    this.#kept = kept.catch(() => {});
    await kept.catch((cause) => Promise.reject(notKept(command, cause)));
    try {
      const reply = await this.#ports.send(command);
      this.#forget(command.id);
      return reply;
    } catch (fault) {
      const code = codeOf(fault);
      if (code === 'NO_REPLY') void this.#findOut(command);
      const isUndone = code === 'NOT_SENT' || code === 'QUEUE_FULL';
      if (isUndone && !this.#unknown.has(command.id)) this.#forget(command.id);
      throw fault;
    }
  }

  async #load(): Promise<void> {
    try {
      for (const command of await this.#ports.outbox.load()) void this.#resume(command);
    } catch (cause) {
      throw new ClientFault('OUTBOX_UNREADABLE', 'the outbox cannot be read, and is left as it is', { cause });
    }
  }

  /** An earlier life may have sent it: that it could not be sent in this one says nothing. */
  async #resume(command: KeptCommand): Promise<void> {
    const { id, type, fields, untilMs } = command;
    if (fields === null || untilMs <= this.#ports.timing.realMs()) return this.#findOut(command);
    try {
      const reply = await this.#ports.send(command);
      this.#forget(id);
      const outcome = reply.ok ? { state: 'done', answer: reply.answer } : { state: 'refused', refusal: reply };
      this.#ports.settled({ id, type, outcome } as Settled);
    } catch (fault) {
      const code = codeOf(fault);
      if (code === 'NO_REPLY' || code === 'NOT_SENT') await this.#findOut(command);
    }
  }

  /** Where that cannot be said now, the next life of the app asks. */
  async #findOut({ id, type }: KeptCommand): Promise<void> {
    this.#unknown.add(id);
    const view = await this.#ports.outcomeOf(id).catch(() => null);
    if (view === null || view.state === 'in-progress' || !this.#unknown.has(id)) return;
    this.#forget(id);
    this.#ports.settled({ id, type, outcome: view });
  }

  /** Where that fails it is sent once more one day, under its id, and has been done. */
  #forget(id: CommandId): void {
    this.#unknown.delete(id);
    this.#kept = this.#kept.then(() => this.#ports.outbox.done(id)).catch(() => {});
  }
}

function codeOf(fault: unknown): ClientFaultCode | undefined {
  return fault instanceof ClientFault ? fault.code : undefined;
}

function notKept({ id, type }: KeptCommand, cause: unknown): ClientFault {
  return new ClientFault('NOT_KEPT', `${type} could not be kept, and was not sent`, { cause, id });
}
