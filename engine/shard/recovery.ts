/**
 * From disk to a state that can go on: the newest checkpoint's rows, and the rest of the journal folded over them.
 * Nothing is judged again (promise 3); a row that is ahead of a fact skips it, so recovery may die and begin anew.
 */
import { PARTITION_COUNT } from '../contract.ts';
import type { Fact, Message } from '../facts.ts';
import type { RowTable, RowTypes, Store } from '../ports.ts';
import { FlushedState } from './flushed-state.ts';
import type { FoldTarget } from './fold.ts';
import { foldTurn } from './fold.ts';
import { diskEntity, Overlay, partitionEntity } from './layers.ts';
import { movesRanks } from './rankings.ts';
import type { ShardPosition } from './shard.ts';

export interface Recovered {
  readonly state: FlushedState;
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
  const overlay = new Overlay();
  const moves: RankMove[] = [];
  let lastMs = 0;
  for (const turn of store.journal.read(mark.sequence + 1)) {
    onPoint('recovery-record');
    foldTurn((_partition, sequence) => new RecoveryTarget(store, overlay, sequence), turn);
    for (const { partition, sequence, facts } of turn.sections) {
      sequences[partition] = sequence;
      for (const fact of facts) if (movesRanks(fact)) moves.push({ partition, sequence, fact });
    }
    lastMs = turn.nowMs;
  }
  const state = new FlushedState(store.rows, overlay);
  const undelivered: Message[] = [];
  for (const partition of partitions) {
    const entity = partitionEntity(partition);
    lastMs = Math.max(lastMs, state.view.get('partition', partition, entity, '')?.lastMs ?? 0);
    for (const [, { messages }] of state.view.list('outbox', partition, entity, '')) undelivered.push(...messages);
  }
  return { state, position: { sequences, lastMs }, undelivered, moves };
}

/** Folds into the overlay what the rows on disk do not hold yet. */
class RecoveryTarget implements FoldTarget {
  readonly #store: Store;
  readonly #overlay: Overlay;
  readonly #sequence: number;

  constructor(store: Store, overlay: Overlay, sequence: number) {
    this.#store = store;
    this.#overlay = overlay;
    this.#sequence = sequence;
  }

  change<T extends RowTable>(
    table: T,
    partition: number,
    entity: string,
    sub: string,
    update: (value: RowTypes[T] | undefined) => RowTypes[T] | null,
  ): void {
    const sequence = this.#sequence;
    const folded = this.#overlay.get(table, entity, sub);
    if (folded !== undefined) {
      this.#overlay.set(table, entity, sub, { sequence, value: update(folded.value ?? undefined) });
      return;
    }
    // Written once and never changed: writing them again is harmless, reading them first is half of a recovery.
    if (table === 'payment' || table === 'command') {
      this.#overlay.set(table, entity, sub, { sequence, value: update(undefined) });
      return;
    }
    const stored = this.#store.rows.get(table, partition, diskEntity(table, entity), sub);
    if (stored !== undefined && stored.sequence >= sequence) return;
    this.#overlay.set(table, entity, sub, { sequence, value: update(stored?.value) });
  }
}
