// Method: payments are taken out and put back in the last moments before a period closes, on threads, rings and disks that take
// seeded times; every other seed dies once on the way. Whatever operators were told, what their lists say has become of each
// payment is what its citizen has in the frozen period, and the inspector finds nothing to say.
import { beforeAll, expect, test } from 'vitest';
import type { Engine, ExclusionRequest, ListedExclusionState, Refused } from '../../engine/index.ts';
import type { MemoryFolder } from '../../snapshots/memory/disk.ts';
import { inspectFolder } from '../simulation/inspection.ts';
import {
  CHRISTMAS,
  CLOSES_MS,
  earlierPayment,
  evening,
  Midnight,
  PAID_MS,
  pay,
  payment,
  type Saver,
} from '../support/midnight.ts';
import { Random, seed as seedFirst } from '../support/random.ts';
import { value } from '../support/world.ts';

const SEEDS = 12;
const SHARD_COUNT = 3;
const AROUND_US = 2_000;
const EVENTS_MAX = 100_000;
const REVERSED_CENTS = 400;

/** Of every saver's one payment: it is to be taken out, or to be put back with a reversal of it that was stopped. */
const isOut = (owner: number) => owner % 2 === 0;

let folder: MemoryFolder;
let savers: readonly Saver[];
beforeAll(async () => {
  const before = await evening(SHARD_COUNT);
  savers = before.savers;
  const night = new Midnight({ seed: 1, shardCount: SHARD_COUNT, folder: before.folder, nowMs: CLOSES_MS - 60_000 });
  const engine = await night.start();
  await night.complete(Promise.all(savers.map((_, owner) => propose(engine, owner))));
  await night.complete(engine.close());
  folder = night.folder;
}, 60_000);

async function propose(engine: Engine, owner: number): Promise<void> {
  value(await ask(engine, owner, { step: 'exclude', operator: 'anna' }));
  if (isOut(owner)) return;
  value(await ask(engine, owner, { step: 'approve', operator: 'bruno' }));
  const reversal = payment(savers[owner]!, {
    ...{
      id: `R${owner}`,
      trxMs: PAID_MS + 1,
      amountCents: REVERSED_CENTS,
      correlationId: `C${owner}`,
      isReversal: true,
    },
  });
  // Its way to the card is no longer than the exclusion's was, but another one.
  await engine.stats();
  expect(await pay(engine, reversal, CLOSES_MS - 60_000)).toMatchObject({ status: 'parked', code: 'EXCLUDED' });
  value(await ask(engine, owner, { step: 'lift', operator: 'anna' }));
}

function ask(engine: Engine, owner: number, asked: Pick<ExclusionRequest, 'step' | 'operator'>) {
  const saver = savers[owner]!;
  const named = { hpan: saver.hpan, record: earlierPayment(saver, owner) };
  return engine.exclude({ citizen: saver.key, payment: named, reason: 'seen', ...asked });
}

/** One seed, until its ranking is frozen. */
class Pass {
  readonly night: Midnight;
  readonly replies = new Map<number, Awaited<ReturnType<typeof ask>>>();
  readonly #dieAt: number | null;
  #engine: Engine | null = null;
  #isFrozen = false;

  constructor(seed: number) {
    this.night = new Midnight({ seed, shardCount: SHARD_COUNT, folder, nowMs: CLOSES_MS - 1 });
    this.#dieAt = seed % 2 === 0 ? null : new Random(seed).below(4_000);
  }

  get engine(): Engine {
    return this.#engine!;
  }

  async run(): Promise<void> {
    const { night } = this;
    const { random } = night;
    this.#engine = await night.start();
    for (const owner of savers.keys()) this.#soon(random.below(AROUND_US), () => this.#approve(owner));
    for (let left = random.below(6); left > 0; left -= 1) this.#soon(random.below(2 * AROUND_US), () => night.pause());
    this.#soon(random.below(AROUND_US), () => night.strike());
    if (this.#dieAt !== null) {
      await this.#runUntil(night.scheduler.count + this.#dieAt);
      night.kill();
      night.strike();
      this.#engine = await night.start();
    }
    await this.#runUntil(night.scheduler.count + EVENTS_MAX);
    expect(this.#isFrozen, 'the ranking is frozen').toBe(true);
    await night.scheduler.run(() => false);
  }

  async #approve(owner: number): Promise<void> {
    this.replies.set(owner, await ask(this.engine, owner, { step: 'approve', operator: 'bruno' }));
  }

  #soon(delayUs: number, act: () => void): void {
    const { engine } = this;
    this.night.after(delayUs, () => {
      if (engine === this.#engine) act();
    });
  }

  async #runUntil(eventCountMax: number): Promise<void> {
    const { night, engine } = this;
    this.#isFrozen = false;
    const look = (): void => {
      engine.tick();
      void engine.stats().then(({ rankings }) => {
        this.#isFrozen ||= rankings.some(({ awardPeriodId, isFrozen }) => awardPeriodId === CHRISTMAS && isFrozen);
      });
      if (!this.#isFrozen) this.#soon(night.random.below(500), look);
    };
    look();
    await night.scheduler.run(() => this.#isFrozen || night.scheduler.count >= eventCountMax);
  }
}

async function ownersIn({ night, engine }: Pass, state: ListedExclusionState): Promise<ReadonlySet<number>> {
  const page = value(await night.complete(engine.exclusions({ state, limit: 100 })));
  expect(page.nextCursor).toBeNull();
  return new Set(page.exclusions.map(({ citizen }) => savers.findIndex(({ key }) => key === citizen)));
}

async function expectAsListed(pass: Pass): Promise<void> {
  const { night, engine, replies } = pass;
  const [excluded, lifted] = [await ownersIn(pass, 'excluded'), await ownersIn(pass, 'lifted')];
  for (const [owner, reply] of replies) {
    if (reply.ok) expect((isOut(owner) ? excluded : lifted).has(owner), `${owner} was approved`).toBe(true);
    else expect((reply as Refused).code).toBe('PERIOD_CLOSED');
  }
  const totals = await night.complete(Promise.all(savers.map(({ key }) => engine.total(key, CHRISTMAS))));
  for (const [owner, total] of totals.entries()) {
    const counted = lifted.has(owner)
      ? { rawCents: 60, transactionNumber: 1 }
      : { rawCents: 100, transactionNumber: 1 };
    const expected = excluded.has(owner) ? { rawCents: 0, transactionNumber: 0 } : counted;
    expect(value(total), `${owner}`).toMatchObject(expected);
  }
  await night.complete(engine.close());
  await inspectFolder(night.folder, { isClosed: true, nowMs: night.nowMs, isHalf: false });
}

test('what was approved before a period closes has become so when it is closed, whoever dies', async () => {
  for (let seed = seedFirst; seed < seedFirst + SEEDS; seed += 1) {
    try {
      const pass = new Pass(seed);
      await pass.run();
      await expectAsListed(pass);
    } catch (error) {
      throw new Error(`seed=${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
}, 300_000);
