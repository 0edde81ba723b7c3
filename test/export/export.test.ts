// Method: a short period with all that may happen in one, lived by seeded citizens over the engine's door on stores of a
// real disk, frozen, paid and told. What is exported is read by a reader that knows nothing but the manifest and the law,
// and recomputes from payments alone what the engine said before it was closed.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeIban, makeTaxCode, type Programme } from '../../engine/index.ts';
import { EXPORTED } from '../../snapshots/export/tables.ts';
import {
  BackupWriter,
  exportBackup,
  exportFolder,
  openAtRest,
  openPersistence,
  reshardFolder,
} from '../../snapshots/index.ts';
import { closePeriod, PAID_PERIOD, PERIOD_BEGINS, setIban, shortProgramme } from '../support/payouts.ts';
import { Random, seed } from '../support/random.ts';
import { eraseKeyOf } from '../support/shards.ts';
import { type Citizen, hpan, instant, value, World } from '../support/world.ts';
import { Archive, rank, recompute } from './reader.ts';

const PERIOD = PAID_PERIOD;
const STORES = 3;
const CITIZENS = 30;
/** The last ones: the same in everything but their tax codes. */
const TIED = 6;
const ODD_NAME = 'Anna "Nuccia"; di\r\nRoma, Lazio';
const ODD_REASON = 'the till, "it" says; so';
const EXPORTED_MS = Date.parse('2021-03-01T10:00:00Z');

interface Said {
  readonly citizen: string;
  readonly total: Awaited<ReturnType<Citizen['total']>>;
  readonly rank: number | null;
}

interface Lived {
  readonly said: readonly Said[];
  readonly citizens: readonly Citizen[];
}

const day = (at: number, hour = 12, minute = 0) =>
  `2020-12-${String(at).padStart(2, '0')}T${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}:00+01:00`;

/** Payments of all sizes and days, some of them paid back in part, in full, twice or before they came. */
async function pay(world: World, random: Random): Promise<void> {
  for (let step = 0; step < 160; step += 1) {
    const card = hpan(random.below(CITIZENS - TIED));
    const [cents, correlation] = [1 + random.below(30_000), `C${step}`];
    const at = day(9 + random.below(12), random.below(24), random.below(60));
    await world.pay({ hpan: card, at, cents, correlation });
    for (let left = cents, back = 0; random.below(3) === 0 && back < 3 && left > 0; back += 1) {
      const part = random.below(2) === 0 ? left : 1 + random.below(left);
      await world.pay({ hpan: card, at, cents: part, correlation, reversal: true });
      left -= part;
    }
  }
}

/** An ambiguous reversal, which an operator applies; one too large, which is discarded; one that waits. */
async function doubt(world: World): Promise<void> {
  const card = hpan(3);
  const reversed = (id: string, cents: number, correlation: string) =>
    world.pay({ hpan: card, at: day(15, 11), cents, id, correlation, reversal: true });
  await world.pay({ hpan: card, at: day(15, 10), cents: 2_000, id: 'P1', correlation: 'doubt' });
  await world.pay({ hpan: card, at: day(15, 10, 1), cents: 3_000, id: 'P2', correlation: 'doubt' });
  await reversed('R1', 1_000, 'doubt');
  await reversed('R2', 9_000, 'doubt');
  await reversed('R3', 1_000, 'nothing');
  await reversed('R4', 9_000, 'doubt');
  const key = (idTrxAcquirer: string, at: string, operationType: string) => {
    return { idTrxAcquirer, trxMs: instant(at), acquirerCode: '36081', acquirerId: '09509', operationType };
  };
  const decided = { hpan: card, operator: 'carla', reason: ODD_REASON };
  const reversal = (id: string) => key(id, day(15, 11), '01');
  const payment = key('P2', day(15, 10, 1), '00');
  value(await world.engine.resolveReversal({ ...decided, reversal: reversal('R1'), resolution: 'apply', payment }));
  value(
    await world.engine.resolveReversal({ ...decided, reversal: reversal('R2'), resolution: 'discard', payment: null }),
  );
}

