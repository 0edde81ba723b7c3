// Method: rows that name a PAR, of device tokens that nobody has enrolled, over the engine's door on one and on three
// shards; at the end of each story the engine is started again from its disk, and the inspector, which shares none of its
// fold, judges every fact and row. Domain 2.2, 9: a row counts whose hash is in the list, or whose PAR matches.
import { describe, expect, test } from 'vitest';
import type { Fact, TurnRecord } from '../../engine/facts.ts';
import { type Hpan, italy2020, makeTaxCode, type TransactionRecord } from '../../engine/index.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence, verifyStores } from '../../snapshots/inspect.ts';
import { openOnDisk } from '../support/shards.ts';
import { type Citizen, hpan, instant, value, World } from '../support/world.ts';

const PAR = 'Q1H5V6ZG8Y0K2M4N6P8R0T2V4X6Z8';
const CHRISTMAS = 1;
const [CARD, TOKEN, OTHER] = [hpan(1), hpan(1_001), hpan(2)];
const UNCOVERED = { status: 'dropped', code: 'INSTRUMENT_NOT_COVERED' };

interface Story {
  world: World;
  readonly disk: MemoryDisk;
  readonly anna: Citizen;
}

/** A card of Anna's, enabled on 8 December. */
async function open(shardCount: number, par: string | null = PAR): Promise<Story> {
  const { world, disk } = await openOnDisk({ shardCount, now: '2020-12-08T10:00:00+01:00' });
  const anna = world.citizen(makeTaxCode(1));
  await anna.enrol();
  await anna.enable(CARD);
  if (par !== null) expect(await world.engine.setPar(anna.key, CARD, par)).toEqual({ ok: true, value: true });
  world.at('2020-12-20T12:00:00+01:00');
  return { world, disk, anna };
}

interface Row {
  readonly of?: Hpan;
  readonly day?: number;
  readonly id?: string;
  readonly par?: string;
  readonly isReversal?: boolean;
}

let rows = 0;
function record({ of = TOKEN, day = 10, id, isReversal = false }: Row): TransactionRecord {
  rows += 1;
  return {
    ...{ acquirerCode: '36081', operationType: isReversal ? '01' : '02', circuitType: '01', hpan: of },
    trxMs: instant(`2020-12-${String(day).padStart(2, '0')}T12:00:00+01:00`),
    ...{ idTrxAcquirer: id ?? `ARN${rows}`, idTrxIssuer: '', correlationId: 'C', amountCents: 50_00 },
    ...{ acquirerId: '09509', merchantId: 'M', terminalId: 'T' },
  };
}

function pay({ world }: Story, row: Row = {}) {
  const { par = PAR } = row;
  return new Promise((resolve) => world.engine.record({ record: record(row), receivedMs: world.nowMs, par }, resolve));
}

async function expectSound(story: Story): Promise<void> {
  await story.world.engine.close();
  await story.world.persistence.close();
  expect(story.world.faults).toEqual([]);
  const persistence = await openMemoryPersistence({ disk: story.disk });
  const world = await World.open({ persistence, now: new Date(story.world.nowMs).toISOString() });
  // Found from rows: the same PAR again is not new, and a row is known.
  expect(await pay({ ...story, world }, { id: 'KNOWN', par: 'UNKNOWN' })).toMatchObject({ status: expect.any(String) });
  await world.engine.close();
  await world.persistence.close();
  const inspection = await verifyPersistence(await openMemoryPersistence({ disk: story.disk }));
  expect(inspection.differences).toEqual([]);
}

