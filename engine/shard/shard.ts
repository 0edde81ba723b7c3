/**
 * A shard: a mailbox, and turns over it. Each turn drains a batch, decides every task on top of the one before,
 * journals all facts as one record, and only after the flush makes them visible, replies and moves ranks.
 */
import { invariant, unreachable } from '../assert.ts';
import { emptyCard } from '../card/card.ts';
import type { CardContext } from '../card/card-machine.ts';
import { decideCard } from '../card/card-machine.ts';
import { reversalPrefix } from '../card/listed-reversals.ts';
import type {
  CommandReply,
  Hpan,
  PeriodParameters,
  Programme,
  RecordCommand,
  Refused,
  WalletCommand,
} from '../contract.ts';
import { PARTITION_COUNT } from '../contract.ts';
import type { Decision, Outcome } from '../decision.ts';
import { newDecision } from '../decision.ts';
import type { ActorMessage, Fact, Message, MessageBody, TurnRecord } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import { partitionOf } from '../partition.ts';
import { type Clock, type PartitionRow, type Schedule, StorageFault, type Store } from '../ports.ts';
import { acceptingPeriod, findPeriod, periodStatus, recordKeyText } from '../programme/index.ts';
import { doneCommand, type PageReader } from '../wallet/commands.ts';
import type { Wallet } from '../wallet/wallet.ts';
import { emptyWallet } from '../wallet/wallet.ts';
import type { Asked, WalletContext } from '../wallet/wallet-events.ts';
import { decideWallet } from '../wallet/wallet-machine.ts';
import type { Actors, Changes } from './actors.ts';
import { bodyText, commandKey } from './command-text.ts';
import { cardEvent, commandEvent, receiverOf, walletEvent } from './events.ts';
import { emptyPartition } from './fold.ts';
import { readAhead } from './read-ahead.ts';
import { entityOf, type RecordReply, type SystemDecide, type Task } from './task.ts';
import { Turn } from './turn.ts';
import { Waiting } from './waiting.ts';

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

/** Of each kind of task, so many from the front. */
interface Batch {
  readonly urgent: number;
  readonly waiting: number;
}

/** What recovery found: where each partition stands. */
export interface ShardPosition {
  readonly sequences: readonly number[];
  readonly lastMs: number;
}

