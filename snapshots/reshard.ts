/**
 * Deals the partitions of a folder at rest out to another number of stores.
 *
 * The stores that there will be are made beside those that there are: partition after partition their rows are copied as
 * they are, since rows and messages know partitions and no stores. Journals are not dealt out: they are one chain for
 * all partitions of a store. So the old stores become a generation that is past. Their journals, archives and keys stay
 * where they are for ever, the first record of each new chain follows the hashes of all their ends, and `verify` reads
 * them first. A citizen's key stays in its slot as well, under a number that says where (store-place.ts): seals in rows
 * and in every archive open as before, and erasing a slot makes all of them unreadable.
 *
 * What was set aside and who is suspected (quarantine.ts) goes with its partition, too; the old stores keep their files, which
 * nobody reads any more.
 *
 * The manifest says which stores a folder has. It is replaced when the new ones were verified; whoever dies before that
 * leaves a folder with the old ones, whoever dies after it one with the new. What is too many then, a next try removes.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PARTITION_COUNT } from '../engine/contract.ts';
import { LIMITS } from '../engine/limits.ts';
import { type CheckpointMark, type RowChange, StorageFault } from '../engine/ports.ts';
import { recover } from '../engine/shard/recovery.ts';
import { ByteWriter } from './codec/bytes.ts';
import { type Inspection, verifyPersistence } from './inspect.ts';
import type { JournalEnd } from './journal.ts';
import { syncFolder } from './lmdb/files.ts';
import { type Folder, generationOf, type Manifest, openFolder, writeManifest } from './lmdb/folder.ts';
import { storePaths } from './lmdb/layout.ts';
import { type FileStore, openFileStore, openStores } from './lmdb/persistence.ts';
import { dealBlames, judgeStores } from './lmdb/quarantine-files.ts';
import type { CrashPoint, KeyedChange } from './media.ts';
import { addressOf, openRow, sealRow, tablePrefix } from './row-format.ts';
import { GENERATIONS_MAX, lastingSlot } from './store-place.ts';

export interface ReshardOptions {
  readonly storeCount: number;
  /** Rows of the old stores stay, too. */
  readonly keepsRows?: boolean;
  readonly memoryBytes?: number | undefined;
  /** For tests that stop the world there. */
  readonly onPoint?: OnReshardPoint;
}

/** In the order of the work; within it also those of the stores that are written. */
export type ReshardPoint =
  | CrashPoint
  | 'store-settled'
  | 'settled'
  | 'rows-dealt'
  | 'marked'
  | 'verified'
  | 'switched'
  | 'old-removed';
type OnReshardPoint = (name: ReshardPoint) => void;

export interface Reshard {
  readonly storesBefore: number;
  readonly stores: number;
  readonly rowsMoved: number;
  /** Null: there was nothing to do. */
  readonly inspection: Inspection | null;
}

/**
 * @throws StorageFault RESHARD_DIFFERS when the new stores are not what the journals say: the folder stays as it was; and
 *   whatever keeps a folder from being opened
 */
export async function reshardFolder(path: string, options: ReshardOptions): Promise<Reshard> {
  const { storeCount, keepsRows = false, onPoint = () => {} } = options;
  const folder = openFolder(path, undefined);
  const { manifest } = folder;
  const stores = { storesBefore: manifest.shardCount, stores: storeCount };
  try {
    removeLeftOver(folder, keepsRows);
    if (storeCount === manifest.shardCount) return { ...stores, rowsMoved: 0, inspection: null };
    checkGeneration(manifest);
    // A death that no start has come after: the next one looks at the new stores alone.
    judgeStores(path, Date.now());
    const ends = await settle(folder, onPoint);
    onPoint('settled');
    const next = { ...folder, manifest: dealtOut(manifest, storeCount, ends) };
    const rowsMoved = await deal(folder, next, onPoint);
    dealBlames(path, next.manifest);
    const inspection = await verifyNext(next, options);
    onPoint('verified');
    removeRankings(folder);
    writeManifest(path, next.manifest);
    onPoint('switched');
    removeLeftOver(next, keepsRows);
    onPoint('old-removed');
    return { ...stores, rowsMoved, inspection };
  } finally {
    folder.unlock();
  }
}