describe.each([1, 3])('on %i shards', (shardCount) => {
  test('a payment of a token that nobody enrolled is the card’s, once, and is taken back by its reversal', async () => {
    const story = await open(shardCount);
    const { anna } = story;
    expect(await pay(story, { id: 'A' })).toEqual({ status: 'counted', scoreCents: 500, awardPeriodId: CHRISTMAS });
    expect(await pay(story, { id: 'A' })).toEqual({ status: 'rejected', code: 'DUPLICATE_RECORD' });
    expect(await pay(story, { id: 'A', par: 'OTHER' })).toEqual({ status: 'rejected', code: 'DUPLICATE_RECORD' });
    expect(await anna.payments(CHRISTMAS)).toMatchObject([{ hpan: TOKEN, cashbackCents: 500 }]);
    expect(await pay(story, { id: 'A', isReversal: true })).toMatchObject({ status: 'applied', scoreCents: -500 });
    expect(await anna.total(CHRISTMAS)).toMatchObject({ rawCents: 0, transactionNumber: 0 });
    await expectSound(story);
  });

  test('only on days that an activation of the card covers, and only by that PAR', async () => {
    const story = await open(shardCount);
    const { world, anna } = story;
    expect(await pay(story, { day: 8 })).toEqual(UNCOVERED);
    expect(await pay(story, { day: 9, par: 'Q2' })).toEqual(UNCOVERED);
    expect(await pay(story, { day: 9 })).toMatchObject({ status: 'counted' });
    await anna.must({ kind: 'disableCashback', hpan: CARD });
    world.at('2020-12-22T12:00:00+01:00');
    expect(await pay(story, { day: 20 })).toMatchObject({ status: 'counted' });
    expect(await pay(story, { day: 21 })).toEqual(UNCOVERED);
    expect((await anna.total(CHRISTMAS)).transactionNumber).toBe(2);
    await expectSound(story);
  });

  test('a hash that somebody has enrolled is theirs, whatever PAR the row names', async () => {
    const story = await open(shardCount);
    const { world } = story;
    const bruno = world.citizen(makeTaxCode(2));
    await bruno.enrol();
    await bruno.enable(TOKEN);
    world.at('2020-12-23T12:00:00+01:00');
    expect(await pay(story, { day: 22 })).toMatchObject({ status: 'counted' });
    expect((await bruno.total(CHRISTMAS)).transactionNumber).toBe(1);
    // Of a day before it was: the card's.
    expect(await pay(story, { day: 15 })).toMatchObject({ status: 'counted' });
    expect((await story.anna.total(CHRISTMAS)).transactionNumber).toBe(1);
    await expectSound(story);
  });

  test('a token that is enrolled later knows what was counted before', async () => {
    const story = await open(shardCount);
    const { anna } = story;
    expect(await pay(story, { id: 'A' })).toMatchObject({ status: 'counted' });
    await anna.must({ kind: 'enableCashback', hpan: CARD, tokens: [TOKEN] });
    expect(await pay(story, { id: 'A' })).toEqual({ status: 'rejected', code: 'DUPLICATE_RECORD' });
    expect((await anna.total(CHRISTMAS)).transactionNumber).toBe(1);
    await expectSound(story);
  });

  test('cards of one PAR and one citizen are one account; of two citizens, nobody’s', async () => {
    const story = await open(shardCount);
    const { world, anna } = story;
    await anna.enable(OTHER);
    value(await world.engine.setPar(anna.key, OTHER, PAR));
    world.at('2020-12-23T12:00:00+01:00');
    expect(await pay(story, { day: 22 })).toMatchObject({ status: 'counted' });
    const bruno = world.citizen(makeTaxCode(2));
    await bruno.enrol();
    await bruno.enable(hpan(3));
    value(await world.engine.setPar(bruno.key, hpan(3), PAR));
    expect(await pay(story, { day: 23 })).toMatchObject({ status: 'counted' });
    world.at('2020-12-25T12:00:00+01:00');
    expect(await pay(story, { day: 24 })).toEqual(UNCOVERED);
    await expectSound(story);
  });

  test('only the owner’s active card has a PAR told, and another one takes its place', async () => {
    const story = await open(shardCount, null);
    const { world, anna } = story;
    const notFound = { ok: false, code: 'INSTRUMENT_NOT_FOUND' };
    const bruno = world.citizen(makeTaxCode(2));
    await bruno.enrol();
    expect(await world.engine.setPar(bruno.key, CARD, PAR)).toEqual(notFound);
    expect(await world.engine.setPar(anna.key, OTHER, PAR)).toEqual(notFound);
    expect(await pay(story)).toEqual(UNCOVERED);
    for (const isNew of [true, false]) {
      expect(await world.engine.setPar(anna.key, CARD, 'Q9')).toEqual({ ok: true, value: isNew });
    }
    expect(await world.engine.setPar(anna.key, CARD, PAR)).toEqual({ ok: true, value: true });
    expect(await pay(story, { par: 'Q9' })).toEqual(UNCOVERED);
    expect(await pay(story)).toMatchObject({ status: 'counted' });
    await anna.must({ kind: 'disableCashback', hpan: CARD });
    expect(await world.engine.setPar(anna.key, CARD, 'Q9')).toEqual(notFound);
    await expectSound(story);
  });

  test('who has left is not paid, and what was counted is not taken back from anybody', async () => {
    const story = await open(shardCount);
    const { world, anna } = story;
    expect(await pay(story, { id: 'A' })).toMatchObject({ status: 'counted' });
    await anna.leave();
    expect(await pay(story, { id: 'B' })).toEqual({ status: 'dropped', code: 'TERMS_NOT_COVERED' });
    expect(await pay(story, { id: 'A', isReversal: true })).toMatchObject({ status: 'pending' });
    expect((await anna.total(CHRISTMAS)).rawCents).toBe(0);
    expect(value(await world.engine.activations(CARD))).toHaveLength(1);
    expect(await world.engine.activations(TOKEN)).toEqual({ ok: false, code: 'INSTRUMENT_NOT_FOUND' });
    await expectSound(story);
  });
});

