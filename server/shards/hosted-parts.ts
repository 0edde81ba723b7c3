/** Parts of the engine that live on this thread: answers what the others ask of them (remote-parts.ts). */
import {
  type CoordinatedShard,
  LIMITS,
  type NeighbourShard,
  type ProbedShard,
  type ServedCoordinator,
  type ShardCoordinator,
} from '../../engine/index.ts';
import { monotonicMs } from '../clock.ts';
import type { Conversation } from './conversation.ts';
import {
  type Answered,
  type Asked,
  COORDINATED,
  COORDINATOR,
  crossingOf,
  NEIGHBOUR,
  READ_NAMES,
  type ReadName,
  SHARD,
  TO_COORDINATOR,
} from './crossings.ts';

export function serveShard(shard: ProbedShard, front: Conversation): void {
  const answerRead = <M extends ReadName>(name: M) => {
    // Asked of the shard itself, so that `this` is what it expects.
    const reads = shard as unknown as Record<M, (...asked: Asked<M>) => Promise<Answered<M>>>;
    front.onAsked(crossingOf(name), (asked) => reads[name](...asked));
  };
  for (const name of READ_NAMES) answerRead(name);
  front.onChange(SHARD.execute, (command, done) => shard.execute(command, done));
  front.onChange(SHARD.record, (command, done) => shard.record(command, done));
  front.onAsked(SHARD.probe, async () => {
    await shard.probe();
    return Math.round(monotonicMs() * 1_000);
  });
  front.onAsked(SHARD.stats, () => shard.stats());
  front.onAsked(SHARD.resume, () => shard.resume());
  front.onAsked(SHARD.drain, (isHurried) => shard.drain(isHurried));
  front.onAsked(SHARD.idle, () => shard.idle());
  front.onAsked(SHARD.checkpoint, () => shard.close());
  front.onAsked(SHARD.resolveReversal, (decision) => shard.resolveReversal(decision));
  front.onAsked(SHARD.exclude, (request) => shard.exclude(request));
  front.onAsked(SHARD.changePayouts, ([partition, changes]) => shard.changePayouts(partition, changes));
  front.onAsked(SHARD.integratePayout, (integration) => shard.integratePayout(integration));
  front.onAsked(SHARD.setPayoutFile, (file) => shard.setPayoutFile(file));
  front.onAsked(SHARD.openFile, (arrival) => shard.openFile(arrival));
  front.onAsked(SHARD.closeFile, (file) => shard.closeFile(file));
  front.onAsked(SHARD.changeNotices, ([partition, changes]) => shard.changeNotices(partition, changes));
  front.onAsked(SHARD.setPar, (asked) => shard.setPar(...asked));
  front.onAsked(SHARD.recheckAccounts, ([partition, rechecks]) => shard.recheckAccounts(partition, rechecks));
  front.onTold(SHARD.tick, (nowMs) => shard.tick(nowMs));
  shard.onChanged((citizens) => {
    for (let at = 0; at < citizens.length; at += LIMITS.pieceCount) {
      front.tell(SHARD.changed, citizens.slice(at, at + LIMITS.pieceCount));
    }
  });
}

export function serveCoordinator(coordinator: ServedCoordinator, front: Conversation): void {
  front.onAsked(COORDINATOR.rankingPage, (asked) => coordinator.rankingPage(...asked));
  front.onAsked(COORDINATOR.rankingStats, () => coordinator.rankingStats());
  front.onAsked(COORDINATOR.traffic, () => coordinator.traffic());
  front.onAsked(COORDINATOR.close, () => coordinator.close());
  front.onAsked(COORDINATOR.makePayouts, (asked) => coordinator.makePayouts(...asked));
  front.onAsked(COORDINATOR.runNotices, (asked) => coordinator.runNotices(...asked));
  front.onAsked(COORDINATOR.decidePeriod, (order) => coordinator.decidePeriod(order));
  front.onTold(COORDINATOR.closePeriod, (due) => coordinator.closePeriod(due));
}

export function hostNeighbour(shard: NeighbourShard, other: Conversation): void {
  other.onTold(NEIGHBOUR.deliver, (message) => shard.deliver(message));
  other.onTold(NEIGHBOUR.acknowledge, (message) => shard.acknowledge(message));
  other.onAsked(NEIGHBOUR.hasEnabled, ({ citizen, hpan }) => shard.hasEnabled(citizen, hpan));
}

export function hostCoordinatedShard(shard: CoordinatedShard, coordinator: Conversation): void {
  coordinator.onAsked(COORDINATED.endExclusions, (awardPeriodId) => shard.endExclusions(awardPeriodId));
  coordinator.onTold(COORDINATED.closePeriod, (awardPeriodId) => shard.closePeriod(awardPeriodId));
  coordinator.onTold(COORDINATED.freezeRanking, (frozen) => shard.freezeRanking(frozen));
  coordinator.onAsked(COORDINATED.recoveredMoves, () => shard.recoveredMoves());
  coordinator.onAsked(COORDINATED.payoutsDue, (awardPeriodId) => shard.payoutsDue(awardPeriodId));
  coordinator.onAsked(COORDINATED.payoutProgress, (orderNumber) => shard.payoutProgress(orderNumber));
  coordinator.onAsked(COORDINATED.lastPayoutOrder, (awardPeriodId) => shard.lastPayoutOrder(awardPeriodId));
  coordinator.onAsked(COORDINATED.orderPayouts, (order) => shard.orderPayouts(order));
  coordinator.onAsked(COORDINATED.runPayouts, (work) => shard.runPayouts(work));
  coordinator.onAsked(COORDINATED.runNotices, (work) => shard.runNotices(work));
  coordinator.onAsked(COORDINATED.holdBack, () => shard.holdBack());
  coordinator.onAsked(COORDINATED.judgePeriod, (asked) => shard.judgePeriod(...asked));
  coordinator.onAsked(COORDINATED.settlePeriod, (settled) => shard.settlePeriod(settled));
  coordinator.onAsked(COORDINATED.participants, (awardPeriodIds) => shard.participants(awardPeriodIds));
}

export function hostShardCoordinator(coordinator: ShardCoordinator, shard: Conversation): void {
  shard.onTold(TO_COORDINATOR.published, (published) => coordinator.published(published));
  shard.onAsked(TO_COORDINATOR.ranks, (asked) => coordinator.ranks(asked));
  shard.onAsked(TO_COORDINATOR.ranked, (index) => coordinator.ranked(index));
}
