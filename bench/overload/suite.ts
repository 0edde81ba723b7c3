/**
 * The click day that broke the real programme, ten and a hundred times too large. Open loop: citizens have wishes at their
 * own instants, tap while they wait, and ask again when they hear nothing for two seconds. Since the generator shares the
 * machine, the engine is told to be slow, a fixed cost for each request, and server and crowd have a core each; then the
 * same engine as fast as it is. And all of it once more with admission switched off, as the contrast.
 *
 * --minutes 10 how long ten times too many come, --citizens 4000, --slowdown-us 500 what a request costs.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeTaxCode } from '../../engine/index.ts';
import { enrolCrowd } from '../crowd.ts';
import { Generator } from '../load/generator.ts';
import { ServerProcess } from '../server-process.ts';
import { median } from '../statistics.ts';
import type { Measurement, Ratio, Series, SuiteResult } from '../suite.ts';
import { signTokens } from '../tokens.ts';
import { Crowd } from './crowd.ts';
import { jain, mean, secondsToNormal, sum, usefulPerSecond } from './figures.ts';
import type { Phase, PhaseResult, Second } from './plan.ts';

const MINUTES = Number(process.env.MINUTES ?? 10);
const CITIZENS = Number(process.env.CITIZENS ?? 4_000);
const SLOWDOWN_US = Number(process.env.SLOWDOWN_US ?? 500);
const SEED = Number(process.env.SEED ?? 1);
const LONG_MS = MINUTES * 60_000;
/** Of the shorter phases, each as long as the issue asks in a run of ten minutes. */
const MINUTE_MS = LONG_MS / 10;
const PEAK_MS = Math.max(500, MINUTE_MS / 6);
const PEAK_ROUNDS = 3;
/** Enough to keep an engine busy, and too few to be refused: the best of these counts. */
const PEAK_AT_ONCE = [32, 64] as const;
const FAST_PEAK_AT_ONCE = [64, 256] as const;
/** The most that the press counted, with the cards among it (R1, R17, R24): half of these are added, half taken away again. */
const MIXED_PER_SECOND = Number(process.env.RATE ?? 8_000);
const MIXED_CARD_SHARE = 1_000 / 8_000;
/** As fast as is promised to who is let in, and some. */
const NORMAL_P99_MS = 200;
const BOT_CITIZENS = 1_000;
const BOT_SOCKETS = 1_000;
const EVE = '2020-12-07T10:00:00+01:00';
const CLICK_DAY = '2020-12-08T09:00:00+01:00';

export async function run(): Promise<SuiteResult> {
  const folder = await mkdtemp(join(tmpdir(), 'clickday-bench-'));
  const day = new Day(folder);
  try {
    return await day.run();
  } finally {
    await day.close();
    await rm(folder, { recursive: true, force: true });
  }
}

class Day {
  readonly #folder: string;
  readonly #generator = new Generator();
  readonly #crowd = new Crowd();
  readonly #results: Measurement[] = [];
  readonly #ratios: Ratio[] = [];
  readonly #series: Series[] = [];
  readonly #notes: string[] = [];
  #server: ServerProcess | null = null;
  #scanned = { scanned: 0, withData: 0, ownFound: 0, foreignFound: 0 };

  constructor(folder: string) {
    this.#folder = folder;
  }

  async close(): Promise<void> {
    this.#generator.close();
    this.#crowd.close();
    await this.#server?.kill();
  }

  async run(): Promise<SuiteResult> {
    const isPinned = pin(this.#crowd.pid, 1);
    this.#notes.push(
      `${CITIZENS} citizens, ${SLOWDOWN_US} us a request, seed ${SEED}, ${MINUTES} minutes at ten times`,
      isPinned ? 'server and crowd pinned to a core each' : 'nothing is pinned: there is no taskset here',
    );
    await this.#throttled();
    await this.#fast();
    await this.#contrast();
    this.#checkCanaries();
    return { results: this.#results, ratios: this.#ratios, series: this.#series, notes: this.#notes };
  }

  async #throttled(): Promise<void> {
    await this.#open('with', { slowdownUs: SLOWDOWN_US });
    const peak = await this.#peak(PEAK_AT_ONCE);
    this.#figure('peak', 'requests/s', peak);

    const tenfold = await this.#phase({ ms: LONG_MS, perSecond: 10 * peak });
    const after = await this.#phase({ ms: MINUTE_MS / 2, perSecond: peak / 2 });
    this.#draw('with admission', [tenfold, after]);
    this.#share('goodput-10x', usefulPerSecond(tenfold), peak);
    this.#figure('admitted-p99-10x-ms', 'ms', tenfold.p99, tenfold);
    this.#figure('jain', 'of 1', jain(tenfold.each));
    this.#figure('successes-each', 'a citizen', mean(tenfold.each));
    this.#figure('appointments-kept', 'of 1', tenfold.kept / Math.max(1, tenfold.appointments));
    this.#normal('back-to-normal-s', after.seconds, peak / 2);
    this.#notes.push(`ten times: ${summary(tenfold)}`);

    const bots = { perSecond: 90 * peak, socketCount: BOT_SOCKETS };
    const hundredfold = await this.#phase({ ms: MINUTE_MS, perSecond: 10 * peak, bots });
    this.#share('goodput-100x', usefulPerSecond(hundredfold), peak);
    this.#figure('admitted-p99-100x-ms', 'ms', hundredfold.p99, hundredfold);
    this.#figure('jain-100x', 'of 1', jain(hundredfold.each));
    this.#notes.push(`a hundred times: ${summary(hundredfold)}, bots ${JSON.stringify(hundredfold.bots)}`);
    await this.#phase({ ms: MINUTE_MS / 3, perSecond: peak / 2 });

    await this.#stall('with admission', peak, 'stall-recovery-s');
  }

