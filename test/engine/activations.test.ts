// Method: a card and a token on two stores, with flushes let go one by one, so that the card is claimed and nobody
// knows yet whether the token will be; then Rome passes midnight, a payment comes, the power goes at every step.
import { describe, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { partitionOf } from '../../engine/partition.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { outcomeText } from '../golden/vector.ts';
import { factsOf } from '../support/journal.ts';
import { hpanOn, openOnDisk, releaseOneByOne, shardOf, turnsTaken } from '../support/shards.ts';
import { type Citizen, instant, value, World } from '../support/world.ts';

const SHARDS = 2;
const BEFORE_MIDNIGHT = '2021-02-10T23:59:59.900+01:00';
const AFTER_MIDNIGHT = '2021-02-11T00:00:01+01:00';
const TAKEN = { ok: false, code: 'INSTRUMENT_TAKEN' };
const ID = 'f'.repeat(32);
const H1 = 2;

const CARD = hpanOn(1, SHARDS, 1);
const TOKEN = hpanOn(0, SHARDS, 1);
const ASKED = { kind: 'enableCashback', hpan: CARD, tokens: [TOKEN] } as const;

/** Anna is on the token's store; the token is Bruno's unless it is to be granted. */
async function open(isGranted: boolean) {
  const { world, disk } = await openOnDisk({ shardCount: SHARDS, now: '2021-02-01T10:00:00+01:00' });
  const [anna, bruno] = citizensOn(0, world);
  for (const citizen of [anna, bruno]) await citizen.enrol();
  if (!isGranted) await bruno.enable(TOKEN);
  return { world, disk, anna, bruno };
}

function citizensOn(shard: number, world: World): readonly [Citizen, Citizen] {
  const citizens = Array.from({ length: 64 }, (_, number) => world.citizen(makeTaxCode(number)));
  const [first, second] = citizens.filter(({ key }) => shardOf(key, SHARDS) === shard);
  return [first!, second!];
}

/** Lets the wallet's first step be flushed: now the card has decided. */
async function claimCard(disk: MemoryDisk): Promise<void> {
  await turnsTaken();
  disk.release(1);
  await turnsTaken();
}

/** What the rows of a stopped world say of the card. */
async function cardAtRest(world: World) {
  await world.engine.close();
  const { rows } = world.persistence.stores[1]!;
  return rows.get('card', partitionOf(CARD), CARD, '')?.value;
}

describe('DECISION 38: a payment that comes after midnight, while the activation before it is undecided,', () => {
  test.each([
    { isGranted: true, paid: '1.00', card: { ok: true, value: { status: 'ACTIVE' } } },
    { isGranted: false, paid: 'dropped INSTRUMENT_NOT_COVERED', card: { ok: false, code: 'INSTRUMENT_NOT_FOUND' } },
  ])('waits for the end: granted $isGranted, paid $paid', async ({ isGranted, paid, card }) => {
    const { world, disk, anna } = await open(isGranted);
    world.at(BEFORE_MIDNIGHT);
    disk.hold();
    const enabled = anna.do(ASKED);
    await claimCard(disk);
    world.at(AFTER_MIDNIGHT);
    const payment = { hpan: CARD, at: '2021-02-11T00:00:00+01:00', cents: 1_000, id: 'P' };
    const answers: string[] = [];
    const sent = [payment, payment].map(async (one) => answers.push(outcomeText(await world.pay(one))));
    disk.release(1);
    await turnsTaken();
    expect(answers).toEqual([]);
    // Undecided, it is nobody's.
    expect(await world.engine.instrument(anna.key, CARD)).toMatchObject({ ok: false, code: 'INSTRUMENT_NOT_FOUND' });
    await releaseOneByOne(disk);
    await Promise.all(sent);

    expect(await enabled).toMatchObject(isGranted ? { ok: true } : TAKEN);
    expect(answers).toEqual([paid, isGranted ? 'rejected DUPLICATE_RECORD' : paid]);
    expect(await anna.total(H1)).toMatchObject({ transactionNumber: isGranted ? 1 : 0 });
    expect(await world.engine.instrument(anna.key, CARD)).toMatchObject(card);
    expect(factsOf(world, 'cardClaimed')).toMatchObject([{ activationMs: instant(BEFORE_MIDNIGHT) }]);
    expect(world.faults).toEqual([]);
  });
});

test('DECISION 38: who asks as soon as the activation is answered sees the card active, before the card has heard', async () => {
  const { world, disk, anna } = await open(true);
  disk.hold();
  let seen: unknown;
  const enabled = anna.do(ASKED).then(async () => {
    seen = await world.engine.instrument(anna.key, CARD);
  });
  await claimCard(disk);
  await releaseOneByOne(disk);
  await enabled;
  expect(seen).toMatchObject({ value: { status: 'ACTIVE' } });
});

test.each(['removeMethod', 'disableCashback'] as const)(
  'while more is asked for an enabled card, %s of it waits: the answer tells its activation',
  async (kind) => {
    const { world, disk, anna } = await open(true);
    await anna.enable(CARD);
    disk.hold();
    const order: string[] = [];
    const asked = { kind: 'enableCashback', hpan: CARD, tokens: [hpanOn(1, SHARDS, 50)] } as const;
    const enabled = anna.do(asked).finally(() => order.push('enabled'));
    const ended = anna.do({ kind, hpan: CARD }).finally(() => order.push('ended'));
    await releaseOneByOne(disk);
    expect(world.faults).toEqual([]);
    expect(await enabled).toMatchObject({ ok: true, answer: { activationMs: instant('2021-02-01T10:00:00+01:00') } });
    expect(await ended).toMatchObject({ ok: true });
    expect(order).toEqual(['enabled', 'ended']);
    expect((await verifyPersistence(world.persistence)).differences).toEqual([]);
  },
);

describe('DECISION 38: a claim taken back leaves the card as it was, byte for byte:', () => {
  test('one that nobody ever had', async () => {
    const { world, anna } = await open(false);
    expect(await anna.do(ASKED)).toEqual(TAKEN);
    expect(factsOf(world, 'claimWithdrawn')).toMatchObject([{ status: 'absent' }]);
    expect((await world.engine.stats()).cardsActive).toBe(1);
    expect(await anna.wallet()).toMatchObject({ methods: [] });
    expect(await cardAtRest(world)).toBeUndefined();
  });

  test('one that was another’s, as a token, through an issuer', async () => {
    const { world, disk, anna, bruno } = await open(false);
    const issuer = { role: 'issuer', subject: '12345', channel: '12345' } as const;
    await bruno.do({ kind: 'enableCashback', hpan: hpanOn(0, SHARDS, 50), tokens: [CARD] }, world.nextId(), issuer);
    world.at('2021-02-05T10:00:00+01:00');
    expect(outcomeText(await world.pay({ hpan: CARD, at: '2021-02-04T10:00:00+01:00', cents: 500 }))).toBe('0.50');
    await bruno.disable(CARD);
    const before = await cardAtRest(world);
    expect(before).toMatchObject({
      status: 'inactive',
      history: [{ channel: '12345', master: hpanOn(0, SHARDS, 50) }],
    });

    const { world: later } = await openOnDisk({ disk, now: '2021-02-06T10:00:00+01:00' });
    expect(await later.citizen(anna.taxCode).do(ASKED, ID)).toEqual(TAKEN);
    expect(factsOf(later, 'claimWithdrawn')).toMatchObject([{ status: 'inactive' }]);
    const seen = value(await later.engine.instrument(bruno.key, CARD));
    expect(seen).toMatchObject({ status: 'INACTIVE', deactivationMs: instant('2021-02-05T10:00:00+01:00') });
    expect(await cardAtRest(later)).toEqual(before);
  });
});

describe.each([{ isGranted: true }, { isGranted: false }])('an activation, granted $isGranted,', ({ isGranted }) => {
  test('ends as it should whenever the power goes, and the inspector understands every moment of it', async () => {
    for (let flushes = 0, isOver = false; !isOver; flushes += 1) {
      const { world, disk, anna } = await open(isGranted);
      world.at(BEFORE_MIDNIGHT);
      disk.hold();
      void anna.do(ASKED, ID);
      await turnsTaken();
      for (let left = flushes; left > 0; left -= 1) {
        disk.release(1);
        await turnsTaken();
      }
      isOver = disk.waitingCount === 0;
      disk.crash();

      const stopped = await openMemoryPersistence({ disk });
      const { differences } = await verifyPersistence(stopped);
      expect(differences, `after ${flushes} flushes`).toEqual([]);
      await goOn(await World.open({ persistence: stopped, now: AFTER_MIDNIGHT }), anna.taxCode, isGranted);
    }
  });
});

/** Recovery has delivered what was under way; the same id tells how it ended, and a payment whose card it is. */
async function goOn(world: World, taxCode: string, isGranted: boolean): Promise<void> {
  const anna = world.citizen(taxCode);
  expect(await anna.do(ASKED, ID)).toMatchObject(isGranted ? { ok: true } : TAKEN);
  world.at('2021-02-13T10:00:00+01:00');
  const paid = outcomeText(await world.pay({ hpan: CARD, at: '2021-02-12T10:00:00+01:00', cents: 1_000 }));
  expect(paid).toBe(isGranted ? '1.00' : 'dropped INSTRUMENT_NOT_COVERED');
  expect((await cardAtRest(world))?.status).toBe(isGranted ? 'active' : undefined);
  expect((await verifyPersistence(world.persistence)).differences).toEqual([]);
  expect(world.faults).toEqual([]);
}
