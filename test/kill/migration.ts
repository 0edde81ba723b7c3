/** Who raises a folder to today's format, or deals it out to other stores, is killed on the way; the next one ends it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FORMAT } from '../../snapshots/codec/formats.ts';
import { openPersistence, reshardFolder } from '../../snapshots/index.ts';
import type { Manifest } from '../../snapshots/lmdb/folder.ts';
import type { MediumRows } from '../../snapshots/rows.ts';
import { formatsIn } from '../upgrade/formats.ts';
import type { KilledFolder } from './killed-folder.ts';
import type { Place } from './places.ts';
import { type Death, DoomedVerb } from './victim.ts';

/** Small, so that there are some, and the kill is in the middle. */
const PIECE_ROWS = 3;
/** A piece waits for the next second where commands do. */
const PIECE_MS_MAX = 3_000;
/** To its end, on a crowded machine. */
const RAISED_MS_MAX = 60_000;
const STORES_MAX = 3;

/** @returns whether it died on the way */
export async function killMigration(folder: KilledFolder, place: Place): Promise<boolean> {
  if (readManifest(folder).format < FORMAT) return killRaising(folder, place);
  return killReshard(folder);
}

async function killRaising(folder: KilledFolder, place: Place): Promise<boolean> {
  folder.keepsFormat = false;
  const isMarked = folder.random.below(4) === 0;
  const death: Death = isMarked
    ? // What it is said to be, before a row is touched.
      { step: folder.step(`^${folder.data}(/manifest[.]json([.]tmp)?)?$`, 6) }
    : { killAt: `rows-rewritten:${1 + folder.random.below(4)}` };
  const victim = folder.start({ ...death, checkpointRows: PIECE_ROWS });
  const url = await victim.url;
  if (url !== undefined) await folder.load(url, { place });
  const isGone = url === undefined || (await victim.isGone(PIECE_MS_MAX));
  folder.expectKilled(await victim.kill(), victim.errors);
  const isOnTheWay = isGone && !(await isRaised(folder));
  await folder.verify();
  await endRaising(folder, place);
  const { walletRows } = await formatsIn(folder.data, folder.shardCount);
  if (walletRows.some((format) => format < FORMAT)) folder.broken([`rows are left of formats ${walletRows}`]);
  return isOnTheWay;
}

/** Each that goes on dies when a store has no older row left: so that is known to have come. */
async function endRaising(folder: KilledFolder, place: Place): Promise<void> {
  for (let store = 0; !(await isRaised(folder)); store += 1) {
    const next = folder.start({ killAt: 'rows-raised:1' });
    const url = await next.url;
    if (url !== undefined) await folder.load(url, { place });
    const isEnded = await next.isGone(RAISED_MS_MAX);
    folder.expectKilled(await next.kill(), next.errors);
    if (isEnded && store < folder.shardCount) continue;
    const how = isEnded ? `was raised ${store + 1} times, and is not` : `was not raised in ${RAISED_MS_MAX} ms`;
    return folder.broken([`what was killed on its way to the next format ${how}`]);
  }
}

async function isRaised({ data }: KilledFolder): Promise<boolean> {
  if (readManifest({ data }).format < FORMAT) return false;
  const { stores, close } = await openPersistence({ folder: data, keepsFormat: true });
  const isDone = stores.every(({ rows }) => (rows as MediumRows).oldestFormat === FORMAT);
  await close();
  return isDone;
}

/** Named points of the work, with how many times it comes there at least. */
const RESHARD_POINTS = [
  ['rows-batch', 1],
  ['checkpoint-mark', 1],
  ['trim-written', 1],
  ['trim-verified', 1],
  ['trim-removed', 1],
  ['store-settled', 1],
  ['settled', 1],
  ['rows-dealt', 20],
  ['marked', 1],
  ['verified', 1],
  ['switched', 1],
] as const;

/** Of files, when one is made. */
const STEPS_PER_STORE = 55;

async function killReshard(folder: KilledFolder): Promise<boolean> {
  const { random, data } = folder;
  const others = Array.from({ length: STORES_MAX }, (_, at) => at + 1).filter((count) => count !== folder.shardCount);
  const storeCount = random.pick(others);
  const [point, timesMax] = random.pick(RESHARD_POINTS);
  const death: Death =
    random.below(2) === 0
      ? { killAt: `${point}:${1 + random.below(timesMax)}` }
      : { step: folder.stepIn([data], 60 + STEPS_PER_STORE * storeCount) };
  const verb = new DoomedVerb(['reshard', '--data', data, '--stores', String(storeCount)], death);
  const ended = await verb.ended;
  // Nothing was in the journal that had to be settled, or there were fewer steps than it was to live for.
  if (ended !== '0') folder.expectKilled(ended, verb.errors);
  folder.shardCount = readManifest(folder).shardCount;
  // Half of them are left as they are: a server has to start on the old stores, beside what there is of new ones.
  if (random.below(2) === 0) {
    await folder.verify();
    await endReshard(folder, storeCount);
  }
  return ended !== '0';
}

async function endReshard(folder: KilledFolder, storeCount: number): Promise<void> {
  const { inspection } = await reshardFolder(folder.data, { storeCount });
  folder.broken(inspection?.differences ?? []);
  folder.shardCount = readManifest(folder).shardCount;
  if (folder.shardCount !== storeCount) folder.broken([`dealt out to ${folder.shardCount} stores, not ${storeCount}`]);
}

function readManifest({ data }: Pick<KilledFolder, 'data'>): Manifest {
  return JSON.parse(readFileSync(join(data, 'manifest.json'), 'utf8')) as Manifest;
}
