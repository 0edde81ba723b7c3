/**
 * Takes the data folder, starts the engine's threads and leads them until they can serve. No thread is a fault boundary:
 * whatever ends one, other than an orderly close, ends the process.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import {
  canonicalJson,
  chooseProgramme,
  DividedEngine,
  type Engine,
  isRowDamage,
  LIMITS,
  type Refused,
  type ShardReport,
  StorageFault,
} from '../../engine/index.ts';
import {
  type BackupSource,
  type Folder,
  generationOf,
  judgeDeath,
  KeyedHash,
  openFolder,
  openFolderAsItIs,
  pastRecordPiece,
  repairFolder,
} from '../../snapshots/index.ts';
import { type ClockOrigin, SharedClock } from '../clock.ts';
import { type Configuration, programmeOf } from '../config.ts';
import { log } from '../fail-stop.ts';
import { startHeart, startWatchdog, type ThreadView, Vitals } from '../vitals/index.ts';
import { Conversation } from './conversation.ts';
import { THREAD } from './crossings.ts';
import { type Fitness, RemoteShard, remoteCoordinator } from './remote-parts.ts';
import { createEnds, joinAll, type Seat, seatsFor, shardCountFor, type ThreadData, threadNames } from './seats.ts';
import { createDesk } from './tax-code-desk.ts';

export interface EngineThreadsOptions {
  readonly configuration: Configuration;
  readonly folder: string;
  /** The front's, at the start. */
  readonly clock: ClockOrigin;
  /** A thread ended, and nobody had asked it to. */
  readonly failed: (error: unknown) => void;
  /** Asked before each change, in the programme's time: turns it away at the door. */
  readonly refusal: (nowMs: number) => Refused | null;
}

/** The engine could not start, and no restart would help: told in one line. */
export class EngineStartFault extends Error {}

/** A new folder's demonstration is played in the past: until then no time has passed. */
const LONG_AGO: ClockOrigin = { originMs: 0, originMonotonicMs: 0, speed: 0 };

export interface StartedEngine {
  readonly engine: Engine;
  /** What the front hands over to each of them, and how long that waits. */
  readonly shards: readonly Pick<RemoteShard, 'inside' | 'answeredCount' | 'probe'>[];
  /** The folder was made just now. */
  readonly isNew: boolean;
  /** For backups of what it works on. */
  readonly backupSource: BackupSource;
  /** Names of the commands that this start has set aside. */
  readonly setAside: readonly string[];
  readonly health: Health;
  /** Hands over what was asked and takes what was answered, without waiting for this thread's loop to come round. */
  exchange(): void;
  /** Moves the clock of all threads: whatever is asked from now on is judged by it. */
  setClock(origin: ClockOrigin): void;
  /** After `engine.close()`: closes the stores; resolves when the threads are gone. */
  end(): Promise<void>;
}

/** Whether the threads of this process, the front's included, come round, and how full they are. */
export interface Health {
  threads(): readonly ThreadView[];
  /** No more connections: a heap is nearly full. */
  readonly isCrowded: boolean;
  /** This thread is busy, not stuck: to be said wherever it may have much to do in one piece. */
  beat(): void;
  /** From now on the process ends where a thread is stuck for good. @returns ends the watch */
  watch(): () => Promise<unknown>;
}

/** @throws EngineStartFault, ConfigurationFault */
export async function startEngineThreads(options: EngineThreadsOptions): Promise<StartedEngine> {
  const setAside: string[] = [];
  try {
    const started = await startOnce(options, setAside).catch((error) => {
      // It left a mark for the next start, which is this one: rows that recovery reads can be damaged, too.
      if (isRowDamage(error)) return startOnce(options, setAside);
      throw error;
    });
    return { ...started, setAside };
  } catch (error) {
    if (error instanceof StorageFault) throw new EngineStartFault(error.message, { cause: error });
    throw error;
  }
}

/** @param setAside grows by what is set aside for the death before this start, if there was one */
async function startOnce(options: EngineThreadsOptions, setAside: string[]): Promise<Omit<StartedEngine, 'setAside'>> {
  const { shardCount, keepsFormat } = options.configuration;
  const open = keepsFormat ? openFolderAsItIs : openFolder;
  const folder = open(options.folder, shardCount, shardCountFor(availableParallelism()));
  await makeReady(folder, setAside);
  const threads = new EngineThreads(options, folder);
  try {
    return await threads.open();
  } catch (error) {
    await threads.end();
    throw error;
  }
}

async function makeReady(folder: Folder, setAside: string[]): Promise<void> {
  try {
    setAside.push(...judgeDeath(folder.path, Date.now()));
    const rows = (await repairFolder(folder)).map(({ table, partition }) => `${table} of partition ${partition}`);
    if (rows.length > 0) log.warn({ rows }, 'rows were damaged, and were made anew from archive and journal');
  } catch (error) {
    folder.unlock();
    throw error;
  }
}

class EngineThreads {
  readonly #options: EngineThreadsOptions;
  readonly #folder: Folder;
  readonly #seats: readonly Seat[];
  /** By thread. */
  readonly #conversations: readonly Conversation[];
  readonly #ended: Promise<unknown>;
  readonly #clock = new SharedClock();
  readonly #vitals: Vitals;
  readonly #stopHeart: () => void;
  #isEnding = false;

