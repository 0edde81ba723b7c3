// Method: citizens and payments are excluded and put back by two operators, over the engine's door on one and on three
// shards; who was never touched shows what must be there again. At the end of each story the engine is stopped and started,
// everything stands as before, and the inspector finds nothing to say.
import { describe, expect, test } from 'vitest';
import { type Fact, makeIban } from '../../engine/index.ts';
import type { Journal } from '../../engine/ports.ts';
import { openMemoryPersistence, pastWallet } from '../../snapshots/index.ts';
import { verifyStores } from '../../snapshots/inspect.ts';
import {
  ARRIVAL,
  agreed,
  ask,
  at,
  expectSound,
  figures,
  H1,
  judging,
  listed,
  named,
  open,
  pay,
  place,
  refusal,
  seen,
} from '../support/exclusions.ts';
import { setIban } from '../support/payouts.ts';
import { openOnDisk, turnsTaken, until } from '../support/shards.ts';
import { instant, value } from '../support/world.ts';

describe.each([1, 3])('on %i shards', (shardCount) => {
  test('an excluded citizen is as if it had left, and everything is there again when that is lifted', async () => {
    const story = await open(shardCount);
    for (const who of [0, 1, 2]) await pay(story, who, `P${who}`, 1_000, { at: at(who) });
    await pay(story, 0, 'Q', 5_000, { at: at(10) });
    expect(await place(story, 0)).toBe('1 of 3');

    value(await ask(story, 0, 'exclude', 'anna'));
    expect(await figures(story, 0)).toBe('6.00 2');
    expect(await refusal(story, 0, 'approve', 'anna')).toBe('SECOND_PERSON_NEEDED');
    expect(await refusal(story, 0, 'reject', 'anna')).toBe('SECOND_PERSON_NEEDED');
    expect(value(await ask(story, 0, 'approve', 'bruno', { reason: 'right' }))).toEqual({
      ...{ citizen: story.citizens[0]!.key, payment: null, state: 'excluded', action: 'exclude', appealEndsMs: 0 },
      ...{ proposedBy: 'anna', reason: 'seen', proposedMs: instant(ARRIVAL) },
      ...{ decidedBy: 'bruno', decisionReason: 'right', decidedMs: instant(ARRIVAL) },
    });
    expect(await figures(story, 0)).toBe('0.00 0');
    expect(await place(story, 0)).toBe('3 of 2, takes no part');
    expect(await place(story, 1)).toBe('1 of 2');
    expect(await story.citizens[0]!.payments(H1)).toEqual([]);
    expect((await story.citizens[0]!.wallet()).enabled).toBe(false);
    for (const body of [{ kind: 'enrol' }, { kind: 'enableAll' }] as const) {
      expect(await story.citizens[0]!.do(body)).toMatchObject({ ok: false, code: 'EXCLUDED' });
    }

    // What comes meanwhile is kept, and so is what is taken back.
    await pay(story, 0, 'R', 2_000, { at: at(20) });
    await pay(story, 0, 'S', 5_000, { at: at(21), reversal: true, correlation: 'Q' });
    expect(await figures(story, 0)).toBe('0.00 0');

    await agreed(story, 0, 'lift');
    expect(await figures(story, 0)).toBe('3.00 2');
    expect(await place(story, 0)).toBe('1 of 3');
    expect(await listed(story, 'excluded')).toEqual([]);
    expect(await listed(story, 'lifted')).toHaveLength(1);
    await pay(story, 0, 'T', 1_000, { at: at(30) });
    expect(await figures(story, 0)).toBe('4.00 3');
    await expectSound(story);
  });

  test('what the bank says of the account is heard of who is excluded, too', async () => {
    const story = await open(shardCount);
    const { engine } = story.world;
    await setIban(story.citizens[0]!, 0);
    await agreed(story, 0, 'exclude');
    story.world.at('2021-02-13T12:00:00+01:00');
    const [due] = value(await engine.unverifiedAccounts(story.world.nowMs, 10));
    expect(value(await engine.recheckAccounts([{ ...due!, verdict: 'OK' }]))).toBe(1);
    await expectSound(story);
  });

  test('who leaves while excluded may not come back before that is lifted, and then begins anew', async () => {
    const story = await open(shardCount);
    await pay(story, 0, 'P', 1_000);
    await agreed(story, 0, 'exclude');
    await story.citizens[0]!.leave();
    expect(await story.citizens[0]!.do({ kind: 'enrol' })).toMatchObject({ ok: false, code: 'EXCLUDED' });
    await agreed(story, 0, 'lift');
    await story.citizens[0]!.enrol();
    expect(await figures(story, 0)).toBe('0.00 0');
    expect(await place(story, 0)).toBe('1 of 0, takes no part');
    await expectSound(story);
  });

  test('a payment stops counting with what is left of it, and counts again to the cent', async () => {
    const story = await open(shardCount);
    await pay(story, 0, 'P', 1_009);
    await pay(story, 0, 'Q', 10_000, { at: at(5) });
    await pay(story, 0, 'R', 505, { at: at(6), reversal: true, correlation: 'P' });
    await pay(story, 1, 'P', 1_000, { at: at(1) });
    expect(await figures(story, 0)).toBe('10.51 2');
    const payment = named(story, 0, 'P');
    const untouched = await seen(story.world, story.citizens);

    await agreed(story, 0, 'exclude', payment);
    await until(async () => (await figures(story, 0)) === '10.00 1', 'the wallet has heard');
    expect((await story.citizens[0]!.payments(H1)).map(({ cashbackCents }) => cashbackCents)).toContain(-51);
    expect(await place(story, 0)).toBe('2 of 2');
    expect(value(await story.world.engine.recordFate(payment.hpan, payment.record))).toMatchObject({
      ...{ state: 'counted', code: 'EXCLUDED', leftCents: 504 },
    });
    await agreed(story, 0, 'lift', payment);
    await until(async () => (await figures(story, 0)) === '10.51 2', 'the wallet has heard');
    expect((await seen(story.world, story.citizens)).views).toEqual(untouched.views);
    // A second time is a time of its own.
    await agreed(story, 0, 'exclude', payment);
    await until(async () => (await figures(story, 0)) === '10.00 1', 'the wallet has heard');
    await expectSound(story);
  });

  test('a reversal of an excluded payment is stopped, and goes on by itself when that is lifted', async () => {
    const story = await open(shardCount);
    await pay(story, 0, 'P', 10_000);
    await pay(story, 0, 'Q', 3_000, { at: at(1) });
    const payment = named(story, 0, 'P');
    await agreed(story, 0, 'exclude', payment);
    expect(await pay(story, 0, 'R1', 4_000, { at: at(2), reversal: true, correlation: 'P' })).toBe('parked EXCLUDED');
    expect(await pay(story, 0, 'R2', 6_000, { at: at(2), reversal: true, correlation: 'P' })).toBe('parked EXCLUDED');
    expect(await pay(story, 0, 'R3', 1_000, { at: at(2), reversal: true, correlation: 'P' })).toBe('parked EXCLUDED');
    expect(await figures(story, 0)).toBe('3.00 1');
    const applied = await story.world.engine.resolveReversal({
      ...{ hpan: payment.hpan, reversal: { ...named(story, 0, 'R1', at(2)).record, operationType: '01' } },
      ...{ resolution: 'apply', payment: payment.record, operator: 'carla', reason: 'seen' },
    });
    expect(applied).toMatchObject({ ok: false, code: 'EXCLUDED' });
    // Longer than any reversal waits.
    story.world.at('2021-04-12T12:00:00+02:00');
    await agreed(story, 0, 'lift', payment);
    const parked = async () => value(await story.world.engine.reversals({ state: 'parked' })).reversals;
    await until(
      async () => (await parked()).every(({ code }) => code === 'REVERSAL_EXCEEDS'),
      'both have been applied',
    );
    expect((await parked()).map(({ record }) => record.idTrxAcquirer)).toEqual(['R3']);
    expect(await figures(story, 0)).toBe('3.00 1');
    await expectSound(story);
  });

  test('a stopped reversal stays stopped when another payment comes with its correlation id, and only then is ambiguous', async () => {
    const story = await open(shardCount);
    const codes = async () =>
      value(await story.world.engine.reversals({ state: 'parked' })).reversals.map(({ code }) => code);
    await pay(story, 0, 'P', 10_000);
    await agreed(story, 0, 'exclude', named(story, 0, 'P'));
    expect(await pay(story, 0, 'R', 4_000, { at: at(2), reversal: true, correlation: 'P' })).toBe('parked EXCLUDED');
    await pay(story, 0, 'Q', 5_000, { at: at(3), correlation: 'P' });
    expect(await codes()).toEqual(['EXCLUDED']);
    await agreed(story, 0, 'lift', named(story, 0, 'P'));
    await until(async () => (await codes())[0] === 'REVERSAL_AMBIGUOUS', 'either payment may be meant');
    await expectSound(story);
  });

  test('the rule on abuse tells once a day, and its appeal has its days; operators decide as long as the period is open', async () => {
    const story = await open(shardCount, judging());
    for (const minute of [3, 2, 1, 0]) await pay(story, 0, `P${minute}`, 50, { at: at(minute), merchant: 'BAR' });
    await until(async () => (await figures(story, 0)) === '0.05 1', 'all but the first were taken back');
    const notices = value(await story.world.engine.notices({ state: 'due' })).notices;
    expect(notices.map(({ kind, citizen }) => `${kind} ${citizen}`)).toEqual([`anomalous ${story.citizens[0]!.key}`]);
    const excluded = await listed(story, 'excluded');
    expect(excluded.map(({ payment }) => payment?.record.idTrxAcquirer).sort()).toEqual(['P1', 'P2', 'P3']);
    expect(excluded.map(({ appealEndsMs }) => appealEndsMs)).toEqual(
      Array(3).fill(instant('2021-02-20T00:00:00+01:00')),
    );

    const payment = (id: string, minute: number) => ({ payment: named(story, 0, id, at(minute)) });
    expect(await refusal(story, 0, 'exclude', 'anna', payment('P1', 1))).toBe('EXCLUSION_EXISTS');
    story.world.at('2021-02-19T23:59:59+01:00');
    value(await ask(story, 0, 'appeal', 'anna', payment('P1', 1)));
    story.world.at('2021-02-20T00:00:00+01:00');
    expect(await refusal(story, 0, 'appeal', 'anna', payment('P2', 2))).toBe('APPEAL_OVER');
    value(await ask(story, 0, 'approve', 'bruno', payment('P1', 1)));
    value(await ask(story, 0, 'lift', 'anna', payment('P2', 2)));
    value(await ask(story, 0, 'reject', 'bruno', payment('P2', 2)));
    await until(async () => (await figures(story, 0)) === '0.10 2', 'one counts again');
    // Who was heard is not judged again; who comes later is, and is told of it.
    await pay(story, 0, 'P4', 50, { at: at(4), merchant: 'BAR' });
    expect(await listed(story, 'excluded')).toHaveLength(3);
    await until(async () => (await figures(story, 0)) === '0.10 2', 'the fifth was taken back');
    expect(value(await story.world.engine.notices({ state: 'due' })).notices).toHaveLength(2);
    await expectSound(story);
  });

  test('what is approved survives the power, and is carried out once', async () => {
    const story = await open(shardCount);
    await pay(story, 0, 'P', 1_000);
    await pay(story, 0, 'Q', 2_000, { at: at(1) });
    const payment = named(story, 0, 'P');
    value(await ask(story, 0, 'exclude', 'anna', { payment }));
    await story.world.engine.close();
    for (let flushes = 0; flushes < 5; flushes += 1) {
      const { world, disk } = await openOnDisk({ disk: story.disk, now: ARRIVAL });
      const again = { ...story, world, citizens: story.citizens.map(({ taxCode }) => world.citizen(taxCode)) };
      const [waiting, excluded] = [await listed({ world }, 'proposed'), await listed({ world }, 'excluded')];
      expect(waiting.length + excluded.length).toBe(1);
      // What was cut short has been ended by the start.
      expect(await figures(again, 0)).toBe(excluded.length === 0 ? '3.00 2' : '2.00 1');
      disk.hold();
      void ask(again, 0, 'approve', 'bruno', { payment });
      await turnsTaken();
      disk.release(flushes);
      await turnsTaken();
      disk.crash();
      await turnsTaken();
    }
    const { world } = await openOnDisk({ disk: story.disk, now: ARRIVAL });
    const citizens = story.citizens.map(({ taxCode }) => world.citizen(taxCode));
    expect(await figures({ citizens }, 0)).toBe('2.00 1');
    await expectSound({ ...story, world, citizens });
  });

  test('of two reversals that wait for a payment, the rule on abuse may take it out between them', async () => {
    const story = await open(shardCount, judging());
    await pay(story, 0, 'S1', 50);
    await pay(story, 0, 'S2', 50, { at: at(1) });
    for (const id of ['R1', 'R2']) {
      expect(await pay(story, 0, id, 10, { at: at(3), reversal: true, correlation: 'S3' })).toBe('pending');
    }
    expect(await pay(story, 0, 'S3', 50, { at: at(2) })).toBe('0.05');
    await until(async () => (await figures(story, 0)) === '0.05 1', 'only the first counts');
    const fates = ['R1', 'R2'].map((id) => {
      const { hpan, record } = named(story, 0, id, at(3));
      return story.world.engine.recordFate(hpan, { ...record, operationType: '01' });
    });
    const states = (await Promise.all(fates)).map((fate) => value(fate).state);
    expect(['applied applied', 'applied parked']).toContain(states.join(' '));
    await expectSound(story);
  });

  test('what may not be asked is refused, and changes nothing', async () => {
    const story = await open(shardCount);
    await pay(story, 0, 'P', 1_000);
    const payment = named(story, 0, 'P');
    expect(await refusal(story, 0, 'lift', 'anna')).toBe('EXCLUSION_NOT_FOUND');
    expect(await refusal(story, 0, 'approve', 'anna')).toBe('EXCLUSION_NOT_FOUND');
    expect(await refusal(story, 0, 'exclude', '')).toBe('FIELD_INVALID');
    expect(await refusal(story, 0, 'exclude', 'anna', { reason: ' ' })).toBe('FIELD_INVALID');
    expect(await refusal(story, 0, 'exclude', 'anna', { reason: 'x'.repeat(201) })).toBe('FIELD_INVALID');
    expect(await refusal(story, 0, 'exclude', 'anna', { citizen: 'f'.repeat(32) })).toBe('CITIZEN_NOT_FOUND');
    expect(await refusal(story, 0, 'exclude', 'anna', { payment: named(story, 0, 'Q') })).toBe('PAYMENT_NOT_FOUND');
    expect(await refusal(story, 1, 'exclude', 'anna', { payment })).toBe('PAYMENT_NOT_FOUND');
    expect(await listed(story, 'proposed')).toEqual([]);

    const proposed = value(await ask(story, 0, 'exclude', 'anna', { payment }));
    expect(value(await ask(story, 0, 'exclude', 'anna', { payment }))).toEqual(proposed);
    expect(await refusal(story, 0, 'exclude', 'bruno', { payment })).toBe('EXCLUSION_EXISTS');
    const decided = value(await ask(story, 0, 'approve', 'bruno', { payment }));
    expect(value(await ask(story, 0, 'approve', 'bruno', { payment }))).toEqual(decided);
    expect(await refusal(story, 0, 'exclude', 'anna', { payment })).toBe('EXCLUSION_EXISTS');
    expect(await refusal(story, 0, 'appeal', 'anna', { payment })).toBe('APPEAL_OVER');
    value(await ask(story, 0, 'lift', 'anna', { payment }));
    story.world.at('2021-07-16T00:00:00+02:00');
    expect(await refusal(story, 0, 'approve', 'bruno', { payment })).toBe('PERIOD_CLOSED');
    expect(await refusal(story, 0, 'reject', 'bruno', { payment })).toBe('ok');
    await expectSound(story);
  });
});

