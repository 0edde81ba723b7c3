/** The fold of facts into rows: one function for the live turn and for recovery (promise 4). */
import { unreachable } from '../assert.ts';
import { emptyCard } from '../card/card.ts';
import { applyCardFact, isKnownCard } from '../card/card-facts.ts';
import { listChanges } from '../card/listed-reversals.ts';
import { PARTITION_COUNT } from '../contract.ts';
import type { Draft } from '../draft.ts';
import { exclusionChanges } from '../exclusion/exclusion.ts';
import type { Fact, Message, PartitionFact, PayoutFact, Section, TurnRecord, WalletFact } from '../facts.ts';
import { fileTallySub, receivedFileSubs } from '../file/received-file.ts';
import { noticeChanges, noticeRunSub } from '../notice/notice.ts';
import { type PayoutRun, payoutFileSub, payoutLinkSub, payoutNumber } from '../payout/payout.ts';
import { parSub, recheckSub } from '../pointer.ts';
import type { ActorTable, Line, ListTable, PageTable, PartitionRow, RowTypes } from '../ports.ts';
import { decisionSub } from '../programme/index.ts';
import { pageSub } from '../wallet/commands.ts';
import { emptyWallet } from '../wallet/wallet.ts';
import { applyWalletFact } from '../wallet/wallet-facts.ts';

/** Where facts go. Each row is changed for itself, so that recovery can skip the rows that are ahead. */
export interface FoldTarget {
  /** At which the partition journals the facts that go here. */
  readonly sequence: number;
  change<T extends ActorTable>(
    table: T,
    partition: number,
    entity: string,
    /** Handed a value that it may set the fields of; undefined = there is none. Null where nothing is left to know. */
    update: (value: Draft<RowTypes[T]> | undefined) => RowTypes[T] | null,
  ): void;
  /** A row of a list, whole as the fact says it; null = deleted. */
  put<T extends ListTable>(table: T, partition: number, entity: string, sub: string, value: RowTypes[T] | null): void;
  /** A line of a page, whole as the fact says it; a page that is ahead of the fact holds it already, or a later one. */
  setLine<T extends PageTable>(table: T, partition: number, line: Line<T>): void;
  /** Messages of `partition` to another one that wait for it. */
  waiting(partition: number, to: number): readonly Message[];
}

export function foldFact(target: FoldTarget, partition: number, fact: Fact): void {
  switch (fact.kind) {
    case 'cardActivated':
    case 'cardClaimed':
    case 'claimConfirmed':
    case 'claimWithdrawn':
    case 'cardDeactivated':
    case 'ownerLeft':
    case 'recordSet':
    case 'parSet':
      target.change('card', partition, fact.hpan, (row) => {
        const card = row ?? emptyCard(fact.hpan);
        applyCardFact(card, fact);
        return isKnownCard(card) ? card : null;
      });
      if (fact.kind === 'recordSet') {
        target.setLine('record', partition, fact.entry);
        for (const [sub, row] of listChanges(fact)) target.put('reversal', partition, '', sub, row);
      }
      if (fact.kind === 'parSet') {
        if (fact.wasPar !== '') target.put('pointer', partition, '', parSub(fact.wasPar, fact.hpan), null);
        target.put('pointer', partition, '', parSub(fact.par, fact.hpan), { key: fact.hpan });
      }
      return;
    case 'parCovered':
      return;
    case 'lateRecordTaken':
      return;
    case 'reversalResolved':
      target.put('resolution', partition, fact.hpan, String(fact.resolution.place), fact.resolution);
      return;
    case 'resolutionVoided':
      target.put('resolution', partition, fact.hpan, String(fact.place), null);
      return;
    case 'periodClosed':
    case 'periodCloseHeard':
    case 'periodFrozen':
    case 'rankingFrozen':
    case 'tieOrdered':
    case 'programmeSet':
    case 'payoutsOrdered':
    case 'payoutRunSet':
      target.change('partition', partition, '', (row) => applyPartitionFact(row ?? emptyPartition(), fact));
      return;
    case 'periodReopened':
      target.change('partition', partition, '', (row) => applyPartitionFact(row ?? emptyPartition(), fact));
      target.put('periodDecision', partition, '', decisionSub('reopened', fact.decision), fact.decision);
      return;
    case 'periodDecided':
      target.put('periodDecision', partition, '', decisionSub('decided', fact.decision), fact.decision);
      return;
    case 'payoutFileSet':
      target.put('payoutFile', partition, '', payoutFileSub(fact.file.fileNumber), fact.file);
      return;
    case 'noticeRunSet':
      target.put('noticeRun', partition, '', noticeRunSub(fact.run), fact.run);
      return;
    case 'fileTallySet':
      target.put('fileTally', partition, '', fileTallySub(fact.tally.fileNumber), fact.tally);
      return;
    case 'receivedFileSet':
      for (const sub of receivedFileSubs(fact.file)) target.put('receivedFile', partition, '', sub, fact.file);
      return;
    case 'noticeQueued':
    case 'noticeSet':
      for (const [sub, notice] of noticeChanges(fact)) target.put('notice', partition, '', sub, notice);
      return;
    case 'exclusionSet':
      for (const [sub, row] of exclusionChanges(fact)) target.put('exclusion', partition, '', sub, row);
      return;
    case 'merchantDaySet':
      target.put('merchantDay', partition, fact.citizen, fact.sub, fact.merchantDay);
      return;
    case 'payoutMade':
    case 'payoutAdded':
    case 'payoutSet':
      foldPayout(target, partition, fact);
      return;
    default: {
      const { citizen } = fact;
      target.change('wallet', partition, citizen, (row) => {
        const wallet = row ?? emptyWallet(citizen);
        applyWalletFact(wallet, fact, target.sequence);
        return wallet;
      });
      if (fact.kind === 'recheckSet') pointAtRecheck(target, partition, fact);
      if (isListing(fact)) target.setLine('payment', partition, fact.payment);
      if (fact.kind === 'commandsPaged') {
        const { commands } = fact;
        target.put('command', partition, citizen, pageSub(commands), { commands });
      }
    }
  }
}

