/** The inspector's own account of the partitions: closing of periods, ties, running counts. */
import {
  type CitizenKey,
  type PayoutFile,
  type PeriodDecision,
  RESOLUTION_REASON_MAX,
  type ReceivedFile,
} from '../../engine/contract.ts';
import type { PartitionFact } from '../../engine/facts.ts';
import { contentSub, type FileTally, receivedFileSubs } from '../../engine/file/received-file.ts';
import { type NoticeRun, noticeRunSub } from '../../engine/notice/notice.ts';
import { type PayoutOrder, type PayoutRun, payoutFileSub } from '../../engine/payout/payout.ts';
import type { PartitionRow, Store } from '../../engine/ports.ts';
import {
  canonicalJson,
  checkProgramme,
  closesAtMs,
  decisionSub,
  findPeriod,
  judgePeriodOrder,
  type Law,
  reopenedUntilMs,
  versionProblem,
} from '../../engine/programme/index.ts';
import type { Findings } from './findings.ts';
import type { Held } from './held.ts';

export class PartitionAccount {
  readonly partition: number;
  sequence = 0;
  isRowSeen = false;
  /** Whose journal it is in; null while it is in none. */
  store: Store | null = null;

  lastMs = 0;
  readonly received: number[];
  readonly sent: number[];
  readonly closed = new Set<number>();
  readonly heard = new Map<number, Set<number>>();
  /** By award period: the sequence at which this partition first froze it. */
  readonly frozen = new Map<number, number>();
  /** Award periods that it has frozen, and not opened again since. */
  readonly final = new Set<number>();
  /** Partition 0: what operators decided, by number. */
  readonly decisions: PeriodDecision[] = [];
  /** By the sub of its row. */
  readonly decisionRows = new Map<string, readonly Held<PeriodDecision>[]>();
  /** Partition 0: the version of the programme that a decision leads to; undefined: none is due, null: any that is lawful. */
  versionDue: string | null | undefined = undefined;
  readonly ties: (readonly [CitizenKey, CitizenKey])[] = [];
  citizensEnabled = 0;
  cardsActive = 0;
  paymentsListed = 0;
  commandsDone = 0;
  payoutCount = 0;
  payoutRuns: readonly PayoutRun[] = [];
  readonly payoutOrders: PayoutOrder[] = [];
  /** By the sub of its row, how it stood since when: a row may lag behind the last of them. */
  readonly payoutFiles = new Map<string, readonly Held<PayoutFile>[]>();
  /** By the sub of its row: what it was, one after the other. */
  readonly noticeRuns = new Map<string, Held<NoticeRun>[]>();
  /** Notices that each of them has queued. */
  readonly noticeCounts = new Map<string, number>();
  /** By the sub of its row: what this partition has accepted of a file. */
  readonly fileTallies = new Map<string, Held<FileTally>>();
  /** By the sub of its row: what it was, one after the other. */
  readonly receivedFiles = new Map<string, Held<ReceivedFile>[]>();
  /** As they last stood, by number. */
  readonly files = new Map<number, ReceivedFile>();
  programme: PartitionRow['programme'] = null;
  readonly frozenRankings: PartitionRow['frozenRankings'][number][] = [];

  constructor(partition: number, partitionCount: number) {
    this.partition = partition;
    this.received = new Array<number>(partitionCount).fill(0);
    this.sent = new Array<number>(partitionCount).fill(0);
  }

  /** Undefined: by no decision of this number did it open a period again. */
  reopening(number: number): PeriodDecision | undefined {
    return this.decisionRows.get(decisionSub('reopened', { number }))?.at(-1)?.value ?? undefined;
  }

  countNotice(run: string): void {
    this.noticeCounts.set(run, (this.noticeCounts.get(run) ?? 0) + 1);
  }

  get value(): PartitionRow {
    return sortedPartition({
      lastMs: this.lastMs,
      received: this.received,
      sent: this.sent,
      closedPeriods: [...this.closed],
      closeHeard: [...this.heard].map(([awardPeriodId, from]) => ({ awardPeriodId, from: [...from] })),
      frozenPeriods: [...this.final],
      ties: this.ties,
      citizensEnabled: this.citizensEnabled,
      cardsActive: this.cardsActive,
      paymentsListed: this.paymentsListed,
      commandsDone: this.commandsDone,
      payoutCount: this.payoutCount,
      payoutRuns: this.payoutRuns,
      payoutOrders: this.payoutOrders,
      programme: this.programme,
      frozenRankings: this.frozenRankings,
    });
  }
}

