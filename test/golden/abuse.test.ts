// Method: G47 of domain 10 through public commands, with two operators; and what the rule leaves alone.
import { expect, test } from 'vitest';
import { type AbuseRule, checkProgramme, italy2020, type PaymentName, type Programme } from '../../engine/index.ts';
import { value } from '../support/world.ts';
import { H1, openVector, p, times, type Vector } from './vector.ts';

const RULE: AbuseRule = { firstDay: '2021-01-01', amountCentsMax: 100, paymentsMin: 5, appealDays: 7 };

function judging(rule: AbuseRule = RULE): Programme {
  const checked = checkProgramme({ ...italy2020(), abuseRule: rule });
  if (!checked.ok) throw new Error(checked.problem);
  return checked.programme;
}

const shop = (euros: string) => p(euros, { merchant: 'BAR' });

async function excludedPayments({ world }: Vector): Promise<readonly PaymentName[]> {
  const { exclusions } = value(await world.engine.exclusions({ state: 'excluded', limit: 100 }));
  return exclusions.flatMap(({ payment }) => payment ?? []);
}

async function appeal({ world, citizen }: Vector, payment: PaymentName): Promise<void> {
  const about = { citizen: citizen.key, payment, reason: 'proved' };
  value(await world.engine.exclude({ ...about, step: 'appeal', operator: 'anna' }));
  value(await world.engine.exclude({ ...about, step: 'approve', operator: 'bruno' }));
}

test('G47 twenty payments of ten cents in one shop on one day, and the appeal', async () => {
  const before = await openVector(H1);
  await before.play(...times(20, shop('0.10')));
  const counted = { raw: '0.20', shown: '0.20', payable: '0.00', count: 20 };
  expect(await before.figures()).toEqual(counted);

  const vector = await openVector(H1, { programme: judging() });
  await vector.play(...times(20, shop('0.10')));
  expect(await vector.figures()).toEqual({ raw: '0.01', shown: '0.01', payable: '0.00', count: 1 });
  expect((await vector.listed()).filter((line) => line === '-0.10 -0.01')).toHaveLength(19);

  const payments = await excludedPayments(vector);
  expect(payments).toHaveLength(19);
  for (const payment of payments) await appeal(vector, payment);
  expect(await vector.figures()).toEqual(counted);
  expect(await vector.listed()).toEqual(await before.listed());
  expect(await vector.milestones()).toEqual(await before.milestones());
  expect(await excludedPayments(vector)).toEqual([]);
});

test('the rule leaves alone four payments, larger ones, other shops and other days, and days before its first', async () => {
  const vector = await openVector(H1, { programme: judging({ ...RULE, firstDay: '2021-02-10' }) });
  await vector.play(
    ...times(4, shop('1.00')),
    ...times(6, shop('1.01')),
    ...times(4, p('0.50', { merchant: 'EDICOLA' })),
  );
  await vector.play(...times(4, { ...shop('1.00'), at: '2021-02-11T10:00:00+01:00' }));
  await vector.play(...times(8, { ...shop('1.00'), at: '2021-02-09T23:59:59+01:00' }));
  expect(await vector.figures()).toMatchObject({ count: 26 });
  // The fifth, after all of them, is made before: it is the first, and counts.
  await vector.play({ ...shop('0.80'), at: '2021-02-10T00:00:00+01:00' });
  expect(await vector.figures()).toMatchObject({ count: 23 });
  expect(await vector.listed()).toContain('0.80 0.08');
  expect((await vector.listed()).filter((line) => line.startsWith('-'))).toEqual(
    times(4, p('0.00')).map(() => '-1.00 -0.10'),
  );
});
