/** Where the parts of a store lie in its data folder. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { RankingCopy } from '../../engine/ports.ts';
import { writeRanking } from '../ranking-file.ts';
import { hashOf } from '../record.ts';
import { Archive } from './archive.ts';
import { createFileDurably } from './files.ts';
import { rankingSink } from './ranking-files.ts';

export interface StorePaths {
  readonly journal: string;
  readonly rows: string;
  readonly archive: string;
  readonly slots: string;
}

export function storePaths(folder: string, index: number): StorePaths {
  const path = join(folder, `store-${index}`);
  return {
    journal: join(path, 'journal'),
    rows: join(path, 'rows'),
    archive: join(path, 'archive'),
    slots: join(folder, 'keys', `store-${index}.slots`),
  };
}

/** @throws StorageFault ARCHIVE_DAMAGED */
export function openArchive(path: string, of: { readonly folderId: string; readonly index: number }): Archive {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return new Archive(path, hashOf(Buffer.from(`clickday ${of.folderId} archive ${of.index}`)));
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
