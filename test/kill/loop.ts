/**
 * The kill loop: a server is started on a folder, asked for what was promised before, loaded and killed; the folder is
 * recomputed; then the same again on the folder as the kill left it. After some rounds a new folder begins.
 */
import { StorageFault } from '../../engine/ports.ts';
import { Random } from '../support/random.ts';
import { killBackup } from './backup.ts';
import { KilledFolder } from './killed-folder.ts';
import { killMigration } from './migration.ts';
import { AFTER_THE_LOAD, type Place, ROUNDS } from './places.ts';

export interface KillOptions {
  readonly rounds: number;
  readonly seed: number;
  /** Folders at once. */
  readonly laneCount: number;
  /** JavaScript of disk-steps.ts. */
  readonly stepProgram: string;
  /** A server that is to be caught; default the one that was built. */
  readonly program?: string;
  /** In place of all. */
  readonly places?: readonly Place[];
  readonly roundDone?: (done: number) => void;
}

export interface KillSummary {
  /** Rounds by where their kill fell. */
  readonly rounds: Readonly<Record<string, number>>;
  readonly promiseCount: number;
  readonly rowCount: number;
  readonly exclusionCount: number;
  /** What was promised and is missing or different, and what does not add up: one line each. */
  readonly broken: readonly string[];
}

/** What the load set off goes on for a while. */
const DEATH_MS_MAX = 1_000;

/**
 * Where a folder begins among its rounds: an early death leaves the later ones more to recover. Never with a backup, a
 * migration or a recovery, which need something to work on.
 */
const FIRSTS = [0, 1, 4, 6, 7, 8, 9, 12, 14, 15];

export async function runKills(options: KillOptions): Promise<KillSummary> {
  const { rounds, laneCount, seed } = options;
  const tally = new Tally(options.roundDone);
  const lanes = Array.from({ length: laneCount }, async (_, lane) => {
    const random = new Random(seed + lane);
    const count = Math.floor(rounds / laneCount) + (lane < rounds % laneCount ? 1 : 0);
    for (
      let round = 0, shardCount = 1 + (lane % 2);
      round < count;
      round += ROUNDS.length, shardCount = 3 - shardCount
    ) {
      await runFolder(options, { random, shardCount, rounds: Math.min(ROUNDS.length, count - round) }, tally);
    }
  });
  await Promise.all(lanes);
  return tally.summary();
}

interface FolderRun {
  readonly random: Random;
  readonly shardCount: number;
  readonly rounds: number;
}

async function runFolder(options: KillOptions, { random, shardCount, rounds }: FolderRun, tally: Tally): Promise<void> {
  const { seed, stepProgram, program, places = ROUNDS } = options;
  let round = 0;
  let isBroken = false;
  const broken = (place: string, line: string) => {
    isBroken = true;
    tally.broken.push(`seed=${seed} shards=${shardCount} round=${round} ${place}: ${line}`);
  };
  const folder = await KilledFolder.make({ random, shardCount, stepProgram, program, broken });
  const first = random.pick(FIRSTS);
  try {
    for (; round < rounds; round += 1) {
      const place = places[(first + round) % places.length]!;
      folder.nextRound(place.name, place.isAcrossPeriods);
      const isInPlace = await killAndVerify(folder, place).catch((fault) => isToldOf(folder, fault));
      tally.roundDone(isInPlace ? place.name : AFTER_THE_LOAD);
      // A broken folder stays broken: one line of it says enough.
      if (isBroken) return;
    }
    await folder.lastWitness();
    tally.promiseCount += folder.crowd.promised.length;
    tally.rowCount += folder.crowd.promisedRows.length;
    tally.exclusionCount += folder.crowd.promisedExclusions.length;
  } finally {
    await folder.remove();
  }
}

async function killAndVerify(folder: KilledFolder, place: Place): Promise<boolean> {
  const isInPlace = await kill(folder, place);
  await folder.verify();
  return isInPlace;
}

/** What the kill left cannot be opened or gone on with. */
function isToldOf(folder: KilledFolder, fault: unknown): false {
  if (!(fault instanceof StorageFault)) throw fault;
  folder.broken([`${fault.code}: ${fault.message}`]);
  return false;
}

/** @returns whether it died where it was to */
async function kill(folder: KilledFolder, place: Place): Promise<boolean> {
  switch (place.work) {
    case 'migration':
      return killMigration(folder, place);
    case 'backup':
      return killBackup(folder, place);
    default:
      return killServer(folder, place);
  }
}

async function killServer(folder: KilledFolder, place: Place): Promise<boolean> {
  let isInPlace = false;
  for (let left = place.inARow?.(folder.random) ?? 1; left > 0; left -= 1) {
    const [point, timesMax] = place.points.length === 0 ? ['', 0] : folder.random.pick(place.points);
    const victim = folder.start(point === '' ? {} : { killAt: `${point}:${1 + folder.random.below(timesMax)}` });
    const onceRaging = () => void victim.kill();
    const url = await victim.url;
    if (url !== undefined) await folder.load(url, { place, ...(point === '' ? { onceRaging } : {}) });
    isInPlace = url === undefined || point === '' || (await victim.isGone(DEATH_MS_MAX));
    folder.expectKilled(await victim.kill(), victim.errors);
  }
  return isInPlace;
}

class Tally {
  readonly #rounds = new Map<string, number>();
  readonly #roundDone: (done: number) => void;
  readonly broken: string[] = [];
  promiseCount = 0;
  rowCount = 0;
  exclusionCount = 0;
  #done = 0;

  constructor(roundDone: (done: number) => void = () => {}) {
    this.#roundDone = roundDone;
  }

  roundDone(place: string): void {
    this.#rounds.set(place, (this.#rounds.get(place) ?? 0) + 1);
    this.#done += 1;
    this.#roundDone(this.#done);
  }

  summary(): KillSummary {
    const { broken, promiseCount, rowCount, exclusionCount } = this;
    return { rounds: Object.fromEntries(this.#rounds), promiseCount, rowCount, exclusionCount, broken };
  }
}
