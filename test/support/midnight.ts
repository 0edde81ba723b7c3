/**
 * The midnight at which a period closes, again and again from one folder: on simulated threads and a simulated disk, with
 * a citizen in every wallet partition and a card in every card partition, and a clock that stands in the last millisecond of grace
 * until the test lets it go on.
 */
import {
  type CommandReply,
  type Engine,
  italy2020,
  LIMITS,
  makeTaxCode,
  PARTITION_COUNT,
  partitionOf,
  type RecordOutcome,
  type Refused,
  type TransactionRecord,
  type WalletCommandBody,
} from '../../engine/index.ts';
import type { MemoryFolder } from '../../snapshots/memory/disk.ts';
import { flushTimes, SimulatedDisk } from '../simulation/disk.ts';
import { EngineProcess } from '../simulation/engine-process.ts';
import { type Lane, Scheduler } from '../simulation/scheduler.ts';
import { wholeCopyOf } from './copies.ts';
import { Random } from './random.ts';
import { instant } from './world.ts';

export const CHRISTMAS = 1;
export const CLOSES_MS = instant('2021-01-11T00:00:00+01:00');
const TERMS_MS = instant('2020-12-07T10:00:00+01:00');
/** Of what everybody has paid before. */
export const PAID_MS = instant('2020-12-20T10:00:00+01:00');
export const PAID_CENTS = 1_000;
const INDEX_KEY = Buffer.alloc(32, 'midnight');
/** A pause of a thread is so long, at most; a flush 200 ms, hardly ever. */
const PAUSE_US_MAX = 4_000;

/** One for each wallet partition, in that order. */
export interface Saver {
  readonly taxCode: string;
  readonly key: string;
  /** Of another partition: all cards together are in all of them. */
  readonly hpan: string;
  /** Two by two the same: who ties is told apart by the tax code. */
  readonly termsMs: number;
}

/** A folder in which all savers have made one payment. */
export interface Evening {
  readonly folder: MemoryFolder;
  readonly savers: readonly Saver[];
}

export async function evening(shardCount: number): Promise<Evening> {
  const night = new Midnight({ seed: 1, shardCount, folder: null, nowMs: TERMS_MS });
  const engine = await night.start();
  const savers = saversOf(engine);
  for (const saver of savers) {
    night.nowMs = saver.termsMs;
    await night.complete(command(engine, saver, { kind: 'enrol' }));
    await night.complete(command(engine, saver, { kind: 'enableCashback', hpan: saver.hpan }));
  }
  night.nowMs = PAID_MS + 1;
  const paid = savers.map((saver, number) => pay(engine, earlierPayment(saver, number), night.nowMs));
  await night.complete(Promise.all(paid));
  await night.complete(engine.close());
  return { folder: night.folder, savers };
}

function saversOf(engine: Engine): readonly Saver[] {
  const savers: Saver[] = new Array(PARTITION_COUNT);
  let count = 0;
  for (let number = 0; count < PARTITION_COUNT; number += 1) {
    const taxCode = makeTaxCode(number);
    const key = engine.citizenKeyOf(taxCode);
    const partition = partitionOf(key);
    if (savers[partition] !== undefined) continue;
    savers[partition] = {
      taxCode,
      key,
      hpan: hpanIn((7 * partition + 5) % PARTITION_COUNT),
      termsMs: TERMS_MS + (partition >> 1),
    };
    count += 1;
  }
  return savers;
}

/** Its first six bits say its partition. */
function hpanIn(partition: number): string {
  return (partition << 2).toString(16).padStart(2, '0').padEnd(64, '0');
}

export function earlierPayment(saver: Saver, number: number): TransactionRecord {
  return payment(saver, {
    id: `EARLIER${number}`,
    trxMs: PAID_MS,
    amountCents: PAID_CENTS,
    correlationId: `C${number}`,
  });
}

export function payment(
  { hpan }: Saver,
  row: {
    readonly id: string;
    readonly trxMs: number;
    readonly amountCents: number;
    readonly correlationId: string;
    readonly isReversal?: boolean;
  },
): TransactionRecord {
  return {
    acquirerCode: '36081',
    operationType: row.isReversal === true ? '01' : '00',
    circuitType: '01',
    hpan,
    trxMs: row.trxMs,
    idTrxAcquirer: row.id,
    idTrxIssuer: '',
    correlationId: row.correlationId,
    amountCents: row.amountCents,
    acquirerId: '09509',
    merchantId: 'M1',
    terminalId: 'T1',
  };
}

