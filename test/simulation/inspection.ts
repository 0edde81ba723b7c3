/** What is looked at when the world has ended: the folder that it leaves. */
import { openEngine } from '../../engine/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import type { MemoryFolder } from '../../snapshots/memory/disk.ts';
import { openMemoryPersistence } from '../../snapshots/memory/persistence.ts';
import { copyOf, rowsOf, wholeCopyOf } from '../support/copies.ts';
import { expectThat, Violation } from './fault.ts';

export interface InspectionOptions {
  /** Its rows are as new as its journal. */
  readonly isClosed: boolean;
  readonly nowMs: number;
  /** Replays over half of the rows, not over none. */
  readonly isHalf: boolean;
}

/**
 * The independent account of `clickday verify` finds nothing wrong (I3, I4), and rows are, byte for byte, what the journal
 * alone gives, or gives over a checkpoint that died half-way (promises 3 and 4).
 */
export async function inspectFolder(folder: MemoryFolder, options: InspectionOptions): Promise<void> {
  const disk = wholeCopyOf(folder);
  // After a death they may be damaged: a start finds that out, and a close writes them anew.
  if (!options.isClosed) disk.folder!.rankings.clear();
  const persistence = await openMemoryPersistence({ disk });
  const { differences } = await verifyPersistence(persistence);
  expectThat(differences.length === 0, 'journal', () => `verify: ${differences.slice(0, 3).join('; ')}`);
  if (options.isClosed) await replay(folder, options);
}

async function replay(folder: MemoryFolder, { nowMs, isHalf }: InspectionOptions): Promise<void> {
  const disk = copyOf(folder, (place) => isHalf && place % 2 === 0);
  const persistence = await openMemoryPersistence({ disk });
  const engine = await openEngine({
    stores: persistence.stores,
    rankingCopies: persistence,
    clock: { nowMs: () => nowMs },
    schedule: setImmediate,
    failed: (error) => {
      throw new Violation('replayed', `a replay breaks: ${String(error)}`);
    },
  });
  await engine.close();
  const live = rowsOf(folder).map(withoutOutboxes);
  const replayed = rowsOf(disk.folder!).map(withoutOutboxes);
  for (const [store, rows] of live.entries()) {
    const other = replayed[store]!;
    const at = rows.findIndex((row, index) => row !== other[index]);
    const isSame = at === -1 && rows.length === other.length;
    expectThat(isSame, 'replayed', () => {
      return `store ${store} has ${rows.length} rows, replayed ${other.length}; the first that differs is ${rows[at]?.slice(0, 80)}`;
    });
  }
}

/** What was acknowledged last may stand there until the next turn: it is sent again, and known to be taken in. */
function withoutOutboxes(rows: readonly string[]): readonly string[] {
  return rows.filter((row) => row.slice(2, 4) !== OUTBOX);
}

/** In the second byte of a key, see snapshots/row-format.ts. */
const OUTBOX = '07';
