// Method: one shard alone, before a coordinator that only notes what it hears, and that keeps up or not as the test says.
import { expect, test } from 'vitest';
import {
  APP_CHANNEL,
  type CommandReply,
  italy2020,
  LIMITS,
  makeTaxCode,
  type Published,
  RecoveredStore,
  StoreShard,
  type WalletCommandBody,
} from '../../engine/index.ts';
import { openMemoryPersistence } from '../../snapshots/index.ts';
import { turnsTaken } from '../support/shards.ts';
import { hpan, instant } from '../support/world.ts';

const CITIZEN = 'a0'.repeat(16);
const ORIGIN = { role: 'citizen', subject: CITIZEN, channel: APP_CHANNEL } as const;

async function openShard() {
  const [store] = (await openMemoryPersistence()).stores;
  const place = { index: 0, shardCount: 1 };
  const coordinator = {
    isBehind: false,
    heard: [] as Published[],
    published: (published: Published) => void coordinator.heard.push(published),
    ranks: async () => [],
    ranked: async () => ({ sequence: 0, copies: [] }),
  };
  const clock = { now: instant('2020-12-07T10:00:00+01:00'), nowMs: () => clock.now };
  const shard = new StoreShard({
    ...place,
    recovered: new RecoveredStore(store!, place, () => {}),
    programme: italy2020(),
    neighbour: () => shard,
    coordinator,
    clock,
    schedule: setImmediate,
    failed: (error) => expect(error).toBeUndefined(),
    onPoint: () => {},
  });
  let ids = 0;
  const execute = (body: WalletCommandBody, done: (reply: CommandReply) => void) => {
    ids += 1;
    const id = ids.toString(16).padStart(32, '0');
    shard.execute({ citizen: CITIZEN, taxCode: makeTaxCode(1), origin: ORIGIN, id, body }, done);
  };
  return { shard, coordinator, clock, execute };
}

test('while the coordinator does not keep up commands wait, and then they are done', async () => {
  const { shard, coordinator, execute } = await openShard();
  coordinator.isBehind = true;
  const replies: CommandReply[] = [];
  execute({ kind: 'enrol' }, (reply) => replies.push(reply));
  await turnsTaken();
  expect([replies.length, coordinator.heard.length]).toEqual([0, 0]);
  coordinator.isBehind = false;
  shard.wake();
  await shard.idle();
  expect(replies).toMatchObject([{ ok: true }]);
  expect(coordinator.heard).toHaveLength(1);
});

test('a turn that moves many ranks is told in pieces, and where it stands with the last of them', async () => {
  const { shard, coordinator, clock, execute } = await openShard();
  for (const body of [{ kind: 'enrol' }, { kind: 'enableCashback', hpan: hpan(1) }] as const) {
    expect(await new Promise((resolve) => execute(body, resolve))).toMatchObject({ ok: true });
  }
  clock.now = instant('2021-02-11T12:00:00+01:00');
  const before = coordinator.heard.at(-1)!.sequence;
  coordinator.heard.length = 0;
  const count = 2 * LIMITS.pieceCount + 1;
  for (let payment = 0; payment < count; payment += 1) {
    const record = {
      ...{
        acquirerCode: '36081',
        operationType: '00',
        circuitType: '01',
        hpan: hpan(1),
        trxMs: clock.now - 86_400_000,
      },
      ...{ idTrxAcquirer: `ARN${payment}`, idTrxIssuer: '', correlationId: '', amountCents: 1_000 },
      ...{ acquirerId: '09509', merchantId: 'M1', terminalId: 'T1' },
    };
    shard.record({ record, receivedMs: clock.now }, (outcome) => expect(outcome).toMatchObject({ status: 'counted' }));
  }
  await shard.idle();
  const heard = coordinator.heard.map(({ sequence, sequences, moves }) => [
    sequence,
    sequences.length > 0,
    moves.length,
  ]);
  expect(heard).toEqual([
    [before, false, LIMITS.pieceCount],
    [before, false, LIMITS.pieceCount],
    [before + 1, true, 1],
  ]);
  const counts = coordinator.heard.flatMap(({ moves }) => moves.map(({ after }) => after?.count));
  expect(counts).toEqual(Array.from({ length: count }, (_, at) => at + 1));
});
