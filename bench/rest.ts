/**
 * Actors at rest: what a citizen costs the process who is not being asked about, which is nearly everybody. A seeded store
 * is read as a shard reads it; first as many wallets as may be awake, then all others, each of which sends one to rest.
 *
 * CITIZENS=200000 are in the store, AWAKE=20000 of them may be awake.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SeededRandom } from '../client/replay/random.ts';
import { PARTITION_COUNT, partitionOf, type Rows } from '../engine/index.ts';
import { Actors } from '../engine/shard/actors.ts';
import { openPersistence } from '../snapshots/index.ts';
import { memoryOf } from './process-cost.ts';
import { seedFolder } from './seed/seeder.ts';
import type { SuiteResult } from './suite.ts';

const CITIZENS = Number(process.env.CITIZENS ?? 200_000);
const AWAKE = Math.min(Number(process.env.AWAKE ?? 20_000), CITIZENS / 2);
/** How often all of them are woken: whoever leaked a little at each waking would be seen. */
const ROUNDS = 3;
const SEED = 1;

export async function run(): Promise<SuiteResult> {
  const folder = await mkdtemp(join(tmpdir(), 'clickday-bench-'));
  try {
    await seedFolder({ folder: join(folder, 'data'), citizenCount: CITIZENS, storeCount: 1, seed: SEED });
    const persistence = await openPersistence({ folder: join(folder, 'data') });
    const result = measure(persistence.stores[0]!.rows);
    await persistence.close();
    return result;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function measure(rows: Rows): SuiteResult {
  const citizens = shuffled(citizensOf(rows));
  const actors = new Actors(rows, AWAKE);
  const before = ownBytes();
  const wakingUs = wake(actors, citizens.slice(0, AWAKE));
  const awake = ownBytes();
  let restingUs = 0;
  for (let round = 0; round < ROUNDS; round += 1) restingUs = wake(actors, citizens);
  const rested = ownBytes();
  const knownUs = wake(actors, new Array<string>(CITIZENS).fill(citizens.at(-1)!));
  return {
    results: [
      { name: 'an actor at rest', unit: 'bytes', value: Math.max(0, rested - awake) / (CITIZENS - AWAKE) },
      { name: 'an actor awake', unit: 'bytes', value: (awake - before) / AWAKE },
      { name: 'waking', unit: 'us', value: wakingUs },
      { name: 'waking one, sending another to rest', unit: 'us', value: restingUs },
      { name: 'asking one that is awake', unit: 'us', value: knownUs },
    ],
    ratios: [],
  };
}

/** Microseconds each. */
function wake(actors: Actors, citizens: readonly string[]): number {
  const startMs = performance.now();
  for (const citizen of citizens) actors.wake('wallet', partitionOf(citizen), citizen);
  return ((performance.now() - startMs) * 1_000) / citizens.length;
}

function citizensOf(rows: Rows): string[] {
  const citizens: string[] = [];
  for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
    for (const [{ entity }] of rows.scan('wallet', partition)) citizens.push(entity);
  }
  return citizens;
}

/** In no order, so that nobody finds the row of the one before. */
function shuffled(citizens: string[]): readonly string[] {
  const random = new SeededRandom(SEED);
  for (let last = citizens.length - 1; last > 0; last -= 1) {
    const other = random.below(last + 1);
    [citizens[last], citizens[other]] = [citizens[other]!, citizens[last]!];
  }
  return citizens;
}

/** Of the whole process, once garbage is gone: the flag and a new context are how Node lends out its collector. */
function ownBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let time = 0; time < 3; time += 1) collect();
  return memoryOf(process.pid).ownBytes;
}
