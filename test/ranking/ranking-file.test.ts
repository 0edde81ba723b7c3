// Method: rankings are written and read back, whole and cut in random places; then the file is damaged in every way
// that a small file allows (each bit, each length) and must be refused each time, by name.
import { crc32 as zlibCrc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { BrokenInvariant } from '../../engine/assert.ts';
import type { Standing } from '../../engine/facts.ts';
import { StorageFault } from '../../engine/ports.ts';
import { crc32 } from '../../engine/ranking/checksum.ts';
import { type Participant, Ranking } from '../../engine/ranking/ranking.ts';
import { Random, seed } from '../support/random.ts';
import { Crowd, makeCitizen, makeStanding } from './crowd.ts';

const HEADER_BYTES = 64;
const ROW_BYTES = 32;
const TIED: Standing = { count: 7, lastTrxMs: 9, termsMs: 8 };
const byKey = (left: string, right: string) => (left < right ? -1 : 1);

function makeParticipants(random: Random, count: number): Participant[] {
  return Array.from({ length: count }, () => ({ citizen: makeCitizen(random), standing: makeStanding(random) }));
}

function fileOf(ranking: Ranking): Buffer {
  const copy = ranking.copy();
  const rows = [...copy.rows];
  return Buffer.concat([copy.header(), ...rows]);
}

function read(file: Uint8Array): Ranking {
  return Ranking.fromChunks([file], byKey);
}

function faultOf(file: Uint8Array): string {
  try {
    read(file);
  } catch (error) {
    if (error instanceof StorageFault) return error.code;
    throw error;
  }
  return 'none';
}

/** Header checksums made right again, so that what lies behind them is tested. */
function sealed(file: Buffer): Buffer {
  file.writeUInt32LE(zlibCrc32(file.subarray(HEADER_BYTES)), 32);
  file.writeUInt32LE(zlibCrc32(file.subarray(0, 60)), 60);
  return file;
}

test('the checksum is the CRC-32 of zip and gzip', () => {
  const random = new Random(seed);
  for (let length = 0; length < 50; length += 1) {
    const words = Uint32Array.from({ length }, () => random.below(2 ** 32));
    expect(crc32(words)).toBe(zlibCrc32(new Uint8Array(words.buffer)));
    const cut = random.below(length + 1);
    expect(crc32(words, cut, length, crc32(words, 0, cut))).toBe(crc32(words));
  }
});

test.each([0, 1, 2, 254, 255, 256, 9_000])('a ranking of %i comes back as it was', (count) => {
  const ranking = Ranking.build(2, makeParticipants(new Random(seed), count), byKey);
  const file = fileOf(ranking);
  expect(file.length).toBe(HEADER_BYTES + count * ROW_BYTES);

  const back = read(file);
  back.checkInvariants();
  expect(back.awardPeriodId).toBe(2);
  expect(back.isFrozen).toBe(false);
  expect([...back.entries()]).toEqual([...ranking.entries()]);
  expect(fileOf(back).equals(file)).toBe(true);
});

test('a ranking that was read back moves on, and a frozen one stays frozen', () => {
  const random = new Random(seed);
  const participants = makeParticipants(random, 3_000);
  const ranking = Ranking.build(2, participants, byKey);
  const back = read(fileOf(ranking));
  for (const { citizen, standing } of participants) {
    const after = makeStanding(random);
    ranking.move(citizen, standing, after);
    back.move(citizen, standing, after);
  }
  back.checkInvariants();
  expect(fileOf(back).equals(fileOf(ranking))).toBe(true);

  back.freeze();
  expect(read(fileOf(back)).isFrozen).toBe(true);
});

test('the same participants give the same bytes, whatever happened before', () => {
  const random = new Random(seed);
  const crowd = new Crowd(random, 16);
  for (let step = 0; step < 3_000; step += 1) {
    const present = [...crowd.standings.keys()];
    const citizen = random.below(2) === 0 && present.length > 0 ? random.pick(present) : makeCitizen(random);
    crowd.move(citizen, random.below(4) === 0 ? null : makeStanding(random));
  }
  const built = Ranking.build(2, random.shuffle(crowd.participants()), crowd.compareTaxCodes);
  expect(fileOf(crowd.ranking).equals(fileOf(built))).toBe(true);
});

test('rank r is at byte 64 + 32 (r - 1)', () => {
  const ranking = Ranking.build(2, makeParticipants(new Random(seed), 100), byKey);
  const file = fileOf(ranking);
  for (const { rank, citizen, standing } of ranking.entries()) {
    const row = file.subarray(HEADER_BYTES + ROW_BYTES * (rank - 1));
    expect(0xffff_ffff - row.readUInt32LE(0)).toBe(standing.count);
    expect(row.readUInt32LE(4) * 2 ** 16 + row.readUInt16LE(10)).toBe(standing.lastTrxMs);
    expect(row.readUInt16LE(8) * 2 ** 32 + row.readUInt32LE(12)).toBe(standing.termsMs);
    const words = [16, 20, 24, 28].map((at) => row.readUInt32LE(at).toString(16).padStart(8, '0'));
    expect(words.join('')).toBe(citizen);
  }
});

test('a file cut in any pieces reads the same', () => {
  const random = new Random(seed);
  const file = fileOf(Ranking.build(2, makeParticipants(random, 500), byKey));
  for (let round = 0; round < 50; round += 1) {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < file.length; ) {
      const end = at + random.below(round * round + 2);
      pieces.push(file.subarray(at, end));
      at = end;
    }
    expect(fileOf(Ranking.fromChunks(pieces, byKey)).equals(file)).toBe(true);
  }
});