/** The wallet stays as it is: millions are paid, and none of their rows is written for it. */
function foldPayout(target: FoldTarget, partition: number, { kind, citizen, payout }: PayoutFact): void {
  target.setLine('payout', partition, payout);
  if (kind === 'payoutSet') return;
  const payoutCount = payoutNumber(payout.place) + 1;
  target.change('partition', partition, '', (row) => ({ ...(row ?? emptyPartition()), payoutCount }));
  if (kind === 'payoutMade') return;
  target.put('payoutLink', partition, citizen, payoutLinkSub(payout.place), { place: payout.place });
}

function pointAtRecheck(
  target: FoldTarget,
  partition: number,
  { citizen, recheck, wasDueMs }: Extract<WalletFact, { kind: 'recheckSet' }>,
): void {
  if (wasDueMs !== null && wasDueMs !== recheck?.dueMs)
    target.put('pointer', partition, '', recheckSub(citizen, wasDueMs), null);
  if (recheck !== null) target.put('pointer', partition, '', recheckSub(citizen, recheck.dueMs), { key: citizen });
}

/** What a section does to its partition as a whole: time, cursors, counts. */
export function foldSectionEnd(target: FoldTarget, nowMs: number, section: Section): void {
  const { partition } = section;
  target.change('partition', partition, '', (row) => withSection(row ?? emptyPartition(), nowMs, section));
}

/** Messages that leave the record wait in the outbox of their pair. */
export function foldOutbox(target: FoldTarget, { partition, sent }: Section): void {
  const waiting = new Map<number, Message[]>();
  for (const message of sent) {
    const ofPair = waiting.get(message.to);
    if (ofPair === undefined) waiting.set(message.to, [message]);
    else ofPair.push(message);
  }
  for (const [to, messages] of waiting) {
    // A row that is ahead of this fact holds them already.
    const held = target.waiting(partition, to);
    const lastHeld = held.at(-1)?.sequence ?? 0;
    const added = messages.filter(({ sequence }) => sequence > lastHeld);
    if (added.length > 0) target.put('outbox', partition, '', String(to), { messages: [...held, ...added] });
  }
}

/** Folds a whole turn: recovery. */
export function foldTurn(target: (sequence: number, partition: number) => FoldTarget, turn: TurnRecord): void {
  for (const section of turn.sections) {
    const into = target(section.sequence, section.partition);
    for (const fact of section.facts) foldFact(into, section.partition, fact);
    foldSectionEnd(into, turn.nowMs, section);
    foldOutbox(into, section);
  }
}

