/**
 * A verb that reads all of a data folder does so in a process of its own: a damaged page of a database may end the one
 * that reads it by a signal, and somebody has to say where.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { VerbFault } from './verb.ts';

/** Set where it is that process. */
const INSIDE = 'CLICKDAY_OWN_PROCESS';

export function isInOwnProcess(): boolean {
  return process.env[INSIDE] !== undefined;
}

/** @returns its exit code. Throws a fault that says which database ended it. */
export function runInOwnProcess(verb: string, data: string, words: readonly string[]): number {
  const { signal, status } = run([verb, ...words], 'inherit');
  if (signal === null) return status ?? 1;
  if (STOPPED.includes(signal)) throw new VerbFault(1, `the process that read ${data} was ended by ${signal}`);
  const damaged = databasesIn(data).filter((name) => {
    const read = run(['verify', '--data', data, '--database', name], 'ignore');
    return read.signal !== null || read.status !== 0;
  });
  const where = damaged.length === 0 ? data : damaged.join(' and ');
  const areRows = damaged.length > 0 && damaged.every((name) => name.endsWith(ROWS));
  const advice = areRows
    ? `make the rows anew, from archive and journal: clickday rebuild --data ${data}`
    : 'restore the folder from a backup: clickday restore';
  throw new VerbFault(1, `STORE_DAMAGED: the process ended by ${signal} while it read ${where}`, advice);
}

/** By somebody, or for want of memory: these say nothing about the folder. */
const STOPPED: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP'];

function run(words: readonly string[], stdio: 'inherit' | 'ignore'): SpawnSyncReturns<Buffer> {
  const env = { ...process.env, [INSIDE]: '1' };
  return spawnSync(process.execPath, [process.argv[1]!, ...words], { stdio, env });
}

const ROWS = '/rows';

function databasesIn(data: string): readonly string[] {
  const stores = readdirSync(data).filter((name) => name.startsWith('store-'));
  return stores
    .flatMap((store) => [`${store}/journal`, `${store}${ROWS}`])
    .filter((name) => existsSync(join(data, name)));
}
