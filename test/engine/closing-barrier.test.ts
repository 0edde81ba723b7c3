// Method: architecture 4, closing as a barrier. At every card partition a row is received in the last millisecond of grace, and
// one in the first that is none any more; citizens leave; threads, rings and disks take seeded times for all of it, and rows of a
// file that came before midnight are handed over after it. Each seed runs undisturbed, then dies, without an orderly stop, at an
// event drawn from all that the first run took from the first row to the freeze (every fourth once more while it comes back), and
// goes on from the disk. What is frozen, its totals, and the digest journaled with it must be what a few lines make of the rows
// that were taken.
//
// Seen to fail, from SEED=1 on, when the barrier is removed, each by one line:
//   intakes.ts           `#isOpenBefore` says false: it closes over rows received before           seed 1, IN.. is rejected
//   period-closing.ts    `size < 0`: it freezes before any partition has heard that it closes      seed 7, another digest
//   coordinator.ts       `finalPeriods: []`: who had heard it is forgotten at a stop               seed 3, never frozen
//   store-shard.ts       undelivered messages are not sent again after a stop                      seed 1, out of order
import { beforeAll, expect, test } from 'vitest';
import {
  closesAtMs,
  type Engine,
  findPeriod,
  italy2020,
  type RecordOutcome,
  type RecordState,
  type Refused,
  type TransactionRecord,
} from '../../engine/index.ts';
import { rankingDigest } from '../../engine/ranking/digest.ts';
import { KeyedHash } from '../../snapshots/keys.ts';
import { openRecord } from '../../snapshots/record.ts';
import {
  CHRISTMAS,
  CLOSES_MS,
  command,
  type Evening,
  evening,
  Midnight,
  PAID_CENTS,
  PAID_MS,
  pay,
  payment,
  type Saver,
} from '../support/midnight.ts';
import { Random, seed as seedFirst } from '../support/random.ts';
import { value } from '../support/world.ts';

/** Two cases each. */
const SEEDS = 100;
const SHARD_COUNTS = [2, 3] as const;
/** Before a quiet midnight, those who leave do. */
const LAST_US = 400;
/** A pass takes some thousands. */
const EVENTS_MAX = 100_000;
/** What happens at midnight happens within so many microseconds of it, before and after. */
const AROUND_US = 3_000;

let evenings: readonly Evening[];
beforeAll(async () => {
  evenings = await Promise.all(SHARD_COUNTS.map(evening));
  expect(closesAtMs(findPeriod(italy2020(), CHRISTMAS)!)).toBe(CLOSES_MS);
}, 60_000);

interface Row {
  readonly owner: number;
  readonly record: TransactionRecord;
  readonly isInTime: boolean;
  /** It came with a file that was being read at midnight. */
  readonly isOfFile: boolean;
  /** From the beginning, or from midnight. */
  readonly atUs: number;
  reply: RecordOutcome | Refused | null;
}

interface Leaving {
  readonly owner: number;
  readonly isBefore: boolean;
  readonly atUs: number;
}

/** What is to happen around midnight. */
function plan(random: Random, { savers }: Evening) {
  // At some midnights all rows are answered, and only who leaves is under way.
  const isQuiet = random.below(2) === 0;
  const rows = savers.flatMap((saver, owner): Row[] => {
    const isOfFile = !isQuiet && random.below(3) === 0;
    return [true, false].map((isInTime) => ({
      ...{ owner, isInTime, reply: null },
      isOfFile: isInTime && isOfFile,
      record: rowOf(random, saver, { owner, isInTime }),
      atUs: random.below(AROUND_US),
    }));
  });
  const leavings = random
    .shuffle([...savers.keys()])
    .slice(0, 8)
    .map((owner): Leaving => ({ owner, isBefore: isQuiet || random.below(2) === 0, atUs: random.below(AROUND_US) }));
  return { isQuiet, rows: random.shuffle(rows), leavings };
}

/** A payment, or the reversal of the earlier one. */
function rowOf(
  random: Random,
  saver: Saver,
  { owner, isInTime }: { readonly owner: number; readonly isInTime: boolean },
): TransactionRecord {
  const [id, trxMs] = [`${isInTime ? 'IN' : 'OUT'}${owner}`, PAID_MS + 1 + random.below(5)];
  return random.below(4) === 0
    ? payment(saver, { id, trxMs, amountCents: PAID_CENTS, correlationId: `C${owner}`, isReversal: true })
    : payment(saver, { id, trxMs, amountCents: 1 + random.below(20_000), correlationId: '' });
}

type Plan = ReturnType<typeof plan>;

/** One seed, until its ranking is frozen and nothing is left to happen. */
class Pass {
  readonly night: Midnight;
  readonly course: Plan;
  readonly savers: readonly Saver[];
  /** From the first row on, or from the last start. */
  eventCount = 0;
  #life = 0;
  #isFrozen = false;
  #engine: Engine | null = null;

