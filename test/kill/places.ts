/** Where a process is killed, and how it is brought there. */
import type { Random } from '../support/random.ts';

type Point = readonly [point: string, timesMax: number];

export interface Place {
  readonly name: string;
  /** What is killed there: a server under load, or whoever raises, deals out or copies a folder. Default: a server. */
  readonly work?: 'migration' | 'backup';
  /**
   * Points at which a process ends itself (CLICKDAY_KILL_AT), one of them each time, and at most how many times it
   * passes there first. None: it is killed from outside, after a seeded number of promises.
   */
  readonly points: readonly Point[];
  /** The clock passes the end of a period under load. */
  readonly isAcrossPeriods?: boolean;
  /** Kills one after the other, each of the process that recovers from the one before; default 1. */
  readonly inARow?: (random: Random) => number;
}

/** Each gets an eighth of the rounds, so that a tenth falls there also where some are not come to within the load. */
export const INSIDE: readonly Place[] = [
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
  { name: 'backup', work: 'backup', points: [] },
  { name: 'migration', work: 'migration', points: [] },
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
];

export const TURN: Place = {
  name: 'turn',
  points: [
    ['turn-decided', 60],
    ['append', 60],
    ['append-flushed', 60],
    ['turn-flushed', 60],
  ],
};

export const ANYWHERE: Place = { name: 'anywhere', points: [] };

/** Where it did not come to the point that it was to die at. */
export const AFTER_THE_LOAD = 'after the load';

/** The rounds of a folder, in turn. */
export const ROUNDS: readonly Place[] = [...INSIDE, TURN, ...INSIDE, ANYWHERE];
