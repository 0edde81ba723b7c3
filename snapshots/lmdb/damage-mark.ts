/** Left by whoever meets a damaged row, for the next start. Not synced, as that of Suspicion is not. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readFileIfThere } from './files.ts';

/** @param store its folder */
export function damagePath(store: string): string {
  return join(store, 'damaged');
}

/** @param fault the first one stays: whoever comes to it reads all rows */
export function markDamage(path: string, fault: Error): void {
  try {
    writeFileSync(path, `${fault.message}\n`, { flag: 'wx', mode: 0o600 });
  } catch {}
}

export function readDamage(path: string): string | null {
  return readFileIfThere(path)?.toString('utf8').trim() ?? null;
}