export function sortedPartition(row: PartitionRow): PartitionRow {
  const byNumber = (left: number, right: number) => left - right;
  return {
    ...row,
    closedPeriods: row.closedPeriods.toSorted(byNumber),
    closeHeard: row.closeHeard
      .map(({ awardPeriodId, from }) => ({ awardPeriodId, from: from.toSorted(byNumber) }))
      .toSorted((left, right) => left.awardPeriodId - right.awardPeriodId),
    frozenPeriods: row.frozenPeriods.toSorted(byNumber),
    payoutRuns: row.payoutRuns.toSorted(
      (left, right) => left.orderNumber - right.orderNumber || left.first - right.first,
    ),
  };
}

/** When one of its sections was journaled. */
export interface Moment {
  readonly sequence: number;
  readonly nowMs: number;
}

/** Stores' clocks may be that much apart after a start (divided-engine.ts). */
const CLOCK_SLACK_MS = 1_000;

/** What one partition did about a period that was opened again. */
interface Adoption {
  readonly subject: string;
  readonly decision: PeriodDecision;
  /** When the partition closed it once more; null: it opened it. */
  readonly closedMs: number | null;
}

export class PartitionFold {
  /** Goes on with the versions that partition 0 journals. */
  readonly #law: Law;
  readonly #findings: Findings;
  readonly #decisions: PeriodDecision[] = [];
  readonly #adoptions: Adoption[] = [];
  /** By partition and period: by which decision it is open again. */
  readonly #open = new Map<string, PeriodDecision>();

  constructor(law: Law, findings: Findings) {
    this.#law = law;
    this.#findings = findings;
  }

