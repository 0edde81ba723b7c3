/**
 * The composition root: one engine process, of several threads. It starts the engine's (shards/), makes this one the front
 * (front.ts) and wires everything once. The process stops at the first fault on any: its
 * memory is never ahead of the disk for anyone, and its parent starts it again (supervisor.ts).
 */
import { writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { diskSpace, folderBytes } from '../snapshots/index.ts';
import { Storage } from './admission/index.ts';
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
import { DESCRIPTORS_FEW, descriptorLimit } from './descriptors.ts';
import { log, stopAtFaults, stopAtOnce } from './fail-stop.ts';
import type { Server } from './front.ts';
import { PgpKeyFault, readPgpKeys } from './pgp/index.ts';
import { EngineStartFault, type StartedEngine, startEngineThreads } from './shards/index.ts';
import type { Ready } from './supervisor.ts';
import { Versions } from './versions/index.ts';

const EXIT_CONFIGURATION = 2;

const realMs = () => Date.now();
const monotonicMs = () => performance.now();

async function main(): Promise<void> {
  stopAtFaults();
  const configuration = readConfiguration(process.argv[2], process.env);
  // Before anything is begun: a mistake in them is told at once.
  const keys = await readPgpKeys(configuration.pgp, realMs());
  const folder = resolve(configuration.folder);
  const storage = openStorage(configuration, folder);
  if (descriptorLimit() < DESCRIPTORS_FEW) await import('./front.ts');
  // Takes the folder, or says why not: nothing is written there before. While the engine recovers, what serves is loaded.
  const engineStart = startEngine(configuration, folder, storage);
  const [{ started, clock }, { serve }] = await Promise.all([engineStart, import('./front.ts')]);
  const { engine, shards, isNew, setAside } = started;
  await storage.watch(pause, (error) => log.error({ err: error }, 'the disk cannot be asked for its room'));
  const backups = backUp(started, configuration);
  const versions = openVersions(configuration);
  const serving = serve({ configuration, keys, started, clock, folder, storage, backups, versions });
  const server = await serving.catch((error) => endedBy(error, started));
  const endWatch = started.health.watch();
  stopOnRequest({ server, started, backups, endWatch, stopMsMax: configuration.stopMsMax });
  const ready: Ready = {
    url: `http://${configuration.host}:${server.listening.port}`,
    transport: server.listening.transport,
    shardCount: shards.length,
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

/** Only an operator changes what clients may do: the process after this one, if it dies, goes on with the same. */
function openVersions(configuration: Configuration): Versions {
  const versions = new Versions(configuration.versions);
  const tell = () => process.send?.({ policy: versions.policy });
  versions.onChanged(() => {
    log.warn({ file: versions.file }, 'what clients may do was read again');
    tell();
  });
  tell();
  return versions;
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
  let isAnswered = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => stopInTheMiddle(isAnswered), stopMsMax).unref();
    const drained = server.drain();
    await Promise.race([drained, pause(DECIDE_MS_MAX)]);
    const closed = engine.close(true);
    await drained;
    await server.listening.close();
    isAnswered = true;
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

/**
 * Not `exit`, which waits for LMDB's threads. The journal has all that was acknowledged. Whether everybody was answered
 * only we know: the parent sees no more than that we were killed.
 */
function stopInTheMiddle(isAnswered: boolean): void {
  const left = isAnswered
    ? 'not all rows are written yet: stopping all the same, the next start does the rest'
    : 'not everybody is answered yet: stopping all the same, whoever is in doubt can ask again';
  writeSync(2, `clickday: ${left}\n`);
  const end = () => void process.kill(process.pid, 'SIGKILL');
  if (isAnswered && process.send !== undefined) process.send({ answered: true }, undefined, undefined, end);
  else end();
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

function pause(ms: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, ms));
}

main().catch((error: unknown) => {
  // What a person has to put right: no restart would help.
  const isPersons =
    error instanceof ConfigurationFault || error instanceof EngineStartFault || error instanceof PgpKeyFault;
  if (!isPersons) return stopAtOnce(error);
  process.stderr.write(`clickday: ${error.message}\n`);
  process.exit(EXIT_CONFIGURATION);
});
