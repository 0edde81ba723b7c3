/** Sees each kept command through to an outcome that is known, over however many lives of the app. */
import type { CommandId } from '../../engine/contract.ts';
import type { ChangeType, DoneReply, RefusedReply, ViewOf } from '../../server/wire/index.ts';
import { ClientFault } from './fault.ts';
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
    return this.#seeThrough(command);
  }

  async #load(): Promise<void> {
    try {
      for (const command of await this.#ports.outbox.load()) void this.#resume(command);
    } catch (cause) {
      throw new ClientFault('OUTBOX_UNREADABLE', 'the outbox cannot be read, and is left as it is', { cause });
    }
  }

  async #resume(command: KeptCommand): Promise<void> {
    const { id, type, fields, untilMs } = command;
    if (fields === null || untilMs <= this.#ports.timing.realMs()) return this.#findOut(command);
    try {
      const reply = await this.#seeThrough(command);
      const outcome = reply.ok ? { state: 'done', answer: reply.answer } : { state: 'refused', refusal: reply };
      this.#ports.settled({ id, type, outcome } as Settled);
    } catch (fault) {
      if (isUndone(fault)) this.#ports.settled({ id, type, outcome: { state: 'not-done' } });
    }
  }

  async #seeThrough(command: KeptCommand): Promise<ChangeReply> {
    try {
      const reply = await this.#ports.send(command);
      void this.#forget(command.id);
      return reply;
    } catch (fault) {
      if (isUndone(fault)) void this.#forget(command.id);
      else if (fault instanceof ClientFault && fault.code === 'NO_REPLY') void this.#findOut(command);
      throw fault;
    }
  }

  /** Once it is not sent any more. Where that cannot be said now, the next life of the app asks. */
  async #findOut({ id, type }: KeptCommand): Promise<void> {
    const view = await this.#ports.outcomeOf(id).catch(() => null);
    if (view === null || view.state === 'in-progress') return;
    void this.#forget(id);
    this.#ports.settled({ id, type, outcome: view });
  }

  /** Where that fails it is sent once more one day, under its id, and has been done. */
  async #forget(id: CommandId): Promise<void> {
    try {
      await this.#ports.outbox.done(id);
    } catch {}
  }
}

function isUndone(fault: unknown): boolean {
  return fault instanceof ClientFault && (fault.code === 'NOT_SENT' || fault.code === 'QUEUE_FULL');
}

function notKept({ id, type }: KeptCommand, cause: unknown): ClientFault {
  return new ClientFault('NOT_KEPT', `${type} could not be kept, and was not sent`, { cause, id });
}
