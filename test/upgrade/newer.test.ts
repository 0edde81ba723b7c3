// Method: in each thing that carries a version of its own the number is raised, with checksums that fit. Whoever reads it
// must say that it is newer, not that it is damaged, and leave it as it is.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { ByteWriter } from '../../snapshots/codec/bytes.ts';
import { FORMAT, FORMAT_OLDEST } from '../../snapshots/codec/formats.ts';
import { MemoryDisk, openMemoryPersistence, openPersistence } from '../../snapshots/index.ts';
import { openRow, rowKey, sealRow } from '../../snapshots/row-format.ts';
import { hpan } from '../support/world.ts';
import { readFixture, unpack } from './fixture.ts';

const NEWER = expect.objectContaining({ code: 'FORMAT_NEWER' });

test('fault 74: a row of a newer format is told from a damaged one, and so is one that is too old', () => {
  // Of a table that no format has changed.
  const key = rowKey('reversal', 1, '', 'pending');
  const address = { table: 'reversal', partition: 1, entity: '', sub: 'pending' } as const;
  const value = { hpan: hpan(1), place: 2, atMs: 3 };
  const bytes = Buffer.from(sealRow(new ByteWriter(), key, { address, sequence: 1, value }));
  const opened = (format: number) => {
    bytes[0] = format;
    bytes.writeUInt32LE(crc32(bytes.subarray(5), crc32(bytes.subarray(0, 1), crc32(key))), 1);
    return openRow('reversal', key, bytes).value;
  };
  for (let format = FORMAT_OLDEST; format <= FORMAT; format += 1) expect(opened(format)).toEqual(value);
  expect(() => opened(FORMAT + 1)).toThrow(NEWER);
  expect(() => opened(FORMAT_OLDEST - 1)).toThrow(expect.objectContaining({ code: 'FORMAT_OLDER' }));
});

test('fault 74: a key or a seal of a newer version is told from an erased one', async () => {
  const disk = new MemoryDisk();
  const first = await openMemoryPersistence({ disk });
  const { vault } = first.stores[0]!;
  const slots = [vault.newSlot(), vault.newSlot()];
  const [sealed, erased] = slots.map((slot) => vault.seal(slot, 'text'));
  await vault.flush();
  await first.eraseKey(0, slots[1]!);
  expect(() =>
    vault.open(
      slots[0]!,
      Uint8Array.from(sealed!, (byte, at) => (at === 0 ? 9 : byte)),
    ),
  ).toThrow(NEWER);
  disk.folder!.stores[0]!.slots[0]![0] = 9;
  const [again] = (await openMemoryPersistence({ disk })).stores;
  expect(() => again!.vault.open(slots[0]!, sealed!)).toThrow(NEWER);
  expect(() => again!.vault.open(slots[1]!, erased!)).toThrow(expect.objectContaining({ code: 'SEAL_BROKEN' }));
});

test('fault 74: a segment of a newer version is told from a damaged one, and stays as it is', async () => {
  const { folder, remove } = unpack(readFixture(1));
  try {
    const archive = join(folder, 'store-0', 'archive');
    const path = join(archive, readdirSync(archive).sort()[0]!);
    const bytes = readFileSync(path);
    bytes.writeUInt16LE(9, 4);
    const hash = createHash('sha256').update(bytes.subarray(0, -32)).digest();
    hash.copy(bytes, bytes.length - 32);
    writeFileSync(path, bytes);
    const persistence = await openPersistence({ folder });
    expect(() => [...persistence.stores[0]!.journal.read(1)]).toThrow(NEWER);
    await persistence.close();
    expect(readFileSync(path)).toEqual(bytes);
  } finally {
    remove();
  }
});
