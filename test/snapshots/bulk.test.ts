// Method: keys of all lengths, many of them alike in their first bytes, are spilled in no order and must come back as a
// plain sort has them; rows that were appended in bulk are read through the usual rows; and a folder that nobody finished
// must be refused by who opens it as a server does.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RowChange } from '../../engine/ports.ts';
import { openBulkFolder } from '../../snapshots/bulk/bulk-folder.ts';
import { BulkRows } from '../../snapshots/bulk/bulk-rows.ts';
import { inKeyOrder, SPILL_HEADER_BYTES } from '../../snapshots/bulk/key-order.ts';
import { openPersistence } from '../../snapshots/index.ts';
import { ROW_TABLES } from '../../snapshots/row-format.ts';
import { Random, seed } from '../support/random.ts';
import { Samples } from '../support/samples.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickday-bulk-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function spilled(entries: readonly (readonly [key: Buffer, value: Buffer])[]): Buffer {
  return Buffer.concat(
    entries.flatMap(([key, value]) => {
      const header = Buffer.alloc(SPILL_HEADER_BYTES);
      header.writeUInt16LE(key.length, 0);
      header.writeUInt32LE(value.length, 2);
      return [header, key, value];
    }),
  );
}

test('spilled rows come in the order of their keys', () => {
  const random = new Random(seed);
  const bytesOf = (count: number) =>
    Buffer.from(Array.from({ length: count }, () => random.pick([0, 1, 127, 128, 255])));
  const keys = new Map<string, Buffer>();
  while (keys.size < 3_000) {
    const key = Buffer.concat([Buffer.of(7, 1), bytesOf(random.below(9))]);
    keys.set(key.toString('hex'), key);
  }
  const entries = random
    .shuffle([...keys.values()])
    .map((key) => [key, Buffer.from(`of ${key.toString('hex')}`)] as const);
  const sorted = [...inKeyOrder(spilled(entries), entries.length)];
  expect(
    sorted.map(({ key }) => key.toString('hex')),
    `seed=${seed}`,
  ).toEqual([...keys.keys()].sort());
  for (const { key, value } of sorted) expect(value.toString()).toBe(`of ${key.toString('hex')}`);
});

test('rows made in bulk are read as any others', async () => {
  const random = new Random(seed);
  const samples = new Samples(random);
  const rows = new Map<string, RowChange>();
  while (rows.size < 2_000) {
    const table = random.pick(ROW_TABLES);
    const sub = String(random.below(9));
    const address = { table, partition: random.below(64), entity: samples.hex(random.pick([0, 32, 64])), sub };
    rows.set(JSON.stringify(address), { address, sequence: random.below(99), value: samples.row(table) } as RowChange);
  }
  const bulk = await openBulkFolder(join(folder, 'data'), 1);
  const made = new BulkRows(bulk.stores[0]!.rowsPath);
  for (const change of rows.values()) made.add(change);
  let placed = 0;
  const mark = { sequence: 1, partitions: new Array<number>(64).fill(1), ranked: { sequence: 1, copies: [] } };
  await made.finish(mark, (count) => {
    placed += count;
  });
  await bulk.stores[0]!.journal.append({ nowMs: 1, sections: [] });
  await bulk.finish();
  await bulk.close();
  expect(placed).toBe(rows.size);

  const persistence = await openPersistence({ folder: join(folder, 'data') });
  try {
    const [store] = persistence.stores;
    expect(store!.rows.checkpoint()).toEqual(mark);
    for (const { address, sequence, value } of rows.values()) {
      const { table, partition, entity, sub } = address;
      expect(store!.rows.get(table, partition, entity, sub), `seed=${seed}`).toEqual({ sequence, value });
    }
    persistence.scrub();
  } finally {
    await persistence.close();
  }
});

describe('a folder made in bulk', () => {
  test('is refused until it is finished', async () => {
    const path = join(folder, 'data');
    const bulk = await openBulkFolder(path, 1);
    await bulk.stores[0]!.journal.append({ nowMs: 1, sections: [] });
    await expect(openPersistence({ folder: path })).rejects.toMatchObject({ code: 'FOLDER_IN_USE' });
    await bulk.close();
    await expect(openPersistence({ folder: path })).rejects.toMatchObject({ code: 'MANIFEST_MISSING' });
  });

  test('is made only where there is nothing', async () => {
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    await expect(openBulkFolder(folder, 1)).rejects.toMatchObject({ code: 'FOLDER_NOT_EMPTY' });
    rmSync(join(folder, 'notes.txt'));
    const bulk = await openBulkFolder(folder, 1);
    await bulk.close();
  });

  test('keeps all records but the newest in the archive, chained', async () => {
    const path = join(folder, 'data');
    const bulk = await openBulkFolder(path, 2);
    const samples = new Samples(new Random(seed));
    const bodies = Array.from({ length: 40 }, (_, index) => {
      const { nowMs, sections } = samples.turn(1, index + 1);
      return { nowMs, sections };
    });
    for (const { journal } of bulk.stores) for (const body of bodies) await journal.append(body);
    for (const { rowsPath } of bulk.stores) {
      const rows = new BulkRows(rowsPath);
      const mark = { sequence: 40, partitions: new Array<number>(64).fill(0), ranked: { sequence: 40, copies: [] } };
      await rows.finish(mark, () => {});
    }
    await bulk.finish();
    await bulk.close();
    const persistence = await openPersistence({ folder: path });
    try {
      for (const { journal } of persistence.stores) {
        const read = [...journal.read(1)].map(({ nowMs, sections }) => ({ nowMs, sections }));
        expect(read, `seed=${seed}`).toEqual(bodies);
        expect(journal.epoch).toBe(2);
      }
    } finally {
      await persistence.close();
    }
  });
});
