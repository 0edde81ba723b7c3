// Method: the vectors about the cap and the minimum count are played through real commands; a milestone is named by
// its place in the citizen's list, oldest first.
import { expect, test } from 'vitest';
import { CHRISTMAS, openVector, p, r, times } from './vector.ts';

test('G04 ten times 150 euros reach cap and minimum with the tenth payment', async () => {
  const vector = await openVector(CHRISTMAS);
  await vector.play(...times(10, p('150.00')));
  expect(await vector.figures()).toEqual({ raw: '150.00', shown: '150.00', payable: '150.00', count: 10 });
  expect(await vector.milestones()).toEqual({ pivot: 10, norm: '15.00', minimum: 10 });
});

test('G05 the payment that crosses the cap is worth what was missing', async () => {
  const vector = await openVector(CHRISTMAS);
  await vector.play(...times(9, p('150.00')), p('120.00'), p('80.00'));
  expect(await vector.figures()).toEqual({ raw: '155.00', shown: '150.00', payable: '150.00', count: 11 });
  expect(await vector.milestones()).toEqual({ pivot: 11, norm: '3.00', minimum: 10 });
});

test('G06 a payment of one cent unlocks the refund', async () => {
  const vector = await openVector(CHRISTMAS);
  await vector.play(...times(9, p('100.00')));
  expect(await vector.figures()).toMatchObject({ raw: '90.00', count: 9, payable: '0.00' });
  expect(await vector.play(p('0.01'))).toEqual(['0.00']);
  expect(await vector.figures()).toMatchObject({ raw: '90.00', count: 10, payable: '90.00' });
});

test('G07 the fiftieth payment of a semester unlocks the refund', async () => {
  const vector = await openVector();
  await vector.play(...times(49, p('10.00')));
  expect(await vector.figures()).toMatchObject({ raw: '49.00', payable: '0.00' });
  expect(await vector.milestones()).toEqual({ pivot: null, norm: null, minimum: null });
  await vector.play(p('10.00'));
  expect(await vector.figures()).toMatchObject({ raw: '50.00', payable: '50.00' });
  expect(await vector.milestones()).toEqual({ pivot: null, norm: null, minimum: 50 });
});

test('G36 a full reversal clears the minimum until another payment reaches it', async () => {
  const vector = await openVector();
  await vector.play(...times(49, p('10.00')), p('10.00', { name: 'last' }));
  expect(await vector.milestones()).toMatchObject({ minimum: 50 });
  await vector.play(r('10.00', 'last'));
  expect(await vector.milestones()).toMatchObject({ minimum: null });
  await vector.play(p('10.00'));
  // The reversal stands in the list between the two.
  expect(await vector.milestones()).toMatchObject({ minimum: 52 });
  expect(await vector.figures()).toMatchObject({ payable: '50.00', count: 50 });
});

test('G37 a full reversal clears the pivot until another payment reaches the cap', async () => {
  const vector = await openVector(CHRISTMAS);
  await vector.play(...times(9, p('150.00')), p('150.00', { name: 'last' }));
  expect(await vector.milestones()).toMatchObject({ pivot: 10 });
  await vector.play(r('150.00', 'last'));
  expect(await vector.milestones()).toMatchObject({ pivot: null, norm: null });
  expect(await vector.figures()).toMatchObject({ raw: '135.00' });
  await vector.play(p('150.00'));
  expect(await vector.milestones()).toMatchObject({ pivot: 12, norm: '15.00' });
  expect(await vector.figures()).toMatchObject({ payable: '150.00', count: 10 });
});
