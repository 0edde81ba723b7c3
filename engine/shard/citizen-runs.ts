/** Runs of a store's partitions through their citizens, a turn at a time, so that commands pass between. */
import type { CitizenKey, Programme } from '../contract.ts';
import { findPeriod } from '../programme/index.ts';
import type { ShardCoordinator } from './parts.ts';
import type { Shard } from './shard.ts';
import type { Tied, Winners } from './winners.ts';

export interface CitizenRunsOptions {
  readonly partitions: readonly number[];
  readonly programme: Programme;
  readonly shard: Shard;
  readonly coordinator: ShardCoordinator;
}

export interface RunProgress {
  readonly isDone: boolean;
  /** Nothing was done: whether these win has to be known first. */
  readonly tied: readonly Tied[];
}

export interface CitizenRun {
  readonly awardPeriodId: number;
  readonly lastWinner: Winners['lastWinner'];
  /** One turn of it; what it says is told after the flush. A run that is done stays done. */
  step(partition: number, winners: Winners): Promise<RunProgress>;
}

export class CitizenRuns {
  readonly #options: CitizenRunsOptions;
  #isStopped = false;

  constructor(options: CitizenRunsOptions) {
    this.#options = options;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** No turn begins any more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** @returns false: it was cut short */
  async run(run: CitizenRun): Promise<boolean> {
    for (const partition of this.#options.partitions) {
      if (!(await this.#runPartition(partition, run))) return false;
    }
    return true;
  }

  async #runPartition(partition: number, run: CitizenRun): Promise<boolean> {
    let verdicts: Winners['verdicts'] = new Map();
    for (;;) {
      await this.#options.shard.room();
      if (this.#isStopped) return false;
      const { isDone, tied } = await run.step(partition, { lastWinner: run.lastWinner, verdicts });
      if (isDone) return true;
      verdicts = await this.#verdicts(run.awardPeriodId, tied);
    }
  }

  /** Who stands exactly where the last winner does: their order goes down to the tax code, which the ranking knows. */
  async #verdicts(awardPeriodId: number, tied: readonly Tied[]): Promise<ReadonlyMap<CitizenKey, boolean>> {
    if (tied.length === 0) return new Map();
    const { minPosition = 0 } = findPeriod(this.#options.programme, awardPeriodId) ?? {};
    const answers = await this.#options.coordinator.ranks(tied.map((one) => ({ awardPeriodId, ...one })));
    return new Map(tied.map(({ citizen }, at) => [citizen, answers[at]!.rank <= minPosition]));
  }
}
