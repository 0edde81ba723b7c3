/**
 * Adds to a backup what it lacks of a data folder, and makes cuts of it. An engine may go on working meanwhile: segments
 * never change, records are asked of whoever has the journal open, and where all stores are is asked twice. What was
 * flushed at the first time stays inside, so only what came between the two is looked at for a cut that is closed.
 */

import { join } from 'node:path';
import { StorageFault } from '../../engine/ports.ts';
import { explained, requireFirstGeneration } from '../lmdb/folder.ts';
import { lockFile } from '../lmdb/lock.ts';
import { Closure } from './closure.ts';
import { KeyCopy } from './key-copy.ts';
import {
  type Cut,
  checkNewCutName,
  keysBeside,
  makeFolders,
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
}

export class BackupWriter {
  readonly folder: string;
  readonly keys: string;
  readonly #source: BackupSource;
  readonly #onPoint: OnBackupPoint;
  readonly #stores: readonly StoreCopy[];
  readonly #keyCopy: KeyCopy;
  readonly #unlock: () => void;
  /** One thing at a time. */
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @throws StorageFault FOLDER_IN_USE while another process adds to it; BACKUP_OF_ANOTHER, BACKUP_OTHER_HISTORY where
   *   it is of another data folder, or of this one before it was restored; BACKUP_DAMAGED, ARCHIVE_DAMAGED,
   *   FOLDER_NOT_WRITABLE, STORAGE_FULL, FLOCK_MISSING
   */
  static async open(options: BackupWriterOptions): Promise<BackupWriter> {
    const { source, folder, keys = keysBeside(folder), onPoint = () => {} } = options;
    return explaining(folder, async () => {
      makeFolders(folder, keys);
      const unlock = lockFile(join(folder, 'lock'));
      try {
        claim(folder, source);
        const stores: StoreCopy[] = [];
        for (let index = 0; index < source.manifest.shardCount; index += 1) {
          stores.push(await StoreCopy.open({ source, folder, index, onPoint }));
        }
        return new BackupWriter({ ...options, keys, onPoint }, stores, unlock);
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
    }: Required<{ [K in keyof BackupWriterOptions]: NonNullable<BackupWriterOptions[K]> }>,
    stores: readonly StoreCopy[],
    unlock: () => void,
  ) {
    this.folder = folder;
    this.keys = keys;
    this.#source = source;
    this.#onPoint = onPoint;
    this.#stores = stores;
    this.#keyCopy = new KeyCopy({ source, folder, keys });
    this.#unlock = unlock;
  }

  /** Of each store, the last record that is here. */
  get vector(): readonly number[] {
    return this.#stores.map(({ last }) => last);
  }

  /** Brings all that is flushed by now. */
  bring(): Promise<void> {
    return this.#inTurn(async () => this.#bring(await this.#source.positions()));
  }

  /**
   * Makes a named cut: all that was acknowledged before the call is inside.
   * @throws StorageFault CUT_NAME_INVALID, CUT_EXISTS
   */
  cut(name: string | undefined, now: Date): Promise<Cut> {
    return this.#inTurn(async () => {
      const chosen = name ?? freeName(this.folder, now);
      checkNewCutName(this.folder, chosen);
      const first = await this.#source.positions();
      const second = await this.#source.positions();
      await this.#bring(second);
      const { vector, lastMs } = this.#close(first, second);
      this.#onPoint('backup-cut');
      return writeCut(this.folder, { name: chosen, createdAt: now.toISOString(), lastMs, vector });
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
    for (const [index, { sequence }] of positions.entries()) await this.#stores[index]!.bring(sequence);
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

/** A folder that was raised to another format since takes its backup along. */
function claim(folder: string, { manifest }: BackupSource): void {
  requireFirstGeneration(manifest, 'a backup');
  const of = readIdentity(folder);
  const isSame = of?.folderId === manifest.folderId && of.shardCount === manifest.shardCount;
  if (of === null || (isSame && of.format < manifest.format)) return writeIdentity(folder, manifest);
  if (isSame) return;
  throw new StorageFault('BACKUP_OF_ANOTHER', `${folder} is the backup of another data folder: choose a new one`);
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