/** One that has nothing but a row of a wrong form, and one that is cut short. */
async function receive(world: World): Promise<void> {
  const open = async (name: string) => {
    const arrival = { sender: '36081', name, digest: name.padEnd(64, '0'), receivedMs: world.nowMs };
    return value(await world.engine.openFile(arrival));
  };
  const wrong = { fate: 'rejected', code: 'WRONG_COLUMNS', rowCount: 1, amountCents: 0 } as const;
  value(await world.engine.closeFile({ ...(await open('CSTAR.1.csv')), isDone: true, figures: [wrong] }));
  await open('CSTAR.2.csv');
}

async function live(world: World): Promise<Lived> {
  const random = new Random(seed);
  const citizens = Array.from({ length: CITIZENS }, (_, number) => world.citizen(makeTaxCode(number)));
  for (const [number, citizen] of citizens.entries()) {
    await citizen.enrol();
    await citizen.enable(hpan(number));
    if (number % 2 === 0) await setIban(citizen, number);
  }
  const [anna, left, back, heir] = citizens as [Citizen, Citizen, Citizen, Citizen];
  const details = { methodKind: 'card', brand: 'VISA', lastDigits: '1111', expiry: '2024-05', issuerAbi: '' } as const;
  await anna.must({ kind: 'addMethod', hpan: hpan(0), details });
  const account = { accountHolderCF: anna.taxCode, accountHolderName: ODD_NAME, accountHolderSurname: 'Rossi' };
  await anna.must({ kind: 'setIban', iban: makeIban(0), ...account });
  world.at(day(21));
  await pay(world, random);
  await doubt(world);
  await receive(world);
  const proposed = { citizen: citizens[0]!.key, payment: null, operator: 'carla', reason: ODD_REASON } as const;
  value(await world.engine.exclude({ ...proposed, step: 'exclude' }));
  for (const reversal of [false, true]) {
    await world.pay({ hpan: hpan(1), at: day(16), cents: 1_000, correlation: 'back', reversal });
  }
  // Who left has nothing more; who came back begins anew; whose card it was before was paid with it then.
  await left.leave();
  await back.leave();
  await back.enrol();
  await heir.enable(hpan(2));
  world.at(day(24));
  await world.pay({ hpan: hpan(2), at: day(20), cents: 1_000 }); // Before the terms, and dropped.
  await world.pay({ hpan: hpan(2), at: day(23), cents: 5_000 });
  await heir.disable(hpan(2));
  for (let number = CITIZENS - TIED; number < CITIZENS; number += 1) {
    await world.pay({ hpan: hpan(number), at: day(22), cents: 5_000 });
  }

  world.at('2021-01-03T10:00:00+01:00');
  const { awardPeriodId } = world.engine.periods().at(-1)!;
  const order = { awardPeriodId, files: [], untilMs: 0, programme: '', operator: 'carla', reason: ODD_REASON };
  value(await world.engine.decidePeriod({ kind: 'suspend', ...order }));
  value(await world.engine.queueNotices(['endOfPeriod']));
  await closePeriod(world);
  value(await world.engine.makePayouts(PERIOD, 10_000));
  const records = await Promise.all(citizens.map(async ({ key }) => value(await world.engine.payoutsOf(key))));
  const due = records.flat().filter(({ account, cashbackCents }) => account !== null && cashbackCents > 0);
  for (const { id, updateMs } of due.slice(0, 2)) {
    await world.engine.changePayouts([
      { kind: 'export', id, fileNumber: 1, updateMs },
      { kind: 'deliver', id, fileNumber: 1 },
    ]);
  }
  const [one, two] = due.map(({ id }) => id) as [number, number];
  const ok = { result: 'ORDINE ESEGUITO', reason: '', cro: '123', executionDay: '2021-02-01' } as const;
  const ko = { result: 'KO', reason: 'conto "estinto"', cro: '', executionDay: '' } as const;
  await world.engine.changePayouts([
    { kind: 'outcome', id: one, outcome: ok },
    { kind: 'outcome', id: two, outcome: ko },
  ]);
  const file = { fileNumber: 1, awardPeriodId: PERIOD, name: 'a;b.csv', rowCount: 2, totalCents: 1, checksum: '' };
  await world.engine.setPayoutFile({ ...file, state: 'writing', atMs: world.nowMs });
  const { notices } = value(await world.engine.notices({ state: 'due', limit: 1 }));
  const [{ id, citizen, dueMs }] = notices as [(typeof notices)[number]];
  value(await world.engine.changeNotices([{ id, citizen, dueMs, kind: 'delivered' }]));
  return { citizens, said: await Promise.all(citizens.map((each) => sayOf(each))) };
}