test("the wallet's history tells who proposed and who decided, and why", async () => {
  const story = await open(1, judging());
  for (const minute of [0, 1, 2]) await pay(story, 0, `P${minute}`, 50, { at: at(minute) });
  await agreed(story, 0, 'appeal', named(story, 0, 'P1', at(1)));
  await agreed(story, 0, 'exclude');
  value(await ask(story, 0, 'lift', 'anna'));
  value(await ask(story, 0, 'reject', 'bruno', { reason: 'no' }));
  await story.world.engine.close();
  const { stores } = await openMemoryPersistence({ disk: story.disk });
  const source = { journals: stores.map(({ journal }) => journal.read(1)), vaults: stores.map(({ vault }) => vault) };
  const { history, wallet, totals } = await pastWallet(source, story.citizens[0]!.taxCode, story.world.nowMs);
  const told = history.map(({ what, command, reason }) => `${what}, ${command}, ${reason}`);
  expect(told.slice(told.indexOf('rule on abuse: exclude payment P1, null, null'))).toEqual([
    'rule on abuse: exclude payment P1, null, null',
    'payment counts no more, period 2, cashback -5 cents, null, null',
    'rule on abuse: exclude payment P2, null, null',
    'payment counts no more, period 2, cashback -5 cents, null, null',
    'proposed: appeal payment P1, operator:anna, seen',
    'approved: appeal payment P1, operator:bruno, right',
    'payment counts again, period 2, cashback 5 cents, null, null',
    'proposed: exclude the citizen, operator:anna, seen',
    'approved: exclude the citizen, operator:bruno, right',
    'excluded from the programme, null, null',
    'proposed: lift the citizen, operator:anna, seen',
    'rejected: lift the citizen, operator:bruno, no',
  ]);
  expect(wallet?.enabled).toBe(false);
  expect(totals).toMatchObject([{ rawCents: 0, transactionNumber: 0 }]);
});

