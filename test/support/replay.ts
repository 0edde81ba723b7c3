/** Copies of a disk in memory, to see what its journal alone gives, and what its rows hold byte for byte. */
import { expect } from 'vitest';
import type { MemoryDisk } from '../../snapshots/index.ts';
import { copyOf, rowsOf } from './copies.ts';
import { openOnDisk, turnsTaken } from './shards.ts';
import type { World } from './world.ts';

/**
 * Closes the world, and expects the rows that it leaves to equal, byte for byte, those that its journal alone gives
 * (promises 3 and 4), and those that it gives over a checkpoint that died half-way (fault 4).
 */
export async function expectJournalToGiveTheSame(world: World, disk: MemoryDisk): Promise<void> {
  await settled(world, disk);
  const journalAlone = copyOf(disk.folder!, () => false);
  await world.engine.close();
  const halfWay = copyOf(disk.folder!, (place) => place % 2 === 0);
  expect(world.faults).toEqual([]);
  for (const copy of [journalAlone, halfWay]) {
    const { world: replayed } = await openOnDisk({ disk: copy, now: new Date(world.nowMs).toISOString() });
    await replayed.engine.close();
    expect(rowsOf(copy.folder!)).toEqual(rowsOf(disk.folder!));
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
