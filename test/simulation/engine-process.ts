/**
 * One process that serves: the parts of the engine on threads of their own, joined by the very rings, formats and
 * conversations of server/shards/, with a simulated thread in place of a real one. What server/shards/worker.ts does in a
 * worker, `EngineThread` does here; only the desk of tax codes, where one real thread waits for another, is a call.
 */
import type { MessagePort } from 'node:worker_threads';
import {
  type CoordinatedShard,
  Coordinator,
  canonicalJson,
  checkProgramme,
  chooseProgramme,
  DividedEngine,
  type Engine,
  invariant,
  LIMITS,
  type Message,
  type NeighbourShard,
  type Programme,
  partitionOf,
  RecoveredStore,
  type ShardCoordinator,
  StoreShard,
  toCoordinator,
} from '../../engine/index.ts';
import { Conversation, type ConversationOptions } from '../../server/shards/conversation.ts';
import { type CoordinatorStart, THREAD } from '../../server/shards/crossings.ts';
import {
  hostCoordinatedShard,
  hostNeighbour,
  hostShardCoordinator,
  serveCoordinator,
  serveShard,
} from '../../server/shards/hosted-parts.ts';
import {
  RemoteShard,
  remoteCoordinatedShard,
  remoteCoordinator,
  remoteNeighbour,
  remoteShardCoordinator,
} from '../../server/shards/remote-parts.ts';
import { createRing } from '../../server/shards/ring.ts';
import { type Ends, type Seat, seatsFor } from '../../server/shards/seats.ts';
import { KeyedHash } from '../../snapshots/keys.ts';
import type { OpenStore } from '../../snapshots/store.ts';
import type { SimulatedDisk } from './disk.ts';
import { expectThat } from './fault.ts';
import { type Lane, MS, type Scheduler } from './scheduler.ts';

export interface ProcessOptions {
  readonly scheduler: Scheduler;
  readonly disk: SimulatedDisk;
  readonly shardCount: number;
  readonly clock: { nowMs(): number };
  /** Of a new folder; the folder's own where that has one. */
  readonly programme: Programme;
  /** Of a ring between two threads of the engine. */
  readonly ringBytes: number;
  readonly checkpointRowCount: number;
  readonly onPoint: (name: string) => void;
  readonly failed: (error: unknown) => void;
  /** Whether a message is durable with its receiver. */
  readonly isReceived: (message: Message) => boolean;
}

export class EngineProcess {
  readonly #options: ProcessOptions;
  readonly #seats: readonly Seat[];
  readonly #front: Lane;
  readonly #lanes: readonly Lane[];
  readonly #conversations: readonly Conversation[];

