/**
 * `npm run fuzz -- [--frames N] [--ibans N] [--seed N] [--json FILE]`: mutated frames of both protocols, and changed IBANs,
 * as many as faults 34, 42 and 45 name.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { build } from 'hdr-histogram-js';
import { describeCommit, describeMachine } from '../../bench/machine.ts';
import { type Report, renderReport } from '../../bench/report.ts';
import { judgeChangedIbans } from '../programme/changed-ibans.ts';
import { Random } from '../support/random.ts';
import { fuzzFrames } from './fuzz.ts';

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '100000000' },
    ibans: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    json: { type: 'string', default: 'bench/results/fuzz.json' },
  },
});
const [frameCount, ibanCount, seed] = [values.frames, values.ibans, values.seed].map(Number) as [
  number,
  number,
  number,
];
const random = new Random(seed);
const times = build({ lowestDiscernibleValue: 1, highestTrackableValue: 10 ** 9, numberOfSignificantValueDigits: 3 });
const frames = fuzzFrames({ random, frameCount, onParsed: (ms) => times.recordValue(Math.round(ms * 1_000)) });
const ibans = judgeChangedIbans(random, ibanCount);

const microseconds = (percentile: number) => times.getValueAtPercentile(percentile);
const report: Report = {
  suite: 'fuzz',
  machine: describeMachine(),
  commit: describeCommit(),
  results: [
    { name: 'frames', value: frameCount, unit: '' },
    { name: 'frames that were none', value: frames.bad, unit: '' },
    { name: 'frames without a request', value: frames.unknown, unit: '' },
    { name: 'requests', value: frames.accepted, unit: '' },
    { name: 'frames read wrong', value: frames.wrong.length, unit: '' },
    { name: 'a frame, median', value: microseconds(50), unit: 'us' },
    { name: 'a frame, p99.999', value: microseconds(99.999), unit: 'us' },
    { name: 'a frame, slowest', value: times.maxValue, unit: 'us' },
    { name: 'IBANs', value: ibanCount, unit: '' },
    { name: 'IBANs accepted', value: ibans.accepted, unit: '' },
    { name: 'IBANs judged wrong', value: ibans.wrong.length, unit: '' },
  ],
  ratios: [],
  notes: [
    `npm run fuzz -- --frames ${frameCount} --ibans ${ibanCount} --seed ${seed}`,
    ...[...frames.wrong, ...ibans.wrong].slice(0, 100).map((line) => `WRONG: ${line}`),
  ],
};
writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
process.stdout.write(`${renderReport(report)}\n`);
process.exitCode = frames.wrong.length + ibans.wrong.length === 0 ? 0 : 1;
