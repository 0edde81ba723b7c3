/** Stories of exclusions: three citizens with a card each, of whom some are excluded, and what everybody sees then. */
import { expect } from 'vitest';
import {
  type AbuseRule,
  type Exclusion,
  type ExclusionRequest,
  type ExclusionStep,
  italy2020,
  type ListedExclusionState,
  makeTaxCode,
  type PaymentName,
  type Programme,
} from '../../engine/index.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { eurosOf, outcomeText } from '../golden/vector.ts';
import { PAID_PERIOD } from './payouts.ts';
import { hpanElsewhere, openOnDisk, until } from './shards.ts';
import { type Citizen, hpan, instant, type Payment, value, type World } from './world.ts';

export const H1 = 2;
export const ARRIVAL = '2021-02-12T12:00:00+01:00';
export const RULE: AbuseRule = { firstDay: '2021-01-01', amountCentsMax: 100, paymentsMin: 3, appealDays: 7 };

export interface Story {
  readonly world: World;
  readonly disk: MemoryDisk;
  readonly citizens: readonly Citizen[];
  readonly cards: readonly string[];
}

export const judging = (): Programme => ({ ...italy2020(), abuseRule: RULE });

/** Three citizens, each with a card, which is on another shard where there are several. */
export async function open(shardCount: number, programme = italy2020(), arrival = ARRIVAL): Promise<Story> {
  const { world, disk } = await openOnDisk({ shardCount, now: '2020-12-07T10:00:00+01:00', programme });
  const citizens = [1, 2, 3].map((number) => world.citizen(makeTaxCode(number)));
  const cards = citizens.map(({ key }, at) => (shardCount === 1 ? hpan(at) : hpanElsewhere(key, shardCount, 100 * at)));
  for (const [at, citizen] of citizens.entries()) {
    await citizen.enrol();
    await citizen.enable(cards[at]!);
  }
  world.at(arrival);
  return { world, disk, citizens, cards };
}

const HOUR = '2021-02-10T';
export const at = (minute: number) => `${HOUR}10:${String(minute).padStart(2, '0')}:00+01:00`;

export async function pay(
  { world, cards }: Story,
  who: number,
  id: string,
  cents: number,
  more: Partial<Payment> = {},
) {
  return outcomeText(await world.pay({ hpan: cards[who]!, at: at(0), cents, id, correlation: id, ...more }));
}

export function named(story: Story, who: number, idTrxAcquirer: string, when = at(0)): PaymentName {
  const trxMs = instant(when);
  const record = { idTrxAcquirer, trxMs, acquirerCode: '36081', acquirerId: '09509', operationType: '00' };
  return { hpan: story.cards[who]!, record };
}

export function ask(
  story: Story,
  who: number,
  step: ExclusionStep,
  operator: string,
  more: Partial<ExclusionRequest> = {},
) {
  const { key } = story.citizens[who]!;
  return story.world.engine.exclude({ citizen: key, payment: null, step, operator, reason: 'seen', ...more });
}

export async function refusal(...args: Parameters<typeof ask>): Promise<string> {
  const reply = await ask(...args);
  return reply.ok ? 'ok' : reply.code;
}

/** Two operators agree; then until its card has heard of it. */
export async function agreed(story: Story, who: number, step: ExclusionStep, payment: PaymentName | null = null) {
  value(await ask(story, who, step, 'anna', { payment }));
  value(await ask(story, who, 'approve', 'bruno', { payment, reason: 'right' }));
  if (payment === null) return;
  const isExcluded = step === 'exclude';
  await until(async () => {
    const fate = value(await story.world.engine.recordFate(payment.hpan, payment.record));
    return (fate.code === 'EXCLUDED') === isExcluded;
  }, 'the card has heard');
  // What the wallet says to that is on its way.
  await story.world.engine.stats();
}

export async function figures({ citizens }: Pick<Story, 'citizens'>, who: number, period = H1): Promise<string> {
  const citizen = citizens[who]!;
  const { rawCents, transactionNumber } = await citizen.total(period);
  const payments = await citizen.payments(period);
  expect(payments.reduce((sum, { cashbackCents }) => sum + cashbackCents, 0)).toBe(rawCents);
  return `${eurosOf(rawCents)} ${transactionNumber}`;
}

export async function place({ citizens }: Pick<Story, 'citizens'>, who: number, period = H1): Promise<string> {
  const { ranking, totalParticipants, takesPart } = await citizens[who]!.ranking(period);
  return `${ranking} of ${totalParticipants}${takesPart ? '' : ', takes no part'}`;
}

export async function listed(
  { world }: Pick<Story, 'world'>,
  state: ListedExclusionState,
): Promise<readonly Exclusion[]> {
  const found: Exclusion[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = value(await world.engine.exclusions({ state, limit: 2, ...(cursor === undefined ? {} : { cursor }) }));
    found.push(...page.exclusions);
    if (page.nextCursor === null) return found;
    cursor = page.nextCursor;
  }
}

/** All that anybody sees of the citizens, and the lists of operators. */
export async function seen(world: World, citizens: readonly Citizen[], period = H1) {
  const own = citizens.map(({ taxCode }) => world.citizen(taxCode));
  const views = await Promise.all(
    own.map(async (citizen) => ({
      wallet: { ...(await citizen.wallet()), position: null },
      total: await citizen.total(period),
      payments: await citizen.payments(period),
      ranking: await citizen.ranking(period),
    })),
  );
  const [proposed, excluded, lifted] = await Promise.all(
    (['proposed', 'excluded', 'lifted'] as const).map((state) => listed({ world }, state)),
  );
  return { views, proposed, excluded, lifted };
}

export async function paid({ world, citizens }: Story): Promise<readonly unknown[]> {
  await until(async () => {
    world.engine.tick();
    return (await world.engine.makePayouts(PAID_PERIOD, null)).ok;
  }, 'the period is paid');
  const own = await Promise.all(citizens.map(async ({ key }) => value(await world.engine.payoutsOf(key))));
  return own.map((payouts) => payouts.map(({ cashbackCents, jackpotCents }) => cashbackCents + jackpotCents));
}

export async function expectSound({ world, disk, citizens }: Omit<Story, 'cards'>, period = H1): Promise<void> {
  const before = await seen(world, citizens, period);
  await world.engine.close();
  expect(world.faults).toEqual([]);
  const again = await openOnDisk({ disk, now: new Date(world.nowMs).toISOString() });
  expect(await seen(again.world, citizens, period)).toEqual(before);
  await again.world.engine.close();
  expect((await verifyPersistence(await openMemoryPersistence({ disk }))).differences).toEqual([]);
}
