/** What the suite of the ranking times of every structure alike. */
import type { Participant } from '../../engine/ranking/ranking.ts';

/** A batch at a time, so that what works over a network may send it at once. */
export interface Subject {
  /** The rank of each, from 1. */
  readAll(participants: readonly Participant[]): Promise<readonly number[]>;
  /** Moves each from what it was to what it is, in order. */
  moveAll(before: readonly Participant[], after: readonly Participant[]): Promise<void>;
}

/** A structure in this process. */
interface LocalSubject {
  rankOf(participant: Participant): number;
  move(before: Participant, after: Participant): void;
}

export function batched(local: LocalSubject): Subject {
  return {
    async readAll(participants) {
      const ranks: number[] = [];
      for (const participant of participants) ranks.push(local.rankOf(participant));
      return ranks;
    },
    async moveAll(before, after) {
      for (let index = 0; index < before.length; index += 1) local.move(before[index]!, after[index]!);
    },
  };
}
