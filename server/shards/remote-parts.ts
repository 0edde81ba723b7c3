/**
 * Parts of the engine that live on another thread, as who talks to them sees them: the same ports (engine/shard/parts.ts)
 * over a conversation.
 */
import {
  type Clock,
  type CoordinatedShard,
  LIMITS,
  type NeighbourShard,
  type Refused,
  type ServedCoordinator,
  type ServedShard,
  type ShardCoordinator,
} from '../../engine/index.ts';
import type { Load } from '../admission/index.ts';
import { monotonicMs } from '../clock.ts';
import type { Conversation, Crossing } from './conversation.ts';
import {
  type Answered,
  type Asked,
  COORDINATED,
  COORDINATOR,
  crossingOf,
  NEIGHBOUR,
  type ReadName,
  SHARD,
  TO_COORDINATOR,
} from './crossings.ts';

/** What is known of the thread at the other end without asking it. */
export interface Fitness {
  /** It does not come round (fault 19): whatever it is sent now waits until it does. */
  isStuck(): boolean;
  /** Its heap, or that of who asks, has no room for more (fault 20). */
  isFull(): boolean;
}

const FIT: Fitness = { isStuck: () => false, isFull: () => false };

/** For the front: refuses at once what the shard's thread would have no room for (limits.ts), or no time. */
export class RemoteShard implements ServedShard, Load {
  readonly #to: Conversation;
  readonly #clock: Clock;
  readonly #fitness: Fitness;
  readonly #probes = { inFlight: 0, answeredCount: 0 };
  readonly #listeners = new Set<Parameters<ServedShard['onChanged']>[0]>();
  #isDraining = false;

