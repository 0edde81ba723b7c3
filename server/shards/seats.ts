/**
 * Which part of the engine lives on which thread, and what joins the threads: a pair of rings between any two.
 *
 * Each store has a thread. With one store the coordinator lives there and is called; with several it has a thread of
 * its own. It could share the first shard's; but a move of a rank costs about a tenth of the payment that caused it, so
 * from a few shards on that one would be slower than all others, and what concerns two is as slow as the slower.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { PARTITION_COUNT } from '../../engine/index.ts';
import type { FolderParts } from '../../snapshots/index.ts';
import type { Configuration } from '../config.ts';
import { createRing } from './ring.ts';

export interface Seat {
  /** Its number is that of its thread; null = no shard. */
  readonly shard: number | null;
  readonly isCoordinator: boolean;
}

/** One side of what joins two threads. */
export interface Ends {
  readonly port: MessagePort;
  readonly outgoing: SharedArrayBuffer;
  readonly incoming: SharedArrayBuffer;
}

/** What a thread is started with. */
export interface ThreadData extends Pick<Configuration, 'killAt' | 'checkpointRowCount' | 'slowdownUs'> {
  readonly seats: readonly Seat[];
  /** Which of them is its own. */
  readonly own: number;
  readonly front: Ends;
  /** By thread; none to itself. */
  readonly others: readonly (Ends | null)[];
  /** By shard, see tax-code-desk.ts. */
  readonly desks: readonly SharedArrayBuffer[];
  readonly folder: FolderParts;
  /** See SharedClock. */
  readonly clock: SharedArrayBuffer;
  /** See Vitals. */
  readonly vitals: SharedArrayBuffer;
}

/**
 * Stores of a new folder. A store at work keeps two cores busy: its thread one, its flushes and the garbage of both most
 * of another; the front takes one. On two cores a second store has nothing to run on, and a command that needs a card of
 * another store takes two thirds more of the engine's threads (README, "Measured").
 */
export function shardCountFor(cores: number): number {
  return Math.min(PARTITION_COUNT, Math.max(1, Math.floor((cores - 1) / 2)));
}

export function seatsFor(shardCount: number): readonly Seat[] {
  if (shardCount === 1) return [{ shard: 0, isCoordinator: true }];
  const shards = Array.from({ length: shardCount }, (_, shard) => ({ shard, isCoordinator: false }));
  return [...shards, { shard: null, isCoordinator: true }];
}

/** For people. The front comes after the engine's threads. */
export function threadNames(seats: readonly Seat[]): readonly string[] {
  return [...seats.map(({ shard }) => (shard === null ? 'coordinator' : `store ${shard}`)), 'front'];
}

export function createEnds(ringBytes: number): readonly [Ends, Ends] {
  const { port1, port2 } = new MessageChannel();
  const [there, back] = [createRing(ringBytes), createRing(ringBytes)];
  return [
    { port: port1, outgoing: there, incoming: back },
    { port: port2, outgoing: back, incoming: there },
  ];
}

/** Each thread's ends to all others. */
export function joinAll(count: number, ringBytes: number): readonly (readonly (Ends | null)[])[] {
  const ends: (Ends | null)[][] = Array.from({ length: count }, () => new Array<Ends | null>(count).fill(null));
  for (let left = 0; left < count; left += 1) {
    for (let right = left + 1; right < count; right += 1) {
      [ends[left]![right], ends[right]![left]] = createEnds(ringBytes) as [Ends, Ends];
    }
  }
  return ends;
}
