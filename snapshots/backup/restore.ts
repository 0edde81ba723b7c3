/**
 * A data folder out of a backup, as it was at a cut, at a moment, or at the end. The backup is read and verified up to
 * there before anything is made of it; then records are put in their places, and rows are folded out of them by the
 * engine's own fold, from the beginning or on top of a base (base.ts). The manifest comes last: what a kill leaves is no folder, and may be begun again.
 *
 * The folder keeps its name, since personal data is sealed to it, and goes on in an epoch that no record of the backup
 * has. What the old folder wrote after the cut names other records before it, and never fits behind this one's.
 */

import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PARTITION_COUNT } from '../../engine/contract.ts';
import { LIMITS } from '../../engine/limits.ts';
import { StorageFault } from '../../engine/ports.ts';
import { rebuildRows } from '../../engine/shard/rebuild.ts';
import { FORMAT } from '../codec/formats.ts';
import { type Archive, segmentName } from '../lmdb/archive.ts';
import { openEnvironment } from '../lmdb/environment.ts';
import { syncFolder } from '../lmdb/files.ts';
import {
  allPlacesOf,
  endOf,
  explained,
  type Folder,
  finishFolder,
  generationOf,
  type Manifest,
  placesOf,
  readKeys,
  restartFolder,
} from '../lmdb/folder.ts';
import { openArchive, type StorePaths, storePaths } from '../lmdb/layout.ts';
import { type FileStore, openFileStore, openPastStores } from '../lmdb/persistence.ts';
import { RecordDatabase } from '../lmdb/record-database.ts';
import { readErased } from '../lmdb/slot-file.ts';
import { pastTurns } from '../past-turns.ts';
import { openRecord } from '../record.ts';
import { lastingSlot, type StorePlace, slotOf, storeName } from '../store-place.ts';
import { type Base, placeBase } from './base.ts';
import { placeErrors } from './errors-copy.ts';
import { chooseBase, errorsOf, type ReadBackup, readBackup, readerOf, type Until } from './inspection.ts';
import { eraseSlots, noteErased, openKeyCopies } from './key-copy.ts';
import { backupStorePaths, keyPaths, keysBeside, makeFolders } from './layout.ts';
import { BackupReader } from './reader.ts';
import type { OnBackupPoint } from './source.ts';
import { copySegment } from './store-copy.ts';

export interface RestoreOptions {
  /** The backup, or what was shipped. */
  readonly backup: string;
  /** Its keys; default `backup` with `.keys` behind it. */
  readonly keys?: string | undefined;
  /** The new data folder: empty, or not there. */
  readonly folder: string;
  readonly until?: Until | undefined;
  /** Folds all rows from the first record, whatever base there is. */
  readonly withoutBase?: boolean | undefined;
  readonly onPoint?: OnBackupPoint | undefined;
  /** For tests: see `rebuildRows`. */
  readonly rowCount?: number | undefined;
}

export interface Restored {
  readonly vector: readonly number[];
  /** The programme's time of the last record. */
  readonly lastMs: number;
  /** In which the folder goes on, at least. */
  readonly epoch: number;
  /** Keys that had been destroyed and are not given back. */
  readonly erasedCount: number;
  /** Name of the base that the rows began with; null = they were folded from the first record. */
  readonly base: string | null;
  /** Bases that would have been taken, were they not damaged: one line for each. */
  readonly damagedBases: readonly string[];
  /** Files with bad lines that are there again. */
  readonly errorFileCount: number;
  /** Those that are not, since they are damaged: one line for each. */
  readonly damagedErrors: readonly string[];
}

