/** The fold of facts into rows: one function for the live turn and for recovery (promise 4). */
import { unreachable } from '../assert.ts';
import { emptyCard } from '../card/card.ts';
import { applyCardFact } from '../card/card-facts.ts';
import { PARTITION_COUNT } from '../contract.ts';
import type { Fact, PartitionFact, Section, TurnRecord } from '../facts.ts';
import type { OutboxRow, PartitionRow, RowTable, RowTypes } from '../ports.ts';
import { emptyWallet } from '../wallet/wallet.ts';
import { applyWalletFact, paymentSub } from '../wallet/wallet-facts.ts';
import { partitionEntity } from './layers.ts';

/** Where facts go. Each row is changed for itself, so that recovery can skip the rows that are ahead. */
export interface FoldTarget {
  change<T extends RowTable>(
    table: T,
    partition: number,
    entity: string,
    sub: string,
    update: (value: RowTypes[T] | undefined) => RowTypes[T] | null,
  ): void;
}

export function foldFact(target: FoldTarget, partition: number, fact: Fact): void {
  switch (fact.kind) {
    case 'cardActivated':
    case 'cardDeactivated':
    case 'ownerLeft':
    case 'recordSet':
      target.change('card', partition, fact.hpan, '', (card) => applyCardFact(card ?? emptyCard(fact.hpan), fact));
      if (fact.kind === 'recordSet') target.change('record', partition, fact.hpan, fact.key, () => fact.entry);
      return;
    case 'periodClosed':
    case 'periodCloseHeard':
    case 'periodFrozen':
    case 'rankingFrozen':
    case 'tieOrdered':
    case 'programmeSet':
      target.change('partition', partition, partitionEntity(partition), '', (row) =>
        applyPartitionFact(row ?? emptyPartition(), fact),
      );
      return;
    default: {
      const { citizen } = fact;
      target.change('wallet', partition, citizen, '', (wallet) =>
        applyWalletFact(wallet ?? emptyWallet(citizen), fact),
      );
      if (fact.kind === 'paymentListed') {
        target.change('payment', partition, citizen, paymentSub(fact.payment), () => fact.payment);
      }
      if (fact.kind === 'commandDone') {
        const { bodyHash, answer } = fact;
        target.change('command', partition, citizen, fact.commandKey, () => ({ bodyHash, answer }));
      }
    }
  }
}

/** What a section does to its partition as a whole: time, cursors, counts. */
export function foldSectionEnd(target: FoldTarget, nowMs: number, section: Section): void {
  const { partition } = section;
  target.change('partition', partition, partitionEntity(partition), '', (row) =>
    withSection(row ?? emptyPartition(), nowMs, section),
  );
}

/** Messages sent by a section and not taken in within the same record wait in the outbox of their pair. */
export function foldOutbox(target: FoldTarget, turn: TurnRecord, section: Section): void {
  if (section.sent.length === 0) return;
  const { partition } = section;
  const taken = takenInSameTurn(turn, partition);
  for (const to of new Set(section.sent.map((message) => message.to))) {
    const sent = section.sent.filter((message) => message.to === to);
    target.change('outbox', partition, partitionEntity(partition), String(to), (row) => {
      const waiting = sent.filter(({ sequence }) => sequence > (taken.get(to) ?? 0));
      return {
        lastSequence: sent[sent.length - 1]?.sequence ?? 0,
        messages: [...(row ?? EMPTY_OUTBOX).messages, ...waiting],
      };
    });
  }
}

/** Folds a whole turn: recovery. */
export function foldTurn(target: (partition: number, sequence: number) => FoldTarget, turn: TurnRecord): void {
  for (const section of turn.sections) {
    const into = target(section.partition, section.sequence);
    for (const fact of section.facts) foldFact(into, section.partition, fact);
    foldSectionEnd(into, turn.nowMs, section);
    foldOutbox(into, turn, section);
  }
}

export const EMPTY_OUTBOX: OutboxRow = { lastSequence: 0, messages: [] };

export function emptyPartition(): PartitionRow {
  return {
    lastMs: 0,
    received: new Array<number>(PARTITION_COUNT).fill(0),
    closedPeriods: [],
    closeHeard: [],
    frozenPeriods: [],
    ties: [],
    citizensEnabled: 0,
    cardsActive: 0,
    paymentsListed: 0,
    commandsDone: 0,
    programme: null,
    frozenRankings: [],
  };
}

/** Highest sequence that each receiver took from `from` within the same record. */
function takenInSameTurn(turn: TurnRecord, from: number): ReadonlyMap<number, number> {
  const taken = new Map<number, number>();
  for (const { partition, received } of turn.sections) {
    for (const [sender, sequence] of received) if (sender === from) taken.set(partition, sequence);
  }
  return taken;
}

function withSection(row: PartitionRow, nowMs: number, section: Section): PartitionRow {
  let { citizensEnabled, cardsActive, paymentsListed, commandsDone } = row;
  for (const { kind } of section.facts) {
    if (kind === 'enrolled') citizensEnabled += 1;
    else if (kind === 'left') citizensEnabled -= 1;
    else if (kind === 'cardActivated') cardsActive += 1;
    else if (kind === 'cardDeactivated') cardsActive -= 1;
    else if (kind === 'paymentListed') paymentsListed += 1;
    else if (kind === 'commandDone') commandsDone += 1;
  }
  const received = section.received.length === 0 ? row.received : [...row.received];
  if (received !== row.received)
    for (const [from, sequence] of section.received) (received as number[])[from] = sequence;
  return { ...row, lastMs: nowMs, received, citizensEnabled, cardsActive, paymentsListed, commandsDone };
}

function applyPartitionFact(row: PartitionRow, fact: PartitionFact): PartitionRow {
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
    case 'rankingFrozen': {
      const { awardPeriodId, vector, participants, digest } = fact;
      return { ...row, frozenRankings: [...row.frozenRankings, { awardPeriodId, vector, participants, digest }] };
    }
    case 'tieOrdered':
      return { ...row, ties: [...row.ties, [fact.first, fact.second]] };
    case 'programmeSet':
      return { ...row, programme: { json: fact.json, hash: fact.hash } };
    default:
      return unreachable(fact);
  }
}
