/**
 * Backups of the folder that this engine works on: one at a time when an operator asks, and shipping all the time. And looks at
 * the past, which read it the same way.
 */
import { resolve } from 'node:path';
import type { EngineStats } from '../engine/index.ts';
import {
  type BackupSource,
  BackupWriter,
  type Doubles,
  type MadeCut,
  type PastWallet,
  Shipper,
} from '../snapshots/index.ts';
import { type AskedPast, readDoubles, readPast } from './past/index.ts';

export interface BackupAsked {
  readonly folder: string;
  /** Undefined: beside it. */
  readonly keys: string | undefined;
  /** Undefined: made of the time. */
  readonly name: string | undefined;
  /** With a base of rows; else with one where it is due. */
  readonly base: boolean;
}

/** The last one that was begun. */
export interface BackupState {
  readonly number: number;
  readonly state: 'running' | 'done' | 'failed';
  readonly folder: string;
  readonly keys?: string;
  readonly cut?: MadeCut;
  readonly code?: string;
  readonly message?: string;
}

export interface ShippingStatus {
  readonly folder: string;
  readonly lagRecords: number;
  readonly lagMs: number;
  /** Why it does not work now, and how often that was tried in a row; null and 0 while it does. */
  readonly fault: string | null;
  readonly failures: number;
}

export interface BackupsOptions {
  readonly source: BackupSource;
  readonly shipping: { readonly folder: string; readonly keys: string | undefined } | null;
  readonly pause: (ms: number) => Promise<void>;
  readonly monotonicMs: () => number;
  readonly realMs: () => number;
  /** Shipping stopped working, or (null) works again. */
  readonly alarm: (fault: Error | null) => void;
  /** Our own mistake: the process stops. */
  readonly failed: (error: unknown) => void;
}

/** What the fronts need of it. */
export type ServedBackups = Pick<Backups, 'state' | 'shipping' | 'begin' | 'past' | 'doubles'>;

export class Backups {
  readonly #options: BackupsOptions;
  readonly #shipper: Shipper | null;
  #state: BackupState | null = null;
  #isPastRead = false;

  constructor(options: BackupsOptions) {
    const { source, shipping, pause, monotonicMs, alarm, failed } = options;
    this.#options = options;
    this.#shipper =
      shipping === null
        ? null
        : new Shipper({ ...shipping, folder: resolve(shipping.folder), source, pause, monotonicMs, alarm, failed });
  }

  /** Null: none was ever asked for. */
  get state(): BackupState | null {
    return this.#state;
  }

  /** Null: nothing is shipped. */
  shipping({ journalSequence }: Pick<EngineStats, 'journalSequence'>): ShippingStatus | null {
    if (this.#shipper === null) return null;
    const { folder, fault, failures } = this.#shipper;
    const { records, ms } = this.#shipper.lag(journalSequence);
    return { folder, lagRecords: records, lagMs: ms, fault: fault?.message ?? null, failures };
  }

  /** @returns null while one is under way */
  begin(asked: BackupAsked): BackupState | null {
    if (this.#state?.state === 'running') return null;
    const begun: BackupState = { number: (this.#state?.number ?? 0) + 1, state: 'running', folder: asked.folder };
    this.#state = begun;
    void this.#run(begun, asked);
    return begun;
  }

  /** One at a time: null while another one is read. @throws StorageFault */
  past(asked: AskedPast): Promise<PastWallet> | null {
    return this.#readAlone((source) => readPast(source, asked));
  }

  /** As `past`, and not beside it. */
  doubles(): Promise<Doubles> | null {
    return this.#readAlone(readDoubles);
  }

  #readAlone<T>(read: (source: BackupSource) => Promise<T>): Promise<T> | null {
    if (this.#isPastRead) return null;
    this.#isPastRead = true;
    return read(this.#options.source).finally(() => {
      this.#isPastRead = false;
    });
  }

  /** What is flushed by now is shipped. A backup under way dies with the process, and may be begun again. */
  async stop(): Promise<void> {
    await this.#shipper?.stop();
  }

  async #run(begun: BackupState, asked: BackupAsked): Promise<void> {
    try {
      this.#state = { ...begun, state: 'done', ...(await this.#make(asked)) };
    } catch (error) {
      if (!isFault(error)) return this.#options.failed(error);
      this.#state = { ...begun, state: 'failed', code: error.code, message: error.message };
    }
  }

  /** Where the folder is shipped to, whoever ships has it open, and would wait for a base: only who asks gets one. */
  async #make({ folder, keys, name, base }: BackupAsked): Promise<{ readonly cut: MadeCut; readonly keys: string }> {
    const { source, realMs } = this.#options;
    const now = new Date(realMs());
    const shipped = this.#shipper?.folder === folder ? this.#shipper.writer : null;
    if (shipped !== null) {
      return { cut: await shipped.cut(name, now, base ? 'always' : 'never'), keys: shipped.keys };
    }
    const writer = await BackupWriter.open({ source, folder, keys });
    try {
      return { cut: await writer.cut(name, now, base ? 'always' : 'due'), keys: writer.keys };
    } finally {
      await writer.close();
    }
  }
}

/** The world failed, or what was asked cannot be: a StorageFault, or what the system says. */
function isFault(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}
