/**
 * Reads a backup up to a cut, a moment or its end, all of it verified, and says which closed cut that is: before anything
 * is restored from it, or to know that it could be.
 */

import type { TurnRecord } from '../../engine/facts.ts';
import { StorageFault } from '../../engine/ports.ts';
import { allPlacesOf, endOf, placeOf, placesOf } from '../lmdb/folder.ts';
import { type StorePlace, slotPlaceOf, storeName } from '../store-place.ts';
import { type Base, checkBase, isWithin, readBases } from './base.ts';
import { type ClosedCut, Closure } from './closure.ts';
import { type ErrorsOf, inspectErrors } from './errors-copy.ts';
import { backupDamaged, type Cut, readCuts } from './layout.ts';
import type { BackupReader } from './reader.ts';

/** One byte for each: ten million of them in a set of numbers would be half a gigabyte. */
class SlotSet {
  marks = new Uint8Array(1_024);

  add(slot: number): void {
    if (slot >= this.marks.length) {
      const marks = new Uint8Array(2 * slot);
      marks.set(this.marks);
      this.marks = marks;
    }
    this.marks[slot] = 1;
  }
}

/** How far: to a named cut, to the last record at or before an instant of the programme, or to the end. */
export type Until = { readonly cut: string } | { readonly timeMs: number } | 'end';

export interface ReadBackup extends ClosedCut {
  /** Of each store, those of the past first: 1 for each slot that an enrolment named, in the records that were unpacked. */
  readonly slots: readonly Uint8Array[];
}

/** The generation of stores that a moment is in. @throws StorageFault CUT_UNKNOWN, BACKUP_DAMAGED */
export function readerOf(backup: BackupReader, until: Until): BackupReader {
  if (until === 'end') return backup.newest;
  if ('cut' in until) {
    const { name, generation = 0 } = cutNamed(backup.folder, until.cut);
    if (generation <= backup.generation) return backup.in(generation);
    throw backupDamaged(backup.folder, `has no stores of generation ${generation}, which cut ${name} is of`);
  }
  // The first record of dealt out stores has the time of the last one before it.
  let reader = backup.newest;
  while (reader.generation > 0 && reader.firstMs > until.timeMs) reader = reader.in(reader.generation - 1);
  return reader;
}

/**
 * @param base records that are in it for sure are not unpacked, only held against the checksums of their segments
 * @throws StorageFault CUT_UNKNOWN, BACKUP_DAMAGED, ARCHIVE_DAMAGED, JOURNAL_DAMAGED, FORMAT_NEWER
 */
export function readBackup(reader: BackupReader, until: Until, base: Base | null = null): ReadBackup {
  const { storeCount, folder } = reader;
  const vector = typeof until === 'object' && 'cut' in until ? cutNamed(folder, until.cut).vector : null;
  const from = base?.stores.map(({ sequence }) => sequence) ?? new Array<number>(storeCount).fill(0);
  for (const [store, sequence] of from.entries()) reader.checkBefore(store, sequence);
  const closure = new Closure(
    from,
    base?.stores.flatMap(({ partitions }) => partitions),
  );
  const slots = new Map(allPlacesOf(reader.manifest).map((place) => [storeName(place), new SlotSet()]));
  const note = (place: StorePlace, turn: TurnRecord) => {
    for (const slot of slotsIn(turn)) slots.get(storeName(place))!.add(slotPlaceOf(slot, place).at);
  };
  for (const [place, turn] of pastOf(reader, base !== null)) {
    closure.takeKnown(turn);
    note(place, turn);
  }
  const isBefore = (store: number, { sequence, nowMs }: TurnRecord) => {
    if (vector !== null) return sequence <= vector[store]!;
    return typeof until !== 'object' || !('timeMs' in until) || nowMs <= until.timeMs;
  };
  const journals = from.map((sequence, store) => turnsWhile(reader.turns(store, sequence + 1), store, isBefore));
  for (const [store, turn] of inTimeOrder(journals)) {
    closure.take(store, turn);
    note(placeOf(reader.manifest, store), turn);
  }
  const closed = closure.cut();
  if (base !== null && !isWithin(base, { generation: reader.generation, vector: closed.vector })) {
    throw backupDamaged(folder, `lacks records of its base ${base.name}: it holds ${closed.vector}`);
  }
  if (vector !== null && closed.vector.some((sequence, store) => sequence !== vector[store])) {
    throw backupDamaged(folder, `lacks records of its cut: it holds ${closed.vector}, the cut is ${vector}`);
  }
  return { ...closed, slots: [...slots.values()].map(({ marks }) => marks) };
}

/** All that stores of generations before had journaled, which is inside. Not unpacked where a base holds it. */
function* pastOf(reader: BackupReader, isInBase: boolean): Iterable<readonly [StorePlace, TurnRecord]> {
  for (const past of reader.past) {
    for (const place of placesOf(past.manifest)) {
      const { sequence, hash } = endOf(reader.manifest, place);
      if (isInBase) past.checkBefore(place.index, sequence + 1);
      else for (const turn of past.turns(place.index)) yield [place, turn];
      if (past.last(place.index) === sequence && past.hashAt(place.index, sequence) === hash) continue;
      throw backupDamaged(reader.folder, `does not hold all that store ${storeName(place)} had when it was dealt out`);
    }
  }
}

