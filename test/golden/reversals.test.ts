// Method: reversals that wait, that are doubtful or that come twice, played through real commands; what waits is made
// visible by the payment that it would take back.
import { expect, test } from 'vitest';
import { openVector, p, r } from './vector.ts';

const NOTHING = { raw: '0.00', count: 0 };
const AMBIGUOUS = 'parked REVERSAL_AMBIGUOUS';

test('G17 without a correlation id only the whole amount at the same till matches; the rest goes after a month', async () => {
  const shop = { merchant: 'M', terminal: 'T' };
  const vector = await openVector();
  expect(await vector.play(p('20.00', shop), r('20.00', undefined, shop), r('19.99', undefined, shop))).toEqual([
    '2.00',
    '-2.00',
    'pending',
  ]);
  expect(await vector.figures()).toMatchObject(NOTHING);
  // Received on 12 February at noon: at that hour of 12 March it is gone (DECISIONS 23, 40).
  vector.world.at('2021-03-12T12:00:00+01:00');
  expect(await vector.play(p('19.99', { ...shop, at: '2021-03-12T11:00:00+01:00' }))).toEqual(['2.00']);
  expect(await vector.figures()).toMatchObject({ raw: '2.00', count: 1 });
});

test('G17 the same reversal is still there a millisecond before its month is over', async () => {
  const shop = { merchant: 'M', terminal: 'T' };
  const vector = await openVector();
  await vector.play(r('19.99', undefined, shop));
  vector.world.at('2021-03-12T11:59:59.999+01:00');
  await vector.play(p('19.99', { ...shop, at: '2021-03-12T11:00:00+01:00' }));
  expect(await vector.figures()).toMatchObject(NOTHING);
});

const early = r('30.00', 'x', { at: '2021-02-10T09:00:00+01:00' });

test('G18 a reversal that comes before its payment is applied with it', async () => {
  const vector = await openVector();
  expect(await vector.play(early)).toEqual(['pending']);
  expect(await vector.figures()).toMatchObject(NOTHING);
  expect(await vector.listed()).toEqual([]);
  vector.world.at('2021-02-14T12:00:00+01:00');
  expect(await vector.play(p('30.00', { name: 'x', at: '2021-02-10T08:30:00+01:00' }))).toEqual(['3.00']);
  expect(await vector.figures()).toMatchObject(NOTHING);
  expect(await vector.listed()).toEqual(['30.00 3.00', '-30.00 -3.00']);
});

test('G19 a reversal is forgotten when its payment comes 32 days later', async () => {
  const vector = await openVector();
  await vector.play(early);
  vector.world.at('2021-03-16T12:00:00+01:00');
  await vector.play(p('30.00', { name: 'x', at: '2021-02-10T08:30:00+01:00' }));
  expect(await vector.figures()).toMatchObject({ raw: '3.00', count: 1 });
  expect(await vector.listed()).toEqual(['30.00 3.00']);
});

test('G21 the same key counts once; with operation 01 it is another record', async () => {
  const vector = await openVector();
  const same = { name: 'x', id: 'ARN-SAME', at: '2021-02-10T08:30:00+01:00' };
  expect(await vector.play(p('10.00', same), p('10.00', same))).toEqual(['1.00', 'rejected DUPLICATE_RECORD']);
  expect(await vector.figures()).toMatchObject({ raw: '1.00', count: 1 });
  expect(await vector.play(r('10.00', 'x', same))).toEqual(['-1.00']);
  expect(await vector.play(r('10.00', 'x', same))).toEqual(['rejected DUPLICATE_RECORD']);
  expect(await vector.figures()).toMatchObject(NOTHING);
});

test('G22 a reversal whose correlation id two payments carry is parked', async () => {
  const vector = await openVector();
  const inputs = [p('10.00', { name: 'c' }), p('20.00', { name: 'c' }), r('20.00', 'c')];
  expect(await vector.play(...inputs)).toEqual(['1.00', '2.00', AMBIGUOUS]);
  expect(await vector.figures()).toMatchObject({ raw: '3.00', count: 2 });
});

test('G22b the amounts make no difference to that', async () => {
  const vector = await openVector();
  const inputs = [p('20.00', { name: 'c' }), p('10.00', { name: 'c' }), r('10.00', 'c')];
  expect(await vector.play(...inputs)).toEqual(['2.00', '1.00', AMBIGUOUS]);
  expect(await vector.figures()).toMatchObject({ raw: '3.00', count: 2 });
});

test('DECISION 18: a reversal already applied stands when a second payment turns up with its correlation id', async () => {
  const vector = await openVector();
  await vector.play(p('10.00', { name: 'c' }), r('10.00', 'c'), p('20.00', { name: 'c' }));
  expect(await vector.figures()).toMatchObject({ raw: '2.00', count: 1 });
});

test('DECISION 4: without a correlation id the oldest untouched payment is taken back', async () => {
  const vector = await openVector();
  await vector.play(
    p('20.00', { name: 'later', at: '2021-02-09T10:00:00+01:00' }),
    p('20.00', { name: 'older', at: '2021-02-08T10:00:00+01:00' }),
    r('20.00'),
  );
  // What is left of `older` is nothing, of `later` everything.
  expect(await vector.play(r('0.01', 'older'), r('20.00', 'later'))).toEqual(['parked REVERSAL_EXCEEDS', '-2.00']);
});