  constructor(seed: number) {
    const at = seed % SHARD_COUNTS.length;
    const { folder, savers } = evenings[at]!;
    this.savers = savers;
    this.night = new Midnight({ seed, shardCount: SHARD_COUNTS[at]!, folder, nowMs: CLOSES_MS - 1 });
    this.course = plan(new Random(seed), evenings[at]!);
  }

  get engine(): Engine {
    return this.#engine!;
  }

  /** @param deaths at which event from the first row, or from the start after the death before */
  async run(deaths: readonly number[]): Promise<this> {
    await this.#start();
    this.#setOut();
    for (const death of deaths) {
      await this.#runUntil(this.night.scheduler.count + death);
      await this.die();
      for (const row of this.course.rows)
        if (row.reply === null) void this.#hand(row, this.night.random.below(AROUND_US));
    }
    const begun = this.night.scheduler.count;
    await this.#runUntil(begun + EVENTS_MAX);
    expect(this.#isFrozen, 'the ranking is frozen').toBe(true);
    this.eventCount = this.night.scheduler.count - begun;
    await this.night.scheduler.run(() => false);
    return this;
  }

  /** However long it takes until it is there again, midnight is over. */
  async die(): Promise<void> {
    this.night.kill();
    this.night.strike();
    await this.#start();
  }

  async #start(): Promise<void> {
    this.#life += 1;
    this.#isFrozen = false;
    this.#engine = await this.night.start();
  }

  /** Looks at the time again and again, as the shell does. */
  async #runUntil(eventCountMax: number): Promise<void> {
    const { night, engine } = this;
    const look = (): void => {
      engine.tick();
      void engine.stats().then(({ rankings }) => {
        this.#isFrozen ||= rankings.some(({ awardPeriodId, isFrozen }) => awardPeriodId === CHRISTMAS && isFrozen);
      });
      if (!this.#isFrozen) this.#soon(night.random.below(2_000), look);
    };
    look();
    await night.scheduler.run(() => this.#isFrozen || night.scheduler.count >= eventCountMax);
  }

  /** Unless the process dies before. */
  #soon(delayUs: number, act: () => void): void {
    const life = this.#life;
    this.night.after(delayUs, () => {
      if (life === this.#life) act();
    });
  }

  #setOut(): void {
    const { night, engine, course } = this;
    const { random } = night;
    const fileIsRead = engine.openIntake(CLOSES_MS - 1);
    const inTime = course.rows.filter(({ isInTime, isOfFile }) => isInTime && !isOfFile);
    const answered = Promise.all(inTime.map((row) => this.#hand(row, row.atUs)));
    const midnight = () => {
      night.strike();
      for (const row of course.rows) if (!inTime.includes(row)) void this.#hand(row, row.atUs);
      for (const leaving of course.leavings) if (!leaving.isBefore) this.#leave(leaving, leaving.atUs);
      this.#soon(course.isQuiet ? 0 : AROUND_US, fileIsRead);
    };
    const before = course.leavings.filter(({ isBefore }) => isBefore);
    if (course.isQuiet) {
      void answered.then(() => {
        for (const leaving of before) this.#leave(leaving, leaving.atUs % LAST_US);
        this.#soon(LAST_US + random.below(LAST_US), midnight);
      });
    } else {
      for (const leaving of before) this.#leave(leaving, leaving.atUs);
      this.#soon(AROUND_US, midnight);
    }
    for (let left = random.below(6); left > 0; left -= 1) this.#soon(random.below(2 * AROUND_US), () => night.pause());
  }

  #leave({ owner }: Leaving, delayUs: number): void {
    this.#soon(delayUs, () => void command(this.engine, this.savers[owner]!, { kind: 'leave' }));
  }

  /** What is handed over again after a death was received again, and too late. */
  #hand(row: Row, delayUs: number): Promise<void> {
    const { night, engine } = this;
    const isOfFile = row.isOfFile && this.#life === 1;
    return new Promise((resolve) => {
      this.#soon(delayUs, async () => {
        row.reply = await pay(engine, row.record, isOfFile ? CLOSES_MS - 1 : night.nowMs);
        resolve();
      });
    });
  }
}

interface Standing {
  readonly taxCode: string;
  readonly citizen: string;
  readonly termsMs: number;
  count: number;
  rawCents: number;
  lastTrxMs: number;
}