export interface ChosenBase {
  /** The newest that is no later than what is wanted, and whole; null = there is none. */
  readonly base: Base | null;
  /** Names of those that could have been taken, were they whole; and why not. */
  readonly damaged: readonly string[];
}

/** @throws StorageFault CUT_UNKNOWN, FORMAT_NEWER */
export async function chooseBase(reader: BackupReader, until: Until): Promise<ChosenBase> {
  const { bases, damaged: unreadable } = readBases(reader.folder);
  const damaged = unreadable.map((name) => `base ${name}: base.json fails its checksum`);
  for (const base of bases) {
    if (!isWanted(base, reader, until)) continue;
    const difference = await checkBase(base, reader);
    if (difference === null) return { base, damaged };
    damaged.push(`base ${base.name}: ${difference}`);
  }
  return { base: null, damaged };
}

function isWanted(base: Base, reader: BackupReader, until: Until): boolean {
  const { folder, generation, lasts } = reader;
  if (until !== 'end' && 'cut' in until) return isWithin(base, cutNamed(folder, until.cut));
  if (!isWithin(base, { generation, vector: lasts })) return false;
  return until === 'end' || reader.lastMsOf(base.vector) <= until.timeMs;
}

/** To a moment: those of the newest cut that is not after it. Null = there is none. @throws StorageFault CUT_UNKNOWN */
export function errorsOf(reader: BackupReader, backup: BackupReader, until: Until): ErrorsOf | null {
  if (until === 'end') return 'newest';
  if ('cut' in until) return { name: until.cut };
  const isAll = reader.generation === backup.newest.generation && reader.lastMsOf(reader.lasts) <= until.timeMs;
  return isAll ? 'newest' : (readCuts(backup.folder).findLast(({ lastMs }) => lastMs <= until.timeMs) ?? null);
}

/** Reads all that there is, and holds every cut, every base and all bad lines against it. */
export interface BackupInspection {
  readonly ok: boolean;
  readonly checked: {
    readonly records: number;
    readonly cuts: number;
    readonly bases: number;
    readonly errorFiles: number;
  };
  readonly cuts: readonly Cut[];
  readonly differences: readonly string[];
}

export async function inspectBackup(backup: BackupReader): Promise<BackupInspection> {
  const differences: string[] = [];
  let records = 0;
  let bases = 0;
  let errorFiles = 0;
  let cuts: readonly Cut[] = [];
  try {
    cuts = readCuts(backup.folder);
    const reader = backup.newest;
    const { vector } = readBackup(reader, 'end');
    const held = [...reader.past.map(({ lasts }) => lasts), vector];
    records = held.flat().reduce((sum, sequence) => sum + sequence, 0);
    for (const cut of cuts) {
      const there = held[cut.generation ?? 0] ?? [];
      if (cut.vector.every((sequence, store) => sequence <= (there[store] ?? -1))) continue;
      differences.push(`cut ${cut.name} needs records up to ${cut.vector}, there are ${there}`);
    }
    const found = readBases(backup.folder);
    bases = found.bases.length + found.damaged.length;
    for (const name of found.damaged) differences.push(`base ${name}: base.json fails its checksum`);
    for (const base of found.bases) {
      const difference = await checkBase(base, reader);
      if (difference !== null) differences.push(`base ${base.name}: ${difference}`);
    }
    const errors = inspectErrors(backup.folder);
    errorFiles = errors.count;
    differences.push(...errors.damaged);
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    differences.push(`${fault.code}: ${fault.message}`);
  }
  return {
    ok: differences.length === 0,
    checked: { records, cuts: cuts.length, bases, errorFiles },
    cuts,
    differences,
  };
}

function cutNamed(folder: string, name: string): Cut {
  const cuts = readCuts(folder);
  const cut = cuts.find((one) => one.name === name);
  if (cut !== undefined) return cut;
  const names = cuts.map((one) => one.name).join(', ');
  throw new StorageFault('CUT_UNKNOWN', `${folder} has no cut ${name}; there are: ${names || 'none'}`);
}

function* turnsWhile(
  turns: Iterable<TurnRecord>,
  store: number,
  isBefore: (store: number, turn: TurnRecord) => boolean,
): Generator<TurnRecord, void> {
  for (const turn of turns) {
    if (!isBefore(store, turn)) return;
    yield turn;
  }
}

/** So that what one partition tells another is read soon after it was sent. */
function* inTimeOrder(
  journals: readonly Generator<TurnRecord, void>[],
): Iterable<readonly [store: number, turn: TurnRecord]> {
  const open = journals.flatMap((turns, store) => nextOf(turns, store));
  while (open.length > 0) {
    const first = open.reduce((best, other) => (other.turn.nowMs < best.turn.nowMs ? other : best));
    yield [first.store, first.turn];
    open.splice(open.indexOf(first), 1, ...nextOf(first.turns, first.store));
  }
}

function nextOf(turns: Generator<TurnRecord, void>, store: number) {
  const next = turns.next();
  return next.done === true ? [] : [{ turns, store, turn: next.value }];
}

function* slotsIn({ sections }: TurnRecord): Iterable<number> {
  for (const { facts } of sections) for (const fact of facts) if (fact.kind === 'enrolled') yield fact.slot;
}
