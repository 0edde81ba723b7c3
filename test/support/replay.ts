/** Copies of a disk in memory, to see what its journal alone gives, and what its rows hold byte for byte. */
import { expect } from 'vitest';
import { MemoryDisk } from '../../snapshots/index.ts';
import { openOnDisk, turnsTaken } from './shards.ts';
import type { World } from './world.ts';

/** Which rows of a store a copy keeps, by their place in the order of keys. */
type Keep = (place: number) => boolean;

/** Everything that was flushed but rows; without the mark of its checkpoint, recovery has to fold the whole journal. */
export function copyOf(disk: MemoryDisk, keep: Keep): MemoryDisk {
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
      rows: new Map([...files.rows].filter(([key], place) => key !== CHECKPOINT_MARK && keep(place))),
    })),
  };
  return copy;
}

/** The key under which snapshots/rows.ts keeps it. */
const CHECKPOINT_MARK = '\xff\xff';

/** Each store's rows by key, as hexadecimal text; not the mark, which says where copies of rankings stand, too. */
export function rowsOf(disk: MemoryDisk): readonly (readonly string[])[] {
  const stores = disk.folder?.stores ?? [];
  return stores.map(({ rows }) =>
    [...rows]
      .filter(([key]) => key !== CHECKPOINT_MARK)
      .map(([key, value]) => `${Buffer.from(key, 'latin1').toString('hex')} ${value.toString('hex')}`)
      .sort(),
  );
}

/**
 * Closes the world, and expects the rows that it leaves to equal, byte for byte, those that its journal alone gives
 * (promises 3 and 4), and those that it gives over a checkpoint that died half-way (fault 4).
 */
export async function expectJournalToGiveTheSame(world: World, disk: MemoryDisk): Promise<void> {
  await settled(world, disk);
  const journalAlone = copyOf(disk, () => false);
  await world.engine.close();
  const halfWay = copyOf(disk, (place) => place % 2 === 0);
  expect(world.faults).toEqual([]);
  for (const copy of [journalAlone, halfWay]) {
    const { world: replayed } = await openOnDisk({ disk: copy, now: new Date(world.nowMs).toISOString() });
    await replayed.engine.close();
    expect(rowsOf(copy)).toEqual(rowsOf(disk));
    expect(replayed.faults).toEqual([]);
  }
}

/** Whoever opens a copy does what time has made due meanwhile: the world itself must have done it, too. */
async function settled(world: World, disk: MemoryDisk): Promise<void> {
  const recordCount = () => disk.folder?.stores.reduce((sum, { records }) => sum + records.length, 0);
  world.engine.tick();
  for (let before: number | undefined; before !== recordCount(); ) {
    before = recordCount();
    await turnsTaken();
  }
}
