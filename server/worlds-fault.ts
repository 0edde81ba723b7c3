/** What the process may outlive: the disk or the network failed. Anything else is a mistake of ours (fault 24). */
import { StorageFault } from '../engine/index.ts';

export function isWorldsFault(error: unknown): boolean {
  return error instanceof StorageFault || (error instanceof Error && 'syscall' in error);
}