function checkGeneration(manifest: Manifest): void {
  if (generationOf(manifest) < GENERATIONS_MAX) return;
  throw new StorageFault('RESHARD_EXHAUSTED', 'the stores of this folder were dealt out too often: restore it anew');
}

function dealtOut(manifest: Manifest, shardCount: number, ends: readonly JournalEnd[]): Manifest {
  const past = [...(manifest.past ?? []), { shardCount: manifest.shardCount, ends }];
  return { ...manifest, shardCount, past };
}

/** What a reshard that died made and nobody may use, and rows that new stores have: by the manifest, which is right. */
function removeLeftOver({ path, manifest }: Folder, keepsRows: boolean): void {
  const generation = generationOf(manifest);
  for (const folder of [path, join(path, 'keys')]) {
    for (const name of readdirSync(folder)) {
      if (Number(GENERATION.exec(name)?.[1] ?? 0) > generation) rmSync(join(folder, name), { recursive: true });
    }
  }
  if (keepsRows) return;
  for (const [past, { shardCount }] of (manifest.past ?? []).entries()) {
    for (let index = 0; index < shardCount; index += 1) {
      rmSync(storePaths(path, { generation: past, index }).rows, { recursive: true, force: true });
    }
  }
  syncFolder(path);
}

const GENERATION = /^store-(\d+)\.\d+/;

/** Folds what is only in journals into rows, of today's format, and moves it to the archive: nothing is judged. */
async function settle(folder: Folder, onPoint: OnReshardPoint): Promise<readonly JournalEnd[]> {
  const ends: JournalEnd[] = [];
  for (let index = 0; index < folder.manifest.shardCount; index += 1) {
    const store = await openFileStore(folder, index, onPoint);
    try {
      await writeTail(store, partitionsOf(index, folder.manifest.shardCount));
      while (await store.rows.rewriteOlder(LIMITS.rewriteRowCount));
      await store.journal.trim(store.journal.lastSequence);
      ends.push(store.journal.end);
    } finally {
      await store.close();
    }
    onPoint('store-settled');
  }
  return ends;
}

async function writeTail(store: FileStore, partitions: readonly number[]): Promise<void> {
  const { actors, position, mark } = recover(store, partitions, () => {});
  if (mark.sequence === store.journal.lastSequence) return;
  for (const batch of actors.freeze().batches(LIMITS.checkpointBatchRows)) await store.rows.write(batch);
  const sequence = store.journal.lastSequence;
  await store.rows.setCheckpoint({ sequence, partitions: position.sequences, ranked: mark.ranked });
}

/** Copies of rankings: the moves that one may lack are in no journal of the new stores. A start builds them anew. */
function removeRankings({ path }: Folder): void {
  const rankings = join(path, 'rankings');
  for (const name of readdirSync(rankings)) rmSync(join(rankings, name));
  syncFolder(rankings);
}

function partitionsOf(index: number, storeCount: number): readonly number[] {
  return Array.from({ length: PARTITION_COUNT }, (_, at) => at).filter((at) => at % storeCount === index);
}

async function deal(folder: Folder, next: Folder, onPoint: OnReshardPoint): Promise<number> {
  const [from, to]: [FileStore[], FileStore[]] = [[], []];
  try {
    await openAll(folder, from, onPoint);
    await openAll(next, to, onPoint);
    let rowsMoved = 0;
    for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
      const index = partition % from.length;
      const place = { generation: generationOf(folder.manifest), index };
      const { format } = folder.manifest;
      const receiver = to[partition % to.length]!.media.rows;
      for (const rows of batches(from[index]!.media.rows.range(Buffer.of(partition), Buffer.of(partition + 1)))) {
        await receiver.write(rows.map((row) => movedRow(row, place, format)));
        rowsMoved += rows.length;
        onPoint('rows-dealt');
      }
    }
    const marks = from.map(({ rows }) => rows.checkpoint());
    const nowMs = lastMsOf(from);
    for (const [index, store] of to.entries()) {
      await beginStore(store, partitionsOf(index, to.length), { marks, nowMs });
      onPoint('marked');
    }
    return rowsMoved;
  } finally {
    for (const store of [...from, ...to]) await store.close();
  }
}

