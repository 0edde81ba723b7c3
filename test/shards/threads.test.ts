// Method: whole stories over the engine's own threads, one store each, as the server starts them; what is found is
// compared with the same story on one thread, with a plain model, and with the inspector's reading of the folder.

import { syncBuiltinESMExports } from 'node:module';
import workerThreads, { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isoText, makeIban, makeTaxCode, partitionOf } from '../../engine/index.ts';
import { verifyFolder } from '../../snapshots/index.ts';
import { closePeriod, livePeriod, PAID_PERIOD, setIban } from '../support/payouts.ts';
import { Random, seed } from '../support/random.ts';
import { hpanElsewhere, hpanOn, shardOf } from '../support/shards.ts';
import { Threads } from '../support/threads.ts';
import { type Citizen, hpan, instant, value, World } from '../support/world.ts';

const CHRISTMAS = 1;
const H1 = 2;

let threads: Threads;
beforeEach(() => {
  threads = new Threads();
});
afterEach(async () => {
  await threads.close();
  threads.remove();
});

/** Stops in order; the folder must agree with itself, and no thread may have failed. */
async function expectSound(): Promise<void> {
  await threads.close();
  expect(threads.faults).toEqual([]);
  expect((await verifyFolder(threads.folder)).differences, `SEED=${seed}`).toEqual([]);
}

async function enrolled(world: World, count: number): Promise<readonly Citizen[]> {
  const citizens = Array.from({ length: count }, (_, number) => world.citizen(makeTaxCode(number)));
  await Promise.all(citizens.map((citizen) => citizen.enrol()));
  return citizens;
}