/** What a few lines make of the rows that were taken: totals of everybody, and who is ranked, in order. */
async function recomputed({ night, engine, course, savers }: Pass, deathCount: number) {
  const standings = savers.map(
    (saver): Standing => ({ ...saver, citizen: saver.key, count: 1, rawCents: 100, lastTrxMs: PAID_MS }),
  );
  const leftMs = new Map<number, number>();
  const wallets = Promise.all(course.leavings.map(({ owner }) => engine.wallet(savers[owner]!.key)));
  for (const [at, wallet] of (await night.complete(wallets)).entries()) {
    const { enabled, cancellationMs } = value(wallet);
    if (!enabled) leftMs.set(course.leavings[at]!.owner, cancellationMs!);
  }
  // Totals and ranks tell on whoever says something else.
  const unsaid = course.rows.filter(({ isInTime, reply }) => deathCount > 0 && isInTime && !isTaken(reply));
  const fates = await night.complete(Promise.all(unsaid.map(({ record }) => engine.recordFate(record.hpan, record))));
  const takenUnsaid = new Set(unsaid.filter((_, at) => STATES_TAKEN.has(value(fates[at]!).state)));
  for (const row of course.rows) {
    expectFair(row, { deathCount, hasLeft: leftMs.has(row.owner) });
    if (!isTaken(row.reply) && !takenUnsaid.has(row)) continue;
    const standing = standings[row.owner]!;
    const isReversal = row.record.operationType === '01';
    standing.count += isReversal ? -1 : 1;
    standing.rawCents += isReversal ? -100 : cashbackOf(row.record.amountCents);
    if (!isReversal) standing.lastTrxMs = Math.max(standing.lastTrxMs, row.record.trxMs);
  }
  const ranked = standings.filter((_, owner) => (leftMs.get(owner) ?? Number.POSITIVE_INFINITY) >= CLOSES_MS);
  return { standings, left: new Set(leftMs.keys()), ranked: ranked.toSorted(compare) };
}

const STATES_TAKEN: ReadonlySet<RecordState> = new Set(['counted', 'applied']);

function isTaken(reply: Row['reply']): boolean {
  return reply !== null && 'status' in reply && (reply.status === 'counted' || reply.status === 'applied');
}

/** In time is in, and one millisecond later is out, whatever was under way. Who died may not have said what it took. */
function expectFair(
  { record, isInTime, reply }: Row,
  { deathCount, hasLeft }: { readonly deathCount: number; readonly hasLeft: boolean },
): void {
  const what = `${record.idTrxAcquirer} is answered ${JSON.stringify(reply)}`;
  expect(reply, what).not.toBeNull();
  if (!isInTime) expect(isTaken(reply), what).toBe(false);
  else if (deathCount === 0 && !hasLeft) expect(isTaken(reply), what).toBe(true);
}

function cashbackOf(amountCents: number): number {
  const counted = Math.min(amountCents, 150_00);
  return Math.floor(counted / 10) + (counted % 10 > 5 ? 1 : 0);
}

function compare(left: Standing, right: Standing): number {
  return (
    right.count - left.count ||
    left.lastTrxMs - right.lastTrxMs ||
    left.termsMs - right.termsMs ||
    (left.taxCode < right.taxCode ? -1 : 1)
  );
}

/** The frozen ranking, the totals behind it, and the digest that was journaled in the moment of the freeze. */
async function expectRecomputed(run: Pass, deathCount: number): Promise<void> {
  const { night, engine, savers } = run;
  const { standings, left, ranked } = await recomputed(run, deathCount);
  const page = value(await night.complete(engine.rankingPage(CHRISTMAS, 1, 100)));
  expect(page).toEqual(
    ranked.map(({ citizen, count, lastTrxMs }, at) => ({ rank: at + 1, citizen, transactionNumber: count, lastTrxMs })),
  );
  const totals = await night.complete(Promise.all(savers.map(({ key }) => engine.total(key, CHRISTMAS))));
  for (const [owner, { rawCents, count }] of standings.entries()) {
    if (!left.has(owner)) expect(value(totals[owner]!)).toMatchObject({ rawCents, transactionNumber: count });
  }
  const participants = ranked.map(({ citizen, ...standing }) => ({ citizen, standing }));
  const names = new KeyedHash(night.folder.keys.index);
  const digest = rankingDigest(participants, (text) => names.digest(text));
  expect(frozenIn(run)).toMatchObject([{ awardPeriodId: CHRISTMAS, participants: ranked.length, digest }]);
}

/** Journaled by partition 0, once. */
function frozenIn({ night }: Pass) {
  const turns = night.folder.stores[0]!.records.map(openRecord);
  return turns.flatMap(({ sections }) =>
    sections.flatMap(({ facts }) => facts.filter(({ kind }) => kind === 'rankingFrozen')),
  );
}

test('what was received before midnight is in, what after is out, whatever is under way and whoever dies', async () => {
  for (let seed = seedFirst; seed < seedFirst + SEEDS; seed += 1) {
    const undisturbed = await new Pass(seed).run([]);
    await told(`seed=${seed}`, () => expectRecomputed(undisturbed, 0));
    const random = new Random(~seed);
    const deaths = [random.below(undisturbed.eventCount)];
    if (seed % 4 === 0) deaths.push(random.below(undisturbed.eventCount));
    await told(`seed=${seed} deaths=${deaths}`, async () => {
      const disturbed = await new Pass(seed).run(deaths);
      await expectRecomputed(disturbed, deaths.length);
      if (seed % 8 > 0) return;
      // It stands as it was frozen, also for who finds it on the disk.
      await disturbed.die();
      await expectRecomputed(disturbed, deaths.length);
    });
  }
}, 600_000);

async function told(where: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`, { cause: error });
  }
}
