/**
 * What operators decide about periods (domain 3.4): a period is suspended, or taken up again, before it starts; a closed
 * one that nobody was paid for is opened again for named files, and closed; the programme is replaced by a newer version of
 * itself that changes only what has not begun. Whatever has begun stands, so that no record is ever judged by two laws.
 */
import type {
  PeriodDecision,
  PeriodDetail,
  PeriodOrder,
  PeriodParameters,
  Programme,
  RefusalName,
  Refused,
} from '../contract.ts';
import { dayText, romeDayNumber } from './calendar.ts';
import { compareStart, findPeriod, periodStatus } from './period.ts';
import { canonicalJson, checkProgramme } from './programme.ts';

/** What has to be known to judge an order. */
export interface PeriodSituation {
  readonly programme: Programme;
  readonly nowMs: number;
  /** All so far, by number. */
  readonly decisions: readonly PeriodDecision[];
  /** Final: closed, and not open again. */
  readonly isFinal: boolean;
  /** Payout records were ordered. */
  readonly isPaid: boolean;
}

export type PeriodJudged =
  | {
      readonly ok: true;
      /** Null: what was asked is so already. */
      readonly decision: PeriodDecision | null;
      /** The version that follows from it; null: the one in force goes on. */
      readonly programme: Programme | null;
    }
  | Refused;

/** @returns PERIOD_NOT_FOUND, PERIOD_BEGUN, PERIOD_NOT_FROZEN, PERIOD_REOPENED, PERIOD_PAID, PERIOD_NOT_REOPENED, PROGRAMME_REFUSED, FIELD_INVALID */
export function judgePeriodOrder(order: PeriodOrder, situation: PeriodSituation): PeriodJudged {
  switch (order.kind) {
    case 'suspend':
    case 'resume':
      return judgeSuspension(order, situation);
    case 'replace':
      return judgeReplacement(order, situation);
    case 'reopen':
      return judgeReopening(order, situation);
    case 'close':
      return judgeClosing(order, situation);
  }
}

/**
 * Why a programme is no newer version of another: the first thing in which they differ and must not. Periods are known by
 * their ids; one that is not wanted any more is suspended, never taken out.
 *
 * @returns null: all that differs has not begun
 */
export function versionProblem(before: Programme, after: Programme, nowMs: number): string | null {
  if (before.name !== after.name) return 'programme.name differs';
  if (before.panSalt !== after.panSalt) return 'programme.panSalt differs';
  if (sendersOf(before) !== sendersOf(after)) return 'programme.circuitSenders differs';
  if (ruleOf(before) !== ruleOf(after)) return 'programme.abuseRule differs';

  const today = dayText(romeDayNumber(nowMs));
  for (const period of before.periods) {
    const newer = after.periods.find(({ awardPeriodId }) => awardPeriodId === period.awardPeriodId);
    if (newer === undefined) return `period ${period.awardPeriodId} is missing: suspend it instead`;
    const field = differingField(period, newer);
    if (field === null) continue;
    if (period.startDay <= today)
      return `period ${period.awardPeriodId}: ${field} differs, and it began on ${period.startDay}`;
    if (newer.startDay <= today) return `period ${period.awardPeriodId}: startDay is not after ${today}`;
  }
  const added = after.periods.filter(({ awardPeriodId }) => {
    return !before.periods.some((period) => period.awardPeriodId === awardPeriodId);
  });
  const late = added.find(({ startDay }) => startDay <= today);
  return late === undefined ? null : `period ${late.awardPeriodId} is new: startDay is not after ${today}`;
}

/** The last decision that opened a period again; null: there is none. */
export function lastReopening(decisions: readonly PeriodDecision[], awardPeriodId: number): PeriodDecision | null {
  return decisions.findLast((one) => one.kind === 'reopen' && one.awardPeriodId === awardPeriodId) ?? null;
}

/** From which instant on a period that was opened again takes nothing: the one named, or that of an earlier closing. */
export function reopenedUntilMs(decisions: readonly PeriodDecision[], reopening: PeriodDecision): number {
  const { awardPeriodId, number, untilMs } = reopening;
  const closing = decisions.find(
    (one) => one.kind === 'close' && one.awardPeriodId === awardPeriodId && one.number > number,
  );
  return closing === undefined ? untilMs : Math.min(untilMs, closing.atMs);
}

/** The period that takes a row of such a file again; null: none does, by this decision. */
export function reopenedPeriod(
  programme: Programme,
  { awardPeriodId, files, untilMs }: PeriodDecision,
  row: { readonly trxMs: number; readonly receivedMs: number; readonly file: string },
): PeriodParameters | null {
  const period = findPeriod(programme, awardPeriodId);
  if (period === null || row.receivedMs >= untilMs || !files.includes(row.file)) return null;
  const day = dayText(romeDayNumber(row.trxMs));
  return period.startDay <= day && day <= period.endDay ? period : null;
}

/** All periods as operators see them, by start day. */
export function periodDetails(
  programme: Programme,
  decisions: readonly PeriodDecision[],
  nowMs: number,
): readonly PeriodDetail[] {
  return programme.periods.toSorted(compareStart).map((period) => {
    const reopening = lastReopening(decisions, period.awardPeriodId);
    const untilMs = reopening === null ? 0 : reopenedUntilMs(decisions, reopening);
    return {
      ...period,
      status: periodStatus(period, nowMs),
      reopenedUntilMs: nowMs < untilMs ? untilMs : null,
      decisions: decisions.filter(
        ({ kind, awardPeriodId }) => kind !== 'replace' && awardPeriodId === period.awardPeriodId,
      ),
    };
  });
}

