/** A thread of the engine: a shard with its store, or the coordinator, or both. It opens no socket. */
import { workerData } from 'node:worker_threads';
import {
  type Clock,
  type CoordinatedShard,
  Coordinator,
  invariant,
  type NeighbourShard,
  type Programme,
  partitionOf,
  programmeIn,
  RecoveredStore,
  type ShardCoordinator,
  StoreShard,
  toCoordinator,
} from '../../engine/index.ts';
import {
  copyRows,
  type FileStore,
  KeyedHash,
  openFileStore,
  rankingCopiesIn,
  recordPiece,
  type StorePosition,
} from '../../snapshots/index.ts';
import { SharedClock } from '../clock.ts';
import { stopAtFaults, stopAtOnce } from '../fail-stop.ts';
import { type OnPoint, pointsOf } from '../points.ts';
import { startHeart, Vitals } from '../vitals/index.ts';
import { Conversation, type ConversationOptions } from './conversation.ts';
import { type CoordinatorStart, THREAD } from './crossings.ts';
import {
  hostCoordinatedShard,
  hostNeighbour,
  hostShardCoordinator,
  serveCoordinator,
  serveShard,
} from './hosted-parts.ts';
import { maintain } from './maintenance.ts';
import { remoteCoordinatedShard, remoteNeighbour, remoteShardCoordinator } from './remote-parts.ts';
import type { Ends, ThreadData } from './seats.ts';
import { slowed } from './slowed.ts';
import { AnsweringDesk, AskedDesk } from './tax-code-desk.ts';

class EngineThread {
  readonly #data: ThreadData;
  readonly #front: Conversation;
  /** By thread; none with itself. */
  readonly #others: readonly (Conversation | null)[];
  readonly #onPoint: OnPoint;
  readonly #vitals: Vitals;
  readonly #desk: AnsweringDesk | null;
  readonly #store: Promise<FileStore> | null;
  readonly #clock: Clock;
  #neighbours: readonly NeighbourShard[] = [];
  #recovered: RecoveredStore | null = null;
  #shard: StoreShard | null = null;
  #coordinator: Coordinator | null = null;

