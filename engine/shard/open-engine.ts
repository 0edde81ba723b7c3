/** Puts the parts of an engine together on one thread: they call each other. */
import type { Programme } from '../contract.ts';
import type { Engine } from '../engine.ts';
import { partitionOf } from '../partition.ts';
import type { Clock, RankingCopies, Schedule, Store } from '../ports.ts';
import { Coordinator, toCoordinator } from './coordinator.ts';
import { chooseProgramme, DividedEngine, type DividedEngineOptions } from './divided-engine.ts';
import { RecoveredStore, StoreShard } from './store-shard.ts';

export interface EngineOptions {
  /** Store i serves the partitions p with p % stores.length === i. */
  readonly stores: readonly Store[];
  /** Of a new folder; must equal the folder's own where that has one. Undefined = the folder's own. */
  readonly programme?: Programme | undefined;
  readonly clock: Clock;
  readonly schedule: Schedule;
  /** Absent: every start builds the rankings from wallets. */
  readonly rankingCopies?: RankingCopies | undefined;
  /** The disk failed or a checkpoint broke: stop the process, nothing may be answered any more. */
  readonly failed: (error: unknown) => void;
  /** Changed rows after which a checkpoint begins; default LIMITS.checkpointRowCount. */
  readonly checkpointRowCount?: number | undefined;
  /** Named places at which a test may stop the world. */
  readonly onPoint?: (name: string, subject?: string) => void;
}

/**
 * @throws StorageFault PROGRAMME_MISSING | PROGRAMME_MISMATCH | CLOCK_BEFORE_JOURNAL, and whatever the stores find
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  return DividedEngine.open(await openParts(options));
}

export async function openParts(options: EngineOptions): Promise<DividedEngineOptions> {
  const { stores, clock, rankingCopies, onPoint = () => {}, ...rest } = options;
  const places = stores.map((_, index) => ({ index, shardCount: stores.length }));
  const recovered = places.map((place) => new RecoveredStore(stores[place.index]!, place, onPoint));
  const reports = recovered.map((store) => store.report());
  const programme = chooseProgramme(reports, options.programme, clock.nowMs());
  const digest = (text: string) => stores[0]!.vault.digest(text);

  const shards: readonly StoreShard[] = places.map(
    (place) =>
      new StoreShard({
        ...rest,
        ...place,
        recovered: recovered[place.index]!,
        programme,
        clock,
        onPoint,
        neighbour: (index) => shards[index]!,
        coordinator: toCoordinator(() => coordinator),
      }),
  );
  const coordinator: Coordinator = await Coordinator.open({
    ...rest,
    programme,
    shards,
    reports,
    rankingCopies,
    digest,
    taxCodeOf: (citizen) => shards[partitionOf(citizen) % shards.length]!.taxCodeOf(citizen),
  });
  return { programme, shards, coordinator, clock, digest, reports };
}
