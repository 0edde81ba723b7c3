// Method: as in exclusions.test.ts, around the end of a period: while it closes, when it is open again, when it is paid.
import { describe, expect, test } from 'vitest';
import { makeTaxCode, type PeriodOrder } from '../../engine/index.ts';
import {
  agreed,
  ask,
  expectSound,
  figures,
  named,
  open,
  paid,
  pay,
  place,
  RULE,
  refusal,
  type Story,
} from '../support/exclusions.ts';
import { factsOf } from '../support/journal.ts';
import {
  closePeriod,
  JACKPOT_CENTS,
  livePeriod,
  PAID_PERIOD,
  PERIOD_BEGINS,
  PERIOD_CLOSES,
  shortProgramme,
} from '../support/payouts.ts';
import {
  hpanElsewhere,
  hpanOn,
  openOnDisk,
  openWithGates,
  type StoreGate,
  shardOf,
  turnsTaken,
  until,
} from '../support/shards.ts';
import { type Citizen, hpan, instant, type Payment, value, type World } from '../support/world.ts';

describe.each([1, 3])('of a period that is open again, on %i shards', (shardCount) => {
  const FILE = 'late.csv';
  const on20 = (minute: number) => `2020-12-20T10:${String(minute).padStart(2, '0')}:00+01:00`;

  /** The three have made 3, 2 and 1 payments when the period closes. */
  async function openLate(programme = shortProgramme()): Promise<Story> {
    const story = await open(shardCount, programme, '2020-12-30T12:00:00+01:00');
    for (const who of [0, 1, 2]) {
      for (let minute = who; minute < 3; minute += 1) {
        await pay(story, who, `P${who}${minute}`, 1_000, { at: on20(minute) });
      }
    }
    await closePeriod(story.world);
    story.world.at('2021-01-20T12:00:00+01:00');
    value(await story.world.engine.decidePeriod(order('reopen', [FILE])));
    return story;
  }

  function order(kind: 'reopen' | 'close', files: readonly string[]): PeriodOrder {
    const untilMs = kind === 'reopen' ? instant('2021-01-25T00:00:00+01:00') : 0;
    return { kind, awardPeriodId: PAID_PERIOD, files, untilMs, programme: '', operator: 'ada', reason: 'owed' };
  }

  const late = (story: Story, who: number, id: string, cents: number, more: Partial<Payment> = {}) =>
    pay(story, who, id, cents, { at: on20(30), file: FILE, ...more });
  const page = async ({ world }: Story) => value(await world.engine.rankingPage(PAID_PERIOD, 1, 10));

  test('of what an owner who has left got before nothing is taken out, and nothing put back', async () => {
    const story = await openLate();
    const payment = named(story, 0, 'P00', on20(0));
    await story.citizens[0]!.leave();
    for (const step of ['exclude', 'lift'] as const) {
      value(await ask(story, 0, step, 'anna', { payment }));
      value(await ask(story, 0, 'approve', 'bruno', { payment }));
      await story.world.engine.stats();
    }
    expect(factsOf(story.world, 'exclusionSet').map(({ exclusion }) => exclusion.state)).toEqual([
      ...['proposed', 'excluded', 'proposed', 'lifted'],
    ]);
    await expectSound(story);
  });

  test('a payment that came late stops counting and counts again, one that was in time too, and nobody moves', async () => {
    const story = await openLate();
    const before = await page(story);
    expect(await late(story, 2, 'L', 5_000)).toBe('5.00');
    const payment = named(story, 2, 'L', on20(30));
    await agreed(story, 2, 'exclude', payment);
    await until(async () => (await figures(story, 2, PAID_PERIOD)) === '1.00 1', 'the wallet has heard');
    expect(await late(story, 2, 'R', 2_000, { reversal: true, correlation: 'L' })).toBe('parked EXCLUDED');
    await agreed(story, 0, 'exclude', named(story, 0, 'P00', on20(0)));
    await until(async () => (await figures(story, 0, PAID_PERIOD)) === '2.00 2', 'the wallet has heard');
    await agreed(story, 2, 'lift', payment);
    // With what was reversed meanwhile.
    await until(async () => (await figures(story, 2, PAID_PERIOD)) === '4.00 2', 'the wallet has heard');
    expect(await page(story)).toEqual(before);
    expect(await place(story, 2, PAID_PERIOD)).toBe('3 of 3');

    value(await ask(story, 1, 'exclude', 'anna', { payment: named(story, 1, 'P11', on20(1)) }));
    value(await story.world.engine.decidePeriod(order('close', [])));
    expect(await paid(story)).toEqual([[200 + JACKPOT_CENTS], [200 + JACKPOT_CENTS], [400 + JACKPOT_CENTS]]);
    expect(await refusal(story, 1, 'approve', 'bruno', { payment: named(story, 1, 'P11', on20(1)) })).toBe(
      'PERIOD_CLOSED',
    );
    expect(await refusal(story, 2, 'exclude', 'anna', { payment })).toBe('PERIOD_CLOSED');
    await expectSound(story, PAID_PERIOD);
  });

  test('what comes late for who is excluded counts once that is lifted', async () => {
    const story = await openLate();
    const before = await page(story);
    await agreed(story, 2, 'exclude');
    expect(await late(story, 2, 'L', 5_000)).toBe('5.00');
    expect(await figures(story, 2, PAID_PERIOD)).toBe('0.00 0');
    await agreed(story, 2, 'lift');
    expect(await figures(story, 2, PAID_PERIOD)).toBe('6.00 2');
    expect(await page(story)).toEqual(before);
    value(await story.world.engine.decidePeriod(order('close', [])));
    expect((await paid(story))[2]).toEqual([600 + JACKPOT_CENTS]);
    await expectSound(story, PAID_PERIOD);
  });

  test('the rule on abuse judges late rows, and an appeal in time is heard', async () => {
    const story = await openLate({ ...shortProgramme(), abuseRule: { ...RULE, firstDay: '2020-12-08' } });
    for (const minute of [31, 32, 33]) {
      expect(await late(story, 2, `S${minute}`, 50, { at: on20(minute) })).toBe('0.05');
    }
    await until(async () => (await figures(story, 2, PAID_PERIOD)) === '1.05 2', 'all but the first were taken back');
    await agreed(story, 2, 'appeal', named(story, 2, 'S32', on20(32)));
    await until(async () => (await figures(story, 2, PAID_PERIOD)) === '1.10 3', 'one counts again');
    expect(await place(story, 2, PAID_PERIOD)).toBe('3 of 3');
    await expectSound(story, PAID_PERIOD);
  });
});

