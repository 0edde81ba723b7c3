/**
 * Acquirers' payments where the programme is full: rows a second that are durable, counted and ranked when they are
 * answered, for cards drawn from all of a seeded population, of which each citizen has three payments on average. Whoever
 * pays is asleep; awake are a few of many.
 *
 * --citizens 1000000, --seconds 60 of which each sixth is measured by itself; --population DIR keeps the folder there.
 */
import { join } from 'node:path';
import { ClickDay, openForBusiness, type Population, populate, shortCount, withFolder } from './seeded-day.ts';
import type { ServerProcess } from './server-process.ts';
import { median } from './statistics.ts';
import type { SuiteResult } from './suite.ts';

const CITIZENS = Number(process.env.CITIZENS ?? 1_000_000);
const PAYMENTS_PER_CITIZEN = 3;
const SLICES = 6;
const SLICE_MS = (Number(process.env.SECONDS ?? 60) * 1_000) / SLICES;

/** Of one slice. */
interface Figures {
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly p99Ms: number;
  readonly refusedCount: number;
}

export function run(): Promise<SuiteResult> {
  return withFolder(async (parent) => {
    const population = { folder: join(parent, `${CITIZENS}-1`), citizenCount: CITIZENS, storeCount: 1 };
    await populate(population);
    const server = await openForBusiness(population);
    const clickDay = new ClickDay();
    try {
      const slices: Figures[] = [];
      while (slices.length < SLICES) slices.push(await measure(clickDay, population, server));
      return resultOf(slices, server.memory().ownBytes);
    } finally {
      clickDay.close();
      await server.kill();
    }
  });
}

async function measure(clickDay: ClickDay, population: Population, server: ServerProcess): Promise<Figures> {
  const cpuMs = server.cpuMs();
  const { done, elapsedMs, latencyUs, refused } = await clickDay.pay(population, server, {
    warmUpMs: 0,
    measureMs: SLICE_MS,
  });
  return {
    perSecond: (done * 1_000) / elapsedMs,
    cpuUs: ((server.cpuMs() - cpuMs) * 1_000) / done,
    p99Ms: latencyUs.p99 / 1_000,
    refusedCount: Object.values(refused).reduce((sum, count) => sum + count, 0),
  };
}

function resultOf(slices: readonly Figures[], ownBytes: number): SuiteResult {
  const there = shortCount(CITIZENS * PAYMENTS_PER_CITIZEN);
  const middle = (of: (figures: Figures) => number) => of(median(slices, of));
  const refusedCount = slices.reduce((sum, one) => sum + one.refusedCount, 0);
  return {
    results: [
      { name: `rows-${there}`, unit: 'rows/s', value: middle(({ perSecond }) => perSecond) },
      { name: `server cpu, ${there}`, unit: 'us/row', value: middle(({ cpuUs }) => cpuUs) },
      { name: `p99 of a batch, ${there}`, unit: 'ms', value: middle(({ p99Ms }) => p99Ms) },
      { name: `own memory, ${there}`, unit: 'bytes', value: ownBytes },
    ],
    ratios: [],
    series: [
      {
        ...{ name: 'clickday', unit: 'rows/s', along: 'seconds' },
        points: slices.map(({ perSecond }, at) => [((at + 1) * SLICE_MS) / 1_000, perSecond] as const),
      },
    ],
    notes: refusedCount === 0 ? [] : [`${refusedCount} rows refused`],
  };
}
