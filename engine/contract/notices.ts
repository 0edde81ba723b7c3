/** What citizens are told (domain 2.9). */
import type { CitizenKey } from './keys.ts';

/** What a citizen is told. Transfers to an issuer's own account are told in other words, not as another kind. */
export const NOTICE_KINDS = [
  'missingIban',
  'endOfPeriod',
  'refund',
  'refundAndPrize',
  'noRefund',
  'transferExecuted',
  'transferFailed',
  'anomalous',
] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** What is told to many citizens at once, each of them once in a period. */
export const NOTICE_RUN_KINDS = ['missingIban', 'endOfPeriod', 'final'] as const;
export type NoticeRunKind = (typeof NOTICE_RUN_KINDS)[number];

/** Names nobody: the words are found when it is delivered. */
export interface NoticeContent {
  readonly kind: NoticeKind;
  readonly awardPeriodId: number;
  /** As shown: never above the cap of the period. */
  readonly cashbackCents: number;
  readonly jackpotCents: number;
}

export const NOTICE_STATES = ['due', 'failed', 'delivered', 'withdrawn'] as const;

/** `due`: waits for its instant. `failed`: given up, for operators to see. `withdrawn`: it concerned nobody any more. */
export type NoticeState = (typeof NOTICE_STATES)[number];
export const LISTED_NOTICE_STATES = ['due', 'failed'] as const;
export type ListedNoticeState = (typeof LISTED_NOTICE_STATES)[number];

export interface Notice extends NoticeContent {
  /** Says what it is about and to whom: no two notices share one, so that nobody is told anything twice. */
  readonly id: string;
  readonly citizen: CitizenKey;
  /** The record whose transfer it is about; 0 = none. */
  readonly payoutId: number;
  readonly state: NoticeState;
  /** Deliveries that failed. */
  readonly attempts: number;
  /** Not delivered before this instant. */
  readonly dueMs: number;
  /** Instant of the last change. */
  readonly atMs: number;
}

export interface NoticesPage {
  readonly notices: readonly Notice[];
  /** Null = this is the last page. */
  readonly nextCursor: string | null;
}

/** What became of a delivery. `later`: the receiver was busy, which is no failure. */
export type NoticeResult =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'withdrawn' }
  | { readonly kind: 'later'; readonly laterMs: number };

/** Of the notice as it was read: one that is no longer due at that instant has been dealt with. */
export type NoticeChange = NoticeResult & Pick<Notice, 'id' | 'citizen' | 'dueMs'>;

/** What a run has queued by now, in all partitions. */
export interface NoticesQueued {
  readonly run: NoticeRunKind;
  readonly awardPeriodId: number;
  readonly noticeCount: number;
}
