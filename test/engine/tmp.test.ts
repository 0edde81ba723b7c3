import { test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { hpanElsewhere, openOnDisk, releaseOneByOne, turnsTaken, shardOf } from '../support/shards.ts';
test('trace', async () => {
  const { world, disk } = await openOnDisk({ shardCount: 3, now: '2020-12-07T10:00:00+01:00' });
  const anna = world.citizen(makeTaxCode(1));
  await anna.enrol();
  const card = hpanElsewhere(anna.key, 3, 100);
  await anna.enable(card);
  world.at('2021-01-10T23:59:59.999+01:00');
  const payment = { hpan: card, at: '2020-12-28T10:00:00+01:00', cents: 1_000, correlation: 'x' };
  for (let count = 0; count < 5; count += 1) await world.pay({ ...payment, cents: 100, reversal: true });
  const from = world.persistence.stores.map((s) => s.journal.lastSequence);
  disk.hold();
  const paid = world.pay(payment);
  await turnsTaken();
  world.at('2021-01-11T00:00:00+01:00');
  await releaseOneByOne(disk);
  console.log(await paid, shardOf(card, 3), shardOf(anna.key, 3));
  world.persistence.stores.forEach((store, i) => {
    for (const r of store.journal.read(from[i]! + 1)) {
      const kinds = new Map<string, number>();
      for (const s of r.sections) for (const f of s.facts) kinds.set(f.kind, (kinds.get(f.kind) ?? 0) + 1);
      console.log(i, r.sequence, JSON.stringify([...kinds]));
    }
  });
});
