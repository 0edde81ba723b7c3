/** Writes the rows changed since the last checkpoint, in key order and small transactions, between journal commits. */
import { LIMITS } from '../limits.ts';
import type { CheckpointMark, RankedMark, Schedule, Store } from '../ports.ts';
import type { Actors } from './actors.ts';
import type { Frozen } from './frozen.ts';
import type { Shard } from './shard.ts';

export interface CheckpointOptions {
  readonly store: Store;
  readonly actors: Actors;
  readonly shard: Shard;
  readonly onPoint: (name: string) => void;
  /** Changed rows that make one due; default LIMITS.checkpointRowCount. */
  readonly rowCount?: number | undefined;
  /** Rank moves up to where are in copies. What it answers is not after the moment when it does. */
  readonly ranked: () => Promise<RankedMark>;
  /** Runs a task after what has arrived meanwhile. */
  readonly schedule: Schedule;
  /** Rows are free again: who waited for that may go on. */
  readonly written?: () => void;
  /** Moving journal records to the archive broke: the process stops. */
  readonly failed: (error: unknown) => void;
}

export class Checkpointer {
  readonly #options: CheckpointOptions;
  #running: Promise<void> | null = null;
  #trimming: Promise<void> = Promise.resolve();
  #mark: CheckpointMark;

  constructor(options: CheckpointOptions) {
    this.#options = options;
    this.#mark = options.store.rows.checkpoint();
  }

  /** Everything up to here is in rows. */
  get sequence(): number {
    return this.#mark.sequence;
  }

  /** Starts one when enough has changed; rejections go to whoever holds the promise. */
  runIfDue(): Promise<void> | null {
    const { actors, shard, rowCount = LIMITS.checkpointRowCount } = this.#options;
    const isDue =
      actors.dirtyCount >= rowCount || shard.flushedSequence - this.sequence >= LIMITS.journalTailRecordsMax;
    return isDue && this.#running === null ? this.run() : null;
  }

  /** One at a time; a call during one waits for it and then writes what changed meanwhile. */
  async run(): Promise<void> {
    while (this.#running !== null) await this.#running;
    const before = this.sequence;
    this.#running = this.#write();
    try {
      await this.#running;
    } finally {
      this.#running = null;
    }
    // Not where no turn came since the last one: what acknowledgements changed can wait for the next turn.
    if (this.sequence !== before) this.#options.written?.();
  }

  async #write(): Promise<void> {
    const { store, actors, shard, onPoint, ranked } = this.#options;
    const { sequence: rankedBefore } = this.#mark.ranked;
    const reached = await ranked();
    const mark = { sequence: shard.flushedSequence, partitions: [...shard.flushedSequences], ranked: reached };
    if (mark.sequence === this.#mark.sequence && reached.sequence === rankedBefore) return;
    const frozen = actors.freeze();
    onPoint('checkpoint-start');
    await this.#writeRows(frozen);
    await store.rows.setCheckpoint(mark);
    onPoint('checkpoint-marked');
    actors.release();
    this.#mark = mark;
    // Beside the next checkpoint: packing a segment takes longer than writing the rows. The last record that the rows
    // cover stays: a start has to know its hash, and would unpack a segment for it.
    this.#trimming = store.journal.trim(mark.sequence - 1);
    this.#trimming.catch(this.#options.failed);
  }

  /** Some of what an older format left is written anew, never beside a checkpoint. False = nothing is left. */
  async rewriteSome(): Promise<boolean> {
    while (this.#running !== null) await this.#running;
    const { store, rowCount = LIMITS.rewriteRowCount } = this.#options;
    const rewriting = store.rows.rewriteOlder(Math.min(rowCount, LIMITS.rewriteRowCount));
    this.#running = rewriting.then(() => {});
    try {
      return await rewriting;
    } finally {
      this.#running = null;
    }
  }

  /** Writes what changed last; resolves when the archive has what it covers, too. */
  async finish(): Promise<void> {
    await this.run();
    await this.#trimming;
  }

  /**
   * The more there are, the larger the batches: each waits for the disk and then for a busy loop to come round, three
   * times or so, and batches of one size fell behind. One at a time: several become one transaction of LMDB, and a flush
   * of the journal waits behind all their pages. Packing one takes milliseconds, so turns pass between any two.
   */
  async #writeRows({ rowCount, batches }: Frozen): Promise<void> {
    const { store, onPoint, schedule } = this.#options;
    const { checkpointBatchRows, checkpointBatchesUsual } = LIMITS;
    for (const batch of batches(Math.max(checkpointBatchRows, Math.ceil(rowCount / checkpointBatchesUsual)))) {
      await store.rows.write(batch);
      onPoint('checkpoint-batch');
      await new Promise<void>((resolve) => schedule(resolve));
    }
  }
}
