/** Who tells citizens things while everything dies: queues what is due, and delivers it well, badly or late. */
import type { Engine, Notice, NoticeChange, NoticeResult } from '../../engine/index.ts';
import { NOTICE_RUN_KINDS } from '../../engine/index.ts';
import { Random } from '../support/random.ts';
import { expectThat, Violation } from './fault.ts';
import type { Met, Scheduler } from './scheduler.ts';

const RESULTS: readonly NoticeResult[] = [
  { kind: 'delivered' },
  { kind: 'delivered' },
  { kind: 'failed' },
  { kind: 'withdrawn' },
  { kind: 'later', laterMs: 1 },
];

const MET: Readonly<Record<Exclude<NoticeResult['kind'], 'delivered'>, Met>> = {
  failed: 'a delivery failed',
  withdrawn: 'a notice was withdrawn',
  later: 'a delivery was put off',
};

export class Herald {
  /** Its own: what others draw does not depend on it. */
  readonly #random: Random;
  readonly #scheduler: Scheduler;
  /** Acknowledged as delivered. */
  readonly #delivered = new Set<string>();

  constructor(seed: number, scheduler: Scheduler) {
    this.#random = new Random(seed + 0x3e1);
    this.#scheduler = scheduler;
  }

  async act(engine: Engine, nowMs: number): Promise<void> {
    if (this.#random.below(3) === 0) return this.#queue(engine);
    const due = await dueOf(engine, nowMs);
    const some = due.filter(() => this.#random.below(2) === 0).slice(0, 3);
    for (const notice of some) await this.#deliver(engine, notice, this.#random.pick(RESULTS));
  }

  async #queue(engine: Engine): Promise<void> {
    const queued = await engine.queueNotices([this.#random.pick(NOTICE_RUN_KINDS)]);
    if (queued.ok && queued.value.some(({ noticeCount }) => noticeCount > 0)) this.#scheduler.meet('notices queued');
  }

  async #deliver(engine: Engine, { id, citizen, dueMs }: Notice, result: NoticeResult): Promise<void> {
    const change: NoticeChange = { id, citizen, dueMs, ...result };
    const changed = await engine.changeNotices([change]);
    if (!changed.ok || changed.value === 0) return;
    if (result.kind === 'delivered') this.#delivered.add(id);
    else this.#scheduler.meet(MET[result.kind]);
  }

  /** Nobody dies any more: what is due is delivered, and what was is not due again. */
  async finish(engine: Engine, nowMs: number): Promise<void> {
    for (const notice of await dueOf(engine, nowMs)) {
      const { id } = notice;
      expectThat(!this.#delivered.has(id), 'acknowledged', () => `notice ${id} was delivered, and is due`);
      await this.#deliver(engine, notice, { kind: 'delivered' });
      if (!this.#delivered.has(id)) throw new Violation('liveness', `notice ${id} cannot be delivered`);
    }
    const [left] = await dueOf(engine, nowMs);
    expectThat(left === undefined, 'acknowledged', () => `notice ${left!.id} was delivered, and is due`);
  }
}

async function dueOf(engine: Engine, untilMs: number): Promise<Notice[]> {
  const found: Notice[] = [];
  for (let cursor: string | undefined = '0 due '; cursor !== undefined; ) {
    const page: Awaited<ReturnType<Engine['notices']>> = await engine.notices({ state: 'due', untilMs, cursor });
    if (!page.ok) return found;
    found.push(...page.value.notices);
    cursor = page.value.nextCursor ?? undefined;
  }
  return found;
}
