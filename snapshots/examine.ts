/**
 * What a data folder says about itself and about the machine beneath it, without opening a database: a server may run.
 * Each finding is a fact and whether somebody should act on it.
 */
import {
  closeSync,
  fdatasyncSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { StorageFault } from '../engine/ports.ts';
import { damagePath, readDamage } from './lmdb/damage-mark.ts';
import { readBlames } from './lmdb/quarantine-files.ts';
import { reserveBytes } from './lmdb/space.ts';

export interface Finding {
  /** One word: disk, space, … */
  readonly about: string;
  readonly isWell: boolean;
  /** One line for a person; of what is not well, with what to do. */
  readonly text: string;
}

export interface Examining {
  readonly folder: string;
  /** What the system's date says. */
  readonly realMs: () => number;
  readonly monotonicMs: () => number;
  /** Files and sockets that a process of this user may have open. */
  readonly descriptorLimit: number;
}

const GIGABYTE = 2 ** 30;
const DAY_MS = 86_400_000;

export function examineFolder(examining: Examining): readonly Finding[] {
  const { folder, realMs, descriptorLimit, monotonicMs } = examining;
  const nowMs = realMs();
  const startedMs = monotonicMs();
  return [
    lockFinding(folder),
    rightsFinding(folder),
    syncFinding(folder, monotonicMs),
    ...spaceFindings(folder, nowMs),
    clockFinding(folder, nowMs, realMs() - nowMs - (monotonicMs() - startedMs)),
    limitFinding(descriptorLimit),
    memoryFinding(),
    ...blameFindings(folder),
    ...storesOf(folder).flatMap(damageFindings),
  ];
}

function well(about: string, text: string): Finding {
  return { about, isWell: true, text };
}

function unwell(about: string, text: string): Finding {
  return { about, isWell: false, text };
}

/** Asked of the system: to try the lock would hold it, and an engine that starts in that moment would be refused. */
function lockFinding(folder: string): Finding {
  const lock = statSync(join(folder, 'lock'), { throwIfNoEntry: false });
  const isHeld = lock !== undefined && readFileSync('/proc/locks', 'utf8').includes(`:${lock.ino} `);
  return well('lock', isHeld ? 'an engine works here now' : 'no engine works here now');
}

/** The master key opens all personal data. */
function rightsFinding(folder: string): Finding {
  const open = [folder, join(folder, 'keys'), join(folder, 'keys', 'master.key')].filter(
    (path) => ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0,
  );
  if (open.length === 0) return well('rights', 'nobody but the owner reads the folder and its keys');
  return unwell('rights', `others may read ${open.join(' and ')}: chmod go-rwx`);
}

const SYNC_COUNT = 50;
/** A page, as the journal writes at least. */
const SYNC_BYTES = 4_096;
/** No disk that keeps what it has said is done in less; a cache that forgets is. */
const SYNC_MS_HONEST = 0.03;
/** A turn waits for one: beyond that people notice. */
const SYNC_MS_SLOW = 50;

function syncFinding(folder: string, monotonicMs: () => number): Finding {
  const [p50Ms, p99Ms] = syncTimes(folder, monotonicMs);
  const text = `a flush takes ${p50Ms.toFixed(2)} ms, the slowest of ${SYNC_COUNT} ${p99Ms.toFixed(2)} ms`;
  if (p50Ms < SYNC_MS_HONEST) {
    return unwell(
      'flush',
      `${text}: no disk is that quick. What is flushed may be lost in a power cut: is this a tmpfs?`,
    );
  }
  return p50Ms > SYNC_MS_SLOW ? unwell('flush', `${text}: every answer waits for one`) : well('flush', text);
}

/** Median, and the longest. */
function syncTimes(folder: string, monotonicMs: () => number): readonly [number, number] {
  const path = join(folder, `.doctor-${process.pid}`);
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    const page = Buffer.alloc(SYNC_BYTES, 1);
    const times = Array.from({ length: SYNC_COUNT }, (_, index) => {
      const startedMs = monotonicMs();
      writeSync(descriptor, page, 0, SYNC_BYTES, index * SYNC_BYTES);
      fdatasyncSync(descriptor);
      return monotonicMs() - startedMs;
    }).sort((a, b) => a - b);
    return [times[SYNC_COUNT / 2]!, times.at(-1)!];
  } finally {
    closeSync(descriptor);
    rmSync(path);
  }
}

const FULL_DAYS_MIN = 7;

function spaceFindings(folder: string, nowMs: number): readonly Finding[] {
  const { bavail, blocks, bsize, ffree, files } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  const text = `${(freeBytes / GIGABYTE).toFixed(1)} GB free, ${Math.round((100 * bavail) / blocks)} %`;
  const space =
    freeBytes < reserveBytes(blocks * bsize)
      ? unwell('space', `${text}: changes are refused; make room, or move the folder`)
      : well('space', text);
  // Some file systems count none.
  const inodes =
    files > 0 && ffree < 1_000 ? [unwell('space', `only ${ffree} more files can be made on this disk`)] : [];
  return [space, ...inodes, growthFinding(folder, freeBytes, nowMs)];
}

