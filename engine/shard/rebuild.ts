/**
 * Rows out of a journal, alone or on top of older rows: what a restored folder begins with, and what takes the place of
 * damaged rows. It is recovery from the very first record, or from where the older rows stand, written down each time that enough has changed, so that memory holds as much
 * whatever the length of the journal.
 */
import { PARTITION_COUNT } from '../contract.ts';
import type { Message, TurnRecord } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import type { Journal, Store } from '../ports.ts';
import { Actors } from './actors.ts';
import { foldTurn } from './fold.ts';

export interface RebuildOptions {
  /** Its rows are empty, or as a running engine or an earlier call that died has left them: it goes on from their checkpoint. */
  readonly store: Pick<Store, 'journal' | 'rows'>;
  /** Whether the receiver has a message: acknowledgements are not journaled. */
  readonly isTaken: (message: Message) => boolean;
  /** Changed rows that are written down at a time; default LIMITS.rebuildRowCount. */
  readonly rowCount?: number | undefined;
  readonly onPoint?: (() => void) | undefined;
}

/**
 * Resolves when all of the journal is in the rows. Rankings are left to be built: the mark says that no copy of one is
 * needed. Throws StorageFault where the journal is damaged.
 */
export async function rebuildRows(options: RebuildOptions): Promise<void> {
  const { store, isTaken, rowCount = LIMITS.rebuildRowCount, onPoint = () => {} } = options;
  const { journal, rows } = store;
  const before = rows.checkpoint();
  const partitions = Array.from({ length: PARTITION_COUNT }, (_, partition) => before.partitions[partition] ?? 0);
  const actors = new Actors(rows, LIMITS.awakeCountMax);
  const write = async (sequence: number) => {
    for (const batch of actors.freeze().batches(LIMITS.rebuildBatchRows)) {
      await rows.write(batch);
      onPoint();
    }
    await rows.setCheckpoint({ sequence, partitions: [...partitions], ranked: { sequence, copies: [] } });
    actors.release();
  };
  forgetTaken(actors, isTaken);
  for (const turn of journal.read(before.sequence + 1)) {
    foldTurn((sequence) => actors.target(sequence), withoutTaken(turn, isTaken));
    for (const { partition, sequence } of turn.sections) partitions[partition] = sequence;
    if (actors.dirtyCount >= rowCount) await write(turn.sequence);
  }
  await write(journal.lastSequence);
}

/** In the rows of an engine a message waits until it hears that its receiver has it. */
function forgetTaken(actors: Actors, isTaken: RebuildOptions['isTaken']): void {
  for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
    for (const [, { messages }] of actors.flushed.list('outbox', partition, '', '')) {
      const taken = messages.filter(isTaken).at(-1);
      if (taken !== undefined) actors.acknowledge(taken);
    }
  }
}

/** A message that its receiver has waits in no outbox: it is told as one that was taken in at once. */
function withoutTaken(turn: TurnRecord, isTaken: RebuildOptions['isTaken']): TurnRecord {
  const sections = turn.sections.map((section) => {
    const open = section.sent.filter((message) => !isTaken(message));
    if (open.length === section.sent.length) return section;
    const taken = section.sent.filter(isTaken).map(({ to, sequence }) => [to, sequence] as const);
    return { ...section, sent: open, within: [...section.within, ...taken] };
  });
  return { ...turn, sections };
}

/** Highest message sequence that each partition has on disk from each other one, by the journals of all stores. */
export class TakenIn {
  readonly #sequences = new Float64Array(PARTITION_COUNT * PARTITION_COUNT);

  addAll(journal: Journal): void {
    for (const { sections } of journal.read(1)) {
      for (const { partition, received } of sections) {
        for (const [from, sequence] of received) this.#sequences[from * PARTITION_COUNT + partition] = sequence;
      }
    }
  }

  has({ from, to, sequence }: Message): boolean {
    return sequence <= (this.#sequences[from * PARTITION_COUNT + to] ?? 0);
  }
}