describe('two stores, two threads', () => {
  test('one card claimed by two citizens at once has one owner', async () => {
    const world = await threads.open(2);
    const all = await enrolled(world, 40);
    const anna = all.find(({ key }) => shardOf(key, 2) === 0)!;
    const bruno = all.find(({ key }) => shardOf(key, 2) === 1)!;
    for (let number = 0; number < 100; number += 1) {
      const card = hpan(number);
      const replies = await Promise.all([anna, bruno].map((one) => one.do({ kind: 'enableCashback', hpan: card })));
      expect(replies.map((reply) => (reply.ok ? 'done' : reply.code)).sort()).toEqual(['INSTRUMENT_TAKEN', 'done']);
      const owner = replies[0]!.ok ? anna : bruno;
      const other = replies[0]!.ok ? bruno : anna;
      expect(await world.engine.instrument(owner.key, card)).toMatchObject({ value: { status: 'ACTIVE' } });
      expect(await world.engine.instrument(other.key, card)).toMatchObject({ code: 'INSTRUMENT_NOT_FOUND' });
      await owner.disable(card);
    }
    await expectSound();
  });

  test('whoever is too busy to come round is answered all the same', async () => {
    const world = await threads.open(2);
    const [anna] = await enrolled(world, 1);
    const { key: citizen, taxCode, origin } = anna!;
    const body = { kind: 'enableCashback', hpan: hpan(1) } as const;
    let reply: unknown = null;
    world.engine.execute({ citizen, taxCode, origin, id: world.nextId(), body }, (answer) => {
      reply = answer;
    });
    const isAnswered = () => reply !== null;
    for (const endMs = performance.now() + 30_000; !isAnswered() && performance.now() < endMs; ) threads.exchange();
    expect(reply).toMatchObject({ ok: true });
    await expectSound();
  });

  test('payments and reversals across stores end as they do on one thread', async () => {
    const play = async (world: World) => {
      const random = new Random(seed);
      const citizens = await enrolled(world, 12);
      const cards = citizens.flatMap(({ key }, at) => [
        hpanElsewhere(key, 2, 1_000 * at),
        hpanOn(0, 2, 1_000 * at + 500),
      ]);
      await Promise.all(cards.map((card, at) => citizens[at >> 1]!.enable(card)));
      world.at('2021-02-11T12:00:00+01:00');
      const outcomes: unknown[] = [];
      for (let round = 0; round < 20; round += 1) {
        const records = cards.map((card, at) => {
          const name = `${at} ${random.below(round + 1)}`;
          const cents = 1_000 + 10 * at;
          const day = String(1 + random.below(9)).padStart(2, '0');
          return {
            hpan: card,
            at: `2021-02-${day}T10:00:00+01:00`,
            cents,
            correlation: name,
            reversal: random.below(3) === 0,
          };
        });
        outcomes.push(...(await Promise.all(records.map((record) => world.pay(record)))));
      }
      const views = await Promise.all(citizens.map(async (one) => [await one.total(H1), await one.ranking(H1)]));
      const reversals = value(await world.engine.reversals({ state: 'pending', limit: 100 })).reversals.length;
      return { outcomes, views, reversals };
    };
    const withOne = await play(await World.open());
    const world = await threads.open(2);
    // Who is asked under which key depends on the folder's own: only what it says may not.
    expect(withoutKeys(await play(world)), `SEED=${seed}`).toEqual(withoutKeys(withOne));
    await expectSound();
  });

  test('a tie that goes down to the tax code is decided across stores', async () => {
    const world = await threads.open(2);
    const citizens = await enrolled(world, 60);
    await Promise.all(citizens.map((citizen, at) => citizen.enable(hpan(at))));
    world.at('2021-02-11T12:00:00+01:00');
    await Promise.all(
      citizens.map((_, at) => world.pay({ hpan: hpan(at), at: '2021-02-10T10:00:00+01:00', cents: 100 })),
    );
    const page = value(await world.engine.rankingPage(H1, 1, 100));
    const codes = new Map(citizens.map(({ key, taxCode }) => [key, taxCode]));
    const ranked = page.map(({ citizen }) => codes.get(citizen));
    expect(ranked).toEqual([...codes.values()].sort());
    expect(new Set(citizens.map(({ key }) => partitionOf(key) % 2)).size).toBe(2);
    for (const [at, one] of page.entries()) {
      const citizen = citizens.find(({ key }) => key === one.citizen)!;
      expect((await citizen.ranking(H1)).ranking).toBe(at + 1);
    }
    await expectSound();
  });

  test('a rank is exact as soon as its payment is answered', async () => {
    const world = await threads.open(2);
    const random = new Random(seed);
    const citizens = await enrolled(world, 30);
    await Promise.all(citizens.map((citizen, at) => citizen.enable(hpan(at))));
    world.at('2021-02-11T12:00:00+01:00');
    const counts = citizens.map(() => 0);
    const countsOf = () => counts.toSorted((left, right) => right - left).filter((count) => count > 0);
    for (let round = 0; round < 60; round += 1) {
      const payers = new Set(Array.from({ length: 1 + random.below(6) }, () => random.below(citizens.length)));
      await Promise.all(
        [...payers].map(async (at) => {
          await world.pay({ hpan: hpan(at), at: '2021-02-10T10:00:00+01:00', cents: 100 });
          counts[at]! += 1;
          // Others are on their way: the own count is certain, and the rank is one that this count can have.
          const { transactionNumber, takesPart } = await citizens[at]!.ranking(H1);
          expect([transactionNumber, takesPart], `SEED=${seed}`).toEqual([counts[at], true]);
        }),
      );
      const page = value(await world.engine.rankingPage(H1, 1, 100));
      expect(
        page.map(({ transactionNumber }) => transactionNumber),
        `SEED=${seed}`,
      ).toEqual(countsOf());
      const [asked] = payers;
      const { ranking } = await citizens[asked!]!.ranking(H1);
      expect(page[ranking - 1]?.citizen).toBe(citizens[asked!]!.key);
    }
    await expectSound();
  });

  test('what was there at a stop is there at the next start', async () => {
    const world = await threads.open(2);
    const citizens = await enrolled(world, 30);
    await Promise.all(citizens.map((citizen, at) => citizen.enable(hpan(at))));
    world.at('2021-02-11T12:00:00+01:00');
    await Promise.all(
      Array.from({ length: 3_000 }, (_, at) =>
        world.pay({ hpan: hpan((at * at) % 30), at: '2021-02-10T10:00:00+01:00', cents: 1_000 + at }),
      ),
    );
    const look = async (seen: World) => {
      const { nowMs, turns, facts, checkpointSequence, unwrittenRowCount, ...stats } = await seen.engine.stats();
      const views = citizens
        .map(({ taxCode }) => seen.citizen(taxCode))
        .map((one) => Promise.all([one.total(H1), one.ranking(H1), one.payments(H1)]));
      return [stats, await Promise.all(views), value(await seen.engine.rankingPage(H1, 1, 100))];
    };
    const before = await look(world);
    await expectSound();
    const again = await threads.open(undefined, '2021-02-11T12:00:00+01:00');
    expect(await look(again)).toEqual(before);
    await expectSound();
  });

  test('a stop answers all that was taken in, while messages go round', async () => {
    const world = await threads.open(2);
    const citizens = await enrolled(world, 50);
    const answers: string[] = [];
    const work = citizens.flatMap((citizen, at) =>
      Array.from({ length: 20 }, (_, card) =>
        citizen.do({ kind: 'enableCashback', hpan: hpan(50 * card + ((at * 7) % 50)) }),
      ),
    );
    for (const one of work) void one.then((reply) => answers.push(reply.ok ? 'done' : reply.code));
    const closed = threads.close();
    const late = await citizens[0]!.do({ kind: 'leave' });
    expect(late).toMatchObject({ ok: false, code: 'DRAINING' });
    await closed;
    expect(answers).toHaveLength(work.length);
    expect(new Set(answers)).toEqual(new Set(['done']));
    await expectSound();
    const again = await threads.open();
    expect((await again.engine.stats()).cardsActive).toBe(1_000);
  });

  test('a thread that dies takes the engine with it', async () => {
    const workers: Worker[] = [];
    class Watched extends Worker {
      constructor(...options: ConstructorParameters<typeof Worker>) {
        super(...options);
        workers.push(this);
      }
    }
    workerThreads.Worker = Watched;
    syncBuiltinESMExports();
    try {
      await threads.open(2);
    } finally {
      workerThreads.Worker = Worker;
      syncBuiltinESMExports();
    }
    expect(workers).toHaveLength(3);
    await workers[1]!.terminate();
    expect(threads.faults).toMatchObject([{ message: expect.stringContaining('thread 1 of the engine ended') }]);
    threads.abandon();
    await Promise.all(workers.map((worker) => worker.terminate()));
  });
});

