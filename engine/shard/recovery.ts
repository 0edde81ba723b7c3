/**
 * From disk to a state that can go on: the newest checkpoint's rows, and the rest of the journal folded over them.
 * Nothing is judged again (promise 3); a row that is ahead of a fact skips it, so recovery may die and begin anew.
 */
import { PARTITION_COUNT } from '../contract.ts';
import type { Fact, Message } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import type { Store } from '../ports.ts';
import { Actors } from './actors.ts';
import { foldTurn } from './fold.ts';
import { movesRanks } from './rankings.ts';
import type { ShardPosition } from './shard.ts';

export interface Recovered {
  readonly actors: Actors;
  readonly position: ShardPosition;
  /** Sent before the stop, perhaps never taken in: to be sent again, in order. */
  readonly undelivered: readonly Message[];
  /** Facts after the checkpoint that move ranks, in order. */
  readonly moves: readonly RankMove[];
}

export interface RankMove {
  readonly partition: number;
  readonly sequence: number;
  readonly fact: Fact;
}

export function recover(store: Store, partitions: readonly number[], onPoint: (name: string) => void): Recovered {
  const mark = store.rows.checkpoint();
  const sequences = Array.from({ length: PARTITION_COUNT }, (_, partition) => mark.partitions[partition] ?? 0);
  const actors = new Actors(store.rows, LIMITS.awakeCountMax);
  const moves: RankMove[] = [];
  let lastMs = 0;
  for (const turn of store.journal.read(mark.sequence + 1)) {
    onPoint('recovery-record');
    foldTurn((sequence) => actors.target(sequence), turn);
    for (const { partition, sequence, facts } of turn.sections) {
      sequences[partition] = sequence;
      for (const fact of facts) if (movesRanks(fact)) moves.push({ partition, sequence, fact });
    }
    lastMs = turn.nowMs;
  }
  const undelivered: Message[] = [];
  for (const partition of partitions) {
    lastMs = Math.max(lastMs, actors.flushed.get('partition', partition, '', '')?.lastMs ?? 0);
    for (const [, { messages }] of actors.flushed.list('outbox', partition, '', '')) undelivered.push(...messages);
  }
  return { actors, position: { sequences, lastMs }, undelivered, moves };
}
