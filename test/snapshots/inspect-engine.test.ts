// Method: the real engine takes random commands and records on disks in memory, stops in order or dies, goes on,
// and closes periods; the inspector, which shares none of its code, must agree with every row and every rank.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type Engine,
  italy2020,
  makeTaxCode,
  openEngine,
  StorageFault,
  type TransactionRecord,
  type WalletCommandBody,
} from '../../engine/index.ts';
import { openMemoryPersistence, openPersistence, type Persistence } from '../../snapshots/index.ts';
import {
  type HeldRanking,
  type Inspection,
  verifyFolder,
  verifyPersistence,
  verifyStores,
} from '../../snapshots/inspect.ts';
import { Random, seed } from '../support/random.ts';

const START_MS = Date.parse('2020-12-07T09:00:00Z');
const HOUR_MS = 3_600_000;
const PROGRAMME = italy2020();
const DETAILS = {
  methodKind: 'card',
  brand: 'VISA',
  lastDigits: '4242',
  expiry: '2025-12',
  issuerAbi: '03069',
} as const;

/** Few citizens and fewer cards, so that claims collide, owners change and reversals find several payments. */
class World {
  readonly random: Random;
  readonly citizens = Array.from({ length: 12 }, (_, index) => makeTaxCode(index * 7_919));
  readonly cards = Array.from({ length: 8 }, (_, index) =>
    `${(index * 31 + 5).toString(16).padStart(2, '0')}`.repeat(32),
  );
  readonly sent: TransactionRecord[] = [];
  nowMs = START_MS;
  /** While a file is being read: its rows were received at that instant, the others now. */
  fileReceivedMs: number | null = null;
  #ids = 0;

  constructor(seedOfWorld: number) {
    this.random = new Random(seedOfWorld);
  }

  open(persistence: Persistence, programme = PROGRAMME): Promise<Engine> {
    return openEngine({
      stores: persistence.stores,
      rankingCopies: persistence,
      checkpointRowCount: 15,
      programme,
      clock: { nowMs: () => this.nowMs },
      schedule: (task) => setImmediate(task),
      failed: (error) => {
        // A life that ends without being closed was killed: what was under way stays so.
        if (!(error instanceof StorageFault && error.code === 'STORE_CLOSED')) throw error;
      },
    });
  }

  /** Some at once, so that turns hold several and messages cross. */
  async run(engine: Engine, steps: number): Promise<void> {
    let waiting: Promise<unknown>[] = [];
    for (let step = 0; step < steps; step += 1) {
      waiting.push(this.#step(engine));
      if (waiting.length < 6 && step < steps - 1) continue;
      await Promise.all(waiting);
      waiting = [];
      this.nowMs += this.random.below(6 * HOUR_MS);
    }
  }

  #step(engine: Engine): Promise<unknown> {
    if (this.random.below(3) > 0) return this.#sendRecord(engine);
    const taxCode = this.random.pick(this.citizens);
    const hpan = this.random.pick(this.cards);
    const tokens = this.random.below(4) === 0 ? [this.random.pick(this.cards)] : undefined;
    const body = this.random.pick([
      { kind: 'enrol' },
      { kind: 'enrol' },
      { kind: 'addMethod', hpan, details: DETAILS },
      { kind: 'enableCashback', hpan, ...(tokens === undefined ? {} : { tokens }) },
      { kind: 'enableCashback', hpan },
      { kind: 'enableAll' },
      { kind: 'disableCashback', hpan },
      { kind: 'removeMethod', hpan },
      ...(this.random.below(4) === 0 ? [{ kind: 'leave' } as const] : []),
    ] as const);
    return this.execute(engine, taxCode, body);
  }

  execute(engine: Engine, taxCode: string, body: WalletCommandBody): Promise<unknown> {
    const citizen = engine.citizenKeyOf(taxCode);
    this.#ids += 1;
    const id = this.#ids.toString(16).padStart(32, '0');
    const origin = { role: 'citizen', subject: citizen, channel: 'app-io-channel' } as const;
    return new Promise((resolve) => engine.execute({ citizen, taxCode, origin, id, body }, resolve));
  }

  #sendRecord(engine: Engine): Promise<unknown> {
    const receivedMs = this.random.below(2) === 0 ? this.nowMs : (this.fileReceivedMs ?? this.nowMs);
    const record = this.random.below(4) === 0 && this.sent.length > 0 ? this.#reversal() : this.#payment(receivedMs);
    return new Promise((resolve) => engine.record({ record, receivedMs }, resolve));
  }

  #payment(receivedMs: number): TransactionRecord {
    const record: TransactionRecord = {
      acquirerCode: '36081',
      operationType: this.random.pick(['00', '02']),
      circuitType: '01',
      hpan: this.random.pick(this.cards),
      trxMs: receivedMs - this.random.below(48 * HOUR_MS),
      idTrxAcquirer: `P${this.random.below(500)}`,
      idTrxIssuer: '',
      correlationId: this.random.pick(['', 'C1', 'C2', `C${this.sent.length}`]),
      amountCents: this.random.pick([5, 1_005, 4_000, 4_000, 20_000]),
      acquirerId: '09509',
      merchantId: 'M1',
      terminalId: 'T1',
    };
    this.sent.push(record);
    return record;
  }

  #reversal(): TransactionRecord {
    const of = this.random.pick(this.sent);
    const amountCents = this.random.pick([of.amountCents, of.amountCents, Math.ceil(of.amountCents / 2)]);
    const record = { ...of, operationType: '01', amountCents, idTrxAcquirer: `R${this.random.below(500)}` };
    return {
      ...record,
      trxMs: of.trxMs + this.random.below(HOUR_MS),
      correlationId: this.random.pick(['', of.correlationId]),
    };
  }
}

