/** The red-black tree of data-structure-typed, which keeps the size of each subtree if asked to. */
import { RedBlackTree } from 'data-structure-typed';
import type { Participant } from '../../engine/ranking/ranking.ts';
import { compare } from './order.ts';
import { batched, type Subject } from './subject.ts';

export function redBlackTree(participants: readonly Participant[]): Subject {
  const tree = new RedBlackTree<Participant>(participants, { comparator: compare, enableOrderStatistic: true });
  return batched({
    move: (before, after) => {
      tree.delete(before);
      tree.add(after);
    },
    rankOf: (participant) => tree.getRank(participant) + 1,
  });
}