  /** A minute in which the server does nothing, at 90 % of what it can do. */
  async #stall(label: string, peak: number, name: string): Promise<void> {
    const perSecond = 0.9 * peak;
    await this.#phase({ ms: MINUTE_MS / 6, perSecond });
    const server = this.#server!;
    server.pause();
    const resume = setTimeout(() => server.resume(), MINUTE_MS);
    const result = await this.#phase({ ms: 2.5 * MINUTE_MS, perSecond });
    clearTimeout(resume);
    const after = result.seconds.slice(Math.ceil(MINUTE_MS / 1_000));
    this.#normal(name, after, perSecond);
    this.#series.push(...linesOf(`${label}, stalled`, 's of the stall', result.seconds));
    this.#notes.push(`stalled, ${label}: ${summary(result)}`);
  }

  async #fast(): Promise<void> {
    await this.#open('fast', {});
    const peak = await this.#peak(FAST_PEAK_AT_ONCE);
    this.#figure('unthrottled-peak', 'requests/s', peak);
    const twofold = await this.#phase({ ms: MINUTE_MS, perSecond: 2 * peak });
    this.#share('goodput-2x-unthrottled', usefulPerSecond(twofold), peak, 'unthrottled-peak');
    this.#figure('admitted-p99-2x-unthrottled-ms', 'ms', twofold.p99, twofold);
    this.#notes.push(`unthrottled, twice: ${summary(twofold)}`);

    for (const pid of [this.#server!.pid, this.#crowd.pid]) unpin(pid);
    const mixed = await this.#phase({ ms: LONG_MS, perSecond: MIXED_PER_SECOND, cardShare: MIXED_CARD_SHARE });
    pin(this.#crowd.pid, 1);
    this.#figure('mixed-8000', 'requests/s', usefulPerSecond(mixed), mixed);
    this.#figure('mixed-8000-success', 'of 1', sum(mixed.seconds, 'useful') / mixed.wishes);
    this.#figure('mixed-8000-p99-ms', 'ms', mixed.p99, mixed);
    this.#notes.push(`mixed, ${MIXED_PER_SECOND} a second: ${summary(mixed)}`);
  }

  async #contrast(): Promise<void> {
    await this.#open('without', { slowdownUs: SLOWDOWN_US, admission: false });
    const peak = this.#results.find(({ name }) => name === 'peak')!.value;
    const tenfold = await this.#phase({ ms: 2 * MINUTE_MS, perSecond: 10 * peak });
    const after = await this.#phase({ ms: MINUTE_MS / 2, perSecond: peak / 2 });
    this.#draw('without admission', [tenfold, after]);
    this.#share('without admission: goodput-10x', usefulPerSecond(tenfold), peak);
    this.#figure('without admission: p99-10x-ms', 'ms', tenfold.p99, tenfold);
    this.#figure('without admission: jain', 'of 1', jain(tenfold.each));
    this.#normal('without admission: back-to-normal-s', after.seconds, peak / 2);
    await this.#stall('without admission', peak, 'without admission: stall-recovery-s');
    for (const name of ['goodput-10x', 'admitted-p99-10x-ms'] as const) {
      const other = `without admission: ${name.replace('admitted-', '')}`;
      this.#ratio(`${name}, with and without admission`, name, other);
    }
  }

  /** A new folder with everybody in it, and a server on it. */
  async #open(name: string, options: { readonly slowdownUs?: number; readonly admission?: boolean }): Promise<void> {
    await this.#server?.kill();
    const data = join(this.#folder, name);
    const server = await ServerProcess.start({ data, shards: 1, programme: 'italy-2020', now: EVE });
    this.#server = server;
    await enrolCrowd({ folder: data, server, generator: this.#generator, citizenCount: CITIZENS });
    await server.stop();
    this.#server = await ServerProcess.start({ data, shards: 1, now: CLICK_DAY, ...options });
    pin(this.#server.pid, 0);
    const subjects = (first: number, count: number) =>
      Array.from({ length: count }, (_, at) => makeTaxCode(first + at));
    await this.#crowd.open({
      ...{ host: '127.0.0.1', port: this.#server.port, seed: SEED },
      tokens: await signTokens(data, 'citizen', subjects(0, CITIZENS)),
      botTokens: await signTokens(data, 'citizen', subjects(CITIZENS, BOT_CITIZENS)),
    });
    await this.#phase({ ms: PEAK_MS, atOnce: PEAK_AT_ONCE[0] }); // Compiled by now.
  }

  async #peak(atOnceOf: readonly number[]): Promise<number> {
    const peaks: number[] = [];
    for (const atOnce of atOnceOf) {
      const rounds: number[] = [];
      for (let round = 0; round < PEAK_ROUNDS; round += 1) {
        rounds.push(usefulPerSecond(await this.#phase({ ms: PEAK_MS, atOnce })));
      }
      peaks.push(median(rounds, (rate) => rate));
    }
    return Math.max(...peaks);
  }

  async #phase(phase: Phase): Promise<PhaseResult> {
    const result = await this.#crowd.run(phase);
    for (const name of ['scanned', 'withData', 'ownFound', 'foreignFound'] as const)
      this.#scanned[name] += result[name];
    for (const [code, count] of Object.entries(result.refusedOnMerits)) this.#notes.push(`${count} refused, ${code}`);
    return result;
  }

  /** @throws Error where somebody saw what is another's, or where nothing was looked at */
  #checkCanaries(): void {
    const { scanned, withData, ownFound, foreignFound } = this.#scanned;
    this.#figure('foreign-canaries', 'of others', foreignFound);
    this.#notes.push(`${scanned} replies and pushes were looked through, ${ownFound} with the citizen's own canary`);
    if (foreignFound > 0) throw new Error(`${foreignFound} times somebody was shown what is another's`);
    if (withData === 0 || ownFound < withData) {
      throw new Error(`of ${withData} wallets only ${ownFound} had their canary: nothing was proved`);
    }
  }

  #figure(name: string, unit: string, value: number, { p50, p99 }: { p50?: number; p99?: number } = {}): void {
    const percentiles = p50 === undefined || p99 === undefined ? {} : { p50, p99 };
    this.#results.push({ name, unit, value, ...percentiles });
  }

  #share(name: string, perSecond: number, peak: number, of = 'peak'): void {
    this.#figure(name, `of ${of}`, perSecond / peak);
  }

  /** Where it never was, so long as was looked. */
  #normal(name: string, seconds: readonly Second[], perSecond: number): void {
    const whole = seconds.slice(0, -1);
    const normal = secondsToNormal(whole, { perSecond, p99MsMax: NORMAL_P99_MS });
    if (normal === null) this.#notes.push(`${name}: it was never normal again`);
    this.#figure(name, 's', normal ?? whole.length);
  }

  #ratio(name: string, of: string, to: string): void {
    const figureOf = (wanted: string) => this.#results.find((result) => result.name === wanted)!.value;
    if (figureOf(to) > 0) this.#ratios.push({ name, value: figureOf(of) / figureOf(to), of, to });
  }

  #draw(label: string, phases: readonly PhaseResult[]): void {
    this.#series.push(
      ...linesOf(
        label,
        's',
        phases.flatMap(({ seconds }) => seconds),
      ),
    );
  }
}

function summary({ wishes, unsent, appointments, kept, cuts, seconds, p50, p99 }: PhaseResult): string {
  const [asked, refused] = [sum(seconds, 'asked'), sum(seconds, 'refused')];
  return `${wishes} wishes, ${unsent} not sent, ${asked} requests, ${refused} refused, ${appointments} appointments, ${appointments - kept} not kept, ${cuts} cut, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
}

function linesOf(label: string, along: string, seconds: readonly Second[]): readonly Series[] {
  if (seconds.length < 3) return []; // No line.
  const points = (of: (second: Second) => number) =>
    seconds.slice(0, -1).map((second, at) => [at, of(second)] as const);
  return [
    { name: label, unit: 'useful answers/s', along, points: points(({ useful }) => useful) },
    { name: label, unit: 'p99, ms', along, points: points(({ p99 }) => p99) },
  ];
}

function unpin(pid: number): void {
  try {
    execFileSync('taskset', ['-a', '-c', '-p', `0-${availableParallelism() - 1}`, String(pid)], { stdio: 'ignore' });
  } catch {
    // Then it never was.
  }
}

/** To one core of two. @returns false: this system cannot, or has only one */
function pin(pid: number, core: number): boolean {
  try {
    execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