describe('the inspector says', () => {
  async function differences(change: (fact: Fact) => readonly Fact[]): Promise<string> {
    const { world, disk } = await open(1).then(async (story) => {
      await pay(story);
      await story.world.engine.close();
      await story.world.persistence.close();
      return story;
    });
    expect(world.faults).toEqual([]);
    const [store] = (await openMemoryPersistence({ disk })).stores;
    const turns = [...store!.journal.read(1)].map((turn): TurnRecord => {
      const sections = turn.sections.map((section) => ({ ...section, facts: section.facts.flatMap(change) }));
      return { ...turn, sections };
    });
    const { lastSequence, epoch } = store!.journal;
    const told = { lastSequence, epoch, append: async () => {}, trim: async () => {} };
    const read = (from: number) => turns.filter(({ sequence }) => sequence >= from);
    const inspection = await verifyStores([{ ...store!, journal: { ...told, read } }], italy2020());
    return inspection.differences.join('\n');
  }

  test.each<readonly [string, (fact: Fact) => readonly Fact[], RegExp]>([
    ['nothing, where there is nothing', (fact) => [fact], /^$/],
    [
      'that no card covers a record',
      (fact) => (fact.kind === 'parCovered' ? [] : [fact]),
      /no activation covers its day/,
    ],
    [
      'that the card has no PAR',
      (fact) => [fact.kind === 'parCovered' ? { ...fact, cover: { ...fact.cover, master: OTHER } } : fact],
      /which has no PAR/,
    ],
    [
      'that the card was another’s',
      (fact) => [fact.kind === 'parCovered' ? { ...fact, cover: { ...fact.cover, enrolment: 2 } } : fact],
      /which was not that citizen’s/,
    ],
    [
      'that a row points at a card whose PAR nobody has told',
      (fact) => (fact.kind === 'parSet' ? [] : [fact]),
      /pointer row of partition/,
    ],
  ])('%s', async (_, change, words) => {
    expect(await differences(change)).toMatch(words);
  });
});
