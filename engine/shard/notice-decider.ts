/**
 * Decides who is told what, and what becomes of it, within a turn: what follows from the outcome of a transfer, runs
 * through the citizens of a partition, and what became of deliveries. The law is programme/notices.ts.
 */
import { invariant } from '../assert.ts';
import type { CitizenKey, Notice, NoticeChange, NoticeContent, NoticeRunKind, Programme } from '../contract.ts';
import type { Fact } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import { anomalousId, newNotice, noticeRunSub, noticeSub } from '../notice/notice.ts';
import { partitionOf } from '../partition.ts';
import { type Payout, payoutId } from '../payout/payout.ts';
import { findPeriod, isStillDue, periodNotice, retryOf, transferNotice } from '../programme/index.ts';
import type { Wallet, WalletHead } from '../wallet/wallet.ts';
import { totalsOf } from '../wallet/wallet-facts.ts';
import { headPage } from './actor-pages.ts';
import type { Actors } from './actors.ts';
import type { RunProgress } from './citizen-runs.ts';
import type { Turn } from './turn.ts';
import { isWinning, tiedOf, type Winners } from './winners.ts';

export interface NoticeDeciderOptions {
  readonly actors: Actors;
  readonly programme: Programme;
  readonly fact: (turn: Turn, partition: number, fact: Fact) => void;
}

/** One step of a partition's run. */
export interface NoticeStep extends Winners {
  readonly run: NoticeRunKind;
  readonly awardPeriodId: number;
}

export class NoticeDecider {
  readonly #options: NoticeDeciderOptions;

  constructor(options: NoticeDeciderOptions) {
    this.#options = options;
  }

  /** The bank has just said what became of a transfer, and will not say anything else. */
  settled(turn: Turn, partition: number, payout: Payout, wallet: Wallet | undefined): void {
    const { awardPeriodId, payoff, outcome, status, cashbackCents, jackpotCents, citizen } = payout;
    const content = transferNotice(
      {
        ...{ status, cashbackCents, jackpotCents },
        hasIban: payoff !== null,
        isExecuted: outcome?.result === 'ORDINE ESEGUITO',
        isEnabled: wallet?.status === 'enabled',
      },
      this.#period(awardPeriodId),
    );
    const about = { citizen, run: null, payoutId: payoutId(partition, payout.place) };
    if (content !== null) this.#queue(turn, partition, newNotice(content, about, turn.nowMs));
  }

  /** The next citizens of the partition. */
  run(turn: Turn, partition: number, step: NoticeStep): RunProgress {
    const { run, awardPeriodId } = step;
    const before = turn.view.get('noticeRun', partition, '', noticeRunSub(step));
    if (before?.isDone === true) return { isDone: true, tied: [] };

    const after = before?.cursor ?? '';
    const page = headPage(this.#options.actors, 'wallet', { partition, after, countMax: LIMITS.payoutsPerTurnMax });
    const wallets = page.values.map((wallet) => this.#options.actors.newest(wallet));
    const tied = wallets.flatMap((wallet) => tiedOf(wallet, awardPeriodId, step));
    if (tied.length > 0) return { isDone: false, tied };

    let count = before?.count ?? 0;
    for (const wallet of wallets) {
      const content = this.#contentOf(wallet, step);
      if (content === null) continue;
      count += 1;
      const about = { citizen: wallet.citizen, run, payoutId: 0 };
      this.#queue(turn, partition, newNotice(content, about, turn.nowMs));
    }
    const isDone = page.next === null;
    const cursor = page.next ?? wallets.at(-1)?.citizen ?? after;
    this.#options.fact(turn, partition, { kind: 'noticeRunSet', run: { run, awardPeriodId, cursor, count, isDone } });
    return { isDone, tied: [] };
  }

  /** Some of a citizen's payments have just stopped counting (domain 5.6). @param about names what no other notice does */
  anomalous(turn: Turn, citizen: CitizenKey, awardPeriodId: number, about: string): void {
    const content = { kind: 'anomalous', awardPeriodId, cashbackCents: 0, jackpotCents: 0 } as const;
    const notice = newNotice(content, { citizen, run: null, payoutId: 0 }, turn.nowMs);
    this.#queue(turn, partitionOf(citizen), { ...notice, id: anomalousId(citizen, about) });
  }

  #contentOf(wallet: WalletHead, step: NoticeStep): NoticeContent | null {
    if (wallet.status !== 'enabled') return null;
    const standing = totalsOf(wallet, step.awardPeriodId);
    const subject = {
      termsMs: wallet.termsMs,
      hasIban: wallet.payoff !== null,
      standing,
      isWinner: standing !== undefined && isWinning(wallet.citizen, standing, step),
    };
    return periodNotice(step.run, subject, this.#period(step.awardPeriodId));
  }

  /** @returns how many were due, and are as the change says */
  change(turn: Turn, partition: number, changes: readonly NoticeChange[]): number {
    return changes.filter((change) => this.#change(turn, partition, change)).length;
  }

  #change(turn: Turn, partition: number, change: NoticeChange): boolean {
    const { id, citizen, dueMs } = change;
    const notice = turn.view.get('notice', partition, '', noticeSub({ state: 'due', id, dueMs }));
    if (notice === undefined || notice.citizen !== citizen || dueMs > turn.nowMs) return false;
    const next = this.#after(turn, partition, notice, change);
    if (next === null) return false;
    const changed = { ...notice, ...next, atMs: turn.nowMs };
    this.#options.fact(turn, partition, { kind: 'noticeSet', citizen, notice: changed, wasDueMs: dueMs });
    return true;
  }

  /** @returns null: the change is none, since the notice still concerns its citizen */
  #after(turn: Turn, partition: number, notice: Notice, change: NoticeChange): Partial<Notice> | null {
    switch (change.kind) {
      case 'delivered':
        return { state: 'delivered' };
      case 'withdrawn':
        return isStillDue(notice, this.#situation(turn, partition, notice.citizen)) ? null : { state: 'withdrawn' };
      case 'failed':
      case 'later': {
        const retry = retryOf(change, notice.attempts);
        if (retry === null) return { state: 'failed', attempts: notice.attempts + 1, dueMs: turn.nowMs };
        return { attempts: retry.attempts, dueMs: turn.nowMs + retry.delayMs };
      }
    }
  }

  #situation(turn: Turn, partition: number, citizen: CitizenKey) {
    const wallet = turn.view.get('wallet', partition, citizen, '');
    return { isEnabled: wallet?.status === 'enabled', hasIban: wallet?.payoff != null };
  }

  #period(awardPeriodId: number) {
    const period = findPeriod(this.#options.programme, awardPeriodId);
    invariant(period !== null, `the programme has no period ${awardPeriodId}`);
    return period;
  }

  #queue(turn: Turn, partition: number, notice: Notice): void {
    this.#options.fact(turn, partition, { kind: 'noticeQueued', citizen: notice.citizen, notice });
  }
}