describe('while a period closes', () => {
  const SHARDS = 3;
  const FILE = 'late.csv';
  const on20 = (minute: number) => `2020-12-20T10:${String(minute).padStart(2, '0')}:00+01:00`;

  /** One citizen with two payments, in the last minute before the closing; each store can be stopped. */
  async function openGated() {
    const { world, disk, gates } = await openWithGates(SHARDS, { now: PERIOD_BEGINS, programme: shortProgramme() });
    const citizen = world.citizen(makeTaxCode(1));
    const card = hpanElsewhere(citizen.key, SHARDS);
    await citizen.enrol();
    await citizen.enable(card);
    world.at('2021-01-10T23:59:00+01:00');
    const story: Story = { world, disk, citizens: [citizen], cards: [card] };
    for (const minute of [0, 1]) await pay(story, 0, `P${minute}`, 10_00 * (minute + 1), { at: on20(minute) });
    const payment = named(story, 0, 'P0', on20(0));
    const [ofWallet, ofCard] = [citizen.key, card].map((key) => gates[shardOf(key, SHARDS)]!) as [StoreGate, StoreGate];
    return { story, payment, ofWallet, ofCard, gates };
  }

  test('what was approved before is carried out before, however long its way is', async () => {
    const { story, payment, ofWallet } = await openGated();
    value(await ask(story, 0, 'exclude', 'anna', { payment }));
    ofWallet.hold();
    const approved = ask(story, 0, 'approve', 'bruno', { payment });
    await turnsTaken();
    story.world.at(PERIOD_CLOSES);
    await turnsTaken();
    ofWallet.release();
    expect(value(await approved).state).toBe('excluded');
    await closePeriod(story.world);
    expect(await figures(story, 0, PAID_PERIOD)).toBe('2.00 1');
    expect(await refusal(story, 0, 'lift', 'anna', { payment })).toBe('PERIOD_CLOSED');
    await expectSound(story, PAID_PERIOD);
  });

  test('a reversal that was stopped goes on before, once its payment counts again', async () => {
    const { story, payment, ofWallet, ofCard } = await openGated();
    await agreed(story, 0, 'exclude', payment);
    expect(await pay(story, 0, 'R', 4_00, { at: on20(2), reversal: true, correlation: 'P0' })).toBe('parked EXCLUDED');
    value(await ask(story, 0, 'lift', 'anna', { payment }));
    ofCard.hold();
    value(await ask(story, 0, 'approve', 'bruno', { payment }));
    await turnsTaken();
    ofWallet.hold();
    ofCard.release();
    await turnsTaken();
    story.world.at(PERIOD_CLOSES);
    await turnsTaken();
    ofWallet.release();
    await closePeriod(story.world);
    expect(await figures(story, 0, PAID_PERIOD)).toBe('2.60 2');
    await expectSound(story, PAID_PERIOD);
  });

  test('nothing more is decided about one that is ordered to close, before all partitions have heard of it', async () => {
    const { story, payment, ofWallet, ofCard } = await openGated();
    const { world, citizens, cards } = story;
    // What a command leaves to flush keeps its shard from answering.
    const ofCardShard = citizenOn(world, shardOf(cards[0]!, SHARDS));
    await ofCardShard.enrol();
    await closePeriod(world);
    const untilMs = instant('2021-01-25T00:00:00+01:00');
    const order = { awardPeriodId: PAID_PERIOD, programme: '', operator: 'ada', reason: 'owed' };
    value(await world.engine.decidePeriod({ ...order, kind: 'reopen', files: [FILE], untilMs }));
    value(await ask(story, 0, 'exclude', 'anna', { payment }));
    value(await world.engine.decidePeriod({ ...order, kind: 'close', files: [], untilMs: 0 }));

    ofCard.hold();
    void ofCardShard.enable(hpan(901));
    await turnsTaken();
    world.engine.tick();
    await turnsTaken();
    // The first answer is there; the second waits for this one.
    ofCard.release();
    ofCard.hold();
    void ofCardShard.enable(hpan(902));
    await turnsTaken();
    ofWallet.hold();
    const approved = ask(story, 0, 'approve', 'bruno', { payment });
    await turnsTaken();
    ofCard.release();
    await turnsTaken();
    ofWallet.release();
    expect(await approved).toEqual({ ok: false, code: 'PERIOD_CLOSED' });
    await paid(story);
    expect(await figures(story, 0, PAID_PERIOD)).toBe('3.00 2');
    await expectSound({ ...story, citizens: [...citizens, ofCardShard] }, PAID_PERIOD);
  });

  test('a payment stops counting while it is undecided whose its card is next', async () => {
    const { story, payment, ofWallet, ofCard, gates } = await openGated();
    const { world, citizens, cards } = story;
    await citizens[0]!.must({ kind: 'disableCashback', hpan: cards[0]! });
    const next = citizenOn(world, shardOf(cards[0]!, SHARDS));
    await next.enrol();
    const other = gates.findIndex((gate) => gate !== ofWallet && gate !== ofCard);
    gates[other]!.hold();
    const enabled = next.do({ kind: 'enableCashback', hpan: cards[0]!, tokens: [hpanOn(other, SHARDS, 950)] });
    await turnsTaken();
    await agreed(story, 0, 'exclude', payment);
    gates[other]!.release();
    expect(await enabled).toMatchObject({ ok: true });
    expect(await figures(story, 0, PAID_PERIOD)).toBe('2.00 1');
    await expectSound({ ...story, citizens: [...citizens, next] }, PAID_PERIOD);
  });

  function citizenOn(world: World, shard: number): Citizen {
    for (let number = 2; ; number += 1) {
      const citizen = world.citizen(makeTaxCode(number));
      if (shardOf(citizen.key, SHARDS) === shard) return citizen;
    }
  }
});

