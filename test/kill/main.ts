/** `npm run kill -- [--rounds N] [--seed N] [--lanes N] [--json FILE]`: the kill loop for as long as one likes. */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeCommit, describeMachine } from '../../bench/machine.ts';
import { type Report, renderReport } from '../../bench/report.ts';
import { runKills } from './loop.ts';
import { AFTER_THE_LOAD, ANYWHERE, INSIDE, TURN } from './places.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    lanes: { type: 'string', default: String(availableParallelism()) },
    json: { type: 'string', default: 'bench/results/kill.json' },
  },
});
const [rounds, seed, laneCount] = [Number(values.rounds), Number(values.seed), Number(values.lanes)];
const startedMs = performance.now();
const {
  rounds: byPlace,
  promiseCount,
  rowCount,
  exclusionCount,
  broken,
} = await runKills({
  ...{ rounds, seed, laneCount },
  stepProgram: fileURLToPath(new URL('./disk-steps.js', import.meta.url)),
  roundDone: (done) => {
    if (done % 50 === 0) process.stderr.write(`${done} rounds of ${rounds}\n`);
  },
});
const seconds = (performance.now() - startedMs) / 1_000;

/** A tenth of the rounds fell into each of these, or the loop has not done what it is for. */
const scarce = INSIDE.filter(({ name }) => 10 * (byPlace[name] ?? 0) < rounds);
const names = [...INSIDE, TURN, ANYWHERE].map(({ name }) => name);
const count = (name: string, value: number, unit = 'rounds') => ({ name, unit, value });
const report: Report = {
  suite: 'kill',
  machine: describeMachine(),
  commit: describeCommit(),
  results: [
    count('all', rounds),
    ...[...names, AFTER_THE_LOAD].map((name) => count(name, byPlace[name] ?? 0)),
    count('commands acknowledged', promiseCount, 'promises'),
    count('rows acknowledged', rowCount, 'promises'),
    count('exclusions acknowledged', exclusionCount, 'promises'),
    count('lost, doubled or different', broken.length, 'promises'),
    count('rounds a second', rounds / seconds, 'rounds/s'),
  ],
  ratios: [],
  notes: [
    `npm run kill -- --rounds ${rounds} --seed ${seed} --lanes ${laneCount}`,
    ...scarce.map(({ name }) => `less than a tenth of the rounds fell into ${name}`),
    ...broken,
  ],
};
writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
process.stdout.write(`${renderReport(report)}\n`);
process.exitCode = broken.length + scarce.length === 0 ? 0 : 1;
