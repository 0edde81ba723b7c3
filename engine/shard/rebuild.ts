/** Rows anew, from a journal alone: recovery from its very first record, with checkpoints on the way. */
import { PARTITION_COUNT } from '../contract.ts';
import type { TurnRecord } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import type { Journal, Store } from '../ports.ts';
import { Actors } from './actors.ts';
import { foldTurn } from './fold.ts';

/** Highest message sequence that each partition has on disk from each other one, by sender and receiver. */
export class TakenIn {
  readonly #sequences = new Float64Array(PARTITION_COUNT * PARTITION_COUNT);

  /** What a store's journal says that its partitions took in. */
  addAll(journal: Journal): void {
    for (const { sections } of journal.read(1)) {
      for (const { partition, received } of sections) {
        for (const [from, sequence] of received) this.#sequences[from * PARTITION_COUNT + partition] = sequence;
      }
    }
  }

  last(from: number, to: number): number {
    return this.#sequences[from * PARTITION_COUNT + to] ?? 0;
  }
}

export interface RebuildOptions {
  /** Its rows are empty, or as an earlier call that died has left them: it goes on from their checkpoint. */
  readonly store: Pick<Store, 'journal' | 'rows'>;
  /** Acknowledgements are in no journal: what every store has taken in. */
  readonly takenIn: TakenIn;
  /** Changed rows after which they are written: bounds the memory. */
  readonly rowCount?: number;
}

/** Resolves when all of the journal is in the rows. Throws StorageFault where the journal is damaged. */
export async function rebuildRows({
  store: { journal, rows },
  takenIn,
  rowCount = LIMITS.checkpointRowCount,
}: RebuildOptions): Promise<void> {
  const before = rows.checkpoint();
  const sequences = Array.from({ length: PARTITION_COUNT }, (_, partition) => before.partitions[partition] ?? 0);
  const actors = new Actors(rows, LIMITS.awakeCountMax);
  const write = async (sequence: number) => {
    for (const batch of actors.freeze().batches(LIMITS.checkpointBatchRows)) await rows.write(batch);
    // Copies of rankings know nothing of these rows: there must be none, and the next start builds them from wallets.
    await rows.setCheckpoint({ sequence, partitions: sequences, ranked: { sequence, copies: [] } });
    actors.release();
  };
  for (const turn of journal.read(before.sequence + 1)) {
    foldTurn((sequence) => actors.target(sequence), turn);
    for (const { partition, sequence } of turn.sections) sequences[partition] = sequence;
    acknowledge(actors, turn, takenIn);
    if (actors.dirtyCount >= rowCount) await write(turn.sequence);
  }
  await write(journal.lastSequence);
}

function acknowledge(actors: Actors, { sections }: TurnRecord, takenIn: TakenIn): void {
  for (const { sent } of sections) {
    for (const message of sent) {
      const sequence = takenIn.last(message.from, message.to);
      if (message.sequence <= sequence) actors.acknowledge({ ...message, sequence });
    }
  }
}