describe.each([1, 3])('payouts on %i shards', (shardCount) => {
  const openPaid = async (): Promise<Story> => {
    const { world, disk } = await openOnDisk({ shardCount, now: PERIOD_BEGINS, programme: shortProgramme() });
    const citizens = await livePeriod(world, [2, 3, 4, 2, 1]);
    return { world, disk, citizens, cards: [] };
  };
  const made = async ({ world, citizens }: Story) => {
    value(await world.engine.makePayouts(PAID_PERIOD, null));
    const own = await Promise.all(citizens.map(async ({ key }) => value(await world.engine.payoutsOf(key))));
    return own.map((payouts) =>
      payouts.map(({ cashbackCents, jackpotCents, isEnabled }) => {
        return `${cashbackCents + jackpotCents}${isEnabled ? '' : ' withdrawn'}`;
      }),
    );
  };

  test('nobody who is excluded is paid; who no longer is, is; the prize belongs to who stood in the frozen ranking', async () => {
    const story = await openPaid();
    await agreed(story, 2, 'exclude');
    expect(await place(story, 1, PAID_PERIOD)).toBe('1 of 4');
    await closePeriod(story.world);
    await agreed(story, 1, 'exclude');
    // The three who win are 1, 0 and 3.
    const [refund2, refund4] = [20_00, 40_00];
    expect(await made(story)).toEqual([[`${refund2 + JACKPOT_CENTS}`], [], [], [`${refund2 + JACKPOT_CENTS}`], []]);
    await agreed(story, 2, 'lift');
    await agreed(story, 1, 'lift');
    expect(await place(story, 2, PAID_PERIOD)).toBe('5 of 4, takes no part');
    expect(await place(story, 1, PAID_PERIOD)).toBe('1 of 4');
    expect(await figures(story, 2, PAID_PERIOD)).toBe('40.00 4');
    expect((await made(story)).slice(1, 3)).toEqual([[`${30_00 + JACKPOT_CENTS}`], [`${refund4}`]]);

    // A record that was not sent by then is not, and is again.
    await agreed(story, 2, 'exclude');
    expect((await made(story))[2]).toEqual([`${refund4} withdrawn`]);
    await agreed(story, 2, 'lift');
    expect((await made(story))[2]).toEqual([`${refund4}`]);
    await expectSound(story, PAID_PERIOD);
  });
});
