/**
 * From disk to a state that can go on: the newest checkpoint's rows, and the rest of the journal folded over them.
 * Nothing is judged again (promise 3); a row that is ahead of a fact skips it, so recovery may die and begin anew.
 */
import { PARTITION_COUNT } from '../contract.ts';
import type { Message, TurnRecord } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import { type CheckpointMark, StorageFault, type Store } from '../ports.ts';
import { Actors } from './actors.ts';
import { foldTurn } from './fold.ts';
import type { RecoveredMove } from './parts.ts';
import { movesOf } from './rankings.ts';
import type { ShardPosition } from './shard.ts';

export interface Recovered {
  readonly actors: Actors;
  readonly position: ShardPosition;
  /** Sent before the stop, perhaps never taken in: to be sent again, in order. */
  readonly undelivered: readonly Message[];
  readonly mark: CheckpointMark;
  /** After those that the mark says are in copies, in order; null = the archive is damaged there. */
  readonly moves: RecoveredMove[] | null;
}

export function recover(store: Store, partitions: readonly number[], onPoint: (name: string) => void): Recovered {
  const mark = store.rows.checkpoint();
  const sequences = Array.from({ length: PARTITION_COUNT }, (_, partition) => mark.partitions[partition] ?? 0);
  const actors = new Actors(store.rows, LIMITS.awakeCountMax);
  const moves = movesBefore(store, mark);
  let lastMs = 0;
  for (const turn of store.journal.read(mark.sequence + 1)) {
    onPoint('recovery-record');
    foldTurn((sequence) => actors.target(sequence), turn);
    for (const { partition, sequence } of turn.sections) sequences[partition] = sequence;
    if (moves !== null) addMoves(moves, turn);
    lastMs = turn.nowMs;
  }
  const undelivered: Message[] = [];
  for (const partition of partitions) {
    lastMs = Math.max(lastMs, actors.flushed.get('partition', partition, '', '')?.lastMs ?? 0);
    for (const [, { messages }] of actors.flushed.list('outbox', partition, '', '')) undelivered.push(...messages);
  }
  return { actors, position: { sequences, lastMs }, undelivered, mark, moves };
}

/** What rows have already and rankings may not: copies of rankings are older than the checkpoint. */
function movesBefore({ journal }: Store, { sequence, ranked }: CheckpointMark): RecoveredMove[] | null {
  const moves: RecoveredMove[] = [];
  if (ranked.sequence >= sequence) return moves;
  try {
    for (const turn of journal.read(ranked.sequence + 1)) {
      if (turn.sequence > sequence) break;
      addMoves(moves, turn);
    }
  } catch (fault) {
    if (fault instanceof StorageFault) return null;
    throw fault;
  }
  return moves;
}

function addMoves(moves: RecoveredMove[], { sections }: TurnRecord): void {
  for (const { partition, sequence, facts } of sections) {
    for (const fact of facts) {
      for (const move of movesOf(fact)) moves.push({ ...move, partition, sequence });
    }
  }
}