async function openAll(folder: Folder, stores: FileStore[], onPoint: OnReshardPoint): Promise<void> {
  for (let index = 0; index < folder.manifest.shardCount; index += 1) {
    stores.push(await openFileStore(folder, index, onPoint));
  }
}

function* batches(rows: Iterable<readonly [Buffer, Buffer]>): Iterable<readonly (readonly [Buffer, Buffer])[]> {
  let batch: (readonly [Buffer, Buffer])[] = [];
  for (const row of rows) {
    batch.push(row);
    if (batch.length < LIMITS.checkpointBatchRows) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

const WALLETS = tablePrefix('wallet', 0)[1];
const PAYOUTS = tablePrefix('payout', 0)[1];
const writer = new ByteWriter();

/** As it is, but for the numbers of citizens' keys in wallets and payout records: those of the first stores do not say whose they are. */
function movedRow([key, value]: readonly [Buffer, Buffer], place: OldPlace, format: number): KeyedChange {
  const isNamed = place.generation > 0 || (key[1] !== WALLETS && key[1] !== PAYOUTS);
  if (isNamed) return { key, value };
  const change = key[1] === WALLETS ? movedWallet(key, value, place) : movedPayouts(key, value, place);
  writer.reset();
  return { key, value: Buffer.from(sealRow(writer, key, change, format)) };
}

interface OldPlace {
  readonly generation: number;
  readonly index: number;
}

function movedWallet(key: Buffer, bytes: Buffer, place: OldPlace): RowChange {
  const { sequence, value } = openRow('wallet', key, bytes);
  const wallet = { ...value, slot: lastingSlot(value.slot, place) };
  return { address: addressOf('wallet', key), sequence, value: wallet };
}

function movedPayouts(key: Buffer, bytes: Buffer, place: OldPlace): RowChange {
  const { sequence, value } = openRow('payout', key, bytes);
  const payouts = value.map((payout) => ({ ...payout, slot: lastingSlot(payout.slot, place) }));
  return { address: addressOf('payout', key), sequence, value: payouts };
}

interface Before {
  readonly marks: readonly CheckpointMark[];
  readonly nowMs: number;
}

/** A first record without facts: it binds the new chain to the old ones, and the store is not one that is new. */
async function beginStore({ journal, rows }: FileStore, own: readonly number[], { marks, nowMs }: Before) {
  await journal.append({ epoch: journal.epoch, sequence: 1, nowMs, sections: [] });
  const reached = Array.from({ length: PARTITION_COUNT }, (_, at) => marks[at % marks.length]!.partitions[at] ?? 0);
  const partitions = reached.map((sequence, at) => (own.includes(at) ? sequence : 0));
  await rows.setCheckpoint({ sequence: 1, partitions, ranked: { sequence: 1, copies: [] } });
}

function lastMsOf(stores: readonly FileStore[]): number {
  let lastMs = 0;
  for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
    const row = stores[partition % stores.length]!.rows.get('partition', partition, '', '');
    lastMs = Math.max(lastMs, row?.value.lastMs ?? 0);
  }
  return lastMs;
}

async function verifyNext(next: Folder, { memoryBytes }: ReshardOptions): Promise<Inspection> {
  const persistence = await openStores({ ...next, unlock: () => {} }, () => {});
  try {
    const inspection = await verifyPersistence(persistence, { memoryBytes });
    const [difference] = inspection.differences;
    if (difference === undefined) return inspection;
    throw new StorageFault(
      'RESHARD_DIFFERS',
      `the new stores differ from the journals, so nothing was changed: ${difference}`,
    );
  } finally {
    await persistence.close();
  }
}
