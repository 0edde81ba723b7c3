/** How an engine process ends when something is wrong with it, on whichever thread: at once (architecture 4). */
import { writeSync } from 'node:fs';
import pino from 'pino';
import { isoText } from '../engine/index.ts';

export const log = pino(
  { name: 'clickday', base: null, level: process.env.CLICKDAY_LOG ?? 'warn' },
  pino.destination(2),
);

/** Whatever nobody caught on this thread stops the process. */
export function stopAtFaults(): void {
  process.on('uncaughtException', stopAtOnce);
  process.on('unhandledRejection', stopAtOnce);
}

export function stopAtOnce(error: unknown): void {
  try {
    log.fatal({ err: error, at: isoText(Date.now()) }, 'stopping at once');
    writeSync(2, `clickday stops: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  } finally {
    // Also where nobody reads what it says any more. Not `exit`: it waits for LMDB's threads, and was seen to hang for
    // ever while a checkpoint was being written. From a worker it would end nothing but the worker.
    process.kill(process.pid, 'SIGKILL');
  }
}
