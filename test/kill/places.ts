/** Where a server is killed, and how it is brought there. */
import type { Random } from '../support/random.ts';

export interface Place {
  readonly name: string;
  /**
   * Points at which a process ends itself (CLICKDAY_KILL_AT), one of them each time, and at most how many times it
   * passes there first. None: it is killed from outside, after a seeded number of promises.
   */
  readonly points: readonly (readonly [point: string, timesMax: number])[];
  /** The clock passes the end of a period under load. */
  readonly isAcrossPeriods?: boolean;
  /** Kills one after the other, each of the process that recovers from the one before; default 1. */
  readonly inARow?: (random: Random) => number;
}

/** In turn: each gets a seventh of the kills. */
export const PLACES: readonly Place[] = [
  {
    name: 'checkpoint',
    points: [
      ['checkpoint-start', 3],
      ['rows-batch', 6],
      ['checkpoint-batch', 6],
      ['checkpoint-mark', 3],
      ['checkpoint-marked', 3],
    ],
  },
  {
    name: 'archiving',
    points: [
      ['trim-written', 2],
      ['trim-verified', 2],
      ['trim-removed', 2],
    ],
  },
  {
    name: 'claim',
    points: [
      ['claimStarted', 8],
      ['cardActivated', 3],
      ['cardClaimed', 2],
      ['claimConfirmed', 2],
      ['claimEnded', 8],
    ],
  },
  // After one that leaves records which no checkpoint holds.
  { name: 'recovery', points: [['recovery-record', 2]], inARow: (random) => (random.below(20) === 0 ? 10 : 1) },
  {
    name: 'close',
    isAcrossPeriods: true,
    points: [
      ['periodClosed', 30],
      ['periodCloseHeard', 1_900],
      ['periodFrozen', 30],
      ['rankingFrozen', 1],
    ],
  },
  {
    name: 'turn',
    points: [
      ['turn-decided', 60],
      ['append', 60],
      ['append-flushed', 60],
      ['turn-flushed', 60],
    ],
  },
  { name: 'anywhere', points: [] },
];
