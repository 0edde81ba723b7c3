/**
 * Adds to a backup what it lacks of a data folder, and makes cuts of it. An engine may go on working meanwhile: segments
 * never change, records are asked of whoever has the journal open, and where all stores are is asked twice. What was
 * flushed at the first time stays inside, so only what came between the two is looked at for a cut that is closed.
 */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { StorageFault } from '../../engine/ports.ts';
import { endOf, explained, generationOf, type Manifest, manifestIn, pastPlacesOf, placesOf } from '../lmdb/folder.ts';
import { lockFile } from '../lmdb/lock.ts';
import type { StorePlace } from '../store-place.ts';
import { copyBase, dropBases, readBases, sealBase, type UnsealedBase } from './base.ts';
import { Closure } from './closure.ts';
import { dropErrors, ErrorsCopy } from './errors-copy.ts';
import { KeyCopy } from './key-copy.ts';
import {
  type Cut,
  checkNewCutName,
  keysBeside,
  makeFolders,
  otherHistory,
  readCuts,
  readIdentity,
  writeCut,
  writeIdentity,
} from './layout.ts';
import { BackupReader } from './reader.ts';
import type { BackupSource, OnBackupPoint, StorePosition } from './source.ts';
import { StoreCopy } from './store-copy.ts';

export interface BackupWriterOptions {
  readonly source: BackupSource;
  /** Made when it is not there. */
  readonly folder: string;
  /** For the keys; default `folder` with `.keys` behind it. */
  readonly keys?: string | undefined;
  readonly onPoint?: OnBackupPoint | undefined;
  /** Packed bytes of records below which no base is due; see `BASE_DUE`. */
  readonly baseBytesMin?: number | undefined;
}

/** Whether a cut is to have a base: `due` = when much has come since the last one. */
export type BaseWish = 'always' | 'due' | 'never';

export interface MadeCut extends Cut {
  readonly hasBase: boolean;
  /** Why one that was due could not be made: the cut is as good, a restore takes longer. */
  readonly baseFault: string | null;
}

/**
 * A base is due when what came after the last one has more than a quarter of what was before: so at most a fifth of the
 * journal is folded by a restore, and all bases ever made have five times the bytes of the last one. Folding takes half a
 * second of a processor for each packed megabyte; below a few of them nobody waits.
 */
const BASE_DUE = { share: 1 / 4, bytesMin: 16_777_216 } as const;

export class BackupWriter {
  readonly folder: string;
  readonly keys: string;
  readonly #source: BackupSource;
  readonly #onPoint: OnBackupPoint;
  readonly #baseBytesMin: number;
  /** Of stores that are past, which grow no more. */
  readonly #past: readonly StoreCopy[];
  readonly #stores: readonly StoreCopy[];
  readonly #keyCopy: KeyCopy;
  readonly #errorsCopy: ErrorsCopy;
  readonly #unlock: () => void;
  /** One thing at a time. */
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @throws StorageFault FOLDER_IN_USE while another process adds to it; BACKUP_OF_ANOTHER, BACKUP_OTHER_HISTORY where
   *   it is of another data folder, or of this one before it was restored; BACKUP_DAMAGED, ARCHIVE_DAMAGED,
   *   FOLDER_NOT_WRITABLE, STORAGE_FULL, FLOCK_MISSING
   */
  static async open(options: BackupWriterOptions): Promise<BackupWriter> {
    const { source, folder, keys = keysBeside(folder), onPoint = () => {}, baseBytesMin = BASE_DUE.bytesMin } = options;
    return explaining(folder, async () => {
      makeFolders(folder, keys);
      const unlock = lockFile(join(folder, 'lock'));
      try {
        const isToBeClaimed = checkClaim(folder, source);
        const openCopies = async (places: readonly StorePlace[]) => {
          const copies: StoreCopy[] = [];
          for (const place of places) copies.push(await StoreCopy.open({ source, folder, place, onPoint }));
          return copies;
        };
        const past = await openCopies(pastPlacesOf(source.manifest));
        const stores = await openCopies(placesOf(source.manifest));
        if (isToBeClaimed) writeIdentity(folder, source.manifest);
        return new BackupWriter({ source, folder, keys, onPoint, baseBytesMin }, { past, stores }, unlock);
      } catch (error) {
        unlock();
        throw error;
      }
    });
  }

  private constructor(
    {
      source,
      folder,
      keys,
      onPoint,
      baseBytesMin,
    }: Required<{ [K in keyof BackupWriterOptions]: NonNullable<BackupWriterOptions[K]> }>,
    { past, stores }: { readonly past: readonly StoreCopy[]; readonly stores: readonly StoreCopy[] },
    unlock: () => void,
  ) {
    this.folder = folder;
    this.keys = keys;
    this.#source = source;
    this.#onPoint = onPoint;
    this.#baseBytesMin = baseBytesMin;
    this.#past = past;
    this.#stores = stores;
    this.#keyCopy = new KeyCopy({ source, folder, keys });
    this.#errorsCopy = new ErrorsCopy({ from: source.folder, folder });
    this.#unlock = unlock;
  }

  /** Of each store, the last record that is here. */
  get vector(): readonly number[] {
    return this.#stores.map(({ last }) => last);
  }

