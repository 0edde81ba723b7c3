/**
 * What an engine asked of the disk, read from the log of `recorder.c`: which bytes it wrote where and which names it
 * gave, and for each the moment from which a power cut cannot take it back. A moment is a number of the log's counter.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Bytes written into a file, or, without bytes, its size set to `offset`. */
export interface Change {
  readonly begin: number;
  readonly offset: number;
  readonly bytes: Buffer | null;
  /** Never = Infinity. */
  readonly durableAt: number;
}

export interface LoggedFile {
  /** Under which it was made, below the place of the recording. */
  readonly path: string;
  /** In order. */
  readonly changes: readonly Change[];
}

export interface Naming {
  readonly begin: number;
  readonly kind: 'file' | 'folder' | 'rename' | 'remove';
  readonly path: string;
  /** Of a rename. */
  readonly to: string;
  /** Of a new file: its number among the files. */
  readonly file: number;
  readonly durableAt: number;
}

export interface DiskLog {
  readonly files: readonly LoggedFile[];
  readonly namings: readonly Naming[];
  /** Of each answered request, by its `ref`: when the answer was handed to the system. */
  readonly answeredAt: ReadonlyMap<number, number>;
  /** Of each process: from when until when it had answered nobody. */
  readonly recoveries: readonly { readonly begin: number; readonly end: number }[];
  /** All moments are at or before it. */
  readonly end: number;
}

const KINDS = ['end', 'write', 'sync', 'truncate', 'create', 'folder', 'rename', 'remove', 'answer', 'mapped'] as const;

export interface Entry {
  readonly kind: (typeof KINDS)[number];
  readonly begin: number;
  /** Infinity: the process was killed before it returned. */
  end: number;
  /** Below 0: it failed. */
  result: number;
  offset: number;
  readonly inode: number;
  isSynced: boolean;
  readonly path: string;
  readonly to: string;
  bytes: Buffer;
}

/** The result of a call of which only a kill knows whether it was made. */
const UNKNOWN = -2;
const HEADER_BYTES = 48;
/** Neither a promise nor needed for one: locks, which die with their process, and what the front keeps for itself. */
export const UNIMPORTANT = /(^|\/)(lock|lock\.mdb)$|\/(identity|spool)(\/|$)/;
const ANSWER = /"ref":(\d+),"ok":true/g;

/** The logs of one process after the other, as one. */
export interface Logged {
  readonly entries: readonly Entry[];
  /** The first moment of each process. */
  readonly starts: readonly number[];
  readonly end: number;
}

export class LogReader implements Logged {
  readonly entries: Entry[] = [];
  readonly starts: number[] = [];
  readonly #place: string;
  #end = 0;

  /** @param place the folder that was watched */
  constructor(place: string) {
    this.#place = place;
  }

  /** Reads the log of a process that has ended, before anybody else touches what it left. */
  add(path: string): void {
    this.starts.push(this.#end + 1);
    const entries = this.#parse(readFileSync(path));
    for (const entry of entries) if (entry.end === Number.POSITIVE_INFINITY) this.#settle(entry);
    // What a kill kept from returning promised nothing.
    this.entries.push(...entries.filter(({ result }) => result !== UNKNOWN));
  }

  get end(): number {
    return this.#end;
  }

  #parse(bytes: Buffer): Entry[] {
    const byNumber = new Map<number, Entry>();
    const base = this.#end;
    for (let at = 0; at + HEADER_BYTES <= bytes.length; at += bytes.readUInt32LE(at)) {
      const number = base + Number(bytes.readBigUInt64LE(at + 8));
      this.#end = Math.max(this.#end, number);
      if (KINDS[bytes.readUInt32LE(at + 4)] !== 'end') {
        byNumber.set(number, this.#entryAt(bytes, at, number));
        continue;
      }
      const entry = byNumber.get(base + Number(bytes.readBigInt64LE(at + 16)))!;
      entry.end = number;
      entry.result = Number(bytes.readBigInt64LE(at + 24));
    }
    return [...byNumber.values()];
  }

  #entryAt(bytes: Buffer, at: number, begin: number): Entry {
    const [pathBytes, otherBytes, dataBytes] = [36, 40, 44].map((field) => bytes.readUInt32LE(at + field)) as [
      number,
      number,
      number,
    ];
    const pathAt = at + HEADER_BYTES;
    const dataAt = pathAt + pathBytes + otherBytes;
    const text = (from: number, length: number) =>
      length === 0 ? '' : relative(this.#place, bytes.toString('utf8', from, from + length));
    return {
      kind: KINDS[bytes.readUInt32LE(at + 4)]!,
      begin,
      end: Number.POSITIVE_INFINITY,
      result: 0,
      offset: Number(bytes.readBigInt64LE(at + 16)),
      inode: Number(bytes.readBigUInt64LE(at + 24)),
      isSynced: bytes.readUInt32LE(at + 32) !== 0,
      path: text(pathAt, pathBytes),
      to: text(pathAt + pathBytes, otherBytes),
      bytes: bytes.subarray(dataAt, dataAt + dataBytes),
    };
  }

  /** A kill came before it returned: it happened as far as the system's own view of the folder says so. */
  #settle(entry: Entry): void {
    const path = join(this.#place, entry.path);
    const forget = () => {
      entry.result = UNKNOWN;
    };
    switch (entry.kind) {
      case 'write': {
        const there = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
        entry.bytes = Buffer.from(there.subarray(entry.offset, entry.offset + entry.bytes.length));
        entry.result = entry.bytes.length;
        entry.isSynced = false;
        break;
      }
      case 'truncate':
        entry.offset = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
        break;
      case 'create':
        entry.result = statSync(path, { throwIfNoEntry: false })?.ino ?? UNKNOWN;
        break;
      case 'folder':
        if (!existsSync(path)) forget();
        break;
      case 'rename':
        if (existsSync(path)) forget();
        break;
      case 'remove':
        if (existsSync(path)) forget();
        break;
      case 'sync':
        forget();
        break;
      default:
        return;
    }
    entry.end = this.#end;
  }
}

/** @param liesAbout files and folders with this in their path: their disk says of every sync that it is done, and does nothing */
export function diskLogOf({ entries, starts, end }: Logged, liesAbout = ''): DiskLog {
  const answeredAt = new Map<number, number>();
  for (const { kind, begin, bytes } of entries) {
    if (kind !== 'answer') continue;
    for (const [, ref] of bytes.toString('latin1').matchAll(ANSWER)) answeredAt.set(Number(ref), begin);
  }
  const important = entries.filter(({ kind, path }) => kind !== 'answer' && !UNIMPORTANT.test(path));
  const { files, namings } = new Timeline(important, (path) => liesAbout !== '' && path.includes(liesAbout));
  const answers = [...answeredAt.values()].sort((left, right) => left - right);
  const recoveries = starts.map((begin) => ({ begin, end: answers.find((at) => at > begin) ?? end }));
  return { files, namings, answeredAt, recoveries, end };
}

interface Sync {
  readonly begin: number;
  readonly end: number;
  readonly isGood: boolean;
}

interface GrowingFile {
  readonly path: string;
  readonly changes: { begin: number; end: number; offset: number; bytes: Buffer | null; isSynced: boolean }[];
  readonly syncs: Sync[];
}

interface GrowingNaming extends Omit<Naming, 'durableAt'> {
  readonly end: number;
  /** Of the folder that the name is in. */
  readonly syncs: readonly Sync[];
}

class Timeline {
  readonly files: readonly LoggedFile[];
  readonly namings: readonly Naming[];

