// Method: more records of one card than its row names, in a seeded order and at instants that now and then are equal;
// then all of them again, after a restart, and between a turn's decision and its flush.
import { describe, expect, test } from 'vitest';
import { makeTaxCode, type RecordOutcome, type Refused, type TransactionRecord } from '../../engine/index.ts';
import { outcomeText } from '../golden/vector.ts';
import { Random, seed } from '../support/random.ts';
import { expectJournalToGiveTheSame } from '../support/replay.ts';
import { openOnDisk, releaseOneByOne, turnsTaken } from '../support/shards.ts';
import { hpan, instant, type World } from '../support/world.ts';

const CARD = hpan(1);
const PERIOD = 1;
const ENROLLED = '2020-12-07T09:00:00+01:00';
const PAYING = '2020-12-12T12:00:00+01:00';

async function openWithCard(shardCount: number) {
  const { world, disk } = await openOnDisk({ shardCount, now: ENROLLED });
  const citizen = world.citizen(makeTaxCode(1));
  await citizen.enrol();
  await citizen.enable(CARD);
  world.at(PAYING);
  return { world, disk, citizen };
}

function record(number: number, trxMs: number): TransactionRecord {
  return {
    ...{ acquirerCode: '36081', operationType: '00', circuitType: '01', hpan: CARD, trxMs, amountCents: 1_000 },
    ...{ idTrxAcquirer: `A${number}`, idTrxIssuer: '', correlationId: '', acquirerId: '09509' },
    ...{ merchantId: 'M', terminalId: 'T' },
  };
}

async function sendAll(world: World, records: readonly TransactionRecord[]): Promise<readonly string[]> {
  const outcomes: (RecordOutcome | Refused)[] = [];
  for (const one of records) outcomes.push(await world.send(one));
  return outcomes.map(outcomeText);
}

describe.each([1, 3])('on %i shards', (shardCount) => {
  test('fault 30: every record of a card is known for ever, in whatever order they came', async () => {
    const random = new Random(seed);
    const { world, disk, citizen } = await openWithCard(shardCount);
    const firstMs = instant('2020-12-09T10:00:00+01:00');
    const records = Array.from({ length: 60 }, (_, number) => record(number, firstMs + random.below(40)));
    const counted = records.map(() => outcomeText({ status: 'counted', scoreCents: 100, awardPeriodId: PERIOD }));
    expect(await sendAll(world, records), `seed=${seed}`).toEqual(counted);
    const known = records.map(() => outcomeText({ status: 'rejected', code: 'DUPLICATE_RECORD' }));
    expect(await sendAll(world, random.shuffle(records)), `seed=${seed}`).toEqual(known);
    const listed = await citizen.payments(PERIOD);
    expect(listed.map(({ trxMs }) => trxMs)).toEqual(records.map(({ trxMs }) => trxMs).sort((a, b) => b - a));
    await world.engine.close();

    const { world: later } = await openOnDisk({ disk, now: '2020-12-13T10:00:00+01:00' });
    expect(await sendAll(later, random.shuffle(records)), `seed=${seed}`).toEqual(known);
    expect(await sendAll(later, [record(60, firstMs)])).toEqual(counted.slice(0, 1));
    await expectJournalToGiveTheSame(later, disk);
  });

  test('a record that its wallet dropped may come again, and is judged anew', async () => {
    const { world, citizen } = await openWithCard(shardCount);
    // The card's day is covered, the terms of the enrolment since then are not (DECISION 27).
    await citizen.do({ kind: 'leave' });
    await citizen.enrol();
    const early = record(1, instant('2020-12-12T11:00:00+01:00'));
    const dropped = outcomeText({ status: 'dropped', code: 'TERMS_NOT_COVERED' });
    expect(await sendAll(world, [early, early])).toEqual([dropped, dropped]);
    expect(await citizen.payments(PERIOD)).toEqual([]);
  });

  test('what is seen of a page stays what was flushed while the next turn changes it', async () => {
    const { world, disk, citizen } = await openWithCard(shardCount);
    const paid = record(1, instant('2020-12-09T10:00:00+01:00'));
    const parked: TransactionRecord = { ...record(2, paid.trxMs), operationType: '01', correlationId: 'C' };
    // Of one turn, so that they are on one page, on one shard at least.
    await Promise.all([world.send({ ...paid, correlationId: 'C' }), world.send({ ...parked, amountCents: 2_000 })]);
    disk.hold();
    const applied = world.send({ ...record(3, paid.trxMs), operationType: '01', correlationId: 'C' });
    await turnsTaken();
    const before = await world.engine.reversals({ state: 'parked' });
    expect(before).toMatchObject({ ok: true, value: { reversals: [{ record: { amountCents: 2_000 } }] } });
    expect(await citizen.payments(PERIOD)).toHaveLength(1);
    await releaseOneByOne(disk);
    expect(await applied).toMatchObject({ status: 'applied' });
    expect(await citizen.payments(PERIOD)).toHaveLength(2);
  });
});