  /** Brings all that is flushed by now. */
  bring(): Promise<void> {
    return this.#inTurn(async () => {
      const errors = await this.#errorsCopy.bring(false);
      await this.#bring(await this.#source.positions());
      this.#errorsCopy.list(errors, 'newest');
    });
  }

  /**
   * Makes a named cut: all that was acknowledged before the call is inside.
   * @throws StorageFault CUT_NAME_INVALID, CUT_EXISTS; ROWS_NOT_COPIED, ROW_DAMAGED where a base was asked for
   */
  cut(name: string | undefined, now: Date, wish: BaseWish = 'never'): Promise<MadeCut> {
    return this.#inTurn(async () => {
      const chosen = name ?? freeName(this.folder, now);
      checkNewCutName(this.folder, chosen);
      const { base, baseFault } = await this.#copyBase(chosen, wish);
      const errors = await this.#errorsCopy.bring(true);
      const first = await this.#source.positions();
      const second = await this.#source.positions();
      await this.#bring(second);
      this.#errorsCopy.list(errors, 'newest');
      const { vector, lastMs } = this.#close(first, second);
      if (base !== null) await sealBase(base, vector, new BackupReader(this.folder));
      this.#errorsCopy.list(errors, { name: chosen });
      this.#onPoint('backup-cut');
      const generation = generationOf(this.#source.manifest);
      const cut = writeCut(this.folder, { name: chosen, createdAt: now.toISOString(), lastMs, generation, vector });
      dropBases(this.folder, readCuts(this.folder));
      dropErrors(this.folder);
      return { ...cut, hasBase: base !== null, baseFault };
    });
  }

  /** Waits for what is under way. */
  close(): Promise<void> {
    return this.#inTurn(async () => this.#unlock());
  }

  /** Records before keys would let a kill in between leave records whose keys are not here. */
  async #bring(positions: readonly StorePosition[]): Promise<void> {
    await this.#keyCopy.bring(positions);
    this.#onPoint('backup-keys');
    for (const copy of this.#past) await copy.bring(endOf(this.#source.manifest, copy.place).sequence);
    for (const [index, { sequence }] of positions.entries()) await this.#stores[index]!.bring(sequence);
  }

  /** What takes long comes before it, so that little lies between the base and its cut. */
  async #copyBase(name: string, wish: BaseWish): Promise<{ base: UnsealedBase | null; baseFault: string | null }> {
    const none = { base: null, baseFault: null };
    if (wish === 'never') return none;
    await this.#bring(await this.#source.positions());
    if (wish === 'due' && !this.#isBaseDue()) return none;
    try {
      const base = await copyBase(this.folder, name, this.#source);
      this.#onPoint('backup-base');
      return { base, baseFault: null };
    } catch (fault) {
      if (wish === 'always' || !(fault instanceof StorageFault)) throw fault;
      return { base: null, baseFault: `${fault.code}: ${fault.message}` };
    }
  }

  #isBaseDue(): boolean {
    const generation = generationOf(this.#source.manifest);
    const newest = readBases(this.folder).bases.find((base) => base.generation === generation);
    let [before, since] = [0, 0];
    for (const copy of [...this.#past, ...this.#stores]) {
      const { generation: of, index } = copy.place;
      // All that is past is in a base of today's stores.
      const covered = newest === undefined ? 0 : of < generation ? copy.last : newest.vector[index]!;
      for (const { path, first, last } of copy.segments()) {
        const { size } = statSync(path);
        const newer = Math.min(1, Math.max(0, last - covered) / (last - first + 1));
        before += size * (1 - newer);
        since += size * newer;
      }
    }
    return since > Math.max(this.#baseBytesMin, BASE_DUE.share * before);
  }

  #close(first: readonly StorePosition[], second: readonly StorePosition[]) {
    const reader = new BackupReader(this.folder);
    const closure = new Closure(
      first.map(({ sequence }) => sequence),
      first.flatMap(({ partitions }) => partitions),
    );
    for (const [index, { sequence: end }] of second.entries()) {
      for (const turn of reader.turnsFrom(index, first[index]!.sequence + 1)) {
        if (turn.sequence > end) break;
        closure.take(index, turn);
      }
    }
    const { vector } = closure.cut();
    return { vector, lastMs: reader.lastMsOf(vector) };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(() => explaining(this.folder, work));
    this.#last = done.catch(() => undefined);
    return done;
  }
}

/**
 * A folder that was raised to another format, or whose stores were dealt out anew since, takes its backup along.
 * @returns whether the backup says something else of it as yet
 */
function checkClaim(folder: string, { manifest }: BackupSource): boolean {
  const of = readIdentity(folder);
  if (of === null) return true;
  if (of.folderId !== manifest.folderId) {
    throw new StorageFault('BACKUP_OF_ANOTHER', `${folder} is the backup of another data folder: choose a new one`);
  }
  const generation = generationOf(of);
  if (generation > generationOf(manifest) || !hasStoresOf(manifestIn(manifest, generation), of)) {
    throw otherHistory(folder, `with stores of generation ${generation}`);
  }
  return generation < generationOf(manifest) || of.format < manifest.format;
}

function hasStoresOf(one: Manifest, other: Manifest): boolean {
  return isDeepStrictEqual([one.shardCount, one.past ?? []], [other.shardCount, other.past ?? []]);
}

/** `2020-12-08T10-00-00Z`, and a number where that is taken. */
function freeName(folder: string, now: Date): string {
  const base = `${now.toISOString().slice(0, 19).replaceAll(':', '-')}Z`;
  const taken = new Set(readCuts(folder).map(({ name }) => name));
  for (let number = 2, name = base; ; number += 1) {
    if (!taken.has(name)) return name;
    name = `${base}-${number}`;
  }
}

async function explaining<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explained(folder, error);
  }
}
