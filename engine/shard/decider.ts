/**
 * Decides tasks within a turn: each on top of the one before, with all messages that follow from it within this store.
 * What was decided is in the turn; here is only what waits, for an outcome or for each other.
 */
import { invariant, unreachable } from '../assert.ts';
import { emptyCard } from '../card/card.ts';
import { lastActivation } from '../card/card-facts.ts';
import type { CardContext } from '../card/card-machine.ts';
import { decideCard } from '../card/card-machine.ts';
import { findRecord, type Reopening } from '../card/ledger.ts';
import { reversalPrefix } from '../card/listed-reversals.ts';
import type { CommandReply, Hpan, PeriodDecision, PeriodParameters, Programme, RecordCommand } from '../contract.ts';
import { PARTITION_COUNT } from '../contract.ts';
import type { Decision, Outcome } from '../decision.ts';
import { newDecision } from '../decision.ts';
import type { ActorMessage, Fact, Message, MessageBody } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import { partitionOf } from '../partition.ts';
import { type Clock, isRowDamage, type PartitionRow, type Store } from '../ports.ts';
import {
  acceptingPeriod,
  decisionPrefix,
  findPeriod,
  periodStatus,
  recordKeyText,
  reopenedPeriod,
} from '../programme/index.ts';
import { doneCommand, type PageReader } from '../wallet/commands.ts';
import type { Wallet } from '../wallet/wallet.ts';
import { emptyWallet } from '../wallet/wallet.ts';
import type { Asked, WalletContext, WalletEvent } from '../wallet/wallet-events.ts';
import { decideWallet } from '../wallet/wallet-machine.ts';
import type { Actors } from './actors.ts';
import { bodyText } from './command-text.ts';
import { cardEvent, commandEvent, receiverOf, type ToCard, walletEvent } from './events.ts';
import { ExclusionDecider, isCitizenExcluded } from './exclusion-decider.ts';
import { FileDecider } from './file-decider.ts';
import { emptyPartition } from './fold.ts';
import { overloaded } from './mailbox.ts';
import { NoticeDecider } from './notice-decider.ts';
import { PayoutDecider, type PayoutDeciderOptions } from './payout-decider.ts';
import {
  entityOf,
  namedBy,
  type RecordReply,
  type ResolutionReply,
  refuseTask,
  type SystemDecide,
  type Task,
} from './task.ts';
import type { Turn } from './turn.ts';
import { Waiting } from './waiting.ts';

export interface DeciderOptions {
  readonly store: Store;
  readonly actors: Actors;
  readonly programme: Programme;
  readonly clock: Clock;
  /** See ShardOptions. */
  readonly onPoint: (name: string, subject?: string) => void;
  readonly betweenTasks?: (() => void) | undefined;
  isLocal(partition: number): boolean;
  acknowledge(message: Message): void;
  /** The rest of a task is the next turn's. */
  again(task: Task): void;
}

export class Decider {
  readonly #options: DeciderOptions;
  readonly #files: FileDecider;
  readonly #notices: NoticeDecider;
  readonly #exclusions: ExclusionDecider;
  readonly #payouts: PayoutDecider;
  /** Tasks behind an unfinished one of the same wallet or card, in order. */
  readonly #deferred = new Map<string, Task[]>();
  readonly #commands = new Waiting<CommandReply>();
  readonly #records = new Waiting<RecordReply>();
  readonly #resolutions = new Waiting<ResolutionReply>();
  /** Outcomes of a card that still has something under way: told when it has not. */
  readonly #held = new Map<Hpan, readonly Outcome[]>();
  /** Last message decided, by sender and receiver. */
  readonly #sent = new Float64Array(PARTITION_COUNT * PARTITION_COUNT);
  readonly #received = new Float64Array(PARTITION_COUNT * PARTITION_COUNT);
  readonly #pages: PageReader = (citizen) =>
    this.#options.actors.decided.list('command', partitionOf(citizen), citizen, '');