/** What a partition knows of decisions: partition 0 all of them; each for itself, by which it opened a period again. */
export type DecisionRole = 'decided' | 'reopened';

export function decisionPrefix(role: DecisionRole): string {
  return `${role} `;
}

/** In the order of their numbers. */
export function decisionSub(role: DecisionRole, { number }: Pick<PeriodDecision, 'number'>): string {
  return decisionPrefix(role) + String(number).padStart(6, '0');
}

function judgeSuspension(order: PeriodOrder, { programme, nowMs, decisions }: PeriodSituation): PeriodJudged {
  const { kind, awardPeriodId } = order;
  const period = programme.periods.find((one) => one.awardPeriodId === awardPeriodId);
  if (period === undefined) return refused('PERIOD_NOT_FOUND');
  const isSuspended = kind === 'suspend';
  if (period.isSuspended === isSuspended) return UNCHANGED;
  if (period.startDay <= dayText(romeDayNumber(nowMs))) return refused('PERIOD_BEGUN');

  const periods = programme.periods.map((one) => (one === period ? { ...one, isSuspended } : one));
  // Another may have been put in its place.
  const checked = checkProgramme({ ...JSON.parse(canonicalJson(programme)), periods });
  if (!checked.ok) return refused('PROGRAMME_REFUSED', checked.problem);
  return decided(order, { decisions, nowMs, replaced: canonicalJson(programme), programme: checked.programme });
}

function judgeReplacement(order: PeriodOrder, { programme, nowMs, decisions }: PeriodSituation): PeriodJudged {
  const checked = checkProgramme(parsed(order.programme));
  if (!checked.ok) return refused('FIELD_INVALID', checked.problem);
  const replaced = canonicalJson(programme);
  if (canonicalJson(checked.programme) === replaced) return UNCHANGED;
  const problem = versionProblem(programme, checked.programme, nowMs);
  if (problem !== null) return refused('PROGRAMME_REFUSED', problem);
  return decided(order, { decisions, nowMs, replaced, programme: checked.programme });
}

function judgeReopening(order: PeriodOrder, situation: PeriodSituation): PeriodJudged {
  const { programme, nowMs, decisions, isFinal, isPaid } = situation;
  const { awardPeriodId, files, untilMs } = order;
  if (findPeriod(programme, awardPeriodId) === null) return refused('PERIOD_NOT_FOUND');
  const before = lastReopening(decisions, awardPeriodId);
  if (!isFinal) {
    const isSame = before?.untilMs === untilMs && before.files.join('\n') === files.join('\n');
    if (before === null) return refused('PERIOD_NOT_FROZEN');
    return isSame && nowMs < reopenedUntilMs(decisions, before) ? UNCHANGED : refused('PERIOD_REOPENED');
  }
  if (isPaid) return refused('PERIOD_PAID');
  if (untilMs <= nowMs) return refused('FIELD_INVALID', 'until');
  return decided(order, { decisions, nowMs, replaced: '', programme: null });
}

function judgeClosing(order: PeriodOrder, { programme, nowMs, decisions }: PeriodSituation): PeriodJudged {
  const { awardPeriodId } = order;
  if (findPeriod(programme, awardPeriodId) === null) return refused('PERIOD_NOT_FOUND');
  const reopening = lastReopening(decisions, awardPeriodId);
  if (reopening === null) return refused('PERIOD_NOT_REOPENED');
  if (nowMs < reopenedUntilMs(decisions, reopening)) {
    return decided(order, { decisions, nowMs, replaced: '', programme: null });
  }
  const isClosedSo = decisions.some(
    (one) => one.kind === 'close' && one.awardPeriodId === awardPeriodId && one.number > reopening.number,
  );
  return isClosedSo ? UNCHANGED : refused('PERIOD_NOT_REOPENED');
}

const UNCHANGED: PeriodJudged = { ok: true, decision: null, programme: null };

function decided(
  { programme: _, ...order }: PeriodOrder,
  made: {
    readonly decisions: readonly PeriodDecision[];
    readonly nowMs: number;
    readonly replaced: string;
    readonly programme: Programme | null;
  },
): PeriodJudged {
  const { decisions, nowMs, replaced, programme } = made;
  const decision = { ...order, number: (decisions.at(-1)?.number ?? 0) + 1, atMs: nowMs, replaced };
  return { ok: true, decision, programme };
}

function refused(code: RefusalName, detail?: string): Refused {
  return detail === undefined ? { ok: false, code } : { ok: false, code, detail };
}

/** Null where it is no JSON: no programme either. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

function differingField(before: PeriodParameters, after: PeriodParameters): string | null {
  const names = Object.keys(before) as readonly (keyof PeriodParameters)[];
  return names.find((name) => before[name] !== after[name]) ?? null;
}

function ruleOf({ abuseRule }: Programme): string {
  return JSON.stringify(Object.entries(abuseRule ?? {}).toSorted());
}

function sendersOf({ circuitSenders }: Programme): string {
  const senders = Object.entries(circuitSenders).map(([circuit, abis]) => `${circuit} ${abis.toSorted().join(' ')}`);
  return senders.toSorted().join('\n');
}
