/** The last good answer to each question, for an app to show with its age while there is no newer one (R6). */
import type { ReadType, TopicPush, ViewOf } from '../../server/wire/index.ts';
import type { Timing } from './timing.ts';

/** What can be shown; the other reads do something, or are about one moment. */
export type ShownType = Exclude<ReadType, 'outcome' | 'recordPayments' | 'subscribe' | 'unsubscribe' | 'authenticate'>;

export interface LastGood<T extends ShownType> {
  readonly view: ViewOf<T>;
  readonly ageMs: number;
}

interface Kept {
  readonly view: unknown;
  readonly heardMs: number;
}

const SHOWN: Readonly<Record<ShownType, true>> = {
  wallet: true,
  instrument: true,
  payments: true,
  total: true,
  milestones: true,
  ranking: true,
  rankingPage: true,
  periods: true,
};
/** A person looks at a few; who pages through thousands is not helped by all of them. */
const COUNT_MAX = 64;

export class LastViews {
  readonly #timing: Timing;
  /** The one heard longest ago first. */
  readonly #views = new Map<string, Kept>();

  constructor(timing: Timing) {
    this.#timing = timing;
  }

  keep(type: ReadType, fields: object, view: unknown): void {
    if (!Object.hasOwn(SHOWN, type)) return;
    const key = keyOf(type, fields);
    this.#views.delete(key);
    this.#views.set(key, { view, heardMs: this.#timing.nowMs() });
    if (this.#views.size > COUNT_MAX) this.#views.delete(this.#views.keys().next().value!);
  }

  /** A push answers what nobody had to ask. */
  keepPush(frame: TopicPush): void {
    if (frame.push === 'rank') this.keep('ranking', {}, frame.view);
    if (frame.push !== 'wallet') return;
    this.keep('wallet', {}, frame.view);
    for (const total of frame.view.totals) this.keep('total', { awardPeriodId: total.awardPeriodId }, total);
  }

  find<T extends ShownType>(type: T, fields: object): LastGood<T> | null {
    const kept = this.#views.get(keyOf(type, fields));
    if (kept === undefined) return null;
    return { view: kept.view as ViewOf<T>, ageMs: this.#timing.nowMs() - kept.heardMs };
  }
}

/** The same question in whatever order its fields stand; the ticket it is asked with is no part of it. */
function keyOf(type: ReadType, fields: object): string {
  const said = Object.entries(fields).filter(([name, value]) => name !== 'ticket' && value !== undefined);
  return JSON.stringify([type, ...said.sort(([one], [other]) => (one < other ? -1 : 1))]);
}
