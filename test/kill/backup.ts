/** Who adds to a backup is killed at any step; the next one goes on, and what is restored from it is the folder. */
import { existsSync, rmSync } from 'node:fs';
import {
  BackupReader,
  BackupWriter,
  inspectBackup,
  openAtRest,
  openPersistence,
  restoreBackup,
} from '../../snapshots/index.ts';
import type { MediumJournal } from '../../snapshots/journal.ts';
import type { KilledFolder } from './killed-folder.ts';
import type { Place } from './places.ts';
import { DoomedVerb } from './victim.ts';

/** So many that the last ones, of the cut, are come to as well: of one that begins, and of one that adds a little. */
const STEPS = { first: 54, next: 24 };
/** Shipping goes on all the while. */
const STEPS_SERVED = { first: 80, next: 50 };

/** @returns whether it died on the way */
export async function killBackup(folder: KilledFolder, place: Place): Promise<boolean> {
  const cuts = existsSync(folder.backup) ? await cutsOf(folder) : [];
  const isOnTheWay = folder.random.below(3) === 0 ? await killAtRest(folder) : await killServed(folder, place);
  await cutsOf(folder);
  await goOn(folder, cuts);
  return isOnTheWay;
}

async function killAtRest(folder: KilledFolder): Promise<boolean> {
  const { data, backup } = folder;
  const verb = new DoomedVerb(['backup', backup, '--data', data], { step: stepOf(folder, STEPS) });
  const ended = await verb.ended;
  if (ended !== '0') folder.expectKilled(ended, verb.errors);
  return ended !== '0';
}

/** By a server under load: it ships all the time, or is asked for a cut, or both. */
async function killServed(folder: KilledFolder, place: Place): Promise<boolean> {
  const { backup, crowd, random } = folder;
  const [ships, isAsked] = random.pick([
    [true, false],
    [false, true],
    [true, true],
  ] as const);
  const victim = folder.start({ step: stepOf(folder, STEPS_SERVED), ...(ships ? { ship: backup } : {}) });
  const url = await victim.url;
  const onceRaging = (at: string) => void crowd.askBackup(at, backup);
  if (url !== undefined) await folder.load(url, { place, ...(isAsked ? { onceRaging } : {}) });
  const isGone = url === undefined || (await victim.isGone(1_000));
  folder.expectKilled(await victim.kill(), victim.errors);
  return isGone;
}

function stepOf(folder: KilledFolder, steps: { readonly first: number; readonly next: number }) {
  const { backup } = folder;
  return folder.stepIn([backup, `${backup}[.]keys`], existsSync(backup) ? steps.next : steps.first);
}

/** Names of those that are whole: a backup is that at any moment, but for one that has just begun and says of whom. */
async function cutsOf(folder: KilledFolder): Promise<readonly string[]> {
  if (!existsSync(`${folder.backup}/backup.json`)) return [];
  const { cuts, differences } = await inspectBackup(new BackupReader(folder.backup));
  folder.broken(differences.map((line) => `the backup: ${line}`));
  return cuts.map(({ name }) => name);
}

async function goOn(folder: KilledFolder, before: readonly string[]): Promise<void> {
  const { data, backup, restored } = folder;
  const atRest = await openAtRest(data);
  const ends = atRest.stores.map(({ journal }) => journal.end);
  try {
    const writer = await BackupWriter.open({ source: atRest.source, folder: backup });
    const { vector } = await writer.cut(undefined, new Date());
    await writer.close();
    const wanted = ends.map(({ sequence }) => sequence);
    if (`${vector}` !== `${wanted}`) folder.broken([`the cut ends at ${vector}, not ${wanted}`]);
  } finally {
    await atRest.close();
  }
  const now = await cutsOf(folder);
  const lost = before.filter((name) => !now.includes(name));
  if (lost.length > 0) folder.broken([`cuts are gone from the backup: ${lost}`]);

  await restoreBackup({ backup, folder: restored });
  await folder.verify(restored);
  const { stores, close } = await openPersistence({ folder: restored });
  const ended = stores.map(({ journal }) => (journal as MediumJournal).end);
  await close();
  // Each record names the one before it: with the same last ones all are the same.
  if (JSON.stringify(ended) !== JSON.stringify(ends)) folder.broken([`restored to ${told(ended)}, not ${told(ends)}`]);
  rmSync(restored, { recursive: true });
}

function told(ends: unknown): string {
  return JSON.stringify(ends);
}
