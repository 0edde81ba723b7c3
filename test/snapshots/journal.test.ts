// Method: records sealed by hand and journals over a list of bytes. Each check of a record meets the one byte that it is
// there for, under a checksum that is right again; each list that lacks something is read from every side.
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { TurnRecord } from '../../engine/facts.ts';
import { ByteWriter } from '../../snapshots/codec/bytes.ts';
import { FORMAT } from '../../snapshots/codec/formats.ts';
import { FailStop } from '../../snapshots/fail-stop.ts';
import { type JournalParts, openJournal, openPastJournal } from '../../snapshots/journal.ts';
import type { RecordMedium } from '../../snapshots/media.ts';
import {
  checkChain,
  checkRecord,
  hashOf,
  openRecord,
  type SealedRecord,
  sealRecord,
  turnsIn,
} from '../../snapshots/record.ts';

const GENESIS = Buffer.alloc(32, 7);
const HEADER_BYTES = 56;
const CRC_BYTES = 4;

const turn = (sequence: number): TurnRecord => ({ epoch: 3, sequence, nowMs: 1_607_000_000_000, sections: [] });

/** Records 1 to `count`, each chained to the one before. */
function chain(count: number): readonly SealedRecord[] {
  const records: SealedRecord[] = [];
  while (records.length < count) {
    records.push(sealRecord(new ByteWriter(), turn(records.length + 1), records.at(-1)?.hash ?? GENESIS));
  }
  return records;
}

function withRightChecksum(bytes: Buffer): Buffer {
  const crcAt = bytes.length - CRC_BYTES;
  bytes.writeUInt32LE(crc32(bytes.subarray(0, crcAt)), crcAt);
  return bytes;
}

describe('a record', () => {
  const [, { bytes: good }] = chain(2) as [SealedRecord, SealedRecord];
  const changed = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(good);
    change(bytes);
    return withRightChecksum(bytes);
  };

  test('passes as what it is', () => {
    expect(() => checkRecord(good, 2)).not.toThrow();
    expect(() => checkChain(good, 2, chain(1)[0]!.hash)).not.toThrow();
    expect(openRecord(good)).toEqual(turn(2));
  });

  test.each<[string, Buffer]>([
    ['is no journal record', changed((bytes) => bytes.writeUInt8(0, 0))],
    ['is no journal record', Buffer.alloc(HEADER_BYTES + CRC_BYTES - 1)],
    ['is no journal record', Buffer.alloc(0)],
    ['has the number of another one', changed((bytes) => bytes.writeBigUInt64LE(3n, 12))],
    ['has a wrong length', changed((bytes) => bytes.writeUInt32LE(bytes.readUInt32LE(20) + 1, 20))],
    ['has a wrong length', withRightChecksum(Buffer.concat([good, Buffer.alloc(1)]))],
  ])('whose checksum is right %s', (what, bytes) => {
    expect(() => checkRecord(bytes, 2)).toThrow(
      expect.objectContaining({ code: 'JOURNAL_DAMAGED', message: expect.stringContaining(`record 2 ${what}`) }),
    );
  });

  test('fails its checksum whichever byte is changed behind the first four', () => {
    for (let at = 4; at < good.length; at += 1) {
      const bytes = Buffer.from(good);
      bytes[at]! ^= 1;
      expect(() => checkRecord(bytes, 2), `byte ${at}`).toThrow('fails its checksum');
    }
  });

  test('of a newer format says so before anything else is asked of it', () => {
    const newer = changed((bytes) => {
      bytes.writeUInt16LE(FORMAT + 1, 4);
      bytes.writeUInt32LE(0, 20);
    });
    expect(() => checkRecord(newer, 2)).toThrow(expect.objectContaining({ code: 'FORMAT_NEWER' }));
  });

  test('does not follow another than the one it was chained to', () => {
    expect(() => checkChain(good, 2, GENESIS)).toThrow('record 2 does not follow the record before it');
  });

  test.each<[string, Buffer]>([
    ['no program ever wrote format 0', changed((bytes) => bytes.writeUInt16LE(0, 4))],
    ['', withRightChecksum(Buffer.concat([good, Buffer.alloc(1)]))],
    ['', withRightChecksum(Buffer.from(good.subarray(0, HEADER_BYTES + CRC_BYTES)))],
  ])('that is good but for its body cannot be read: %s', (why, bytes) => {
    expect(() => openRecord(bytes)).toThrow(
      expect.objectContaining({
        code: 'JOURNAL_DAMAGED',
        message: expect.stringContaining(`record 2 cannot be read: ${why}`),
      }),
    );
  });

  test('with nothing in it has the shortest length there is', () => {
    const empty = Buffer.from(good.subarray(0, HEADER_BYTES + CRC_BYTES));
    empty.writeUInt32LE(0, 20);
    expect(() => checkRecord(withRightChecksum(empty), 2)).not.toThrow();
  });
});

