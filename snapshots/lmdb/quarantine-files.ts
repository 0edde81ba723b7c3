/** Where a store keeps who is to blame for deaths, and what the start after one makes of it. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { StorageFault } from '../../engine/ports.ts';
import {
  type Blame,
  blameAfter,
  blameOf,
  blameText,
  canBeLeftOut,
  FileQuarantine,
  NOBODY,
  namesIn,
  parseBlame,
  partitionOfTask,
  type SetAside,
} from '../quarantine.ts';
import { readFileIfThere, writeFileDurably } from './files.ts';
import { type Manifest, placesOf, readManifest } from './folder.ts';
import { storePaths } from './layout.ts';

/** @param store its folder */
export function openQuarantine(store: string): FileQuarantine {
  closeSync(openSync(turnPath(store), 'a', 0o600));
  const descriptor = openSync(turnPath(store), 'r+');
  return new FileQuarantine({ descriptor, path: setAsidePath(store), read: () => readBlame(store) });
}

/**
 * To be called once a start, before the stores are opened: judges the death of the process before, if it died while
 * something was being decided.
 *
 * @returns names of what this start has set aside
 * @throws StorageFault TASK_SET_ASIDE for what cannot be refused, SET_ASIDE_DAMAGED
 */
export function judgeDeath(folder: string, nowMs: number): readonly string[] {
  const setAside = judgeStores(folder, nowMs);
  const stuck = readBlames(folder)
    .flatMap((blame) => blame.setAside)
    .find(({ name }) => !canBeLeftOut(name));
  if (stuck === undefined) return setAside.map(({ name }) => name);
  throw new StorageFault(
    'TASK_SET_ASIDE',
    `"${stuck.name}" has stopped the engine again and again, and cannot be left out: what depends on it would never be done. ` +
      'Nothing acknowledged is lost. Keep what the engine said when it died, put the program right, then: ' +
      `clickday release "${stuck.name}"`,
  );
}

/** The same, whatever it is: for who serves nobody. */
export function judgeStores(folder: string, nowMs: number): readonly SetAside[] {
  const at = new Date(nowMs).toISOString();
  return storesOf(folder).flatMap((store) => judgeStore(store, at));
}

/** Deals blame out to stores that are made (reshard.ts), and which nobody has opened yet. */
export function dealBlames(folder: string, next: Manifest): void {
  const blames = readBlames(folder);
  for (const place of placesOf(next)) {
    const blame = blameOf(blames, (name) => partitionOfTask(name) % next.shardCount === place.index);
    if (blame.suspects.length + blame.setAside.length > 0) writeBlame(storePaths(folder, place).folder, blame);
  }
}

/** Of each store of a folder. @throws StorageFault SET_ASIDE_DAMAGED */
export function readBlames(folder: string): readonly Blame[] {
  return storesOf(folder).map(readBlame);
}

/** An operator lets it be tried again, also while the engine runs. @returns names of what was set aside, and is not */
export function release(folder: string, isReleased: (name: string) => boolean): readonly string[] {
  return storesOf(folder).flatMap((store) => {
    const { suspects, setAside } = readBlame(store);
    const released = setAside.filter(({ name }) => isReleased(name));
    if (released.length > 0) {
      writeBlame(store, { suspects, setAside: setAside.filter((one) => !released.includes(one)) });
    }
    return released.map(({ name }) => name);
  });
}

/** Those that there are now: what was to blame in stores before was dealt out with their partitions. */
function storesOf(folder: string): readonly string[] {
  const manifest = readManifest(folder);
  return manifest === null ? [] : placesOf(manifest).map((place) => storePaths(folder, place).folder);
}

/** The names are gone before the blame is written: a death in between forgets one, and none is counted twice. */
function judgeStore(store: string, at: string): Blame['setAside'] {
  const named = namesIn(readFileIfThere(turnPath(store)) ?? new Uint8Array());
  if (named.length === 0) return [];
  const before = readBlame(store);
  const turn = openSync(turnPath(store), 'r+');
  writeSync(turn, new Uint8Array(1), 0, 1, 0);
  closeSync(turn);
  const after = blameAfter(before, named, at);
  writeBlame(store, after);
  return after.setAside.slice(before.setAside.length);
}

function readBlame(store: string): Blame {
  const bytes = readFileIfThere(setAsidePath(store));
  return bytes === null ? NOBODY : parseBlame(bytes.toString('utf8'));
}

function writeBlame(store: string, blame: Blame): void {
  writeFileDurably(setAsidePath(store), blameText(blame));
}

function turnPath(store: string): string {
  return join(store, 'turn');
}

function setAsidePath(store: string): string {
  return join(store, 'set-aside.json');
}
