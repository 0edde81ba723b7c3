/**
 * A shard: a mailbox, and turns over it. Each turn drains a batch, has every task decided on top of the one before,
 * journals all facts as one record, and only after the flush makes them visible, replies and moves ranks.
 */
import { invariant } from '../assert.ts';
import type {
  AccountRecheck,
  CitizenKey,
  CommandId,
  CommandReply,
  Hpan,
  Origin,
  Programme,
  RecordCommand,
  RecordKey,
  Refused,
  ReversalDecision,
  WalletCommand,
} from '../contract.ts';
import type { Read } from '../engine.ts';
import type { Message, MessageBody, TurnRecord } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import { type Clock, type Schedule, StorageFault, type Store } from '../ports.ts';
import { recordKeyText } from '../programme/index.ts';
import type { Actors, Changes } from './actors.ts';
import { commandKey } from './command-text.ts';
import { Decider } from './decider.ts';
import { type Batch, Mailbox, overloaded } from './mailbox.ts';
import { readAhead } from './read-ahead.ts';
import {
  type ExclusionDecide,
  type FileDecide,
  type NoticeDecide,
  type PayoutDecide,
  type RecordReply,
  type ResolutionReply,
  refuseTask,
  type SystemDecide,
  type Task,
} from './task.ts';
import { Turn } from './turn.ts';

export interface ShardOptions {
  readonly store: Store;
  readonly actors: Actors;
  readonly programme: Programme;
  readonly clock: Clock;
  readonly schedule: Schedule;
  /** Named places at which a test may stop the world, and what is being dealt with there. */
  readonly onPoint: (name: string, subject?: string) => void;
  /** Whatever this thread owes to another that waits: done between the tasks of a turn. */
  readonly betweenTasks?: (() => void) | undefined;
  /** Who hears of flushes does not keep up: commands wait. `wake` when it does. */
  isHeldBack(): boolean;
  isLocal(partition: number): boolean;
  /** Hands a message to the shard of its receiver; called after the flush. */
  route(message: Message): void;
  /** The message is durable here: its sender need not keep it. */
  acknowledge(message: Message): void;
  /** After each flush, before the replies: ranks move, subscribers hear. */
  published(record: TurnRecord): void;
  /** The disk failed: nothing may be answered any more. */
  failed(error: unknown): void;
}

/** What recovery found: where each partition stands. */
export interface ShardPosition {
  readonly sequences: readonly number[];
  readonly lastMs: number;
}

export class Shard {
  readonly #options: ShardOptions;
  readonly #actors: Actors;
  readonly #mailbox: Mailbox;
  readonly #decider: Decider;
  readonly #inFlight: Turn[] = [];
  /** In no mailbox. */
  readonly #setAside: Task[] = [];
  readonly #sequences: number[];
  readonly #flushedSequences: number[];
  #decidedSequence: number;
  #flushedSequence: number;
  #lastMs: number;
  #isScheduled = false;
  #isStopped = false;
  #isSparing = false;
  #isDraining = false;
  /** How often each is here. */
  readonly #openCommands = new Map<string, number>();
  #appends: Promise<void> = Promise.resolve();
  #idle: (() => void)[] = [];
  #room: (() => void)[] = [];
  #turns = 0;
  #facts = 0;

  constructor(options: ShardOptions, position: ShardPosition) {
    this.#options = options;
    this.#actors = options.actors;
    this.#sequences = [...position.sequences];
    this.#flushedSequences = [...position.sequences];
    this.#lastMs = position.lastMs;
    this.#decidedSequence = options.store.journal.lastSequence;
    this.#flushedSequence = this.#decidedSequence;
    this.#mailbox = new Mailbox(options.store.quarantine);
    this.#decider = new Decider({ ...options, again: (task) => this.#mailbox.addUrgent(task) });
  }

