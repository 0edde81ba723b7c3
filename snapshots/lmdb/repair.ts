/**
 * Makes damaged rows of a data folder anew from archive and journal, where they lie (faults 12, 72): those alone, so that
 * an engine that met one serves again without an operator. Whoever meets one leaves a mark, and the next start reads all
 * rows: damage seldom comes alone.
 */
import { existsSync, rmSync } from 'node:fs';
import type { RowAddress } from '../../engine/ports.ts';
import { repairRows, TakenIn } from '../../engine/shard/rebuild.ts';
import { pastTurns } from '../past-turns.ts';
import { damagePath } from './damage-mark.ts';
import { type Folder, placeOf } from './folder.ts';
import { storePaths } from './layout.ts';
import { type FileStore, openFileStore, openPastStores } from './persistence.ts';

/**
 * To be called once a start, before the stores are opened.
 *
 * @returns addresses of the rows that were made anew
 * @throws StorageFault ROW_DAMAGED where that is not enough: `rebuildFolder` makes all of them; JOURNAL_DAMAGED,
 *   ARCHIVE_DAMAGED: only a backup helps
 */
export async function repairFolder(folder: Folder): Promise<readonly RowAddress[]> {
  const indices = Array.from({ length: folder.manifest.shardCount }, (_, index) => index);
  const marks = indices.map((index) => damagePath(storePaths(folder.path, placeOf(folder.manifest, index)).folder));
  if (!marks.some((mark) => existsSync(mark))) return [];
  const past = openPastStores(folder);
  const stores: FileStore[] = [];
  try {
    for (const index of indices) stores.push(await openFileStore(folder, index, () => {}));
    const damaged = stores.map(({ rows }, index) => (existsSync(marks[index]!) ? rows.damagedRows() : []));
    const takenIn = new TakenIn();
    if (damaged.flat().some(({ table }) => table === 'outbox')) {
      for (const { journal } of [...past, ...stores]) takenIn.addAll(journal);
    }
    for (const [index, store] of stores.entries()) {
      const addresses = damaged[index]!;
      if (addresses.length === 0) continue;
      const before = pastTurns(past, (partition) => partition % stores.length === index);
      await repairRows({ store, past: before, addresses, isTaken: (message) => takenIn.has(message) });
    }
    for (const mark of marks) rmSync(mark, { force: true });
    return damaged.flat();
  } finally {
    for (const store of [...stores, ...past]) await store.close();
  }
}