  constructor(options: EngineThreadsOptions, folder: Folder) {
    const { configuration, clock, failed } = options;
    const { killAt, checkpointRowCount, slowdownUs } = configuration;
    this.#options = options;
    this.#folder = folder;
    this.#clock.move(clock);
    this.#seats = seatsFor(folder.manifest.shardCount);
    this.#vitals = new Vitals(this.#seats.length + 1);
    this.#stopHeart = startHeart(this.#vitals, this.#front);
    const fronts = this.#seats.map(() => createEnds(LIMITS.ringBytes));
    const others = joinAll(this.#seats.length, LIMITS.ringBytesBetweenShards);
    const desks = Array.from({ length: folder.manifest.shardCount }, createDesk);
    const { path, manifest, keys } = folder;
    const shared = {
      seats: this.#seats,
      desks,
      folder: { path, manifest, keys },
      clock: this.#clock.memory,
      vitals: this.#vitals.memory,
      killAt,
      checkpointRowCount,
      slowdownUs,
    };
    this.#conversations = fronts.map(
      ([ends]) => new Conversation({ ...ends, soon: setImmediate, taken: this.#beat, failed }),
    );
    const workers = this.#seats.map((_, own) =>
      this.#startThread({ ...shared, own, front: fronts[own]![1], others: others[own]! }),
    );
    this.#ended = Promise.all(workers);
  }

  async open(): Promise<Omit<StartedEngine, 'setAside'>> {
    const { configuration } = this.#options;
    const withShards = this.#conversations.filter((_, thread) => this.#seats[thread]!.shard !== null);
    const coordinatorThread = this.#seats.findIndex((seat) => seat.isCoordinator);
    const withCoordinator = this.#conversations[coordinatorThread]!;
    const reports = await Promise.all(withShards.map((one) => one.ask(THREAD.recover, undefined)));

    const isNew = reports.every((report) => report.isNew);
    const realNowMs = this.#clock.nowMs();
    if (isNew && configuration.isDemonstration) this.#clock.move(LONG_AGO);
    const given = isNew || configuration.programme !== undefined ? programmeOf(configuration, realNowMs) : undefined;
    const programme = chooseProgramme(reports, given, this.#clock.nowMs());
    await this.#begin(withShards, withCoordinator, { programme: canonicalJson(programme), reports });

    const names = new KeyedHash(this.#folder.keys.index);
    // A shard's number is that of its thread.
    const shards = withShards.map((one, thread) => new RemoteShard(one, this.#clock, this.#fitness(thread)));
    const engine = await DividedEngine.open({
      programme,
      shards,
      coordinator: remoteCoordinator(withCoordinator, this.#clock, this.#fitness(coordinatorThread)),
      clock: this.#clock,
      digest: (text) => names.digest(text),
      reports,
      refusal: this.#options.refusal,
    });
    return {
      engine,
      shards,
      isNew,
      backupSource: this.#backupSource(withShards),
      health: this.#health(),
      exchange: () => {
        for (const { link } of this.#conversations) link.exchange();
      },
      setClock: (origin) => this.#clock.move(origin),
      end: () => this.end(),
    };
  }

  #backupSource(stores: readonly Conversation[]): BackupSource {
    const { path, manifest } = this.#folder;
    return {
      folder: path,
      manifest,
      positions: () => Promise.all(stores.map((one) => one.ask(THREAD.position, undefined))),
      async records(place, sequence) {
        // No thread has it open.
        if (place.generation < generationOf(manifest)) return pastRecordPiece(path, manifest, place, sequence);
        const records = await stores[place.index]!.ask(THREAD.records, sequence);
        return records.map((record) => Buffer.from(record.buffer, record.byteOffset, record.length));
      },
      copyRows: (store, to) => stores[store]!.ask(THREAD.copyRows, to),
    };
  }

  #fitness(thread: number): Fitness {
    const vitals = this.#vitals;
    return {
      isStuck: () => vitals.isStuck(thread),
      isFull: () => vitals.isFull(thread) || vitals.isFull(this.#front),
    };
  }

  #health(): Health {
    const vitals = this.#vitals;
    const names = threadNames(this.#seats);
    return {
      threads: () => names.map((name, thread) => vitals.view(thread, name)),
      get isCrowded() {
        return vitals.isCrowded;
      },
      beat: this.#beat,
      watch: () => startWatchdog({ vitals, names, failed: this.#options.failed }),
    };
  }

  readonly #beat = (): void => this.#vitals.beat(this.#front);

  /** The number of this thread. */
  get #front(): number {
    return this.#seats.length;
  }

  /** Shards first: the coordinator asks them for what its rankings lack. */
  async #begin(
    withShards: readonly Conversation[],
    withCoordinator: Conversation,
    start: { readonly programme: string; readonly reports: readonly ShardReport[] },
  ): Promise<void> {
    await Promise.all(withShards.map((one) => one.ask(THREAD.beginShard, start.programme)));
    await withCoordinator.ask(THREAD.beginCoordinator, start);
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#conversations.map((one) => one.settled()));
    await Promise.all(this.#conversations.map((one) => one.ask(THREAD.close, undefined)));
    for (const one of this.#conversations) one.close();
    await this.#ended;
    this.#stopHeart();
    this.#folder.unlock();
  }

  /** @returns resolves when the thread has ended, as it was asked to */
  #startThread(data: ThreadData): Promise<void> {
    const { failed } = this.#options;
    const transferList = [data.front, ...data.others].flatMap((ends) => (ends === null ? [] : [ends.port]));
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: data, transferList });
    worker.once('error', failed);
    return new Promise((resolve) => {
      worker.once('exit', (code) => {
        if (code === 0 && this.#isEnding) resolve();
        else failed(new Error(`thread ${data.own} of the engine ended with ${code}`));
      });
    });
  }
}
