/**
 * Ships the journal of a running engine to a second folder, as it grows: a backup that is always nearly new. It never
 * makes the engine wait. Where the other disk is full or gone, the engine goes on, the lag grows and is told, and this
 * tries again; so what a disaster takes is what the lag says, and not nothing.
 */
import { StorageFault } from '../../engine/ports.ts';
import type { BackupSource } from './source.ts';
import { BackupWriter } from './writer.ts';

export interface ShipperOptions {
  readonly source: BackupSource;
  readonly folder: string;
  readonly keys?: string | undefined;
  /** Does not keep the process alive. */
  readonly pause: (ms: number) => Promise<void>;
  readonly monotonicMs: () => number;
  /** It fails, or for another reason than before; null: it works again. */
  readonly alarm: (fault: Error | null) => void;
  /** Not the world failed, but we did. */
  readonly failed: (error: unknown) => void;
}

export interface Lag {
  /** Journaled, and not shipped. */
  readonly records: number;
  /** Since when something is missing there, at most. */
  readonly ms: number;
}

/** Between two rounds: each costs a flush there for each store, and little here. */
const PAUSE_MS = 200;
const RETRY_MS_MAX = 5_000;

export class Shipper {
  readonly folder: string;
  readonly #options: ShipperOptions;
  #writer: BackupWriter | null = null;
  #fault: Error | null = null;
  #failures = 0;
  #isStopping = false;
  #shipped = 0;
  /** When all was flushed that is there by now. */
  #coveredMs: number;
  #stop: () => void = () => {};
  readonly #stopped = new Promise<void>((resolve) => {
    this.#stop = resolve;
  });
  readonly #running: Promise<void>;

  constructor(options: ShipperOptions) {
    this.folder = options.folder;
    this.#options = options;
    this.#coveredMs = options.monotonicMs();
    this.#running = this.#run();
  }

  /** Why it fails; null while it does not. */
  get fault(): Error | null {
    return this.#fault;
  }

  /** Rounds in a row that failed. */
  get failures(): number {
    return this.#failures;
  }

  /** While it works: for cuts of what is shipped. */
  get writer(): BackupWriter | null {
    return this.#writer;
  }

  /** @param journaled records of all stores, flushed */
  lag(journaled: number): Lag {
    const records = Math.max(0, journaled - this.#shipped);
    return { records, ms: records === 0 ? 0 : Math.round(this.#options.monotonicMs() - this.#coveredMs) };
  }

  /** Ships what is flushed by now, if it can, and lets go of the folder. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#stop();
    await this.#running;
    await this.#round();
    await this.#writer?.close();
    this.#writer = null;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      await this.#round();
      const pauseMs = Math.min(PAUSE_MS * 2 ** this.#failures, RETRY_MS_MAX);
      await Promise.race([this.#options.pause(pauseMs), this.#stopped]);
    }
  }

  async #round(): Promise<void> {
    const { source, folder, keys, monotonicMs } = this.#options;
    try {
      this.#writer ??= await BackupWriter.open({ source, folder, keys });
      const askedMs = monotonicMs();
      await this.#writer.bring();
      this.#shipped = this.#writer.vector.reduce((sum, sequence) => sum + sequence, 0);
      this.#coveredMs = askedMs;
      this.#failures = 0;
      this.#tell(null);
    } catch (error) {
      if (!isOfTheWorld(error)) return this.#options.failed(error);
      this.#failures += 1;
      // Opened anew: what is there is looked at again.
      await this.#writer?.close();
      this.#writer = null;
      this.#tell(error);
    }
  }

  #tell(fault: Error | null): void {
    const isSame = fault?.message === this.#fault?.message;
    this.#fault = fault;
    if (!isSame) this.#options.alarm(fault);
  }
}

/** A disk, or what lies on it. */
function isOfTheWorld(error: unknown): error is Error {
  return error instanceof StorageFault || (error instanceof Error && 'errno' in error);
}
