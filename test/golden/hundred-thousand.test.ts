// Method: the one vector that needs a crowd: 100,001 citizens enrol, enable a card and pay, in batches as large as a
// mailbox takes; the two citizens at the edge of the prize then read their own rank.
import { expect, test } from 'vitest';
import { Crowd } from '../support/crowd.ts';
import { instant, value, World } from '../support/world.ts';
import { H1, semesterWith } from './vector.ts';

test('G34 of 100,001 citizens all but the last win, down to the last payment’s millisecond', async () => {
  // One payment each: fifty would be five million, and the minimum is a parameter like the others.
  const world = await World.open({ programme: semesterWith({ minTransactionNumber: 1, minPosition: 100_000 }) });
  const crowd = await Crowd.enrol(world, 100_001);
  world.at('2021-02-12T12:00:00+01:00');
  // Every payment has an instant of its own; who has which is spread over the crowd.
  const dated = (member: number) => instant('2021-02-10T10:00:00+01:00') + ((member * 7_919) % 100_001);
  await crowd.pay((member) => ({ trxMs: dated(member), amountCents: 1_000 }));

  const byInstant = new Map(Array.from({ length: 100_001 }, (_, member) => [dated(member), crowd.citizen(member)]));
  const page = value(await world.engine.rankingPage(H1, 99_999, 10));
  expect(page.map(({ rank }) => rank)).toEqual([99_999, 100_000, 100_001]);
  const [winner, loser] = [page[1]!, page[2]!].map(({ lastTrxMs }) => byInstant.get(lastTrxMs)!);
  const period = { totalParticipants: 100_001, maxTransactionNumber: 1, minTransactionNumber: 1 };
  expect(await winner!.ranking(H1)).toMatchObject({
    ...period,
    ranking: 100_000,
    wouldWin: true,
    jackpotCents: 150_000,
  });
  expect(await loser!.ranking(H1)).toMatchObject({ ...period, ranking: 100_001, wouldWin: false, jackpotCents: 0 });

  // The first of all pays once more: the maximum moves, the count at the last winning place does not.
  await crowd.pay((member) => (dated(member) === dated(0) ? { trxMs: dated(member) + 200_000, amountCents: 1 } : null));
  expect(await winner!.ranking(H1)).toMatchObject({ maxTransactionNumber: 2, minTransactionNumber: 1 });
  expect(world.faults).toEqual([]);
}, 600_000);
