/** `npm run simulate`: many seeds, one seed event by event, or the planted bugs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { describeCommit, describeMachine } from '../../bench/machine.ts';
import { bundle } from './bundle.ts';
import { metBy, runSeeds } from './children.ts';
import { type Catch, plant } from './planted.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';
import { SMALL_LIMITS } from './small-limits.ts';
import type { SeedResult } from './world.ts';

const RESULTS = 'bench/results/simulation.json';
const SAVED_EVERY = 2_000;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2000' },
    first: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
    planted: { type: 'boolean', default: false },
    /** Of the planted bugs those whose sentence has this in it. */
    only: { type: 'string', default: '' },
    /** Writes the summary to bench/results. */
    save: { type: 'boolean', default: false },
    /** Goes on where the last one that was saved was cut short. */
    resume: { type: 'boolean', default: false },
  },
});

const [first, count, workers] = [Number(values.first), Number(values.seeds), Number(values.workers)];

interface Piece {
  readonly first: number;
  readonly seedCount: number;
  readonly commit: string;
}

/** Sums over the seeds that were run so far, in order. */
interface Progress {
  readonly seedCount: number;
  /** In a row, each by another commit. */
  readonly pieces: readonly Piece[];
  /** Seeds with a violation. */
  readonly failed: readonly number[];
  /** Seeds that had one, and have none since. */
  readonly mended: readonly { readonly seed: number; readonly commit: string }[];
  readonly sums: Readonly<Record<Summed, number>>;
  /** How often the worlds met what. */
  readonly met: Readonly<Record<string, number>>;
}

type Summed = 'answers' | 'facts' | 'events' | 'deaths' | 'simulatedMs' | 'tookMs';

const NOTHING: Progress = {
  ...{ seedCount: 0, pieces: [], failed: [], mended: [], met: {} },
  sums: { answers: 0, facts: 0, events: 0, deaths: 0, simulatedMs: 0, tookMs: 0 },
};

/** In pieces, saved one by one: hours may be cut short, and what was done is not done again. */
async function main(): Promise<void> {
  if (values.planted) return plantAll();
  const path = await bundle('simulation', SMALL_LIMITS);
  let progress = values.resume
    ? ((JSON.parse(readFileSync(RESULTS, 'utf8')) as { progress?: Progress }).progress ?? NOTHING)
    : NOTHING;
  if (progress.failed.length > 0) {
    progress = await mend(path, progress);
    show(progress);
  }
  while (progress.seedCount < count) {
    const piece = { first: first + progress.seedCount, count: Math.min(SAVED_EVERY, count - progress.seedCount) };
    const startedMs = Date.now();
    const results = await runSeeds(
      { path, ...piece },
      { workers, onTrace: count === 1 ? console.info : undefined, onResult: tell },
    );
    progress = added(progress, results, Date.now() - startedMs);
    show(progress);
  }
  if (progress.failed.length > 0) process.exitCode = 1;
}

/** Those that failed before: by the sources as they are now. */
async function mend(path: string, progress: Progress): Promise<Progress> {
  let { failed, mended } = progress;
  for (const seed of progress.failed) {
    const [result] = await runSeeds({ path, first: seed, count: 1 }, { workers: 1, onResult: tell });
    if (result!.check !== null) continue;
    failed = failed.filter((one) => one !== seed);
    mended = [...mended, { seed, commit: describeCommit() }];
  }
  return { ...progress, failed, mended };
}

function tell({ seed, check, problem }: SeedResult): void {
  if (check !== null) console.info(`seed ${seed}: ${check}: ${problem}`);
}

