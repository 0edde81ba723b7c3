/**
 * The B+ tree of sorted-btree. It knows no ranks: the best it offers is to count a range leaf by leaf, which grows with
 * the rank; so it is measured at a small size only.
 */
import sortedBtree from 'sorted-btree';
import type { Participant } from '../../engine/ranking/ranking.ts';
import { compare } from './order.ts';
import { batched, type Subject } from './subject.ts';

export function plainBtree(participants: readonly Participant[]): Subject {
  const entries = participants.map((participant): [Participant, undefined] => [participant, undefined]);
  const tree = new sortedBtree.default<Participant, undefined>(entries, compare);
  return batched({
    move: (before, after) => {
      tree.delete(before);
      tree.set(after, undefined);
    },
    rankOf: (participant) => tree.forRange(tree.minKey()!, participant, true),
  });
}