  /** After all journals: what partitions did about periods is what partition 0 decided. */
  finish(): void {
    for (const { subject, decision, closedMs } of this.#adoptions) {
      const { number } = decision;
      this.#findings.expect(`${subject}: decision ${number}`, this.#decisions[number - 1] ?? null, decision);
      if (closedMs === null) continue;
      const isEarly = closedMs + CLOCK_SLACK_MS < reopenedUntilMs(this.#decisions, decision);
      if (isEarly) this.#findings.differ(`${subject}: closes period ${decision.awardPeriodId} before its time`);
    }
  }

  /** A line or record of a period whose ranking is frozen: the partition has opened the period again, and it is not over. */
  judgeLate(account: PartitionAccount, awardPeriodId: number, isOver: boolean, subject: string): void {
    const isOpen = account.frozen.has(awardPeriodId) && !isOver;
    if (!isOpen) this.#findings.differ(`${subject}: late in period ${awardPeriodId}, which is not open again`);
  }

  apply(account: PartitionAccount, fact: Exclude<PartitionFact, { kind: 'fileTallySet' }>, place: Moment): void {
    const subject = `partition ${account.partition} at ${place.sequence}`;
    switch (fact.kind) {
      case 'periodClosed':
        this.#close(account, fact.awardPeriodId, place, subject);
        return;
      case 'periodCloseHeard':
        this.#hear(account, fact.awardPeriodId, fact.from, subject);
        return;
      case 'periodFrozen':
        this.#freeze(account, fact.awardPeriodId, place, subject);
        return;
      case 'rankingFrozen': {
        const { awardPeriodId, vector, participants, digest } = fact;
        if (account.partition !== 0) this.#findings.differ(`${subject}: only partition 0 freezes rankings`);
        if (account.frozenRankings.some((ranking) => ranking.awardPeriodId === awardPeriodId)) {
          this.#findings.differ(`${subject}: the ranking of period ${awardPeriodId} is frozen a second time`);
        }
        account.frozenRankings.push({ awardPeriodId, vector, participants, digest });
        return;
      }
      case 'tieOrdered':
        account.ties.push([fact.first, fact.second]);
        return;
      case 'programmeSet':
        if (account.partition !== 0) this.#findings.differ(`${subject}: only partition 0 keeps the programme`);
        if (account.programme !== null) this.#replace(account, fact.json, place, subject);
        account.programme = { json: fact.json, hash: fact.hash };
        return;
      case 'periodDecided':
        this.#decide(account, fact.decision, place, subject);
        return;
      case 'periodReopened':
        this.#reopen(account, fact.decision, place, subject);
        return;
      case 'payoutsOrdered':
        this.#order(account, fact.order, subject);
        return;
      case 'payoutRunSet':
        this.#setRun(account, fact.run, subject);
        return;
      case 'payoutFileSet': {
        if (account.partition !== 0) this.#findings.differ(`${subject}: only partition 0 keeps payout files`);
        const { file } = fact;
        const held = { value: file, sequence: place.sequence, isRowSeen: false };
        hold(account.payoutFiles, payoutFileSub(file.fileNumber), held);
        return;
      }
      case 'noticeRunSet':
        this.#setNoticeRun(account, fact.run, place, subject);
        return;
      case 'receivedFileSet':
        this.#setReceivedFile(account, fact.file, place, subject);
        return;
    }
  }

  /** The law says of each decision whether it could be made then, and what it leads to. */
  #decide(account: PartitionAccount, decision: PeriodDecision, { nowMs, sequence }: Moment, subject: string): void {
    if (account.partition !== 0) this.#findings.differ(`${subject}: only partition 0 decides about periods`);
    const { kind, awardPeriodId, operator, reason } = decision;
    if (operator === '' || reason === '' || reason.length > RESOLUTION_REASON_MAX) {
      this.#findings.differ(`${subject}: ${kind} of period ${awardPeriodId} by nobody, or for no reason`);
    }
    if (kind === 'replace') {
      const { length } = this.#decisions;
      this.#findings.expect(`${subject}: replace`, [length + 1, nowMs], [decision.number, decision.atMs]);
      this.#findings.expect(`${subject}: version before`, canonicalJson(this.#law), decision.replaced);
      account.versionDue = null;
    } else {
      const judged = judgePeriodOrder(
        { ...decision, programme: '' },
        {
          ...{ programme: this.#law, nowMs, decisions: this.#decisions, isFinal: account.final.has(awardPeriodId) },
          isPaid: account.payoutOrders.some((order) => order.awardPeriodId === awardPeriodId),
        },
      );
      const what = `${subject}: ${kind} of period ${awardPeriodId}`;
      this.#findings.expect(what, judged.ok ? judged.decision : judged.code, decision);
      if (judged.ok && judged.programme !== null) account.versionDue = canonicalJson(judged.programme);
    }
    this.#decisions.push(decision);
    account.decisions.push(decision);
    hold(account.decisionRows, decisionSub('decided', decision), { value: decision, sequence, isRowSeen: false });
  }

  /** A newer version changes only what has not begun: so all that is judged may be judged by the last. */
  #replace(account: PartitionAccount, json: string, { nowMs }: Moment, subject: string): void {
    const { versionDue } = account;
    account.versionDue = undefined;
    if (versionDue === undefined)
      return this.#findings.differ(`${subject}: a version of the programme that nobody decided`);
    if (versionDue !== null) this.#findings.expect(`${subject}: version`, versionDue, json);
    const checked = checkProgramme(JSON.parse(json));
    if (!checked.ok) return this.#findings.differ(`${subject}: a programme that is none: ${checked.problem}`);
    const problem = versionProblem(this.#law, checked.programme, nowMs);
    if (problem !== null) this.#findings.differ(`${subject}: no newer version of the programme: ${problem}`);
    this.#law.adopt(checked.programme);
  }

  #reopen(account: PartitionAccount, decision: PeriodDecision, { sequence }: Moment, subject: string): void {
    const { awardPeriodId, kind, number } = decision;
    const what = `${subject}: opens period ${awardPeriodId} again`;
    if (kind !== 'reopen') this.#findings.differ(`${what}, by a decision to ${kind}`);
    const sub = decisionSub('reopened', decision);
    if (account.decisionRows.has(sub)) this.#findings.differ(`${what}, twice by decision ${number}`);
    if (!account.final.delete(awardPeriodId)) this.#findings.differ(`${what}, and it is not over`);
    account.closed.delete(awardPeriodId);
    account.heard.delete(awardPeriodId);
    this.#open.set(`${account.partition} ${awardPeriodId}`, decision);
    this.#adoptions.push({ subject, decision, closedMs: null });
    hold(account.decisionRows, sub, { value: decision, sequence, isRowSeen: false });
  }

