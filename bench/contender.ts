/** Whoever serves the command stream: clickday, a peer behind clickday's front, or a bare echo. */
import { loadUws } from '../server/transport/uws.ts';
import { startPostgres, TUNED_SETTINGS } from './peers/postgres-server.ts';
import { DURABLE_SETTINGS } from './peers/redis-backend.ts';
import { startRedis } from './peers/redis-server.ts';
import { cpuMsOf, cpuMsOfFamily } from './process-cost.ts';
import { ServerProcess } from './server-process.ts';

export interface Contender {
  readonly name: string;
  readonly port: number;
  /** Its processes, for what each costs. */
  readonly parts: readonly Part[];
  stop(): Promise<void>;
}

export interface Part {
  readonly name: string;
  cpuMs(): number;
}

export interface ContenderOptions {
  /** Of clickday's data, and of the identity whose tokens all of them take. */
  readonly folder: string;
  /** ISO-8601: where the programme's clock starts. */
  readonly now: string;
  readonly transport: 'auto' | 'ws';
  /** Stores of clickday's data; undefined = as many as suit the cores. */
  readonly shards?: number | undefined;
}

export async function startClickday({ folder, now, transport, shards }: ContenderOptions): Promise<Contender> {
  const options = { data: folder, programme: 'italy-2020', now, transport, shards, citizenRate: 0 };
  return served('clickday', await ServerProcess.start(options));
}

/** Null: uWebSockets.js does not load here, and that has been said. */
export async function startEcho(): Promise<Contender | null> {
  if (!(await loadUws()).ok) {
    process.stderr.write('Measured without the echo: uWebSockets.js does not load on this system.\n');
    return null;
  }
  return served('echo', await ServerProcess.run('bench/peers/echo-process', {}));
}

/** Null: Redis is not installed, and that has been said. */
export async function startRedisPeer(options: ContenderOptions): Promise<Contender | null> {
  const database = await startRedis({ settings: DURABLE_SETTINGS });
  return database && startPeer('redis', options, { ...database, cpuMs: () => cpuMsOf(database.pid) });
}

/** Null: PostgreSQL is not installed, and that has been said. */
export async function startPostgresPeer(options: ContenderOptions): Promise<Contender | null> {
  const database = await startPostgres({ settings: TUNED_SETTINGS });
  return database && startPeer('postgres', options, { ...database, cpuMs: () => cpuMsOfFamily(database.pid) });
}

interface Database {
  readonly port: number;
  cpuMs(): number;
  stop(): Promise<void>;
}

async function startPeer(
  name: 'redis' | 'postgres',
  { folder, now, transport }: ContenderOptions,
  database: Database,
): Promise<Contender> {
  const options = { data: folder, database: name, databasePort: database.port, now, transport };
  try {
    const peer = served(name, await ServerProcess.run('bench/peers/peer-process', options));
    return {
      ...peer,
      parts: [...peer.parts, { name, cpuMs: () => database.cpuMs() }],
      async stop() {
        await peer.stop();
        await database.stop();
      },
    };
  } catch (error) {
    await database.stop();
    throw error;
  }
}

function served(name: string, server: ServerProcess): Contender {
  return {
    name,
    port: server.port,
    parts: [{ name: 'server', cpuMs: () => server.cpuMs() }],
    stop: () => server.kill(),
  };
}
