// Method: random walks against an oracle that sums everything up anew, orders and repetitions by fast-check, and after
// each walk the rows of the live engine against those that its journal alone gives, byte for byte. One and three shards.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeTaxCode, type PaymentsPage, type PaymentView, type TransactionRecord } from '../../engine/index.ts';
import { outcomeText } from '../golden/vector.ts';
import { CENTURY_NOW, century, PERIOD } from '../support/century.ts';
import { Random, seed } from '../support/random.ts';
import { expectJournalToGiveTheSame } from '../support/replay.ts';
import { type HeldWorld, openOnDisk } from '../support/shards.ts';
import { type Citizen, hpan, instant, value, World } from '../support/world.ts';
import { Oracle, type OraclePlace } from './oracle.ts';
import { CARDS, PEOPLE, type Step, Walk } from './walk.ts';

const CHRISTMAS = { awardPeriodId: 1, startDay: '2020-12-08', endDay: '2020-12-31', lastDay: '2021-01-10' };
const H1 = { awardPeriodId: 2, startDay: '2021-01-01', endDay: '2021-06-30', lastDay: '2021-07-15' };
const CHRISTMAS_CLOSES = instant('2021-01-11T00:00:00+01:00');
const WALK_BEGINS = '2020-12-22T10:00:00+01:00';

const byName = (world: World) => new Map([...PEOPLE].map(([name, taxCode]) => [name, world.citizen(taxCode)] as const));

// A walk that waits for each answer, beside the oracle.

class OracleWalk {
  readonly #world: World;
  readonly #citizens: ReadonlyMap<string, Citizen>;
  readonly #oracle = new Oracle([CHRISTMAS, H1], PEOPLE);
  /** Positions of Christmas as they were when it closed (DECISION 25). */
  #frozen: readonly OraclePlace[] | null = null;

  constructor(world: World) {
    this.#world = world;
    this.#citizens = byName(world);
  }

  async take(step: Step, label: string): Promise<void> {
    if (step.kind === 'wait') this.#wait(step.ms);
    else if (step.kind === 'record') await this.#record(step.record, label);
    else await this.#command(step, label);
    await this.#expectAgreement(label);
  }

