/**
 * Acquirers' payments: rows a second that are durable, counted and ranked when they are answered, as the programme
 * fills; how old a rank can be while that goes on; and the same rows in PostgreSQL, taken in and then ranked by a
 * recompute at night, as the real programme did it (peers/nightly.ts).
 *
 * PAYMENTS=1000000 rows for CITIZENS=20000; SECONDS=4 of looking at ranks.
 */
import { readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import WebSocket from 'ws';
import { ClickdayClient, type SocketConstructor } from '../client/sdk/index.ts';
import { makeTaxCode, type Role, romeText } from '../engine/index.ts';
import { enrolCrowd } from './crowd.ts';
import { Generator } from './load/generator.ts';
import type { LoadPlan, LoadResult } from './load/plan.ts';
import { hpanOf } from './load/workload.ts';
import { NIGHTLY_SETTINGS, NightlyProgramme } from './peers/nightly.ts';
import { startPostgres } from './peers/postgres-server.ts';
import { ServerProcess } from './server-process.ts';
import { median } from './statistics.ts';
import type { Measurement, Ratio, Series, SuiteResult } from './suite.ts';
import { signTokens } from './tokens.ts';

const DEADLINE_MS = 20_000;
const CITIZENS = Number(process.env.CITIZENS ?? 20_000);
/** Measured one after the other: the last says what there is with all the others in place. */
const SLICES = 10;
const ROWS_PER_BATCH = 100;
const BATCHES_PER_SLICE = Math.ceil(Number(process.env.PAYMENTS ?? 1_000_000) / SLICES / ROWS_PER_BATCH);
const ROWS_PER_SLICE = BATCHES_PER_SLICE * ROWS_PER_BATCH;
const PAYMENTS = SLICES * ROWS_PER_SLICE;
/** How long payments go on while ranks are looked at. */
const AGE_MS = Number(process.env.SECONDS ?? 4) * 1_000;
const ACQUIRERS = 4;
const BATCHES_IN_FLIGHT = 4;
/** Citizens beyond the crowd, who only make the payments after which a rank is looked for. At most so many. */
const PROBES = 200;
const ACQUIRER = '36081';
/** Citizens enrol on the eve of the first period and pay on its second day, so that their payments count. */
const EVE = '2020-12-07T08:00:00Z';
const PAYING = '2020-12-09T12:00:00Z';
const TRX_MS = Date.parse(PAYING) - 3_600_000;
const PERIOD = 1;
const AMOUNT_CENTS = 4_500;
const NIGHTLY_BATCH = 1_000;

/** Payments of a card come in the order in which they were made, as from most acquirers. */
const batchAfter = (rowCount: number) => ({
  ...{ rowCount: ROWS_PER_BATCH, trxMs: TRX_MS + rowCount, acquirer: ACQUIRER },
});

export async function run(): Promise<SuiteResult> {
  const folder = await mkdtemp(join(tmpdir(), 'clickday-bench-'));
  const ingest = new Ingest(folder);
  try {
    await ingest.measureClickday();
    await ingest.measureNightly();
    return ingest;
  } finally {
    await ingest.close();
    await rm(folder, { recursive: true, force: true });
  }
}

class Ingest implements SuiteResult {
  readonly results: Measurement[] = [];
  readonly ratios: Ratio[] = [];
  readonly series: Series[] = [];
  readonly notes: string[] = [];
  readonly #folder: string;
  readonly #generator = new Generator();
  #server: ServerProcess | null = null;
  #rowsPerSecond = 0;
  #rowsDone = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async measureClickday(): Promise<void> {
    const server = await this.#start(EVE);
    await enrolCrowd({ folder: this.#folder, server, generator: this.#generator, citizenCount: CITIZENS + PROBES });
    await server.stop();
    const bytesBefore = bytesIn(this.#folder);

    const paying = await this.#start(PAYING);
    const points = await this.#fill(paying);
    this.#rowsPerSecond = points.at(-1)![1];
    this.series.push({ name: 'clickday', unit: 'rows/s', along: 'payments there', points });
    await this.#measureAge(paying);
    await paying.stop();
    const value = (bytesIn(this.#folder) - bytesBefore) / this.#rowsDone;
    this.results.push({ name: 'bytes-per-row', unit: 'bytes/row', value });
  }

  async close(): Promise<void> {
    this.#generator.close();
    await this.#server?.kill();
  }

  async #start(now: string): Promise<ServerProcess> {
    this.#server = await ServerProcess.start({ data: this.#folder, programme: 'italy-2020', now });
    return this.#server;
  }

  /** @returns the rate of each slice, by the payments that are there at its end */
  async #fill(server: ServerProcess): Promise<(readonly [number, number])[]> {
    const points: (readonly [number, number])[] = [];
    for (let slice = 1; slice <= SLICES; slice += 1) {
      const cpuMs = server.cpuMs();
      const { done, elapsedMs, latencyUs } = await this.#pay(server, {
        ...{ run: `${10_000 + slice}`, requestCount: BATCHES_PER_SLICE },
      });
      points.push([slice * ROWS_PER_SLICE, (done * 1_000) / elapsedMs]);
      if (slice < SLICES) continue;
      this.results.push(
        { name: 'rows', unit: 'rows/s', value: (done * 1_000) / elapsedMs },
        { name: 'server cpu', unit: 'us/row', value: ((server.cpuMs() - cpuMs) * 1_000) / done },
        { name: `p99 of a batch of ${ROWS_PER_BATCH}`, unit: 'ms', value: latencyUs.p99 / 1_000 },
      );
    }
    return points;
  }

  async #pay(server: ServerProcess, plan: Pick<LoadPlan, 'run'> & Partial<LoadPlan>): Promise<LoadResult> {
    const tokens = await signTokens(this.#folder, 'acquirer', new Array<string>(ACQUIRERS).fill(ACQUIRER));
    const result = await this.#generator.run({
      ...{ host: '127.0.0.1', port: server.port, tokens, workload: 'payments', inFlight: BATCHES_IN_FLIGHT },
      ...{ warmUpMs: 0, measureMs: 0, citizenCount: CITIZENS, batch: batchAfter(this.#rowsDone) },
      ...plan,
    });
    this.#rowsDone += result.done;
    for (const [code, count] of Object.entries(result.refused)) this.notes.push(`${count} rows refused, ${code}`);
    return result;
  }

  /** From the answer to a payment until a read of the citizen's rank shows it, while others' payments go on. */
  async #measureAge(server: ServerProcess): Promise<void> {
    let isOver = false;
    const load = this.#pay(server, { run: 'a9e00', measureMs: AGE_MS }).finally(() => {
      isOver = true;
    });
    const acquirer = await this.#connect(server, 'acquirer', ACQUIRER);
    const ages: number[] = [];
    for (let probe = 0; probe < PROBES && !isOver; probe += 1) {
      const number = CITIZENS + probe;
      const citizen = await this.#connect(server, 'citizen', makeTaxCode(number));
      ages.push((await ageOfRankMs(acquirer, citizen, number)) / 1_000);
      citizen.close();
    }
    acquirer.close();
    this.#rowsDone += ages.length;
    await load;
    const [p50, oldest] = [median(ages, (age) => age), Math.max(...ages)];
    this.results.push({ name: 'rank-age-s', unit: 's', value: oldest, p50 });
    this.notes.push(`rank-age-s is the oldest of ${ages.length} ranks, looked at while payments went on`);
  }

  /** Whose probes keep the appointments that the load leaves them. */
  async #connect(server: ServerProcess, role: Role, subject: string): Promise<ClickdayClient> {
    const [token] = await signTokens(this.#folder, role, [subject]);
    return ClickdayClient.connect({
      url: `http://127.0.0.1:${server.port}`,
      token: token!,
      WebSocket: WebSocket as unknown as SocketConstructor,
      deadlineMs: DEADLINE_MS,
    });
  }

  async measureNightly(): Promise<void> {
    const database = await startPostgres({ settings: NIGHTLY_SETTINGS });
    if (database === null) return;
    try {
      const nightly = await NightlyProgramme.open(database.port);
      await this.#runNightly(nightly);
      await nightly.close();
    } finally {
      await database.stop();
    }
  }

  async #runNightly(nightly: NightlyProgramme): Promise<void> {
    const cards = Array.from({ length: CITIZENS }, (_, number) => hpanOf(`seed ${number}`).toString());
    await nightly.enrol(cards.map((hpan, number) => ({ taxCode: makeTaxCode(number), hpan })));
    const takeInMs = await takeIn(nightly, cards);
    const stages = await nightly.recompute();
    const recomputeMs = [...stages.values()].reduce((sum, ms) => sum + ms, 0);
    const ranked = await nightly.rankedCount();
    if (ranked !== PAYMENTS) throw new Error(`the nightly recompute ranked ${ranked} of ${PAYMENTS} payments`);

    const perSecond = (PAYMENTS * 1_000) / takeInMs;
    const all = (PAYMENTS * 1_000) / (takeInMs + recomputeMs);
    const age = this.results.find(({ name }) => name === 'rank-age-s')!.value;
    this.results.push(
      { name: 'postgres rows, not ranked', unit: 'rows/s', value: perSecond },
      { name: 'postgres rows, ranked once', unit: 'rows/s', value: all },
      { name: 'postgres nightly recompute', unit: 's', value: recomputeMs / 1_000 },
      { name: 'postgres bytes-per-row', unit: 'bytes/row', value: (await nightly.bytes()) / PAYMENTS },
    );
    this.ratios.push(
      { name: 'postgres', value: this.#rowsPerSecond / all, of: 'rows', to: 'postgres rows, ranked once' },
      {
        name: 'rank-age to a recompute',
        value: (age * 1_000) / recomputeMs,
        of: 'rank-age-s',
        to: 'postgres nightly recompute',
      },
    );
    const parts = [...stages].map(([name, ms]) => `${name} ${Math.round(ms)} ms`).join(', ');
    this.notes.push(`nightly recompute: ${parts}; it runs alone, and between two runs a rank is up to a day old`);
  }
}

