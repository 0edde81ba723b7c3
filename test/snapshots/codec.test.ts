// Method: values of every kind with awkward content go through their format and come back equal; then each format is
// cut short at every byte, and must refuse the rest.
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import type { TurnRecord } from '../../engine/facts.ts';
import type { RowAddress, RowChange } from '../../engine/ports.ts';
import { ByteReader, ByteWriter, MalformedBytes } from '../../snapshots/codec/bytes.ts';
import { FORMAT, FORMAT_OLDEST, formatOf } from '../../snapshots/codec/formats.ts';
import { checkChain, checkRecord, openRecord, sealRecord } from '../../snapshots/record.ts';
import {
  addressOf,
  after,
  openHead,
  openLine,
  openRow,
  ROW_TABLES,
  rowKey,
  sealRow,
} from '../../snapshots/row-format.ts';
import { Random, seed } from '../support/random.ts';
import { Samples } from '../support/samples.ts';

const writer = new ByteWriter(16);
const genesis = Buffer.alloc(32, 7);
const { turnBody } = formatOf(FORMAT)!;

function written(write: (to: ByteWriter) => void): Buffer {
  writer.reset();
  write(writer);
  return writer.copy();
}

function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'none';
}

test('integers of any size come back, and what is no integer is refused', () => {
  const edges = [
    0,
    1,
    63,
    64,
    127,
    128,
    2 ** 30 - 1,
    2 ** 30,
    2 ** 31,
    2 ** 32,
    2 ** 35,
    1_607_000_000_000,
    2 ** 52 - 1,
  ];
  for (const value of edges.flatMap((edge) => [edge, -edge, edge - 1, 1 - edge])) {
    const reader = new ByteReader(written((to) => to.integer(value)));
    expect(reader.integer()).toBe(value === 0 ? 0 : value);
    reader.finish();
  }
  for (const value of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 52, -(2 ** 52)]) {
    expect(() => written((to) => to.integer(value)), String(value)).toThrow('integer');
  }
});

test('texts come back unit by unit: hex, capitals, accents, emoji, lone surrogates', () => {
  const hex = 'deadbeef'.repeat(8);
  const texts = ['', 'a', hex, hex.toUpperCase(), `${hex}0`, hex.replace('b', 'g'), `${hex.slice(2)}\u0130\u0131`];
  for (const text of [...texts, 'però', '🎄'.repeat(40), '\ud800', 'ab\udc00cd', '\u0000', 'x'.repeat(70_000)]) {
    const bytes = written((to) => to.text(text));
    expect(new ByteReader(bytes).text()).toBe(text);
  }
  expect(written((to) => to.text(hex)).length).toBe(hex.length / 2 + 2);
});

test('a turn with facts and messages of every kind comes back equal', () => {
  const samples = new Samples(new Random(seed));
  for (let round = 1; round <= 50; round += 1) {
    const turn = samples.turn(3, round);
    const record = sealRecord(writer, turn, genesis);
    checkRecord(record.bytes, round);
    checkChain(record.bytes, round, genesis);
    expect(openRecord(record.bytes)).toEqual(turn);
  }
});

test('rows of every table come back equal, and so do their addresses', () => {
  const samples = new Samples(new Random(seed));
  for (let round = 0; round < 50; round += 1) {
    for (const table of ROW_TABLES) {
      const address: RowAddress = { table, partition: 63, entity: samples.hpan(), sub: `p2 però ${samples.hex(9)}` };
      const change = { address, sequence: round, value: samples.row(table) } as RowChange;
      const key = rowKey(table, 63, address.entity, address.sub);
      expect(addressOf(table, key)).toEqual(address);
      expect(openRow(table, key, sealRow(writer, key, change))).toEqual({ sequence: round, value: change.value });
    }
  }
});

test('a row is refused under any other key', () => {
  const key = rowKey('card', 1, 'ab', '');
  const value = new Samples(new Random(seed)).row('card');
  const bytes = sealRow(writer, key, {
    address: { table: 'card', partition: 1, entity: 'ab', sub: '' },
    sequence: 1,
    value,
  });
  expect(refusalOf(() => openRow('card', rowKey('card', 1, 'ac', ''), bytes))).toBe('ROW_DAMAGED');
  expect(refusalOf(() => openRow('card', key, bytes))).toBe('none');
});