test('a copy that is taken while the ranking moves leads to it when the moves are made again', () => {
  const random = new Random(seed);
  for (let round = 0; round < 20; round += 1) {
    const crowd = new Crowd(random, 16);
    const isTied = round % 2 === 0;
    const stand = () => (isTied ? { count: 1 + random.below(9), lastTrxMs: 9, termsMs: 8 } : makeStanding(random));
    for (let left = random.below(40_000); left > 0; left -= 1) crowd.move(makeCitizen(random), stand());
    const citizens = [...crowd.standings.keys()];
    const moves: { citizen: string; before: Standing | null; after: Standing | null }[] = [];
    const moveSome = () => {
      for (let left = random.below(2_000); left > 0; left -= 1) {
        const citizen = random.below(3) > 0 && citizens.length > 0 ? random.pick(citizens) : makeCitizen(random);
        const before = crowd.standings.get(citizen) ?? null;
        // Some leave, and some come back to where they stood.
        const known = moves.find((one) => one.citizen === citizen)?.before ?? stand();
        const after = random.below(4) === 0 ? null : random.below(4) === 0 ? known : stand();
        crowd.move(citizen, after);
        moves.push({ citizen, before, after });
      }
    };

    const copy = crowd.ranking.copy();
    const rows: Uint8Array[] = [];
    for (const chunk of copy.rows) {
      rows.push(chunk);
      moveSome();
    }
    const back = Ranking.fromChunks([copy.header(), ...rows], crowd.compareTaxCodes);
    for (const { citizen, before, after } of moves) back.settle(citizen, before, after);
    back.checkInvariants();
    expect(fileOf(back).equals(fileOf(crowd.ranking)), `seed=${seed} round=${round}`).toBe(true);
  }
});

