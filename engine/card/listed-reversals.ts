/**
 * The list that each partition keeps of its reversals: what waits, by the instant at which it expires, so that time
 * finds it without looking at any card; and what an operator has to see, by its reception.
 */
import type { ListedReversalState } from '../contract.ts';
import type { CardFact } from '../facts.ts';
import { isReversal } from '../programme/index.ts';
import type { ReversalRow } from './card.ts';

export type ListChange = readonly [sub: string, row: ReversalRow | null];

/** What a fact about a record does to the list. Only an operator takes anything out of the states that one has to see. */
export function listChanges({ hpan, entry }: Extract<CardFact, { kind: 'recordSet' }>): readonly ListChange[] {
  if (!isReversal(entry.record)) return NONE;
  const { place } = entry;
  const [waiting, seen] = [
    { hpan, place, atMs: entry.expiresMs },
    { hpan, place, atMs: entry.receivedMs },
  ];
  const changes: ListChange[] = [];
  if (entry.state !== 'applied') {
    changes.push([reversalSub('pending', waiting), entry.state === 'pending' ? waiting : null]);
  }
  if (entry.state === 'parked') changes.push([reversalSub('parked', seen), seen]);
  else if (entry.code !== null && entry.state !== 'applied') changes.push([reversalSub('parked', seen), null]);
  if (entry.flagged) changes.push([reversalSub('flagged', seen), seen]);
  else if (entry.code !== null && entry.state === 'applied') changes.push([reversalSub('flagged', seen), null]);
  return changes;
}

const NONE: readonly ListChange[] = [];

export function reversalSub(state: ListedReversalState, { hpan, place, atMs }: ReversalRow): string {
  return `${reversalPrefix(state)}${String(atMs).padStart(15, '0')} ${hpan} ${place}`;
}

export function reversalPrefix(state: ListedReversalState): string {
  return `${state} `;
}