  get mailboxCount(): number {
    return this.#mailbox.waitingCount;
  }
  get flushedSequence(): number {
    return this.#flushedSequence;
  }
  get counts(): { readonly turns: number; readonly facts: number } {
    return { turns: this.#turns, facts: this.#facts };
  }
  /** Where each partition stands, flushed; others' partitions are 0. */
  get flushedSequences(): readonly number[] {
    return this.#flushedSequences;
  }

  execute(command: WalletCommand, done: (reply: CommandReply) => void): void {
    const key = commandKey(command.origin, command.id);
    const name = commandName(command.citizen, key);
    const refusal = this.#refusal(name);
    if (refusal !== null) return done(refusal);
    this.#openCommands.set(name, (this.#openCommands.get(name) ?? 0) + 1);
    const answered = (reply: CommandReply) => {
      this.#endCommand(name);
      done(reply);
    };
    this.#mailbox.add({ kind: 'command', name, command, key, done: answered });
    this.wake();
  }

  #endCommand(name: string): void {
    const openCount = this.#openCommands.get(name)! - 1;
    if (openCount === 0) this.#openCommands.delete(name);
    else this.#openCommands.set(name, openCount);
  }

  /** Such a command was taken in, and is not answered. */
  hasOpen(citizen: CitizenKey, origin: Origin, id: CommandId): boolean {
    return this.#openCommands.has(commandName(citizen, commandKey(origin, id)));
  }

  record(command: RecordCommand, done: (reply: RecordReply) => void): void {
    const { record } = command;
    const key = this.#keyOf(record);
    const name = `record ${record.hpan} ${key}`;
    const refusal = this.#refusal(name);
    // A row that may not pass is one row's fate: only what would pass later is refused.
    if (refusal?.code === 'COMMAND_SET_ASIDE') return done({ status: 'rejected', code: refusal.code });
    if (refusal !== null) return done(refusal);
    this.#mailbox.add({ kind: 'record', name, command, key, done });
    this.wake();
  }

  resolve(asked: ReversalDecision, done: (reply: ResolutionReply) => void): void {
    const key = this.#keyOf(asked.reversal);
    const paymentKey = asked.payment === null ? null : this.#keyOf(asked.payment);
    const name = `resolution ${asked.hpan} ${key}`;
    const refusal = this.#refusal(name);
    if (refusal !== null) return done(refusal);
    this.#mailbox.add({ kind: 'resolution', name, asked, key, paymentKey, done });
    this.wake();
  }

