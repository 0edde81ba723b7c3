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
  #running: Promise<unknown> | null = null;
  /** Callers who wait, for the one under way or for their own. */
  #waitingCount = 0;
  #resting: { readonly until: number; readonly goOn: () => void } | null = null;
  /** Checkpoints; with the share of the next it is the time in which rows and archive are spread. */
  #begunCount = 0;
  #trimming: Promise<void> = Promise.resolve();
  #mark: CheckpointMark;
  /** What the newest one covers, also while it is written. */
  #begunAt: number;

  constructor(options: CheckpointOptions) {
    this.#options = options;
    this.#mark = options.store.rows.checkpoint();
    this.#begunAt = this.#mark.sequence;
  }

  /** Everything up to here is in rows. */
  get sequence(): number {
    return this.#mark.sequence;
  }

  /** To be called whenever something has changed. Rejections go to whoever holds the promise. */
  runIfDue(): Promise<void> | null {
    this.#goOnIfDue();
    return this.#running === null && this.#shareOfNext >= 1 ? this.#run() : null;
  }

  /** A call during one waits for it and then writes what changed meanwhile. */
  run(): Promise<void> {
    return this.#next(() => this.#run());
  }

  /** Somebody waits: the one under way rests no more, nor does this one. */
  async #next<T>(task: () => Promise<T>): Promise<T> {
    this.#waitingCount += 1;
    this.#resting?.goOn();
    try {
      while (this.#running !== null) await this.#running;
      return await task();
    } finally {
      this.#waitingCount -= 1;
    }
  }

  async #run(): Promise<void> {
    const before = this.sequence;
    await this.#alone(() => this.#write());
    // Not where no turn came since the last one: what acknowledgements changed can wait for the next turn.
    if (this.sequence !== before) this.#options.written?.();
  }

  async #alone<T>(task: () => Promise<T>): Promise<T> {
    const running = task();
    this.#running = running;
    try {
      return await running;
    } finally {
      this.#running = null;
    }
  }

  /** 1 = the next one is due; none is where there was no turn since the last one. */
  get #shareOfNext(): number {
    const { actors, shard, rowCount = LIMITS.checkpointRowCount } = this.#options;
    const recordCount = shard.flushedSequence - this.#begunAt;
    if (recordCount === 0) return 0;
    return Math.max(actors.dirtyCount / rowCount, recordCount / LIMITS.journalTailRecordsMax);
  }

  async #write(): Promise<void> {
    const { store, actors, shard, onPoint, ranked } = this.#options;
    const { sequence: rankedBefore } = this.#mark.ranked;
    const reached = await ranked();
    const mark = { sequence: shard.flushedSequence, partitions: [...shard.flushedSequences], ranked: reached };
    if (mark.sequence === this.#mark.sequence && reached.sequence === rankedBefore) return;
    const frozen = actors.freeze();
    this.#begunAt = mark.sequence;
    this.#begunCount += 1;
    this.#goOnIfDue();
    onPoint('checkpoint-start');
    await this.#writeRows(frozen);
    await store.rows.setCheckpoint(mark);
    onPoint('checkpoint-marked');
    actors.release();
    this.#mark = mark;
    // Packing takes longer than writing the rows, so the next checkpoint does not wait for it. The last record that the
    // rows cover stays: a start has to know its hash, and would unpack a segment for it.
    const count = this.#begunCount;
    const { checkpointSpread } = LIMITS;
    this.#trimming = store.journal.trim(mark.sequence - 1, (doneShare) =>
      this.#rest(count + checkpointSpread + doneShare * (1 - checkpointSpread)),
    );
    this.#trimming.catch(this.#options.failed);
  }

  /** Some of what an older format left is written anew, never beside a checkpoint. False = nothing is left. */
  rewriteSome(): Promise<boolean> {
    const { store, rowCount = LIMITS.rewriteRowCount } = this.#options;
    const count = Math.min(rowCount, LIMITS.rewriteRowCount);
    return this.#next(() => this.#alone(() => store.rows.rewriteOlder(count)));
  }

  /** Writes what changed last; resolves when the archive has what it covers, too. */
  finish(): Promise<void> {
    return this.#next(async () => {
      await this.#run();
      await this.#trimming;
    });
  }

  /**
   * The more there are, the larger the batches: each waits for the disk and then for a busy loop to come round, three
   * times or so, and batches of one size fell behind. One at a time: several become one transaction of LMDB, and a flush
   * of the journal waits behind all their pages. Packing one takes milliseconds, so turns pass between any two; and as far
   * as there is time until the next checkpoint, they are spread over it.
   */
  async #writeRows({ rowCount, batches }: Frozen): Promise<void> {
    const { store, onPoint, schedule } = this.#options;
    const { checkpointBatchRows, checkpointBatchesUsual, checkpointSpread } = LIMITS;
    const batchRows = Math.max(checkpointBatchRows, Math.ceil(rowCount / checkpointBatchesUsual));
    let written = 0;
    for (const batch of batches(batchRows)) {
      await this.#rest(this.#begunCount + (written / rowCount) * checkpointSpread);
      await store.rows.write(batch);
      written += batch.length;
      onPoint('checkpoint-batch');
      await new Promise<void>((resolve) => schedule(resolve));
    }
  }

  /** @param until checkpoints that have begun, and the share of the next. Rows rest, or the archive behind them: never both */
  async #rest(until: number): Promise<void> {
    if (!this.#mayRest(until)) return;
    await new Promise<void>((resolve) => {
      const goOn = () => {
        this.#resting = null;
        resolve();
      };
      this.#resting = { until, goOn };
    });
  }

  #goOnIfDue(): void {
    if (this.#resting !== null && !this.#mayRest(this.#resting.until)) this.#resting.goOn();
  }

  /** Not while others wait, or so much is unwritten that they soon would. */
  #mayRest(until: number): boolean {
    const { actors, rowCount = LIMITS.checkpointRowCount } = this.#options;
    const isFar = actors.unwrittenCount < Math.min(2 * rowCount, LIMITS.unwrittenRowCountMax);
    return this.#waitingCount === 0 && isFar && this.#begunCount + this.#shareOfNext < until;
  }
}
