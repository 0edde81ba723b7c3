// Method: made-up reports are drawn; lengths must be in proportion to figures, names must come through whatever signs
// they have, and what makes a figure believable (machine, commit, command) must stand below.
import { expect, test } from 'vitest';
import { drawReport } from '../../bench/chart.ts';
import type { Report } from '../../bench/report.ts';

const REPORT: Report = {
  suite: 'wallet',
  machine: { cpu: 'Some CPU', coreCount: 2, memoryBytes: 8e9, node: 'v20.15.0', platform: 'linux x64' },
  commit: 'abc1234',
  results: [
    { name: 'long', unit: 'us', value: 300 },
    { name: 'short', unit: 'us', value: 75 },
  ],
  ratios: [{ name: 'half', value: 0.5, of: 'short', to: 'long' }],
};

/** Of the bars, from above. */
function widths(picture: string): readonly number[] {
  return [...picture.matchAll(/<rect [^>]*width="([\d.]+)"[^>]*class="c0"/g)].map(([, width]) => Number(width));
}

test('bars are as long as their figures, within one unit', () => {
  const [long, short] = widths(drawReport(REPORT, 'npm run bench -- wallet'));
  expect(long! / short!).toBeCloseTo(4, 2);
  const other = { name: 'of another unit', unit: 'bytes', value: 1e9 };
  expect(widths(drawReport({ ...REPORT, results: [...REPORT.results, other] }, ''))).toEqual([long, short, long]);
});

test('a figure with percentiles shows the 50th and, paler, the 99th', () => {
  const results = [{ name: 'wait', unit: 'ms', value: 2, p50: 2, p99: 8 }];
  const picture = drawReport({ ...REPORT, results }, '');
  const [tail] = [...picture.matchAll(/width="([\d.]+)"[^>]*class="tail"/g)].map(([, width]) => Number(width));
  expect(tail! / widths(picture)[0]!).toBeCloseTo(4, 2);
  expect(picture).toContain('p50 2, p99 8');
});

test('a series is drawn from its first point to its last', () => {
  const points = [
    [0, 10],
    [50, 0],
    [100, 5],
  ] as const;
  const picture = drawReport({ ...REPORT, series: [{ name: 'curve', unit: 'ms', along: '%', points }] }, '');
  const [, path] = /<path class="line c0" d="M([^"]+)"/.exec(picture)!;
  const [first, middle, last] = path!.split('L').map((point) => point.split(' ').map(Number) as [number, number]);
  expect(middle![0] - first![0]).toBeCloseTo(last![0] - middle![0], 0);
  expect(middle![1] - first![1]).toBeCloseTo(2 * (middle![1] - last![1]), 0);
});

test('names keep their signs, nothing measured draws nothing, and the place stands below', () => {
  const results = [{ name: 'a <b> & c', unit: 'us', value: 0 }];
  const picture = drawReport({ ...REPORT, results }, 'npm run bench -- wallet');
  expect(picture).toContain('a &lt;b&gt; &amp; c');
  expect(picture).not.toMatch(/NaN|Infinity/);
  expect(picture).toContain('2 x Some CPU, Node 20.15.0, commit abc1234. npm run bench -- wallet');
  expect(picture).toContain('half: 0.5 = short / long');
  expect(picture).toContain('prefers-color-scheme: dark');
});
