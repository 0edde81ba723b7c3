// Method: seeded walks of payments, reversals, exclusions and appeals of a few citizens, with stops and starts in between,
// on one and on three shards. After each step every total and rank must be what a plain recomputation from all accepted
// inputs says; in the end the inspector has to agree.
import { expect, test } from 'vitest';
import { type AbuseRule, italy2020, makeTaxCode, type PaymentName } from '../../engine/index.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { Random, seed } from '../support/random.ts';
import { hpanElsewhere, openOnDisk, until } from '../support/shards.ts';
import { type Citizen, hpan, instant, value, type World } from '../support/world.ts';

const H1 = 2;
const CITIZENS = 4;
const RULE: AbuseRule = { firstDay: '2021-02-09', amountCentsMax: 100, paymentsMin: 3, appealDays: 7 };
const START = '2021-02-12T12:00:00+01:00';

interface Paid {
  readonly id: string;
  readonly who: number;
  readonly cents: number;
  readonly at: string;
  readonly merchant: string;
  /** Of reversals, in the order in which they came. */
  readonly reversed: number[];
  isExcluded: boolean;
  /** Something was left of it to take out; of what was wholly reversed the cent that rounding leaves (G16) stays. */
  isTakenOut: boolean;
  /** Once by the rule, which does so only once. */
  isFlagged: boolean;
}

/** The simplest correct one: everything is kept, and everything is computed anew. */
class Model {
  readonly payments: Paid[] = [];
  readonly excluded = new Set<number>();

  pay(payment: Paid): void {
    this.payments.push(payment);
    if (!isTrifling(payment)) return;
    const same = this.payments.filter(
      (one) =>
        isTrifling(one) &&
        one.who === payment.who &&
        one.merchant === payment.merchant &&
        dayOf(one) === dayOf(payment),
    );
    if (same.length < RULE.paymentsMin) return;
    const [, ...others] = same
      .filter(({ isFlagged }) => !isFlagged)
      .sort((a, b) => instant(a.at) - instant(b.at) || (a.id < b.id ? -1 : 1));
    for (const other of others) {
      other.isFlagged = true;
      exclude(other, true);
    }
  }

  /** Raw cents, count, and whether the citizen takes part; nothing of who is excluded. */
  totals(who: number): { readonly raw: number; readonly count: number; readonly lastMs: number } | null {
    const own = this.payments.filter((payment) => payment.who === who);
    if (own.length === 0 || this.excluded.has(who)) return null;
    let [raw, count] = [0, 0];
    for (const payment of own) {
      if (payment.isTakenOut) continue;
      const { scoreCents, leftCents } = worth(payment);
      raw += scoreCents;
      count += leftCents > 0 ? 1 : 0;
    }
    return { raw, count, lastMs: Math.max(...own.map(({ at }) => instant(at))) };
  }

  /** From 1; citizens are enrolled in the order of their numbers. */
  rank(who: number): number {
    const order = Array.from({ length: CITIZENS }, (_, other) => ({ other, ...this.totals(other) }))
      .filter(({ raw }) => raw !== undefined)
      .sort((a, b) => b.count! - a.count! || a.lastMs! - b.lastMs! || a.other - b.other);
    const index = order.findIndex(({ other }) => other === who);
    return (index === -1 ? order.length : index) + 1;
  }
}

function exclude(payment: Paid, isExcluded: boolean): void {
  if (payment.isExcluded === isExcluded) return;
  payment.isTakenOut = isExcluded && worth(payment).leftCents > 0;
  payment.isExcluded = isExcluded;
}

function isTrifling({ cents, at }: Paid): boolean {
  return cents <= RULE.amountCentsMax && dayOf({ at }) >= RULE.firstDay;
}

function dayOf({ at }: Pick<Paid, 'at'>): string {
  return at.slice(0, 10);
}

function worth({ cents, reversed }: Paid): { readonly scoreCents: number; readonly leftCents: number } {
  const earned = (amount: number) => Math.min(amount, 15_000) * 10;
  const rounded = (hundredths: number) => Math.ceil((hundredths - 50) / 100);
  let [scoreCents, leftCents] = [rounded(earned(cents)), cents];
  for (const amount of reversed) {
    if (amount > leftCents) continue;
    scoreCents -= rounded(earned(leftCents) - earned(leftCents - amount));
    leftCents -= amount;
  }
  return { scoreCents, leftCents };
}

class Walk {
  readonly #random: Random;
  readonly #model = new Model();
  readonly #disk: MemoryDisk;
  readonly #cards: readonly string[];
  #world: World;
  #ids = 0;

  constructor(random: Random, world: World, disk: MemoryDisk, cards: readonly string[]) {
    this.#random = random;
    this.#world = world;
    this.#disk = disk;
    this.#cards = cards;
  }

  async step(): Promise<void> {
    const choice = this.#random.below(20);
    if (choice < 9) await this.#pay();
    else if (choice < 12) await this.#reverse();
    else if (choice < 16) await this.#decidePayment();
    else if (choice < 19) await this.#decideCitizen();
    else await this.#restart();
    await this.#compare();
  }