/** In one pass over the journals, and in one for every two partitions: both must say the same. */
async function verified(persistence: Persistence): Promise<Inspection> {
  const inspection = await verifyPersistence(persistence);
  expect(await verifyPersistence(persistence, { memoryBytes: 600_000 })).toEqual(inspection);
  return inspection;
}

async function liveRankings(engine: Engine): Promise<readonly HeldRanking[]> {
  const rankings: HeldRanking[] = [];
  for (const { awardPeriodId } of engine.periods()) {
    const page = await engine.rankingPage(awardPeriodId, 1, 1_000);
    if (!page.ok) throw new Error(page.code);
    const participants: HeldRanking['participants'] = page.value.map(({ citizen, transactionNumber, lastTrxMs }) => ({
      citizen,
      standing: { count: transactionNumber, lastTrxMs },
    }));
    rankings.push({ awardPeriodId, vector: null, participants });
  }
  return rankings;
}

describe('a data folder', () => {
  test('is verified at rest, and refused while an engine has it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'clickday-inspect-'));
    try {
      const world = new World(seed + 2);
      const persistence = await openPersistence({ folder, shardCount: 2 });
      const engine = await world.open(persistence);
      await world.run(engine, 60);
      await expect(verifyFolder(folder)).rejects.toMatchObject({ code: 'FOLDER_IN_USE' });
      await engine.close();
      await persistence.close();
      const inspection = await verifyFolder(folder);
      expect(inspection.differences, `SEED=${seed}`).toEqual([]);
      expect(inspection.checked.facts).toBeGreaterThan(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('that is not there is not made', async () => {
    const folder = join(tmpdir(), `clickday-missing-${seed}`);
    await expect(verifyFolder(folder)).rejects.toMatchObject({ code: 'FOLDER_MISSING' });
    expect(existsSync(folder)).toBe(false);
  });
});

const CHRISTMAS_CLOSED_MS = Date.parse('2021-01-12T00:00:00Z');
/** No grace, so that what is received in the last moment can be of the last days. */
const WITHOUT_GRACE = { ...PROGRAMME, periods: PROGRAMME.periods.map((period) => ({ ...period, graceDays: 0 })) };
const LAST_MOMENT_MS = Date.parse('2020-12-31T22:59:59.999Z');

describe('the inspector agrees with the engine', () => {
  test.each([1, 3])('over restarts and closed periods, with %i shards', async (shardCount) => {
    const world = new World(seed);
    let persistence = await openMemoryPersistence({ shardCount });
    for (let life = 0; life < 5; life += 1) {
      const engine = await world.open(persistence);
      await world.run(engine, 120);
      if (world.random.below(2) === 0) await engine.close();
      await persistence.close();

      persistence = await openMemoryPersistence({ disk: persistence.disk });
      const inspection = await verified(persistence);
      expect(inspection.differences, `SEED=${seed} life=${life}`).toEqual([]);
      world.nowMs += world.random.below(20 * 24 * HOUR_MS);
      // The last life sees the Christmas period closed, whatever the seed.
      if (life === 3) world.nowMs = Math.max(world.nowMs, CHRISTMAS_CLOSED_MS);
    }
    const last = await verified(persistence);
    expect(last.checked.payments).toBeGreaterThan(0);
    expect(last.checked.reversals).toBeGreaterThan(0);
    expect(last.checked.rankings).toBeGreaterThan(0);
  });

  test.each([1, 2])(
    'over a period that closes while rows received before still come in, with %i shards',
    async (shardCount) => {
      const world = new World(seed + 3);
      const persistence = await openMemoryPersistence({ shardCount });
      const engine = await world.open(persistence, WITHOUT_GRACE);
      await world.run(engine, 200);
      world.nowMs = LAST_MOMENT_MS;
      world.fileReceivedMs = world.nowMs;
      const closeIntake = engine.openIntake(world.nowMs);
      for (let round = 0; round < 30; round += 1) {
        await world.run(engine, 6);
        world.nowMs += 1;
        engine.tick();
        // Whoever leaves now leaves a position behind.
        if (round === 20) for (const taxCode of world.citizens) await world.execute(engine, taxCode, { kind: 'leave' });
      }
      expect((await engine.stats()).rankings[0]).toMatchObject({ isFrozen: false });
      closeIntake();
      world.fileReceivedMs = null;
      const under = world.run(engine, 60);
      engine.tick();
      await under;
      await engine.close();
      await persistence.close();
      const inspection = await verified(await openMemoryPersistence({ disk: persistence.disk }));
      expect(inspection.differences, `SEED=${seed}`).toEqual([]);
      expect(inspection.checked.rankings).toBeGreaterThan(0);
      expect((await engine.stats()).rankings[0]).toMatchObject({ isFrozen: true });
    },
  );

  test('about the live ranking', async () => {
    const world = new World(seed + 1);
    const persistence = await openMemoryPersistence();
    const engine = await world.open(persistence);
    await world.run(engine, 400);
    const rankings = await liveRankings(engine);
    await engine.close();
    const { differences } = await verifyStores(persistence.stores, PROGRAMME, rankings);
    expect(differences, `SEED=${seed}`).toEqual([]);
  });
});