function added(progress: Progress, results: readonly SeedResult[], tookMs: number): Progress {
  const { seedCount, pieces, failed, mended, sums, met } = progress;
  const sum = (of: (result: SeedResult) => number) => results.reduce((total, result) => total + of(result), 0);
  return {
    seedCount: seedCount + results.length,
    pieces: withPiece(pieces, { first: results[0]!.seed, seedCount: results.length, commit: describeCommit() }),
    failed: [...failed, ...results.filter(({ check }) => check !== null).map(({ seed }) => seed)],
    mended,
    sums: {
      answers: sums.answers + sum(({ answers }) => answers),
      facts: sums.facts + sum(({ facts }) => facts),
      events: sums.events + sum(({ events }) => events),
      deaths: sums.deaths + sum(({ deaths }) => deaths),
      simulatedMs: sums.simulatedMs + sum(({ simulatedMs }) => simulatedMs),
      tookMs: sums.tookMs + tookMs,
    },
    met: metBy([{ met }, ...results]),
  };
}

function withPiece(pieces: readonly Piece[], piece: Piece): readonly Piece[] {
  const last = pieces.at(-1);
  if (last?.commit !== piece.commit) return [...pieces, piece];
  return [...pieces.slice(0, -1), { ...last, seedCount: last.seedCount + piece.seedCount }];
}

function show(progress: Progress): void {
  const { seedCount, failed, mended, sums, met } = progress;
  const rows: readonly (readonly [string, number, string])[] = [
    ['seeds', seedCount, ''],
    ['violations', failed.length, ''],
    ['violations mended since', mended.length, ''],
    ['answers checked', sums.answers, ''],
    ['facts audited', sums.facts, ''],
    ['events', sums.events, ''],
    ['processes that died', sums.deaths, ''],
    ['simulated time', sums.simulatedMs / 86_400_000, 'days'],
    ['seeds a second', seedCount / (sums.tookMs / 1_000), '1/s'],
    ['simulated seconds a second', sums.simulatedMs / sums.tookMs, ''],
    ...Object.entries(met).map(([what, times]) => [what, times, ''] as const),
  ];
  const table = new Table({
    head: ['', 'value', ''],
    colAligns: ['left', 'right', 'left'],
    style: { head: [], border: [] },
  });
  for (const [name, value, unit] of rows) table.push([name, Math.round(value * 100) / 100, unit]);
  console.info(table.toString());
  save({ results: rows.map(([name, value, unit]) => ({ name, value, unit })), progress });
}

async function plantAll(): Promise<void> {
  const bugs = PLANTED_BUGS.filter(({ what }) => what.includes(values.only));
  const caught: Catch[] = new Array(bugs.length);
  let next = 0;
  const work = async () => {
    for (let number = next++; number < bugs.length; number = next++) {
      caught[number] = await plant(bugs[number]!, number, first, count);
      const { what, seed, check } = caught[number]!;
      console.info(
        `${String(number + 1).padStart(2)}  ${seed === null ? 'NOT CAUGHT' : `seed ${seed}`}  ${check}  ${what}`,
      );
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  const table = new Table({ head: ['planted bug', 'seed', 'check', 'seeds'], style: { head: [], border: [] } });
  for (const { what, seed, check, seedsTried } of caught) table.push([what, seed ?? 'not caught', check, seedsTried]);
  console.info(table.toString());
  save({ planted: caught.map(({ problem, ...one }) => ({ ...one, problem: firstLineOf(problem) })) });
  if (caught.some(({ seed }) => seed === null)) process.exitCode = 1;
}

/** Without the place of the checkout. */
function firstLineOf(problem: string): string {
  return problem.split('\n')[0]!.replaceAll(`${process.cwd()}/`, '').slice(0, 200);
}

function save(of: object): void {
  if (!values.save) return;
  const command = `npm run simulate -- ${process.argv.slice(2).join(' ')}`;
  const report = { suite: 'simulation', machine: describeMachine(), commit: describeCommit(), command, ...of };
  writeFileSync(
    values.planted ? RESULTS.replace('simulation', 'planted-bugs') : RESULTS,
    `${JSON.stringify(report, null, 2)}\n`,
  );
}

await main();