test('three stores close a period under load, and agree on who won', async () => {
  const world = await threads.open(3);
  const citizens = await enrolled(world, 30);
  await Promise.all(citizens.map((citizen, at) => citizen.enable(hpan(at))));
  world.at('2021-01-10T12:00:00+01:00');
  const pay = (at: number) => world.pay({ hpan: hpan(at), at: '2020-12-20T12:00:00+01:00', cents: 1_000 });
  let isStreaming = true;
  let counted = 0;
  const streams = citizens.map(async (_, at) => {
    while (isStreaming) {
      const outcome = await pay(at);
      if ('status' in outcome && outcome.status === 'counted') counted += 1;
    }
  });
  const before = instant('2021-01-10T23:59:59.999+01:00');
  world.at(isoText(before));
  const last = citizens.map((_, at) => pay(at));
  world.at('2021-01-11T00:00:00+01:00');
  const isFrozen = async () =>
    (await world.engine.stats()).rankings.some(
      ({ awardPeriodId, isFrozen }) => awardPeriodId === CHRISTMAS && isFrozen,
    );
  while (!(await isFrozen())) world.engine.tick();
  isStreaming = false;
  await Promise.all(streams);
  for (const outcome of await Promise.all(last)) expect(outcome).toMatchObject({ status: 'counted' });
  const totals = await Promise.all(citizens.map((citizen) => citizen.total(CHRISTMAS)));
  expect(totals.reduce((sum, { transactionNumber }) => sum + transactionNumber, 0)).toBe(counted + citizens.length);
  await expectSound();
});

test('three stores pay a closed period: records, files, outcomes and what is sent again', async () => {
  const world = await threads.open(3);
  const { engine } = world;
  const citizens = await livePeriod(world, [10, 10, 10, 9]);
  await closePeriod(world);
  // Two thirds of what is due: asked of all stores, and cut by each.
  const made = {
    orderNumber: 1,
    recordCount: 3,
    totalCents: 3 * 66_66,
    cut: { fundsCents: 200_00, totalCents: 300_00 },
  };
  expect(value(await engine.makePayouts(PAID_PERIOD, 200_00))).toMatchObject(made);
  expect(value(await engine.makePayouts(PAID_PERIOD, 300_00))).toMatchObject({ orderNumber: 2, recordCount: 3 });
  const records = (await Promise.all(citizens.map(({ key }) => engine.payoutsOf(key)))).map(value);
  expect(records.map((own) => own.map(({ cashbackCents }) => cashbackCents))).toEqual([
    ...new Array(3).fill([66_66, 33_34]),
    [],
  ]);

  const ids = records.flat().map(({ id }) => id);
  const fileNumber = 1;
  const file = { fileNumber, awardPeriodId: PAID_PERIOD, name: 'one', rowCount: 6, totalCents: 300_00, checksum: '' };
  await engine.setPayoutFile({ ...file, state: 'writing', atMs: world.nowMs });
  const marked = records
    .flat()
    .flatMap(({ id, updateMs }) => [
      { kind: 'export', id, fileNumber, updateMs } as const,
      { kind: 'deliver', id, fileNumber } as const,
    ]);
  expect(await engine.changePayouts(marked)).toEqual(marked.map(() => ({ ok: true, successorId: null })));
  const outcome = { result: 'KO', reason: 'conto estinto', cro: '', executionDay: '' } as const;
  await engine.changePayouts([{ kind: 'outcome', id: ids[0]!, outcome }]);
  await setIban(citizens[0]!, 1);
  const [, , again] = value(await engine.payoutsOf(citizens[0]!.key));
  expect(again).toMatchObject({ relatedId: ids[0], status: 'NEW', account: { iban: makeIban(1) } });
  expect(await engine.changePayouts([{ kind: 'outcome', id: ids[0]!, outcome }])).toEqual([
    { ok: true, successorId: again!.id },
  ]);
  const account = { iban: makeIban(2), accountHolderCF: 'X', accountHolderName: 'Y', accountHolderSurname: 'Z' };
  const paid = { account, cashbackCents: 1, jackpotCents: 0, outcome, consapId: '1', ticketId: '2', relatedId: null };
  expect(
    await engine.integratePayout({ ...paid, citizen: citizens[3]!.key, awardPeriodId: PAID_PERIOD }),
  ).toMatchObject({ ok: true });
  expect(value(await engine.payoutFiles())).toEqual([{ ...file, state: 'writing', atMs: world.nowMs }]);
  await expectSound();
});

function withoutKeys(seen: unknown): unknown {
  return JSON.parse(JSON.stringify(seen).replace(/"(citizen|insertion)":("[^"]*"|\d+),?/g, ''));
}
