/** `npm run simulate`: many seeds, one seed event by event, or the planted bugs. */
import { writeFileSync } from 'node:fs';
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
const SAVED_EVERY = 10_000;

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
  },
});

const [first, count, workers] = [Number(values.first), Number(values.seeds), Number(values.workers)];

async function main(): Promise<void> {
  if (values.planted) return plantAll();
  const path = await bundle('simulation', SMALL_LIMITS);
  const startedMs = Date.now();
  const done: SeedResult[] = [];
  const results = await runSeeds(
    { path, first, count },
    {
      workers,
      onTrace: count === 1 ? (line) => console.info(line) : undefined,
      onResult: (result) => {
        done.push(result);
        if (result.check !== null) console.info(`seed ${result.seed}: ${result.check}: ${result.problem}`);
        // Hours may be cut short: what was done is not lost.
        if (done.length % SAVED_EVERY === 0 && done.length < count) summarise(done, Date.now() - startedMs);
      },
    },
  );
  summarise(results, Date.now() - startedMs);
  if (results.some(({ check }) => check !== null)) process.exitCode = 1;
}

function summarise(results: readonly SeedResult[], tookMs: number): void {
  const sum = (of: (result: SeedResult) => number) => results.reduce((total, result) => total + of(result), 0);
  const simulatedMs = sum(({ simulatedMs: ms }) => ms);
  const rows = [
    ['seeds', results.length, ''],
    ['violations', results.filter(({ check }) => check !== null).length, ''],
    ['answers checked', sum(({ answers }) => answers), ''],
    ['facts audited', sum(({ facts }) => facts), ''],
    ['events', sum(({ events }) => events), ''],
    ['processes that died', sum(({ deaths }) => deaths), ''],
    ['simulated time', simulatedMs / 86_400_000, 'days'],
    ['seeds a second', results.length / (tookMs / 1_000), '1/s'],
    ['simulated seconds a second', simulatedMs / tookMs, ''],
    ...Object.entries(metBy(results)).map(([what, met]) => [what, met, ''] as const),
  ] as const;
  const table = new Table({
    head: ['', 'value', ''],
    colAligns: ['left', 'right', 'left'],
    style: { head: [], border: [] },
  });
  for (const [name, value, unit] of rows) table.push([name, Math.round(value * 100) / 100, unit]);
  console.info(table.toString());
  save({ results: rows.map(([name, value, unit]) => ({ name, value, unit })) });
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
