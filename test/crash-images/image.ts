/**
 * Legal images of a disk whose power went at one moment: what was durable is there, and of everything later, as far
 * as it had begun, any subset of 512-byte sectors, sizes and names, whatever the order in which it was asked for.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../support/random.ts';
import { type Change, type DiskLog, type LoggedFile, type Naming, parentOf } from './disk-log.ts';

const SECTOR_BYTES = 512;

/** How likely it is that something not known to be durable is there; and whether it is torn. */
interface Fate {
  readonly share: number;
  /** Sector by sector; else each change is there whole or not at all. */
  readonly isTorn: boolean;
}

const SHARES = [0, 0.1, 0.5, 0.9, 1];

/** What was under way or not yet durable at a moment, by the parts of a folder; and whether it was still recovered. */
export const WINDOWS = ['journal', 'checkpoint', 'archive', 'key slot', 'ranking copy', 'making', 'recovery'] as const;
export type Window = (typeof WINDOWS)[number];

function windowOf(path: string): Window {
  if (path.includes('/journal')) return 'journal';
  if (path.includes('/rows')) return 'checkpoint';
  if (path.includes('/archive/')) return 'archive';
  if (path.endsWith('.slots')) return 'key slot';
  if (path.includes('/rankings/')) return 'ranking copy';
  return 'making';
}

export interface Span {
  readonly window: Window;
  readonly begin: number;
  readonly durableAt: number;
}

/** Of every change and name: from when until when a power cut may undo it. Of every start but the first: until it served. */
export function spansOf({ files, namings, recoveries }: DiskLog): readonly Span[] {
  const ofFiles = files.flatMap(({ path, changes }) => {
    const window = windowOf(path);
    return changes.map(({ begin, durableAt }): Span => ({ window, begin, durableAt }));
  });
  return [
    ...ofFiles,
    ...namings.map(({ path, begin, durableAt }): Span => ({ window: windowOf(path), begin, durableAt })),
    ...recoveries.slice(1).map(({ begin, end }): Span => ({ window: 'recovery', begin, durableAt: end })),
  ];
}

export function windowsAt(spans: readonly Span[], moment: number): ReadonlySet<Window> {
  return new Set(spans.filter((span) => isOpen(span, moment)).map(({ window }) => window));
}

function isOpen({ begin, durableAt }: Pick<Span, 'begin' | 'durableAt'>, moment: number): boolean {
  return begin <= moment && moment < durableAt;
}

/** Writes one image below `folder`; null for the random = everything that was asked for is there. */
export function writeImage(log: DiskLog, moment: number, random: Random | null, folder: string): void {
  const names = namesAt(log.namings, moment, random);
  mkdirSync(folder, { recursive: true });
  for (const [path, file] of names) {
    if (file === FOLDER) mkdirSync(join(folder, path));
    else writeFileSync(join(folder, path), contentAt(log.files[file]!, moment, random), { mode: 0o600 });
  }
}

const FOLDER = -1;

/** Parents before what is in them. */
function namesAt(namings: readonly Naming[], moment: number, random: Random | null): ReadonlyMap<string, number> {
  const names = new Map<string, number>([['', FOLDER]]);
  const share = random === null ? 1 : random.pick(SHARES);
  // A file system with a journal of its own keeps the order of names; others need not.
  const isOrdered = random !== null && random.below(2) === 0;
  let isCut = false;
  for (const naming of namings) {
    if (naming.begin > moment) continue;
    if (naming.durableAt > moment) {
      const isThere = random === null || random.next() < share;
      if (!isThere) isCut ||= isOrdered;
      if (!isThere || isCut) continue;
    }
    apply(naming, names);
  }
  names.delete('');
  return names;
}

/** A name in a folder that is not there is nowhere, and with a folder goes what was in it. */
function apply({ kind, path, to, file }: Naming, names: Map<string, number>): void {
  const held = names.get(path);
  if (kind === 'remove' || kind === 'rename') {
    if (held === undefined) return;
    for (const [name, of] of [...names]) {
      if (name !== path && !name.startsWith(`${path}/`)) continue;
      names.delete(name);
      if (kind === 'rename') names.set(to + name.slice(path.length), of);
    }
  } else if (held === undefined && names.get(parentOf(path)) === FOLDER)
    names.set(path, kind === 'folder' ? FOLDER : file);
}

function contentAt(file: LoggedFile, moment: number, random: Random | null): Buffer {
  const changes = file.changes.filter(({ begin }) => begin <= moment);
  const fate: Fate =
    random === null ? { share: 1, isTorn: false } : { share: random.pick(SHARES), isTorn: random.below(2) === 0 };
  const chance = () => random === null || random.next() < fate.share;
  const isThere = changes.map((change) => change.durableAt <= moment || chance());
  const reached = sectorsReached(changes, moment, (index) => (fate.isTorn ? chance() : isThere[index]!));

  const content = Buffer.alloc(Math.max(0, ...changes.map(endOf)));
  const touched = new Map<number, number>();
  for (const { offset, bytes } of changes) {
    if (bytes === null) content.fill(0, offset);
    for (const [sector, from, until] of sectorsOf(offset, bytes?.length ?? 0)) {
      const touch = (touched.get(sector) ?? 0) + 1;
      touched.set(sector, touch);
      if (touch <= reached.get(sector)!) bytes!.copy(content, from, from - offset, until - offset);
    }
  }
  return content.subarray(0, sizeAt(changes, moment, random, fate.share));
}

/**
 * How many of the changes of each sector its disk has seen. A sector is written as the page cache has it at that moment:
 * with all changes before, and never without those that came before a durable one.
 */
function sectorsReached(
  changes: readonly Change[],
  moment: number,
  isThere: (index: number) => boolean,
): ReadonlyMap<number, number> {
  const seen = new Map<number, number>();
  const reached = new Map<number, number>();
  changes.forEach(({ offset, bytes, durableAt }, index) => {
    for (const [sector] of sectorsOf(offset, bytes?.length ?? 0)) {
      const count = (seen.get(sector) ?? 0) + 1;
      seen.set(sector, count);
      if (durableAt <= moment || isThere(index)) reached.set(sector, count);
      else if (count === 1) reached.set(sector, 0);
    }
  });
  return reached;
}

function* sectorsOf(offset: number, length: number): Iterable<readonly [sector: number, from: number, until: number]> {
  const end = offset + length;
  for (let from = offset; from < end; ) {
    const sector = Math.floor(from / SECTOR_BYTES);
    const until = Math.min(end, (sector + 1) * SECTOR_BYTES);
    yield [sector, from, until];
    from = until;
  }
}

/** The durable size, or any that came after it: whatever makes a change durable makes the size before it so, too. */
function sizeAt(changes: readonly Change[], moment: number, random: Random | null, share: number): number {
  let [durable, size] = [0, 0];
  let later: number[] = [];
  for (const change of changes) {
    size = sizeAfter(size, change);
    if (change.durableAt > moment) later.push(size);
    else [durable, later] = [size, []];
  }
  if (random === null || share === 1) return size;
  return share === 0 ? durable : random.pick([durable, ...later]);
}

function sizeAfter(size: number, change: Change): number {
  return change.bytes === null ? change.offset : Math.max(size, endOf(change));
}

function endOf({ offset, bytes }: Change): number {
  return offset + (bytes?.length ?? 0);
}
