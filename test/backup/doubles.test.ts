// Method: a few records come under one key for several cards, on two shards, with others that only look like it; what is found in
// the folder at rest and in a backup is compared. The sketch is held against a plain count, with tables so small that it has to
// begin anew many times.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { KEYS_END, KeySketch } from '../../snapshots/backup/key-sketch.ts';
import {
  BackupWriter,
  doublesOf,
  openAtRest,
  openPersistence,
  pastOfBackup,
  pastOfFolder,
} from '../../snapshots/index.ts';
import { outcomeText } from '../golden/vector.ts';
import { Random, seed } from '../support/random.ts';
import { hpanOn } from '../support/shards.ts';
import { instant, type Payment, World } from '../support/world.ts';

const AT = '2021-02-10T10:00:00+01:00';
const [ANNA, BRUNO, CARLA] = [makeTaxCode(1), makeTaxCode(2), makeTaxCode(3)];
/** On two shards, and one that nobody has enrolled. */
const [FIRST, SECOND, THIRD, NOBODYS] = [hpanOn(0, 2, 1), hpanOn(1, 2, 1), hpanOn(1, 2, 100), hpanOn(0, 2, 100)];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickday-doubles-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('DECISION 35: a key under several cards is taken in by each, and found from a folder at rest and from a backup', async () => {
  const [data, backup] = [join(folder, 'data'), join(folder, 'backup')];
  const persistence = await openPersistence({ folder: data, shardCount: 2 });
  const world = await World.open({ persistence, now: '2021-01-10T08:00:00+01:00' });
  for (const [taxCode, card] of [
    [ANNA, FIRST],
    [BRUNO, SECOND],
    [CARLA, THIRD],
  ] as const) {
    await world.citizen(taxCode).enrol();
    await world.citizen(taxCode).enable(card);
  }
  world.at('2021-02-12T12:00:00+01:00');
  const pay = async (card: string, id: string, more: Partial<Payment> = {}) =>
    outcomeText(await world.pay({ hpan: card, at: AT, cents: 1_000, id, correlation: id, ...more }));
  expect(await pay(FIRST, 'ONE')).toBe('1.00');
  expect(await pay(SECOND, 'ONE', { cents: 2_000 })).toBe('2.00');
  expect(await pay(THIRD, 'ONE')).toBe('1.00');
  expect(await pay(FIRST, 'ONE')).toBe('rejected DUPLICATE_RECORD');
  // A reversal has a key of its own.
  expect(await pay(FIRST, 'ONE', { reversal: true })).toBe('-1.00');
  // Dropped, of another instant, of one card alone.
  expect(await pay(SECOND, 'TWO')).toBe('1.00');
  expect(await pay(NOBODYS, 'TWO')).toBe('dropped INSTRUMENT_NOT_COVERED');
  expect(await pay(FIRST, 'TWO', { at: '2021-02-10T10:00:00.001+01:00' })).toBe('1.00');
  expect(await pay(THIRD, 'EARLY', { at: '2021-01-05T10:00:00+01:00' })).toBe('dropped INSTRUMENT_NOT_COVERED');
  await world.engine.close();
  await persistence.close();

  const found = await doublesOf(() => pastOfFolder(data));
  const holding = { state: 'counted', awardPeriodId: 2, fileNumber: 0, receivedMs: world.nowMs };
  expect(found).toEqual({
    doubles: [
      {
        key: {
          idTrxAcquirer: 'ONE',
          trxMs: instant(AT),
          acquirerCode: '36081',
          acquirerId: '09509',
          operationType: '00',
        },
        holdings: expect.arrayContaining([
          { ...holding, hpan: FIRST, citizen: world.citizen(ANNA).key, amountCents: 1_000, scoreCents: 100 },
          { ...holding, hpan: SECOND, citizen: world.citizen(BRUNO).key, amountCents: 2_000, scoreCents: 200 },
          { ...holding, hpan: THIRD, citizen: world.citizen(CARLA).key, amountCents: 1_000, scoreCents: 100 },
        ]),
      },
    ],
    moreCount: 0,
  });
  expect(found.doubles[0]!.holdings).toHaveLength(3);
  expect(await doublesOf(() => pastOfFolder(data), { doublesMax: 0 })).toEqual({ doubles: [], moreCount: 1 });

  const atRest = await openAtRest(data);
  const writer = await BackupWriter.open({ source: atRest.source, folder: backup });
  await writer.cut('all', new Date());
  await writer.close();
  await atRest.close();
  expect(await doublesOf(() => pastOfBackup(backup))).toEqual(found);
});

test('a sketch that has to begin anew finds the same keys as a plain count, each once', () => {
  const random = new Random(seed);
  const keys = Array.from({ length: 20_000 }, () => random.below(2 ** 26) * 2 ** 26 + random.below(2 ** 26));
  const records = Array.from({ length: 40_000 }, () => [random.pick(keys), random.below(3)] as const);
  const cardsOf = new Map<number, Set<number>>();
  for (const [key, card] of records) cardsOf.set(key, (cardsOf.get(key) ?? new Set()).add(card));
  const expected = [...cardsOf].filter(([, cards]) => cards.size > 1).map(([key]) => key);

  const found: number[] = [];
  let sketches = 0;
  for (let from = 0; from < KEYS_END; sketches += 1) {
    const sketch = new KeySketch({ from, slotsMax: 2 ** 11, foundMax: 10_000 });
    for (const [key, card] of records) sketch.add(key, card);
    const { count, keys } = sketch.found();
    expect(count).toBe(keys.length);
    found.push(...keys);
    from = sketch.end;
  }
  expect(sketches).toBeGreaterThan(8);
  expect(found.toSorted((a, b) => a - b)).toEqual(expected.toSorted((a, b) => a - b));
});
