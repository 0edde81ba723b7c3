/**
 * Live pushes. The newest state wins: nothing is queued per change, a subscriber is only marked, and what it gets is
 * read when its turn comes. So a slow reader costs one mark, however much happens meanwhile (faults 50). Notices alone are no
 * state: a reader that is full misses them here, and has them as messages.
 */
import type { CitizenKey, Engine, RankingView } from '../../engine/index.ts';
import type { NoticeView, Topic, TopicPush } from '../wire/index.ts';
import { readable, readWalletWithTotals } from './reads.ts';

/** How often `tick` wants to be called. */
export const PUSH_TICK_MS = 50;
/** At most one push of a topic to one socket in this time. */
const WALLET_INTERVAL_MS = 200;
const RANK_INTERVAL_MS = 500;
/** 10,000 rank reads a second: with more subscribers the interval stretches, and commands do not wait for it. */
const RANK_READS_PER_TICK_MAX = 500;

/** Whoever has said which version it is, at most so many at once: all of them are told when one thing changes. */
const FEATURES_PER_TICK_MAX = 500;

export interface Subscriber {
  readonly citizen: CitizenKey;
  /** False while its socket is full, its token has expired or the topic is off for it: its turn comes again later. */
  canTakePush(topic: Topic | 'features'): boolean;
  push(frame: TopicPush): void;
  pushFeatures(): void;
}

interface Subscription {
  readonly subscriber: Subscriber;
  readonly topic: Topic;
  dueMs: number;
  isReading: boolean;
  isCancelled: boolean;
  /** What was pushed last, without the time of reading. */
  last: string;
}

export class Pushes {
  readonly #engine: Engine;
  readonly #readFailed: (fault: unknown) => void;
  readonly #wallets = new Map<CitizenKey, Set<Subscription>>();
  readonly #notices = new Map<CitizenKey, Set<Subscription>>();
  readonly #changed = new Set<Subscription>();
  /** A queue in order of `dueMs`: a Set keeps insertion order and forgets members in constant time. */
  readonly #ranks = new Set<Subscription>();
  readonly #held = new Map<Subscriber, Map<Topic, Subscription>>();
  readonly #untold = new Set<Subscriber>();

  /** @param readFailed see SessionPorts */
  constructor(engine: Engine, readFailed: (fault: unknown) => void) {
    this.#engine = engine;
    this.#readFailed = readFailed;
  }

