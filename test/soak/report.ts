/** The figures of a soak, and how they went. */
import { mean } from '../../bench/overload/figures.ts';
import { median } from '../../bench/statistics.ts';
import type { Measurement, Series } from '../../bench/suite.ts';
import { FAULTS } from './faults.ts';
import { slopeOf, thinned } from './figures.ts';
import type { FolderSizes } from './server.ts';
import type { Growth, Sample, SoakResult } from './soak.ts';

const HOUR_S = 3_600;
const POINTS_MAX = 360;
const PARTS = ['journal', 'rows', 'archive', 'total'] as const satisfies readonly (keyof FolderSizes)[];

export function resultsOf(result: SoakResult): readonly Measurement[] {
  const { checked, happened, broken, loadedS, peakPerSecond, loadPerSecond, askedCount } = result;
  const figure = (name: string, unit: string, value: number) => ({ name, unit, value });
  return [
    figure('under load', 'hours', loadedS / HOUR_S),
    figure('peak', 'requests/s', peakPerSecond),
    figure('load', 'requests/s', loadPerSecond),
    figure('commands acknowledged', 'promises', checked.commandCount),
    figure('payments acknowledged', 'promises', checked.rowCount),
    figure('asked for again', 'promises', askedCount),
    figure('lost, doubled or different', 'promises', broken.length),
    figure('replies and pushes looked through', 'frames', result.scanned),
    figure('pushes', 'frames', result.pushes),
    figure('with the own canary', 'frames', result.ownFound),
    figure('with the canary of another', 'frames', result.foreignFound),
    figure('faults', 'faults', happened.length),
    figure(
      'deaths that nobody made',
      'deaths',
      happened.reduce((sum, { deathCount }) => sum + deathCount, 0),
    ),
    ...FAULTS.flatMap(({ name }) => faultOf(result, name)),
    ...memoryOf(result),
    ...growthOf(result),
    ...delayOf(result),
  ];
}

/** The value is the longest; where it was never normal before the next, that is what it is said to be. */
function faultOf({ happened, everyS }: SoakResult, name: string): readonly Measurement[] {
  const all = happened.filter(({ fault }) => fault.name === name);
  if (all.length === 0) return [];
  const times = all.map(({ normalAfterS }) => normalAfterS ?? everyS);
  const incidentCount = all.reduce((sum, { incidents }) => sum + incidents.length, 0);
  return [
    { name, unit: 'faults', value: all.length },
    {
      name: `${name}: normal again, at most`,
      unit: 's',
      value: Math.max(...times),
      p50: median(times, (time) => time),
    },
    { name: `${name}: incidents`, unit: 'incidents', value: incidentCount },
  ];
}

/** Of the process that lived longest what it gains an hour, once it is warm: in the second half of its life. */
function memoryOf({ samples, happened }: SoakResult): readonly Measurement[] {
  const starts = happened.flatMap(({ startBytes }) => startBytes ?? []);
  const life = longestLife(samples);
  const warm = life.slice(Math.floor(life.length / 2));
  const perHour = (of: (sample: Sample) => number) => HOUR_S * slopeOf(warm.map((sample) => [sample.atS, of(sample)]));
  return [
    ...(starts.length === 0
      ? []
      : [
          {
            name: 'own memory when it serves again, most',
            unit: 'bytes',
            value: Math.max(...starts),
            p50: median(starts, (bytes) => bytes),
          },
        ]),
    { name: 'own memory, most', unit: 'bytes', value: Math.max(0, ...samples.map(({ ownBytes }) => ownBytes)) },
    { name: 'longest life of a process', unit: 's', value: life.length < 2 ? 0 : life.at(-1)!.atS - life[0]!.atS },
    { name: 'own memory, second half of that life', unit: 'bytes/hour', value: perHour(({ ownBytes }) => ownBytes) },
    {
      name: 'fullest heap, second half of that life',
      unit: 'of it/hour',
      value: perHour(({ heapShare }) => heapShare),
    },
  ];
}

function longestLife(samples: readonly Sample[]): readonly Sample[] {
  const lives = new Map<number, Sample[]>();
  for (const sample of samples) lives.set(sample.pid, [...(lives.get(sample.pid) ?? []), sample]);
  return [...lives.values()].reduce((longest, life) => (life.length > longest.length ? life : longest), []);
}

/** For a thousand commands and payments; and whether what is to stay as it is does. */
function growthOf({ growth, databases }: SoakResult): readonly Measurement[] {
  const most = (part: keyof FolderSizes, of: readonly Growth[]) => Math.max(0, ...of.map((each) => each[part]));
  const half = Math.floor(growth.length / 2);
  return [
    ...PARTS.map((part) => ({
      name: `${part}: growth for 1,000`,
      unit: 'bytes',
      value: 1_000 * slopeOf(growth.map((each) => [each.commandCount, each[part]])),
    })),
    ...PARTS.map((part) => ({ name: `${part}: most`, unit: 'bytes', value: most(part, growth) })),
    { name: 'rows: file at the end, for each byte in it', unit: 'bytes', value: databases.rowsGrowth },
    { name: 'rows: file told to be too large', unit: 'times', value: databases.growthCount },
    { name: 'readers told to be slow', unit: 'times', value: databases.slowReaderCount },
    ...(half === 0
      ? []
      : [
          {
            name: 'journal: most of the second half, of that of the first',
            unit: 'of 1',
            value: most('journal', growth.slice(half)) / most('journal', growth.slice(0, half)),
          },
        ]),
  ];
}

function delayOf({ samples }: SoakResult): readonly Measurement[] {
  const calm = samples.filter(({ isCalm, delayMs }) => isCalm && !Number.isNaN(delayMs)).map(({ delayMs }) => delayMs);
  if (calm.length === 0) return [];
  const value = Math.max(...calm);
  return [{ name: 'event loop between faults, p99, at most', unit: 'ms', value, p50: median(calm, (delay) => delay) }];
}

export function seriesOf({ samples, seconds, growth }: SoakResult): readonly Series[] {
  const step = Math.ceil(seconds.length / POINTS_MAX);
  const parts = thinned(
    seconds.map((second, at) => [at, second.atS / 60] as const),
    POINTS_MAX,
  );
  const rate = parts.map(
    ([at, minute]) => [minute, mean(seconds.slice(at, at + step).map(({ useful }) => useful))] as const,
  );
  const own = samples.map(({ atS, ownBytes }) => [atS / 60, ownBytes / 1e6] as const);
  return [
    { name: 'useful answers', unit: 'answers/s', along: 'minutes', points: rate },
    { name: 'own memory', unit: 'MB', along: 'minutes', points: thinned(own, POINTS_MAX) },
    ...PARTS.map((part) => ({
      ...{ name: part, unit: 'MB of files', along: 'minutes' },
      points: growth.map((each) => [each.atS / 60, each[part] / 1e6] as const),
    })),
  ];
}
