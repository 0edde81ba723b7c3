/** Writes the rows changed since the last checkpoint, in key order and small transactions, between journal commits. */
import { LIMITS } from '../limits.ts';
import type { Store } from '../ports.ts';
import type { Actors, Frozen } from './actors.ts';
import type { Shard } from './shard.ts';

export interface CheckpointOptions {
  readonly store: Store;
  readonly actors: Actors;
  readonly shard: Shard;
  readonly onPoint: (name: string) => void;
  /** Changed rows that make one due; default LIMITS.checkpointRowCount. */
  readonly rowCount?: number | undefined;
  /**
   * Writes what else must be as new as the checkpoint (copies of rankings), before the mark: whenever the process
   * dies, the journal after the mark reaches back to those copies.
   */
  readonly beforeMark?: () => Promise<void>;
  /** Rows are free again: who waited for that may go on. */
  readonly written?: () => void;
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
    const { actors, shard, rowCount = LIMITS.checkpointRowCount } = this.#options;
    const isDue =
      actors.dirtyCount >= rowCount || shard.flushedSequence - this.#sequence >= LIMITS.journalTailRecordsMax;
    return isDue && this.#running === null ? this.run() : null;
  }

  /** One at a time; a call during one waits for it and then writes what changed meanwhile. */
  async run(): Promise<void> {
    while (this.#running !== null) await this.#running;
    const before = this.#sequence;
    this.#running = this.#write();
    try {
      await this.#running;
    } finally {
      this.#running = null;
    }
    // Not where no turn came since the last one: what acknowledgements changed can wait for the next turn.
    if (this.#sequence !== before) this.#options.written?.();
  }

  async #write(): Promise<void> {
    const { store, actors, shard, onPoint, beforeMark } = this.#options;
    const mark = { sequence: shard.flushedSequence, partitions: [...shard.flushedSequences] };
    if (mark.sequence === this.#sequence) return;
    const frozen = actors.freeze();
    onPoint('checkpoint-start');
    await this.#writeRows(frozen);
    await beforeMark?.();
    await store.rows.setCheckpoint(mark);
    onPoint('checkpoint-marked');
    actors.release();
    this.#sequence = mark.sequence;
    await store.journal.trim(mark.sequence);
  }

  /**
   * Each transaction waits for the disk and then for a busy loop to come round, so with batches of one size rows came
   * faster than they could be written: the more there are, the larger the batches, and the next is made while one is
   * being written.
   */
  async #writeRows({ rowCount, batches }: Frozen): Promise<void> {
    const { store, onPoint } = this.#options;
    const { checkpointBatchRows, checkpointBatchesUsual } = LIMITS;
    let writing: Promise<void> = Promise.resolve();
    for (const batch of batches(Math.max(checkpointBatchRows, Math.ceil(rowCount / checkpointBatchesUsual)))) {
      const written = store.rows.write(batch);
      await writing;
      writing = written.then(() => onPoint('checkpoint-batch'));
    }
    await writing;
  }
}
