/** A Redis of our own to measure against: on a free port of 127.0.0.1, its data in a folder that goes with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findFreePort, ownedProcess } from './database-process.ts';

export interface RedisOptions {
  /** As in redis.conf, such as `{ appendonly: 'yes', appendfsync: 'always' }`; with none it writes nothing to disk. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The folder in which it makes its own. */
  readonly parentFolder?: string;
}

export interface RedisServer {
  readonly port: number;
  readonly pid: number;
  /** Ends it, and removes what it wrote. */
  stop(): Promise<void>;
}

/** Null where redis-server is not installed: says how to get it, and the measurement goes on without it. */
export async function startRedis({
  settings = {},
  parentFolder = tmpdir(),
}: RedisOptions = {}): Promise<RedisServer | null> {
  const folder = await mkdtemp(join(parentFolder, 'clickday-redis-'));
  const port = await findFreePort();
  const all = { bind: '127.0.0.1', port: `${port}`, dir: folder, save: '', appendonly: 'no', ...settings };
  const child = spawn('redis-server', argumentsOf(all), { stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = ownedProcess(child, folder, { signal: 'SIGTERM', exitSignal: 'SIGKILL' });
  try {
    await untilReady(child);
  } catch (error) {
    await stop();
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    process.stderr.write('Measured without Redis: there is no redis-server here (Debian: apt install redis-server).\n');
    return null;
  }
  return { port, pid: child.pid!, stop };
}

function argumentsOf(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

/** Rejects when the program cannot be started, or ends at once: with its last words, since it logs to its output. */
function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let lastLine = '';
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (line !== '') lastLine = line;
      if (line.includes('Ready to accept connections')) resolve();
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`redis-server ended with exit code ${code}: ${lastLine}`)));
  });
}
