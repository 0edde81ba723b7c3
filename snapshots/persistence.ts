/** What a data folder is to the engine, whatever holds it. */
import { type Journal, type RankingCopy, StorageFault, type Store } from '../engine/ports.ts';
import type { SavedRanking } from './ranking-file.ts';

/** The journal of a store whose partitions were dealt out anew. */
export interface PastJournal {
  readonly generation: number;
  readonly index: number;
  readonly journal: Pick<Journal, 'lastSequence' | 'read'>;
}

export interface Persistence {
  readonly shardCount: number;
  /** No journal holds a record: the programme must be set first. */
  readonly isNew: boolean;
  /** Store i serves the partitions p with p % shardCount === i. */
  readonly stores: readonly Store[];
  /** What stores of generations before journaled, in order. */
  readonly past: readonly PastJournal[];
  /** Where it lies, for messages. */
  readonly folder: string;
  /** By which citizens are named (KeyedHash); never rotates, never written in clear. */
  readonly indexKey: Uint8Array;
  /**
   * Keeps a copy of a ranking that was begun at `vector` (the sequence of each partition), taking it while it is
   * written. Rejects with StorageFault; the copy before it then stays.
   */
  saveRanking(awardPeriodId: number, copy: RankingCopy, vector: readonly number[]): Promise<void>;
  /** Null = none, or its end is damaged: rebuild it from rows. Damage before that is found by who reads the chunks. */
  loadRanking(awardPeriodId: number): SavedRanking | null;
  /** Destroys the key of one citizen for good: what was sealed under it opens nowhere, backups included. */
  eraseKey(storeIndex: number, slot: number): Promise<void>;
  /**
   * Reads every record and every row, without yielding. Reading alone notices what is wrong, only this notices what
   * is not to be found. Throws StorageFault at the first damage.
   */
  scrub(): void;
  /** Waits for what is under way, then lets go of the folder. Calls after it fail with STORE_CLOSED. */
  close(): Promise<void>;
}

/** @throws StorageFault SHARDS_MISMATCH */
export function checkShardCount(present: number, wanted: number | undefined): void {
  if (wanted === undefined || wanted === present) return;
  throw new StorageFault(
    'SHARDS_MISMATCH',
    `the folder has ${present} stores and cannot be opened with ${wanted}: start with --shards ${present}, ` +
      `or deal them out anew: clickday reshard --stores ${wanted}`,
  );
}
