/** A store's part in telling its citizens something: runs that queue their notices, and the list of those. */
import type { NoticeRunKind } from '../contract.ts';
import type { Read } from '../engine.ts';
import { noticePrefix, noticeRunSub } from '../notice/notice.ts';
import type { CitizenRuns, RunProgress } from './citizen-runs.ts';
import type { NoticeDecider } from './notice-decider.ts';
import type { NoticeListed, NoticeRunWork, NoticesPart } from './parts.ts';
import type { Turn } from './turn.ts';
import type { View } from './view.ts';

export interface NoticeRunsOptions {
  readonly partitions: readonly number[];
  readonly flushed: View;
  readonly runs: CitizenRuns;
  /** Decided in a turn, told after its flush. */
  readonly inTurn: <T>(partition: number, decide: (turn: Turn, decider: NoticeDecider) => T) => Promise<T>;
}

export class NoticeRuns {
  readonly #options: NoticeRunsOptions;

  constructor(options: NoticeRunsOptions) {
    this.#options = options;
  }

  /** @returns how many the run has queued by now, in this store */
  async run(work: NoticeRunWork): Promise<Read<number>> {
    const { runs, inTurn } = this.#options;
    const { run, awardPeriodId, lastWinner } = work;
    const step = (partition: number, winners: { readonly verdicts: ReadonlyMap<string, boolean> }) =>
      inTurn<RunProgress>(partition, (turn, decider) => decider.run(turn, partition, { ...work, ...winners }));
    const isDone = await runs.run({ awardPeriodId, lastWinner, step });
    return isDone ? { ok: true, value: this.#count(run, awardPeriodId) } : { ok: false, code: 'DRAINING' };
  }

  #count(run: NoticeRunKind, awardPeriodId: number): number {
    const { partitions, flushed } = this.#options;
    const sub = noticeRunSub({ run, awardPeriodId });
    return partitions.reduce((total, partition) => {
      return total + (flushed.get('noticeRun', partition, '', sub)?.count ?? 0);
    }, 0);
  }

  /** By the instant from which they are due. */
  page({ partition, state, after, countMax, untilMs }: NoticesPart): readonly NoticeListed[] {
    const part = { prefix: noticePrefix(state), after, countMax };
    return this.#options.flushed
      .first('notice', partition, '', part)
      .filter(([, { dueMs }]) => untilMs === null || dueMs <= untilMs)
      .map(([sub, notice]) => ({ sub, notice }));
  }
}