  constructor(options: ProcessOptions) {
    const { scheduler, shardCount, failed } = options;
    this.#options = options;
    this.#seats = seatsFor(shardCount);
    this.#front = scheduler.lane('front');
    this.#lanes = this.#seats.map(({ shard }) => scheduler.lane(shard === null ? 'coordinator' : `shard ${shard}`));
    const fronts = this.#lanes.map((lane) => joined(scheduler, this.#front, lane, LIMITS.ringBytes));
    const others = this.#joinAll();
    const soon = (task: () => void) => scheduler.soon(this.#front, 'says', task);
    const monotonicMs = () => 0; // Nothing takes time within one step.
    this.#conversations = fronts.map(([ends]) => new Conversation({ ...ends, soon, later: soon, monotonicMs, failed }));
    const threads: EngineThread[] = [];
    for (const [own, lane] of this.#lanes.entries()) {
      const thread = { own, lane, seats: this.#seats, front: fronts[own]![1], others: others[own]!, threads };
      threads.push(new EngineThread({ ...options, ...thread }));
    }
  }

  /** @throws StorageFault what recovery finds */
  async open(): Promise<Engine> {
    const { disk, clock, programme: given } = this.#options;
    const withShards = this.#conversations.filter((_, thread) => this.#seats[thread]!.shard !== null);
    const withCoordinator = this.#conversations[this.#seats.findIndex(({ isCoordinator }) => isCoordinator)]!;
    const reports = await Promise.all(withShards.map((one) => one.ask(THREAD.recover, undefined)));
    const isNew = reports.every((report) => report.isNew);
    const programme = chooseProgramme(reports, isNew ? given : undefined, clock.nowMs());
    const text = canonicalJson(programme);
    await Promise.all(withShards.map((one) => one.ask(THREAD.beginShard, text)));
    await withCoordinator.ask(THREAD.beginCoordinator, { programme: text, reports });

    const names = new KeyedHash(disk.folder.keys.index);
    return DividedEngine.open({
      programme,
      shards: withShards.map((one) => new RemoteShard(one, clock)),
      coordinator: remoteCoordinator(withCoordinator, clock),
      clock,
      digest: (text) => names.digest(text),
      reports,
    });
  }

  /** Nothing of it runs any more. */
  kill(): void {
    for (const lane of [this.#front, ...this.#lanes]) lane.isDead = true;
  }

  /** One of its threads does nothing for a while. */
  pause(durationUs: number): void {
    const { scheduler } = this.#options;
    const lane = scheduler.random.pick([this.#front, ...this.#lanes]);
    scheduler.meet('a thread paused');
    lane.pausedUntilUs = scheduler.nowUs + durationUs;
  }

  #joinAll(): readonly (readonly (Ends | null)[])[] {
    const count = this.#lanes.length;
    const ends = this.#lanes.map(() => new Array<Ends | null>(count).fill(null));
    for (let left = 0; left < count; left += 1) {
      for (let right = left + 1; right < count; right += 1) {
        const { scheduler, ringBytes } = this.#options;
        const pair = joined(scheduler, this.#lanes[left]!, this.#lanes[right]!, ringBytes);
        [ends[left]![right], ends[right]![left]] = [...pair];
      }
    }
    return ends;
  }
}

function joined(scheduler: Scheduler, left: Lane, right: Lane, ringBytes: number): readonly [Ends, Ends] {
  const [there, back] = [createRing(ringBytes), createRing(ringBytes)];
  const [port, otherPort] = [new SimulatedPort(scheduler, right), new SimulatedPort(scheduler, left)];
  port.other = otherPort;
  otherPort.other = port;
  return [
    { port: port as unknown as MessagePort, outgoing: there, incoming: back },
    { port: otherPort as unknown as MessagePort, outgoing: back, incoming: there },
  ];
}

/** Carries a wake to the thread on the other side: at once, or when the core there is free. */
class SimulatedPort {
  other: SimulatedPort | null = null;
  readonly #scheduler: Scheduler;
  readonly #to: Lane;
  #woken: () => void = () => {};

  constructor(scheduler: Scheduler, to: Lane) {
    this.#scheduler = scheduler;
    this.#to = to;
  }

  on(_event: 'message', woken: () => void): void {
    this.#woken = woken;
  }

  postMessage(): void {
    const { random } = this.#scheduler;
    const delayUs = random.below(50) === 0 ? random.below(5 * MS) : random.below(120);
    this.#scheduler.after(this.#to, delayUs, 'wakes', () => this.other!.#woken());
  }

  close(): void {}
}

interface ThreadOptions extends ProcessOptions {
  readonly own: number;
  readonly lane: Lane;
  readonly seats: readonly Seat[];
  readonly front: Ends;
  readonly others: readonly (Ends | null)[];
  /** Of the whole process. */
  readonly threads: readonly EngineThread[];
}

class EngineThread {
  readonly #options: ThreadOptions;
  readonly #front: Conversation;
  readonly #others: readonly (Conversation | null)[];
  readonly #store: Promise<OpenStore> | null;
  #neighbours: readonly NeighbourShard[] = [];
  #recovered: RecoveredStore | null = null;
  #shard: StoreShard | null = null;
  #coordinator: Coordinator | null = null;

  constructor(options: ThreadOptions) {
    const { seats, own, disk, onPoint } = options;
    this.#options = options;
    [this.#front, this.#others] = this.#converse();
    this.#store = seats[own]!.shard === null ? null : disk.openStore(own, onPoint);
    this.#store?.catch(() => {}); // Whoever asks what was recovered is told.
    this.#front.onAsked(THREAD.recover, async () => (await this.#recover()).report());
    this.#front.onAsked(THREAD.beginShard, async (programme) => this.#beginShard(parsed(programme)));
    this.#front.onAsked(THREAD.beginCoordinator, (start) => this.#beginCoordinator(start));
  }

  get shard(): StoreShard {
    invariant(this.#shard !== null, 'this thread has a shard');
    return this.#shard;
  }

  #converse(): [Conversation, (Conversation | null)[]] {
    const { others, front } = this.#options;
    const coordinatorThread = this.#coordinatorThread;
    const ends = others[coordinatorThread] ?? null;
    const first = ends === null ? null : this.#talk(ends, { drained: () => this.#shard?.wake() });
    const behind = first?.link;
    const conversations = others.map((other, thread) =>
      thread === coordinatorThread ? first : other === null ? null : this.#talk(other, { behind }),
    );
    const isCoordinator = this.#options.own === coordinatorThread;
    const after = isCoordinator ? conversations.flatMap((one) => (one === null ? [] : [one.link])) : undefined;
    return [this.#talk(front, { behind, after }), conversations];
  }

  #talk(ends: Ends, how: Pick<ConversationOptions, 'behind' | 'after' | 'drained'>): Conversation {
    const { scheduler, lane, failed } = this.#options;
    const later = (task: () => void) => scheduler.soon(lane, 'reads on', task);
    const drained = () => {
      scheduler.meet('a ring was full');
      how.drained?.();
    };
    return new Conversation({ ...ends, ...how, drained, soon: queueMicrotask, later, monotonicMs: () => 0, failed });
  }

  async #recover(): Promise<RecoveredStore> {
    const { own, shardCount, onPoint } = this.#options;
    invariant(this.#store !== null, 'a thread without a store is not asked what it recovered');
    this.#recovered = new RecoveredStore(await this.#store, { index: own, shardCount }, onPoint);
    return this.#recovered;
  }

  #beginShard(programme: Programme): void {
    const { own, seats, shardCount, clock, scheduler, lane, failed, checkpointRowCount, onPoint } = this.#options;
    invariant(this.#recovered !== null, 'a shard begins when its store has recovered');
    const shard = new StoreShard({
      index: own,
      shardCount,
      recovered: this.#recovered,
      programme,
      neighbour: (index) => this.#neighbours[index]!,
      coordinator: this.#shardCoordinator(),
      clock,
      schedule: (task) => scheduler.soon(lane, 'turns', task),
      failed,
      checkpointRowCount,
      onPoint,
    });
    this.#shard = shard;
    this.#neighbours = seats.flatMap((seat, thread): NeighbourShard[] => {
      const other = this.#others[thread] ?? null;
      if (seat.shard === null) return [];
      return [other === null ? shard : remoteNeighbour(other)];
    });
    for (const [thread, seat] of seats.entries()) {
      const other = this.#others[thread] ?? null;
      if (other === null) continue;
      if (seat.shard !== null) hostNeighbour(this.#neighbour(shard), other);
      if (seat.isCoordinator) hostCoordinatedShard(shard, other);
    }
    serveShard(shard, this.#front);
  }

  /** Who acknowledges has the message on disk: its sender forgets it. */
  #neighbour(shard: StoreShard): NeighbourShard {
    const { isReceived } = this.#options;
    return {
      deliver: (message) => shard.deliver(message),
      hasEnabled: (citizen, hpan) => shard.hasEnabled(citizen, hpan),
      acknowledge(message) {
        const { from, to, sequence } = message;
        expectThat(
          isReceived(message),
          'flushed',
          () => `${from} to ${to}: ${sequence} is acknowledged before the flush`,
        );
        shard.acknowledge(message);
      },
    };
  }

  #shardCoordinator(): ShardCoordinator {
    const other = this.#others[this.#coordinatorThread] ?? null;
    if (other !== null) return remoteShardCoordinator(other);
    return toCoordinator(() => {
      invariant(this.#coordinator !== null, 'this thread has the coordinator');
      return this.#coordinator;
    });
  }

  async #beginCoordinator({ programme, reports }: CoordinatorStart): Promise<void> {
    const { disk, shardCount, failed, checkpointRowCount, threads } = this.#options;
    const names = new KeyedHash(disk.folder.keys.index);
    const coordinator = await Coordinator.open({
      programme: parsed(programme),
      shards: reports.map((_, thread): CoordinatedShard => {
        const other = this.#others[thread] ?? null;
        return other === null ? this.shard : remoteCoordinatedShard(other);
      }),
      reports,
      rankingCopies: disk.rankingCopies(),
      digest: (text) => names.digest(text),
      failed,
      checkpointRowCount,
      taxCodeOf: (citizen) => threads[partitionOf(citizen) % shardCount]!.shard.taxCodeOf(citizen),
    });
    this.#coordinator = coordinator;
    for (const other of this.#others) if (other !== null) hostShardCoordinator(coordinator, other);
    serveCoordinator(coordinator, this.#front);
  }

  get #coordinatorThread(): number {
    return this.#options.seats.findIndex(({ isCoordinator }) => isCoordinator);
  }
}

function parsed(text: string): Programme {
  const checked = checkProgramme(JSON.parse(text));
  invariant(checked.ok, 'a programme was checked before it was told');
  return checked.programme;
}
