/** The order of the ranking for structures that take a comparison. */
import { compareParticipants } from '../../engine/ranking/audit.ts';
import type { Participant } from '../../engine/ranking/ranking.ts';

export function compare(left: Participant, right: Participant): number {
  return compareParticipants(left, right, compareKeys);
}

/** In the place of tax codes, which the random instants hardly ever need. */
export function compareKeys(left: string, right: string): number {
  return left < right ? -1 : 1;
}
