/**
 * Layout of rows and their keys.
 *
 *   key    partition u8, table u8, length of the entity u8, entity, sub
 *   value  format u8, CRC-32 u32 (of key, format and the rest), then sequence and the row's values
 *
 * The CRC covers the key, so that a row found in the wrong place is as bad as a row with a wrong bit.
 */
import { crc32 } from 'node:zlib';
import { invariant } from '../engine/assert.ts';
import { LIMITS } from '../engine/limits.ts';
import {
  type Line,
  type PageTable,
  type RowAddress,
  type RowChange,
  type RowHeads,
  type RowTable,
  type RowTypes,
  StorageFault,
  type StoredRow,
} from '../engine/ports.ts';
import { ByteReader, type ByteWriter, MalformedBytes, packHex } from './codec/bytes.ts';
import { FORMAT, type Format, formatOf } from './codec/formats.ts';
import type { Codec } from './codec/shape.ts';

const FORMAT_AT = 0;
const CRC_AT = 1;
const BODY_AT = 5;

/** Appended, never reused. 255 is the medium's own: the checkpoint mark. */
const TABLE_NUMBERS: Readonly<Record<RowTable, number>> = {
  wallet: 1,
  payment: 2,
  command: 3,
  card: 4,
  record: 5,
  partition: 6,
  outbox: 7,
  reversal: 8,
  payout: 9,
  payoutLink: 10,
  payoutFile: 11,
  resolution: 14,
  notice: 12,
  noticeRun: 13,
  fileTally: 17,
  receivedFile: 18,
  pointer: 20,
  periodDecision: 19,
  exclusion: 15,
  merchantDay: 16,
};

export const ROW_TABLES = Object.keys(TABLE_NUMBERS) as readonly RowTable[];

/** Set in the length of an entity that is not hex digits: it stands as text. */
const TEXT_ENTITY = 0x80;
const ENTITY_BYTES_MAX = 0x7f;

const KEY_HEADER_BYTES = 3;
const NAMED_DIGITS = 12;

export function rowKey(table: RowTable, partition: number, entity: string, sub: string): Buffer {
  const subBytes = sub === '' ? 0 : Buffer.byteLength(sub);
  invariant(subBytes <= LIMITS.rowSubBytesMax, `the sub of a ${table} row is too long`);
  const key = hexKey(entity, subBytes) ?? textKey(entity, subBytes);
  invariant(key !== null, `the entity of a ${table} row is too long`);
  key[0] = partition;
  key[1] = TABLE_NUMBERS[table];
  if (subBytes > 0) key.write(sub, key.length - subBytes);
  return key;
}

/** With room for the sub. @returns null where the entity is not so many hex digits */
function hexKey(entity: string, subBytes: number): Buffer | null {
  const entityBytes = entity.length / 2;
  if (!Number.isInteger(entityBytes) || entityBytes > ENTITY_BYTES_MAX) return null;
  const key = Buffer.allocUnsafe(KEY_HEADER_BYTES + entityBytes + subBytes);
  key[2] = entityBytes;
  return packHex(entity, key, KEY_HEADER_BYTES) === -1 ? null : key;
}

function textKey(entity: string, subBytes: number): Buffer | null {
  const entityBytes = Buffer.byteLength(entity);
  if (entityBytes > ENTITY_BYTES_MAX) return null;
  const key = Buffer.allocUnsafe(KEY_HEADER_BYTES + entityBytes + subBytes);
  key[2] = entityBytes | TEXT_ENTITY;
  key.write(entity, KEY_HEADER_BYTES);
  return key;
}

/** What all keys of one entity begin with. */
export function entityPrefix(table: RowTable, partition: number, entity: string): Buffer {
  return rowKey(table, partition, entity, '');
}

export function tablePrefix(table: RowTable, partition: number): Buffer {
  return Buffer.of(partition, TABLE_NUMBERS[table]);
}

/** The first key past all that begin with `prefix`. */
export function after(prefix: Buffer): Buffer {
  const next = Buffer.from(prefix);
  let at = next.length - 1;
  while (at >= 0 && next[at] === 0xff) at -= 1;
  invariant(at >= 0, 'there is nothing past this prefix');
  next[at]! += 1;
  return next.subarray(0, at + 1);
}

export function addressOf<T extends RowTable>(table: T, key: Buffer): RowAddress & { readonly table: T } {
  const length = key[2]!;
  const entityEnd = KEY_HEADER_BYTES + (length & ENTITY_BYTES_MAX);
  const entity = key.toString(length & TEXT_ENTITY ? 'utf8' : 'hex', KEY_HEADER_BYTES, entityEnd);
  return { table, partition: key[0]!, entity, sub: key.toString('utf8', entityEnd) };
}

