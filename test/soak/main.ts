/** `npm run soak -- [--hours N] [--seed N] [--json FILE]`: a server under load and a fault a minute, for as long as one likes. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { drawReport } from '../../bench/chart.ts';
import { describeCommit, describeMachine } from '../../bench/machine.ts';
import { type Report, renderReport } from '../../bench/report.ts';
import { resultsOf, seriesOf } from './report.ts';
import { runSoak } from './soak.ts';

const { values } = parseArgs({
  options: {
    hours: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    citizens: { type: 'string', default: '2000' },
    json: { type: 'string', default: 'bench/results/soak.json' },
  },
});
const [hours, seed, citizenCount] = [Number(values.hours), Number(values.seed), Number(values.citizens)];
const result = await runSoak({
  ...{ seed, citizenCount, faultCount: Math.max(1, Math.round(hours * 60)), everyMs: 60_000 },
  crowdProgram: fileURLToPath(new URL('./crowd-process.js', import.meta.url)),
  ...{ peakMs: 10_000, sampleMs: 5_000, newestCount: 20_000, olderCount: 10_000 },
  say: (line) => process.stderr.write(`${line}\n`),
});

const { broken, keptFolder } = result;
const report: Report = {
  suite: 'soak',
  machine: describeMachine(),
  commit: describeCommit(),
  results: resultsOf(result),
  ratios: [],
  series: seriesOf(result),
  notes: [
    `npm run soak -- --hours ${hours} --seed ${seed} --citizens ${citizenCount}`,
    ...Object.entries(result.refusedOnMerits).map(([code, count]) => `${count} requests refused, ${code}`),
    ...Object.entries(result.checked.notCounted).map(([code, count]) => `${count} payments not counted, ${code}`),
    ...(keptFolder === null ? [] : [`broken; the folder is kept: ${keptFolder}`]),
    ...broken,
  ],
};
writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
// Figures of so many units are for the table; the picture is of how it went.
const picture = drawReport({ ...report, results: [] }, 'npm run soak');
writeFileSync(values.json.replace(/(\.json)?$/, '.svg'), picture);
process.stdout.write(`${renderReport(report)}\n`);
process.exitCode = broken.length === 0 ? 0 : 1;
