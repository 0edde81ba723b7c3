/** The live picture of a replay: a pure function from what is known to at most 23 lines of 80 columns. */
import asciichart from 'asciichart';
import { clip, clockOf, duration, euro, grouped, left, type Paint, right, spread } from '../paint.ts';
import { romeMoment } from '../rome.ts';
import type { KindSummary, Latency } from './meter.ts';

export const VIEW_WIDTH = 80;
/** One less than the terminal has: the last line is the cursor's. */
export const VIEW_HEIGHT = 23;
const CHART_HEIGHT = 6;
/** What asciichart puts left of the points: our label, a space and the axis. */
const LABEL_WIDTH = 7;
const CHART_POINTS = VIEW_WIDTH - LABEL_WIDTH - 3;
const PANEL_ROWS = 5;

export interface WatchedCitizen {
  readonly name: string;
  /** 0 = not ranked yet. */
  readonly rank: number;
  readonly rankBefore: number;
  readonly payments: number;
  readonly cashbackCents: number;
}

export interface ReplayView {
  /** `3 of 4`; empty outside the phases. */
  readonly part: string;
  readonly title: string;
  readonly programmeMs: number;
  readonly elapsedMs: number;
  readonly perSecond: readonly number[];
  readonly rateTarget: number;
  readonly latency: Latency;
  readonly inFlight: number;
  readonly sockets: number;
  readonly done: number;
  readonly repeated: number;
  readonly lost: number;
  readonly refusals: readonly (readonly [string, number])[];
  readonly citizens: number;
  readonly instruments: number;
  readonly ibans: number;
  readonly payments: number;
  readonly kinds: readonly KindSummary[];
  readonly participants: number;
  readonly watched: readonly WatchedCitizen[];
}

export function renderView(view: ReplayView, paint: Paint): readonly string[] {
  return [
    header(view, paint),
    spread(paint.strong(clip(view.title, 60)), paint.dim(view.part), VIEW_WIDTH),
    '',
    rateLine(view, paint),
    ...chart(view, paint),
    '',
    latencyLine(view, paint),
    answerLine(view, paint),
    refusalLine(view, paint),
    countLine(view, paint),
    '',
    ...panel(view, paint),
  ].slice(0, VIEW_HEIGHT);
}

function header(view: ReplayView, paint: Paint): string {
  const name = `${paint.accent('clickday')} ${paint.dim('replay')}`;
  return spread(name, `${romeMoment(view.programmeMs)}   ${paint.dim(clockOf(view.elapsedMs))}`, VIEW_WIDTH);
}

function rateLine(view: ReplayView, paint: Paint): string {
  const now = view.perSecond.at(-1) ?? 0;
  const rates = `now ${grouped(now)}   due ${grouped(view.rateTarget)}   peak ${grouped(peakOf(view.perSecond))}`;
  return spread(paint.dim('operations a second'), rates, VIEW_WIDTH);
}

function chart({ perSecond }: ReplayView, paint: Paint): readonly string[] {
  const series = squeeze(perSecond.length === 0 ? [0] : perSecond, CHART_POINTS);
  const max = Math.max(10, peakOf(series));
  const format = (value: number) => right(grouped(value), LABEL_WIDTH);
  const lines = asciichart.plot(series, { height: CHART_HEIGHT, min: 0, max, format }).split('\n');
  return lines.map((line) => paint.dim(line.slice(0, LABEL_WIDTH + 2)) + paint.accent(line.slice(LABEL_WIDTH + 2)));
}

/** The whole run in at most `points` columns: each shows the highest of its seconds, so that no peak disappears. */
export function squeeze(series: readonly number[], points: number): readonly number[] {
  if (series.length <= points) return series;
  return Array.from({ length: points }, (_, point) => {
    const from = Math.floor((point * series.length) / points);
    const to = Math.floor(((point + 1) * series.length) / points);
    return peakOf(series.slice(from, to));
  });
}

function peakOf(series: readonly number[]): number {
  return series.reduce((peak, value) => Math.max(peak, value), 0);
}

function latencyLine({ latency, inFlight }: ReplayView, paint: Paint): string {
  const times = `p50 ${duration(latency.p50Ms)}   p99 ${duration(latency.p99Ms)}   p99.9 ${duration(latency.p999Ms)}`;
  return spread(label('latency', paint) + times, `in flight ${grouped(inFlight)}`, VIEW_WIDTH);
}

function answerLine({ done, repeated, lost, sockets }: ReplayView, paint: Paint): string {
  const lostText = lost === 0 ? 'lost 0' : paint.alarm(`lost ${grouped(lost)}`);
  const counts = `${label('answers', paint)}done ${grouped(done)}   repeated ${grouped(repeated)}   ${lostText}`;
  return spread(counts, `sockets ${grouped(sockets)}`, VIEW_WIDTH);
}

function refusalLine({ refusals }: ReplayView, paint: Paint): string {
  if (refusals.length === 0) return `${label('refused', paint)}none`;
  const codes = refusals.map(([code, count]) => `${code} ${grouped(count)}`).join('   ');
  return label('refused', paint) + clip(codes, VIEW_WIDTH - LABEL_WIDTH - 2);
}

function countLine({ citizens, instruments, ibans, payments }: ReplayView, paint: Paint): string {
  const counts = `people ${grouped(citizens)}  cards ${grouped(instruments)}  IBANs ${grouped(ibans)}`;
  return spread(label('now in', paint) + counts, `payments ${grouped(payments)}`, VIEW_WIDTH);
}

function label(text: string, paint: Paint): string {
  return paint.dim(left(text, LABEL_WIDTH + 2));
}

/** What people press, while they press; once there are payments, who is ahead. */
function panel(view: ReplayView, paint: Paint): readonly string[] {
  return view.participants === 0 ? kindPanel(view, paint) : rankPanel(view, paint);
}

function kindPanel({ kinds }: ReplayView, paint: Paint): readonly string[] {
  const line = (cells: readonly string[]) => cells.map((cell) => right(cell, 12)).join('');
  const rows = kinds
    .filter(({ kind }) => kind !== 'ranking')
    .slice(0, PANEL_ROWS)
    .map(({ kind, done, p50Ms, p99Ms }) => left(kind, 24) + line([grouped(done), duration(p50Ms), duration(p99Ms)]));
  return [paint.dim(left('what they press', 24) + line(['done', 'p50', 'p99'])), ...rows];
}

function rankPanel({ watched, participants }: ReplayView, paint: Paint): readonly string[] {
  const title = spread(`ranking of ${grouped(participants)}`, 'payments    cashback', VIEW_WIDTH);
  return [paint.dim(title), ...watched.slice(0, PANEL_ROWS).map((citizen) => rankLine(citizen, paint))];
}

function rankLine(citizen: WatchedCitizen, paint: Paint): string {
  const rank = citizen.rank === 0 ? '–' : grouped(citizen.rank);
  const start = `${right(rank, LABEL_WIDTH)}  ${left(move(citizen, paint), 8)}${clip(citizen.name, 36)}`;
  return spread(start, right(grouped(citizen.payments), 8) + right(euro(citizen.cashbackCents), 12), VIEW_WIDTH);
}

/** Places won or lost since the day before. */
function move({ rank, rankBefore }: WatchedCitizen, paint: Paint): string {
  if (rank === 0 || rankBefore === 0 || rank === rankBefore) return '';
  return rank < rankBefore
    ? paint.accent(`▲ ${grouped(rankBefore - rank)}`)
    : paint.dim(`▼ ${grouped(rank - rankBefore)}`);
}