async function ageOfRankMs(acquirer: ClickdayClient, citizen: ClickdayClient, number: number): Promise<number> {
  const row = {
    ...{ acquirerCode: ACQUIRER, operationType: '00', circuitType: '01', hpan: hpanOf(`seed ${number}`).toString() },
    ...{ trxDate: romeText(TRX_MS), idTrxAcquirer: `probe ${number}`, amountCents: AMOUNT_CENTS },
    ...{ acquirerId: '09509', merchantId: 'M1', terminalId: 'T1' },
  };
  const paid = await acquirer.read('recordPayments', { rows: [row] });
  const startMs = performance.now();
  if (!paid.ok || paid.view.outcomes[0]?.status !== 'counted') throw new Error('a probe was not counted');
  for (;;) {
    const reply = await citizen.read('ranking', { awardPeriodId: PERIOD });
    if (reply.ok && reply.view.some(({ transactionNumber }) => transactionNumber === 1)) {
      return performance.now() - startMs;
    }
  }
}

/** In batches over two connections, each durable before the next: milliseconds. */
async function takeIn(nightly: NightlyProgramme, cards: readonly string[]): Promise<number> {
  const startMs = performance.now();
  let sent = 0;
  const send = async () => {
    while (sent < PAYMENTS) {
      const count = Math.min(NIGHTLY_BATCH, PAYMENTS - sent);
      const first = sent;
      sent += count;
      const rows = Array.from({ length: count }, (_, index) => ({
        idTrxAcquirer: `night${String(first + index).padStart(19, '0')}`,
        hpan: cards[(first + index) % cards.length]!,
        amountCents: AMOUNT_CENTS,
      }));
      await nightly.takeIn(TRX_MS, rows);
    }
  };
  await Promise.all([send(), send()]);
  return performance.now() - startMs;
}

/** What the files of a folder take on disk: LMDB's are larger than what is written of them. */
function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => statSync(join(folder, path)).blocks * 512)
    .reduce((sum, bytes) => sum + bytes, 0);
}
