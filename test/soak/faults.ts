/** What is done to a server under load, a fault a minute. */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { dayNumberOf, dayStartMs } from '../../engine/index.ts';
import type { Random } from '../support/random.ts';
import type { SoakPhase } from './plan.ts';
import type { SoakServer } from './server.ts';

export interface Fault {
  readonly name: string;
  /** How often it comes beside others. */
  readonly weight: number;
  /** The engine dies, or is stopped: what it had promised is asked for afterwards. */
  readonly endsProcess?: boolean;
  /** How long it goes on by itself, as a part of the time between two faults; 0: it is done at once. */
  readonly share?: (random: Random) => number;
  /** What the crowd does meanwhile, other than always. @param perSecond what it usually wishes */
  readonly phase?: (perSecond: number) => Partial<SoakPhase>;
  /** What is done to the server. @returns what it should not have done */
  readonly act?: (server: SoakServer, deed: Deed) => Promise<readonly string[]>;
}

export interface Deed {
  readonly random: Random;
  /** How long the fault goes on. */
  readonly ms: number;
  /** Where backups go. */
  readonly folder: string;
}

const BURST = 10;
const HOSTILE_COUNT = 60;
const BOT_COUNT = 200;
const FILE_ROWS = 5_000;
/** Of a minute: 10 seconds. */
const SIXTH = 1 / 6;

export const FAULTS: readonly Fault[] = [
  {
    name: 'engine killed',
    weight: 4,
    endsProcess: true,
    async act(server) {
      const starts = server.startCount;
      server.killEngine();
      await server.whenReady(starts + 1);
      return [];
    },
  },
  {
    name: 'both processes killed',
    weight: 1,
    endsProcess: true,
    async act(server) {
      await server.crash();
      return [];
    },
  },
  { name: 'orderly restart', weight: 2, endsProcess: true, act: (server) => server.restart() },
  {
    name: 'process stands',
    weight: 2,
    // 3 to 10 seconds of a minute.
    share: (random) => (3 + random.below(8)) / 60,
    async act(server, { ms }) {
      await server.stand(ms);
      return [];
    },
  },
  { name: 'all connections cut', weight: 2, phase: () => ({ isDropped: true }) },
  {
    name: 'ten times the load',
    weight: 2,
    share: () => SIXTH,
    phase: (perSecond) => ({ perSecond: BURST * perSecond }),
  },
  {
    name: 'hostile connections',
    weight: 2,
    share: () => SIXTH,
    phase: (perSecond) => ({
      hostileCount: HOSTILE_COUNT,
      bots: { perSecond: BURST * perSecond, socketCount: BOT_COUNT },
    }),
  },
  { name: 'bulk file', weight: 1, share: () => SIXTH, phase: () => ({ fileRows: FILE_ROWS }) },
  // Payments of the period that is over come for a while, and do not count.
  { name: 'end of a period', weight: 1, share: () => SIXTH, act: passPeriodEnd },
  { name: 'backup', weight: 1, act: (server, { folder }) => server.backUp(join(folder, 'backup')) },
  { name: 'quota reached', weight: 1, endsProcess: true, share: () => SIXTH, act: reachQuota },
];

/**
 * The faults to come. Of each hour each comes at least once, the others are drawn by their weights; of less than an hour
 * with fewer faults than there are, each comes at most once. In the last third of an hour no process dies, so that one lives
 * long enough for whoever watches it grow.
 */
export function drawFaults(random: Random, count: number, perHour: number, all = FAULTS): readonly Fault[] {
  const drawn: Fault[] = [];
  while (drawn.length < count) {
    const left = Math.min(count - drawn.length, Math.max(perHour, all.length));
    const others = Array.from({ length: Math.max(0, left - all.length) }, () => draw(random, all));
    const hour = random.shuffle([...random.shuffle(all).slice(0, left), ...others]);
    const survived = hour.filter(({ endsProcess }) => endsProcess !== true);
    const last = survived.splice(0, Math.floor(left / 3));
    const deadly = hour.filter(({ endsProcess }) => endsProcess === true);
    drawn.push(...random.shuffle([...deadly, ...survived]), ...last);
  }
  return drawn;
}

function draw(random: Random, all: readonly Fault[]): Fault {
  let left = random.next() * all.reduce((sum, { weight }) => sum + weight, 0);
  return (
    all.find(({ weight }) => {
      left -= weight;
      return left < 0;
    }) ?? all.at(-1)!
  );
}

/** 10:00 in Rome, in winter. */
const MORNING_MS = 10 * 3_600_000;
const BEFORE_MS = 1_000;
/** Long enough on any machine. */
const CLOSING_MS_MAX = 60_000;

/** The clock is set to a second before the end, and passes it; when the ranking is final, it is the next morning. */
async function passPeriodEnd(server: SoakServer): Promise<readonly string[]> {
  const { periods } = await server.status();
  const { awardPeriodId, endDay } = periods.find(({ status }) => status === 'ACTIVE')!;
  const nextDayMs = dayStartMs(dayNumberOf(endDay)! + 1);
  await server.setClock(nextDayMs - BEFORE_MS);
  const isClosed = async () =>
    (await server.status()).periods.find((period) => period.awardPeriodId === awardPeriodId)!.isFrozen;
  const fromMs = performance.now();
  while (!(await isClosed())) {
    if (performance.now() > fromMs + CLOSING_MS_MAX) return [`period ${awardPeriodId} was over and did not close`];
    await pause(BEFORE_MS / 10);
  }
  await server.setClock(nextDayMs + MORNING_MS);
  return [];
}

/** It starts with less room than it has taken already, refuses changes for a while, and gets room again. */
async function reachQuota(server: SoakServer, { ms }: Deed): Promise<readonly string[]> {
  const broken = [...(await server.restart('--quota', '1'))];
  if (!(await server.status()).storage.isFull) broken.push('with a quota of one byte there is still room');
  await pause(ms);
  return [...broken, ...(await server.restart())];
}