  #keyOf(record: RecordKey): string {
    return this.#options.store.vault.digest(recordKeyText(record));
  }

  deliver(message: Message): void {
    const { from, to, sequence } = message;
    this.#mailbox.addUrgent({ kind: 'message', name: `message ${from} ${to} ${sequence}`, message });
    this.wake();
  }

  system(partition: number, decide: SystemDecide): void {
    this.#mailbox.addUrgent({ kind: 'system', name: `system ${partition}`, partition, decide });
    this.wake();
  }

  payouts(partition: number, decide: PayoutDecide): void {
    this.#addLasting({ kind: 'payouts', name: `payouts ${partition}`, partition, decide });
  }

  notices(partition: number, decide: NoticeDecide): void {
    this.#addLasting({ kind: 'notices', name: `notices ${partition}`, partition, decide });
  }

  files(decide: FileDecide): void {
    this.#addLasting({ kind: 'files', name: 'files 0', partition: 0, decide });
  }

  setPar(citizen: CitizenKey, hpan: Hpan, par: string, done: (reply: Read<boolean>) => void): void {
    const name = `par ${hpan}`;
    if (this.#isSetAside(name)) return done({ ok: false, code: 'COMMAND_SET_ASIDE' });
    this.#mailbox.addUrgent({ kind: 'par', name, citizen, hpan, par, done });
    this.wake();
  }

  /** Of citizens of one partition; `done` hears after the flush how many were still due. */
  recheck(partition: number, rechecks: readonly AccountRecheck[], done: (dueCount: number) => void): void {
    this.#addLasting({ kind: 'rechecks', name: `rechecks ${partition}`, partition, rechecks, done });
  }

  exclusions(partition: number, decide: ExclusionDecide): void {
    this.#addLasting({ kind: 'exclusions', name: `exclusions ${partition}`, partition, decide });
  }

  /**
   * Waits for its turn as a command does, and is gone: `done` hears how long that takes now. For the disk it does not wait:
   * while turns are being flushed, it is as if it had its turn when nothing but that keeps it from it. A turn takes what has
   * come meanwhile, and the fewer have, the fewer share its flush (fault 14).
   */
  probe(done: () => void): void {
    if (this.#isDraining || this.#isStopped) return done();
    this.#mailbox.add({ kind: 'probe', name: 'probe', done });
    this.wake();
  }

  /** Resolves when a shard that is full has room again: for what is not refused and can wait. */
  room(): Promise<void> {
    return this.#isFull ? new Promise((resolve) => this.#room.push(resolve)) : Promise.resolve();
  }

  /** Gives up what a partition's reversals have waited for; `done` hears after the flush when the next one is due. */
  expire(partition: number, done: (nextDueMs: number) => void): void {
    this.#mailbox.addUrgent({ kind: 'expiry', name: `expiry ${partition}`, partition, done });
    this.wake();
  }

  /** Refuses what comes from now on, `isHurried` also what waits; resolves when all else has been answered. */
  async drain(isHurried: boolean): Promise<void> {
    this.#isDraining = true;
    if (isHurried) this.#refuseWaiting();
    await this.idle();
  }

  #refuseWaiting(): void {
    for (const task of [...this.#decider.takeDeferred(), ...this.#mailbox.takeWaiting()]) {
      refuseTask(task, { ok: false, code: 'DRAINING' })?.();
    }
    this.#tellIdle();
  }

  /** Resolves when nothing waits, nothing is in flight. */
  idle(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** What the process has died of waits until an operator releases it: nobody but who asked for it goes without. */
  #addLasting(task: Task): void {
    if (this.#isSetAside(task.name)) this.#setAside.push(task);
    else this.#mailbox.addUrgent(task);
    this.wake();
  }

  /** An operator may have released what waits: to be called now and then. */
  tick(): void {
    for (const task of this.#setAside.splice(0)) this.#addLasting(task);
  }

  #isSetAside(name: string): boolean {
    return this.#options.store.quarantine?.isSetAside(name) === true;
  }

  // A turn

  /** Looks for work again: after each flush, and when a checkpoint has ended. */
  wake(): void {
    if (this.#room.length > 0 && !this.#isFull) for (const resolve of this.#room.splice(0)) resolve();
    if (this.#isScheduled || this.#isStopped) return;
    if (this.#inFlight.length >= LIMITS.turnsInFlightMax) return this.#spareProbes();
    if (!this.#mailbox.hasWork(this.#isFull)) return;
    this.#isScheduled = true;
    this.#options.schedule(() => this.#readAheadAndRun());
  }

  /** A flush that has ended may be heard of only when all that is due has run: then it was not the disk. */
  #spareProbes(): void {
    if (this.#isSparing || !this.#mailbox.hasProbes) return;
    this.#isSparing = true;
    this.#options.schedule(() => {
      this.#isSparing = false;
      if (this.#isStopped || this.#inFlight.length < LIMITS.turnsInFlightMax) return;
      for (const { done } of this.#mailbox.takeProbes(this.#mailbox.next(this.#isFull))) done();
    });
  }

  /** Whoever comes while rows are fetched waits for the next turn: nobody overtakes. */
  #readAheadAndRun(): void {
    const next = this.#mailbox.next(this.#isFull);
    if (!this.#actors.rows.isSlow()) return this.#runTurn(next);
    readAhead(this.#actors, this.#mailbox.look(next), (partition) => this.#options.isLocal(partition))
      .then(() => this.#runTurn(next))
      .catch((error: unknown) => this.#fail(error));
  }

  /** Of the first so many tasks. */
  #runTurn(next: Batch): void {
    this.#isScheduled = false;
    if (this.#isStopped) return;
    const batch = this.#mailbox.take(next);
    const turn = this.#beginTurn(batch.map(({ name }) => name));
    const { store, betweenTasks } = this.#options;
    store.quarantine?.name(turn.names);
    for (const task of batch) {
      this.#decider.decide(turn, task);
      betweenTasks?.();
    }
    if (turn.isEmpty) this.#endEmpty(turn);
    else this.#append(turn);
    store.quarantine?.clear();
    this.wake();
  }

  /** More has changed than others have room for: commands wait, and then the mailbox refuses them. */
  get #isFull(): boolean {
    return this.#actors.unwrittenCount >= LIMITS.unwrittenRowCountMax || this.#options.isHeldBack();
  }

  #beginTurn(names: readonly string[]): Turn {
    // One instant a turn, never before the last one.
    this.#lastMs = Math.max(this.#lastMs, this.#options.clock.nowMs());
    return new Turn(this.#lastMs, names, this.#actors, (partition) => {
      const next = (this.#sequences[partition] ?? 0) + 1;
      this.#sequences[partition] = next;
      return next;
    });
  }

  /** Nothing to journal; but what was answered may rest on a turn that is not flushed yet. */
  #endEmpty(turn: Turn): void {
    const before = this.#inFlight[this.#inFlight.length - 1];
    if (before !== undefined) before.replies.push(...turn.replies);
    else for (const reply of turn.replies) reply();
    this.#tellIdle();
  }

  #append(turn: Turn): void {
    const { journal, vault, quarantine } = this.#options.store;
    this.#decidedSequence += 1;
    const { record, changes } = turn.end(journal.epoch, this.#decidedSequence);
    this.#options.onPoint('turn-decided');
    this.#inFlight.push(turn);
    // The keys that seal a record's personal data are on disk before the record. Appends keep their order.
    let flushed: Promise<void> | undefined;
    this.#appends = this.#appends
      .then(() => vault.flush())
      .then(() => {
        flushed = journal.append(record);
        flushed.catch(() => undefined);
        // While the disk has the record.
        this.#actors.pack(changes);
      });
    this.#appends
      .then(() => flushed)
      .then(() => this.#publish(turn, record, changes))
      .then(() => {
        if (quarantine?.hasSuspects === true) for (const name of turn.names) quarantine.acquit(name);
      })
      .catch((error: unknown) => {
        // What cannot be written or told, though it could be decided, is named once more.
        if (!(error instanceof StorageFault)) quarantine?.name(turn.names);
        this.#fail(error);
      });
  }

  #publish(turn: Turn, record: TurnRecord, changes: Changes): void {
    if (this.#isStopped) return;
    const first = this.#inFlight.shift();
    invariant(first === turn, 'turns are flushed in the order in which they were decided');
    this.#flushedSequence = record.sequence;
    this.#turns += 1;
    for (const { partition, sequence, facts } of record.sections) {
      this.#flushedSequences[partition] = sequence;
      this.#facts += facts.length;
    }
    this.#actors.publish(turn, changes, record);
    this.#options.onPoint('turn-flushed');
    this.#options.published(record);
    for (const reply of turn.replies) reply();
    this.#exchange(record);
    this.wake();
    this.#tellIdle();
  }

  /** Sends what was not taken in within the turn; frees what others sent and we have on disk now. */
  #exchange(record: TurnRecord): void {
    for (const { sent, partition, received } of record.sections) {
      for (const message of sent) this.#options.route(message);
      for (const [from, sequence] of received) {
        if (this.#options.isLocal(from)) continue;
        this.#options.acknowledge({ from, to: partition, sequence, body: FREED });
      }
    }
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#options.failed(error);
  }

  // Waiting and refusing

  #refusal(name: string): Refused | null {
    if (this.#isDraining || this.#isStopped) return { ok: false, code: 'DRAINING' };
    if (this.#isSetAside(name)) return { ok: false, code: 'COMMAND_SET_ASIDE' };
    return this.#mailbox.isOverloaded ? overloaded(this.#options.clock.nowMs()) : null;
  }

  get isIdle(): boolean {
    const isDone = this.#mailbox.isEmpty && this.#inFlight.length === 0 && this.#decider.isIdle;
    return isDone && !this.#isScheduled;
  }

  #tellIdle(): void {
    if (this.#idle.length === 0 || !this.isIdle) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** An acknowledgement names its message; what was in it no longer matters. */
const FREED: MessageBody = { kind: 'periodClosed', awardPeriodId: 0 };

function commandName(citizen: CitizenKey, key: string): string {
  return `command ${citizen} ${key}`;
}