/**
 * @throws StorageFault BACKUP_MISSING, BACKUP_EMPTY, CUT_UNKNOWN; BACKUP_DAMAGED, ARCHIVE_DAMAGED, JOURNAL_DAMAGED, KEYS_DAMAGED,
 *   FORMAT_NEWER; KEY_MISMATCH; FOLDER_NOT_EMPTY, FOLDER_IN_USE, FOLDER_NOT_WRITABLE, STORAGE_FULL
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { backup, keys = keysBeside(backup), until = 'end' } = options;
  const whole = new BackupReader(backup);
  const reader = readerOf(whole, until);
  const folderKeys = readKeys(keys, reader.manifest.folderId);
  const { base, damaged } =
    options.withoutBase === true ? { base: null, damaged: [] } : await chooseBase(reader, until);
  const read = readBackup(reader, until, base);
  if (reader.generation === 0 && read.vector.every((last) => last === 0)) {
    throw new StorageFault('BACKUP_EMPTY', `${backup} has no records up to there: there is nothing to restore`);
  }
  const erased = new Map(
    allPlacesOf(reader.manifest).map((place) => [storeName(place), erasedIn(backup, keys, place)]),
  );
  await checkKeys(keys, reader, read, erased);
  const epoch = 1 + Math.max(...read.vector.map((_, index) => lastEpochOf(reader, index)));

  // Its records may be of any format; its rows are made now.
  const manifest = { ...reader.manifest, format: FORMAT };
  const folder = restartFolder(options.folder, { manifest, keys: folderKeys });
  try {
    const damage = await new Restore({ ...options, keys }, { reader, read, base, erased, epoch, folder }).run();
    const of = errorsOf(reader, whole, until);
    const errors = of === null ? { count: 0, damaged: [] } : placeErrors(backup, of, options.folder);
    finishFolder(folder);
    const erasedCount = [...erased.values()].reduce((sum, slots) => sum + slots.length, 0);
    const lastMs = reader.lastMsOf(read.vector);
    const used = damage === null ? base : null;
    const damagedBases = damage === null ? damaged : [...damaged, damage];
    return {
      ...{ vector: read.vector, lastMs, epoch, erasedCount, base: used?.name ?? null, damagedBases },
      ...{ errorFileCount: errors.count, damagedErrors: errors.damaged },
    };
  } catch (error) {
    throw explained(options.folder, error);
  } finally {
    folder.unlock();
  }
}

interface Work {
  readonly reader: BackupReader;
  readonly read: ReadBackup;
  readonly base: Base | null;
  /** By the name of a store, of any generation: slots whose keys are to be gone. */
  readonly erased: ReadonlyMap<string, readonly number[]>;
  readonly epoch: number;
  readonly folder: Folder;
}

class Restore {
  readonly #options: RestoreOptions & { readonly keys: string };
  readonly #work: Work;
  readonly #onPoint: OnBackupPoint;

  constructor(options: RestoreOptions & { readonly keys: string }, work: Work) {
    this.#options = options;
    this.#work = work;
    this.#onPoint = options.onPoint ?? (() => {});
  }

  /** @returns what is wrong with the base, so that it was not used after all; null = nothing */
  async run(): Promise<string | null> {
    const { folder, read, reader, base } = this.#work;
    for (const past of reader.past) {
      for (const place of placesOf(past.manifest)) {
        await this.#putStore(past, place, endOf(folder.manifest, place).sequence);
      }
    }
    for (const place of placesOf(folder.manifest)) await this.#putStore(reader, place, read.vector[place.index]!);
    const damage = base === null ? null : await this.#putBase(base);
    this.#onPoint('restore-base');
    for (const place of placesOf(folder.manifest)) {
      await this.#foldRows(place.index);
      const { paths, aside } = asideOf(folder, place);
      rmSync(aside, { recursive: true, force: true });
      syncFolder(paths.folder);
    }
    syncFolder(folder.path);
    return damage;
  }

  /**
   * Its bytes are those that were copied; whether what was copied was sound is seen when all of it is read. That is done
   * beside the rows' place, where other rows may have to be made: LMDB is never to mistake one file for the other.
   */
  async #putBase(base: Base): Promise<string | null> {
    const { folder, reader } = this.#work;
    const asides = placesOf(folder.manifest).map((place) => ({ place, ...asideOf(folder, place) }));
    try {
      for (const { place, paths, aside } of asides) {
        await placeBase(reader.folder, base, place, aside);
        const store = await openFileStore(folder, place.index, () => {}, { ...paths, rows: aside });
        await whileOpen([store], async () => store.rows.verify());
      }
    } catch (fault) {
      if (!(fault instanceof StorageFault)) throw fault;
      return `base ${base.name}: ${fault.code}, ${fault.message}`;
    }
    for (const { paths, aside } of asides) renameSync(aside, paths.rows);
    return null;
  }

  async #putStore(reader: BackupReader, place: StorePlace, last: number): Promise<void> {
    const paths = storePaths(this.#work.folder.path, place);
    await this.#putKeys(place, paths);
    this.#onPoint('restore-keys');
    makeFolders(join(paths.archive, '..'), paths.archive);
    await this.#putRecords(reader, place, { last, paths });
  }

  async #putKeys(place: StorePlace, { slots, erased: list }: StorePaths): Promise<void> {
    const erased = this.#work.erased.get(storeName(place))!;
    copyFileSync(keyPaths(this.#options.keys, place).slots, slots);
    await noteErased(list, erased);
    await eraseSlots(slots, erased);
  }

  /** The newest stays in the journal, all before it are archived: segments as they are, what else there is in new ones. */
  async #putRecords(reader: BackupReader, place: StorePlace, { last, paths }: Ending): Promise<void> {
    const [newest] = last === 0 ? [] : reader.recordsFrom(place.index, last);
    await this.#putNewest(newest ?? null, { last, paths }, openArchive(paths.archive, place));
    this.#onPoint('restore-journal');
    for (const segment of reader.segments(place.index).archive) {
      if (segment.last < last) await copySegment(segment, join(paths.archive, segmentName(segment)));
    }
    const archive = openArchive(paths.archive, place);
    await archiveRest(archive, reader.recordsFrom(place.index, archive.last + 1), last - 1);
    this.#onPoint('restore-archive');
  }

  async #putNewest(newest: Buffer | null, { last, paths }: Ending, archive: Archive): Promise<void> {
    const { database } = openEnvironment(paths.journal);
    try {
      const journal = new RecordDatabase(database, archive, () => {});
      await journal.setEpoch(this.#work.epoch);
      if (newest !== null) await journal.putFirst(last, newest);
    } finally {
      await database.close();
    }
  }

  async #foldRows(index: number): Promise<void> {
    const { folder, read, base, erased } = this.#work;
    const store = await openFileStore(folder, index, () => {});
    const past = openPastStores(folder);
    await whileOpen([store, ...past], async () => {
      await rebuildRows({
        store,
        past: pastTurns(past, (partition) => partition % read.vector.length === index),
        isTaken: ({ from, to, sequence }) => sequence <= read.taken(from, to),
        rowCount: this.#options.rowCount,
        onPoint: () => this.#onPoint('restore-rows'),
      });
      if (base !== null) checkWallets(store, erasedNumbers(folder.manifest, erased, index));
    });
  }
}

