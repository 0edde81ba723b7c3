// Method: the shortest whole story (enrol, enable, pay, rank, stop, start) on one and on three shards;
// after the restart everything must be as it was.
import { expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { openMemoryPersistence } from '../../snapshots/index.ts';
import { hpan, World } from '../support/world.ts';

for (const shardCount of [1, 3]) {
  test(`a payment is counted and ranked, and survives a restart, on ${shardCount} shards`, async () => {
    const world = await World.open({ shardCount });
    const anna = world.citizen(makeTaxCode(1));
    const bruno = world.citizen(makeTaxCode(2));
    for (const citizen of [anna, bruno]) await citizen.enrol();
    await anna.enable(hpan(1));
    await bruno.enable(hpan(2));
    expect(await bruno.do({ kind: 'enableCashback', hpan: hpan(1) })).toMatchObject({
      ok: false,
      code: 'INSTRUMENT_TAKEN',
    });
    world.at('2021-02-11T12:00:00+01:00');
    expect(await world.pay({ hpan: hpan(1), at: '2021-02-11T10:15:30+01:00', cents: 4_500 })).toEqual({
      status: 'counted',
      scoreCents: 450,
      awardPeriodId: 2,
    });
    for (const cents of [1_000, 2_000]) await world.pay({ hpan: hpan(2), at: '2021-02-11T11:00:00+01:00', cents });
    const before = [await anna.total(2), await anna.ranking(2), await bruno.ranking(2)];
    expect(before[1]).toMatchObject({
      ranking: 2,
      transactionNumber: 1,
      totalParticipants: 2,
      maxTransactionNumber: 2,
    });
    await world.engine.close();

    const { disk } = world.persistence as Awaited<ReturnType<typeof openMemoryPersistence>>;
    const again = await World.open({
      persistence: await openMemoryPersistence({ disk }),
      now: '2021-02-11T12:00:00+01:00',
    });
    const same = [again.citizen(anna.taxCode), again.citizen(bruno.taxCode)] as const;
    expect([await same[0].total(2), await same[0].ranking(2), await same[1].ranking(2)]).toEqual(before);
    expect(world.faults).toEqual([]);
  });
}
