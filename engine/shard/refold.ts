/**
 * Rows out of nothing but a journal: what a restored folder begins with. The fold of recovery, written down each time
 * that enough has changed, so that memory holds as much whatever the length of the journal.
 */
import { PARTITION_COUNT } from '../contract.ts';
import type { Message, TurnRecord } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import type { Store } from '../ports.ts';
import { Actors } from './actors.ts';
import { foldTurn } from './fold.ts';

export interface RefoldOptions {
  /** Whether the receiver has a message: acknowledgements are not journaled. */
  readonly isTaken: (message: Message) => boolean;
  /** Changed rows that are written down at a time; default LIMITS.refoldRowCount. */
  readonly rowCount?: number | undefined;
  readonly onPoint?: (() => void) | undefined;
}

/**
 * Folds a whole journal into rows that are empty, or have a part of it already. Rankings are left to be built: the mark
 * says that no copy of one is needed.
 */
export async function refold(store: Store, options: RefoldOptions): Promise<void> {
  const { isTaken, rowCount = LIMITS.refoldRowCount, onPoint = () => {} } = options;
  const actors = new Actors(store.rows, LIMITS.awakeCountMax);
  const partitions = new Array<number>(PARTITION_COUNT).fill(0);
  const write = async (sequence: number) => {
    for (const batch of actors.freeze().batches(LIMITS.refoldBatchRows)) {
      await store.rows.write(batch);
      onPoint();
    }
    await store.rows.setCheckpoint({ sequence, partitions: [...partitions], ranked: { sequence, copies: [] } });
    actors.release();
  };
  for (const turn of store.journal.read(1)) {
    foldTurn((sequence) => actors.target(sequence), withoutTaken(turn, isTaken));
    for (const { partition, sequence } of turn.sections) partitions[partition] = sequence;
    if (actors.dirtyCount >= rowCount) await write(turn.sequence);
  }
  await write(store.journal.lastSequence);
}

/** A message that its receiver has waits in no outbox: it is told as one that was taken in at once. */
function withoutTaken(turn: TurnRecord, isTaken: RefoldOptions['isTaken']): TurnRecord {
  const sections = turn.sections.map((section) => {
    const open = section.sent.filter((message) => !isTaken(message));
    if (open.length === section.sent.length) return section;
    const taken = section.sent.filter(isTaken).map(({ to, sequence }) => [to, sequence] as const);
    return { ...section, sent: open, within: [...section.within, ...taken] };
  });
  return { ...turn, sections };
}
