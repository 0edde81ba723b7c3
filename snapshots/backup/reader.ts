/**
 * Reads the journals of a backup, whoever may be adding to it meanwhile: from segments of the archive, and from there on
 * of the tail. Segments are verified whole, records by checksum and chain, before anything is made of them.
 */
import { readFileSync } from 'node:fs';
import type { TurnRecord } from '../../engine/facts.ts';
import { StorageFault } from '../../engine/ports.ts';
import { checkFollowing, findSegments, lastHashOf, listSegments, recordsIn, type Segment } from '../lmdb/archive.ts';
import { hasCode, readFileIfThere } from '../lmdb/files.ts';
import {
  endOf,
  generationOf,
  genesisIn,
  type Manifest,
  manifestIn,
  pastPlacesOf,
  placeOf,
  placesOf,
} from '../lmdb/folder.ts';
import { archiveGenesis } from '../lmdb/layout.ts';
import { hashOf, openRecord, turnsIn } from '../record.ts';
import { backupDamaged, backupStorePaths, readIdentity, tailGenesis } from './layout.ts';

export class BackupReader {
  readonly folder: string;
  readonly manifest: Manifest;

  /**
   * @param manifest with the generation of stores to be read; by default that of the data folder
   * @throws StorageFault BACKUP_MISSING, BACKUP_DAMAGED, FORMAT_NEWER
   */
  constructor(folder: string, manifest = readIdentity(folder)) {
    if (manifest === null) {
      throw new StorageFault('BACKUP_MISSING', `${folder} is no backup: it has no backup.json`);
    }
    this.folder = folder;
    this.manifest = manifest;
  }

  get storeCount(): number {
    return this.manifest.shardCount;
  }

  get generation(): number {
    return generationOf(this.manifest);
  }

  /** Of stores as they were before they were dealt out anew. */
  in(generation: number): BackupReader {
    return new BackupReader(this.folder, manifestIn(this.manifest, generation));
  }

  /** Of all generations before this one, the first one first. */
  get past(): readonly BackupReader[] {
    return Array.from({ length: this.generation }, (_, generation) => this.in(generation));
  }

  /** The newest of which every store has a record at least, and all that was before it is here: others are under way. */
  get newest(): BackupReader {
    const places = placesOf(this.manifest);
    const isBegun = places.every(({ index }) => this.last(index) > 0);
    const isWhole = pastPlacesOf(this.manifest).every(
      (place) => this.in(place.generation).last(place.index) === endOf(this.manifest, place).sequence,
    );
    return this.generation === 0 || (isBegun && isWhole) ? this : this.in(this.generation - 1).newest;
  }

  /** Records of a store, as far as they go. @throws StorageFault at the first that is damaged or missing */
  turns(store: number, from = 1): Iterable<TurnRecord> {
    if (from > 1) return turnsIn(this.recordsFrom(store, from - 1), { sequence: from - 1, previousHash: null });
    const previousHash = genesisIn(this.manifest, placeOf(this.manifest, store));
    return turnsIn(this.recordsFrom(store, 1), { sequence: 1, previousHash });
  }

  /** Segments before the one that a record is in are whole, and follow each other. They are not unpacked. */
  checkBefore(store: number, sequence: number): void {
    for (let next = 1; next < sequence; ) {
      const { segment, bytes, hashBefore } = this.#holding(store, next);
      checkFollowing(bytes, segment, hashBefore);
      next = segment.last + 1;
    }
  }

  /** As they lie there, not checked one by one. */
  *recordsFrom(store: number, sequence: number): Iterable<Buffer> {
    let next = sequence;
    while (next <= this.last(store)) {
      const { segment, bytes, hashBefore } = this.#holding(store, next);
      let at = segment.first;
      for (const record of recordsIn(bytes, segment, hashBefore)) {
        if (at >= next) yield record;
        at += 1;
      }
      next = segment.last + 1;
    }
  }

  /** The same, opened. */
  *turnsFrom(store: number, sequence: number): Iterable<TurnRecord> {
    for (const bytes of this.recordsFrom(store, sequence)) yield openRecord(bytes);
  }

  /** The programme's time at a cut; 0 where nothing is before it. */
  lastMsOf(vector: readonly number[]): number {
    return vector.reduce((lastMs, sequence, store) => {
      if (sequence === 0) return lastMs;
      for (const { nowMs } of this.turnsFrom(store, sequence)) return Math.max(lastMs, nowMs);
      return lastMs;
    }, 0);
  }

  /** By store: sequence of the last record; 0 = none. */
  get lasts(): readonly number[] {
    return placesOf(this.manifest).map(({ index }) => this.last(index));
  }

  /** The programme's time when all stores had begun. */
  get firstMs(): number {
    return this.lastMsOf(placesOf(this.manifest).map(() => 1));
  }

  /** Hexadecimal; of the genesis where the sequence is 0. */
  hashAt(store: number, sequence: number): string {
    if (sequence === 0) return genesisIn(this.manifest, placeOf(this.manifest, store)).toString('hex');
    const [record] = this.recordsFrom(store, sequence);
    return record === undefined ? '' : hashOf(record).toString('hex');
  }

  /** Sequence of the last record; 0 = none. */
  last(store: number): number {
    const { archive, tail } = this.segments(store);
    return [...archive, ...tail].reduce((last, segment) => Math.max(last, segment.last), 0);
  }

  /** @throws StorageFault ARCHIVE_DAMAGED where one is missing */
  segments(store: number): { readonly archive: readonly Segment[]; readonly tail: readonly Segment[] } {
    const paths = backupStorePaths(this.folder, placeOf(this.manifest, store));
    // In this order: what is moved meanwhile is seen in both, or in the later one.
    const tail = ifThere(() => listSegments(paths.tail)) ?? [];
    return { archive: ifThere(() => findSegments(paths.archive)) ?? [], tail };
  }

  /** The segment that a record is in, whole. */
  #holding(store: number, sequence: number): Held {
    const { archive, tail } = this.segments(store);
    const index = archive.findIndex(({ first, last }) => first <= sequence && sequence <= last);
    if (index >= 0) {
      const segment = archive[index]!;
      const before = archive[index - 1];
      const hashBefore = before === undefined ? archiveGenesis(placeOf(this.manifest, store)) : lastHashOf(before);
      return { segment, bytes: readFileSync(segment.path), hashBefore };
    }
    const held = tail.filter(({ first, last }) => first <= sequence && sequence <= last);
    if (held.length === 0) {
      const { tail: path } = backupStorePaths(this.folder, placeOf(this.manifest, store));
      throw backupDamaged(path, `has no record ${sequence}`);
    }
    const segment = held.reduce((best, other) => (other.last > best.last ? other : best));
    const bytes = readFileIfThere(segment.path);
    // Whoever adds to the backup has put its records elsewhere since: look again.
    if (bytes === null) return this.#holding(store, sequence);
    return { segment, bytes, hashBefore: tailGenesis(placeOf(this.manifest, store)) };
  }
}

interface Held {
  readonly segment: Segment;
  readonly bytes: Buffer;
  readonly hashBefore: Buffer;
}

function ifThere<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}