describe('records one after the other', () => {
  const records = chain(4).map(({ bytes }) => bytes);
  const told = (bytes: readonly Buffer[], sequence: number, previousHash: Buffer | null) =>
    [...turnsIn(bytes, { sequence, previousHash })].map((each) => each.sequence);

  test('are told from the first whose predecessor is known', () => {
    expect(told(records, 1, GENESIS)).toEqual([1, 2, 3, 4]);
    expect(told(records.slice(2), 3, hashOf(records[1]!))).toEqual([3, 4]);
    expect(told(records.slice(1), 2, null)).toEqual([3, 4]);
    expect(told([], 1, GENESIS)).toEqual([]);
  });

  test.each<[string, readonly number[], number, Buffer | null]>([
    ['that follow another one', [0, 1], 1, hashOf(Buffer.of(1))],
    ['with one taken out', [0, 2], 1, GENESIS],
    ['of which the first is not the one that was asked for', [1, 2], 1, null],
  ])('%s are refused', (_, indexes, sequence, previousHash) => {
    expect(() =>
      told(
        indexes.map((index) => records[index]!),
        sequence,
        previousHash,
      ),
    ).toThrow(expect.objectContaining({ code: 'JOURNAL_DAMAGED' }));
  });
});

/** What a medium does, and what it was asked to do. */
class ListMedium implements RecordMedium {
  readonly records: Map<number, Buffer>;
  readonly trimmed: number[] = [];
  first = 1;
  last: number;
  lastEpoch = 3;

  constructor(records: readonly SealedRecord[]) {
    this.records = new Map(records.map(({ sequence, bytes }) => [sequence, bytes]));
    this.last = records.length;
  }

  range() {
    return { first: this.last === 0 ? 0 : this.first, last: this.last };
  }
  get(sequence: number): Buffer {
    const bytes = this.records.get(sequence);
    if (bytes === undefined) throw new Error(`nobody may ask for record ${sequence}`);
    return bytes;
  }
  *read(sequence: number): Iterable<Buffer> {
    for (const [each, bytes] of this.records) if (each >= sequence) yield bytes;
  }
  async put(sequence: number, bytes: Buffer): Promise<void> {
    this.records.set(sequence, bytes);
    this.last = sequence;
  }
  async trim(sequence: number): Promise<void> {
    this.trimmed.push(sequence);
  }
  epoch(): number {
    return this.lastEpoch;
  }
  async setEpoch(epoch: number): Promise<void> {
    this.lastEpoch = epoch;
  }
}