function asideOf({ path }: Folder, place: StorePlace): { readonly paths: StorePaths; readonly aside: string } {
  const paths = storePaths(path, place);
  return { paths, aside: `${paths.rows}-base` };
}

async function whileOpen(opened: readonly { close(): Promise<void> }[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    for (const one of opened) await one.close();
  }
}

interface Ending {
  /** Sequence of the last record that the store is to have. */
  readonly last: number;
  readonly paths: StorePaths;
}

/** As wallets of one store name them; in the first generation two stores mean two keys by one number. */
function erasedNumbers(manifest: Manifest, erased: Work['erased'], index: number): ReadonlySet<number> {
  const numbers = new Set<number>();
  for (const place of allPlacesOf(manifest)) {
    const isPast = place.generation < generationOf(manifest);
    if (!isPast && place.index !== index) continue;
    for (const at of erased.get(storeName(place))!) {
      const slot = slotOf({ ...place, at });
      numbers.add(isPast ? lastingSlot(slot, place) : slot);
    }
  }
  return numbers;
}

/** Who was in the base, whose enrolments were not read: has a key, or was erased. */
function checkWallets({ rows, vault }: FileStore, erased: ReadonlySet<number>): void {
  for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
    for (const [, { value }] of rows.scan('wallet', partition)) {
      if (!erased.has(value.slot) && !vault.hasKey(value.slot)) throw keyMissing('the folder of keys', value.slot);
    }
  }
}

/** What the archive lacks of records up to `last`. */
async function archiveRest(archive: Archive, records: Iterable<Buffer>, last: number): Promise<void> {
  let rest: Buffer[] = [];
  let bytes = 0;
  for (const record of records) {
    if (archive.last + rest.length >= last) break;
    rest.push(record);
    bytes += record.length;
    if (bytes < LIMITS.archiveSegmentBytesMax) continue;
    await archive.checkWritten(await archive.write(archive.last + 1, rest));
    [rest, bytes] = [[], 0];
  }
  if (rest.length > 0) await archive.checkWritten(await archive.write(archive.last + 1, rest));
}

/** Of all that is in the backup, also past the cut. */
function lastEpochOf(reader: BackupReader, store: number): number {
  const last = reader.last(store);
  if (last > 0) for (const record of reader.recordsFrom(store, last)) return openRecord(record).epoch;
  return 0;
}

/** By the lists of both copies, whichever is newer: who was erased after the cut stays so. */
function erasedIn(backup: string, keys: string, place: StorePlace): readonly number[] {
  const lists = [backupStorePaths(backup, place).erased, keyPaths(keys, place).erased];
  return [...new Set(lists.flatMap(readErased))];
}

/** Of every citizen who is in the backup and was not erased. */
async function checkKeys(keys: string, reader: BackupReader, read: ReadBackup, erased: Work['erased']): Promise<void> {
  const { vaults, close } = await openKeyCopies(keys, reader.manifest);
  try {
    for (const [number, place] of allPlacesOf(reader.manifest).entries()) {
      const [slots, vault] = [read.slots[number]!, vaults[number]!];
      for (const at of erased.get(storeName(place))!) slots[at] = 0;
      const missing = slots.findIndex((isNamed, at) => isNamed === 1 && !vault.hasKey(slotOf({ ...place, at })));
      if (missing === -1) continue;
      throw keyMissing(keyPaths(keys, place).slots, missing);
    }
  } finally {
    await close();
  }
}

function keyMissing(where: string, slot: number): StorageFault {
  const text = `${where} has no key ${slot}: damaged, or older than the backup; take another copy`;
  return new StorageFault('KEYS_DAMAGED', text);
}
