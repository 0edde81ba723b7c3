/** Copies of a disk in memory, to see what its journal alone gives, and what its rows hold byte for byte. */
import { expect } from 'vitest';
import { MemoryDisk } from '../../snapshots/index.ts';
import { openOnDisk, turnsTaken } from './shards.ts';
import type { World } from './world.ts';

/** Everything that was flushed; without its rows, recovery has to fold the whole journal. */
export function copyOf(disk: MemoryDisk, { withRows }: { readonly withRows: boolean }): MemoryDisk {
  const { folder } = disk;
  if (folder === null) throw new Error('nothing was ever written');
  const copy = new MemoryDisk();
  copy.folder = {
    ...folder,
    rankings: new Map(folder.rankings),
    stores: folder.stores.map((files) => ({
      ...files,
      records: [...files.records],
      slots: [...files.slots],
      rows: withRows ? new Map(files.rows) : new Map<string, Buffer>(),
    })),
  };
  return copy;
}

/** Each store's rows by key, as hexadecimal text. */
export function rowsOf(disk: MemoryDisk): readonly (readonly string[])[] {
  const stores = disk.folder?.stores ?? [];
  return stores.map(({ rows }) =>
    [...rows].map(([key, value]) => `${Buffer.from(key, 'latin1').toString('hex')} ${value.toString('hex')}`).sort(),
  );
}

/**
 * Closes the world, and expects the rows that it leaves to equal those that its journal alone gives, byte for byte
 * (promises 3 and 4). Returns the disk, for whoever goes on.
 */
export async function expectJournalToGiveTheSame(world: World, disk: MemoryDisk): Promise<void> {
  await turnsTaken();
  const fromJournal = copyOf(disk, { withRows: false });
  await world.engine.close();
  const { world: replayed } = await openOnDisk({ disk: fromJournal, now: new Date(world.nowMs).toISOString() });
  await replayed.engine.close();
  expect(rowsOf(fromJournal)).toEqual(rowsOf(disk));
  expect([...world.faults, ...replayed.faults]).toEqual([]);
}
