/**
 * `npm run crash-images -- [--count N] [--seed N] [--json FILE]`: as many power cuts as one likes. Recordings in which an
 * image was not as it should be are kept; `--recordings DIR --first IMAGE --count 1` with the same seed makes that image again.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeCommit, describeMachine } from '../../bench/machine.ts';
import { type Report, renderReport } from '../../bench/report.ts';
import { Random } from '../support/random.ts';
import { explore, FINDINGS, type Summary } from './explore.ts';
import { anyPlan, compileRecorder, record, saveRecording } from './recording.ts';

const IMAGES_PER_RECORDING = 500;
const SUFFIX = '.recording';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    first: { type: 'string', default: '0' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    recordings: { type: 'string' },
    json: { type: 'string', default: 'bench/results/crash-images.json' },
  },
});
const [count, first, seed] = [Number(values.count), Number(values.first), Number(values.seed)];
const folder = values.recordings ?? mkdtempSync(join(tmpdir(), 'clickday-recordings-'));

async function makeRecordings(library: string): Promise<void> {
  const random = new Random(seed);
  for (let index = 0; index < Math.max(2, Math.ceil(count / IMAGES_PER_RECORDING)); index += 1) {
    const place = join(folder, String(index));
    mkdirSync(place);
    const plan = anyPlan(random);
    say(`recording ${index + 1}: ${JSON.stringify(plan)}`);
    saveRecording(`${place}${SUFFIX}`, await record({ folder: place, library, random, plan }));
    rmSync(place, { recursive: true });
  }
}

function reportOf(summary: Summary, recordingCount: number, seconds: number): Report {
  const counted = (name: string, value: number, unit = 'images') => ({ name, unit, value });
  const { windows, found, sameBoot, locks } = summary;
  return {
    suite: 'crash-images',
    machine: describeMachine(),
    commit: describeCommit(),
    results: [
      counted('all', summary.images),
      ...FINDINGS.map((finding) => counted(finding, found[finding])),
      ...Object.entries(windows).map(([window, images]) => counted(`power cut during: ${window}`, images)),
      counted('opened under the boot that wrote them', sameBoot),
      ...Object.entries(locks).map(([lock, images]) => counted(`lock table of LMDB ${lock}`, images)),
      counted('promises held, of all images', summary.promises, 'promises'),
      counted('recordings', recordingCount, 'recordings'),
      counted('images a second', summary.images / seconds, 'images/s'),
    ],
    ratios: [],
    notes: [`npm run crash-images -- --count ${count} --seed ${seed}`, ...summary.problems],
  };
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

const library = compileRecorder(tmpdir());
if (library === null) {
  say('left out: this machine has no compiler of C, with which the recorder is made');
  process.exit(0);
}
if (values.recordings === undefined) await makeRecordings(library);
const recordings = readdirSync(folder)
  .filter((name) => name.endsWith(SUFFIX))
  .sort()
  .map((name) => join(folder, name));
const startedMs = performance.now();
const summary = await explore({
  ...{ checker: join(import.meta.dirname, 'checker.js'), library, recordings, first, count },
  ...{ seed, liesAbout: '', haste: 0 },
  done: (images) => {
    if (images % 100 === 0) say(`${images} images of ${count}`);
  },
});
const report = reportOf(summary, recordings.length, (performance.now() - startedMs) / 1_000);
writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
process.stdout.write(`${renderReport(report)}\n`);
if (summary.problems.length > 0) {
  say(`kept: ${folder}`);
  process.exitCode = 1;
} else if (values.recordings === undefined) rmSync(folder, { recursive: true });