  #setNoticeRun(account: PartitionAccount, run: NoticeRun, place: Moment, subject: string): void {
    const sub = noticeRunSub(run);
    const helds = account.noticeRuns.get(sub) ?? [];
    const before = helds.at(-1)?.value;
    const what = `${subject}: notices ${sub}`;
    if (before?.isDone === true || run.cursor < (before?.cursor ?? '')) this.#findings.differ(`${what} goes back`);
    this.#findings.expect(`${what}: count`, account.noticeCounts.get(sub) ?? 0, run.count);
    helds.push({ value: run, sequence: place.sequence, isRowSeen: false });
    account.noticeRuns.set(sub, helds);
  }

  /** One comes under the next number, and is done once; where its content was accounted for before, it repeats it. */
  #setReceivedFile(account: PartitionAccount, file: ReceivedFile, place: Moment, subject: string): void {
    const { fileNumber, isDone, figures, ...arrival } = file;
    const what = `${subject}: file ${fileNumber}`;
    if (account.partition !== 0) this.#findings.differ(`${what}: only partition 0 keeps files`);
    if (isDone) {
      const { fileNumber: _, isDone: wasDone, figures: none, ...before } = account.files.get(fileNumber) ?? file;
      if (wasDone) this.#findings.differ(`${what}: done, and not open before`);
      this.#findings.expect(`${what}: arrival`, before, arrival);
      const isRepetition = account.receivedFiles.has(contentSub(file));
      if (isRepetition && figures.some(({ fate }) => fate === 'dropped' || fate === 'rejected')) {
        this.#findings.differ(`${what}: accounts once more for what it was done with before`);
      }
    } else {
      this.#findings.expect(`${what}: number`, account.files.size + 1, fileNumber);
      if (figures.length > 0) this.#findings.differ(`${what}: says what became of rows before they came`);
    }
    account.files.set(fileNumber, file);
    for (const sub of receivedFileSubs(file)) {
      const held = { value: file, sequence: place.sequence, isRowSeen: false };
      const helds = account.receivedFiles.get(sub);
      if (helds === undefined) account.receivedFiles.set(sub, [held]);
      else helds.push(held);
    }
  }

  #order(account: PartitionAccount, order: PayoutOrder, subject: string): void {
    if (account.partition !== 0) this.#findings.differ(`${subject}: only partition 0 orders payouts`);
    this.#findings.expect(`${subject}: payout order`, account.payoutOrders.length + 1, order.orderNumber);
    if (!account.frozenRankings.some(({ awardPeriodId }) => awardPeriodId === order.awardPeriodId)) {
      this.#findings.differ(
        `${subject}: payouts of period ${order.awardPeriodId} ordered before its ranking is frozen`,
      );
    }
    if (!account.final.has(order.awardPeriodId)) {
      this.#findings.differ(`${subject}: payouts of period ${order.awardPeriodId} ordered while it is open again`);
    }
    account.payoutOrders.push(order);
  }

  /** Runs go on, and their records stand one behind the other. */
  #setRun(account: PartitionAccount, run: PayoutRun, subject: string): void {
    const before = account.payoutRuns.findLast(({ orderNumber }) => orderNumber === run.orderNumber);
    const what = `${subject}: run ${run.orderNumber}`;
    if (before?.isDone === true || run.cursor < (before?.cursor ?? '')) this.#findings.differ(`${what} goes back`);
    if (run.first + run.count !== account.payoutCount) this.#findings.differ(`${what} does not count what was made`);
    // Of earlier orders of the period only those that made records stay.
    const kept = account.payoutRuns.filter(({ awardPeriodId, orderNumber, first, count }) => {
      if (orderNumber === run.orderNumber) return first !== run.first;
      return awardPeriodId !== run.awardPeriodId || count > 0;
    });
    account.payoutRuns = [...kept, run];
  }

  #close(account: PartitionAccount, awardPeriodId: number, place: Moment, subject: string): void {
    const period = findPeriod(this.#law, awardPeriodId);
    const decision = this.#open.get(`${account.partition} ${awardPeriodId}`);
    if (decision !== undefined) this.#adoptions.push({ subject, decision, closedMs: place.nowMs });
    if (account.closed.has(awardPeriodId)) this.#findings.differ(`${subject}: closes period ${awardPeriodId} again`);
    if (period === null) this.#findings.differ(`${subject}: closes period ${awardPeriodId}, which does not exist`);
    else if (place.nowMs < closesAtMs(period)) {
      this.#findings.differ(`${subject}: closes period ${awardPeriodId} before its grace is over`);
    }
    account.closed.add(awardPeriodId);
  }

  #hear(account: PartitionAccount, awardPeriodId: number, from: number, subject: string): void {
    const heard = account.heard.get(awardPeriodId) ?? new Set();
    if (heard.has(from)) this.#findings.differ(`${subject}: hears ${from} close period ${awardPeriodId} again`);
    account.heard.set(awardPeriodId, heard.add(from));
  }

  #freeze(account: PartitionAccount, awardPeriodId: number, place: Moment, subject: string): void {
    const heard = account.heard.get(awardPeriodId)?.size ?? 0;
    const what = `${subject}: freezes period ${awardPeriodId}`;
    if (heard !== account.received.length) this.#findings.differ(`${what}, having heard ${heard} partitions`);
    if (account.final.has(awardPeriodId)) this.#findings.differ(`${what} again`);
    account.final.add(awardPeriodId);
    if (!account.frozen.has(awardPeriodId)) account.frozen.set(awardPeriodId, place.sequence);
  }
}

function hold<T>(rows: Map<string, readonly Held<T>[]>, sub: string, held: Held<T>): void {
  rows.set(sub, [...(rows.get(sub) ?? []), held]);
}
