/**
 * Notices as a partition keeps them: a list of those that are due, by the instant from which they are, so that time finds
 * the next ones without looking at any citizen; and those that were given up. What was delivered leaves no row: a notice
 * is queued once, since what it is about happens once (a transfer's outcome, a run's passing by).
 */
import type { CitizenKey, ListedNoticeState, Notice, NoticeContent, NoticeRunKind } from '../contract.ts';
import type { NoticeFact } from '../facts.ts';

/** A run of a partition through its citizens, in the order of their keys. It is made once in a period. */
export interface NoticeRun {
  readonly run: NoticeRunKind;
  readonly awardPeriodId: number;
  /** The last citizen looked at; empty = none. Whoever comes before was told, or was not to be. */
  readonly cursor: CitizenKey | '';
  readonly count: number;
  readonly isDone: boolean;
}

/** Which citizen is told, and what about. */
export interface NoticeSubjectMatter {
  readonly citizen: CitizenKey;
  readonly run: NoticeRunKind | null;
  /** 0 = of a run. */
  readonly payoutId: number;
}

export function newNotice(
  content: NoticeContent,
  { citizen, run, payoutId }: NoticeSubjectMatter,
  nowMs: number,
): Notice {
  const id = run === null ? `payout-${payoutId}` : `${run}-${content.awardPeriodId}-${citizen}`;
  return { id, citizen, ...content, payoutId, state: 'due', attempts: 0, dueMs: nowMs, atMs: nowMs };
}

/** @param about one merchant's day, and the day on which it is told */
export function anomalousId(citizen: CitizenKey, about: string): string {
  return `anomalous ${citizen} ${about}`;
}

export type NoticeListChange = readonly [sub: string, row: Notice | null];

/** What a fact about a notice does to the list. */
export function noticeChanges(fact: NoticeFact): readonly NoticeListChange[] {
  const { notice } = fact;
  const left: NoticeListChange[] =
    fact.kind === 'noticeSet' ? [[noticeSub({ ...notice, state: 'due', dueMs: fact.wasDueMs }), null]] : [];
  return isListed(notice) ? [...left, [noticeSub(notice), notice]] : left;
}

export type ListedNotice = Notice & { readonly state: ListedNoticeState };

function isListed(notice: Notice): notice is ListedNotice {
  return notice.state === 'due' || notice.state === 'failed';
}

/** Those that are due at one instant stand in the order of their ids. */
export function noticeSub({ state, dueMs, id }: Pick<ListedNotice, 'state' | 'dueMs' | 'id'>): string {
  return `${noticePrefix(state)}${String(dueMs).padStart(INSTANT_DIGITS, '0')} ${id}`;
}

export function noticePrefix(state: ListedNoticeState): string {
  return `${state} `;
}

export function noticeRunSub({ run, awardPeriodId }: Pick<NoticeRun, 'run' | 'awardPeriodId'>): string {
  return `${run} ${awardPeriodId}`;
}

const INSTANT_DIGITS = 15;