  constructor(data: ThreadData) {
    const { seats, own, folder } = data;
    const { shard, isCoordinator } = seats[own]!;
    this.#data = data;
    this.#clock = new SharedClock(data.clock);
    this.#onPoint = pointsOf(data.killAt);
    this.#vitals = new Vitals(data.vitals);
    startHeart(this.#vitals, own);
    this.#desk =
      shard === null || isCoordinator
        ? null
        : new AnsweringDesk(data.desks[shard]!, (citizen) => this.#ownShard.taxCodeOf(citizen));
    [this.#front, this.#others] = this.#converse();
    this.#store = shard === null ? null : openFileStore(folder, shard, this.#onPoint);
    // Whoever asks what was recovered is told of what failed.
    this.#store?.then(maintain, () => {});
    this.#answerFront();
  }

  /**
   * What a flush means to ranks is with the coordinator before anybody else hears of it; and whatever the front asks of
   * the coordinator comes after all moves that shards had told of by then. So who was answered finds its rank moved.
   */
  #converse(): [Conversation, (Conversation | null)[]] {
    const { seats, own, others, front } = this.#data;
    const coordinatorThread = seats.findIndex(({ isCoordinator }) => isCoordinator);
    const withCoordinator = others[coordinatorThread] ?? null;
    const taken = () => this.#vitals.beat(own);
    const first =
      withCoordinator === null
        ? null
        : converse(withCoordinator, { taken, rung: () => this.#desk?.look(), drained: () => this.#shard?.wake() });
    const behind = first?.link;
    const conversations = others.map((ends, thread) =>
      thread === coordinatorThread ? first : ends === null ? null : converse(ends, { behind, taken }),
    );
    const after =
      own === coordinatorThread ? conversations.flatMap((one) => (one === null ? [] : [one.link])) : undefined;
    return [converse(front, { behind, after, taken, rung: () => this.#onPoint('rung') }), conversations];
  }

  #answerFront(): void {
    const front = this.#front;
    front.onAsked(THREAD.recover, async () => (await this.#recover()).report());
    front.onAsked(THREAD.beginShard, async (programme) => this.#beginShard(programmeIn(programme)));
    front.onAsked(THREAD.beginCoordinator, (start) => this.#beginCoordinator(start));
    front.onAsked(THREAD.position, () => this.#position());
    front.onAsked(THREAD.records, async (sequence) => recordPiece((await this.#ownStore).records, sequence));
    front.onAsked(THREAD.copyRows, async (to) => copyRows(await this.#ownStore, this.#place, to));
    front.onAsked(THREAD.close, () => this.#close());
  }

  async #recover(): Promise<RecoveredStore> {
    this.#recovered = new RecoveredStore(await this.#ownStore, this.#place, this.#onPoint);
    return this.#recovered;
  }

  async #position(): Promise<StorePosition> {
    const { vault } = await this.#ownStore;
    // Both of one moment: keys are flushed before the record that needs them.
    return { ...this.#ownShard.position(), slotCount: vault.flushedCount };
  }

  #beginShard(programme: Programme): void {
    const { seats, own, checkpointRowCount, slowdownUs } = this.#data;
    invariant(this.#recovered !== null, 'a shard begins when its store has recovered');
    const shard = new StoreShard({
      ...this.#place,
      recovered: this.#recovered,
      programme,
      neighbour: (index) => this.#neighbours[index]!,
      coordinator: this.#shardCoordinator(),
      clock: this.#clock,
      schedule: setImmediate,
      failed: stopAtOnce,
      checkpointRowCount,
      onPoint: this.#onPoint,
      betweenTasks: () => {
        this.#vitals.beat(own); // A long turn is not a stuck one.
        this.#desk?.look();
      },
    });
    this.#shard = shard;
    this.#neighbours = seats.flatMap((seat, thread): NeighbourShard[] => {
      const other = this.#others[thread] ?? null;
      if (seat.shard === null) return [];
      return [other === null ? shard : remoteNeighbour(other)];
    });
    seats.forEach((seat, thread) => {
      const other = this.#others[thread] ?? null;
      if (other === null) return;
      if (seat.shard !== null) hostNeighbour(shard, other);
      if (seat.isCoordinator) hostCoordinatedShard(shard, other);
    });
    serveShard(slowdownUs === 0 ? shard : slowed(shard, slowdownUs), this.#front);
  }

  #shardCoordinator(): ShardCoordinator {
    const thread = this.#data.seats.findIndex(({ isCoordinator }) => isCoordinator);
    const other = this.#others[thread] ?? null;
    return other === null ? toCoordinator(() => this.#ownCoordinator) : remoteShardCoordinator(other);
  }

  async #beginCoordinator({ programme, reports }: CoordinatorStart): Promise<void> {
    const { seats, folder } = this.#data;
    const names = new KeyedHash(folder.keys.index);
    const taxCodes = this.#taxCodes();
    const coordinator = await Coordinator.open({
      programme: programmeIn(programme),
      shards: reports.map((_, thread): CoordinatedShard => {
        const other = this.#others[thread] ?? null;
        return other === null ? this.#ownShard : remoteCoordinatedShard(other);
      }),
      reports,
      rankingCopies: rankingCopiesIn(folder),
      digest: (text) => names.digest(text),
      failed: stopAtOnce,
      checkpointRowCount: this.#data.checkpointRowCount,
      onPoint: this.#onPoint,
      taxCodeOf: (citizen) => taxCodes[partitionOf(citizen) % shardCountOf(seats)]!.taxCodeOf(citizen),
    });
    this.#coordinator = coordinator;
    for (const other of this.#others) if (other !== null) hostShardCoordinator(coordinator, other);
    serveCoordinator(coordinator, this.#front);
  }

  /** Who knows the tax codes of each shard's citizens. */
  #taxCodes(): readonly Pick<StoreShard, 'taxCodeOf'>[] {
    return this.#data.desks.map((desk, thread) => {
      const other = this.#others[thread] ?? null;
      return other === null ? this.#ownShard : new AskedDesk(desk, () => other.link.ring());
    });
  }

  /** Nothing is under way any more. The thread ends when it has let go of the others. */
  async #close(): Promise<void> {
    await (await this.#store?.catch(() => null))?.close();
    setImmediate(() => {
      for (const conversation of [this.#front, ...this.#others]) conversation?.close();
    });
  }

  /** Of its store. */
  get #place() {
    const { seats, own } = this.#data;
    return { index: own, shardCount: shardCountOf(seats) };
  }
  get #ownStore(): Promise<FileStore> {
    invariant(this.#store !== null, 'a thread without a store is not asked about it');
    return this.#store;
  }
  get #ownShard(): StoreShard {
    invariant(this.#shard !== null, 'this thread has a shard');
    return this.#shard;
  }
  get #ownCoordinator(): Coordinator {
    invariant(this.#coordinator !== null, 'this thread has the coordinator');
    return this.#coordinator;
  }
}

function converse(
  ends: Ends,
  how: Pick<ConversationOptions, 'behind' | 'after' | 'taken' | 'rung' | 'drained'>,
): Conversation {
  // Replies of one flush are said in one go: they leave together, before the next turn begins.
  return new Conversation({ ...ends, ...how, soon: queueMicrotask, failed: stopAtOnce });
}

function shardCountOf(seats: ThreadData['seats']): number {
  return seats.filter(({ shard }) => shard !== null).length;
}

stopAtFaults();
new EngineThread(workerData as ThreadData);