async function sayOf(citizen: Citizen): Promise<Said> {
  const { takesPart, ranking } = await citizen.ranking(PERIOD);
  return { citizen: citizen.key, total: await citizen.total(PERIOD), rank: takesPart ? ranking : null };
}

let folder: string;
let lived: Lived;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clickday-export-'));
  const persistence = await openPersistence({ folder: at('data'), shardCount: STORES });
  // So few rows that checkpoints write some, and never all.
  const options = { programme: shortProgramme(), now: PERIOD_BEGINS, checkpointRowCount: 300 };
  const world = await World.open({ persistence, ...options });
  lived = await live(world);
  // As a kill would leave it: what came last is in journals alone.
  await persistence.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);
/** As the operator left it. */
const SUSPENDED: Programme = {
  ...shortProgramme(),
  periods: shortProgramme().periods.map((one, at, { length }) =>
    at < length - 1 ? one : { ...one, isSuspended: true },
  ),
};
const OPTIONS = { format: 'csv', hasPersonalData: true, nowMs: EXPORTED_MS } as const;

async function exported(
  name: string,
  options: Partial<Parameters<typeof exportFolder>[1]> = {},
  from = 'data',
): Promise<Archive> {
  await exportFolder(at(from), { ...OPTIONS, to: at(name), ...options });
  return new Archive(at(name));
}