  constructor(entries: readonly Entry[], isLie: (path: string) => boolean) {
    const files: GrowingFile[] = [];
    const byInode = new Map<number, GrowingFile>();
    const folderSyncs = new Map<string, Sync[]>([['', []]]);
    const namings: GrowingNaming[] = [];
    const name = (kind: Naming['kind'], { begin, end, path, to }: Entry, file = -1) =>
      namings.push({ begin, end, kind, path, to, file, syncs: folderSyncs.get(parentOf(path)) ?? [] });

    for (const entry of [...entries].sort((left, right) => left.begin - right.begin)) {
      const { kind, begin, end, path, inode, offset, result } = entry;
      if (kind === 'mapped') throw new Error(`${path} is written through memory: its log would be a fiction`);
      const file = byInode.get(inode);
      const isGood = result >= 0;
      if (kind === 'sync') (folderSyncs.get(path) ?? file?.syncs)?.push({ begin, end, isGood });
      else if (kind === 'write' && file !== undefined) {
        const bytes = isGood ? entry.bytes.subarray(0, result) : entry.bytes;
        file.changes.push({ begin, end, offset, bytes, isSynced: entry.isSynced && isGood });
        if (!isGood) file.syncs.push({ begin: end, end, isGood });
      } else if (!isGood) continue;
      else if (kind === 'truncate') file?.changes.push({ begin, end, offset, bytes: null, isSynced: false });
      else if (kind === 'create') {
        const made = { path, changes: [], syncs: [] };
        byInode.set(result, made);
        name('file', entry, files.push(made) - 1);
      } else if (kind === 'folder') {
        folderSyncs.set(path, []);
        name('folder', entry);
      } else if (kind === 'rename' || kind === 'remove') {
        name(kind, entry);
        const syncs = folderSyncs.get(path);
        if (kind === 'rename' && syncs !== undefined) folderSyncs.set(entry.to, syncs);
      }
    }

    this.files = files.map(({ path, changes, syncs }) => ({
      path,
      changes: changes.map(({ begin, end, offset, bytes, isSynced }) => {
        const durableAt = isSynced ? end : durableFrom(end, syncs);
        return { begin, offset, bytes, durableAt: isLie(path) ? Number.POSITIVE_INFINITY : durableAt };
      }),
    }));
    this.namings = namings.map(({ end, syncs, ...naming }) => ({
      ...naming,
      durableAt: isLie(naming.path) ? Number.POSITIVE_INFINITY : durableFrom(end, syncs),
    }));
  }
}

/**
 * Durable is what a sync covers that began after it had ended. A sync that fails is final: the system takes what it
 * could not write for written, and no later sync makes up for that.
 */
function durableFrom(end: number, syncs: readonly Sync[]): number {
  const first = syncs.findIndex((sync) => sync.begin > end || (!sync.isGood && sync.end >= end));
  if (first < 0 || !syncs[first]!.isGood) return Number.POSITIVE_INFINITY;
  return syncs[first]!.end;
}

export function parentOf(path: string): string {
  const parent = dirname(path);
  return parent === '.' ? '' : parent;
}
