/** Where a past is read from: a data folder, whether an engine works in it or not, or a backup with its keys. */
import type { TurnRecord } from '../../engine/facts.ts';
import { Archive, findSegments } from '../lmdb/archive.ts';
import { allPlacesOf, endOf, generationOf, genesisIn, keysFolder, type Manifest, placesOf } from '../lmdb/folder.ts';
import { archiveGenesis, storePaths } from '../lmdb/layout.ts';
import { lastingTurns } from '../past-turns.ts';
import { turnsIn } from '../record.ts';
import type { StorePlace } from '../store-place.ts';
import { openAtRest } from './at-rest.ts';
import { openKeyCopies } from './key-copy.ts';
import { keysBeside } from './layout.ts';
import type { PastSource } from './past.ts';
import { BackupReader } from './reader.ts';
import type { BackupSource } from './source.ts';

export interface OpenPast {
  readonly source: PastSource;
  close(): Promise<void>;
}

/** @throws StorageFault as `openAtRest` */
export async function pastOfFolder(path: string): Promise<OpenPast> {
  const { stores, past, close } = await openAtRest(path);
  const before = past.map((store) => lastingTurns(store.journal.read(1), store));
  const journals = [...before, ...stores.map(({ journal }) => journal.read(1))];
  return { source: { journals, vaults: stores.map(({ vault }) => vault) }, close };
}

/** @throws StorageFault BACKUP_MISSING, BACKUP_DAMAGED, KEY_MISMATCH, FORMAT_NEWER */
export async function pastOfBackup(folder: string, keys: string = keysBeside(folder)): Promise<OpenPast> {
  const backup = new BackupReader(folder).newest;
  const readers = [...backup.past, backup];
  const turns = readers.flatMap((reader) => placesOf(reader.manifest).map(({ index }) => reader.turns(index)));
  return pastOf(backup.manifest, keys, turns);
}

/** What a running engine has of its journals beside the archive, to be read by another thread. */
export interface JournalTails {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Of all stores, those of the past first. */
  readonly tails: readonly JournalTail[];
}

interface JournalTail {
  /** Sequence of the first of the records; all before it are archived. */
  readonly first: number;
  readonly records: readonly Uint8Array[];
}

/** As far as they are flushed: bounded, since checkpoints archive the rest. */
export async function tailsOf(source: BackupSource): Promise<JournalTails> {
  const { folder, manifest } = source;
  const positions = await source.positions();
  const tails: JournalTail[] = [];
  for (const place of allPlacesOf(manifest)) {
    const isPast = place.generation < generationOf(manifest);
    tails.push(
      await tailOf(source, place, isPast ? endOf(manifest, place).sequence : positions[place.index]!.sequence),
    );
  }
  return { folder, manifest, tails };
}

async function tailOf(source: BackupSource, place: StorePlace, last: number): Promise<JournalTail> {
  const archived = findSegments(storePaths(source.folder, place).archive).at(-1)?.last ?? 0;
  const first = Math.min(archived, last) + 1;
  const records: Buffer[] = [];
  while (first + records.length <= last) {
    const more = await source.records(place, first + records.length);
    records.push(...more.slice(0, last + 1 - first - records.length));
  }
  return { first, records };
}

/** Of an engine's folder: segments never change, keys are read as they are. @throws StorageFault ARCHIVE_DAMAGED, KEY_MISMATCH */
export async function pastOfTails({ folder, manifest, tails }: JournalTails): Promise<OpenPast> {
  const turns = allPlacesOf(manifest).map((place, number) => {
    const first = { sequence: 1, previousHash: genesisIn(manifest, place) };
    return turnsIn(recordsOf(storePaths(folder, place).archive, place, tails[number]!), first);
  });
  return pastOf(manifest, keysFolder(folder), turns);
}

function* recordsOf(archive: string, place: StorePlace, { first, records }: JournalTail): Iterable<Buffer> {
  yield* new Archive(archive, archiveGenesis(place)).read(1, first);
  // As they come from another thread.
  for (const { buffer, byteOffset, length } of records) yield Buffer.from(buffer, byteOffset, length);
}

/** @param turns of all stores, those of the past first */
async function pastOf(manifest: Manifest, keys: string, turns: readonly Iterable<TurnRecord>[]): Promise<OpenPast> {
  const { vaults, close } = await openKeyCopies(keys, manifest);
  const journals = allPlacesOf(manifest).map((place, number) => {
    return place.generation < generationOf(manifest) ? lastingTurns(turns[number]!, place) : turns[number]!;
  });
  return { source: { journals, vaults: vaults.slice(-manifest.shardCount) }, close };
}
