/** `npm run damage -- [--count N] [--seed N] [--json FILE]`: bits changed and files cut short, in every kind of file. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeCommit, describeMachine } from '../../bench/machine.ts';
import { type Report, renderReport } from '../../bench/report.ts';
import { Random } from '../support/random.ts';
import { cutShort, type DamageSummary, damageFolders, flipBit } from './damage.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    json: { type: 'string', default: 'bench/results/damage.json' },
  },
});
const [count, seed] = [Number(values.count), Number(values.seed)];
const random = new Random(seed);
const program = fileURLToPath(new URL('./examiner.js', import.meta.url));
const flips = await damageFolders({ count, random, damage: flipBit, program });
const cuts = await damageFolders({ count: Math.ceil(count / 10), random, damage: cutShort, program });

const served = [...flips.served, ...cuts.served];
const report: Report = {
  suite: 'damage',
  machine: describeMachine(),
  commit: describeCommit(),
  results: [...figuresOf('bits', flips), ...figuresOf('cuts', cuts)],
  ratios: [],
  notes: [
    `npm run damage -- --count ${count} --seed ${seed}`,
    ...served.map((line) => `SERVED: ${line}`),
    ...[...flips.stopped, ...cuts.stopped].map((line) => `ended the process: ${line}`),
  ],
};
writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
process.stdout.write(`${renderReport(report)}\n`);
process.exitCode = served.length === 0 ? 0 : 1;

/** All kinds together first: the first figure is what the last line claims. */
function figuresOf(unit: string, { byKind, served }: DamageSummary): Report['results'] {
  const counts = Object.values(byKind);
  const all = counts.reduce(
    (sum, { count, noticed, stopped, harmless }) => ({
      count: sum.count + count,
      noticed: sum.noticed + noticed,
      stopped: sum.stopped + stopped,
      harmless: sum.harmless + harmless,
    }),
    { count: 0, noticed: 0, stopped: 0, harmless: 0 },
  );
  const ofKinds = Object.entries({ all, ...byKind }).flatMap(([kind, { count, noticed, stopped, harmless }]) => [
    { name: `${kind}: damaged`, unit, value: count },
    { name: `${kind}: noticed`, unit, value: noticed },
    { name: `${kind}: ended the process`, unit, value: stopped },
    { name: `${kind}: harmless`, unit, value: harmless },
  ]);
  return [{ name: 'served wrong', unit, value: served.length }, ...ofKinds];
}