  constructor(options: DeciderOptions) {
    this.#options = options;
    const { actors, programme, store } = options;
    const fact: PayoutDeciderOptions['fact'] = (turn, partition, made) => this.#fact(turn, partition, made);
    this.#files = new FileDecider({ digest: (text) => store.vault.digest(text), fact });
    this.#notices = new NoticeDecider({ actors, programme, fact });
    this.#payouts = new PayoutDecider({ actors, programme, vault: store.vault, notices: this.#notices, fact });
    this.#exclusions = new ExclusionDecider({
      ...{ programme, vault: store.vault, notices: this.#notices, fact },
      send: (turn, from, to, body) => this.#send(turn, from, to, body),
      isClosed: (turn, partition, awardPeriodId) => this.#isClosed(turn, partition, awardPeriodId),
      decideWallet: (turn, wallet, isExcluded) => this.#decideExclusion(turn, wallet, isExcluded),
    });
    for (let partition = 0; partition < PARTITION_COUNT; partition += 1) this.#recallMessages(partition);
  }

  /** Nobody waits for an outcome, and nothing for something else. */
  get isIdle(): boolean {
    return this.#deferred.size + this.#commands.count + this.#records.count + this.#resolutions.count === 0;
  }

  /** What waits for something else does so no longer. */
  takeDeferred(): readonly Task[] {
    const tasks = [...this.#deferred.values()].flat();
    this.#deferred.clear();
    return tasks;
  }

  /** Decides a task and all messages that follow from it within this shard, or lets it wait for one before it. */
  decide(turn: Turn, task: Task): void {
    const entity = entityOf(task);
    if (entity !== null && !this.#isReadable(turn, task)) this.#refuseDamaged(turn, task);
    else if (entity !== null && this.#deferred.has(entity)) this.#defer(turn, entity, task);
    else if (!this.#decideNow(turn, task) && entity !== null) this.#defer(turn, entity, task);
  }

  /** Looked at before anything is decided: from then on a row that is damaged ends the process. */
  #isReadable({ view }: Turn, task: Task): boolean {
    const { citizen, hpan } = namedBy(task);
    try {
      if (citizen !== undefined) view.get('wallet', partitionOf(citizen), citizen, '');
      if (hpan === undefined || !this.#options.isLocal(partitionOf(hpan))) return true;
      const owner = view.get('card', partitionOf(hpan), hpan, '')?.history.at(-1)?.citizen;
      if (owner !== undefined && this.#options.isLocal(partitionOf(owner))) {
        view.get('wallet', partitionOf(owner), owner, '');
      }
      return true;
    } catch (fault) {
      if (isRowDamage(fault)) return false;
      throw fault;
    }
  }

  /** Until the next start has made the row anew (fault 72). A file of rows must not wait for that with all its others. */
  #refuseDamaged(turn: Turn, task: Task): void {
    const code = 'INTERNAL_ERROR';
    const refuse =
      task.kind === 'record' ? () => task.done({ status: 'rejected', code }) : refuseTask(task, { ok: false, code });
    if (refuse !== null) turn.replies.push(refuse);
  }

  /** False = something of its wallet or card is under way. */
  #decideNow(turn: Turn, task: Task): boolean {
    switch (task.kind) {
      case 'command':
        this.#options.onPoint('deciding', task.command.id);
        return this.#decideCommand(turn, task);
      case 'record':
        return this.#decideRecord(turn, task.command, task.key, task.done);
      case 'resolution':
        return this.#decideResolution(turn, task);
      case 'message':
        this.#takeIn(turn, task.message);
        return true;
      case 'system':
        this.#decideSystem(turn, task.partition, task.decide);
        return true;
      case 'payouts':
        turn.replies.push(task.decide(turn, this.#payouts));
        return true;
      case 'notices':
        turn.replies.push(task.decide(turn, this.#notices));
        return true;
      case 'files':
        turn.replies.push(task.decide(turn, this.#files));
        return true;
      case 'par':
        this.#decidePar(turn, task);
        return true;
      case 'rechecks':
        this.#decideRechecks(turn, task);
        return true;
      case 'exclusions':
        turn.replies.push(task.decide(turn, this.#exclusions));
        return true;
      case 'expiry':
        this.#decideExpiry(turn, task);
        return true;
      case 'probe':
        task.done();
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
      role: command.origin.role,
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
      isExcluded: () => isCitizenExcluded(turn, citizen),
      vault: this.#options.store.vault,
      isOlder: this.#options.store.isOlder === true,
    });
    decideWallet(walletContext(turn, partition, wallet, decision), event);
    if (decision.isDeferred) return false;
    const [outcome] = decision.outcomes;
    if (outcome === undefined) this.#commands.add(citizen + asked.commandKey, done);
    this.#fold(turn, partition, decision);
    this.#payouts.follow(turn, partition, decision.facts);
    this.#sendAll(turn, partition, decision);
    if (outcome?.kind === 'done' || outcome?.kind === 'refused') {
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

  #decidePar(turn: Turn, { citizen, hpan, par, done }: Extract<Task, { kind: 'par' }>): void {
    const partition = partitionOf(hpan);
    const decision = newDecision();
    const context = this.#cardContext(turn, partition, hpan, decision);
    decideCard(context, { type: 'SET_PAR', citizen, par });
    this.#fold(turn, partition, decision);
    const { card } = context;
    const isOwn = card.status === 'active' && lastActivation(card)?.citizen === citizen;
    const isNew = decision.facts.length > 0;
    turn.replies.push(() => done(isOwn ? { ok: true, value: isNew } : { ok: false, code: 'INSTRUMENT_NOT_FOUND' }));
  }

  #decideRecord(turn: Turn, command: RecordCommand, key: string, done: (reply: RecordReply) => void): boolean {
    const { record, receivedMs, fileNumber = 0, cover } = command;
    const partition = partitionOf(record.hpan);
    const inTime = acceptingPeriod(this.#options.programme, { trxMs: record.trxMs, receivedMs });
    const reopening = inTime === null ? this.#reopeningFor(turn, partition, command) : undefined;
    const period = reopening === undefined ? inTime : this.#period(reopening.awardPeriodId);
    const { closedPeriods } = this.#partitionRow(turn, partition);
    const isClosed = period !== null && closedPeriods.includes(period.awardPeriodId);
    const decision = newDecision();
    decideCard(this.#cardContext(turn, partition, record.hpan, decision), {
      type: 'RECORD',
      key,
      record,
      receivedMs,
      fileNumber,
      reopening,
      period,
      isClosed,
      cover,
    });
    if (decision.isDeferred) return false;
    this.#records.add(record.hpan + key, done);
    this.#fold(turn, partition, decision);
    this.#tell(turn, partition, record.hpan, decision.outcomes);
    this.#sendAll(turn, partition, decision);
    return true;
  }

  /** A closed period was opened again for the file in which the record stands. */
  #reopeningFor(turn: Turn, partition: number, { record, receivedMs, file }: RecordCommand): Reopening | undefined {
    if (file === undefined) return undefined;
    for (const decision of this.#reopenings(turn, partition)) {
      const period = reopenedPeriod(this.#options.programme, decision, { trxMs: record.trxMs, receivedMs, file });
      if (period === null) continue;
      return { decisionNumber: decision.number, awardPeriodId: period.awardPeriodId, file };
    }
    return undefined;
  }

  /** The newest first. */
  #reopenings(turn: Turn, partition: number): readonly PeriodDecision[] {
    const rows = turn.view.list('periodDecision', partition, '', decisionPrefix('reopened'));
    return rows.map(([, decision]) => decision).reverse();
  }

  #decideResolution(turn: Turn, { asked, key, paymentKey, done }: Extract<Task, { kind: 'resolution' }>): boolean {
    const { hpan, resolution, operator, reason } = asked;
    const partition = partitionOf(hpan);
    const decision = newDecision();
    const context = this.#cardContext(turn, partition, hpan, decision);
    const reversal = findRecord(context, { key, trxMs: asked.reversal.trxMs });
    const payment =
      paymentKey === null ? null : findRecord(context, { key: paymentKey, trxMs: asked.payment?.trxMs ?? 0 });
    decideCard(context, {
      type: 'RESOLVE',
      ...{ key, reversal, payment, resolution, operator, reason },
      before: reversal === null ? null : context.ledger.resolution(reversal.place),
      isClosed: reversal !== null && this.#isClosed(turn, partition, reversal.awardPeriodId),
    });
    if (decision.isDeferred) return false;
    this.#resolutions.add(hpan + key, done);
    this.#fold(turn, partition, decision);
    this.#tell(turn, partition, hpan, decision.outcomes);
    this.#sendAll(turn, partition, decision);
    return true;
  }

  /** Its figures are final, or wallets hear on the way that they are; not while it is open again (domain 3.4). */
  #isClosed(turn: Turn, partition: number, awardPeriodId: number): boolean {
    const period = findPeriod(this.#options.programme, awardPeriodId);
    if (period === null || this.#partitionRow(turn, partition).closedPeriods.includes(awardPeriodId)) return true;
    if (periodStatus(period, turn.nowMs) !== 'CLOSED') return false;
    const reopening = this.#reopenings(turn, partition).find((one) => one.awardPeriodId === awardPeriodId);
    return reopening === undefined || turn.nowMs >= reopening.untilMs;
  }

  #decideExclusion(turn: Turn, wallet: Wallet, isExcluded: boolean): void {
    const partition = partitionOf(wallet.citizen);
    const decision = newDecision();
    const type = isExcluded ? 'EXCLUDE' : 'INCLUDE';
    const frozenPeriods = this.#frozenPeriods(turn, partition);
    decideWallet(walletContext(turn, partition, wallet, decision), { type, frozenPeriods });
    this.#fold(turn, partition, decision);
    this.#payouts.follow(turn, partition, decision.facts);
  }

  #decideSystem(turn: Turn, partition: number, decide: SystemDecide): void {
    const { facts, toAll, done } = decide(this.#partitionRow(turn, partition), turn);
    for (const fact of facts) this.#fact(turn, partition, fact);
    if (done !== undefined) turn.replies.push(done);
    if (toAll === undefined) return;
    for (let to = 0; to < PARTITION_COUNT; to += 1) this.#send(turn, partition, to, toAll);
  }

  #decideRechecks(turn: Turn, { partition, rechecks, done }: Extract<Task, { kind: 'rechecks' }>): void {
    let dueCount = 0;
    for (const { citizen, dueMs, verdict } of rechecks) {
      const wallet = turn.view.get('wallet', partition, citizen, '') ?? emptyWallet(citizen);
      const decision = newDecision();
      decideWallet(walletContext(turn, partition, wallet, decision), { type: 'RECHECKED', dueMs, verdict });
      this.#fold(turn, partition, decision);
      this.#payouts.follow(turn, partition, decision.facts);
      if (decision.facts.length > 0) dueCount += 1;
    }
    turn.replies.push(() => done(dueCount));
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
    if (due.length === LIMITS.expiredPerTurnMax) this.#options.again(task);
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
      case 'exclude':
        this.#decideCardMessage(turn, partition, body, decision);
        this.#fold(turn, partition, decision);
        this.#exclusions.wentOn(turn, body.hpan);
        this.#tell(turn, partition, body.hpan, decision.outcomes);
        this.#sendAll(turn, partition, decision);
        return body.hpan;
      default: {
        const { citizen } = body;
        const wallet = turn.view.get('wallet', partition, citizen, '') ?? emptyWallet(citizen);
        decideWallet(walletContext(turn, partition, wallet, decision), this.#walletEvent(turn, partition, body));
        this.#fold(turn, partition, decision);
        for (const outcome of decision.outcomes) this.#reply(turn, partition, citizen, outcome);
        this.#sendAll(turn, partition, decision);
        if (body.kind === 'count' || body.kind === 'countLate')
          this.#exclusions.counted(turn, wallet, body.record, decision.facts);
        return citizen;
      }
    }
  }

  #walletEvent(turn: Turn, partition: number, body: Parameters<typeof walletEvent>[0]): WalletEvent {
    return walletEvent(body, this.#options.programme, (awardPeriodId) =>
      this.#reopenings(turn, partition).some((decision) => decision.awardPeriodId === awardPeriodId),
    );
  }

  #decideCardMessage(turn: Turn, partition: number, body: ToCard, decision: Decision): void {
    const context = this.#cardContext(turn, partition, body.hpan, decision);
    if (body.kind !== 'exclude') return decideCard(context, cardEvent(body));
    const payment = findRecord(context, body);
    const isClosed =
      payment !== null && this.#partitionRow(turn, partition).closedPeriods.includes(payment.awardPeriodId);
    decideCard(context, { type: 'EXCLUDE', payment, isExcluded: body.isExcluded, isClosed });
    if (payment !== null && decision.facts.length > 0) this.#exclusions.begun(payment);
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
    // Stores that were dealt out anew may still have one of the pair on its way to this very store: it comes first.
    const isNext = (this.#received[pair] ?? 0) === sequence - 1;
    if (!this.#options.isLocal(to) || !isNext) return turn.send(message);
    // Within one store sender and receiver share the record: nothing is gained by waiting for the flush.
    turn.sendWithin(message);
    this.#takeIn(turn, message);
  }

  // Deciding

  #fold(turn: Turn, partition: number, { facts, accepted }: Decision): void {
    for (const fact of facts) this.#fact(turn, partition, fact);
    if (accepted !== null && accepted.fileNumber > 0) {
      turn.tally(partition, accepted.fileNumber, accepted.record.amountCents);
    }
  }

  #fact(turn: Turn, partition: number, fact: Fact): void {
    if (POINTS.has(fact.kind)) this.#options.onPoint(fact.kind);
    if (fact.kind === 'periodReopened') this.#exclusions.reopen(fact.decision.awardPeriodId);
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
    if (outcome.kind === 'resolution') {
      for (const done of this.#resolutions.take(entity + outcome.key)) turn.replies.push(() => done(outcome.reply));
      return;
    }
    const reply = commandReply(turn, partition, outcome);
    for (const done of this.#commands.take(entity + outcome.commandKey)) turn.replies.push(() => done(reply));
  }

  #defer(turn: Turn, entity: string, task: Task): void {
    const queue = this.#deferred.get(entity);
    if (queue === undefined) this.#deferred.set(entity, [task]);
    else if (queue.length < LIMITS.deferredCountMax) queue.push(task);
    else {
      const refuse = refuseTask(task, overloaded(this.#options.clock.nowMs()));
      if (refuse !== null) turn.replies.push(refuse);
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
      return this.#decideNow(turn, task);
    }
    quarantine.name([task.name]);
    const isDecided = this.#decideNow(turn, task);
    quarantine.name(turn.names);
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
        resolution: (place) => view.get('resolution', partition, hpan, String(place)) ?? null,
        newPlace: () => turn.newPlace('record', partition),
      },
      periodOf: (awardPeriodId) => this.#period(awardPeriodId),
      keyOf: (record) => this.#options.store.vault.digest(recordKeyText(record)),
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
    const row = this.#options.actors.flushed.get('partition', partition, '', '');
    row?.received.forEach((sequence, from) => {
      this.#received[from * PARTITION_COUNT + partition] = sequence;
    });
    row?.sent.forEach((sequence, to) => {
      this.#sent[partition * PARTITION_COUNT + to] = sequence;
    });
  }
}

/** Facts at which a test may stop the world: the steps of a claim, of the closing of a period and of its opening again. */
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
  'periodDecided',
  'periodReopened',
]);

function walletContext(turn: Turn, partition: number, wallet: Wallet, decision: Decision): WalletContext {
  return { wallet, nowMs: turn.nowMs, decision, newPlace: () => turn.newPlace('payment', partition) };
}

type CommandEnd = Extract<Outcome, { kind: 'done' | 'refused' }>;

function commandReply(turn: Turn, partition: number, outcome: CommandEnd): CommandReply {
  if (outcome.kind === 'done') {
    return { ok: true, answer: outcome.answer, position: turn.position(partition), repeated: false };
  }
  const { code, detail } = outcome;
  return detail === undefined ? { ok: false, code } : { ok: false, code, detail };
}