describe('an export', () => {
  test.each(['csv', 'jsonl'] as const)(
    'as %s is what its manifest says, and holds something of everything',
    async (format) => {
      const archive = await exported(`whole-${format}`, { format });
      expect(archive.complaints()).toEqual([]);
      expect(archive.manifest).toMatchObject({ formatVersion: 1, exportedAt: '2021-03-01T10:00:00.000Z' });
      const tables = Object.values(EXPORTED).flatMap((one) => (typeof one === 'string' ? [] : one));
      for (const { name } of tables) expect(archive.resource(name).rows, name).toBeGreaterThan(0);
      expect(JSON.parse(archive.text('programme'))).toEqual(SUSPENDED);
      expect(new Set(archive.rows('payments').map(({ state }) => state))).toEqual(
        new Set(['counted', 'withdrawn', 'dropped']),
      );
      const states = new Set(archive.rows('reversals').map(({ state }) => state));
      expect([...states].sort()).toEqual(['applied', 'discarded', 'parked', 'pending', 'withdrawn']);
      expect(readdirSync(at(`whole-${format}`)).filter((name) => !/^[a-z_]+\.(csv|jsonl|json)$/.test(name))).toEqual(
        [],
      );
      expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
    },
  );

  test('from its payments alone a stranger finds every total and every rank that the engine said', async () => {
    const archive = await exported('stranger');
    const [citizens, payments, reversals] = [
      archive.rows('citizens'),
      archive.rows('payments'),
      archive.rows('reversals'),
    ];
    const { people: found, cashback, left } = recompute(payments, reversals);
    for (const { id, state, cashback_cents, left_cents } of [...payments, ...reversals]) {
      if (state !== 'counted' && state !== 'applied') continue;
      expect(Number(cashback_cents) + 0, `seed=${seed} record=${id}`).toBe(cashback.get(id!)! + 0);
      if (left_cents !== undefined) expect(Number(left_cents), `seed=${seed} record=${id}`).toBe(left.get(id!));
    }
    const order = rank(found, String(PERIOD), citizens);
    for (const { citizen, total, rank: said } of lived.said) {
      const own = found.find((one) => one.citizen === citizen && one.period === String(PERIOD));
      const subject = `seed=${seed} citizen=${citizen}`;
      expect([own?.raw ?? 0, own?.count ?? 0], subject).toEqual([total.rawCents, total.transactionNumber]);
      expect(order.indexOf(citizen) + 1, subject).toBe(said ?? 0);
      const row = archive.rows('totals').find((one) => one.citizen === citizen);
      expect([row?.raw_cents ?? '0', row?.shown_cents ?? '0', row?.payable_cents ?? '0'], subject).toEqual(
        [total.rawCents, total.shownCents, total.payableCents].map(String),
      );
    }
    expect(archive.rows('rankings').map(({ citizen }) => citizen)).toEqual(order);
    expect(archive.rows('rankings').map(({ position }) => Number(position))).toEqual(
      order.map((_, index) => index + 1),
    );
    expect(archive.rows('rankings').filter(({ has_won }) => has_won === 'true').length).toBe(3);
  });

  test('tells who held a card when, what an operator decided, and what a bank said, to the letter', async () => {
    const archive = await exported('letter');
    const [anna, , back, heir] = lived.citizens as [Citizen, Citizen, Citizen, Citizen];
    const held = archive.rows('activations').filter((row) => row.hpan === hpan(2));
    expect(held.map(({ number, citizen, activated_at }) => [number, citizen, activated_at])).toEqual([
      ['1', back.key, '2020-12-07T09:00:00.000Z'],
      ['2', heir.key, '2020-12-21T11:00:00.000Z'],
    ]);
    expect(held.at(-1)!.deactivated_at).toBe('2020-12-24T11:00:00.000Z');
    const row = archive.rows('citizens').find(({ citizen }) => citizen === anna.key);
    expect(row).toMatchObject({
      tax_code: anna.taxCode,
      account_holder_name: ODD_NAME,
      iban: makeIban(0),
      left_at: null,
    });
    expect(archive.rows('resolutions')).toMatchObject([
      { resolution: 'apply', operator: 'carla', reason: ODD_REASON, decided_at: '2020-12-21T11:00:00.000Z' },
      { resolution: 'discard', operator: 'carla', reason: ODD_REASON, payment_id: null },
    ]);
    const outcomes = archive.rows('payouts').filter(({ result }) => result !== null);
    expect(outcomes.map(({ result, result_reason }) => [result, result_reason]).sort()).toEqual([
      ['KO', 'conto "estinto"'],
      ['ORDINE ESEGUITO', ''],
    ]);
    const steps = archive.rows('notices').map(({ state }) => state);
    expect(steps.filter((state) => state === 'delivered')).toHaveLength(1);
    const dropped = archive.rows('payments').filter(({ state }) => state === 'dropped');
    expect(dropped.map(({ reason, citizen }) => [reason, citizen])).toEqual([['TERMS_NOT_COVERED', back.key]]);
  });

  test('is for its owner alone', async () => {
    await exported('modes');
    const modes = readdirSync(at('modes')).map((name) => statSync(join(at('modes'), name)).mode & 0o777);
    expect(new Set(modes)).toEqual(new Set([0o600]));
    expect(statSync(at('modes')).mode & 0o777).toBe(0o700);
  });

  test('without personal data nobody is named, and no card number can be tried', async () => {
    const archive = await exported('keys', { hasPersonalData: false });
    expect(archive.complaints()).toEqual([]);
    const all = readdirSync(at('keys'))
      .map((name) => readFileSync(join(at('keys'), name), 'utf8'))
      .join('\n');
    const secrets = lived.citizens.flatMap(({ taxCode }, number) => [taxCode, makeIban(number)]);
    const told = [...secrets, 'Nuccia', 'Rossi', 'Bianchi', 'carla', shortProgramme().panSalt];
    expect(told.filter((secret) => all.includes(secret))).toEqual([]);
    const fields = archive.manifest.resources.flatMap(({ schema }) => schema?.fields ?? []);
    expect(fields.filter(({ name, isPersonal }) => isPersonal || name === 'last_digits')).toEqual([]);
    expect(recompute(archive.rows('payments'), archive.rows('reversals')).people.length).toBeGreaterThan(10);
  });

  test('twice is the same bytes, but for the instant; so is one of the folder after an orderly stop, and of a backup', async () => {
    const first = await exported('first');
    await exported('second', { nowMs: EXPORTED_MS + 5_000 });
    const but = (name: string, instantText = first.manifest.exportedAt) =>
      Object.fromEntries(
        readdirSync(at(name)).map((file) => [
          file,
          readFileSync(join(at(name), file), 'utf8').replace(instantText, 'then'),
        ]),
      );
    expect(but('second', '2021-03-01T10:00:05.000Z')).toEqual(but('first'));

    const atRest = await openAtRest(at('data'));
    const writer = await BackupWriter.open({ source: atRest.source, folder: at('backup') });
    await writer.cut('end', new Date());
    await writer.close();
    await atRest.close();
    await exportBackup({ backup: at('backup'), cut: 'end' }, { ...OPTIONS, to: at('third') });
    expect(but('third')).toEqual(but('first'));

    const persistence = await openPersistence({ folder: at('data') });
    const world = await World.open({ persistence, now: new Date(instant('2021-01-11T00:00:00+01:00')).toISOString() });
    await world.engine.close();
    await persistence.close();
    await exported('fourth');
    expect(but('fourth')).toEqual(but('first'));
  });
});

