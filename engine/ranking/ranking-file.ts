/**
 * The file of a ranking: a header of 64 bytes, then the rows in rank order, 32 bytes each, as they lie in memory.
 * So rank r is at byte 64 + 32 (r - 1), and the file depends on the participants alone, not on how they came there.
 * All numbers are little endian:
 *
 *   byte  0  magic `CLICKRNK`        24  number of rows (64 bits)
 *         8  version                 32  CRC-32 of all rows
 *        12  bytes of a row          36  zeros
 *        16  award period            60  CRC-32 of bytes 0-59; in this place in every version
 *        20  1 = frozen, else 0
 */
import { invariant } from '../assert.ts';
import { type RankingCopy, StorageFault } from '../ports.ts';
import { crc32 } from './checksum.ts';
import type { CountedTree } from './counted-tree.ts';
import { compareStandings, ROW_BYTES, ROW_WORDS, type Rows } from './row.ts';

export interface RankingFileHeader {
  readonly awardPeriodId: number;
  readonly isFrozen: boolean;
}

const VERSION = 1;
const HEADER_WORDS = 16;
/** 256 kB: copied and summed in half a millisecond, between two turns. */
const CHUNK_ROWS = 8_192;
/** `CLIC`, `KRNK`. */
const MAGIC = [0x4349_4c43, 0x4b4e_524b] as const;
/** Words of the header. */
const FIELD = {
  version: 2,
  rowBytes: 3,
  awardPeriodId: 4,
  flags: 5,
  count: 6,
  countHigh: 7,
  rowsCrc: 8,
  headerCrc: 15,
};

export function copyRanking(tree: CountedTree, { awardPeriodId, isFrozen }: RankingFileHeader): RankingCopy {
  checkByteOrder();
  let count = 0;
  let rowsCrc = 0;
  function* rows(): Generator<Uint8Array, void, undefined> {
    let last: Rows | null = null;
    for (;;) {
      const chunk: Rows = tree.copyAfter(last, CHUNK_ROWS);
      if (chunk.length === 0) return;
      count += chunk.length / ROW_WORDS;
      rowsCrc = crc32(chunk, 0, chunk.length, rowsCrc);
      last = chunk.slice(-ROW_WORDS);
      yield bytesOf(chunk);
    }
  }
  const header = () => bytesOf(headerWords({ awardPeriodId, isFrozen }, count, rowsCrc));
  return { rows: rows(), headerBytes: HEADER_WORDS * 4, header };
}

export interface RankingFile {
  readonly header: RankingFileHeader;
  /** Loads the rows into an empty tree; once. */
  fill(tree: CountedTree): void;
}

/** Checks everything: no byte of a damaged file ever counts. Throws StorageFault, also from `fill`. */
export function readRankingFile(chunks: Iterable<Uint8Array>): RankingFile {
  checkByteOrder();
  const reader = new ChunkReader(chunks);
  const words: Rows = new Uint32Array(HEADER_WORDS);
  reader.read(bytesOf(words));
  checkHeader(words);
  const header = { awardPeriodId: words[FIELD.awardPeriodId]!, isFrozen: words[FIELD.flags] === 1 };
  return { header, fill: (tree) => fillTree(tree, words, reader) };
}

function headerWords({ awardPeriodId, isFrozen }: RankingFileHeader, count: number, rowsCrc: number): Rows {
  const words: Rows = new Uint32Array(HEADER_WORDS);
  words.set(MAGIC);
  words[FIELD.version] = VERSION;
  words[FIELD.rowBytes] = ROW_BYTES;
  words[FIELD.awardPeriodId] = awardPeriodId;
  words[FIELD.flags] = isFrozen ? 1 : 0;
  words[FIELD.count] = count;
  words[FIELD.countHigh] = count / 2 ** 32;
  words[FIELD.rowsCrc] = rowsCrc;
  words[FIELD.headerCrc] = crc32(words, 0, FIELD.headerCrc);
  return words;
}

function checkHeader(words: Rows): void {
  if (words[0] !== MAGIC[0] || words[1] !== MAGIC[1]) throw damaged('it does not begin as a ranking does');
  if (words[FIELD.headerCrc] !== crc32(words, 0, FIELD.headerCrc)) throw damaged('its header is damaged');
  const version = words[FIELD.version]!;
  if (version > VERSION) {
    throw new StorageFault('FORMAT_NEWER', `The ranking has format ${version}; this program knows up to ${VERSION}.`);
  }
  const isKnown = version === VERSION && words[FIELD.rowBytes] === ROW_BYTES && words[FIELD.flags]! <= 1;
  if (!isKnown) throw damaged('its header says what no version writes');
}

function fillTree(tree: CountedTree, header: Rows, reader: ChunkReader): void {
  const last: Rows = new Uint32Array(ROW_WORDS);
  let rowsCrc = 0;
  tree.load(header[FIELD.count]! + header[FIELD.countHigh]! * 2 ** 32, (piece) => {
    reader.read(bytesOf(piece));
    rowsCrc = crc32(piece, 0, piece.length, rowsCrc);
    checkOrder(last, piece);
    last.set(piece.subarray(-ROW_WORDS));
  });
  if (rowsCrc !== header[FIELD.rowsCrc]) throw damaged('its rows do not match their checksum');
  if (!reader.isAtEnd()) throw damaged('it goes on after its last row');
}

/** Ties need tax codes: `Ranking.checkInvariants` looks at those. */
function checkOrder(last: Rows, piece: Rows): void {
  if (piece.length === 0) return;
  let isInOrder = compareStandings(last, 0, piece, 0) <= 0;
  for (let at = ROW_WORDS; at < piece.length; at += ROW_WORDS) {
    if (compareStandings(piece, at - ROW_WORDS, piece, at) > 0) isInOrder = false;
  }
  if (!isInOrder) throw damaged('its rows are out of order');
}

/** Hands out bytes in other portions than they come in. */
class ChunkReader {
  readonly #chunks: Iterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);

  constructor(chunks: Iterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.iterator]();
  }

  /** Fills `target`, or throws StorageFault. */
  read(target: Uint8Array): void {
    let done = 0;
    while (done < target.length) {
      if (this.isAtEnd()) throw damaged('it ends too early');
      const part = this.#chunk.subarray(0, target.length - done);
      target.set(part, done);
      done += part.length;
      this.#chunk = this.#chunk.subarray(part.length);
    }
  }

  isAtEnd(): boolean {
    while (this.#chunk.length === 0) {
      const next = this.#chunks.next();
      if (next.done) return true;
      this.#chunk = next.value;
    }
    return false;
  }
}

function bytesOf(words: Rows): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

function damaged(what: string): StorageFault {
  return new StorageFault('RANKING_DAMAGED', `The file of a ranking cannot be used: ${what}.`);
}

function checkByteOrder(): void {
  invariant(bytesOf(new Uint32Array([1]))[0] === 1, 'rankings are written on little-endian machines only');
}
