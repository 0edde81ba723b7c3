/**
 * Who is to blame when a process dies (fault 18). Two small files in each store's folder:
 *
 *   turn             what is being decided: one name a line, then a zero. Not synced: it has to outlive the process,
 *                    not the machine, and a write of a kilobyte takes 2 us where a flush takes a thousand.
 *   set-aside.json   suspects, and what was set aside, as the starts after those deaths found it
 *
 * A process that was killed from outside leaves suspects, too. They lose nothing but a turn that they could have shared.
 */
import { closeSync, statSync, writeSync } from 'node:fs';
import { partitionOf } from '../engine/partition.ts';
import { type Quarantine, StorageFault } from '../engine/ports.ts';

/** Those of the last deaths: a turn names a thousand or two. */
const SUSPECTS_MAX = 8_192;
const FIRST_BYTES = 131_072;
const END = 0;

export interface Blame {
  readonly suspects: readonly Suspect[];
  readonly setAside: readonly SetAside[];
}

export interface Suspect {
  readonly name: string;
  /** At which it was named: once with others at most, then alone. */
  readonly deaths: number;
}

export interface SetAside {
  readonly name: string;
  /** When it was, as the system's date says; for operators. */
  readonly at: string;
}

export const NOBODY: Blame = { suspects: [], setAside: [] };

/** What a death with these names at it means; the names of one that came while nothing was decided are none. */
export function blameAfter({ suspects, setAside }: Blame, named: readonly string[], at: string): Blame {
  const deaths = new Map(suspects.map((suspect) => [suspect.name, suspect.deaths]));
  const [first] = named;
  if (named.length > 1) for (const name of named) deaths.set(name, deaths.get(name) ?? 1);
  else if (first !== undefined) deaths.set(first, (deaths.get(first) ?? 0) + 1);
  const left = [...deaths].map(([name, count]) => ({ name, deaths: count }));
  const guilty = left.filter((suspect) => suspect.deaths >= deathsMax(suspect.name));
  return {
    suspects: left.filter((suspect) => !guilty.includes(suspect)).slice(-SUSPECTS_MAX),
    setAside: [...setAside, ...guilty.map(({ name }) => ({ name, at }))],
  };
}

/** What the engine owes to itself stands still, or all of the service: two deaths by chance are not enough for that. */
function deathsMax(name: string): number {
  return REFUSABLE.test(name) ? 2 : 4;
}

/** Whoever asked is told no. */
const REFUSABLE = /^(command|record|resolution|par) /;
/** Of a partition: nobody else waits for it, and it can be done when an operator has released it. */
const CAN_WAIT = /^(payouts|notices|rechecks|exclusions|files) /;

/** Others go on without it. */
export function canBeLeftOut(name: string): boolean {
  return REFUSABLE.test(name) || CAN_WAIT.test(name);
}

/** Of the partition whose store decides it. */
export function partitionOfTask(name: string): number {
  const [kind, first = '', second = ''] = name.split(' ');
  if (kind === 'message') return Number(second);
  return REFUSABLE.test(name) ? partitionOf(first) : Number(first);
}

/** What some of many tasks are to blame for. */
export function blameOf(blames: readonly Blame[], isWanted: (name: string) => boolean): Blame {
  return {
    suspects: blames.flatMap(({ suspects }) => suspects.filter(({ name }) => isWanted(name))),
    setAside: blames.flatMap(({ setAside }) => setAside.filter(({ name }) => isWanted(name))),
  };
}

const NEEDED = /^(message|system|expiry) /;

/** A name ends with its line. */
function isName(line: string): boolean {
  return /^\w+ \S/.test(line) && (canBeLeftOut(line) || NEEDED.test(line));
}

/** @param bytes of the file `turn`, whole or cut short by a death in the middle of a write */
export function namesIn(bytes: Uint8Array): readonly string[] {
  const end = bytes.indexOf(END);
  const text = Buffer.from(bytes.subarray(0, end === -1 ? bytes.length : end)).toString('utf8');
  return text.split('\n').filter(isName);
}

/** @throws StorageFault when this is not what `blameText` wrote */
export function parseBlame(text: string): Blame {
  try {
    const { suspects, setAside } = JSON.parse(text) as Blame;
    if (Array.isArray(suspects) && Array.isArray(setAside)) return { suspects, setAside };
  } catch {
    // Told below.
  }
  throw new StorageFault('SET_ASIDE_DAMAGED', 'a file set-aside.json is damaged: remove it, and nothing is set aside');
}

export function blameText(blame: Blame): string {
  return `${JSON.stringify(blame, null, 1)}\n`;
}

export interface QuarantineParts {
  /** Of the file `turn`, open for writing; its own from now on. */
  readonly descriptor: number;
  /** Of `set-aside.json`: an operator may release something while the engine runs. */
  readonly path: string;
  readonly read: () => Blame;
}

/** Who opens it changes nothing: the names of a death are for the next start of an engine, which judges them first. */
export class FileQuarantine implements Quarantine {
  readonly #parts: QuarantineParts;
  /** Null once it is closed: its number may mean another file then. */
  #descriptor: number | null;
  readonly #suspects: Set<string>;
  #setAside: ReadonlySet<string> = new Set();
  #readMs = Number.NaN;
  #bytes = Buffer.alloc(FIRST_BYTES);
  /** Without the end. */
  #length = 0;

  constructor(parts: QuarantineParts) {
    this.#parts = parts;
    this.#descriptor = parts.descriptor;
    this.#suspects = new Set(parts.read().suspects.map(({ name }) => name));
    this.#readSetAside();
  }

  name(tasks: readonly string[]): void {
    const text = `${tasks.join('\n')}\n\0`;
    if (text.length * 3 > this.#bytes.length) this.#bytes = Buffer.alloc(text.length * 6);
    const length = this.#bytes.write(text);
    this.#length = length - 1;
    this.#write(0, length);
  }

  nameToo(task: string): void {
    const line = Buffer.from(`${task}\n\0`);
    this.#writeBytes(line, line.length, this.#length);
    this.#length += line.length - 1;
  }

  clear(): void {
    this.#length = 0;
    this.#bytes[0] = END;
    this.#write(0, 1);
  }

  get hasSuspects(): boolean {
    return this.#suspects.size > 0;
  }

  isSuspect(task: string): boolean {
    return this.#suspects.has(task);
  }

  acquit(task: string): void {
    this.#suspects.delete(task);
  }

  isSetAside(task: string): boolean {
    if (this.#setAside.size === 0 || !this.#setAside.has(task)) return false;
    if (this.#changedMs() !== this.#readMs) this.#readSetAside();
    return this.#setAside.has(task);
  }

  async close(): Promise<void> {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  #readSetAside(): void {
    this.#readMs = this.#changedMs();
    this.#setAside = new Set(this.#parts.read().setAside.map(({ name }) => name));
  }

  #changedMs(): number {
    return statSync(this.#parts.path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  }

  #write(position: number, length: number): void {
    this.#writeBytes(this.#bytes, length, position);
  }

  /** A full or failing disk is no reason not to decide: the journal will say so, and this only knows whom to blame. */
  #writeBytes(bytes: Buffer, length: number, position: number): void {
    if (this.#descriptor === null) return;
    try {
      writeSync(this.#descriptor, bytes, 0, length, position);
    } catch {
      // As above.
    }
  }
}