type Change = (fact: Fact) => Fact | null;

test.each<readonly [string, Change, RegExp]>([
  [
    'nobody approved',
    (fact) => (fact.kind === 'exclusionSet' && fact.exclusion.decidedBy === 'bruno' ? null : fact),
    /nobody asked for/,
  ],
  [
    'one operator decided alone',
    (fact) =>
      fact.kind === 'exclusionSet' && fact.exclusion.decidedBy === 'bruno'
        ? { ...fact, exclusion: { ...fact.exclusion, decidedBy: 'anna' } }
        : fact,
    /decided by no second person/,
  ],
  [
    'takes back another amount',
    (fact) =>
      fact.kind === 'recordSet' && fact.entry.record.operationType === 'X1-00'
        ? { ...fact, entry: { ...fact.entry, scoreCents: -1 } }
        : fact,
    /payment \.scoreCents: expected -5, found -1/,
  ],
  [
    'the rule did not make',
    (fact) => (fact.kind === 'merchantDaySet' && fact.merchantDay.paymentCount === 3 ? null : fact),
    /the rule on abuse excludes no such payment/,
  ],
  [
    'was judged by another merchant than its card knows',
    (fact) =>
      fact.kind === 'merchantDaySet' ? { ...fact, merchantDay: { ...fact.merchantDay, merchantId: 'M2' } } : fact,
    /merchant by which the rule on abuse judged it: expected "M1", found "M2"/,
  ],
  [
    'never moved the citizen',
    (fact) => (fact.kind === 'citizenExcluded' ? null : fact),
    /is excluded: expected true, found false/,
  ],
  [
    'its card never carried out',
    (fact) => (operationIn(fact)?.startsWith('X1') === true ? null : fact),
    /"P2".* is excluded, and card \w+ counts it all the same/,
  ],
  [
    'its card carried out of itself',
    (fact) => (fact.kind === 'exclusionSet' && fact.exclusion.payment?.record.idTrxAcquirer === 'P2' ? null : fact),
    /does not count, and citizen \w+ has no exclusion of it/,
  ],
])('the inspector notices an exclusion that %s', async (_, change, expected) => {
  const story = await open(1, judging());
  for (const minute of [0, 1, 2]) await pay(story, 0, `P${minute}`, 50, { at: at(minute) });
  await agreed(story, 0, 'appeal', named(story, 0, 'P1', at(1)));
  await agreed(story, 1, 'exclude');
  await story.world.engine.close();
  const { stores } = await openMemoryPersistence({ disk: story.disk });
  const changed = stores.map((store) => ({ ...store, journal: changedJournal(store.journal, change) }));
  const said = (await verifyStores(changed, story.world.engine.programme, [])).differences.join('\n');
  expect(said).toMatch(expected);
});