/** By what the archive took in the last days; rows grow beside it, about as much again (measured: 13 kB a command). */
function growthFinding(folder: string, freeBytes: number, nowMs: number): Finding {
  const segments = archiveSegments(folder);
  const first = Math.min(...segments.map(({ ms }) => ms));
  const days = (nowMs - first) / DAY_MS;
  if (segments.length < 2 || days <= 0)
    return well('growth', 'too little is archived to say when the disk will be full');
  const bytesADay = (2 * segments.reduce((sum, { bytes }) => sum + bytes, 0)) / Math.max(days, 1 / 24);
  const fullDays = freeBytes / bytesADay;
  const text = `${(bytesADay / GIGABYTE).toFixed(2)} GB a day: full in ${Math.floor(fullDays)} days`;
  return fullDays < FULL_DAYS_MIN ? unwell('growth', text) : well('growth', text);
}

interface Segment {
  readonly bytes: number;
  readonly ms: number;
}

function archiveSegments(folder: string): readonly Segment[] {
  return storesOf(folder).flatMap((store) => {
    const archive = join(store, 'archive');
    return filesIn(archive).map((name) => {
      const { size, mtimeMs } = statSync(join(archive, name));
      return { bytes: size, ms: mtimeMs };
    });
  });
}

/** Between two looks at both clocks. */
const DRIFT_MS_MAX = 20;

/**
 * The programme has to run at some time; and nothing in the folder can have been written after now.
 * @param driftMs of the date against the monotonic clock, while all else was looked at
 */
function clockFinding(folder: string, nowMs: number, driftMs: number): Finding {
  if (Math.abs(driftMs) > DRIFT_MS_MAX) {
    return unwell('clock', `the system's date ran ${Math.round(driftMs)} ms off within a moment: who is setting it?`);
  }
  const now = new Date(nowMs).toISOString();
  const year = new Date(nowMs).getUTCFullYear();
  if (year < 2020 || year > 2100) return unwell('clock', `the system says ${now}: set its date`);
  const writtenMs = Math.max(0, ...storesOf(folder).map(journalWrittenMs));
  if (writtenMs > nowMs + 1_000) {
    return unwell(
      'clock',
      `the system says ${now}, but the journal was written at ${new Date(writtenMs).toISOString()}`,
    );
  }
  return well('clock', `${now}${synchronised()}`);
}

function journalWrittenMs(store: string): number {
  return statSync(join(store, 'journal', 'data.mdb'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Linux tells whether something keeps its clock: nothing to be had elsewhere, and offline. */
function synchronised(): string {
  const isKept = statSync('/run/systemd/timesync/synchronized', { throwIfNoEntry: false }) !== undefined;
  return isKept ? ', kept by a time server' : '; whether a time server keeps it is not known';
}

const DESCRIPTORS_MIN = 4_096;

function limitFinding(limit: number): Finding {
  const text = `this user may open ${limit} files and sockets`;
  return limit < DESCRIPTORS_MIN ? unwell('limits', `${text}: raise it with ulimit -n`) : well('limits', text);
}

/** One and a half for ten million citizens (README, "Measured"), and the page cache beside it. */
const MEMORY_BYTES_MIN = 2 * GIGABYTE;

function memoryFinding(): Finding {
  const limitBytes = Math.min(totalmem(), process.constrainedMemory?.() || Number.POSITIVE_INFINITY);
  const text = `${(limitBytes / GIGABYTE).toFixed(1)} GB of memory, ${availableParallelism()} cores`;
  return limitBytes < MEMORY_BYTES_MIN ? unwell('memory', `${text}: too little for millions`) : well('memory', text);
}

function blameFindings(folder: string): readonly Finding[] {
  try {
    const blames = readBlames(folder);
    const suspects = blames.flatMap((blame) => blame.suspects).length;
    const setAside = blames.flatMap((blame) => blame.setAside);
    return [
      well(
        'deaths',
        suspects === 0 ? 'no command is suspected of ending the engine' : `${suspects} were being decided when it died`,
      ),
      ...setAside.map(({ name, at }) =>
        unwell('set aside', `${name}, since ${at}. To try again: clickday release "${name}"`),
      ),
    ];
  } catch (error) {
    if (error instanceof StorageFault) return [unwell('deaths', error.message)];
    throw error;
  }
}

function damageFindings(store: string): readonly Finding[] {
  const damage = readDamage(damagePath(store));
  if (damage === null) return [];
  return [unwell('rows', `${damage}. The next start does that: start the engine again, and look at the disk`)];
}

function storesOf(folder: string): readonly string[] {
  return filesIn(folder)
    .filter((name) => /^store-[\d.]+$/.test(name))
    .map((name) => join(folder, name));
}

function filesIn(folder: string): readonly string[] {
  return statSync(folder, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(folder);
}