describe('fault 12 and 13: a damaged file', () => {
  const file = fileOf(Ranking.build(2, makeParticipants(new Random(seed), 5), byKey));

  test('is refused whichever bit is flipped, in header and rows', () => {
    for (let bit = 0; bit < file.length * 8; bit += 1) {
      const flipped = Buffer.from(file);
      flipped[bit >>> 3]! ^= 1 << (bit & 7);
      expect(faultOf(flipped), `bit ${bit}`).toBe('RANKING_DAMAGED');
    }
  });

  test('is refused whatever value a byte of the header is given', () => {
    for (let at = 0; at < HEADER_BYTES; at += 1) {
      for (let value = 0; value < 256; value += 1) {
        if (value === file[at]) continue;
        const changed = Buffer.from(file);
        changed[at] = value;
        expect(faultOf(changed), `byte ${at} = ${value}`).toBe('RANKING_DAMAGED');
      }
    }
  });

  test('is refused at every length but the right one', () => {
    for (let length = 0; length < file.length; length += 1) {
      expect(faultOf(file.subarray(0, length)), `length ${length}`).toBe('RANKING_DAMAGED');
    }
    expect(faultOf(Buffer.concat([file, Buffer.of(0)]))).toBe('RANKING_DAMAGED');
    expect(faultOf(file)).toBe('none');
  });

  test('is refused when a thousand random bits of a large one are flipped, one at a time', () => {
    const random = new Random(seed);
    const large = fileOf(Ranking.build(2, makeParticipants(random, 300), byKey));
    for (let round = 0; round < 1_000; round += 1) {
      const at = random.below(large.length);
      const bit = 1 << random.below(8);
      large[at]! ^= bit;
      expect(faultOf(large), `seed=${seed} byte ${at}`).toBe('RANKING_DAMAGED');
      large[at]! ^= bit;
    }
    expect(faultOf(large)).toBe('none');
  });

  test('is refused when it names another citizen than it was summed up with', () => {
    const changed = Buffer.from(file);
    changed[file.length - 1]! ^= 1;
    expect(faultOf(changed)).toBe('RANKING_DAMAGED');
  });

  test('is found out by its invariants where only tax codes tell that it is out of order', () => {
    const participants = ['a', 'b'].map((digit) => ({ citizen: digit.repeat(32), standing: TIED }));
    const tied = fileOf(Ranking.build(2, participants, byKey));
    read(tied).checkInvariants();
    const other = Ranking.fromChunks([tied], (left, right) => byKey(right, left));
    expect(() => other.checkInvariants()).toThrow(BrokenInvariant);
  });

  test('is refused when its rows are out of order under a right checksum', () => {
    const swapped = Buffer.from(file);
    file.copy(swapped, HEADER_BYTES, HEADER_BYTES + ROW_BYTES, HEADER_BYTES + 2 * ROW_BYTES);
    file.copy(swapped, HEADER_BYTES + ROW_BYTES, HEADER_BYTES, HEADER_BYTES + ROW_BYTES);
    expect(faultOf(sealed(swapped))).toBe('RANKING_DAMAGED');
  });

  test('is refused when they are out of order over the edge of two pieces, read if they are tied there', () => {
    const random = new Random(seed);
    const participants = Array.from({ length: 200 }, () => ({ citizen: makeCitizen(random), standing: TIED }));
    const large = fileOf(Ranking.build(2, participants, byKey));
    expect(faultOf(large)).toBe('none');
    for (let first = 10; first < 200; first += 10) {
      const wrong = Buffer.from(large);
      // One payment more than those who stand before.
      for (let row = first; row < 200; row += 1) wrong.writeUInt32LE(0xffff_ffff - 8, HEADER_BYTES + ROW_BYTES * row);
      expect(faultOf(sealed(wrong)), `row ${first}`).toBe('RANKING_DAMAGED');
    }
  });

  test.each([
    ['another beginning', 0, 0],
    ['another kind of file', 4, 0],
    ['version 0', 8, 0],
    ['rows of another size', 12, 40],
    ['an unknown flag', 20, 2],
    ['more rows than there are', 24, 6],
    ['fewer rows than there are', 24, 4],
  ])('is refused when a right header says %s', (_, at, value) => {
    const changed = Buffer.from(file);
    changed.writeUInt32LE(value, at);
    expect(faultOf(sealed(changed))).toBe('RANKING_DAMAGED');
  });

  test('fault 74: a later format is named as such', () => {
    const newer = Buffer.from(file);
    newer.writeUInt32LE(2, 8);
    expect(faultOf(sealed(newer))).toBe('FORMAT_NEWER');
  });
});
