/** Writes the rows changed since the last checkpoint, in key order and small transactions, between journal commits. */
import { LIMITS } from '../limits.ts';
import { partitionOf } from '../partition.ts';
import type { RowChange, Store } from '../ports.ts';
import type { FlushedState } from './flushed-state.ts';
import { diskEntity, type Overlay } from './layers.ts';
import type { Shard } from './shard.ts';

export interface CheckpointOptions {
  readonly store: Store;
  readonly state: FlushedState;
  readonly shard: Shard;
  readonly onPoint: (name: string) => void;
  /** Changed rows that make one due; default LIMITS.checkpointRowCount. */
  readonly rowCount?: number | undefined;
  /**
   * Writes what else must be as new as the checkpoint (copies of rankings), before the mark: whenever the process
   * dies, the journal after the mark reaches back to those copies.
   */
  readonly beforeMark?: () => Promise<void>;
}

export class Checkpointer {
  readonly #options: CheckpointOptions;
  #running: Promise<void> | null = null;
  #sequence: number;

  constructor(options: CheckpointOptions) {
    this.#options = options;
    this.#sequence = options.store.rows.checkpoint().sequence;
  }

  /** Everything up to here is in rows. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Starts one when enough has changed; rejections go to whoever holds the promise. */
  runIfDue(): Promise<void> | null {
    const { state, shard, rowCount = LIMITS.checkpointRowCount } = this.#options;
    const isDue =
      state.overlay.count >= rowCount || shard.flushedSequence - this.#sequence >= LIMITS.journalTailRecordsMax;
    return isDue && this.#running === null ? this.run() : null;
  }

  /** One at a time; a call during one waits for it and then writes what changed meanwhile. */
  async run(): Promise<void> {
    while (this.#running !== null) await this.#running;
    this.#running = this.#write();
    try {
      await this.#running;
    } finally {
      this.#running = null;
    }
  }

  async #write(): Promise<void> {
    const { store, state, shard, onPoint, beforeMark } = this.#options;
    const mark = { sequence: shard.flushedSequence, partitions: shard.flushedSequences() };
    if (mark.sequence === this.#sequence) return;
    const changes = sortedChanges(state.freeze());
    onPoint('checkpoint-start');
    for (let index = 0; index < changes.length; index += LIMITS.checkpointBatchRows) {
      await store.rows.write(changes.slice(index, index + LIMITS.checkpointBatchRows));
      onPoint('checkpoint-batch');
    }
    await beforeMark?.();
    await store.rows.setCheckpoint(mark);
    onPoint('checkpoint-marked');
    state.release();
    this.#sequence = mark.sequence;
    await store.journal.trim(mark.sequence);
  }
}

function sortedChanges(overlay: Overlay): readonly RowChange[] {
  const changes: RowChange[] = [];
  overlay.forEach((table, entity, sub, { sequence, value }) => {
    const isOfPartition = table === 'partition' || table === 'outbox';
    const partition = isOfPartition ? Number(entity) : partitionOf(entity);
    const address = { table, partition, entity: diskEntity(table, entity), sub };
    changes.push({ address, sequence, value } as RowChange);
  });
  return changes.sort(({ address: a }, { address: b }) =>
    a.partition !== b.partition
      ? a.partition - b.partition
      : compare(a.table, b.table) || compare(a.entity, b.entity) || compare(a.sub, b.sub),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
