/** Starts and stops the thread that watches all others. */
import { Worker } from 'node:worker_threads';
import type { Vitals } from './vitals.ts';

export interface WatchdogData {
  readonly memory: SharedArrayBuffer;
  /** By thread. */
  readonly names: readonly string[];
}

export interface WatchdogOptions {
  readonly vitals: Vitals;
  readonly names: readonly string[];
  /** Nobody watches any more. */
  readonly failed: (error: unknown) => void;
}

const HEAP_MB = 16;

/**
 * From when a server serves until it stops: what happens before and after may take its time in one piece.
 * @returns ends it
 */
export function startWatchdog({ vitals, names, failed }: WatchdogOptions): () => Promise<unknown> {
  const workerData: WatchdogData = { memory: vitals.memory, names };
  const worker = new Worker(new URL('./watchdog-thread.js', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: 1 },
  });
  worker.unref();
  worker.once('error', failed);
  return () => worker.terminate();
}
