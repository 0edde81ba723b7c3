/** Where the parts of a store lie in its data folder. */
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { RankingCopy } from '../../engine/ports.ts';
import { writeRanking } from '../ranking-file.ts';
import { hashOf } from '../record.ts';
import { type StorePlace, storeName } from '../store-place.ts';
import { Archive } from './archive.ts';
import { createFileDurably, isUnfinished, makeFolderDurably } from './files.ts';
import { rankingSink } from './ranking-files.ts';

export interface StorePaths {
  readonly folder: string;
  readonly journal: string;
  readonly rows: string;
  readonly archive: string;
  readonly slots: string;
  /** Numbers of slots whose keys were destroyed. */
  readonly erased: string;
  /** See Suspicion. */
  readonly suspect: string;
}

export function storePaths(folder: string, place: Omit<StorePlace, 'folderId'>): StorePaths {
  const name = `store-${storeName(place)}`;
  const path = join(folder, name);
  return {
    folder: path,
    journal: join(path, 'journal'),
    rows: join(path, 'rows'),
    archive: join(path, 'archive'),
    slots: join(folder, 'keys', `${name}.slots`),
    erased: join(folder, 'keys', `${name}.erased`),
    suspect: join(path, 'suspect'),
  };
}

/** What a killed program left unfinished goes. @throws StorageFault ARCHIVE_DAMAGED */
export function openArchive(path: string, place: StorePlace): Archive {
  makeFolderDurably(dirname(path));
  makeFolderDurably(path);
  removeUnfinished(path);
  return new Archive(path, archiveGenesis(place));
}

export function removeUnfinished(path: string): void {
  for (const name of readdirSync(path)) if (isUnfinished(name)) rmSync(join(path, name));
}

/** Stands for the segment before the first one. */
export function archiveGenesis(place: StorePlace): Buffer {
  return hashOf(Buffer.from(`clickday ${place.folderId} archive ${storeName(place)}`));
}

export function rankingPath(folder: string, awardPeriodId: number): string {
  return join(folder, 'rankings', `${awardPeriodId}.ranking`);
}

export interface RankingToSave {
  readonly awardPeriodId: number;
  readonly copy: RankingCopy;
  /** The sequence of each partition at which the copy was begun. */
  readonly vector: readonly number[];
}

/** Durable when resolved. */
export function saveRanking(folder: string, { awardPeriodId, copy, vector }: RankingToSave): Promise<void> {
  return createFileDurably(rankingPath(folder, awardPeriodId), (file) => writeRanking(rankingSink(file), copy, vector));
}