  /** The present state is pushed first, where a topic has one. Subscribing twice changes nothing. */
  subscribe(subscriber: Subscriber, topic: Topic): void {
    const held = this.#held.get(subscriber) ?? new Map<Topic, Subscription>();
    this.#held.set(subscriber, held);
    if (held.has(topic)) return;
    const subscription: Subscription = { subscriber, topic, dueMs: 0, isReading: false, isCancelled: false, last: '' };
    held.set(topic, subscription);
    if (topic === 'rank') this.#ranks.add(subscription);
    else add(topic === 'wallet' ? this.#wallets : this.#notices, subscription);
    if (topic === 'wallet') this.#changed.add(subscription);
  }

  unsubscribe(subscriber: Subscriber, topic: Topic): void {
    const held = this.#held.get(subscriber);
    const subscription = held?.get(topic);
    if (held === undefined || subscription === undefined) return;
    subscription.isCancelled = true;
    held.delete(topic);
    if (held.size === 0) this.#held.delete(subscriber);
    this.#ranks.delete(subscription);
    this.#changed.delete(subscription);
    for (const map of [this.#wallets, this.#notices]) remove(map, subscription);
  }

  topics(subscriber: Subscriber): Topic[] {
    return [...(this.#held.get(subscriber)?.keys() ?? [])];
  }

  remove(subscriber: Subscriber): void {
    this.#untold.delete(subscriber);
    for (const topic of this.topics(subscriber)) this.unsubscribe(subscriber, topic);
  }

  /** Wallets or totals of these citizens changed. */
  changed(citizens: readonly CitizenKey[]): void {
    for (const citizen of citizens) {
      for (const subscription of this.#wallets.get(citizen) ?? []) this.#changed.add(subscription);
    }
  }

  /** This citizen was just told something. */
  told(citizen: CitizenKey, notice: NoticeView): void {
    for (const { subscriber } of this.#notices.get(citizen) ?? [])
      if (subscriber.canTakePush('notices')) subscriber.push({ push: 'notices', view: notice });
  }

  /** What these can do changed, though they never subscribed to it. */
  featuresChanged(subscribers: Iterable<Subscriber>): void {
    for (const subscriber of subscribers) this.#untold.add(subscriber);
  }

  /** @param nowMs monotonic */
  tick(nowMs: number): void {
    this.#tickFeatures();
    for (const subscription of this.#changed) {
      if (!isReady(subscription, nowMs)) continue;
      this.#changed.delete(subscription); // Before the read: a change during it marks anew.
      subscription.dueMs = nowMs + WALLET_INTERVAL_MS;
      void this.#pushWallet(subscription);
    }
    this.#tickRanks(nowMs);
  }

  #tickFeatures(): void {
    let told = 0;
    for (const subscriber of this.#untold) {
      if (told === FEATURES_PER_TICK_MAX) return;
      if (!subscriber.canTakePush('features')) continue;
      this.#untold.delete(subscriber);
      subscriber.pushFeatures();
      told += 1;
    }
  }

  #tickRanks(nowMs: number): void {
    let reads = 0;
    for (const subscription of this.#ranks) {
      if (subscription.dueMs > nowMs || reads === RANK_READS_PER_TICK_MAX) return;
      const isTurn = isReady(subscription, nowMs);
      this.#ranks.delete(subscription);
      subscription.dueMs = nowMs + RANK_INTERVAL_MS;
      this.#ranks.add(subscription);
      if (!isTurn) continue;
      reads += 1;
      void this.#pushRank(subscription);
    }
  }

  async #pushWallet(subscription: Subscription): Promise<void> {
    subscription.isReading = true;
    const wallet = await readable(
      readWalletWithTotals(this.#engine, subscription.subscriber.citizen),
      this.#readFailed,
    );
    subscription.isReading = false;
    if (subscription.isCancelled) return;
    if (!wallet.ok) {
      // Who never enrolled has no wallet to push, nor has whose row is damaged; who came at a busy moment still wants it.
      if (wallet.code !== 'CITIZEN_NOT_FOUND' && wallet.code !== 'INTERNAL_ERROR') this.#changed.add(subscription);
      return;
    }
    subscription.subscriber.push({
      push: 'wallet',
      view: wallet.value as Extract<TopicPush, { push: 'wallet' }>['view'],
    });
  }

  async #pushRank(subscription: Subscription): Promise<void> {
    subscription.isReading = true;
    const rankings = await readable(this.#engine.rankings(subscription.subscriber.citizen), this.#readFailed);
    subscription.isReading = false;
    if (!rankings.ok || subscription.isCancelled) return;
    const text = textOf(rankings.value);
    if (text === subscription.last) return;
    subscription.last = text;
    subscription.subscriber.push({ push: 'rank', view: [...rankings.value] });
  }
}

function add(map: Map<CitizenKey, Set<Subscription>>, subscription: Subscription): void {
  const { citizen } = subscription.subscriber;
  map.set(citizen, (map.get(citizen) ?? new Set()).add(subscription));
}

function remove(map: Map<CitizenKey, Set<Subscription>>, subscription: Subscription): void {
  const { citizen } = subscription.subscriber;
  const same = map.get(citizen);
  if (same?.delete(subscription) && same.size === 0) map.delete(citizen);
}

function isReady({ subscriber, topic, dueMs, isReading }: Subscription, nowMs: number): boolean {
  return dueMs <= nowMs && !isReading && subscriber.canTakePush(topic);
}

/** A later reading of the same ranks is no news. */
function textOf(rankings: readonly RankingView[]): string {
  return JSON.stringify(rankings, (key, value) => (key === 'updateMs' ? undefined : value));
}
