// Method: today's program writes a folder with everything in it, leaves it in the middle, and tells what it answers
// when it goes on. `npm run fixture` keeps that folder for the programs of later formats.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PARTITION_COUNT } from '../../engine/contract.ts';
import { factKinds } from '../../snapshots/codec/turn-v3.ts';
import { openPersistence, verifyFolder } from '../../snapshots/index.ts';
import { ROW_TABLES } from '../../snapshots/row-format.ts';
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
    expect(await missingIn(files)).toEqual([]);
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

/** Only where a checkpoint, or somebody who leaves, comes in between a message and its answer; and one nobody writes yet. */
const RARE: readonly string[] = ['outbox', 'resolutionVoided', 'tieOrdered'];

/** Tables of rows, and kinds of facts, that do not occur: a format that is kept has to be read with all of them. */
async function missingIn(files: ReturnType<typeof filesOf>): Promise<readonly string[]> {
  const { folder, remove } = unpack({ files });
  const found = new Set<string>();
  try {
    const persistence = await openPersistence({ folder, keepsFormat: true });
    for (const { rows, journal } of persistence.stores) {
      for (const table of ROW_TABLES) {
        for (let partition = 0; partition < PARTITION_COUNT && !found.has(table); partition += 1) {
          if ([...rows.scan(table, partition)].length > 0) found.add(table);
        }
      }
      for (const { sections } of journal.read(1)) {
        for (const { facts } of sections) for (const { kind } of facts) found.add(kind);
      }
    }
    await persistence.close();
  } finally {
    remove();
  }
  return [...ROW_TABLES, ...Object.keys(factKinds)].filter((name) => !found.has(name) && !RARE.includes(name));
}

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
