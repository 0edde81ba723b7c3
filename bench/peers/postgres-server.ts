/** A PostgreSQL of our own to measure against: on a free port of 127.0.0.1, its data in a folder that goes with it. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chown, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { findFreePort, ownedProcess } from './database-process.ts';

export interface PostgresOptions {
  /** As in postgresql.conf; what is not named stays as PostgreSQL has it, flushing and synchronous commit included. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The folder in which it makes its own. */
  readonly parentFolder?: string;
}

export interface PostgresServer {
  readonly port: number;
  /** Of the first process; it has a child for each connection. */
  readonly pid: number;
  /** Ends it, and removes what it wrote. */
  stop(): Promise<void>;
}

/** Memory as for a machine of its own, a log that is not forced to checkpoints all the time; flushing as delivered. */
export const TUNED_SETTINGS = {
  shared_buffers: '2GB',
  wal_buffers: '64MB',
  max_wal_size: '8GB',
  checkpoint_timeout: '15min',
  wal_compression: 'lz4',
  synchronous_commit: 'on',
  work_mem: '64MB',
  jit: 'off',
} as const;

/** What connects: trusted, since nobody else can reach the port for long. */
export const POSTGRES_USER = 'bench';
/** Debian keeps the programs of each version apart, out of the path. */
const DEBIAN_FOLDER = '/usr/lib/postgresql';
const READY_MS_MAX = 20_000;

/** Null where PostgreSQL is not installed: says how to get it, and the measurement goes on without it. */
export async function startPostgres({
  settings = {},
  parentFolder = tmpdir(),
}: PostgresOptions = {}): Promise<PostgresServer | null> {
  const programs = findPrograms();
  if (programs === null) {
    process.stderr.write('Measured without PostgreSQL: there is none here (Debian: apt install postgresql).\n');
    return null;
  }
  const account = accountToRunAs();
  const folder = await mkdtemp(join(parentFolder, 'clickday-postgres-'));
  if (account !== null) await chown(folder, account.uid, account.gid);
  const options: SpawnOptions = { ...account, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] };
  await runToEnd(
    spawn(
      join(programs, 'initdb'),
      ['--pgdata', folder, '--username', POSTGRES_USER, '--auth', 'trust', '--encoding', 'UTF8', '--no-locale'],
      options,
    ),
  );

  const port = await findFreePort();
  const all = { listen_addresses: '127.0.0.1', port: `${port}`, unix_socket_directories: folder, ...settings };
  const words = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(join(programs, 'postgres'), ['-D', folder, ...words], { ...options, stdio: 'ignore' });
  const stop = ownedProcess(child, folder, { signal: 'SIGINT', exitSignal: 'SIGQUIT' });
  try {
    await untilReady(child, port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, pid: child.pid!, stop };
}

/** The folder of `initdb` and `postgres`, the newest version first. */
function findPrograms(): string | null {
  const versions = existsSync(DEBIAN_FOLDER) ? readdirSync(DEBIAN_FOLDER).map(Number) : [];
  const folders = [
    ...versions.sort((left, right) => right - left).map((version) => join(DEBIAN_FOLDER, `${version}`, 'bin')),
    ...(process.env.PATH ?? '').split(':'),
  ];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres'))) ?? null;
}

/** It refuses to run as root: then as the user that its package made. Null: as ourselves. */
function accountToRunAs(): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const account = accounts.find(([name]) => name === 'postgres') ?? accounts.find(([name]) => name === 'nobody');
  if (account === undefined)
    throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody');
  return { uid: Number(account[2]), gid: Number(account[3]) };
}

async function runToEnd(child: ChildProcess): Promise<void> {
  const said: string[] = [];
  child.stderr?.on('data', (chunk) => said.push(String(chunk)));
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`initdb ended with exit code ${code}: ${said.join('').trim()}`);
}

async function untilReady(child: ChildProcess, port: number): Promise<void> {
  const sql = postgres({ host: '127.0.0.1', port, username: POSTGRES_USER, database: 'postgres', max: 1 });
  const untilMs = performance.now() + READY_MS_MAX;
  try {
    while (!(await answers(sql))) {
      if (child.exitCode !== null) throw new Error(`postgres ended with exit code ${child.exitCode}`);
      if (performance.now() > untilMs) throw new Error(`postgres was not ready within ${READY_MS_MAX} ms`);
    }
  } finally {
    await sql.end();
  }
}

async function answers(sql: postgres.Sql): Promise<boolean> {
  try {
    await sql`SELECT 1`;
    return true;
  } catch {
    await new Promise((resume) => setTimeout(resume, 50));
    return false;
  }
}