  #wait(ms: number): void {
    const nowMs = this.#world.nowMs + ms;
    if (nowMs >= CHRISTMAS_CLOSES) this.#frozen ??= this.#oracle.ranking(CHRISTMAS.awardPeriodId);
    this.#world.at(new Date(nowMs).toISOString());
  }

  async #record(record: TransactionRecord, label: string): Promise<void> {
    const outcome = await this.#world.send(record);
    const expected = this.#oracle.record(record, this.#world.nowMs);
    const said = 'scoreCents' in outcome ? outcome.scoreCents : outcomeText(outcome);
    expect(said, `${label} ${JSON.stringify(record)}`).toBe(expected);
  }

  async #command({ name, body }: Extract<Step, { kind: 'command' }>, label: string): Promise<void> {
    // Terms that differ: two citizens equal in everything but their tax code are G33's business.
    this.#wait(1);
    const reply = await this.#citizens.get(name)!.do(body);
    const expected = this.#oracle.execute(name, body, this.#world.nowMs);
    expect(reply.ok ? 'done' : reply.code, `${label} ${name} ${JSON.stringify(body)}`).toBe(expected);
  }

  /** Promises 5 and 6: owners, totals, counts and ranks equal a recomputation from scratch. */
  async #expectAgreement(label: string): Promise<void> {
    for (const card of CARDS)
      expect(await ownersOf(this.#world, this.#citizens, card), label).toEqual(this.#owners(card));
    const places = {
      1: this.#frozen ?? this.#oracle.ranking(CHRISTMAS.awardPeriodId),
      2: this.#oracle.ranking(H1.awardPeriodId),
    };
    for (const { awardPeriodId } of [CHRISTMAS, H1]) {
      const ranking = places[awardPeriodId as 1 | 2];
      expect(await namesInOrder(this.#world, this.#citizens, awardPeriodId), label).toEqual(ranking);
      for (const [name, citizen] of this.#citizens) {
        const { rawCents, count, lines } = this.#oracle.total(name, awardPeriodId);
        expect(await seenTotal(this.#world, citizen, awardPeriodId), `${label} ${name}`).toEqual({
          rawCents,
          count,
          lines,
        });
        const place = lines === 0 ? ranking.length : ranking.findIndex((one) => one.name === name);
        expect((await citizen.ranking(awardPeriodId)).ranking, `${label} ${name}`).toBe(place + 1);
      }
    }
  }

  #owners(card: string): readonly string[] {
    const owner = this.#oracle.owner(card);
    return owner === null ? [] : [owner];
  }
}

async function ownersOf(
  world: World,
  citizens: ReadonlyMap<string, Citizen>,
  card: string,
): Promise<readonly string[]> {
  const owners: string[] = [];
  for (const [name, { key }] of citizens) {
    const seen = await world.engine.instrument(key, card);
    if (seen.ok && seen.value.status === 'ACTIVE') owners.push(name);
  }
  return owners;
}

async function namesInOrder(world: World, citizens: ReadonlyMap<string, Citizen>, awardPeriodId: number) {
  const names = new Map([...citizens].map(([name, { key }]) => [key, name]));
  const page = value(await world.engine.rankingPage(awardPeriodId, 1, 100));
  return page.map(({ citizen, transactionNumber, lastTrxMs }) => ({
    name: names.get(citizen),
    count: transactionNumber,
    lastTrxMs,
  }));
}

async function allPayments(world: World, { key }: Citizen, awardPeriodId: number): Promise<readonly PaymentView[]> {
  const all: PaymentView[] = [];
  for (let cursor: number | null = 0; cursor !== null; ) {
    const page: PaymentsPage = value(await world.engine.payments(key, { awardPeriodId, cursor, limit: 100 }));
    all.push(...page.payments);
    cursor = page.nextCursor;
  }
  return all;
}

/** The sum of the visible payments is the total; nobody who never enrolled has any. */
async function seenTotal(world: World, citizen: Citizen, awardPeriodId: number) {
  const total = await world.engine.total(citizen.key, awardPeriodId);
  const payments = await allPayments(world, citizen, awardPeriodId);
  if (!total.ok) return { rawCents: 0, count: 0, lines: payments.length };
  const { rawCents, transactionNumber } = total.value;
  expect(payments.reduce((sum, { cashbackCents }) => sum + cashbackCents, 0)).toBe(rawCents);
  return { rawCents, count: transactionNumber, lines: payments.length };
}

const STEPS = 260;
for (const shardCount of [1, 3]) {
  for (const run of [0, 1]) {
    test(`R26: a walk agrees with the oracle after each step, and its journal with its rows, on ${shardCount} shards, ${run + 1}`, async () => {
      const walk = new Walk(new Random(seed + 10 * shardCount + run));
      const { world, disk } = await openOnDisk({ shardCount, now: WALK_BEGINS });
      const beside = new OracleWalk(world);
      for (let step = 0; step < STEPS; step += 1) {
        await beside.take(walk.next(world.nowMs), `seed=${seed} shards=${shardCount} run=${run} step=${step}`);
      }
      await expectJournalToGiveTheSame(world, disk);
    });
  }
}

// A walk that waits for nothing: many commands in flight at once, in whatever order they meet.

async function storm({ world }: HeldWorld, walk: Walk, random: Random, rounds: number): Promise<void> {
  const citizens = byName(world);
  for (let round = 0; round < rounds; round += 1) {
    const inFlight: Promise<unknown>[] = [];
    for (let count = 1 + random.below(12); count > 0; count -= 1) {
      const step = walk.next(world.nowMs);
      if (step.kind === 'record') inFlight.push(world.send(step.record));
      else if (step.kind === 'command') inFlight.push(citizens.get(step.name)!.do(step.body));
      else world.at(new Date(world.nowMs + step.ms).toISOString());
    }
    await Promise.all(inFlight);
    await expectInvariants(world, citizens, `seed=${seed} round=${round}`);
  }
}

/** What holds whatever the order was. */
async function expectInvariants(world: World, citizens: ReadonlyMap<string, Citizen>, label: string): Promise<void> {
  for (const card of CARDS) expect((await ownersOf(world, citizens, card)).length, label).toBeLessThanOrEqual(1);
  const page = await namesInOrder(world, citizens, H1.awardPeriodId);
  const termsOf = new Map<string | undefined, number>();
  for (const [name, citizen] of citizens) {
    const { count, lines } = await seenTotal(world, citizen, H1.awardPeriodId);
    const place = page.findIndex((one) => one.name === name);
    expect(place === -1, label).toBe(lines === 0);
    if (place === -1) continue;
    expect(page[place], label).toMatchObject({ count });
    expect((await citizen.ranking(H1.awardPeriodId)).ranking, label).toBe(place + 1);
    termsOf.set(name, (await citizen.wallet()).termsMs);
  }
  const plain = page.toSorted(
    (a, b) =>
      b.count - a.count ||
      a.lastTrxMs - b.lastTrxMs ||
      termsOf.get(a.name)! - termsOf.get(b.name)! ||
      (PEOPLE.get(a.name!)! < PEOPLE.get(b.name!)! ? -1 : 1),
  );
  expect(page, label).toEqual(plain);
}

for (const shardCount of [1, 3]) {
  test(`live and replayed rows are equal byte for byte, also after a checkpoint, on ${shardCount} shards`, async () => {
    const random = new Random(seed + 100 + shardCount);
    const walk = new Walk(random);
    const first = await openOnDisk({ shardCount, now: WALK_BEGINS });
    await storm(first, walk, random, 60);
    await expectJournalToGiveTheSame(first.world, first.disk);

    // The rows are on disk now. What comes on top of them must again be what the whole journal gives.
    const again = await openOnDisk({ disk: first.disk, now: new Date(first.world.nowMs).toISOString() });
    await storm(again, walk, random, 40);
    await expectJournalToGiveTheSame(again.world, again.disk);
  });
}

// DECISION 19.

interface Purchase {
  readonly card: number;
  readonly amountCents: number;
  readonly minutesAgo: number;
  /** Null = never reversed. Of the amount, in percent: more than all of it is parked in any order. */
  readonly reversedPercent: number | null;
}
const CITIZENS = 3;
const purchase: fc.Arbitrary<Purchase> = fc.record({
  card: fc.integer({ min: 1, max: 4 }),
  amountCents: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 50_000 })),
  minutesAgo: fc.integer({ min: 1, max: 600 }),
  reversedPercent: fc.option(fc.constantFrom(1, 50, 100, 120)),
});