export function pay(engine: Engine, record: TransactionRecord, receivedMs: number): Promise<RecordOutcome | Refused> {
  return new Promise((resolve) => engine.record({ record, receivedMs }, resolve));
}

let commands = 0;

export function command(engine: Engine, { key, taxCode }: Saver, body: WalletCommandBody): Promise<CommandReply> {
  commands += 1;
  const origin = { role: 'citizen', subject: key, channel: 'app-io-channel' } as const;
  const asked = { citizen: key, taxCode, origin, id: commands.toString(16).padStart(32, '0'), body };
  return new Promise((resolve) => engine.execute(asked, resolve));
}

export interface MidnightOptions {
  readonly seed: number;
  readonly shardCount: number;
  /** Copied; null = a new one. */
  readonly folder: MemoryFolder | null;
  readonly nowMs: number;
}

/** One machine: processes on it live and die. */
export class Midnight {
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly #shardCount: number;
  readonly #disk: SimulatedDisk;
  readonly #lane: Lane;
  /** Set: the clock stands there. Null: it runs since the stroke. */
  #stoodMs: number | null;
  #strokeUs = 0;
  readonly #checkpointRowCount: number;
  #process: EngineProcess | null = null;
  #broken: unknown = null;

  constructor({ seed, shardCount, folder, nowMs }: MidnightOptions) {
    this.random = new Random(seed);
    this.#shardCount = shardCount;
    this.#stoodMs = nowMs;
    // Some are cut by a death, most never begin: they take a fifth of the time.
    this.#checkpointRowCount = this.random.pick([200, 10_000, 10_000]);
    this.scheduler = new Scheduler({
      random: this.random,
      thrown: (error) => this.#broke(error),
      settled: () => {
        if (this.#broken !== null) throw this.#broken;
      },
    });
    this.#lane = this.scheduler.lane('midnight');
    this.#disk = new SimulatedDisk({
      scheduler: this.scheduler,
      shardCount,
      isReadSlow: false,
      indexKey: INDEX_KEY,
      durable: () => {},
      flushUs: flushTimes(this.scheduler, false),
    });
    if (folder === null) return;
    const copy = wholeCopyOf(folder).folder!;
    for (const [index, files] of this.#disk.folder.stores.entries()) Object.assign(files, copy.stores[index]);
    for (const [awardPeriodId, bytes] of copy.rankings) this.#disk.folder.rankings.set(awardPeriodId, bytes);
  }

  get folder(): MemoryFolder {
    return this.#disk.folder;
  }

  get nowMs(): number {
    return this.#stoodMs ?? CLOSES_MS + Math.floor((this.scheduler.nowUs - this.#strokeUs) / 1_000);
  }
  set nowMs(ms: number) {
    this.#stoodMs = ms;
  }

  /** It strikes twelve. */
  strike(): void {
    if (this.#stoodMs === null) return;
    this.#stoodMs = null;
    this.#strokeUs = this.scheduler.nowUs;
  }

  start(): Promise<Engine> {
    const process = new EngineProcess({
      scheduler: this.scheduler,
      disk: this.#disk,
      shardCount: this.#shardCount,
      clock: { nowMs: () => this.nowMs },
      programme: italy2020(),
      ringBytes: LIMITS.ringBytesBetweenShards,
      checkpointRowCount: this.#checkpointRowCount,
      onPoint: () => {},
      failed: (error) => this.#broke(error),
      isReceived: () => true,
    });
    this.#process = process;
    return this.complete(process.open());
  }

  /** Without an orderly stop: of what each file was told to write, a first part is there. */
  kill(): void {
    this.#process!.kill();
    this.#process = null;
    this.#disk.crash();
  }

  /** Some thread does nothing for a while, and what was sent to it waits. */
  pause(): void {
    this.#process?.pause(this.random.below(PAUSE_US_MAX));
  }

  after(delayUs: number, act: () => void): void {
    this.scheduler.after(this.#lane, delayUs, 'goes on', act);
  }

  /** Lets events happen until a promise has settled; rejects where nothing is left to happen. */
  async complete<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = () => {
      isSettled = true;
    };
    promise.then(settled, settled);
    await this.scheduler.run(() => isSettled);
    if (!isSettled) throw new Error('nothing is left to happen, and somebody waits');
    return promise;
  }

  #broke(error: unknown): void {
    this.#broken ??= error;
  }
}