  constructor(to: Conversation, clock: Clock, fitness = FIT) {
    this.#to = to;
    this.#clock = clock;
    this.#fitness = fitness;
    to.onTold(SHARD.changed, (citizens) => {
      for (const listener of this.#listeners) listener(citizens);
    });
  }

  execute: ServedShard['execute'] = (command, done) => this.#change(SHARD.execute, command, done);
  record: ServedShard['record'] = (command, done) => this.#change(SHARD.record, command, done);

  outcome: ServedShard['outcome'] = (...asked) => this.#read('outcome', asked);
  wallet: ServedShard['wallet'] = (...asked) => this.#read('wallet', asked);
  instrument: ServedShard['instrument'] = (...asked) => this.#read('instrument', asked);
  instruments: ServedShard['instruments'] = (...asked) => this.#read('instruments', asked);
  activations: ServedShard['activations'] = (...asked) => this.#read('activations', asked);
  taxCode: ServedShard['taxCode'] = (...asked) => this.#read('taxCode', asked);
  total: ServedShard['total'] = (...asked) => this.#read('total', asked);
  payments: ServedShard['payments'] = (...asked) => this.#read('payments', asked);
  paymentDays: ServedShard['paymentDays'] = (...asked) => this.#read('paymentDays', asked);
  milestones: ServedShard['milestones'] = (...asked) => this.#read('milestones', asked);
  rankings: ServedShard['rankings'] = (...asked) => this.#read('rankings', asked);
  reversals: ServedShard['reversals'] = (...asked) => this.#read('reversals', asked);
  recordFate: ServedShard['recordFate'] = (...asked) => this.#read('recordFate', asked);
  covered: ServedShard['covered'] = (...asked) => this.#read('covered', asked);
  payouts: ServedShard['payouts'] = (...asked) => this.#read('payouts', asked);
  payoutsOf: ServedShard['payoutsOf'] = (...asked) => this.#read('payoutsOf', asked);
  payoutFiles: ServedShard['payoutFiles'] = (...asked) => this.#read('payoutFiles', asked);
  exclusions: ServedShard['exclusions'] = (...asked) => this.#read('exclusions', asked);
  notices: ServedShard['notices'] = (...asked) => this.#read('notices', asked);
  receivedFiles: ServedShard['receivedFiles'] = (...asked) => this.#read('receivedFiles', asked);
  fileTally: ServedShard['fileTally'] = (...asked) => this.#read('fileTally', asked);
  parCovers: ServedShard['parCovers'] = (...asked) => this.#read('parCovers', asked);
  unverifiedAccounts: ServedShard['unverifiedAccounts'] = (...asked) => this.#read('unverifiedAccounts', asked);

  resolveReversal: ServedShard['resolveReversal'] = (decision) => this.#to.ask(SHARD.resolveReversal, decision);
  exclude: ServedShard['exclude'] = (request) => this.#to.ask(SHARD.exclude, request);
  changePayouts: ServedShard['changePayouts'] = (...asked) => this.#to.ask(SHARD.changePayouts, asked);
  integratePayout: ServedShard['integratePayout'] = (asked) => this.#to.ask(SHARD.integratePayout, asked);
  setPayoutFile: ServedShard['setPayoutFile'] = (file) => this.#to.ask(SHARD.setPayoutFile, file);
  openFile: ServedShard['openFile'] = (arrival) => this.#to.ask(SHARD.openFile, arrival);
  closeFile: ServedShard['closeFile'] = (file) => this.#to.ask(SHARD.closeFile, file);
  changeNotices: ServedShard['changeNotices'] = (...asked) => this.#to.ask(SHARD.changeNotices, asked);
  setPar: ServedShard['setPar'] = (...asked) => this.#to.ask(SHARD.setPar, asked);
  recheckAccounts: ServedShard['recheckAccounts'] = (...asked) => this.#to.ask(SHARD.recheckAccounts, asked);

  onChanged: ServedShard['onChanged'] = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  tick: ServedShard['tick'] = (nowMs) => this.#to.tell(SHARD.tick, nowMs);
  /** Resolves with how long it waited for its turn, in milliseconds; on its way back it may have waited for us. */
  probe = async (): Promise<number> => {
    this.#probes.inFlight += 1;
    const sentMs = monotonicMs();
    const takenUs = await this.#to.ask(SHARD.probe, undefined);
    this.#probes.inFlight -= 1;
    this.#probes.answeredCount += 1;
    return Math.max(0, takenUs / 1_000 - sentMs);
  };
  /** Beside probes. */
  get inside(): number {
    return this.#to.changesInFlight + this.#to.readsInFlight - this.#probes.inFlight;
  }
  get answeredCount(): number {
    return this.#to.answeredCount - this.#probes.answeredCount;
  }

  stats: ServedShard['stats'] = () => this.#to.ask(SHARD.stats, undefined);
  resume: ServedShard['resume'] = () => this.#to.ask(SHARD.resume, undefined);
  drain: ServedShard['drain'] = (isHurried) => {
    this.#isDraining = true;
    return this.#to.ask(SHARD.drain, isHurried);
  };
  idle: ServedShard['idle'] = () => this.#to.ask(SHARD.idle, undefined);
  close: ServedShard['close'] = () => this.#to.ask(SHARD.checkpoint, undefined);

  /** Refuses at once or not at all: what has been handed over finds room in the mailbox. */
  #change<Question, Reply>(
    crossing: Crossing<Question, Reply | Refused>,
    asked: Question,
    done: (reply: Reply | Refused) => void,
  ): void {
    if (this.#isDraining) return done({ ok: false, code: 'DRAINING' });
    const isTooMuch = this.#to.changesInFlight >= LIMITS.changesInFlightMax || this.#to.link.isFull;
    if (isTooMuch || !isFit(this.#fitness)) return done(overloaded(this.#clock));
    this.#to.change(crossing, asked, done);
  }

  #read<M extends ReadName>(name: M, asked: Asked<M>): Promise<Answered<M>> {
    return hasRoom(this.#to) && isFit(this.#fitness)
      ? this.#to.ask(crossingOf(name), asked)
      : Promise.resolve(overloaded(this.#clock) as Answered<M>);
  }
}

/** For the front. */
export function remoteCoordinator(to: Conversation, clock: Clock, fitness = FIT): ServedCoordinator {
  return {
    rankingPage: (...asked) =>
      hasRoom(to) && isFit(fitness) ? to.ask(COORDINATOR.rankingPage, asked) : Promise.resolve(overloaded(clock)),
    rankingStats: () => to.ask(COORDINATOR.rankingStats, undefined),
    makePayouts: (...asked) => to.ask(COORDINATOR.makePayouts, asked),
    runNotices: (...asked) => to.ask(COORDINATOR.runNotices, asked),
    decidePeriod: (order) => to.ask(COORDINATOR.decidePeriod, order),
    closePeriod: (due) => to.tell(COORDINATOR.closePeriod, due),
    traffic: () => to.ask(COORDINATOR.traffic, undefined),
    close: () => to.ask(COORDINATOR.close, undefined),
  };
}

/** For another shard. */
export function remoteNeighbour(to: Conversation): NeighbourShard {
  return {
    deliver: (message) => to.tell(NEIGHBOUR.deliver, message),
    acknowledge: (message) => to.tell(NEIGHBOUR.acknowledge, message),
    hasEnabled: (citizen, hpan) => to.ask(NEIGHBOUR.hasEnabled, { citizen, hpan }),
  };
}

/** For the coordinator. */
export function remoteCoordinatedShard(to: Conversation): CoordinatedShard {
  return {
    endExclusions: (awardPeriodId) => to.ask(COORDINATED.endExclusions, awardPeriodId),
    closePeriod: (awardPeriodId) => to.tell(COORDINATED.closePeriod, awardPeriodId),
    freezeRanking: (frozen) => to.tell(COORDINATED.freezeRanking, frozen),
    recoveredMoves: () => to.ask(COORDINATED.recoveredMoves, undefined),
    participants: (awardPeriodIds) => to.ask(COORDINATED.participants, awardPeriodIds),
    payoutsDue: (awardPeriodId) => to.ask(COORDINATED.payoutsDue, awardPeriodId),
    payoutProgress: (orderNumber) => to.ask(COORDINATED.payoutProgress, orderNumber),
    lastPayoutOrder: (awardPeriodId) => to.ask(COORDINATED.lastPayoutOrder, awardPeriodId),
    orderPayouts: (order) => to.ask(COORDINATED.orderPayouts, order),
    runPayouts: (work) => to.ask(COORDINATED.runPayouts, work),
    runNotices: (work) => to.ask(COORDINATED.runNotices, work),
    holdBack: () => to.ask(COORDINATED.holdBack, undefined),
    judgePeriod: (...asked) => to.ask(COORDINATED.judgePeriod, asked),
    settlePeriod: (settled) => to.ask(COORDINATED.settlePeriod, settled),
  };
}

/** For a shard. */
export function remoteShardCoordinator(to: Conversation): ShardCoordinator {
  return {
    get isBehind() {
      return to.link.isFull;
    },
    published: (published) => to.tell(TO_COORDINATOR.published, published),
    ranks: (asked) => to.ask(TO_COORDINATOR.ranks, asked),
    ranked: (shard) => to.ask(TO_COORDINATOR.ranked, shard),
  };
}

function isFit(fitness: Fitness): boolean {
  return !fitness.isStuck() && !fitness.isFull();
}

function hasRoom(to: Conversation): boolean {
  return to.readsInFlight < LIMITS.readsInFlightMax && !to.link.isFull;
}

/** Until a full mailbox will have been worked off. */
function overloaded(clock: Clock): Refused {
  return { ok: false, code: 'OVERLOADED', retryAtMs: clock.nowMs() + LIMITS.mailboxDrainMs };
}
