/**
 * Kills real servers under load, again and again, and asks after each kill for every promise that was made; besides, the
 * whole folder is recomputed. The server that is asked is the next one to be killed, so a round costs one start.
 *
 *   start -> asked for all promises -> load -> killed -> folder verified -> start -> ...
 *
 * Whatever a server dies on before it could answer is asked of the next one, and the last one of a folder is not killed
 * before it has answered for everything.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dayText, italy2020, type PeriodParameters, romeDayNumber } from '../../engine/index.ts';
import { StorageFault } from '../../engine/ports.ts';
import { openDevelopmentIdentity } from '../../server/index.ts';
import { verifyFolder } from '../../snapshots/index.ts';
import { Random } from '../support/random.ts';
import { Crowd } from './crowd.ts';
import { PLACES, type Place } from './places.ts';
import { PROGRAM, Victim } from './victim.ts';

export interface KillOptions {
  readonly rounds: number;
  readonly seed: number;
  /** Folders at once. */
  readonly laneCount: number;
  /** A server that is to be caught; default the one that was built. */
  readonly program?: string;
  readonly places?: readonly Place[];
  readonly roundDone?: (done: number) => void;
}

export interface KillSummary {
  /** Kills by where they fell. */
  readonly kills: Readonly<Record<string, number>>;
  readonly killCount: number;
  readonly promiseCount: number;
  readonly rowCount: number;
  /** What was promised and is missing or different, and what does not add up: one line each. */
  readonly broken: readonly string[];
}

/** A folder is replaced after so many rounds: what it remembers is recomputed after each kill. */
const ROUNDS_PER_FOLDER = 14;
const CHECKPOINT_ROWS = 100;
const ACTIONS = 30;
const PROMISES_MAX = 200;
const DAY_MS = 86_400_000;
const DAYS_PER_PERIOD = 5;
/** 10:00 in Rome of the first day of the first period. */
const START = Date.parse('2021-01-11T09:00:00Z');
/** From there to the midnight that ends the day. */
const TO_MIDNIGHT_MS = 14 * 3_600_000;
const MINUTE_MS = 60_000;

export async function runKills(options: KillOptions): Promise<KillSummary> {
  const { rounds, laneCount, seed } = options;
  const tally = new Tally(options.roundDone);
  const lanes = Array.from({ length: laneCount }, async (_, lane) => {
    const random = new Random(seed + lane);
    const count = Math.floor(rounds / laneCount) + (lane < rounds % laneCount ? 1 : 0);
    for (let round = 0; round < count; round += ROUNDS_PER_FOLDER) {
      const folder = new KilledFolder(options, random, tally, 1 + ((round / ROUNDS_PER_FOLDER + lane) % 2));
      await folder.run(Math.min(ROUNDS_PER_FOLDER, count - round));
    }
  });
  await Promise.all(lanes);
  return tally.summary();
}

class Tally {
  readonly #kills = new Map<string, number>();
  readonly #roundDone: (done: number) => void;
  readonly broken: string[] = [];
  promiseCount = 0;
  rowCount = 0;
  #rounds = 0;

  constructor(roundDone: (done: number) => void = () => {}) {
    this.#roundDone = roundDone;
  }

  kill(place: string): void {
    this.#kills.set(place, (this.#kills.get(place) ?? 0) + 1);
  }

  roundDone(): void {
    this.#rounds += 1;
    this.#roundDone(this.#rounds);
  }

