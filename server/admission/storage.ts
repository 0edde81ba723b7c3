/**
 * Keeps room on the disk (fault 9). Before it is full, changes are refused and reads go on; when there is room again
 * changes are taken in again, without a restart. A disk that is really full fails a flush, and that stops the process.
 *
 * The reserve is for what is under way when the door closes, none of which may be refused: a mailbox of commands, the
 * messages that they cause, the rows of a checkpoint, a segment of the archive beside the records that it will replace, a
 * copy of a ranking beside the one before it, the closing of a period.
 */
import type { RefusalName, Refused } from '../../engine/index.ts';
import { type DiskSpace, reserveBytes } from '../../snapshots/index.ts';
import { retryAtMs } from './retry.ts';

/** Taken in again a little later than refused, so that the door does not swing. */
const HYSTERESIS = 1.05;
const LOOK_MS = 250;

export interface StorageOptions {
  readonly folder: string;
  /** Of the folder itself; undefined = only the disk limits it. */
  readonly quotaBytes: number | undefined;
  readonly diskSpace: (path: string) => Promise<DiskSpace>;
  readonly folderBytes: (path: string) => Promise<number>;
  /** In [0, 1): spreads those who come back. */
  readonly random: () => number;
  /** Once for each closing and opening of the door. */
  readonly changed: (status: StorageStatus) => void;
}

export interface StorageStatus {
  /** Changes are refused. */
  readonly isFull: boolean;
  /** Of the disk: 0 full, 1 empty. */
  readonly freeShare: number;
  /** Null where there is no quota. */
  readonly folderBytes: number | null;
}

const UNKNOWN: StorageStatus = { isFull: false, freeShare: 1, folderBytes: null };

export class Storage {
  readonly #options: StorageOptions;
  #status = UNKNOWN;

  constructor(options: StorageOptions) {
    this.#options = options;
  }

  get status(): StorageStatus {
    return this.#status;
  }

  /** Looks now, and again and again from then on; when it cannot, it goes on with what it knows. */
  async watch(pause: (ms: number) => Promise<void>, failed: (error: unknown) => void): Promise<void> {
    await this.look();
    const goOn = async () => {
      for (;;) {
        await pause(LOOK_MS);
        await this.look().catch(failed);
      }
    };
    void goOn();
  }

  /** Why a change may not pass now, in the programme's time; null = it may. */
  refusal(nowMs: number): (Refused & { readonly code: Extract<RefusalName, 'STORAGE_FULL'> }) | null {
    if (!this.#status.isFull) return null;
    return { ok: false, code: 'STORAGE_FULL', retryAtMs: retryAtMs('full', nowMs, this.#options.random()) };
  }

  async look(): Promise<void> {
    const { folder, quotaBytes, changed } = this.#options;
    const { freeBytes, totalBytes } = await this.#options.diskSpace(folder);
    const bytes = quotaBytes === undefined ? null : await this.#options.folderBytes(folder);
    const wasFull = this.#status.isFull;
    const slack = wasFull ? HYSTERESIS : 1;
    const isOverQuota = quotaBytes !== undefined && bytes !== null && bytes * slack > quotaBytes;
    const isFull = freeBytes < reserveBytes(totalBytes) * slack || isOverQuota;
    this.#status = { isFull, freeShare: totalBytes === 0 ? 0 : freeBytes / totalBytes, folderBytes: bytes };
    if (isFull !== wasFull) changed(this.#status);
  }
}
