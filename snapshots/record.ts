/**
 * Layout of a journal record. Little-endian.
 *
 *   0 magic 'CDAY'   4 format u16   6 zero u16   8 epoch u32   12 sequence u64   20 body bytes u32
 *  24 SHA-256 of the record before (the folder's genesis for the first)   56 body   then CRC-32 of all before it
 *
 * A record's own hash stands in the next one: cutting, reordering or editing breaks the chain at that place.
 * Magic, format and the CRC at the end keep their places in every version, so that a program can tell a newer
 * format from damage.
 */
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { TurnRecord } from '../engine/facts.ts';
import { StorageFault } from '../engine/ports.ts';
import { ByteReader, type ByteWriter, MalformedBytes } from './codec/bytes.ts';
import { FORMAT, formatOf } from './codec/formats.ts';

const MAGIC = 0x59414443;
const HEADER_BYTES = 56;
const CRC_BYTES = 4;
export const HASH_BYTES = 32;

/** A journal record as it lies on the disk, with what is needed to chain to it. */
export interface SealedRecord {
  readonly sequence: number;
  readonly bytes: Buffer;
  readonly hash: Buffer;
}

/**
 * @param format of the folder
 * @returns bytes of their own, which the disk may keep for as long as it needs them
 */
export function sealRecord(
  writer: ByteWriter,
  turn: TurnRecord,
  previousHash: Uint8Array,
  format = FORMAT,
): SealedRecord {
  writer.reset();
  writer.skip(HEADER_BYTES);
  formatOf(format)!.turnBody.write(writer, turn);
  const bodyBytes = writer.length - HEADER_BYTES;
  writer.skip(CRC_BYTES);

  const bytes = writer.copy();
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt16LE(format, 4);
  bytes.writeUInt16LE(0, 6);
  bytes.writeUInt32LE(turn.epoch, 8);
  bytes.writeBigUInt64LE(BigInt(turn.sequence), 12);
  bytes.writeUInt32LE(bodyBytes, 20);
  bytes.set(previousHash, 24);
  const crcAt = bytes.length - CRC_BYTES;
  bytes.writeUInt32LE(crc32(bytes.subarray(0, crcAt)), crcAt);
  return { sequence: turn.sequence, bytes, hash: hashOf(bytes) };
}

/**
 * Checks a record alone: its checksum, and that it is the one expected.
 * @throws StorageFault JOURNAL_DAMAGED, FORMAT_NEWER
 */
export function checkRecord(bytes: Buffer, sequence: number): void {
  const crcAt = bytes.length - CRC_BYTES;
  if (crcAt < HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) throw damaged(sequence, 'is no journal record');
  if (bytes.readUInt32LE(crcAt) !== crc32(bytes.subarray(0, crcAt))) throw damaged(sequence, 'fails its checksum');
  if (bytes.readUInt16LE(4) > FORMAT) {
    throw new StorageFault('FORMAT_NEWER', `journal record ${sequence} was written by a newer version: use that one`);
  }
  if (Number(bytes.readBigUInt64LE(12)) !== sequence) throw damaged(sequence, 'has the number of another one');
  if (bytes.readUInt32LE(20) !== crcAt - HEADER_BYTES) throw damaged(sequence, 'has a wrong length');
}

/** Checks that a record, good in itself, follows the one with hash `previousHash`. */
export function checkChain(bytes: Buffer, sequence: number, previousHash: Uint8Array): void {
  if (bytes.compare(previousHash, 0, HASH_BYTES, 24, HEADER_BYTES) !== 0) {
    throw damaged(sequence, 'does not follow the record before it');
  }
}

/**
 * Records one after the other, each checked alone and against the one before it.
 * @param first what the first one is; where it is not known what that follows, it is not told, but the next one follows it
 */
export function* turnsIn(
  records: Iterable<Buffer>,
  first: { readonly sequence: number; readonly previousHash: Buffer | null },
): Iterable<TurnRecord> {
  let { sequence, previousHash } = first;
  for (const bytes of records) {
    checkRecord(bytes, sequence);
    if (previousHash !== null) {
      checkChain(bytes, sequence, previousHash);
      yield openRecord(bytes);
    }
    previousHash = hashOf(bytes);
    sequence += 1;
  }
}

/** Of a record that passed `checkRecord`. */
export function openRecord(bytes: Buffer): TurnRecord {
  const sequence = Number(bytes.readBigUInt64LE(12));
  try {
    const reader = new ByteReader(bytes, HEADER_BYTES, bytes.length - CRC_BYTES);
    const format = formatOf(bytes.readUInt16LE(4));
    if (format === undefined) throw new MalformedBytes(`no program ever wrote format ${bytes.readUInt16LE(4)}`);
    const body = format.turnBody.read(reader);
    reader.finish();
    return { epoch: bytes.readUInt32LE(8), sequence, ...body };
  } catch (error) {
    if (error instanceof MalformedBytes) throw damaged(sequence, `cannot be read: ${error.message}`);
    throw error;
  }
}

export function hashOf(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer');
}

function damaged(sequence: number, what: string): StorageFault {
  return new StorageFault('JOURNAL_DAMAGED', `journal record ${sequence} ${what}: verify, then restore`);
}
