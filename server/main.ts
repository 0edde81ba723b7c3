/**
 * The composition root: one engine process, of several threads. This one is the front: sockets, sessions, HTTP, files. It
 * starts the engine's threads (shards/) and wires everything once. The process stops at the first fault on any: its
 * memory is never ahead of the disk for anyone, and its parent starts it again (supervisor.ts).
 */
import { mkdirSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { diskSpace, folderBytes, readBlames } from '../snapshots/index.ts';
import { Storage, TRANSPORT_BUFFERED_BYTES_MAX, TRANSPORT_FRAME_BYTES_MAX } from './admission/index.ts';
import { Backups } from './backups.ts';
import {
  type ClockOrigin,
  createClock,
  followedClock,
  type SettableClock,
  monotonicMs as threadsMonotonicMs,
} from './clock.ts';
import { type Configuration, ConfigurationFault, readConfiguration } from './config.ts';
import { fillDemonstration } from './demonstration.ts';
import { connectionsMax } from './descriptors.ts';
import { log, stopAtFaults, stopAtOnce } from './fail-stop.ts';
import { createFileIngester } from './files/index.ts';
import { createHttpHandler } from './http/index.ts';
import { IdentityFault, openDevelopmentIdentity } from './identity/development.ts';
import type { Identity } from './identity/identity.ts';
import { openIssuerIdentity } from './identity/tokens.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { pointedEngine, pointedHttp, pointedMetrics, pointedRepeat, pointedSockets, pointsOf } from './points.ts';
import { createSocketHandlers, type Repeat, type SessionHandlers, Work } from './session/index.ts';
import { EngineStartFault, type Health, type StartedEngine, startEngineThreads } from './shards/index.ts';
import type { Ready } from './supervisor.ts';
import { type Listening, listen, type SocketHandlers, TransportFault } from './transport/index.ts';

const EXIT_CONFIGURATION = 2;
const TICK_MS = 1_000;

const realMs = () => Date.now();
const monotonicMs = () => performance.now();
const repeat: Repeat = (task, intervalMs) => {
  const timer = setInterval(task, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
};

async function main(): Promise<void> {
  stopAtFaults();
  const configuration = readConfiguration(process.argv[2], process.env);
  const folder = resolve(configuration.folder);
  const storage = openStorage(configuration, folder);
  // Takes the folder, or says why not: nothing is written there before.
  const { started, clock } = await startEngine(configuration, folder, storage);
  const { engine, shardCount, isNew, setAside } = started;
  const identity = await openIdentity(configuration, folder).catch((error) => endedBy(error, started));
  await storage.watch(pause, (error) => log.error({ err: error }, 'the disk cannot be asked for its room'));
  const backups = backUp(started, configuration);
  const server = await serve({ configuration, started, clock, identity, folder, storage, backups });
  const endWatch = started.health.watch();
  stopOnRequest({ server, started, backups, endWatch, stopMsMax: configuration.stopMsMax });
  const ready: Ready = {
    url: `http://${configuration.host}:${server.listening.port}`,
    transport: server.listening.transport,
    shardCount,
    folder: configuration.folder,
    programme: engine.programme.name,
    isNew,
    setAside,
  };
  process.send?.({ ready });
}

interface Started {
  readonly started: StartedEngine;
  readonly clock: SettableClock;
}

/** The front owns the clock, since operators set it there; the engine's threads follow. */
async function startEngine(configuration: Configuration, folder: string, storage: Storage): Promise<Started> {
  const { startMs, speed, isDemonstration } = configuration;
  const simulated = startMs === undefined ? {} : { startMs, origin: configuration.clock };
  const startClock = () => createClock({ ...simulated, speed, monotonicMs: threadsMonotonicMs, realMs });
  let clock = startClock();
  // Whoever starts us again after a death tells the next process: its clock must not be behind what is journaled.
  const tell = () => {
    if (clock.isSettable) process.send?.({ clock: clock.origin() });
  };
  tell();
  const refusal = (nowMs: number) => storage.refusal(nowMs);
  const started = await startEngineThreads({
    configuration,
    folder,
    clock: clock.origin(),
    failed: stopAtOnce,
    refusal,
  });
  if (started.isNew && isDemonstration) {
    await playDemonstration(started, startMs ?? realMs());
    clock = startClock();
    started.setClock(clock.origin());
    tell();
  }
  const follow = (origin: ClockOrigin) => {
    started.setClock(origin);
    tell();
  };
  return { started, clock: followedClock(clock, follow) };
}

/** The engine goes on whatever becomes of it: its lag says what a disaster would take. */
function backUp({ backupSource }: StartedEngine, { shipping }: Configuration): Backups {
  const alarm = (fault: Error | null) => {
    if (fault !== null) log.error({ err: fault }, 'shipping the journal fails; trying again');
    else log.warn('shipping the journal works');
  };
  return new Backups({ source: backupSource, shipping, pause, monotonicMs, realMs, alarm, failed: stopAtOnce });
}

/** In the past, on a clock of its own. */
function playDemonstration({ engine, setClock }: StartedEngine, endMs: number): Promise<void> {
  const setNow = (ms: number) => {
    setClock({ originMs: ms, originMonotonicMs: 0, speed: 0 });
    engine.tick();
  };
  return fillDemonstration({ engine, setNow, endMs });
}

interface Server {
  readonly listening: Listening;
  /** Nothing more is taken in from now on; resolves when all that was taken in has been answered. */
  drain(): Promise<unknown>;
}

interface ServeOptions {
  readonly configuration: Configuration;
  readonly started: StartedEngine;
  readonly clock: SettableClock;
  readonly identity: Identity;
  readonly folder: string;
  readonly storage: Storage;
  readonly backups: Backups;
}

async function serve(options: ServeOptions): Promise<Server> {
  const { configuration, started, clock, identity, folder, storage, backups } = options;
  const onPoint = pointsOf(configuration.killAt);
  const { health } = started;
  const stopping = new AbortController();
  let sessions: SessionHandlers | null = null;
  const { threads } = health;
  const metrics: Metrics = createMetrics({
    monotonicMs,
    socketCount: () => sessions?.openCount ?? 0,
    storage: () => storage.status,
    shipping: (stats) => backups.shipping(stats),
    threads,
  });
  const engine = pointedEngine(metrics.observe(started.engine), onPoint);
  const files = createFileIngester({
    ...{ engine, clock, spoolFolder: spoolFolderOf(folder), pause },
    refusal: () => storage.refusal(clock.nowMs()),
    stopping: stopping.signal,
  });
  const handlers = createSocketHandlers({
    ...{ engine, identity, clock, realMs, monotonicMs, random: Math.random },
    repeat: pointedRepeat(repeat, onPoint),
    isCrowded: () => health.isCrowded,
  });
  sessions = handlers;
  const requests = new Work();
  const answer = createHttpHandler({
    engine,
    identity,
    clock,
    files,
    metrics: pointedMetrics(metrics, onPoint),
    storage: () => storage.status,
    backups,
    isReady: () => !requests.isDraining,
    isDraining: () => requests.isDraining,
    threads,
    setAside: () => readBlames(folder).flatMap((blame) => blame.setAside),
    log: (line) => (line.error === undefined ? log.debug(line) : log.error({ ...line, err: line.error })),
    realMs,
    monotonicMs,
  });
  const listening = await listen(configuration.transport, {
    host: configuration.host,
    port: configuration.port,
    http: pointedHttp((request) => requests.during(answer(request)), onPoint),
    sockets: beating(pointedSockets(handlers, onPoint), health),
    frameBytesMax: TRANSPORT_FRAME_BYTES_MAX,
    bufferedBytesMax: TRANSPORT_BUFFERED_BYTES_MAX,
    connectionsMax: connectionsMax(),
  });
  repeat(() => started.engine.tick(), TICK_MS);
  return {
    listening,
    async drain() {
      listening.stopAccepting();
      stopping.abort();
      await Promise.all([requests.drain(), handlers.drain()]);
      handlers.stop();
    },
  };
}

/** A transport hands over all that has come on all sockets before the loop goes round: a flood is no standstill. */
function beating<T>(handlers: SocketHandlers<T>, health: Health): SocketHandlers<T> {
  return {
    ...handlers,
    message(socket, frame, isBinary) {
      health.beat();
      handlers.message(socket, frame, isBinary);
    },
  };
}

/** Of an orderly stop: until then what waits is decided, afterwards refused; and until then all has ended (fault 22). */
const DECIDE_MS_MAX = 1_500;
const STOP_MS_MAX = 4_500;

interface Stopping {
  readonly server: Server;
  readonly started: StartedEngine;
  readonly backups: Backups;
  readonly endWatch: () => Promise<unknown>;
  readonly stopMsMax: number | undefined;
}

/**
 * Whoever was taken in is answered before the sockets close; whoever comes is told DRAINING. What is left is only to make
 * the next start quicker, and takes as long as there is.
 */
function stopOnRequest({ server, started, backups, endWatch, stopMsMax = STOP_MS_MAX }: Stopping): void {
  const { engine, end } = started;
  let isStopping = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    setTimeout(stopInTheMiddle, stopMsMax).unref();
    const drained = server.drain();
    await Promise.race([drained, pause(DECIDE_MS_MAX)]);
    const closed = engine.close(true);
    await drained;
    await server.listening.close();
    await endWatch();
    await closed;
    await backups.stop();
    await end();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop());
  // Without a parent nobody would start us again, and nobody would stop us.
  process.on('disconnect', () => void stop());
}

/** Not `exit`, which waits for LMDB's threads. The journal has all that was acknowledged. */
function stopInTheMiddle(): void {
  writeSync(2, 'clickday: not all rows are written yet: stopping all the same, the next start does the rest\n');
  process.kill(process.pid, 'SIGKILL');
}

async function openIdentity({ issuer }: Configuration, folder: string): Promise<Identity> {
  if (issuer === null) return (await openDevelopmentIdentity(folder)).identity;
  return openIssuerIdentity({ issuer: issuer.issuer, keys: { jwksUrl: issuer.jwksUrl }, realMs, monotonicMs });
}

function openStorage({ quotaBytes }: Configuration, folder: string): Storage {
  return new Storage({
    folder,
    quotaBytes,
    diskSpace,
    folderBytes,
    random: Math.random,
    changed: (status) => {
      if (status.isFull) log.error(status, 'no room left: changes are refused until there is');
      else log.warn(status, 'there is room again');
    },
  });
}

async function endedBy(error: unknown, { engine, end }: StartedEngine): Promise<never> {
  await engine.close();
  await end();
  throw error;
}

function spoolFolderOf(folder: string): string {
  const spool = join(folder, 'spool');
  mkdirSync(spool, { recursive: true });
  return spool;
}

function pause(ms: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, ms));
}

/** What a person has to put right: no restart would help. */
function isConfiguration(error: unknown): error is Error {
  return (
    error instanceof ConfigurationFault ||
    error instanceof TransportFault ||
    error instanceof IdentityFault ||
    error instanceof EngineStartFault
  );
}

main().catch((error: unknown) => {
  if (!isConfiguration(error)) return stopAtOnce(error);
  process.stderr.write(`clickday: ${error.message}\n`);
  process.exit(EXIT_CONFIGURATION);
});
