/**
 * Operators, and the bank that knows accounts, while everything dies: they exclude, decide about periods and about
 * reversals in doubt, two of them or one alone, also what makes no sense. What was acknowledged must hold for ever; whether
 * all amounts follow from it, the inspector says at the end.
 */
import type {
  CitizenKey,
  Engine,
  Exclusion,
  ExclusionRequest,
  ExclusionStep,
  ListedExclusionState,
  PaymentName,
  PeriodDecision,
  PeriodOrder,
  RecordKey,
  ReversalResolved,
} from '../../engine/index.ts';
import {
  canonicalJson,
  EXCLUSION_ACTIONS,
  PERIOD_DECISION_KINDS,
  RECHECK_VERDICTS,
  RESOLUTIONS,
  recordKeyText,
} from '../../engine/index.ts';
import { Random } from '../support/random.ts';
import { FILES } from './acquirer.ts';
import { expectThat, Violation } from './fault.ts';
import { isSame, type Requests } from './requests.ts';
import type { Scheduler } from './scheduler.ts';

const NAMES = ['ada', 'bice'];
const DAY_MS = 86_400_000;

export interface StaffOptions {
  readonly scheduler: Scheduler;
  readonly requests: Requests;
  readonly citizens: readonly CitizenKey[];
}

interface OperatorOptions extends StaffOptions {
  readonly isProgrammeFixed: boolean;
}

interface Resolved {
  readonly hpan: string;
  readonly reversal: RecordKey;
  readonly value: ReversalResolved;
}

export class Operator {
  /** Its own: what others draw does not depend on it. */
  readonly #random: Random;
  readonly #options: OperatorOptions;
  /** In one world of five nobody looks at anything else: so that payments are taken out, put back, and taken out again. */
  readonly #isAboutPayments: boolean;
  /** As acknowledged last, by what they are about; null = one asked since was not answered. */
  readonly #exclusions = new Map<string, Exclusion | null>();
  readonly #decisions = new Map<number, PeriodDecision>();
  /** That may have been made, and nobody was told. */
  #unanswered = 0;
  readonly #resolved = new Map<string, Resolved | null>();
  readonly #checked = new Set<string>();
  /** One thing at a time; whose engine died is not answered. */
  #busyAt: Engine | null = null;

  constructor(seed: number, options: OperatorOptions) {
    this.#random = new Random(seed + 0x09e);
    this.#options = options;
    this.#isAboutPayments = seed % 5 === 0;
  }

  async act(engine: Engine, nowMs: number): Promise<void> {
    if (this.#busyAt === engine) return;
    this.#busyAt = engine;
    this.#recall(engine);
    const dice = this.#random.below(12);
    if (dice < (this.#isAboutPayments ? 10 : 4)) await this.#exclude(engine);
    else if (dice < 8) await this.#decide(engine, nowMs);
    else if (dice < 9) await this.#resolve(engine);
    else if (dice < 10) await this.#check(engine, nowMs);
    this.#busyAt = null;
  }

  // Exclusions

  async #exclude(engine: Engine): Promise<void> {
    const random = this.#random;
    const operator = random.pick(NAMES);
    const waiting = await this.#listed(engine, 'proposed');
    if (waiting.length > 0 && random.below(3) > 0) {
      const { citizen, payment } = random.pick(waiting);
      const step = random.pick(['approve', 'approve', 'approve', 'reject'] as const);
      return this.#ask(engine, { citizen, payment, step, operator });
    }
    const excluded = await this.#listed(engine, 'excluded');
    if (excluded.length > 0 && random.below(2) === 0) {
      const byRule = excluded.filter(({ proposedBy }) => proposedBy === '');
      const { citizen, payment } = random.pick(byRule.length > 0 ? byRule : excluded);
      const step = byRule.length > 0 ? 'appeal' : 'lift';
      return this.#ask(engine, { citizen, payment, step, operator });
    }
    const citizen = random.pick(this.#options.citizens);
    const isWhole = !this.#isAboutPayments && random.below(3) === 0;
    const payment = isWhole ? null : await this.#paymentOf(engine, citizen);
    if (payment === null && this.#isAboutPayments) return;
    const step: ExclusionStep = random.below(6) === 0 ? random.pick(EXCLUSION_ACTIONS) : 'exclude';
    return this.#ask(engine, { citizen, payment, step, operator });
  }

  async #paymentOf(engine: Engine, citizen: CitizenKey): Promise<PaymentName | null> {
    const { periods } = engine.programme;
    // The second one comes when nearly everything has happened.
    const { awardPeriodId } = this.#isAboutPayments ? periods[0]! : this.#random.pick(periods);
    const page = await engine.payments(citizen, { awardPeriodId });
    if (!page.ok || page.value.payments.length === 0) return null;
    const { hpan, idTrxAcquirer, trxMs, operationType } = this.#random.pick(page.value.payments);
    return { hpan, record: { idTrxAcquirer, trxMs, operationType, acquirerCode: '36081', acquirerId: '09509' } };
  }

  async #ask(engine: Engine, asked: Omit<ExclusionRequest, 'reason'>): Promise<void> {
    const request = { ...asked, reason: 'seen' };
    const name = nameOf(request);
    const before = this.#exclusions.get(name);
    this.#exclusions.set(name, null);
    const reply = await engine.exclude(request);
    if (reply.ok) this.#exclusions.set(name, reply.value);
    else if (before === undefined) this.#exclusions.delete(name);
    else this.#exclusions.set(name, before);
    this.#meetExclusion(request, reply);
  }

  #meetExclusion({ step, operator }: ExclusionRequest, reply: Awaited<ReturnType<Engine['exclude']>>): void {
    const { scheduler } = this.#options;
    if (!reply.ok) {
      if (reply.code === 'SECOND_PERSON_NEEDED') scheduler.meet('one person alone was refused');
      return;
    }
    const { state, proposedBy, action } = reply.value;
    if (step === 'appeal') scheduler.meet('an appeal was made');
    if (state === 'proposed') return;
    expectThat(proposedBy !== operator, 'law', () => `${operator} alone has something ${state}`);
    scheduler.meet(action === 'exclude' ? 'an exclusion was approved' : 'an exclusion was lifted');
  }

  async #listed(engine: Engine, state: ListedExclusionState): Promise<readonly Exclusion[]> {
    const found: Exclusion[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const more: { cursor?: string } = cursor === undefined ? {} : { cursor };
      const page: Awaited<ReturnType<Engine['exclusions']>> = await engine.exclusions({ state, limit: 100, ...more });
      if (!page.ok) return found;
      found.push(...page.value.exclusions);
      cursor = page.value.nextCursor;
    }
    return found;
  }

