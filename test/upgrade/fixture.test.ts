// Method: today's program writes a folder with everything in it, leaves it in the middle, and tells what it answers
// when it goes on. `npm run fixture` keeps that folder for the programs of later formats.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openPersistence, verifyFolder } from '../../snapshots/index.ts';
import { World } from '../support/world.ts';
import { filesOf, unpack, writeFixture } from './fixture.ts';
import { answersOf, type History, NOW, writeHistory } from './history.ts';

test('a folder with everything in it can be written, and left in the middle', async () => {
  const place = mkdtempSync(join(tmpdir(), 'clickday-upgrade-'));
  try {
    const { left, history } = await writeHistory(join(place, 'data'));
    const files = filesOf(left);
    expect(history.commands.filter(({ reply }) => reply === null)).toHaveLength(1);
    expect(Object.keys(files).filter((name) => name.endsWith('.segment')).length).toBeGreaterThan(SEGMENTS_MIN);
    const answers = await goneOn(files, history);
    expect(answers).toEqual(await goneOn(files, history));
    if (process.env.FIXTURE_FORMAT === undefined) return;
    const bytes = writeFixture(Number(process.env.FIXTURE_FORMAT), { ...history, files, answers });
    console.info(`format ${process.env.FIXTURE_FORMAT}: ${bytes} bytes`);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});

/** One for each store and each stop in order, at least. */
const SEGMENTS_MIN = 3;

async function goneOn(files: ReturnType<typeof filesOf>, history: History): Promise<unknown> {
  const { folder, remove } = unpack({ files });
  try {
    const world = await World.open({ persistence: await openPersistence({ folder }), now: NOW });
    const answers = await answersOf(world.engine, history);
    await world.engine.close();
    await world.persistence.close();
    expect(world.faults).toEqual([]);
    expect((await verifyFolder(folder)).differences).toEqual([]);
    return answers;
  } finally {
    remove();
  }
}
