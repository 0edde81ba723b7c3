/**
 * The inspector's own account of what citizens are told (domain 2.9): each notice by the law, from the outcome of a
 * transfer or from what its citizen had when a run passed by; none twice, and none too few.
 */
import type { Notice, NoticeContent, NoticeRunKind, PeriodParameters, Programme } from '../../engine/contract.ts';
import type { NoticeFact } from '../../engine/facts.ts';
import { noticeRunSub, noticeSub } from '../../engine/notice/notice.ts';
import { type Payout, payoutId } from '../../engine/payout/payout.ts';
import { closesAtMs, findPeriod, isStillDue, periodNotice, transferNotice } from '../../engine/programme/index.ts';
import { type Citizen, named, placeOf, shown } from './citizens.ts';
import type { Findings } from './findings.ts';
import { holdRow } from './held.ts';
import type { Place } from './partition-log.ts';
import type { Jackpots } from './payouts.ts';

export interface NoticeCheckParts {
  readonly programme: Programme;
  readonly findings: Findings;
  readonly jackpots: Jackpots;
}

export class NoticeCheck {
  readonly #parts: NoticeCheckParts;

  constructor(parts: NoticeCheckParts) {
    this.#parts = parts;
  }

  /** A record as it stands, whose outcome was just said. */
  settled(citizen: Citizen, payout: Payout): void {
    const period = findPeriod(this.#parts.programme, payout.awardPeriodId);
    if (period === null) return;
    const { status, cashbackCents, jackpotCents, payoff, outcome, place } = payout;
    const content = transferNotice(
      {
        ...{ status, cashbackCents, jackpotCents, isEnabled: citizen.isEnabled },
        hasIban: payoff !== null,
        isExecuted: outcome?.result === 'ORDINE ESEGUITO',
      },
      period,
    );
    if (content !== null) citizen.notices.owed.set(`payout-${payoutId(citizen.partition, place)}`, content);
  }

  apply(citizen: Citizen, fact: NoticeFact, place: Place): void {
    const { notice } = fact;
    const { known, rows } = citizen.notices;
    const { findings } = this.#parts;
    const subject = `${named(citizen)} at ${shown(place)}: notice ${notice.kind} of period ${notice.awardPeriodId}`;
    if (notice.citizen !== citizen.key) findings.differ(`${subject}: names another citizen`);
    findings.expect(`${subject}: instant`, place.nowMs, notice.atMs);
    const before = known.get(notice.id);
    if (fact.kind === 'noticeQueued') {
      findings.count('notices');
      if (before !== undefined) findings.differ(`${subject}: queued a second time`);
      this.#judge(citizen, notice, place, subject);
    } else {
      this.#change(citizen, before, fact, subject);
      const sub = noticeSub({ state: 'due', id: notice.id, dueMs: fact.wasDueMs });
      if (rows.has(sub)) holdRow(rows, sub, null, place);
    }
    known.set(notice.id, notice);
    if (notice.state === 'due' || notice.state === 'failed') {
      holdRow(rows, noticeSub({ ...notice, state: notice.state }), notice, place);
    }
  }

  #judge(citizen: Citizen, notice: Notice, place: Place, subject: string): void {
    const { findings } = this.#parts;
    findings.expect(`${subject}: state`, ['due', 0, place.nowMs], [notice.state, notice.attempts, notice.dueMs]);
    const { kind, awardPeriodId, cashbackCents, jackpotCents } = notice;
    const said: NoticeContent = { kind, awardPeriodId, cashbackCents, jackpotCents };
    if (notice.payoutId !== 0) {
      findings.expect(`${subject}: id`, `payout-${notice.payoutId}`, notice.id);
      findings.expect(`${subject}: content`, citizen.notices.owed.get(notice.id) ?? null, said);
      citizen.notices.owed.delete(notice.id);
      return;
    }
    if (kind === 'anomalous') {
      citizen.exclusions.announced.add(notice.id);
      return findings.expect(`${subject}: amounts`, [0, 0], [cashbackCents, jackpotCents]);
    }
    const run = runOf(notice);
    findings.expect(`${subject}: id`, `${run}-${awardPeriodId}-${citizen.key}`, notice.id);
    const period = findPeriod(this.#parts.programme, awardPeriodId);
    if (period === null) return findings.differ(`${subject}: there is no such period`);
    findings.expect(`${subject}: content`, this.#contentOf(citizen, { run, period, notice }), said);
    this.#checkTime(run, period, place, subject);
  }

  /** Whether who is told of a prize has won it, is for the frozen ranking to say. */
  #contentOf(
    citizen: Citizen,
    {
      run,
      period,
      notice,
    }: { readonly run: NoticeRunKind; readonly period: PeriodParameters; readonly notice: Notice },
  ): NoticeContent | null {
    if (!citizen.isEnabled) return null;
    const { awardPeriodId, kind } = notice;
    const standing = citizen.totals.get(`${awardPeriodId}/${citizen.enrolment}`);
    const isWinner = kind === 'refundAndPrize';
    const ranked = standing === undefined ? null : placeOf(standing);
    if (ranked !== null && (isWinner || kind === 'refund')) {
      this.#parts.jackpots.add(awardPeriodId, citizen.key, { count: ranked.count, isWinner });
    }
    return periodNotice(
      run,
      { termsMs: citizen.termsMs, hasIban: citizen.payoff !== null, standing, isWinner },
      period,
    );
  }

  #checkTime(run: NoticeRunKind, period: PeriodParameters, place: Place, subject: string): void {
    const { findings } = this.#parts;
    const isClosed = place.nowMs >= closesAtMs(period);
    if (run !== 'final') return;
    if (!isClosed || !place.frozen.includes(period.awardPeriodId)) {
      findings.differ(`${subject}: tells a result that is none yet`);
    }
  }