  // Periods

  async #decide(engine: Engine, nowMs: number): Promise<void> {
    const order = this.#orderOf(engine, nowMs);
    this.#unanswered += 1;
    const reply = await engine.decidePeriod(order);
    this.#unanswered -= 1;
    const { scheduler } = this.#options;
    if (!reply.ok) return scheduler.meet('a decision about a period was refused');
    const decision = reply.value;
    if (decision === null) return;
    this.#decisions.set(decision.number, decision);
    if (order.kind === 'reopen') scheduler.meet('a period was opened again');
    if (order.kind === 'suspend') scheduler.meet('a period was suspended');
    if (order.kind === 'replace') scheduler.meet('a programme was replaced');
  }

  /** Mostly what can be done now. */
  #orderOf(engine: Engine, nowMs: number): PeriodOrder {
    const random = this.#random;
    const { awardPeriodId, status, isSuspended, reopenedUntilMs } = random.pick(engine.periodDetails());
    const order = { awardPeriodId, files: [], untilMs: 0, programme: '', operator: random.pick(NAMES), reason: 'so' };
    const kinds = this.#options.isProgrammeFixed ? (['reopen', 'close'] as const) : PERIOD_DECISION_KINDS;
    const isClosing = reopenedUntilMs !== null && random.below(4) === 0;
    const early = random.pick([isSuspended ? 'resume' : 'suspend', 'replace'] as const);
    const likely = status !== 'CLOSED' ? early : isClosing ? 'close' : 'reopen';
    const kind = kinds.some((one) => one === likely) && random.below(6) > 0 ? likely : random.pick(kinds);
    if (kind === 'replace')
      return { ...order, kind, awardPeriodId: 0, programme: this.#version(engine, awardPeriodId) };
    if (kind !== 'reopen') return { ...order, kind };
    const files = FILES.slice(0, 1 + random.below(FILES.length - 1));
    return { ...order, kind, files, untilMs: nowMs + random.below(2 * DAY_MS) };
  }

  #version({ programme }: Engine, changedId: number): string {
    const { periods, ...rest } = JSON.parse(canonicalJson(programme)) as Engine['programme'];
    const minTransactionNumber = 1 + this.#random.below(3);
    const changed = periods.map((period) =>
      period.awardPeriodId === changedId ? { ...period, minTransactionNumber } : period,
    );
    return JSON.stringify({ ...rest, periods: changed });
  }

  /** Everything that was acknowledged is known, and nothing that nobody asked for. */
  #recall(engine: Engine): void {
    const known = engine.periodDecisions();
    for (const [number, decision] of this.#decisions) {
      expectThat(
        isSame(known[number - 1], decision),
        'acknowledged',
        () => `decision ${JSON.stringify(decision)} is ${JSON.stringify(known[number - 1])}`,
      );
    }
    const mostCount = this.#decisions.size + this.#unanswered;
    expectThat(known.length <= mostCount, 'refused', () => `${known.length} decisions, of ${mostCount} asked for`);
  }

  // Reversals, accounts

  async #resolve(engine: Engine): Promise<void> {
    const random = this.#random;
    const page = await engine.reversals({ state: random.pick(['parked', 'parked', 'flagged'] as const) });
    if (!page.ok || page.value.reversals.length === 0) return;
    const { record } = random.pick(page.value.reversals);
    const { hpan } = record;
    const resolution = random.pick([...RESOLUTIONS, 'apply'] as const);
    const payments = this.#options.requests.all.flatMap(({ record: one }) => {
      return one?.hpan === hpan && one.operationType !== '01' ? [one] : [];
    });
    if (resolution === 'apply' && payments.length === 0) return;
    const payment = resolution === 'apply' ? random.pick(payments) : null;
    const name = `${hpan} ${recordKeyText(record)}`;
    const before = this.#resolved.get(name) ?? null;
    this.#resolved.set(name, null);
    const asked = { hpan, reversal: record, resolution, payment, operator: random.pick(NAMES), reason: 'seen' };
    const reply = await engine.resolveReversal(asked);
    if (reply.ok) this.#options.scheduler.meet('a reversal was resolved');
    this.#resolved.set(name, reply.ok ? { hpan, reversal: record, value: reply.value } : before);
  }

  async #check(engine: Engine, nowMs: number): Promise<void> {
    const due = await engine.unverifiedAccounts(nowMs, 10);
    if (!due.ok || due.value.length === 0) return;
    const { citizen, dueMs } = this.#random.pick(due.value);
    const verdict = this.#random.pick(RECHECK_VERDICTS);
    const checked = await engine.recheckAccounts([{ citizen, dueMs, verdict }]);
    if (!checked.ok || checked.value === 0) return;
    this.#checked.add(`${citizen} ${dueMs}`);
    this.#options.scheduler.meet('an account was checked again');
  }

  // At the end

  /** Nobody dies any more: what was acknowledged is there, and what was opened again is closed. */
  async finish(engine: Engine, nowMs: number): Promise<void> {
    expectThat(this.#busyAt !== engine, 'ended', () => 'an operator was never answered');
    this.#recall(engine);
    await this.#checkExclusions(engine);
    if (this.#isAboutPayments) await this.#checkCounting(engine);
    for (const resolved of this.#resolved.values()) if (resolved !== null) await checkResolved(engine, resolved);
    const due = await engine.unverifiedAccounts(nowMs + 365 * DAY_MS, 100);
    if (!due.ok) throw new Violation('liveness', `nobody says which accounts are due: ${due.code}`);
    for (const { citizen, dueMs } of due.value) {
      expectThat(
        !this.#checked.has(`${citizen} ${dueMs}`),
        'acknowledged',
        () => `an account is due again at ${dueMs}`,
      );
    }
    for (const { awardPeriodId, reopenedUntilMs } of engine.periodDetails()) {
      if (reopenedUntilMs === null) continue;
      const order = { awardPeriodId, files: [], untilMs: 0, programme: '', operator: 'ada', reason: 'the end' };
      const closed = await engine.decidePeriod({ ...order, kind: 'close' });
      if (!closed.ok) throw new Violation('liveness', `period ${awardPeriodId} cannot be closed: ${closed.code}`);
    }
  }

  async #checkExclusions(engine: Engine): Promise<void> {
    const listed = async (state: ListedExclusionState) =>
      new Map((await this.#listed(engine, state)).map((one) => [nameOf(one), one]));
    const [proposed, excluded, lifted] = [await listed('proposed'), await listed('excluded'), await listed('lifted')];
    const isByRule = (one: Exclusion | undefined) => one?.proposedBy === '';
    this.#options.scheduler.meet(
      'the rule on abuse excluded a payment',
      [...excluded.values()].filter(isByRule).length,
    );
    for (const [name, said] of this.#exclusions) {
      if (said === null) continue;
      const isSo = {
        proposed: isSame(proposed.get(name), said),
        rejected: !proposed.has(name),
        excluded: isSame(excluded.get(name), said),
        // The rule asks nobody.
        lifted: isSame(lifted.get(name), said) || isByRule(excluded.get(name)),
      };
      expectThat(isSo[said.state], 'acknowledged', () => `${name} was ${said.state}, and is not`);
    }
  }

  /** Whatever is excluded does not count, as its card says. */
  async #checkCounting(engine: Engine): Promise<void> {
    for (const { payment } of await this.#listed(engine, 'excluded')) {
      if (payment === null) continue;
      const fate = await engine.recordFate(payment.hpan, payment.record);
      if (!fate.ok) throw new Violation('liveness', `nobody says what became of a payment: ${fate.code}`);
      const { code, hasLeft, leftCents } = fate.value;
      expectThat(code === 'EXCLUDED' || hasLeft || leftCents === 0, 'acknowledged', () => {
        return `${payment.record.idTrxAcquirer} is excluded, and counts: ${JSON.stringify(fate.value)}`;
      });
    }
  }
}

async function checkResolved(engine: Engine, { hpan, reversal, value }: Resolved): Promise<void> {
  // Flagged by a later payment it is in doubt again.
  if (value.resolution === 'keep') return;
  const fate = await engine.recordFate(hpan, reversal);
  const resolved = fate.ok ? fate.value.resolved : null;
  expectThat(isSame(resolved, value), 'acknowledged', () => {
    return `${reversal.idTrxAcquirer} was resolved ${JSON.stringify(value)}, is ${JSON.stringify(resolved)}`;
  });
}

function nameOf({ citizen, payment }: Pick<Exclusion, 'citizen' | 'payment'>): string {
  return payment === null ? citizen : `${citizen} ${payment.hpan} ${recordKeyText(payment.record)}`;
}
