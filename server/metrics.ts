/**
 * What the server knows about itself. `observe` wraps the engine's door, so that everything that passes is counted and
 * timed once, whichever front it came through; /metrics and /status are two ways of reading the same numbers.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { build, type Histogram as LatencyRecorder } from 'hdr-histogram-js';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Engine, EngineStats, Read, RefusalName, WalletCommandBody } from '../engine/index.ts';
import type { StorageStatus } from './admission/index.ts';
import type { ShippingStatus } from './backups.ts';
import { type FileSummary, ROW_STATUSES, TOKEN_STATUSES, type TokenSummary } from './files/index.ts';
import type { CourierCounts } from './notices/index.ts';
import type { RecheckCounts } from './partners/index.ts';
import { type Aged, FUNCTION_NAMES, RESULTS, type Service } from './service/index.ts';
import type { ThreadView } from './vitals/index.ts';

/** Refused for want of room, not on the merits: the caller did nothing wrong (R7). */
const SHED: readonly RefusalName[] = ['OVERLOADED', 'DRAINING', 'STORAGE_FULL'];

export interface FunctionStatus {
  readonly done: number;
  /** Answered with a reason that the caller can act on. */
  readonly refused: number;
  /** Turned away: OVERLOADED, DRAINING, STORAGE_FULL. */
  readonly shed: number;
  /** Ended in an error of ours. */
  readonly failed: number;
  /** (done + refused) of all; 1 where there was nothing. */
  readonly successShare: number;
}

export interface LatencyStatus {
  /** Over the last 10 to 20 seconds. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface MetricsOptions {
  readonly monotonicMs: () => number;
  /** Open WebSockets. */
  readonly socketCount: () => number;
  readonly storage: () => StorageStatus;
  readonly service: Pick<Service, 'functions' | 'open'>;
  /** Of the engine that is observed. */
  readonly stats: () => Promise<Aged<EngineStats>>;
  /** Null, or absent: nothing is shipped. */
  readonly shipping?: (stats: EngineStats) => ShippingStatus | null;
  /** Null, or absent: nobody delivers them. */
  readonly notices?: () => CourierCounts | null;
  /** Null, or absent: no bank service is asked. */
  readonly rechecks?: () => RecheckCounts | null;
  /** Of this process. Absent: nobody watches them. */
  readonly threads?: () => readonly ThreadView[];
}

export interface Metrics {
  /** The same engine, with every call counted and timed. */
  observe(engine: Engine): Engine;
  countRequest(route: string, status: number): void;
  countFile(summary: FileSummary | TokenSummary): void;
  /** By function of the engine's door, since the start. */
  functions(): Readonly<Record<string, FunctionStatus>>;
  /** Of changes and records: from the door to the durable answer. */
  latency(): LatencyStatus;
  uptimeSeconds(): number;
  /** Text of the Prometheus exposition format. */
  exposition(): Promise<{ readonly contentType: string; readonly text: string }>;
}