  /** What a notice says, it says for good; and what was dealt with, is. */
  #change(
    citizen: Citizen,
    before: Notice | undefined,
    { notice, wasDueMs }: Extract<NoticeFact, { kind: 'noticeSet' }>,
    subject: string,
  ): void {
    const { findings } = this.#parts;
    if (before === undefined) return findings.differ(`${subject}: changes before it was queued`);
    for (const field of ['kind', 'awardPeriodId', 'cashbackCents', 'jackpotCents', 'payoutId'] as const) {
      findings.expect(`${subject}: ${field}`, before[field], notice[field]);
    }
    findings.expect(`${subject}: was due`, ['due', before.dueMs], [before.state, wasDueMs]);
    if (notice.state === 'due' && notice.dueMs <= notice.atMs) findings.differ(`${subject}: is tried again at once`);
    const isFailure = notice.attempts === before.attempts + 1 && notice.state !== 'delivered';
    if (notice.attempts !== before.attempts && !isFailure) findings.differ(`${subject}: counts attempts it had not`);
    if (notice.state === 'failed' && !isFailure) findings.differ(`${subject}: given up without an attempt`);
    const situation = { isEnabled: citizen.isEnabled, hasIban: citizen.payoff !== null };
    if (notice.state === 'withdrawn' && isStillDue(notice, situation))
      findings.differ(`${subject}: kept from its citizen`);
  }

  /** Every transfer that a bank has spoken of was told, and every result of a period whose run has passed by. */
  finish(citizen: Citizen, resultsTold: ReadonlySet<number>): void {
    const { findings } = this.#parts;
    const { known, owed } = citizen.notices;
    for (const id of owed.keys()) findings.differ(`${named(citizen)}: is not told of ${id}`);
    if (!citizen.isEnabled) return;
    for (const { awardPeriodId, enrolment, frozen } of citizen.totals.values()) {
      // Whoever was excluded when the run passed by is not told by it.
      if (citizen.wasExcluded || enrolment !== citizen.enrolment || !resultsTold.has(awardPeriodId)) continue;
      // Whoever came in late may have come after the run.
      if (frozen?.standing === null) continue;
      if (known.has(`final-${awardPeriodId}-${citizen.key}`)) continue;
      findings.differ(`${named(citizen)}: is not told the result of period ${awardPeriodId}`);
    }
  }
}

/** Which run queued it, and so how far that run counts. */
export function runSubOf(notice: Notice): string {
  return noticeRunSub({ run: runOf(notice), awardPeriodId: notice.awardPeriodId });
}

function runOf({ kind }: Notice): NoticeRunKind {
  return kind === 'missingIban' || kind === 'endOfPeriod' ? kind : 'final';
}
