/**
 * The composition root: one engine process. Builds the real ports, wires everything once, and stops at the first
 * fault: its memory is never ahead of the disk for anyone, and its parent starts it again (supervisor.ts).
 */
import { mkdirSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import pino from 'pino';
import { type Clock, type Engine, isoText, openEngine, StorageFault } from '../engine/index.ts';
import { openPersistence, type Persistence } from '../snapshots/index.ts';
import { TRANSPORT_BUFFERED_BYTES_MAX, TRANSPORT_FRAME_BYTES_MAX } from './admission/index.ts';
import { createClock, type SettableClock } from './clock.ts';
import { type Configuration, ConfigurationFault, programmeOf, readConfiguration } from './config.ts';
import { fillDemonstration } from './demonstration.ts';
import { createFileIngester } from './files/index.ts';
import { createHttpHandler } from './http/index.ts';
import { IdentityFault, openDevelopmentIdentity } from './identity/development.ts';
import type { Identity } from './identity/identity.ts';
import { openIssuerIdentity } from './identity/tokens.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createSocketHandlers, type Repeat, type SessionHandlers } from './session/index.ts';
import type { Ready } from './supervisor.ts';
import { type Listening, listen, TransportFault } from './transport/index.ts';

const EXIT_CONFIGURATION = 2;
const TICK_MS = 1_000;

const log = pino({ name: 'clickday', base: null, level: process.env.CLICKDAY_LOG ?? 'warn' }, pino.destination(2));

const realMs = () => Date.now();
const monotonicMs = () => performance.now();
const repeat: Repeat = (task, intervalMs) => {
  const timer = setInterval(task, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
};

async function main(): Promise<void> {
  process.on('uncaughtException', stopAtOnce);
  process.on('unhandledRejection', stopAtOnce);
  const configuration = readConfiguration(process.argv[2], process.env);
  const folder = resolve(configuration.folder);
  const onPoint = crashPoints(configuration);
  const identity = await openIdentity(configuration, folder);
  const persistence = await openPersistence({ folder, shardCount: configuration.shardCount, onPoint });
  const { engine, clock } = await startEngine(configuration, persistence, onPoint);
  const server = await serve({ configuration, engine, clock, identity, folder });
  stopOnRequest(server, engine, persistence);
  const ready: Ready = {
    url: `http://${configuration.host}:${server.listening.port}`,
    transport: server.listening.transport,
    shardCount: persistence.shardCount,
    folder: configuration.folder,
    programme: engine.programme.name,
    isNew: persistence.isNew,
  };
  process.send?.({ ready });
}

interface Started {
  readonly engine: Engine;
  readonly clock: SettableClock;
}

/** A new folder's demonstration is played in the past, so the engine first runs on a clock of its own. */
async function startEngine(
  configuration: Configuration,
  persistence: Persistence,
  onPoint: (name: string) => void,
): Promise<Started> {
  const { startMs, speed, isDemonstration } = configuration;
  const nowMs = startMs ?? realMs();
  const isToBeFilled = persistence.isNew && isDemonstration;
  const past = { nowMs: 0 };
  let clock: SettableClock | null = null;
  const engineClock: Clock = { nowMs: () => clock?.nowMs() ?? past.nowMs };
  const runOn = () => createClock({ ...(startMs === undefined ? {} : { startMs }), speed, monotonicMs, realMs });
  if (!isToBeFilled) clock = runOn();
  const engine = await openEngine({
    stores: persistence.stores,
    rankingCopies: persistence,
    programme:
      persistence.isNew || configuration.programme !== undefined ? programmeOf(configuration, nowMs) : undefined,
    clock: engineClock,
    schedule: setImmediate,
    failed: stopAtOnce,
    checkpointRowCount: configuration.checkpointRowCount,
    onPoint,
  });
  if (isToBeFilled) {
    const setNow = (ms: number) => {
      past.nowMs = ms;
      engine.tick();
    };
    await fillDemonstration({ engine, setNow, endMs: nowMs });
  }
  clock ??= runOn();
  return { engine, clock };
}

interface Server {
  readonly listening: Listening;
  readonly sessions: SessionHandlers;
  stopServing(): void;
}

interface ServeOptions {
  readonly configuration: Configuration;
  readonly engine: Engine;
  readonly clock: SettableClock;
  readonly identity: Identity;
  readonly folder: string;
}

async function serve({ configuration, engine: bare, clock, identity, folder }: ServeOptions): Promise<Server> {
  let isServing = true;
  let sessions: SessionHandlers | null = null;
  const metrics: Metrics = createMetrics({ monotonicMs, socketCount: () => sessions?.openCount ?? 0 });
  const engine = metrics.observe(bare);
  const files = createFileIngester({ engine, clock, spoolFolder: spoolFolderOf(folder), pause });
  const handlers = createSocketHandlers({ engine, identity, clock, realMs, monotonicMs, random: Math.random, repeat });
  sessions = handlers;
  const http = createHttpHandler({
    engine,
    identity,
    clock,
    files,
    metrics,
    isReady: () => isServing,
    log: (line) => (line.error === undefined ? log.debug(line) : log.error({ ...line, err: line.error })),
    realMs,
    monotonicMs,
  });
  const listening = await listen(configuration.transport, {
    host: configuration.host,
    port: configuration.port,
    http,
    sockets: handlers,
    frameBytesMax: TRANSPORT_FRAME_BYTES_MAX,
    bufferedBytesMax: TRANSPORT_BUFFERED_BYTES_MAX,
  });
  repeat(() => bare.tick(), TICK_MS);
  return {
    listening,
    sessions: handlers,
    stopServing: () => {
      isServing = false;
      listening.stopAccepting();
    },
  };
}

/** Every command taken in is answered before the sockets close; the rest is told DRAINING (fault 22). */
function stopOnRequest(server: Server, engine: Engine, persistence: Persistence): void {
  let isStopping = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    server.stopServing();
    await server.sessions.drain();
    server.sessions.stop();
    await engine.close();
    await server.listening.close();
    await persistence.close();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop());
  // Without a parent nobody would start us again, and nobody would stop us.
  process.on('disconnect', () => void stop());
}

async function openIdentity({ issuer }: Configuration, folder: string): Promise<Identity> {
  if (issuer === null) return (await openDevelopmentIdentity(folder)).identity;
  return openIssuerIdentity({ issuer: issuer.issuer, keys: { jwksUrl: issuer.jwksUrl }, realMs, monotonicMs });
}

function crashPoints({ killAt }: Configuration): (name: string) => void {
  if (killAt === null) return () => {};
  let left = killAt.count;
  return (name) => {
    if (name !== killAt.point) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
}

function spoolFolderOf(folder: string): string {
  const spool = join(folder, 'spool');
  mkdirSync(spool, { recursive: true });
  return spool;
}

function pause(ms: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, ms));
}

function stopAtOnce(error: unknown): void {
  log.fatal({ err: error, at: isoText(realMs()) }, 'stopping at once');
  writeSync(2, `clickday stops: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  // Not `exit`: it waits for LMDB's threads, and was seen to hang for ever while a checkpoint was being written.
  process.kill(process.pid, 'SIGKILL');
}

/** What a person has to put right: no restart would help. */
function isConfiguration(error: unknown): error is Error {
  return (
    error instanceof ConfigurationFault ||
    error instanceof TransportFault ||
    error instanceof IdentityFault ||
    error instanceof StorageFault
  );
}

main().catch((error: unknown) => {
  if (!isConfiguration(error)) return stopAtOnce(error);
  process.stderr.write(`clickday: ${error.message}\n`);
  process.exit(EXIT_CONFIGURATION);
});
