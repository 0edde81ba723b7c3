/** Files and sockets that this process may have open: how many connections leave the store what it needs (fault 27). */
import { readdirSync, readFileSync } from 'node:fs';

/**
 * For what is opened later: uploads on their way (LIMITS.filesAtOnceMax), segments of the archive, copies of rankings,
 * checkpoints, the keys of an issuer, and as much again.
 */
const MARGIN_COUNT = 64;
/** Node alone opens its modules by the hundred, on each thread, before anybody could be told what is wrong. */
export const DESCRIPTORS_MIN = 384;
/** With fewer, the front is loaded before the engine's threads, not beside them. */
export const DESCRIPTORS_FEW = 1_024;

/** To be asked when all is open that a server has open at rest. */
export function connectionsMax(): number {
  return Math.max(1, descriptorLimit() - openDescriptors() - MARGIN_COUNT);
}

/** Node has raised its own to the highest that it may have. */
export function descriptorLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