  summary(): KillSummary {
    const { broken, promiseCount, rowCount } = this;
    const killCount = [...this.#kills.values()].reduce((sum, count) => sum + count, 0);
    return { kills: Object.fromEntries(this.#kills), killCount, promiseCount, rowCount, broken };
  }
}

class KilledFolder {
  readonly #options: KillOptions;
  readonly #random: Random;
  readonly #tally: Tally;
  readonly #shardCount: number;
  #round = 0;
  #day = 0;
  #nowMs = START;

  constructor(options: KillOptions, random: Random, tally: Tally, shardCount: number) {
    this.#options = options;
    this.#random = random;
    this.#tally = tally;
    this.#shardCount = shardCount;
  }

  async run(rounds: number): Promise<void> {
    const place = await mkdtemp(join(tmpdir(), 'clickday-kill-'));
    try {
      await writeFile(programmePath(place), JSON.stringify(programme()));
      const crowd = new Crowd(this.#random, await openDevelopmentIdentity(place));
      const places = this.#options.places ?? PLACES;
      // Another first one in each folder: an early death leaves the later ones more to recover.
      const first = this.#random.below(places.length);
      for (this.#round = 0; this.#round < rounds; this.#round += 1) {
        await this.#killAt(places[(first + this.#round) % places.length]!, place, crowd);
        this.#tally.roundDone();
        // A broken folder stays broken: one line of it says enough.
        if (this.#tally.broken.length > 0) return;
      }
      await this.#lastWitness(place, crowd);
      this.#tally.promiseCount += crowd.promised.length;
      this.#tally.rowCount += crowd.promisedRows.length;
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  }

  async #killAt(place: Place, folder: string, crowd: Crowd): Promise<void> {
    this.#nextDay(place.isAcrossPeriods);
    for (let left = place.inARow?.(this.#random) ?? 1; left > 0; left -= 1) {
      const [point, timesMax] = place.points.length === 0 ? ['', 0] : this.#random.pick(place.points);
      this.#nowMs += MINUTE_MS / 2; // The clock of the one before has run on.
      const victim = this.#start(folder, point === '' ? '' : `${point}:${1 + this.#random.below(timesMax)}`);
      const url = await victim.url;
      if (url !== undefined) await this.#load(url, { place, crowd, victim });
      const isInPlace = url === undefined || point === '' || (await victim.isGone());
      const death = await victim.kill();
      this.#tally.kill(isInPlace ? place.name : 'after the load');
      if (death !== 'SIGKILL') this.#break(place, [`ended by itself: ${death} ${victim.errors}`]);
    }
    this.#break(place, await this.#differencesIn(folder));
  }

  /** A folder that does not even open differs, too. */
  async #differencesIn(folder: string): Promise<readonly string[]> {
    try {
      return (await verifyFolder(folder)).differences;
    } catch (fault) {
      if (fault instanceof StorageFault) return [`${fault.code}: ${fault.message}`];
      throw fault;
    }
  }

  async #load(
    url: string,
    { place, crowd, victim }: { readonly place: Place; readonly crowd: Crowd; readonly victim: Victim },
  ): Promise<void> {
    this.#break(place, (await crowd.brokenPromises(url)).broken);
    const raging = crowd.rage(url, this.#nowMs, ACTIONS);
    // Times that need no clock: after a seeded number of promises.
    const promises = 1 + this.#random.below(PROMISES_MAX);
    if (place.isAcrossPeriods === true)
      crowd.afterPromises(promises, () => void crowd.moveClock(url, this.#nowMs + 2 * MINUTE_MS));
    if (place.points.length === 0) crowd.afterPromises(promises, () => void victim.kill());
    await raging;
  }

  /** Whoever is not killed has to answer for everything. */
  async #lastWitness(folder: string, crowd: Crowd): Promise<void> {
    this.#nextDay();
    const witness = this.#start(folder, '');
    const url = await witness.url;
    const last = { name: 'last witness', points: [] };
    if (url === undefined) this.#break(last, [`did not start: ${await witness.ended} ${witness.errors}`]);
    else {
      const { broken, unanswered } = await crowd.brokenPromises(url, { areAllAsked: true });
      this.#break(last, unanswered === 0 ? broken : [...broken, `${unanswered} questions without an answer`]);
    }
    await witness.kill();
  }

  #start(folder: string, killAt: string): Victim {
    return new Victim({
      program: this.#options.program ?? PROGRAM,
      folder,
      now: new Date(this.#nowMs).toISOString(),
      shards: this.#shardCount,
      programme: programmePath(folder),
      killAt,
      checkpointRows: CHECKPOINT_ROWS,
    });
  }

  /** A day a round: what was activated yesterday counts today. Or the last minute of a period. */
  #nextDay(isLastOfPeriod = false): void {
    this.#day += 1;
    if (isLastOfPeriod) this.#day += DAYS_PER_PERIOD - 1 - (this.#day % DAYS_PER_PERIOD);
    this.#nowMs = START + this.#day * DAY_MS + (isLastOfPeriod ? TO_MIDNIGHT_MS - 2 * MINUTE_MS : 0);
  }

  #break(place: Pick<Place, 'name'>, lines: readonly string[]): void {
    const where = `seed=${this.#options.seed} shards=${this.#shardCount} round=${this.#round} ${place.name}`;
    for (const line of lines) this.#tally.broken.push(`${where}: ${line}`);
  }
}

function programmePath(folder: string): string {
  return join(folder, 'programme.json');
}

/** Short periods without grace, one after the other. */
function programme() {
  const [, semester] = italy2020().periods;
  const periods = Array.from({ length: ROUNDS_PER_FOLDER }, (_, index): PeriodParameters => {
    const first = romeDayNumber(START) + index * DAYS_PER_PERIOD;
    const [startDay, endDay] = [dayText(first), dayText(first + DAYS_PER_PERIOD - 1)];
    return { ...semester!, awardPeriodId: 1 + index, name: startDay, startDay, endDay, graceDays: 0 };
  });
  return { ...italy2020(), periods };
}
