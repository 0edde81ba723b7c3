/**
 * Delivers what is due, a page at a time: finds the words, hands them to the sink, and has the engine journal what became
 * of them. At least once, under one id: a death between the two delivers again what was delivered, under the same id.
 */
import {
  type CitizenKey,
  type Clock,
  type Engine,
  isStillDue,
  type Notice,
  type NoticeChange,
  type NoticeResult,
  type PeriodView,
} from '../../engine/index.ts';
import { Rounds } from '../rounds.ts';
import { type Letter, writeLetter } from './letter.ts';
import type { Delivery, NoticeSink } from './sink.ts';

export interface CourierOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly sink: NoticeSink;
  /** Rests are in real time: the receiver's. */
  readonly monotonicMs: () => number;
  /** What was delivered, for a citizen who looks on. */
  readonly told?: ((citizen: CitizenKey, letter: Letter) => void) | undefined;
  /** The sink or the engine's disk failed: told, and tried again. */
  readonly failed: (fault: unknown) => void;
}

/** Since the start. */
export type CourierCounts = Readonly<Record<NoticeResult['kind'], number>>;

/** After a sink that failed, or one that could not even be asked. */
const REST_MS = 10_000;

const WITHDRAWN: NoticeResult = { kind: 'withdrawn' };

export class Courier {
  readonly #options: CourierOptions;
  readonly #counts = { delivered: 0, failed: 0, withdrawn: 0, later: 0 };
  readonly #rounds: Rounds;

  constructor(options: CourierOptions) {
    this.#options = options;
    this.#rounds = new Rounds({ ...options, restMs: REST_MS });
  }

  get counts(): CourierCounts {
    return this.#counts;
  }

  /** Delivers what is due by now, unless the receiver is left alone for a while. Resolves when that has ended. */
  tick(): Promise<void> {
    return this.#rounds.run(() => this.#deliverDue());
  }

  /** What is being delivered is, and is marked. */
  async stop(): Promise<void> {
    await this.#rounds.stop();
    await this.#options.sink.close();
  }

  async #deliverDue(): Promise<void> {
    const { engine, clock, sink } = this.#options;
    while (this.#rounds.isOn) {
      const page = await engine.notices({ state: 'due', untilMs: clock.nowMs(), limit: sink.atOnceMax });
      if (!page.ok || page.value.notices.length === 0) return;
      const changed = await engine.changeNotices(await this.#changesOf(page.value.notices));
      // Nothing comes of it just now: not before the next tick.
      if (!changed.ok || changed.value === 0) return;
    }
  }

  async #changesOf(notices: readonly Notice[]): Promise<readonly NoticeChange[]> {
    const periods = new Map(this.#options.engine.periods().map((period) => [period.awardPeriodId, period]));
    const written = await Promise.all(notices.map((notice) => this.#write(notice, periods)));
    const letters = written.flatMap((one) => (typeof one === 'object' && one !== null ? [one] : []));
    const deliveries = letters.length === 0 ? [] : await this.#options.sink.deliver(letters);
    const byId = new Map(letters.map((letter, at) => [letter.id, { letter, delivery: deliveries[at]! }]));
    return notices.flatMap((notice, at) => {
      const { id, citizen, dueMs } = notice;
      const tried = byId.get(id);
      const result = written[at] === 'withdrawn' ? WITHDRAWN : this.#resultOf(tried?.delivery);
      if (result === null) return [];
      this.#counts[result.kind] += 1;
      if (tried !== undefined && result.kind === 'delivered') this.#options.told?.(citizen, tried.letter);
      return [{ id, citizen, dueMs, ...result }];
    });
  }

  /** @returns null: it cannot be found now what to write */
  async #write(notice: Notice, periods: ReadonlyMap<number, PeriodView>): Promise<Letter | 'withdrawn' | null> {
    const { engine } = this.#options;
    const [wallet, taxCode] = await Promise.all([engine.wallet(notice.citizen), engine.taxCode(notice.citizen)]);
    if (!wallet.ok) return null;
    const { enabled, iban } = wallet.value;
    if (!isStillDue(notice, { isEnabled: enabled, hasIban: iban !== null })) return 'withdrawn';
    const period = periods.get(notice.awardPeriodId);
    const technicalAccountHolder = await this.#technicalAccountHolderOf(notice);
    const { appealDays = 0 } = engine.programme.abuseRule ?? {};
    if (!taxCode.ok || period === undefined || technicalAccountHolder === undefined) return null;
    return writeLetter(notice, { fiscalCode: taxCode.value, period, technicalAccountHolder, appealDays });
  }

  /** @returns undefined: it cannot be read now */
  async #technicalAccountHolderOf({ citizen, payoutId }: Notice): Promise<string | null | undefined> {
    if (payoutId === 0) return null;
    const payouts = await this.#options.engine.payoutsOf(citizen);
    if (!payouts.ok) return undefined;
    return payouts.value.find(({ id }) => id === payoutId)?.account?.technicalAccountHolder ?? null;
  }

  #resultOf(delivery: Delivery | undefined): NoticeResult | null {
    if (delivery === undefined) return null;
    if (delivery.kind === 'untried') this.#rounds.rest();
    else if (delivery.kind === 'later') this.#rounds.rest(delivery.laterMs);
    return delivery.kind === 'untried' ? null : delivery;
  }
}