test('a record cut at any byte, or with any byte changed, is refused', () => {
  const random = new Random(seed);
  const { bytes } = sealRecord(writer, new Samples(random).turn(1, 1), genesis);
  for (let length = 0; length < bytes.length; length += 1) {
    expect(
      refusalOf(() => checkRecord(bytes.subarray(0, length), 1)),
      `cut at ${length}`,
    ).toBe('JOURNAL_DAMAGED');
  }
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1 << random.below(8);
    expect(
      refusalOf(() => checkRecord(changed, 1)),
      `changed at ${at}`,
    ).toBe('JOURNAL_DAMAGED');
  }
});

test('the body of a turn cut at any byte is refused without its checksum too', () => {
  const turn: Omit<TurnRecord, 'epoch' | 'sequence'> = new Samples(new Random(seed)).turn(1, 1);
  const bytes = written((to) => turnBody.write(to, turn));
  for (let length = 0; length < bytes.length; length += 1) {
    const read = () => turnBody.read(new ByteReader(bytes, 0, length));
    expect(read, `cut at ${length}`).toThrow(MalformedBytes);
  }
});

test('a record or row of a newer version is told from damage', () => {
  const { bytes } = sealRecord(writer, new Samples(new Random(seed)).turn(1, 1), genesis);
  expect(refusalOf(() => checkRecord(newer(bytes), 1))).toBe('FORMAT_NEWER');
});

test('the key after a prefix is past all that begin with it', () => {
  expect(after(Buffer.of(1, 2))).toEqual(Buffer.of(1, 3));
  expect(after(Buffer.of(1, 0xff, 0xff))).toEqual(Buffer.of(2));
});

/** The same record as a later version would write it: its number, and a checksum that fits. */
function newer(record: Buffer): Buffer {
  const bytes = Buffer.from(record);
  bytes.writeUInt16LE(FORMAT + 1, 4);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}

test('a line of a page is read alone as it is read with all others, also where the page is damaged', () => {
  const samples = new Samples(new Random(seed));
  for (const table of ['payment', 'record'] as const) {
    const lines = Array.from({ length: 20 }, () => (table === 'payment' ? samples.payment() : samples.entry()));
    const address: RowAddress & { table: typeof table } = { table, partition: 3, entity: '', sub: '00000007' };
    const key = rowKey(table, 3, '', address.sub);
    writer.reset();
    const bytes = Buffer.from(sealRow(writer, key, { address, sequence: 9, value: lines } as unknown as RowChange));
    const read = Array.from({ length: 21 }, (_, index) => openLine(table, key, bytes, index));
    expect(read, `seed=${seed}`).toEqual([...lines, undefined]);
    expect(openRow(table, key, bytes)).toEqual({ sequence: 9, value: lines });
    bytes[bytes.length - 1]! ^= 1;
    expect(refusalOf(() => openLine(table, key, bytes, 0))).toBe('ROW_DAMAGED');
  }
});

test('what a row begins with is read alone as it is read with the rest, in every format, also where the row is damaged', () => {
  const samples = new Samples(new Random(seed));
  for (let format = FORMAT_OLDEST; format <= FORMAT; format += 1) {
    for (const table of ['wallet', 'card'] as const) {
      const address: RowAddress & { table: typeof table } = { table, partition: 3, entity: 'ab', sub: '' };
      const key = rowKey(table, 3, 'ab', '');
      const change = { address, sequence: 9, value: samples.row(table) } as RowChange;
      writer.reset();
      const bytes = Buffer.from(sealRow(writer, key, change, format));
      const head = openHead(table, key, bytes);
      expect(openRow(table, key, bytes).value, `seed=${seed} format=${format}`).toMatchObject(head);
      expect(Object.keys(head)).toContain(table === 'wallet' ? 'totals' : 'history');
      bytes[bytes.length - 1]! ^= 1;
      expect(refusalOf(() => openHead(table, key, bytes))).toBe('ROW_DAMAGED');
    }
  }
});
