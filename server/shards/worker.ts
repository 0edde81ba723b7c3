/** The engine's thread: stores, recovery, turns. It talks to the front through two rings and opens no socket. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Engine, openEngine, StorageFault } from '../../engine/index.ts';
import { openPersistence, type Persistence } from '../../snapshots/index.ts';
import { type ClockOrigin, clockAt, monotonicMs } from '../clock.ts';
import { type Configuration, ConfigurationFault, programmeOf } from '../config.ts';
import { stopAtFaults, stopAtOnce } from '../fail-stop.ts';
import { hostEngine } from './engine-host.ts';
import type { EngineThreadData, EngineThreadReport } from './engine-thread.ts';

/** A new folder's demonstration is played in the past: until then no time has passed. */
const LONG_AGO: ClockOrigin = { originMs: 0, originMonotonicMs: 0, speed: 0 };

async function main(data: EngineThreadData): Promise<void> {
  const { configuration, folder, port, toEngine, toFront } = data;
  const onPoint = crashPoints(configuration);
  const persistence = await openPersistence({ folder, shardCount: configuration.shardCount, onPoint });
  let origin = persistence.isNew && configuration.isDemonstration ? LONG_AGO : data.clock;
  const clock = { nowMs: () => clockAt(origin, monotonicMs()) };
  const engine = await openOrClose(persistence, () =>
    openEngine({
      stores: persistence.stores,
      rankingCopies: persistence,
      programme:
        persistence.isNew || configuration.programme !== undefined
          ? programmeOf(configuration, clockAt(data.clock, monotonicMs()))
          : undefined,
      clock,
      schedule: setImmediate,
      failed: stopAtOnce,
      checkpointRowCount: configuration.checkpointRowCount,
      onPoint,
    }),
  );
  const { programme } = engine;
  const { indexKey, shardCount, isNew } = persistence;
  hostEngine({
    engine,
    port,
    outgoing: toFront,
    incoming: toEngine,
    setClock: (moved) => {
      origin = moved;
    },
    close: async () => {
      await engine.close();
      await persistence.close();
    },
    failed: stopAtOnce,
  });
  report({ ready: { programme, indexKey, shardCount, isNew } });
}

/** A folder that cannot be served is let go of: the thread then ends by itself. */
async function openOrClose(persistence: Persistence, open: () => Promise<Engine>): Promise<Engine> {
  try {
    return await open();
  } catch (error) {
    if (isForPeople(error)) await persistence.close();
    throw error;
  }
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

/** What a person has to put right: no restart would help. */
function isForPeople(error: unknown): error is Error {
  return error instanceof ConfigurationFault || error instanceof StorageFault;
}

function report(said: EngineThreadReport): void {
  parentPort?.postMessage(said);
}

stopAtFaults();
main(workerData as EngineThreadData).catch((error: unknown) => {
  if (!isForPeople(error)) return stopAtOnce(error);
  (workerData as EngineThreadData).port.close();
  report({ fault: { message: error.message } });
});
