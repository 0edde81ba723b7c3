// Method: each vector of domain 10 that is about money is played through real commands on one card;
// scores, totals and the list of transactions are compared with the table.
import { expect, test } from 'vitest';
import { CHRISTMAS, eurosOf, type Figures, H1, type Input, openVector, p, r, times } from './vector.ts';

interface Row {
  readonly name: string;
  readonly period?: typeof CHRISTMAS | typeof H1;
  readonly inputs: readonly Input[];
  readonly outcomes: readonly string[];
  readonly figures: Partial<Figures>;
}

const PARKED_EXCESS = 'parked REVERSAL_EXCEEDS';
const ascending = Array.from({ length: 60 }, (_, index) => ((37 * (index + 1)) % 9_000) + 1);

const TABLE: readonly Row[] = [
  {
    name: 'G01 one payment scores a tenth and pays nothing below the minimum',
    inputs: [p('45.00')],
    outcomes: ['4.50'],
    figures: { raw: '4.50', shown: '4.50', payable: '0.00', count: 1 },
  },
  {
    name: 'G02 half a cent rounds towards zero, and a cent still counts',
    inputs: ['0.01', '0.05', '0.06', '0.15', '10.05', '10.06', '36.17'].map((euros) => p(euros)),
    outcomes: ['0.00', '0.00', '0.01', '0.01', '1.00', '1.01', '3.62'],
    figures: { raw: '5.65', count: 7 },
  },
  {
    name: 'G03 one payment earns at most fifteen euros',
    inputs: ['149.94', '149.95', '149.96', '149.99', '150.00', '150.01', '700.00'].map((euros) => p(euros)),
    outcomes: ['14.99', '14.99', '15.00', '15.00', '15.00', '15.00', '15.00'],
    figures: { raw: '104.98', count: 7 },
  },
  {
    name: 'G08 a period pays at most 150 euros',
    inputs: times(60, p('40.00')),
    outcomes: new Array(60).fill('4.00'),
    figures: { raw: '240.00', shown: '150.00', payable: '150.00', count: 60 },
  },
  {
    name: 'G09 a full reversal takes back score and count',
    inputs: [p('80.00', { name: 'a' }), r('80.00', 'a')],
    outcomes: ['8.00', '-8.00'],
    figures: { raw: '0.00', count: 0 },
  },
  {
    name: 'G10 a full reversal of a large payment takes back fifteen euros',
    inputs: [p('700.00', { name: 'a' }), r('700.00', 'a')],
    outcomes: ['15.00', '-15.00'],
    figures: { raw: '0.00', count: 0 },
  },
  {
    name: 'G11 two partial reversals that make a whole uncount the payment',
    inputs: [p('100.00', { name: 'a' }), r('30.00', 'a'), r('70.00', 'a')],
    outcomes: ['10.00', '-3.00', '-7.00'],
    figures: { raw: '0.00', count: 0 },
  },
  {
    name: 'G13 the second half of a large payment takes back all that is left',
    inputs: [p('400.00', { name: 'a' }), r('200.00', 'a'), r('200.00', 'a')],
    outcomes: ['15.00', '0.00', '-15.00'],
    figures: { raw: '0.00', count: 0 },
  },
  {
    name: 'G14 a reversal larger than its payment is parked',
    inputs: [p('50.00', { name: 'a' }), r('60.00', 'a')],
    outcomes: ['5.00', PARKED_EXCESS],
    figures: { raw: '5.00', count: 1 },
  },
  {
    name: 'G15 a reversal larger than what is left is parked',
    inputs: [p('100.00', { name: 'a' }), r('60.00', 'a'), r('50.00', 'a')],
    outcomes: ['10.00', '-6.00', PARKED_EXCESS],
    figures: { raw: '4.00', count: 1 },
  },
  {
    name: 'G16 rounding per record may leave a cent',
    inputs: [p('10.09', { name: 'a' }), r('5.05', 'a'), r('5.04', 'a')],
    outcomes: ['1.01', '-0.50', '-0.50'],
    figures: { raw: '0.01', count: 0 },
  },
  {
    name: 'G20 a second total reversal of one payment is parked',
    inputs: [p('80.00', { name: 'a' }), r('80.00', 'a', { id: 'R1' }), r('80.00', 'a', { id: 'R2' })],
    outcomes: ['8.00', '-8.00', PARKED_EXCESS],
    figures: { raw: '0.00', count: 0 },
  },
  {
    name: 'G38 a Christmas of payments and reversals adds up',
    period: CHRISTMAS,
    inputs: [
      ...[p('19.99'), p('150.00', { name: 'b' }), p('450.50', { name: 'c' }), p('3.33'), p('0.05')],
      ...[p('77.77', { name: 'f' }), p('123.45'), p('9.95'), p('26.05'), p('100.01'), p('0.64')],
      ...[r('310.00', 'c'), r('77.77', 'f'), r('25.00', 'b')],
    ],
    outcomes: [
      ...['2.00', '15.00', '15.00', '0.33', '0.00', '7.78', '12.34', '0.99', '2.60', '10.00', '0.06'],
      ...['-0.95', '-7.78', '-2.50'],
    ],
    figures: { raw: '54.87', payable: '54.87', count: 10 },
  },
];

for (const { name, period = H1, inputs, outcomes, figures } of TABLE) {
  test(name, async () => {
    const vector = await openVector(period);
    expect(await vector.play(...inputs)).toEqual(outcomes);
    expect(await vector.figures()).toMatchObject(figures);
  });
}

test('G12 a reversal first eats what was above the limit of one payment', async () => {
  const vector = await openVector();
  const after = async (input: Input) => {
    const outcomes = await vector.play(input);
    const { raw, count } = await vector.figures();
    return [...outcomes, raw, count];
  };
  expect(await after(p('400.00', { name: 'a' }))).toEqual(['15.00', '15.00', 1]);
  expect(await after(r('200.00', 'a'))).toEqual(['0.00', '15.00', 1]);
  expect(await after(r('100.00', 'a'))).toEqual(['-5.00', '10.00', 1]);
  expect(await after(r('100.00', 'a'))).toEqual(['-10.00', '0.00', 0]);
});

test('G39 sixty payments of many sizes add up to 67.74', async () => {
  expect(ascending.reduce((sum, cents) => sum + cents, 0)).toBe(67_770);
  const vector = await openVector();
  await vector.play(...ascending.map((cents) => p(eurosOf(cents))));
  expect(await vector.figures()).toEqual({ raw: '67.74', shown: '67.74', payable: '67.74', count: 60 });
});

test('DECISION 20: rounding may take the raw total below zero, never what is shown or paid', async () => {
  const vector = await openVector();
  expect(await vector.play(p('10.05', { name: 'a' }), r('5.06', 'a'), r('4.99', 'a'))).toEqual([
    '1.00',
    '-0.51',
    '-0.50',
  ]);
  expect(await vector.figures()).toEqual({ raw: '-0.01', shown: '0.00', payable: '0.00', count: 0 });
});
