/**
 * Damages copies of a folder and lets a process of its own examine each: what is damaged must be noticed, or it must not
 * matter. Whatever is neither is served wrong, and there must be none of it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Random } from '../support/random.ts';
import { type Examined, filesByKind, makeSubject } from './subject.ts';

/** Nothing here is about flushes: where there is memory to be had as a disk, none is waited for. */
export const QUICK_FOLDER = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export interface DamageCount {
  readonly count: number;
  /** A code or a difference was named. */
  readonly noticed: number;
  /** The process that read it ended: an engine would have stopped, too. */
  readonly stopped: number;
  /** All answers are the same, and nothing differs: the byte carries no meaning, or is made again. */
  readonly harmless: number;
}

export interface DamageSummary {
  readonly byKind: Readonly<Record<string, DamageCount>>;
  /** One line for each damage that changed an answer and was not noticed. */
  readonly served: readonly string[];
  /** One line for each damage that ended the process that read it. */
  readonly stopped: readonly string[];
  /** What was said, and how often. */
  readonly said: ReadonlyMap<string, number>;
}

/** Changes a file; @returns what it did, in words */
export type Damage = (path: string, random: Random) => string;

export const flipBit: Damage = (path, random) => {
  const bytes = readFileSync(path);
  const at = random.below(bytes.length);
  const bit = random.below(8);
  bytes[at]! ^= 1 << bit;
  writeFileSync(path, bytes);
  return `bit ${bit} of byte ${at}`;
};

/** To any length, also none at all; now and then the file is gone. */
export const cutShort: Damage = (path, random) => {
  const dice = random.below(10);
  if (dice === 0) {
    rmSync(path);
    return 'removed';
  }
  const length = dice === 1 ? 0 : random.below(readFileSync(path).length);
  truncateSync(path, length);
  return `cut to ${length} bytes`;
};

export interface DamageOptions {
  readonly count: number;
  readonly random: Random;
  readonly damage: Damage;
  /** JavaScript of examiner.ts. */
  readonly program: string;
}

export async function damageFolders({ count, random, damage, program }: DamageOptions): Promise<DamageSummary> {
  const place = mkdtempSync(join(QUICK_FOLDER, 'clickday-damage-'));
  const examiner = new Examiner(program);
  const tally = new Tally();
  try {
    const whole = join(place, 'whole');
    await makeSubject(whole);
    const kinds = [...filesByKind(whole)];
    const good = await examiner.examineWhole(whole, join(place, 'good'));
    for (let round = 0; round < count; round += 1) {
      const [kind, names] = kinds[round % kinds.length]!;
      const folder = join(place, 'damaged');
      cpSync(whole, folder, { recursive: true });
      const name = random.pick(names);
      const what = damage(join(folder, name), random);
      tally.add(kind, `${name}: ${what}`, await examiner.examine(folder), good);
      rmSync(folder, { recursive: true, force: true });
    }
    return tally.summary();
  } finally {
    examiner.end();
    rmSync(place, { recursive: true, force: true });
  }
}

/** One process after the other: each examines until a folder ends it. */
class Examiner {
  readonly #program: string;
  #child: ChildProcess | null = null;
  #examined: (examined: Examined | string) => void = () => {};

  constructor(program: string) {
    this.#program = program;
  }

  /** @returns the signal or exit code, as a text, when the process ended of it */
  examine(folder: string): Promise<Examined | string> {
    this.#child ??= this.#start();
    this.#child.send({ folder });
    return new Promise((resolve) => {
      this.#examined = resolve;
    });
  }

  /** By the process that examines all others: one that does not work finds every folder damaged. @returns its digest */
  async examineWhole(whole: string, copy: string): Promise<string> {
    cpSync(whole, copy, { recursive: true });
    const examined = await this.examine(copy);
    if (typeof examined === 'string') throw new Error(`${this.#program} does not examine a whole folder: ${examined}`);
    if (examined.digest !== undefined) return examined.digest;
    throw new Error(`the folder was not whole before it was damaged: ${examined.noticed}`);
  }

  #start(): ChildProcess {
    const child = fork(this.#program, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    child.on('message', (examined) => this.#examined(examined as Examined));
    child.once('exit', (code, signal) => {
      this.#child = null;
      this.#examined(String(signal ?? code));
    });
    return child;
  }

  end(): void {
    this.#child?.kill('SIGKILL');
  }
}

class Tally {
  readonly #byKind = new Map<string, { count: number; noticed: number; stopped: number; harmless: number }>();
  readonly #served: string[] = [];
  readonly #stopped: string[] = [];
  readonly #said = new Map<string, number>();

  add(kind: string, what: string, examined: Examined | string, good: string): void {
    const of = this.#byKind.get(kind) ?? { count: 0, noticed: 0, stopped: 0, harmless: 0 };
    this.#byKind.set(kind, of);
    of.count += 1;
    if (typeof examined === 'string') {
      of.stopped += 1;
      this.#stopped.push(`${what}: ${examined}`);
    } else if (examined.noticed !== undefined) {
      of.noticed += 1;
      const said = `${kind}: ${examined.noticed.replaceAll(/\d+/g, '#').slice(0, 60)}`;
      this.#said.set(said, (this.#said.get(said) ?? 0) + 1);
    } else if (examined.digest === good) of.harmless += 1;
    else this.#served.push(what);
  }

  summary(): DamageSummary {
    return {
      byKind: Object.fromEntries(this.#byKind),
      served: this.#served,
      stopped: this.#stopped,
      said: this.#said,
    };
  }
}