function operationIn(fact: Fact): string | null {
  if (fact.kind === 'recordSet') return fact.entry.record.operationType;
  return fact.kind === 'paymentListed' ? fact.payment.operationType : null;
}

function changedJournal(journal: Journal, change: Change): Journal {
  return {
    ...{ lastSequence: journal.lastSequence, epoch: journal.epoch },
    append: (turn) => journal.append(turn),
    trim: (sequence) => journal.trim(sequence),
    *read(sequence) {
      for (const turn of journal.read(sequence)) {
        const sections = turn.sections.map((one) => ({
          ...one,
          facts: one.facts.flatMap((fact) => change(fact) ?? []),
        }));
        yield { ...turn, sections };
      }
    },
  };
}

test('an IBAN set before stays, and none is taken meanwhile', async () => {
  const story = await open(1);
  const set = (number: number) =>
    story.citizens[0]!.do({
      ...({ kind: 'setIban', iban: makeIban(number), accountHolderCF: story.citizens[0]!.taxCode } as const),
      ...{ accountHolderName: 'Anna', accountHolderSurname: 'Bianchi' },
    });
  expect(await set(1)).toMatchObject({ ok: true });
  await agreed(story, 0, 'exclude');
  expect(await set(2)).toMatchObject({ ok: false, code: 'EXCLUDED' });
  await agreed(story, 0, 'lift');
  expect((await story.citizens[0]!.wallet()).iban).toBe(makeIban(1));
  await expectSound(story);
});