/**
 * @param format of the folder
 * @returns a view of what it wrote behind what the writer holds already
 */
export function sealRow(writer: ByteWriter, key: Buffer, change: RowChange, format = FORMAT): Buffer {
  invariant(change.value !== null, 'a deletion has no bytes');
  const codec = formatOf(format)!.rowValues[change.address.table] as Codec<RowTypes[RowTable]>;
  return sealValue(writer, key, format, (to) => {
    to.integer(change.sequence);
    codec.write(to, change.value!);
  });
}

/**
 * @param isKept nobody changes the bytes any more, and what is sealed in the row may lie in them
 * @throws StorageFault ROW_DAMAGED, FORMAT_NEWER, FORMAT_OLDER
 */
export function openRow<T extends RowTable>(
  table: T,
  key: Buffer,
  bytes: Buffer,
  isKept = false,
): StoredRow<RowTypes[T]> {
  const read: ReadValue<StoredRow<RowTypes[T]>> = (from, { rowValues }) => ({
    sequence: from.integer(),
    value: rowValues[table].read(from),
  });
  return openValue(key, bytes, read, isKept);
}

/** Of a row whose bytes nobody changes any more. @throws as `openRow` does, but for what is wrong behind its head */
export function openHead<T extends keyof RowHeads>(table: T, key: Buffer, bytes: Buffer): RowHeads[T] {
  const read: ReadValue<RowHeads[T]> = (from, { rowHeads }) => {
    from.integer();
    return rowHeads[table].read(from);
  };
  return readValue(key, bytes, read, true);
}

/** Of a row as it is stored. */
export function formatOfRow(bytes: Buffer): number {
  return bytes[FORMAT_AT]!;
}

/** Reads one line of a page. @throws as `openRow` does */
export function openLine<T extends PageTable>(
  table: T,
  key: Buffer,
  bytes: Buffer,
  index: number,
): Line<T> | undefined {
  return readValue(key, bytes, (from, { lineReaders }) => {
    from.integer();
    return lineReaders[table](from, index);
  });
}

export function sealValue(writer: ByteWriter, key: Buffer, format: number, write: (to: ByteWriter) => void): Buffer {
  const start = writer.length;
  writer.beginValue();
  writer.skip(BODY_AT);
  write(writer);
  const bytes = writer.view(start);
  bytes[FORMAT_AT] = format;
  bytes.writeUInt32LE(checksum(key, bytes), CRC_AT);
  return bytes;
}

/** How a value is read, by the format that it has. */
type ReadValue<T> = (from: ByteReader, format: Format) => T;

export function openValue<T>(key: Buffer, bytes: Buffer, read: ReadValue<T>, isKept = false): T {
  const readAll: ReadValue<T> = (from, format) => {
    const value = read(from, format);
    from.finish();
    return value;
  };
  return readValue(key, bytes, readAll, isKept);
}

function readValue<T>(key: Buffer, bytes: Buffer, read: ReadValue<T>, isKept = false): T {
  if (bytes.length < BODY_AT || bytes.readUInt32LE(CRC_AT) !== checksum(key, bytes)) {
    throw damaged(key, 'fails its checksum');
  }
  const number = formatOfRow(bytes);
  const format = formatOf(number);
  if (format === undefined) throw unread(number);
  try {
    return read(new ByteReader(bytes, BODY_AT, bytes.length, isKept), format);
  } catch (error) {
    if (error instanceof MalformedBytes) throw damaged(key, `cannot be read: ${error.message}`);
    throw error;
  }
}

function checksum(key: Buffer, bytes: Buffer): number {
  const format = crc32(bytes.subarray(FORMAT_AT, CRC_AT), crc32(key));
  return crc32(bytes.subarray(BODY_AT), format);
}

function unread(format: number): StorageFault {
  if (format > FORMAT) {
    return new StorageFault('FORMAT_NEWER', `a row was written by a newer version (${format}): use that one`);
  }
  return new StorageFault('FORMAT_OLDER', `a row has format ${format}: let a version that reads it rewrite the folder`);
}

/** Names the row as `verify` does: a citizen's key and an hpan are hashes, and a part of one is enough to find it. */
function damaged(key: Buffer, what: string): StorageFault {
  const table = ROW_TABLES.find((one) => TABLE_NUMBERS[one] === key[1]);
  const { entity } = addressOf(table ?? 'partition', key);
  const row = [table ?? 'mark', entity.slice(0, NAMED_DIGITS)].join(' ').trim();
  return new StorageFault('ROW_DAMAGED', `row ${row} of partition ${key[0]} ${what}: rebuild it from the journal`);
}
