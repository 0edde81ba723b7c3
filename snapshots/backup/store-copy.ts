/** The journal of one store in a backup, and bringing it to where the store is. What is there is not copied again. */

import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { StorageFault } from '../../engine/ports.ts';
import {
  findSegments,
  lastRecordIn,
  listSegments,
  recordsIn,
  type Segment,
  sealSegment,
  segmentName,
} from '../lmdb/archive.ts';
import { createFileDurably, syncFolder, writeFully } from '../lmdb/files.ts';
import { generationOf, genesisIn } from '../lmdb/folder.ts';
import { removeUnfinished, storePaths } from '../lmdb/layout.ts';
import { checkChain, checkRecord, HASH_BYTES, hashOf } from '../record.ts';
import { type StorePlace, storeName } from '../store-place.ts';
import {
  type BackupStorePaths,
  backupDamaged,
  backupStoreFolder,
  backupStorePaths,
  makeFolders,
  otherHistory,
  tailGenesis,
} from './layout.ts';
import type { BackupSource, OnBackupPoint } from './source.ts';

const PIECE_BYTES = 1_048_576;
/** Uncompressed bytes of one segment of the tail, about. */
const TAIL_BYTES_MAX = 4_194_304;

export interface StoreCopyOptions {
  readonly source: BackupSource;
  /** Of the backup. */
  readonly folder: string;
  readonly place: StorePlace;
  readonly onPoint: OnBackupPoint;
}

interface TailSegment extends Segment {
  /** Of its records. */
  readonly bytes: number;
}

interface Gathered {
  readonly records: readonly Buffer[];
  readonly bytes: number;
  readonly lastHash: Buffer;
}

export class StoreCopy {
  readonly #options: StoreCopyOptions;
  readonly #paths: BackupStorePaths;
  #archiveLast: number;
  #tail: TailSegment[];
  /** Of the newest record that is here. */
  #last: number;
  #lastHash: Buffer;

  /** @throws StorageFault BACKUP_OTHER_HISTORY where the store does not go on from what is here */
  static async open(options: StoreCopyOptions): Promise<StoreCopy> {
    const copy = new StoreCopy(options);
    await copy.#checkHistory();
    return copy;
  }