  async #pay(): Promise<void> {
    const who = this.#random.below(CITIZENS);
    this.#ids += 1;
    const at = `2021-02-0${8 + this.#random.below(2)}T1${this.#random.below(10)}:${10 + this.#random.below(50)}:00+01:00`;
    const cents = this.#random.below(3) === 0 ? 1 + this.#random.below(30_000) : 1 + this.#random.below(120);
    const merchant = `M${this.#random.below(2)}`;
    const id = `P${String(this.#ids).padStart(4, '0')}`;
    const outcome = await this.#world.pay({ hpan: this.#cards[who]!, at, cents, merchant, id, correlation: id });
    expect(outcome).toMatchObject({ status: 'counted' });
    this.#model.pay({
      id,
      who,
      cents,
      at,
      merchant,
      reversed: [],
      isExcluded: false,
      isTakenOut: false,
      isFlagged: false,
    });
  }

  async #reverse(): Promise<void> {
    const payment = this.#anyPayment();
    if (payment === undefined) return;
    this.#ids += 1;
    const { leftCents } = worth(payment);
    const cents = this.#random.below(2) === 0 ? Math.max(1, leftCents) : 1 + this.#random.below(payment.cents);
    const { who, at, id } = payment;
    await this.#world.pay({ hpan: this.#cards[who]!, at, cents, id: `R${this.#ids}`, correlation: id, reversal: true });
    payment.reversed.push(cents);
  }

  async #decidePayment(): Promise<void> {
    const payment = this.#anyPayment();
    if (payment === undefined) return;
    const record = {
      ...{ idTrxAcquirer: payment.id, trxMs: instant(payment.at), acquirerCode: '36081', acquirerId: '09509' },
      operationType: '00',
    };
    const name = { hpan: this.#cards[payment.who]!, record };
    if (await this.#decided(payment.who, name, payment.isExcluded)) exclude(payment, !payment.isExcluded);
  }

  async #decideCitizen(): Promise<void> {
    const who = this.#random.below(CITIZENS);
    const isExcluded = this.#model.excluded.has(who);
    if (!(await this.#decided(who, null, isExcluded))) return;
    if (isExcluded) this.#model.excluded.delete(who);
    else this.#model.excluded.add(who);
  }

  async #decided(who: number, payment: PaymentName | null, isExcluded: boolean): Promise<boolean> {
    const about = { citizen: this.#citizen(who).key, payment, reason: 'walk' };
    const isApproved = this.#random.below(4) > 0;
    value(await this.#world.engine.exclude({ ...about, step: isExcluded ? 'lift' : 'exclude', operator: 'anna' }));
    value(await this.#world.engine.exclude({ ...about, step: isApproved ? 'approve' : 'reject', operator: 'bruno' }));
    return isApproved;
  }

  async #restart(): Promise<void> {
    await this.close();
    const now = new Date(this.#world.nowMs).toISOString();
    this.#world = (await openOnDisk({ disk: this.#disk, now })).world;
  }

  async close(): Promise<void> {
    await this.#world.engine.close();
    expect(this.#world.faults).toEqual([]);
  }

  /** What crosses from shard to shard takes its turns. */
  async #compare(): Promise<void> {
    const expected = Array.from({ length: CITIZENS }, (_, who) => {
      const totals = this.#model.totals(who);
      return `${totals?.raw ?? 0} cents, ${totals?.count ?? 0} payments, rank ${this.#model.rank(who)}`;
    });
    let found: readonly string[] = [];
    await until(
      async () => {
        found = await Promise.all(expected.map((_, who) => this.#found(who)));
        return found.every((one, who) => one === expected[who]);
      },
      `seed=${seed}: ${expected.join('; ')}`,
    ).catch((error: unknown) => {
      expect(found, `seed=${seed}`).toEqual(expected);
      throw error;
    });
  }

  async #found(who: number): Promise<string> {
    const citizen = this.#citizen(who);
    const { rawCents, transactionNumber } = await citizen.total(H1);
    const { ranking } = await citizen.ranking(H1);
    return `${rawCents} cents, ${transactionNumber} payments, rank ${ranking}`;
  }

  #citizen(who: number): Citizen {
    return this.#world.citizen(makeTaxCode(who + 1));
  }

  #anyPayment(): Paid | undefined {
    const { payments } = this.#model;
    return payments[this.#random.below(Math.max(1, payments.length))];
  }
}

for (const [shardCount, walks] of [
  [1, 5],
  [3, 5],
] as const) {
  test(`${walks} walks agree with a recomputation after each of their steps, on ${shardCount} shards`, async () => {
    for (let at = 0; at < walks; at += 1) {
      const random = new Random(seed * 1_000 + shardCount * 100 + at);
      const programme = { ...italy2020(), abuseRule: RULE };
      const { world, disk } = await openOnDisk({ shardCount, now: '2020-12-07T10:00:00+01:00', programme });
      const cards: string[] = [];
      for (let who = 0; who < CITIZENS; who += 1) {
        const citizen = world.citizen(makeTaxCode(who + 1));
        cards.push(shardCount === 1 ? hpan(who) : hpanElsewhere(citizen.key, shardCount, 100 * who));
        world.at(`2020-12-07T10:0${who}:00+01:00`);
        await citizen.enrol();
        await citizen.enable(cards[who]!);
      }
      world.at(START);
      const walk = new Walk(random, world, disk, cards);
      for (let step = 0; step < 80; step += 1) await walk.step();
      await walk.close();
      const { differences } = await verifyPersistence(await openMemoryPersistence({ disk }));
      expect(differences, `seed=${seed}`).toEqual([]);
    }
  });
}