export function createMetrics(options: MetricsOptions): Metrics {
  const { monotonicMs } = options;
  const startedMs = monotonicMs();
  const registry = new Registry();
  const tallies = new Tallies();
  const recent = new RecentLatency(monotonicMs);
  /** As they were when the exposition was asked for. */
  let stats: Aged<EngineStats> | null = null;

  const answers = { command: new AnswerTimes(), record: new AnswerTimes(), read: new AnswerTimes() };

  new AnswerSeconds(registry, answers);
  registerTallies(registry, tallies);
  registerService(registry, options.service);
  registerEngine(registry, () => stats?.value ?? null, options);
  new Gauge({
    name: 'clickday_engine_age_seconds',
    help: 'How old what is said of the engine is: 0 but where it does not answer',
    registers: [registry],
    collect() {
      this.set((stats?.ageMs ?? 0) / 1_000);
    },
  });
  if (options.threads !== undefined) registerThreads(registry, options.threads);
  const requests = counter(registry, 'clickday_http_requests_total', 'HTTP requests', ['route', 'status']);
  const files = counter(registry, 'clickday_files_total', 'Acquirer files taken in', []);
  const fileRows = counter(registry, 'clickday_file_rows_total', 'Rows of acquirer files', ['status']);

  return {
    observe: (engine) => observedEngine(engine, { tallies, recent, monotonicMs, answers }),
    countRequest: (route, status) => requests.inc({ route, status: String(status) }),
    countFile(summary) {
      files.inc();
      if ('enabled' in summary) for (const status of TOKEN_STATUSES) fileRows.inc({ status }, summary[status]);
      else for (const status of ROW_STATUSES) fileRows.inc({ status }, summary[status]);
    },
    functions: () => tallies.status(),
    latency: () => recent.status(),
    uptimeSeconds: () => (monotonicMs() - startedMs) / 1_000,
    async exposition() {
      stats = await options.stats();
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}

const CLASSES = ['command', 'record', 'read'] as const;
type AnswerClass = (typeof CLASSES)[number];
type Answers = Readonly<Record<AnswerClass, AnswerTimes>>;

interface Observation {
  readonly tallies: Tallies;
  readonly recent: RecentLatency;
  readonly monotonicMs: () => number;
  readonly answers: Answers;
}

/** Every method by name: a new one at the door does not compile until it is decided here how to count it. */
function observedEngine(engine: Engine, observation: Observation): Engine {
  const { tallies, recent, monotonicMs, answers } = observation;

  const view = async <T>(name: ReadName, reading: Promise<Read<T>>): Promise<Read<T>> => {
    const tally = tallies.of(name);
    const startedMs = monotonicMs();
    try {
      const value = await reading;
      tally.count(value.ok ? undefined : value.code);
      answers.read.count(monotonicMs() - startedMs);
      return value;
    } catch (error) {
      tally.failed += 1;
      throw error;
    }
  };

  return {
    programme: engine.programme,
    execute(command, done) {
      const startedMs = monotonicMs();
      engine.execute(command, (reply) => {
        tallies.of(command.body.kind).count(reply.ok ? undefined : reply.code);
        const nowMs = monotonicMs();
        recent.record(nowMs - startedMs, nowMs);
        answers.command.count(nowMs - startedMs);
        done(reply);
      });
    },
    record(command, done) {
      const startedMs = monotonicMs();
      engine.record(command, (outcome) => {
        tallies.of('recordPayment').count('code' in outcome ? outcome.code : undefined);
        const nowMs = monotonicMs();
        recent.record(nowMs - startedMs, nowMs);
        answers.record.count(nowMs - startedMs);
        done(outcome);
      });
    },
    openIntake: (receivedMs) => engine.openIntake(receivedMs),
    citizenKeyOf: (taxCode) => engine.citizenKeyOf(taxCode),
    outcome: (citizen, origin, id) => view('outcome', engine.outcome(citizen, origin, id)),
    wallet: (citizen) => view('wallet', engine.wallet(citizen)),
    instrument: (citizen, hpan) => view('instrument', engine.instrument(citizen, hpan)),
    instruments: (citizen) => view('instruments', engine.instruments(citizen)),
    activations: (hpan) => view('activations', engine.activations(hpan)),
    taxCode: (citizen) => view('taxCode', engine.taxCode(citizen)),
    total: (citizen, awardPeriodId) => view('total', engine.total(citizen, awardPeriodId)),
    payments: (citizen, query) => view('payments', engine.payments(citizen, query)),
    paymentDays: (citizen, query) => view('paymentDays', engine.paymentDays(citizen, query)),
    milestones: (citizen, awardPeriodId) => view('milestones', engine.milestones(citizen, awardPeriodId)),
    rankings: (citizen, awardPeriodId) => view('rankings', engine.rankings(citizen, awardPeriodId)),
    rankingPage: (awardPeriodId, firstRank, count) =>
      view('rankingPage', engine.rankingPage(awardPeriodId, firstRank, count)),
    reversals: (query) => view('reversals', engine.reversals(query)),
    recordFate: (hpan, record) => view('recordFate', engine.recordFate(hpan, record)),
    resolveReversal: (decision) => engine.resolveReversal(decision),
    exclude: (request) => engine.exclude(request),
    exclusions: (query) => view('exclusions', engine.exclusions(query)),
    covered: (query) => view('covered', engine.covered(query)),
    payouts: (query) => view('payouts', engine.payouts(query)),
    payoutsOf: (citizen) => view('payoutsOf', engine.payoutsOf(citizen)),
    payoutFiles: () => view('payoutFiles', engine.payoutFiles()),
    makePayouts: (awardPeriodId, fundsCents) => engine.makePayouts(awardPeriodId, fundsCents),
    changePayouts: (changes) => engine.changePayouts(changes),
    integratePayout: (integration) => engine.integratePayout(integration),
    setPayoutFile: (file) => engine.setPayoutFile(file),
    notices: (query) => view('notices', engine.notices(query)),
    queueNotices: (runs) => engine.queueNotices(runs),
    changeNotices: (changes) => engine.changeNotices(changes),
    openFile: (arrival) => engine.openFile(arrival),
    closeFile: (file) => engine.closeFile(file),
    receivedFiles: (query) => view('receivedFiles', engine.receivedFiles(query)),
    setPar: (citizen, hpan, par) => engine.setPar(citizen, hpan, par),
    cardOfPar: (par) => view('cardOfPar', engine.cardOfPar(par)),
    unverifiedAccounts: (untilMs, countMax) => view('unverifiedAccounts', engine.unverifiedAccounts(untilMs, countMax)),
    recheckAccounts: (rechecks) => engine.recheckAccounts(rechecks),
    periods: () => engine.periods(),
    periodDetails: () => engine.periodDetails(),
    periodDecisions: () => engine.periodDecisions(),
    decidePeriod: (order) => engine.decidePeriod(order),
    stats: () => engine.stats(),
    onChanged: (listener) => engine.onChanged(listener),
    tick: (nowMs) => engine.tick(nowMs),
    close: (isHurried) => engine.close(isHurried),
  };
}

type ReadName =
  | 'exclusions'
  | 'outcome'
  | 'wallet'
  | 'instrument'
  | 'instruments'
  | 'activations'
  | 'taxCode'
  | 'total'
  | 'payments'
  | 'paymentDays'
  | 'milestones'
  | 'rankings'
  | 'rankingPage'
  | 'reversals'
  | 'recordFate'
  | 'covered'
  | 'payouts'
  | 'payoutsOf'
  | 'payoutFiles'
  | 'notices'
  | 'receivedFiles'
  | 'unverifiedAccounts'
  | 'cardOfPar';
type FunctionName = WalletCommandBody['kind'] | 'recordPayment' | ReadName;

class Tally {
  done = 0;
  failed = 0;
  readonly refused = new Map<RefusalName, number>();

  count(code: RefusalName | undefined): void {
    if (code === undefined) this.done += 1;
    else this.refused.set(code, (this.refused.get(code) ?? 0) + 1);
  }

  status(): FunctionStatus {
    let shed = 0;
    let refused = 0;
    for (const [code, count] of this.refused) {
      if (SHED.includes(code)) shed += count;
      else refused += count;
    }
    const answered = this.done + refused;
    const all = answered + shed + this.failed;
    return { done: this.done, refused, shed, failed: this.failed, successShare: all === 0 ? 1 : answered / all };
  }
}

/** Plain counts: a labelled counter of the library costs half a microsecond, and this is passed by every command. */
class Tallies {
  readonly #byName = new Map<FunctionName, Tally>();

  of(name: FunctionName): Tally {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const tally = new Tally();
    this.#byName.set(name, tally);
    return tally;
  }

  entries(): IterableIterator<[FunctionName, Tally]> {
    return this.#byName.entries();
  }

  status(): Record<string, FunctionStatus> {
    return Object.fromEntries([...this.#byName].map(([name, tally]) => [name, tally.status()]));
  }
}

const ANSWER_METRIC = {
  name: 'clickday_answer_seconds',
  help: 'From the door of the engine to the durable answer, by class',
} as const;

/** Upper bounds of the buckets. */
const ANSWER_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5] as const;

/** How long the answers of one class took. */
class AnswerTimes {
  /** By bucket; the last is for those beyond all bounds. */
  readonly #counts = new Float64Array(ANSWER_SECONDS.length + 1);
  #sumMs = 0;

  count(ms: number): void {
    const seconds = ms / 1_000;
    let bucket = 0;
    while (bucket < ANSWER_SECONDS.length && seconds > ANSWER_SECONDS[bucket]!) bucket += 1;
    this.#counts[bucket]! += 1;
    this.#sumMs += ms;
  }

  /** As the library writes them: each bucket with all below it. */
  samples(name: string, answerClass: AnswerClass): readonly Sample[] {
    const sharedLabels = { class: answerClass };
    let count = 0;
    const buckets = Array.from(this.#counts, (ofBucket, bucket) => {
      count += ofBucket;
      const le = ANSWER_SECONDS[bucket] ?? '+Inf';
      return { metricName: `${name}_bucket`, labels: { le }, sharedLabels, value: count };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: {}, sharedLabels, value: this.#sumMs / 1_000 },
      { metricName: `${name}_count`, labels: {}, sharedLabels, value: count },
    ];
  }
}

interface Sample {
  readonly metricName: string;
  readonly labels: { readonly le?: number | string };
  readonly sharedLabels: { readonly class: AnswerClass };
  readonly value: number;
}

/**
 * A histogram of the library that is counted here: its own `observe` finds the labels anew each time and takes half a
 * microsecond, and this is passed by every command.
 */
class AnswerSeconds extends Histogram<'class'> {
  readonly #answers: Answers;

  constructor(registry: Registry, answers: Answers) {
    super({ ...ANSWER_METRIC, labelNames: ['class'], registers: [registry] });
    this.#answers = answers;
  }

  /** Where the library takes what it writes from. */
  getForPromString(): object {
    const { name } = ANSWER_METRIC;
    const values = CLASSES.flatMap((each) => this.#answers[each].samples(name, each));
    return { ...ANSWER_METRIC, type: 'histogram', aggregator: 'sum', values };
  }
}

const WINDOW_MS = 10_000;

/** Two windows that take turns: the older one is full, so the figures never start from nothing. */
class RecentLatency {
  readonly #monotonicMs: () => number;
  #current = newRecorder();
  #previous = newRecorder();
  #currentSinceMs: number;
  #previousSinceMs: number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
    this.#currentSinceMs = monotonicMs();
    this.#previousSinceMs = this.#currentSinceMs;
  }

  record(ms: number, nowMs: number): void {
    this.#turn(nowMs);
    this.#current.recordValue(Math.round(ms * 1_000));
  }

  status(): LatencyStatus {
    const nowMs = this.#monotonicMs();
    this.#turn(nowMs);
    const both = newRecorder();
    both.add(this.#previous);
    both.add(this.#current);
    const seconds = Math.max((nowMs - this.#previousSinceMs) / 1_000, 1);
    const milliseconds = (percentile: number) =>
      both.totalCount === 0 ? 0 : both.getValueAtPercentile(percentile) / 1_000;
    return { perSecond: both.totalCount / seconds, p50Ms: milliseconds(50), p99Ms: milliseconds(99) };
  }

  #turn(nowMs: number): void {
    const age = nowMs - this.#currentSinceMs;
    if (age < WINDOW_MS) return;
    // After a silence longer than a window nothing of it is recent any more.
    const isStale = age >= 2 * WINDOW_MS;
    [this.#previous, this.#current] = [this.#current, this.#previous];
    if (isStale) this.#previous.reset();
    this.#current.reset();
    this.#previousSinceMs = isStale ? nowMs : this.#currentSinceMs;
    this.#currentSinceMs = nowMs;
  }
}

/** Microseconds, up to a minute, at two digits. */
function newRecorder(): LatencyRecorder {
  return build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 2,
  });
}

function counter<const Label extends string>(registry: Registry, name: string, help: string, labelNames: Label[]) {
  return new Counter({ name, help, labelNames, registers: [registry] });
}

function registerTallies(registry: Registry, tallies: Tallies): void {
  new Counter({
    name: 'clickday_commands_total',
    help: 'Changes, records and reads by function and result',
    labelNames: ['function', 'result'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [name, tally] of tallies.entries()) {
        const { done, refused, shed, failed } = tally.status();
        for (const [result, count] of Object.entries({ done, refused, shed, failed })) {
          this.inc({ function: name, result }, count);
        }
      }
    },
  });
  new Counter({
    name: 'clickday_refusals_total',
    help: 'Refusals by function and code',
    labelNames: ['function', 'code'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [name, tally] of tallies.entries()) {
        for (const [code, count] of tally.refused) this.inc({ function: name, code }, count);
      }
    },
  });
}

/** Read when asked for, from the engine's own numbers. */
function registerEngine(registry: Registry, stats: () => EngineStats | null, options: MetricsOptions): void {
  const gauge = (name: string, help: string, read: (stats: EngineStats) => number) =>
    new Gauge({
      name: `clickday_${name}`,
      help,
      registers: [registry],
      collect() {
        const current = stats();
        if (current !== null) this.set(read(current));
      },
    });
  gauge('citizens_enabled_count', 'Citizens enrolled now', (each) => each.citizensEnabled);
  gauge('cards_active_count', 'Instruments enabled now', (each) => each.cardsActive);
  gauge('payments_listed_count', 'Payments and reversals that count', (each) => each.paymentsListed);
  gauge('mailbox_commands_count', 'Commands waiting to be decided', (each) => each.mailboxCount);
  gauge('turns_count', 'Turns since the start', (each) => each.turns);
  gauge('facts_count', 'Facts journaled since the start', (each) => each.facts);
  gauge('journal_sequence', 'Newest journal record', (each) => each.journalSequence);
  gauge(
    'checkpoint_lag_records',
    'Journal records that rows do not hold yet',
    (each) => each.journalSequence - each.checkpointSequence,
  );
  gauge('unwritten_rows_count', 'Rows that are newer in memory than on disk', (each) => each.unwrittenRowCount);
  gauge('clock_seconds', 'The programme’s time', (each) => each.nowMs / 1_000);
  registerShipping(registry, stats, options);
  new Counter({
    name: 'clickday_notices_total',
    help: 'Notices to citizens by what became of their delivery',
    labelNames: ['result'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [result, count] of Object.entries<number>(options.notices?.() ?? {})) this.inc({ result }, count);
    },
  });
  new Counter({
    name: 'clickday_iban_rechecks_total',
    help: 'Unverified accounts by what the bank service said when it was asked again',
    labelNames: ['verdict'],
    registers: [registry],
    collect() {
      this.reset();
      const counts = Object.entries<number>(options.rechecks?.() ?? {});
      for (const [verdict, count] of counts) this.inc({ verdict }, count);
    },
  });
  new Gauge({
    name: 'clickday_sockets_count',
    help: 'Open WebSockets',
    registers: [registry],
    collect() {
      this.set(options.socketCount());
    },
  });
  new Gauge({
    name: 'clickday_storage_free_share',
    help: 'Of the disk that holds the data folder: 0 full, 1 empty',
    registers: [registry],
    collect() {
      this.set(options.storage().freeShare);
    },
  });
  new Gauge({
    name: 'clickday_ranking_participants_count',
    help: 'Participants of a ranking',
    labelNames: ['period'],
    registers: [registry],
    collect() {
      for (const { awardPeriodId, participants } of stats()?.rankings ?? []) {
        this.set({ period: String(awardPeriodId) }, participants);
      }
    },
  });
  new Gauge({
    name: 'clickday_memory_resident_bytes',
    help: 'Resident memory of this process',
    registers: [registry],
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
}

function registerShipping(registry: Registry, stats: () => EngineStats | null, { shipping }: MetricsOptions): void {
  const gauge = (name: string, help: string, read: (status: ShippingStatus) => number) =>
    new Gauge({
      name: `clickday_shipping_${name}`,
      help,
      registers: [registry],
      collect() {
        const current = stats();
        const status = current === null ? null : (shipping?.(current) ?? null);
        if (status === null) this.reset();
        else this.set(read(status));
      },
    });
  gauge('lag_records', 'Journal records that the second folder does not have', (each) => each.lagRecords);
  gauge('lag_seconds', 'For how long it has lacked some, at most', (each) => each.lagMs / 1_000);
  gauge('failures_count', 'Tries in a row that failed; 0 while shipping works', (each) => each.failures);
}

function registerService(registry: Registry, service: MetricsOptions['service']): void {
  new Counter({
    name: 'clickday_tries_total',
    help: 'Tries of what citizens know, those that were turned away before the engine included, by result',
    labelNames: ['function', 'result'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [name, { sinceStart }] of Object.entries(service.functions())) {
        for (const result of RESULTS) this.inc({ function: name, result }, sinceStart[result]);
      }
    },
  });
  new Gauge({
    name: 'clickday_incidents_open_count',
    help: 'Incidents that are not over, by what they are of',
    labelNames: ['kind', 'name'],
    registers: [registry],
    collect() {
      this.reset();
      for (const name of FUNCTION_NAMES) this.set({ kind: 'function', name }, 0);
      for (const { kind, name } of service.open) this.set({ kind, name }, 1);
    },
  });
}

function registerThreads(registry: Registry, threads: () => readonly ThreadView[]): void {
  const gauge = (name: string, help: string, read: (thread: ThreadView) => number) =>
    new Gauge({
      name: `clickday_thread_${name}`,
      help,
      labelNames: ['thread'],
      registers: [registry],
      collect() {
        for (const thread of threads()) this.set({ thread: thread.name }, read(thread));
      },
    });
  gauge('stuck', '1 while it does not come round', ({ isStuck }) => (isStuck ? 1 : 0));
  gauge('stalls_count', 'How often it did not come round for 200 ms, since the start', ({ stallCount }) => stallCount);
  gauge('stall_seconds_max', 'The longest of them', ({ stallMsMax }) => stallMsMax / 1_000);
  gauge('heap_share', 'Of the heap that it may have', ({ heapShare }) => heapShare);
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  new Gauge({
    name: 'clickday_front_delay_seconds',
    help: 'How late the front came to what was due, 99th percentile since this was last read',
    registers: [registry],
    collect() {
      this.set(delay.percentile(99) / 1e9);
      delay.reset();
    },
  });
}