describe('who was erased', () => {
  test('is in no file of it, and the others stand where they stood; also after a reshard', async () => {
    const [gone, heir] = [lived.citizens[2]!, lived.citizens[3]!];
    const before = await exported('before', {});
    const persistence = await openPersistence({ folder: at('data') });
    await eraseKeyOf(persistence, gone.key);
    await persistence.close();
    const inAnyOrder = (of: Archive) => {
      const names = of.manifest.resources.flatMap(({ name, schema }) => (schema === undefined ? [] : [name]));
      return Object.fromEntries(
        names.map((name) => [
          name,
          of
            .rows(name)
            .map((row) => JSON.stringify(row))
            .sort(),
        ]),
      );
    };
    for (const [name, reshards] of [
      ['erased', false],
      ['resharded', true],
    ] as const) {
      if (reshards) await reshardFolder(at('data'), { storeCount: 2 });
      const archive = await exported(name);
      expect(archive.complaints()).toEqual([]);
      const all = readdirSync(at(name))
        .map((file) => readFileSync(join(at(name), file), 'utf8'))
        .join('\n');
      expect([gone.key, gone.taxCode].filter((text) => all.includes(text))).toEqual([]);
      const positions = (of: Archive) => of.rows('rankings').map(({ position, citizen }) => `${position} ${citizen}`);
      expect(positions(archive)).toEqual(positions(before).filter((line) => !line.endsWith(gone.key)));
      expect(archive.rows('activations').filter((row) => row.hpan === hpan(2))).toMatchObject([{ citizen: heir.key }]);
      expect(archive.resource('citizens').rows).toBe(CITIZENS - 1);
      if (reshards) expect(inAnyOrder(archive)).toEqual(inAnyOrder(new Archive(at('erased'))));
    }
  });
});