describe('a journal', () => {
  const partsOf = (medium: ListMedium, changes: Partial<JournalParts> = {}): JournalParts => ({
    ...{ medium, genesis: GENESIS, format: FORMAT, failStop: new FailStop(), onPoint: () => {} },
    ...changes,
  });
  const open = (medium: ListMedium) => openJournal(partsOf(medium));
  const read = async (medium: ListMedium, from: number) =>
    [...(await open(medium)).read(from)].map(({ sequence }) => sequence);

  test('is read from any of its records on, and beyond its end there is nothing', async () => {
    const medium = new ListMedium(chain(3));
    expect(await read(medium, 1)).toEqual([1, 2, 3]);
    expect(await read(medium, 3)).toEqual([3]);
    for (const from of [4, 5, 100]) expect(await read(medium, from)).toEqual([]);
    expect(await read(new ListMedium([]), 7)).toEqual([]);
  });

  test('that lacks records at either end says which', async () => {
    const begun = new ListMedium(chain(4));
    begun.first = 3;
    await expect(read(begun, 1)).rejects.toMatchObject({
      code: 'JOURNAL_DAMAGED',
      message: 'records 1 to 2 are missing',
    });
    const cut = new ListMedium(chain(4));
    const journal = await open(cut);
    cut.records.delete(4);
    expect(() => [...journal.read(2)]).toThrow(
      expect.objectContaining({ code: 'JOURNAL_DAMAGED', message: 'records 4 to 4 are missing' }),
    );
  });

  test('is opened on its newest record, which must be good, in an epoch that is flushed first', async () => {
    const medium = new ListMedium(chain(2));
    const journal = await open(medium);
    expect([journal.epoch, medium.lastEpoch, journal.lastSequence]).toEqual([4, 4, 2]);
    medium.records.set(2, Buffer.from('rubbish'));
    await expect(open(medium)).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' });
    expect(medium.lastEpoch).toBe(4);
  });

  test('whose epoch cannot be flushed is not opened', async () => {
    const medium = new ListMedium(chain(2));
    medium.setEpoch = async () => Promise.reject(new Error('EIO'));
    await expect(open(medium)).rejects.toMatchObject({
      code: 'JOURNAL_FAILED',
      message: 'opening an epoch failed: EIO; stopping, nothing is retried',
    });
  });

  test('trims what is flushed, and nothing that is not', async () => {
    const medium = new ListMedium(chain(3));
    const journal = await open(medium);
    await expect(journal.trim(4)).rejects.toMatchObject({ code: 'BROKEN_INVARIANT' });
    await journal.trim(3);
    expect(medium.trimmed).toEqual([3]);
    medium.trim = async () => Promise.reject(new Error('EIO'));
    await expect(journal.trim(3)).rejects.toThrow('archiving failed: EIO');
  });

  test('names the points of an append in their order, and what failed', async () => {
    const medium = new ListMedium([]);
    const points: string[] = [];
    const journal = await openJournal(partsOf(medium, { onPoint: (point) => points.push(point) }));
    await journal.append({ ...turn(1), epoch: journal.epoch });
    expect(points).toEqual(['append', 'append-flushed']);
    medium.put = async () => Promise.reject(new Error('EIO'));
    await expect(journal.append({ ...turn(2), epoch: journal.epoch })).rejects.toThrow('the journal failed: EIO');
    expect(journal.lastSequence).toBe(1);
  });

  test('that is past is read as it was left, and refused when it ends otherwise', async () => {
    const records = chain(3);
    const medium = new ListMedium(records);
    const { end } = await open(medium);
    expect(end).toEqual({ sequence: 3, hash: hashOf(records[2]!.bytes).toString('hex') });
    const past = openPastJournal(partsOf(medium), end);
    expect([...past.read(1)].map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect([past.epoch, past.lastSequence, medium.lastEpoch]).toEqual([4, 3, 4]);

    const otherwise = { code: 'JOURNAL_DAMAGED', message: expect.stringContaining('does not end as it was left') };
    for (const wrong of [
      { ...end, sequence: 2 },
      { ...end, hash: hashOf(records[1]!.bytes).toString('hex') },
    ]) {
      expect(() => openPastJournal(partsOf(medium), wrong)).toThrow(expect.objectContaining(otherwise));
    }
    const empty = { sequence: 0, hash: GENESIS.toString('hex') };
    expect([...openPastJournal(partsOf(new ListMedium([])), empty).read(1)]).toEqual([]);
  });
});
