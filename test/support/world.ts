/**
 * A whole engine in one test: real shards, journal and rows, over persistence in memory (or what the test brings),
 * with a clock that the test moves. Everything goes through the engine's public door.
 */
import type {
  CommandReply,
  Engine,
  Hpan,
  Origin,
  Programme,
  RecordCommand,
  RecordOutcome,
  Refused,
  TransactionRecord,
  WalletCommandBody,
} from '../../engine/index.ts';
import { APP_CHANNEL, checkTaxCode, italy2020, openEngine, parseInstant } from '../../engine/index.ts';
import type { Persistence } from '../../snapshots/index.ts';
import { openMemoryPersistence } from '../../snapshots/index.ts';

export interface WorldOptions {
  readonly programme?: Programme;
  readonly shardCount?: number;
  readonly now?: string;
  readonly persistence?: Persistence;
  readonly onPoint?: (name: string) => void;
  /** Changed rows after which a checkpoint begins, and rows of an older format looked at in one go. */
  readonly checkpointRowCount?: number;
}

export interface Payment {
  readonly hpan: Hpan;
  /** ISO-8601 with an offset. */
  readonly at: string;
  readonly cents: number;
  readonly id?: string;
  readonly correlation?: string;
  readonly reversal?: boolean;
  readonly merchant?: string;
  readonly terminal?: string;
  readonly acquirer?: string;
  /** Name of the file that it comes in. */
  readonly file?: string;
}

interface MovedClock {
  nowMs: number;
  readonly moved?: (nowMs: number) => void;
}

export class World {
  readonly engine: Engine;
  readonly faults: unknown[];
  readonly #persistence: Persistence | null;
  readonly #clock: MovedClock;
  #ids = 0;

  private constructor(engine: Engine, persistence: Persistence | null, clock: MovedClock, faults: unknown[]) {
    this.engine = engine;
    this.#persistence = persistence;
    this.#clock = clock;
    this.faults = faults;
  }

  /** Over an engine that the test has opened, wherever it runs; `moved` tells it the time. */
  static over(engine: Engine, nowMs: number, moved: (nowMs: number) => void, faults: unknown[]): World {
    return new World(engine, null, { nowMs, moved }, faults);
  }

  static async open(options: WorldOptions = {}): Promise<World> {
    const persistence = options.persistence ?? (await openMemoryPersistence({ shardCount: options.shardCount ?? 1 }));
    const clock = { nowMs: instant(options.now ?? '2020-12-07T10:00:00+01:00') };
    const faults: unknown[] = [];
    const programme = options.programme ?? (persistence.isNew ? italy2020() : undefined);
    const engine = await openEngine({
      stores: persistence.stores,
      rankingCopies: persistence,
      programme,
      clock: { nowMs: () => clock.nowMs },
      schedule: setImmediate,
      failed: (error) => faults.push(error),
      checkpointRowCount: options.checkpointRowCount,
      ...(options.onPoint === undefined ? {} : { onPoint: options.onPoint }),
    });
    return new World(engine, persistence, clock, faults);
  }

  get persistence(): Persistence {
    if (this.#persistence === null) throw new Error('this world was opened over an engine');
    return this.#persistence;
  }

  get nowMs(): number {
    return this.#clock.nowMs;
  }

  /** Moves the clock on and lets time have its effects. */
  at(text: string): void {
    this.#clock.nowMs = instant(text);
    this.#clock.moved?.(this.#clock.nowMs);
    this.engine.tick();
  }

  citizen(taxCode: string): Citizen {
    return new Citizen(this, taxCode);
  }

  nextId(): string {
    this.#ids += 1;
    return this.#ids.toString(16).padStart(32, '0');
  }

  pay(payment: Payment, receivedMs = this.nowMs): Promise<RecordOutcome | Refused> {
    this.#ids += 1;
    const record = recordOf({ id: `ARN${this.#ids}`, ...payment });
    return this.send(record, receivedMs, payment.file);
  }

  send(record: TransactionRecord, receivedMs = this.nowMs, file?: string): Promise<RecordOutcome | Refused> {
    return this.take(file === undefined ? { record, receivedMs } : { record, receivedMs, file });
  }

  take(command: RecordCommand): Promise<RecordOutcome | Refused> {
    return new Promise((resolve) => this.engine.record(command, resolve));
  }
}

/** The row that says it. */
export function recordOf(payment: Payment & { readonly id: string }): TransactionRecord {
  return {
    acquirerCode: payment.acquirer ?? '36081',
    operationType: payment.reversal === true ? '01' : '00',
    circuitType: '01',
    hpan: payment.hpan,
    trxMs: instant(payment.at),
    idTrxAcquirer: payment.id,
    idTrxIssuer: '',
    correlationId: payment.correlation ?? '',
    amountCents: payment.cents,
    acquirerId: '09509',
    merchantId: payment.merchant ?? 'M1',
    terminalId: payment.terminal ?? 'T1',
  };
}

export class Citizen {
  readonly taxCode: string;
  readonly key: string;
  readonly #world: World;

  constructor(world: World, taxCode: string) {
    const checked = checkTaxCode(taxCode);
    if (!checked.ok) throw new Error(`not a tax code: ${taxCode}`);
    this.taxCode = checked.value;
    this.key = world.engine.citizenKeyOf(checked.value);
    this.#world = world;
  }

  get origin(): Origin {
    return { role: 'citizen', subject: this.key, channel: APP_CHANNEL };
  }

  do(body: WalletCommandBody, id: string = this.#world.nextId(), origin: Origin = this.origin): Promise<CommandReply> {
    const command = { citizen: this.key, taxCode: this.taxCode, origin, id, body };
    return new Promise((resolve) => this.#world.engine.execute(command, resolve));
  }

  async enrol(): Promise<void> {
    await this.must({ kind: 'enrol' });
  }
  async leave(): Promise<void> {
    await this.must({ kind: 'leave' });
  }
  async enable(hpan: Hpan): Promise<void> {
    await this.must({ kind: 'enableCashback', hpan });
  }
  async disable(hpan: Hpan): Promise<void> {
    await this.must({ kind: 'disableCashback', hpan });
  }

  async must(body: WalletCommandBody): Promise<CommandReply> {
    const reply = await this.do(body);
    if (!reply.ok) throw new Error(`${body.kind}: ${reply.code}`);
    return reply;
  }

  async total(awardPeriodId: number) {
    return value(await this.#world.engine.total(this.key, awardPeriodId));
  }
  async ranking(awardPeriodId: number) {
    const [view] = value(await this.#world.engine.rankings(this.key, awardPeriodId));
    if (view === undefined) throw new Error('no ranking');
    return view;
  }
  async payments(awardPeriodId: number) {
    const page = value(await this.#world.engine.payments(this.key, { awardPeriodId, limit: 100 }));
    return page.payments;
  }
  async milestones(awardPeriodId: number) {
    return value(await this.#world.engine.milestones(this.key, awardPeriodId));
  }
  async wallet() {
    return value(await this.#world.engine.wallet(this.key));
  }
}

export function value<T>(read: { readonly ok: true; readonly value: T } | Refused): T {
  if (!read.ok) throw new Error(read.code);
  return read.value;
}

export function instant(text: string): number {
  const ms = parseInstant(text);
  if (ms === null) throw new Error(`not an instant: ${text}`);
  return ms;
}

/** A distinct hpan for each number, spread over all partitions. */
export function hpan(n: number): Hpan {
  const high = ((n * 2_654_435_761) >>> 0).toString(16).padStart(8, '0');
  return high + n.toString(16).padStart(56, '0');
}
