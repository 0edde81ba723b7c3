/**
 * The click day of December 2020 on a simulated clock, against a real server: citizens arrive at the rates of the
 * press, acquirers send the payments of the first week, and everything acknowledged is checked at the end.
 */
import { createHash } from 'node:crypto';
import type { Hpan, Role } from '../../engine/contract.ts';
import { askHttp, ClickdayClient, type SocketConstructor } from '../sdk/index.ts';
import { type AuditResult, audit } from './audit.ts';
import { Ledger } from './ledger.ts';
import { Meter } from './meter.ts';
import { type Operation, planOperations } from './plan.ts';
import { type Citizen, type Instrument, Population } from './population.ts';
import { ProgrammeClock } from './programme-clock.ts';
import {
  type AcquirerFile,
  DAY_COUNT,
  filesOfDay,
  inventPurchases,
  type Purchase,
  sendingMsOfDay,
} from './purchases.ts';
import { SeededRandom } from './random.ts';
import type { ReplayReport } from './report.ts';
import { PHASES, phaseAt, programmeTimeAt, rateAt, type ScheduleOptions } from './schedule.ts';
import { Traffic } from './traffic.ts';
import type { ReplayView } from './view.ts';
import { Watch } from './watch.ts';

export interface ReplayOptions extends ScheduleOptions {
  readonly url: string;
  readonly WebSocket: SocketConstructor;
  readonly seed: number;
  /** A token, as the programme's identity provider gives it. */
  readonly sign: (role: Role, subject: string) => Promise<string>;
  /** Called about five times a second, and once at each change of scene. */
  readonly onView: (view: ReplayView) => void;
  /** Shortest time that a day of payments takes, so that eyes can follow. */
  readonly dayMsMin: number;
}

/** The world does not fit the replay: another clock, another programme. The message says what to do. */
class ReplayFault extends Error {
  readonly code = 'REPLAY_IMPOSSIBLE';
}

const VIEW_EVERY_MS = 200;
const CLOCK_EVERY_MS = 250;
/** The programme opens on this day; the period that begins then is the one that the replay is about. */
const FIRST_DAY = '2020-12-08';
const WATCHED_COUNT = 5;

export async function runReplay(options: ReplayOptions): Promise<ReplayReport> {
  const replay = await Replay.prepare(options);
  try {
    return await replay.run();
  } finally {
    replay.close();
  }
}

interface Prepared {
  readonly operations: readonly Operation[];
  readonly citizens: readonly Citizen[];
  readonly tokens: ReadonlyMap<string, string>;
  readonly hpanOf: (instrument: Instrument) => Hpan;
  readonly awardPeriodId: number;
  readonly clock: ProgrammeClock;
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #prepared: Prepared;
  readonly #meter = new Meter();
  readonly #ledger = new Ledger();
  readonly #traffic: Traffic;
  readonly #watch: Watch;
  readonly #startMs = performance.now();
  readonly #viewTimer: ReturnType<typeof setInterval>;
  #scene = { part: '', title: 'the doors open' };
  #paymentsCounted = 0;
  readonly #fileDifferences: string[] = [];

