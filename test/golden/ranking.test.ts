// Method: the vectors of the Super Cashback with every payment sent for real; each citizen's own view and the
// operator's page must tell the same order.
import { expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { type Citizen, hpan, instant, value, World } from '../support/world.ts';
import { H1, semesterWith, taxCodeOf } from './vector.ts';

interface Player {
  readonly name: string;
  readonly taxCode: string;
  readonly terms: string;
  readonly count: number;
  readonly last: string;
}

/** Enrols all at their times, then sends `count` payments of each: the last one at `last`, the others before June. */
async function play(world: World, players: readonly Player[]): Promise<ReadonlyMap<string, Citizen>> {
  const citizens = new Map<string, Citizen>();
  const cards = new Map(players.map(({ name }, index) => [name, hpan(index + 1)]));
  for (const { name, taxCode, terms } of players.toSorted((a, b) => instant(a.terms) - instant(b.terms))) {
    world.at(terms);
    const citizen = world.citizen(taxCode);
    citizens.set(name, citizen);
    await citizen.enrol();
    await citizen.enable(cards.get(name)!);
  }
  world.at('2021-07-01T12:00:00+02:00');
  for (const { name, count, last } of players) {
    const card = cards.get(name)!;
    const earlier = Array.from({ length: count - 1 }, (_, index) => instant('2021-05-01T08:00:00+02:00') + index);
    const instants = [...earlier, instant(last)].map((ms) => new Date(ms).toISOString());
    await Promise.all(instants.map((at) => world.pay({ hpan: card, at, cents: 1_000 })));
  }
  return citizens;
}

async function namesInOrder(world: World, citizens: ReadonlyMap<string, Citizen>): Promise<string> {
  const nameOf = new Map([...citizens].map(([name, { key }]) => [key, name]));
  const page = value(await world.engine.rankingPage(H1, 1, 100));
  for (const { rank, citizen } of page) {
    expect(await citizens.get(nameOf.get(citizen)!)!.ranking(H1)).toMatchObject({ ranking: rank, takesPart: true });
  }
  return page.map(({ citizen }) => nameOf.get(citizen)).join('');
}

test('G33 count, then last payment, then terms, then tax code decide; three win', async () => {
  const world = await World.open({ programme: semesterWith({ minPosition: 3 }) });
  const base = { terms: '2020-12-07T10:00:00+01:00', count: 100, last: '2021-06-19T22:15:00+02:00' };
  const citizens = await play(world, [
    { ...base, name: 'A', taxCode: makeTaxCode(1), last: '2021-06-20T10:00:00+02:00' },
    { ...base, name: 'B', taxCode: taxCodeOf('BBBBBB'), terms: '2020-12-09T09:00:00+01:00' },
    { ...base, name: 'C', taxCode: makeTaxCode(2), count: 101, last: '2021-06-30T23:00:00+02:00' },
    { ...base, name: 'D', taxCode: makeTaxCode(3), terms: '2020-12-08T08:00:00+01:00' },
    { ...base, name: 'E', taxCode: taxCodeOf('AZZZZZ'), terms: '2020-12-09T09:00:00+01:00' },
    { ...base, name: 'F', taxCode: makeTaxCode(4), count: 12 },
  ]);
  expect(await namesInOrder(world, citizens)).toBe('CDEBAF');

  const views = new Map(
    await Promise.all([...citizens].map(async ([name, citizen]) => [name, await citizen.ranking(H1)] as const)),
  );
  for (const [name, view] of views) {
    const isWinner = 'CDE'.includes(name);
    expect(view).toMatchObject({
      totalParticipants: 6,
      maxTransactionNumber: 101,
      minTransactionNumber: 100,
      minPosition: 3,
      wouldWin: isWinner,
      jackpotCents: isWinner ? 150_000 : 0,
    });
  }
  const idle = world.citizen(makeTaxCode(5));
  await idle.enrol();
  expect(await idle.ranking(H1)).toMatchObject({ ranking: 7, transactionNumber: 0, takesPart: false, wouldWin: false });
});

test('G33 who wins by rank alone does not win below the minimum count', async () => {
  const world = await World.open({ programme: semesterWith({ minPosition: 3 }) });
  const base = { terms: '2020-12-07T10:00:00+01:00', last: '2021-06-19T22:15:00+02:00' };
  const citizens = await play(world, [
    { ...base, name: 'A', taxCode: makeTaxCode(1), count: 50 },
    { ...base, name: 'B', taxCode: makeTaxCode(2), count: 49 },
  ]);
  expect(await citizens.get('A')!.ranking(H1)).toMatchObject({ ranking: 1, wouldWin: true });
  expect(await citizens.get('B')!.ranking(H1)).toMatchObject({ ranking: 2, wouldWin: false, jackpotCents: 0 });
});

test('G35 a reversal takes the count back and leaves the last payment where it was', async () => {
  const world = await World.open();
  const base = { terms: '2020-12-07T10:00:00+01:00', count: 9 };
  const citizens = await play(world, [
    { ...base, name: 'A', taxCode: makeTaxCode(1), last: '2021-06-18T10:00:00+02:00' },
    { ...base, name: 'B', taxCode: makeTaxCode(2), last: '2021-06-21T10:00:00+02:00' },
    { ...base, name: 'C', taxCode: makeTaxCode(3), last: '2021-06-19T10:00:00+02:00' },
  ]);
  expect(await namesInOrder(world, citizens)).toBe('ACB');
  const tenth = { hpan: hpan(1), at: '2021-06-20T10:00:00+02:00', cents: 1_000, correlation: 'tenth' };
  await world.pay(tenth);
  expect(await namesInOrder(world, citizens)).toBe('ACB');
  expect(await world.pay({ ...tenth, reversal: true })).toMatchObject({ status: 'applied', scoreCents: -100 });
  expect(await namesInOrder(world, citizens)).toBe('CAB');
  expect(await citizens.get('A')!.ranking(H1)).toMatchObject({ ranking: 2, transactionNumber: 9 });
});
