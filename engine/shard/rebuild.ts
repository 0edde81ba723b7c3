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
  /** What is of its partitions in journals of stores before this one; read only where the rows are empty. */
  readonly past?: Iterable<TurnRecord> | undefined;
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
  const { store, past = [], isTaken, rowCount = LIMITS.rebuildRowCount, onPoint = () => {} } = options;
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
  const fold = async (turn: TurnRecord, sequence: number) => {
    foldTurn((at) => actors.target(at), withoutTaken(turn, isTaken));
    for (const section of turn.sections) partitions[section.partition] = section.sequence;
    if (actors.dirtyCount >= rowCount) await write(sequence);
  };
  // Nothing of its own journal is in the rows meanwhile: who begins again begins with these.
  if (before.sequence === 0) for (const turn of past) await fold(turn, 0);
  for (const turn of journal.read(before.sequence + 1)) await fold(turn, turn.sequence);
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

  addAll(journal: Pick<Journal, 'read'>): void {
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