/** Within the bounds: each payment has an id of its own and at most one reversal. */
function unique(purchases: readonly Purchase[]): readonly TransactionRecord[] {
  return purchases.flatMap((one, index) => recordsOf(one, `C${index}`, index));
}
/** Outside of them: correlation ids are shared, so it matters which payment comes first. */
function ambiguous(purchases: readonly Purchase[]): readonly TransactionRecord[] {
  return purchases.flatMap((one, index) => recordsOf(one, `C${index % 3}`, index));
}
function recordsOf(of: Purchase, correlationId: string, index: number): readonly TransactionRecord[] {
  const payment: TransactionRecord = {
    acquirerCode: '36081',
    operationType: '00',
    circuitType: '01',
    hpan: hpan(of.card),
    trxMs: instant(PAID_BEFORE) - of.minutesAgo * 60_000,
    idTrxAcquirer: `P${index}`,
    idTrxIssuer: '',
    correlationId,
    amountCents: of.amountCents,
    acquirerId: '09509',
    merchantId: 'M1',
    terminalId: 'T1',
  };
  if (of.reversedPercent === null) return [payment];
  const amountCents = Math.ceil((of.amountCents * of.reversedPercent) / 100);
  return [payment, { ...payment, operationType: '01', amountCents }];
}
const PAID_BEFORE = '2001-01-12T12:00:00Z';

/** Cards 1 to 3 belong to citizens 1 to 3, card 4 to the first as well. Everything is sent at once. */
async function settle(records: readonly TransactionRecord[], shardCount: number) {
  const world = await World.open({ shardCount, programme: century(), now: CENTURY_NOW });
  const citizens = Array.from({ length: CITIZENS }, (_, index) => world.citizen(makeTaxCode(index)));
  for (const [index, citizen] of citizens.entries()) {
    world.at(new Date(world.nowMs + 1).toISOString());
    await citizen.enrol();
    await citizen.enable(hpan(index + 1));
  }
  await citizens[0]!.enable(hpan(4));
  world.at('2001-01-12T13:00:00Z');
  await Promise.all(records.map((record) => world.send(record)));
  expect(world.faults).toEqual([]);
  return Promise.all(
    citizens.map(async (citizen) => ({
      total: await citizen.total(PERIOD),
      ranking: { ...(await citizen.ranking(PERIOD)), updateMs: 0 },
      lines: (await citizen.payments(PERIOD)).map(({ idTrx, cashbackCents }) => `${idTrx} ${cashbackCents}`).sort(),
    })),
  );
}

test('within DECISION 19’s bounds any order and any repetition gives the same totals, ranks and owners', async () => {
  const scene = fc
    .array(purchase, { minLength: 1, maxLength: 14 })
    .map(unique)
    .chain((records) =>
      fc.record({
        records: fc.constant(records),
        shuffled: fc.shuffledSubarray([...records], { minLength: records.length }),
        again: fc.shuffledSubarray([...records]),
        shardCount: fc.constantFrom(1, 3),
      }),
    );
  await fc.assert(
    fc.asyncProperty(scene, async ({ records, shuffled, again, shardCount }) => {
      const [plain, mixed] = [await settle(records, 1), await settle([...shuffled, ...again], shardCount)];
      expect(mixed).toEqual(plain);
    }),
    { seed, numRuns: 60 },
  );
});

test('outside of them the order of arrival decides, and nothing else', async () => {
  const scene = fc
    .array(purchase, { minLength: 1, maxLength: 14 })
    .map(ambiguous)
    .chain((records) => fc.shuffledSubarray([...records], { minLength: records.length }));
  await fc.assert(
    fc.asyncProperty(scene, async (records) => {
      expect(await settle(records, 3)).toEqual(await settle(records, 1));
    }),
    { seed, numRuns: 40 },
  );
});