  private constructor(options: ReplayOptions, prepared: Prepared) {
    this.#options = options;
    this.#prepared = prepared;
    const { url, WebSocket } = options;
    const { hpanOf, awardPeriodId } = prepared;
    this.#traffic = new Traffic({
      url,
      WebSocket,
      hpanOf,
      tokenOf: ({ taxCode }) => prepared.tokens.get(taxCode)!,
      meter: this.#meter,
      ledger: this.#ledger,
    });
    this.#watch = new Watch({ url, WebSocket, awardPeriodId });
    this.#viewTimer = setInterval(() => this.#show(), VIEW_EVERY_MS);
  }

  /** Everything that is not the server's work happens before the first click: plan, tokens, hashes. */
  static async prepare(options: ReplayOptions): Promise<Replay> {
    const operations = planOperations(new Population(options.seed), options, new SeededRandom(options.seed));
    const citizens = [...new Set(operations.map(({ citizen }) => citizen))];
    const operator = await options.sign('operator', 'replay');
    const clock = new ProgrammeClock({ url: options.url, token: operator });
    await clock.set(PHASES[0]!.fromMs);
    const tokens = await Promise.all(
      citizens.map(async ({ taxCode }) => [taxCode, await options.sign('citizen', taxCode)] as const),
    );
    const awardPeriodId = await findPeriod(options, operator);
    const hpanOf = await hashWithSalt(options);
    return new Replay(options, { operations, citizens, tokens: new Map(tokens), hpanOf, awardPeriodId, clock });
  }

  async run(): Promise<ReplayReport> {
    await this.#clickDays();
    const purchases = await this.#firstWeek();
    const checked = await this.#check(purchases);
    this.#scene = { part: '', title: checked.differences.length === 0 ? 'everything is there' : 'something differs' };
    this.#show();
    return this.#report(purchases, checked);
  }

  close(): void {
    clearInterval(this.#viewTimer);
    this.#watch.close();
  }

  async #clickDays(): Promise<void> {
    const { clock } = this.#prepared;
    const stopClock = clock.follow(() => programmeTimeAt(this.#traffic.elapsedMs, this.#options), CLOCK_EVERY_MS);
    await this.#traffic.run(this.#prepared.operations);
    await stopClock();
    this.#scene = { part: '', title: 'the doors close' };
  }

  /** Each night the acquirers send what was paid in the day; one file comes twice, which must change nothing. */
  async #firstWeek(): Promise<readonly Purchase[]> {
    const { citizens, clock, hpanOf, tokens } = this.#prepared;
    const enrolled = citizens.filter(({ taxCode }) => this.#ledger.citizens.has(taxCode));
    const purchases = inventPurchases(this.#options.seed, enrolled, hpanOf);
    const keenest = [...enrolled]
      .sort((one, other) => other.paymentCount - one.paymentCount)
      .slice(0, WATCHED_COUNT - 1);
    const occasional = enrolled.find(({ paymentCount }) => paymentCount === 1);
    await this.#watch.open([...keenest, ...(occasional ? [occasional] : [])], tokens);

    let sentBefore: readonly AcquirerFile[] = [];
    for (let day = 0; day < DAY_COUNT; day += 1) {
      const dayEnd = pause(this.#options.dayMsMin);
      this.#watch.beginDay();
      await clock.set(sendingMsOfDay(day));
      this.#scene = { part: `night ${day + 1} of ${DAY_COUNT}`, title: 'the acquirers send the payments of the day' };
      const files = filesOfDay(purchases, day);
      await Promise.all(files.map((file) => this.#send(file, false)));
      if (sentBefore[0] !== undefined) await this.#send(sentBefore[0], true);
      sentBefore = files;
      await this.#watch.refresh();
      this.#show();
      await dayEnd;
    }
    return purchases;
  }

  async #send(file: AcquirerFile, isAgain: boolean): Promise<void> {
    const token = await this.#options.sign('acquirer', file.acquirer);
    const body = new TextEncoder().encode(file.content);
    const answer = await askHttp(
      { url: this.#options.url, token },
      { method: 'POST', path: `/rtd/files/${file.name}`, body },
    );
    if (answer.status !== 200) {
      this.#fileDifferences.push(`${file.name} was answered ${answer.status}: ${answer.text.slice(0, 200)}`);
      return;
    }
    const { counted, applied } = JSON.parse(answer.text) as { readonly counted: number; readonly applied: number };
    const owned = isAgain ? [] : file.purchases.filter((purchase) => this.#ledger.ownerOf(purchase) !== null);
    const expected = owned.filter(({ isReversal }) => !isReversal).length;
    this.#paymentsCounted += counted;
    if (counted !== expected) this.#fileDifferences.push(`${file.name}: ${counted} payments counted, not ${expected}`);
    if (applied > owned.length - expected) this.#fileDifferences.push(`${file.name}: ${applied} reversals applied`);
  }

  async #check(purchases: readonly Purchase[]): Promise<AuditResult> {
    const { url, WebSocket } = this.#options;
    const { tokens, awardPeriodId } = this.#prepared;
    const result = await audit({
      url,
      WebSocket,
      awardPeriodId,
      ledger: this.#ledger,
      tokenOf: (taxCode) => tokens.get(taxCode)!,
      standings: () => this.#ledger.standings(purchases),
      onProgress: (done, of) => {
        this.#scene = { part: `${done} of ${of}`, title: 'the check: is everything there?' };
      },
    });
    return { ...result, differences: [...this.#fileDifferences, ...result.differences] };
  }

  #report(purchases: readonly Purchase[], checked: AuditResult): ReplayReport {
    const { seed, scale, durationMs } = this.#options;
    return {
      seed,
      scale,
      durationMs,
      elapsedMs: performance.now() - this.#startMs,
      rateMax: Math.max(0, ...this.#meter.perSecond),
      kinds: this.#meter.kinds(),
      all: { ...this.#meter.latency(), done: this.#meter.total('done') },
      refusals: this.#meter.refusals(),
      faults: this.#meter.faults(),
      citizens: this.#ledger.citizens.size,
      instruments: this.#ledger.instrumentCount,
      purchases: purchases.length,
      paymentsCounted: this.#paymentsCounted,
      check: checked,
    };
  }

  #show(): void {
    const isOpen = this.#scene.title === 'the doors open';
    const { index } = phaseAt(this.#traffic.elapsedMs, this.#options);
    this.#options.onView({
      part: isOpen ? `${index + 1} of ${PHASES.length}` : this.#scene.part,
      title: isOpen ? PHASES[index]!.name : this.#scene.title,
      programmeMs: this.#prepared.clock.nowMs(),
      elapsedMs: performance.now() - this.#startMs,
      perSecond: completeSeconds(this.#meter.perSecond, this.#traffic.elapsedMs),
      rateTarget: isOpen ? rateAt(this.#traffic.elapsedMs, this.#options) : 0,
      latency: this.#meter.latency(),
      inFlight: this.#meter.inFlight,
      sockets: this.#meter.sockets,
      done: this.#meter.total('done'),
      repeated: this.#meter.total('repeated'),
      lost: this.#meter.total('lost'),
      refusals: this.#meter.refusals(),
      citizens: this.#ledger.citizens.size,
      instruments: this.#ledger.instrumentCount,
      ibans: this.#ledger.count('setIban'),
      payments: this.#paymentsCounted,
      kinds: this.#meter.kinds(),
      participants: this.#watch.participants,
      watched: this.#watch.citizens,
    });
  }
}

/** The second under way would look like a fall. */
function completeSeconds(perSecond: readonly number[], elapsedMs: number): readonly number[] {
  return perSecond.slice(0, Math.floor(elapsedMs / 1_000));
}

/** The period is named by its first day: ids are data of the programme. */
async function findPeriod({ url, WebSocket }: ReplayOptions, token: string): Promise<number> {
  const client = await ClickdayClient.connect({ url, WebSocket, token });
  const reply = await client.read('periods', {}).finally(() => client.close());
  const period = reply.ok ? reply.view.find(({ startDay }) => startDay === FIRST_DAY) : undefined;
  if (period === undefined) throw new ReplayFault(`the programme of ${url} has no period that begins on ${FIRST_DAY}`);
  return period.awardPeriodId;
}

/** As the edge hashes (domain 2.2): SHA-256 of PAN and salt. */
async function hashWithSalt({ url, sign }: ReplayOptions): Promise<(instrument: Instrument) => Hpan> {
  const token = await sign('acquirer', '36081');
  const { status, text: salt } = await askHttp(
    { url, token },
    { method: 'GET', path: '/rtd/payment-instrument-manager/salt' },
  );
  if (status !== 200) throw new ReplayFault(`the salt was refused with ${status}`);
  const known = new Map<string, Hpan>();
  return ({ pan }) => {
    const hpan = known.get(pan) ?? createHash('sha256').update(pan).update(salt).digest('hex');
    known.set(pan, hpan);
    return hpan;
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