export function emptyPartition(): PartitionRow {
  return {
    lastMs: 0,
    received: new Array<number>(PARTITION_COUNT).fill(0),
    sent: new Array<number>(PARTITION_COUNT).fill(0),
    closedPeriods: [],
    closeHeard: [],
    frozenPeriods: [],
    ties: [],
    citizensEnabled: 0,
    cardsActive: 0,
    paymentsListed: 0,
    commandsDone: 0,
    payoutCount: 0,
    payoutRuns: [],
    payoutOrders: [],
    programme: null,
    frozenRankings: [],
  };
}

function withSection(row: PartitionRow, nowMs: number, section: Section): PartitionRow {
  let { citizensEnabled, cardsActive, paymentsListed, commandsDone } = row;
  for (const { kind } of section.facts) {
    if (kind === 'enrolled') citizensEnabled += 1;
    else if (kind === 'left') citizensEnabled -= 1;
    else if (kind === 'cardActivated' || kind === 'claimConfirmed') cardsActive += 1;
    else if (kind === 'cardDeactivated') cardsActive -= 1;
    else if (kind === 'paymentListed' || kind === 'latePaymentListed' || kind === 'paymentKept') paymentsListed += 1;
    else if (kind === 'commandDone') commandsDone += 1;
  }
  let { received, sent } = row;
  if (section.received.length > 0) {
    const counted = [...received];
    for (const [from, sequence] of section.received) counted[from] = sequence;
    received = counted;
  }
  if (section.sent.length + section.within.length > 0) {
    const counted = [...sent];
    for (const [to, sequence] of section.within) counted[to] = sequence;
    for (const { to, sequence } of section.sent) counted[to] = sequence;
    sent = counted;
  }
  return { ...row, lastMs: nowMs, received, sent, citizensEnabled, cardsActive, paymentsListed, commandsDone };
}

function isListing(fact: WalletFact): fact is Extract<WalletFact, { readonly payment: unknown }> {
  return 'payment' in fact;
}

/** Of earlier orders only runs that made records are ever looked at again. */
function isKeptBeside(one: PayoutRun, run: PayoutRun): boolean {
  if (one.orderNumber === run.orderNumber) return one.first !== run.first;
  return one.awardPeriodId !== run.awardPeriodId || one.count > 0;
}

/** They are rows of their own. */
type ListFact = {
  readonly kind: 'payoutFileSet' | 'noticeRunSet' | 'fileTallySet' | 'receivedFileSet' | 'periodDecided';
};

function applyPartitionFact(row: PartitionRow, fact: Exclude<PartitionFact, ListFact>): PartitionRow {
  switch (fact.kind) {
    case 'periodClosed':
      return { ...row, closedPeriods: [...row.closedPeriods, fact.awardPeriodId] };
    case 'periodCloseHeard': {
      const { awardPeriodId } = fact;
      const heard = row.closeHeard.find((one) => one.awardPeriodId === awardPeriodId)?.from ?? [];
      const others = row.closeHeard.filter((one) => one.awardPeriodId !== awardPeriodId);
      return { ...row, closeHeard: [...others, { awardPeriodId, from: [...heard, fact.from] }] };
    }
    case 'periodFrozen':
      return { ...row, frozenPeriods: [...row.frozenPeriods, fact.awardPeriodId] };
    case 'periodReopened': {
      const { awardPeriodId } = fact.decision;
      const isOther = (id: number) => id !== awardPeriodId;
      return {
        ...row,
        closedPeriods: row.closedPeriods.filter(isOther),
        closeHeard: row.closeHeard.filter((one) => isOther(one.awardPeriodId)),
        frozenPeriods: row.frozenPeriods.filter(isOther),
      };
    }
    case 'rankingFrozen': {
      const { awardPeriodId, vector, participants, digest } = fact;
      return { ...row, frozenRankings: [...row.frozenRankings, { awardPeriodId, vector, participants, digest }] };
    }
    case 'tieOrdered':
      return { ...row, ties: [...row.ties, [fact.first, fact.second]] };
    case 'programmeSet':
      return { ...row, programme: { json: fact.json, hash: fact.hash } };
    case 'payoutsOrdered':
      return { ...row, payoutOrders: [...row.payoutOrders, fact.order] };
    case 'payoutRunSet': {
      const { run } = fact;
      return { ...row, payoutRuns: [...row.payoutRuns.filter((one) => isKeptBeside(one, run)), run] };
    }
    default:
      return unreachable(fact);
  }
}