  private constructor(options: StoreCopyOptions) {
    const { source, folder, place } = options;
    this.#options = options;
    this.#paths = backupStorePaths(folder, place);
    makeFolders(backupStoreFolder(folder, place), this.#paths.archive, this.#paths.tail);
    removeUnfinished(this.#paths.archive);
    removeUnfinished(this.#paths.tail);
    const archive = findSegments(this.#paths.archive);
    this.#archiveLast = archive.at(-1)?.last ?? 0;
    // What it takes is not known: none of these is added to.
    this.#tail = listSegments(this.#paths.tail).map((segment) => ({ ...segment, bytes: TAIL_BYTES_MAX }));
    const newest = [...archive.slice(-1), ...this.#tail].reduce<Segment | null>(
      (best, other) => (best === null || other.last > best.last ? other : best),
      null,
    );
    this.#last = newest?.last ?? 0;
    this.#lastHash =
      newest === null ? genesisIn(source.manifest, place) : hashOf(lastRecordIn(readFileSync(newest.path), newest));
    this.#removeCovered();
  }

  get last(): number {
    return this.#last;
  }

  get place(): StorePlace {
    return this.#options.place;
  }

  segments(): readonly Segment[] {
    return [...findSegments(this.#paths.archive), ...this.#tail];
  }

  /** Durable when resolved. Nothing past `sequence` comes along: its keys may not be here. */
  async bring(sequence: number): Promise<void> {
    await this.#copyArchive(sequence);
    this.#removeCovered();
    while (this.#last < sequence) await this.#addTail(await this.#gather(sequence));
    this.#removeCovered();
  }

  /** Each record names the one before it: if the newest here is the store's own, so are all others. */
  async #checkHistory(): Promise<void> {
    if (this.#last === 0) return;
    const { source, place, folder } = this.#options;
    const [record] = await source.records(place, this.#last);
    if (record !== undefined && hashOf(record).equals(this.#lastHash)) return;
    throw otherHistory(folder, `after record ${this.#last} of store ${storeName(place)}`);
  }

  /**
   * Not the newest: where an engine dies before the records of that one have left the journal, the next engine writes it
   * anew, and longer. Its records are asked for one by one, like those that are in no segment yet. In a store that is past
   * nobody writes any more.
   */
  async #copyArchive(sequence: number): Promise<void> {
    const { source, place, onPoint } = this.#options;
    const segments = findSegments(storePaths(source.folder, place).archive);
    const isPast = place.generation < generationOf(source.manifest);
    for (const segment of isPast ? segments : segments.slice(0, -1)) {
      if (segment.last <= this.#archiveLast) continue;
      if (segment.last > sequence) return;
      if (segment.first !== this.#archiveLast + 1) {
        throw backupDamaged(this.#paths.archive, `ends at ${this.#archiveLast}, which ${segment.path} does not follow`);
      }
      await copySegment(segment, join(this.#paths.archive, segmentName(segment)));
      this.#archiveLast = segment.last;
      onPoint('backup-segment');
      if (segment.last <= this.#last) continue;
      this.#last = segment.last;
      this.#lastHash = hashOf(lastRecordIn(readFileSync(segment.path), segment));
    }
  }

  /** What comes next, checked: nothing is kept that does not follow. */
  async #gather(sequence: number): Promise<Gathered> {
    const { source, place } = this.#options;
    const records: Buffer[] = [];
    let bytes = 0;
    let at = this.#last;
    let lastHash = this.#lastHash;
    while (at < sequence && bytes < TAIL_BYTES_MAX) {
      const more = await source.records(place, at + 1);
      if (more.length === 0)
        throw new StorageFault('JOURNAL_DAMAGED', `store ${storeName(place)} has no record ${at + 1}`);
      for (const record of more) {
        if (at === sequence) break;
        at += 1;
        checkRecord(record, at);
        checkChain(record, at, lastHash);
        lastHash = hashOf(record);
        records.push(record);
        bytes += record.length;
      }
    }
    return { records, bytes, lastHash };
  }

  /**
   * As one segment with those before it that are not larger: so many small steps leave few files, and each record is
   * written again a few times at most.
   */
  async #addTail({ lastHash, ...added }: Gathered): Promise<void> {
    const { place, onPoint } = this.#options;
    const hashBefore = tailGenesis(place);
    let { records, bytes } = added;
    let first = this.#last + 1;
    const kept = [...this.#tail];
    const replaced: Segment[] = [];
    for (let before = kept.at(-1); before !== undefined && before.last === first - 1; before = kept.at(-1)) {
      if (before.bytes > bytes || bytes + before.bytes > TAIL_BYTES_MAX) break;
      records = [...recordsIn(readFileSync(before.path), before, hashBefore), ...records];
      first = before.first;
      bytes += before.bytes;
      replaced.push(kept.pop()!);
    }
    const last = first + records.length - 1;
    const path = join(this.#paths.tail, segmentName({ first, last }));
    const { bytes: sealed } = await sealSegment(first, records, hashBefore);
    await createFileDurably(path, (file) => writeFully(file, sealed, null));
    onPoint('backup-tail');
    this.#tail = [...kept, { first, last, path, bytes }];
    this.#last = last;
    this.#lastHash = lastHash;
    for (const segment of replaced) rmSync(segment.path);
  }

  /** What the archive has, or another segment of the tail. */
  #removeCovered(): void {
    const isCovered = (segment: Segment) =>
      segment.last <= this.#archiveLast ||
      this.#tail.some((other) => other !== segment && other.first <= segment.first && other.last >= segment.last);
    const covered = this.#tail.filter(isCovered);
    if (covered.length === 0) return;
    for (const segment of covered) rmSync(segment.path);
    this.#tail = this.#tail.filter((segment) => !covered.includes(segment));
    syncFolder(this.#paths.tail);
  }
}

/** Piece by piece, checked on the way: a damaged segment makes no backup. */
export async function copySegment({ path }: Segment, to: string): Promise<void> {
  const from = await open(path, 'r');
  try {
    await createFileDurably(to, (file) => copyChecked(from, file, path));
  } finally {
    await from.close();
  }
}

async function copyChecked(from: FileHandle, to: FileHandle, path: string): Promise<void> {
  const { size } = await from.stat();
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  const end = Buffer.alloc(HASH_BYTES);
  const endAt = Math.max(0, size - HASH_BYTES);
  for (let at = 0; at < size; ) {
    const { bytesRead } = await from.read(piece, 0, PIECE_BYTES, at);
    const bytes = piece.subarray(0, bytesRead);
    if (bytesRead === 0) break;
    const hashed = bytes.subarray(0, Math.max(0, endAt - at));
    hash.update(hashed);
    if (hashed.length < bytesRead) bytes.subarray(hashed.length).copy(end, at + hashed.length - endAt);
    await writeFully(to, bytes, null);
    at += bytesRead;
  }
  if (!hash.digest().equals(end)) {
    throw new StorageFault('ARCHIVE_DAMAGED', `${path} fails its checksum: it cannot be copied`);
  }
}
