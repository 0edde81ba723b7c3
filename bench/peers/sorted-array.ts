/** What most programs would do: one array, kept in order. */
import type { Participant } from '../../engine/ranking/ranking.ts';
import { compare } from './order.ts';
import { batched, type Subject } from './subject.ts';

export function sortedArray(participants: readonly Participant[]): Subject {
  const sorted = participants.toSorted(compare);
  const indexOf = (participant: Participant): number => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(sorted[middle]!, participant) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return batched({
    move: (before, after) => {
      sorted.splice(indexOf(before), 1);
      sorted.splice(indexOf(after), 0, after);
    },
    rankOf: (participant) => indexOf(participant) + 1,
  });
}