export class Shard {
  readonly #options: ShardOptions;
  readonly #actors: Actors;
  readonly #mailbox: Task[] = [];
  /** Messages and the engine's own tasks: never refused, bounded by what is in flight. */
  readonly #urgent: Task[] = [];
  /** Tasks behind an unfinished one of the same wallet or card, in order. */
  readonly #deferred = new Map<string, Task[]>();
  readonly #commands = new Waiting<CommandReply>();
  readonly #records = new Waiting<RecordReply>();
  /** Outcomes of a card that still has something under way: told when it has not. */
  readonly #held = new Map<Hpan, readonly Outcome[]>();
  readonly #inFlight: Turn[] = [];
  /** Of the tasks of the turn that is being decided. */
  #names: readonly string[] = [];
  readonly #sequences: number[];
  readonly #flushedSequences: number[];
  /** Last message decided, by sender and receiver. */
  readonly #sent = new Float64Array(PARTITION_COUNT * PARTITION_COUNT);
  readonly #received = new Float64Array(PARTITION_COUNT * PARTITION_COUNT);
  #decidedSequence: number;
  #flushedSequence: number;
  #lastMs: number;
  #isScheduled = false;
  readonly #pages: PageReader = (citizen) => this.#actors.decided.list('command', partitionOf(citizen), citizen, '');
  #isStopped = false;
  #isDraining = false;
  #appends: Promise<void> = Promise.resolve();
  #idle: (() => void)[] = [];
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
    for (let partition = 0; partition < PARTITION_COUNT; partition += 1) this.#recallMessages(partition);
  }

  get mailboxCount(): number {
    return this.#mailbox.length;
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
    const name = `command ${command.citizen} ${key}`;
    const refusal = this.#refusal(name);
    if (refusal !== null) return done(refusal);
    this.#mailbox.push({ kind: 'command', name, command, key, done });
    this.wake();
  }

  record(command: RecordCommand, done: (reply: RecordReply) => void): void {
    const { record } = command;
    const key = this.#options.store.vault.digest(recordKeyText(record));
    const name = `record ${record.hpan} ${key}`;
    const refusal = this.#refusal(name);
    // A row that may not pass is one row's fate: only what would pass later is refused.
    if (refusal?.code === 'COMMAND_SET_ASIDE') return done({ status: 'rejected', code: refusal.code });
    if (refusal !== null) return done(refusal);
    this.#mailbox.push({ kind: 'record', name, command, key, done });
    this.wake();
  }

  deliver(message: Message): void {
    const { from, to, sequence } = message;
    this.#urgent.push({ kind: 'message', name: `message ${from} ${to} ${sequence}`, message });
    this.wake();
  }

  system(partition: number, decide: SystemDecide): void {
    this.#urgent.push({ kind: 'system', name: `system ${partition}`, partition, decide });
    this.wake();
  }

  /** Gives up what a partition's reversals have waited for; `done` hears after the flush when the next one is due. */
  expire(partition: number, done: (nextDueMs: number) => void): void {
    this.#urgent.push({ kind: 'expiry', name: `expiry ${partition}`, partition, done });
    this.wake();
  }

  /** Refuses what comes from now on, `isHurried` also what waits; resolves when all else has been answered. */
  async drain(isHurried: boolean): Promise<void> {
    this.#isDraining = true;
    if (isHurried) this.#refuseWaiting();
    await this.idle();
  }

  #refuseWaiting(): void {
    const waiting = [...this.#deferred.values(), this.#mailbox.splice(0)].flat();
    this.#deferred.clear();
    for (const task of waiting) {
      if (task.kind === 'command' || task.kind === 'record') task.done({ ok: false, code: 'DRAINING' });
    }
    this.#tellIdle();
  }

  /** Resolves when nothing waits, nothing is in flight. */
  idle(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  // A turn

  /** Looks for work again: after each flush, and when a checkpoint has ended. */
  wake(): void {
    if (this.#isScheduled || this.#isStopped) return;
    if (this.#inFlight.length >= LIMITS.turnsInFlightMax) return;
    if (this.#urgent.length === 0 && (this.#mailbox.length === 0 || this.#isFull)) return;
    this.#isScheduled = true;
    this.#options.schedule(() => this.#readAheadAndRun());
  }

  /** Whoever comes while rows are fetched waits for the next turn: nobody overtakes. */
  #readAheadAndRun(): void {
    const next = this.#nextBatch();
    if (!this.#actors.rows.isSlow()) return this.#runTurn(next);
    const tasks = [...this.#urgent.slice(0, next.urgent), ...this.#mailbox.slice(0, next.waiting)];
    readAhead(this.#actors, tasks, (partition) => this.#options.isLocal(partition))
      .then(() => this.#runTurn(next))
      .catch((error: unknown) => this.#fail(error));
  }

  /** A suspect gets a turn of its own: should the process die of it once more, nobody else is to blame. */
  #nextBatch(): Batch {
    const waiting = this.#isFull ? 0 : Math.min(this.#mailbox.length, LIMITS.batchCountMax);
    const all = { urgent: this.#urgent.length, waiting };
    const { quarantine } = this.#options.store;
    if (quarantine?.hasSuspects !== true) return all;
    const tasks = [...this.#urgent, ...this.#mailbox.slice(0, waiting)];
    const suspect = tasks.findIndex(({ name }) => quarantine.isSuspect(name));
    if (suspect === -1) return all;
    const count = Math.max(1, suspect);
    return { urgent: Math.min(all.urgent, count), waiting: Math.max(0, count - all.urgent) };
  }

  /** Of the first so many tasks. */
  #runTurn(next: Batch): void {
    this.#isScheduled = false;
    if (this.#isStopped) return;
    const turn = this.#beginTurn();
    const batch = this.#urgent.splice(0, next.urgent);
    batch.push(...this.#mailbox.splice(0, next.waiting));
    this.#names = batch.map(({ name }) => name);
    const { store, betweenTasks } = this.#options;
    store.quarantine?.name(this.#names);
    for (const task of batch) {
      this.#run(turn, task);
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

  #beginTurn(): Turn {
    // One instant a turn, never before the last one.
    this.#lastMs = Math.max(this.#lastMs, this.#options.clock.nowMs());
    return new Turn(this.#lastMs, this.#actors, (partition) => {
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
    const names = this.#names;
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
        if (quarantine?.hasSuspects === true) for (const name of names) quarantine.acquit(name);
      })
      .catch((error: unknown) => {
        // What cannot be written or told, though it could be decided, is named once more.
        if (!(error instanceof StorageFault)) quarantine?.name(names);
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

  // Tasks

  /** Decides a task and all messages that follow from it within this shard. False = it was set aside. */
  #run(turn: Turn, task: Task): void {
    const entity = entityOf(task);
    if (entity !== null && this.#deferred.has(entity)) this.#defer(turn, entity, task);
    else if (!this.#decide(turn, task) && entity !== null) this.#defer(turn, entity, task);
  }

  #decide(turn: Turn, task: Task): boolean {
    switch (task.kind) {
      case 'command':
        this.#options.onPoint('deciding', task.command.id);
        return this.#decideCommand(turn, task);
      case 'record':
        return this.#decideRecord(turn, task.command, task.key, task.done);
      case 'message':
        this.#takeIn(turn, task.message);
        return true;
      case 'system':
        this.#decideSystem(turn, task.partition, task.decide);
        return true;
      case 'expiry':
        this.#decideExpiry(turn, task);
        return true;
      default:
        return unreachable(task);
    }
  }

  #decideCommand(turn: Turn, { command, key, done }: Extract<Task, { kind: 'command' }>): boolean {
    const { citizen } = command;
    const partition = partitionOf(citizen);
    const asked: Asked = {
      commandKey: key,
      bodyHash: this.#options.store.vault.digest(bodyText(command.body)),
      kind: command.body.kind,
      channel: command.origin.channel,
    };
    const wallet = turn.view.get('wallet', partition, citizen, '') ?? emptyWallet(citizen);
    if (this.#isRepeated(turn, wallet, asked, done)) return true;

    const decision = newDecision();
    const event = commandEvent({
      command,
      asked,
      wallet,
      frozenPeriods: () => this.#frozenPeriods(turn, partition),
      vault: this.#options.store.vault,
    });
    decideWallet(walletContext(turn, partition, wallet, decision), event);
    if (decision.isDeferred) return false;
    const [outcome] = decision.outcomes;
    if (outcome === undefined) this.#commands.add(citizen + asked.commandKey, done);
    this.#fold(turn, partition, decision);
    this.#sendAll(turn, partition, decision);
    if (outcome !== undefined && outcome.kind !== 'record') {
      const reply = commandReply(turn, partition, outcome);
      turn.replies.push(() => done(reply));
    }
    return true;
  }

  /** The same id twice has one effect and the same answer; with another body it is refused (promise 2). */
  #isRepeated(turn: Turn, wallet: Wallet, asked: Asked, done: (reply: CommandReply) => void): boolean {
    const { citizen } = wallet;
    const partition = partitionOf(citizen);
    const before = doneCommand(wallet, asked.commandKey, this.#pages);
    if (before !== undefined) {
      const { bodyHash, answer, sequence } = before;
      const reply: CommandReply =
        bodyHash === asked.bodyHash
          ? { ok: true, answer, position: { partition, sequence }, repeated: true }
          : { ok: false, code: 'ID_REUSED' };
      turn.replies.push(() => done(reply));
      return true;
    }
    const operation = wallet.operations.find((one) => one.commandKey === asked.commandKey);
    if (operation === undefined) return false;
    if (operation.bodyHash === asked.bodyHash) this.#commands.add(citizen + asked.commandKey, done);
    else turn.replies.push(() => done({ ok: false, code: 'ID_REUSED' }));
    return true;
  }

  #decideRecord(turn: Turn, command: RecordCommand, key: string, done: (reply: RecordReply) => void): boolean {
    const { record, receivedMs } = command;
    const partition = partitionOf(record.hpan);
    const period = acceptingPeriod(this.#options.programme, { trxMs: record.trxMs, receivedMs });
    const { closedPeriods } = this.#partitionRow(turn, partition);
    const isClosed = period !== null && closedPeriods.includes(period.awardPeriodId);
    const decision = newDecision();
    decideCard(this.#cardContext(turn, partition, record.hpan, decision), {
      type: 'RECORD',
      key,
      record,
      receivedMs,
      period,
      isClosed,
    });
    if (decision.isDeferred) return false;
    this.#records.add(record.hpan + key, done);
    this.#fold(turn, partition, decision);
    this.#tell(turn, partition, record.hpan, decision.outcomes);
    this.#sendAll(turn, partition, decision);
    return true;
  }

  #decideSystem(turn: Turn, partition: number, decide: SystemDecide): void {
    const { facts, toAll } = decide(this.#partitionRow(turn, partition));
    for (const fact of facts) this.#fact(turn, partition, fact);
    if (toAll === undefined) return;
    for (let to = 0; to < PARTITION_COUNT; to += 1) this.#send(turn, partition, to, toAll);
  }

  /** Only so many in one turn: what is left is the next turn's. */
  #decideExpiry(turn: Turn, task: Extract<Task, { kind: 'expiry' }>): void {
    const { partition, done } = task;
    const waiting = turn.view.first('reversal', partition, '', {
      prefix: reversalPrefix('pending'),
      countMax: LIMITS.expiredPerTurnMax,
    });
    const firstLater = waiting.findIndex(([, { atMs }]) => turn.nowMs < atMs);
    const due = firstLater === -1 ? waiting : waiting.slice(0, firstLater);
    for (const hpan of new Set(due.map(([, row]) => row.hpan))) {
      const decision = newDecision();
      decideCard(this.#cardContext(turn, partition, hpan, decision), { type: 'EXPIRE' });
      this.#fold(turn, partition, decision);
      this.#options.betweenTasks?.();
    }
    if (due.length === LIMITS.expiredPerTurnMax) this.#urgent.push(task);
    else turn.replies.push(() => done(waiting[firstLater]?.[1].atMs ?? Number.POSITIVE_INFINITY));
  }

  // Messages

  /** Takes in a message once, in the order of its pair; then whatever waited for it. */
  #takeIn(turn: Turn, message: Message): void {
    const { from, to, sequence, body } = message;
    const pair = from * PARTITION_COUNT + to;
    const expected = (this.#received[pair] ?? 0) + 1;
    if (sequence < expected) return this.#options.acknowledge(message);
    invariant(sequence === expected, `messages ${from} to ${to} came out of order: ${sequence}, not ${expected}`);
    this.#received[pair] = sequence;
    turn.receive(message);
    if (body.kind === 'periodClosed') return this.#hearPeriodClosed(turn, to, from, body.awardPeriodId);

    this.#resume(turn, this.#decideMessage(turn, to, body));
  }

  /** @returns the wallet or card that decided */
  #decideMessage(turn: Turn, partition: number, body: ActorMessage): string {
    const decision = newDecision();
    switch (body.kind) {
      case 'claim':
      case 'claimConfirmed':
      case 'claimWithdrawn':
      case 'release':
      case 'countJudged':
      case 'reverseJudged':
        decideCard(this.#cardContext(turn, partition, body.hpan, decision), cardEvent(body));
        this.#fold(turn, partition, decision);
        this.#tell(turn, partition, body.hpan, decision.outcomes);
        this.#sendAll(turn, partition, decision);
        return body.hpan;
      default: {
        const { citizen } = body;
        const wallet = turn.view.get('wallet', partition, citizen, '') ?? emptyWallet(citizen);
        decideWallet(walletContext(turn, partition, wallet, decision), walletEvent(body, this.#options.programme));
        this.#fold(turn, partition, decision);
        for (const outcome of decision.outcomes) this.#reply(turn, partition, citizen, outcome);
        this.#sendAll(turn, partition, decision);
        return citizen;
      }
    }
  }

  /** The barrier of architecture 4: a wallet partition closes when all card partitions have. */
  #hearPeriodClosed(turn: Turn, partition: number, from: number, awardPeriodId: number): void {
    this.#fact(turn, partition, { kind: 'periodCloseHeard', awardPeriodId, from });
    const heard = this.#partitionRow(turn, partition).closeHeard.find((one) => one.awardPeriodId === awardPeriodId);
    if (heard?.from.length === PARTITION_COUNT) this.#fact(turn, partition, { kind: 'periodFrozen', awardPeriodId });
  }

  #send(turn: Turn, from: number, to: number, body: MessageBody): void {
    const pair = from * PARTITION_COUNT + to;
    const sequence = (this.#sent[pair] ?? 0) + 1;
    this.#sent[pair] = sequence;
    const message = { from, to, sequence, body };
    if (!this.#options.isLocal(to)) return turn.send(message);
    // Within one store sender and receiver share the record: nothing is gained by waiting for the flush.
    turn.sendWithin(message);
    this.#takeIn(turn, message);
  }

  // Deciding

  #fold(turn: Turn, partition: number, { facts }: Decision): void {
    for (const fact of facts) this.#fact(turn, partition, fact);
  }

  #fact(turn: Turn, partition: number, fact: Fact): void {
    if (POINTS.has(fact.kind)) this.#options.onPoint(fact.kind);
    turn.fact(partition, fact);
  }

  #sendAll(turn: Turn, partition: number, { messages }: Decision): void {
    for (const body of messages) this.#send(turn, partition, receiverOf(body), body);
  }

  /** A card's outcomes wait until nothing of it is under way: then all that a record caused has happened. */
  #tell(turn: Turn, partition: number, hpan: Hpan, outcomes: readonly Outcome[]): void {
    const before = this.#held.get(hpan);
    if (before === undefined && outcomes.length === 0) return;
    const held = before === undefined ? outcomes : [...before, ...outcomes];
    if ((turn.view.get('card', partition, hpan, '')?.unanswered ?? 0) > 0) {
      this.#held.set(hpan, held);
      return;
    }
    if (before !== undefined) this.#held.delete(hpan);
    for (const outcome of held) this.#reply(turn, partition, hpan, outcome);
  }

  #reply(turn: Turn, partition: number, entity: string, outcome: Outcome): void {
    if (outcome.kind === 'record') {
      for (const done of this.#records.take(entity + outcome.key)) turn.replies.push(() => done(outcome.outcome));
      return;
    }
    const reply = commandReply(turn, partition, outcome);
    for (const done of this.#commands.take(entity + outcome.commandKey)) turn.replies.push(() => done(reply));
  }

  #defer(turn: Turn, entity: string, task: Task): void {
    const queue = this.#deferred.get(entity);
    if (queue === undefined) this.#deferred.set(entity, [task]);
    else if (queue.length < LIMITS.deferredCountMax) queue.push(task);
    else if (task.kind === 'command' || task.kind === 'record') {
      const { done } = task;
      turn.replies.push(() => done(this.#overloaded()));
    }
  }

  #resume(turn: Turn, entity: string): void {
    const queue = this.#deferred.get(entity);
    if (queue === undefined) return;
    this.#deferred.delete(entity);
    for (let index = 0; index < queue.length; index += 1) {
      const task = queue[index];
      invariant(task !== undefined, 'a queue has no gaps');
      if (this.#decideNamed(turn, task)) continue;
      // Whatever came meanwhile came later.
      this.#deferred.set(entity, [...queue.slice(index), ...(this.#deferred.get(entity) ?? [])]);
      return;
    }
  }

  /** One that its turn did not begin with. */
  #decideNamed(turn: Turn, task: Task): boolean {
    const { quarantine } = this.#options.store;
    if (quarantine?.isSuspect(task.name) !== true) {
      quarantine?.nameToo(task.name);
      return this.#decide(turn, task);
    }
    quarantine.name([task.name]);
    const isDecided = this.#decide(turn, task);
    quarantine.name(this.#names);
    return isDecided;
  }

  #cardContext(turn: Turn, partition: number, hpan: Hpan, decision: Decision): CardContext {
    const { view, nowMs } = turn;
    return {
      card: view.get('card', partition, hpan, '') ?? emptyCard(hpan),
      nowMs,
      decision,
      ledger: {
        entry: (place) => view.line('record', partition, place),
        newPlace: () => turn.newPlace('record', partition),
      },
      periodOf: (awardPeriodId) => this.#period(awardPeriodId),
    };
  }

  #period(awardPeriodId: number): PeriodParameters {
    const period = findPeriod(this.#options.programme, awardPeriodId);
    invariant(period !== null, `the programme has no period ${awardPeriodId}`);
    return period;
  }

  /** Positions stand from the first instant after grace (DECISION 25), also while rows received before it still count. */
  #frozenPeriods(turn: Turn, partition: number): readonly number[] {
    const over = this.#options.programme.periods.filter((period) => periodStatus(period, turn.nowMs) === 'CLOSED');
    return [...this.#partitionRow(turn, partition).frozenPeriods, ...over.map(({ awardPeriodId }) => awardPeriodId)];
  }

  #partitionRow(turn: Turn, partition: number): PartitionRow {
    return turn.view.get('partition', partition, '', '') ?? emptyPartition();
  }

  #recallMessages(partition: number): void {
    if (!this.#options.isLocal(partition)) return;
    const row = this.#actors.flushed.get('partition', partition, '', '');
    row?.received.forEach((sequence, from) => {
      this.#received[from * PARTITION_COUNT + partition] = sequence;
    });
    row?.sent.forEach((sequence, to) => {
      this.#sent[partition * PARTITION_COUNT + to] = sequence;
    });
  }

  // Waiting and refusing

  #refusal(name: string): Refused | null {
    if (this.#isDraining || this.#isStopped) return { ok: false, code: 'DRAINING' };
    if (this.#options.store.quarantine?.isSetAside(name) === true) return { ok: false, code: 'COMMAND_SET_ASIDE' };
    return this.#mailbox.length >= LIMITS.mailboxCountMax ? this.#overloaded() : null;
  }

  /** Until a full mailbox has been worked off, at the pace seen in `bench/end-to-end.ts`. */
  #overloaded(): Refused {
    return { ok: false, code: 'OVERLOADED', retryAtMs: this.#options.clock.nowMs() + LIMITS.mailboxDrainMs };
  }

  get isIdle(): boolean {
    const isEmpty = this.#mailbox.length + this.#urgent.length + this.#inFlight.length + this.#deferred.size === 0;
    return isEmpty && !this.#isScheduled && this.#commands.count + this.#records.count === 0;
  }

  #tellIdle(): void {
    if (this.#idle.length === 0 || !this.isIdle) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** Facts at which a test may stop the world: the steps of a claim, and of the closing of a period. */
const POINTS: ReadonlySet<Fact['kind']> = new Set([
  'claimStarted',
  'cardActivated',
  'cardClaimed',
  'claimConfirmed',
  'claimWithdrawn',
  'claimEnded',
  'periodClosed',
  'periodCloseHeard',
  'periodFrozen',
  'rankingFrozen',
]);

/** An acknowledgement names its message; what was in it no longer matters. */
const FREED: MessageBody = { kind: 'periodClosed', awardPeriodId: 0 };

function walletContext(turn: Turn, partition: number, wallet: Wallet, decision: Decision): WalletContext {
  return { wallet, nowMs: turn.nowMs, decision, newPlace: () => turn.newPlace('payment', partition) };
}

function commandReply(turn: Turn, partition: number, outcome: Exclude<Outcome, { kind: 'record' }>): CommandReply {
  if (outcome.kind === 'done') {
    return { ok: true, answer: outcome.answer, position: turn.position(partition), repeated: false };
  }
  const { code, detail } = outcome;
  return detail === undefined ? { ok: false, code } : { ok: false, code, detail };
}
