/**
 * Makes the rows of a data folder anew from archive and journal, where the rows are damaged (fault 12). The new ones grow
 * beside the old ones, which stay until the whole folder was verified; who is interrupted goes on where it was.
 *
 *   rows/                                 damaged
 *   rows/        rows-new/                being made, with checkpoints
 *   rows-aside/  rows-new/                whole; copies of rankings are gone
 *   rows-aside/  rows/                    to be verified
 *                rows/                    done
 */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StorageFault } from '../../engine/ports.ts';
import { rebuildRows, TakenIn } from '../../engine/shard/rebuild.ts';
import { type Inspection, type VerifyOptions, verifyFolder } from '../inspect.ts';
import { pastTurns } from '../past-turns.ts';
import { syncFolder } from './files.ts';
import { type Folder, openFolder, placeOf } from './folder.ts';
import { type StorePaths, storePaths } from './layout.ts';
import { type FileStore, openFileStore, openPastStores } from './persistence.ts';

export interface RebuildFolderOptions extends VerifyOptions {
  /** Changed rows after which they are written. */
  readonly rowCount?: number;
  /** For tests that kill the process at a named point. */
  readonly onPoint?: (name: string) => void;
}

/**
 * @returns what verifying found; where it differs the old rows stay aside
 * @throws StorageFault FOLDER_MISSING, FOLDER_IN_USE; JOURNAL_DAMAGED, ARCHIVE_DAMAGED: only a backup helps then
 */
export async function rebuildFolder(path: string, options: RebuildFolderOptions = {}): Promise<Inspection> {
  if (!existsSync(path)) throw new StorageFault('FOLDER_MISSING', `there is no data folder ${path}`);
  const folder = openFolder(path, undefined);
  const stores = Array.from({ length: folder.manifest.shardCount }, (_, index) => rebuiltPaths(folder, index));
  try {
    // Where old rows are aside already, the new ones were whole.
    if (!stores.every(({ aside }) => existsSync(aside))) await makeAll(folder, stores, options);
    removeRankings(join(path, 'rankings'));
    for (const store of stores) takeOver(store);
  } finally {
    folder.unlock();
  }
  const inspection = await verifyFolder(path, options);
  if (inspection.ok) for (const { aside } of stores) rmSync(aside, { recursive: true, force: true });
  return inspection;
}

/** They fit the old rows only; the next start makes them from wallets. */
function removeRankings(path: string): void {
  for (const name of readdirSync(path)) rmSync(join(path, name));
  syncFolder(path);
}

interface RebuiltPaths extends StorePaths {
  readonly fresh: string;
  readonly aside: string;
}

function rebuiltPaths({ path, manifest }: Folder, index: number): RebuiltPaths {
  const paths = storePaths(path, placeOf(manifest, index));
  return { ...paths, fresh: `${paths.rows}-new`, aside: `${paths.rows}-aside` };
}

async function makeAll(
  folder: Folder,
  stores: readonly RebuiltPaths[],
  { rowCount, onPoint = () => {} }: RebuildFolderOptions,
): Promise<void> {
  const opened: FileStore[] = [];
  const past = openPastStores(folder);
  try {
    const takenIn = new TakenIn();
    for (const { journal } of past) takenIn.addAll(journal);
    for (const [index, { fresh, ...paths }] of stores.entries()) {
      const store = await openFileStore(folder, index, onPoint, { ...paths, rows: fresh });
      opened.push(store);
      if (stores.length > 1 || past.length > 0) takenIn.addAll(store.journal);
    }
    for (const [index, store] of opened.entries()) {
      const before = pastTurns(past, (partition) => partition % stores.length === index);
      await rebuildRows({ store, past: before, rowCount, isTaken: (message) => takenIn.has(message) });
    }
  } finally {
    for (const store of [...opened, ...past]) await store.close();
  }
}

/** Done as often as it takes: each step is seen by who comes after it. */
function takeOver({ rows, fresh, aside }: RebuiltPaths): void {
  if (!existsSync(fresh)) return;
  // An engine that was started in between has made its own, from the same journal.
  if (existsSync(aside)) rmSync(rows, { recursive: true, force: true });
  else renameSync(rows, aside);
  syncFolder(dirname(rows));
  renameSync(fresh, rows);
  syncFolder(dirname(rows));
}
