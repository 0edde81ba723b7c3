// Method: a closed period is paid through the desk into a real folder; the process "dies" at every single thing that the
// desk says to the engine or does to the folder, one after the other, and another desk goes on. Every record must be in
// exactly one file that is there, and nowhere else.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Engine, LIMITS, makeIban, makeTaxCode, type PayoutView } from '../../engine/index.ts';
import { partitionOf } from '../../engine/partition.ts';
import { consapFile, PayoutDesk, sepaFile, type TakenIn } from '../../server/payout/index.ts';
import { closePeriod, livePeriod, PAID_PERIOD, PERIOD_BEGINS, setIban, shortProgramme } from '../support/payouts.ts';
import { type Citizen, value, World } from '../support/world.ts';
import { stream } from './rows.ts';

let folder: string;
let world: World;
let citizens: readonly Citizen[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clickday-desk-'));
  world = await World.open({ shardCount: 2, now: PERIOD_BEGINS, programme: shortProgramme() });
  citizens = await livePeriod(world, [2, 3, 2, 4, 5, 2, 1]);
  await closePeriod(world);
});
afterEach(async () => {
  await world.engine.close();
  rmSync(folder, { recursive: true, force: true });
});

const pause = () => new Promise<void>((resolve) => setImmediate(resolve));

function deskOf(engine: Engine = world.engine, rowsPerFile = 2): PayoutDesk {
  return new PayoutDesk({ engine, clock: { nowMs: () => world.nowMs }, folder, rowsPerFile, pause });
}

/** Time goes on: no two runs are of one second. */
async function exported(desk: PayoutDesk, format = consapFile) {
  world.at(new Date(world.nowMs + 1_000).toISOString());
  const begun = desk.begin(PAID_PERIOD, format);
  if (!begun.ok) throw new Error(begun.code);
  await begun.ended;
  return desk.state!;
}

const filesIn = () => readdirSync(folder).filter((name) => name.endsWith('.csv'));
const idsIn = (name: string) =>
  readFileSync(join(folder, name), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => Number(line.slice(0, 9)));

async function payoutsOf(citizen: Citizen): Promise<readonly PayoutView[]> {
  return value(await world.engine.payoutsOf(citizen.key));
}

test('every record goes out once, in files of so many, and each is sent', async () => {
  const desk = deskOf();
  expect(value(await desk.make(PAID_PERIOD, null)).recordCount).toBe(6);
  expect(await exported(desk)).toMatchObject({ state: 'done', fileCount: 3, rowCount: 6, unwritableCount: 0 });
  const names = filesIn();
  expect(names.map((name) => name.slice('CSTAR.CONSAP.BANKT.11012021.000001.'.length))).toEqual([
    '01_03.2.csv',
    '02_03.2.csv',
    '03_03.2.csv',
  ]);
  const records = (await Promise.all(citizens.map(payoutsOf))).flat();
  expect(names.flatMap(idsIn).sort()).toEqual(records.map(({ id }) => id).sort());
  expect(new Set(records.map(({ status }) => status))).toEqual(new Set(['SENT']));
  const files = value(await world.engine.payoutFiles());
  expect(files.map(({ name, state }) => [name, state])).toEqual(names.map((name) => [name, 'delivered']));
  for (const { name, checksum } of files) {
    const path = join(folder, `${name.slice(0, -'csv'.length)}sha256sum`);
    expect(readFileSync(path, 'utf8')).toBe(`${checksum}  ${name}\n`);
  }
  expect(await exported(desk)).toMatchObject({ state: 'done', fileCount: 0, rowCount: 0 });
  expect(filesIn()).toEqual(names);
});

test('whatever dies while files are written, each record is in exactly one of them at the end', async () => {
  const desk = deskOf();
  await desk.make(PAID_PERIOD, null);
  const unharmed = await countCalls(deskOf);
  expect(unharmed).toBeGreaterThan(10);
  for (let death = 0; death < 2 * unharmed; death += 1) {
    await again();
    const ids = (await Promise.all(citizens.map(payoutsOf))).flat().map(({ id }) => id);
    const dying = deskOf(engineThatDies(1 + (death >> 1), death % 2 === 0));
    expect((await exported(dying)).state, `death ${death}`).toBe('failed');
    const state = await exported(deskOf());
    expect(state, `death ${death}`).toMatchObject({ state: 'done', problem: null });
    expect(filesIn().flatMap(idsIn).sort(), `death ${death}`).toEqual(ids.toSorted());
  }

  /** As before the first export. */
  async function again(): Promise<void> {
    await world.engine.close();
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
    world = await World.open({ shardCount: 2, now: PERIOD_BEGINS, programme: shortProgramme() });
    citizens = await livePeriod(world, [2, 3, 2, 4, 5, 2, 1]);
    await closePeriod(world);
    await deskOf().make(PAID_PERIOD, null);
  }
});

/** How many things a whole export says to the engine. */
async function countCalls(open: (engine: Engine) => PayoutDesk): Promise<number> {
  let count = 0;
  const counted = through(() => {
    count += 1;
  });
  expect((await exported(open(counted))).state).toBe('done');
  return count;
}

/** The process is gone at its n-th call; what it said then has been heard, or not. */
function engineThatDies(at: number, isHeard = false): Engine {
  let count = 0;
  const dieAt = (last: number) => {
    if (count >= last) throw new Error('died');
  };
  return through(
    () => {
      count += 1;
      dieAt(isHeard ? at + 1 : at);
    },
    () => dieAt(at),
  );
}

function through(before: () => void, after: () => void = () => {}): Engine {
  const { engine } = world;
  return Object.assign(Object.create(engine) as Engine, {
    changePayouts: async (...asked: Parameters<Engine['changePayouts']>) => {
      before();
      const replies = await engine.changePayouts(...asked);
      after();
      return replies;
    },
    setPayoutFile: async (...asked: Parameters<Engine['setPayoutFile']>) => {
      before();
      const reply = await engine.setPayoutFile(...asked);
      after();
      return reply;
    },
    periods: () => engine.periods(),
    stats: () => engine.stats(),
    payouts: (...asked: Parameters<Engine['payouts']>) => engine.payouts(...asked),
    payoutFiles: () => engine.payoutFiles(),
  });
}

test('who leaves while the files are written is in none; a record that cannot be written waits, and is named', async () => {
  const desk = deskOf();
  await desk.make(PAID_PERIOD, null);
  await citizens[0]!.must({
    ...{ kind: 'setIban', iban: makeIban(3), accountHolderCF: makeTaxCode(1) },
    ...{ accountHolderName: 'A;B', accountHolderSurname: 'C' },
  });
  const [bad] = await payoutsOf(citizens[0]!);
  let left: Promise<unknown> | undefined;
  const leaving = through(() => undefined);
  leaving.setPayoutFile = async (file) => {
    left ??= Promise.all(citizens.slice(1, 3).map((citizen) => citizen.leave()));
    await left;
    return world.engine.setPayoutFile(file);
  };
  const state = await exported(deskOf(leaving));
  expect(state).toMatchObject({ state: 'done', rowCount: 3, unwritableCount: 1 });
  expect(state.unwritable).toEqual([{ id: bad!.id, code: 'FIELD_INVALID', detail: 'accountHolderName' }]);
  const gone = (await Promise.all(citizens.slice(0, 3).map(payoutsOf))).flat().map(({ id }) => id);
  expect(
    filesIn()
      .flatMap(idsIn)
      .filter((id) => gone.includes(id)),
  ).toEqual([]);

  await setIban(citizens[0]!, 4);
  expect(await exported(desk)).toMatchObject({ rowCount: 1, unwritableCount: 0 });
  expect(idsIn(filesIn().at(-1)!)).toEqual([bad!.id]);
});

test('a record on the second page of its partition is planned and written after the first pages of the others', async () => {
  const desk = deskOf();
  // The first has the last record of its partition, whoever else is in it.
  const paidOut = citizens
    .slice(0, 6)
    .sort((left, right) => partitionOf(left.key) - partitionOf(right.key) || (left.key < right.key ? 1 : -1));
  const [anna, before] = [paidOut[0]!, paidOut[5]!];
  const account = { iban: makeIban(1), accountHolderCF: '', accountHolderName: 'A', accountHolderSurname: 'B' };
  const outcome = { result: 'ORDINE ESEGUITO', reason: '', cro: '', executionDay: '2021-03-01' } as const;
  const paid = { citizen: anna.key, awardPeriodId: PAID_PERIOD, account, outcome, relatedId: null, consapId: '1' };
  const complaints = Array.from({ length: LIMITS.payoutsPageMax }, (_, ticket) =>
    world.engine.integratePayout({ ...paid, ticketId: String(ticket), cashbackCents: 1, jackpotCents: 0 }),
  );
  for (const reply of await Promise.all(complaints)) expect(reply.ok).toBe(true);
  await desk.make(PAID_PERIOD, null);
  const leaving = through(() => undefined);
  leaving.payouts = async (query) => {
    if (query.isBrief === false) await before.leave();
    return world.engine.payouts(query);
  };
  expect(await exported(deskOf(leaving))).toMatchObject({ state: 'done', rowCount: 5, unwritableCount: 0 });
  expect(filesIn().flatMap(idsIn).at(-1)).toBe((await payoutsOf(anna)).at(-1)!.id);
});

test('who names another account between reading and claiming is paid there, by the next export', async () => {
  const desk = deskOf();
  await desk.make(PAID_PERIOD, null);
  const records = (await Promise.all(citizens.map(payoutsOf))).flat();
  const changing = through(() => undefined);
  let changed: Citizen | undefined;
  changing.changePayouts = async (changes) => {
    if (changed === undefined) {
      const first = records.find(({ id }) => id === changes[0]!.id)!;
      changed = citizens.find(({ key }) => key === first.citizen)!;
      await setIban(changed, 5);
    }
    return world.engine.changePayouts(changes);
  };
  expect(await exported(deskOf(changing))).toMatchObject({ state: 'done', rowCount: 5, unwritableCount: 0 });
  const names = filesIn();
  expect(names.map((name) => readFileSync(join(folder, name), 'utf8')).join('')).not.toContain(changed!.taxCode);
  expect(await exported(desk)).toMatchObject({ state: 'done', fileCount: 1, rowCount: 1 });
  const [written] = filesIn().filter((name) => !names.includes(name));
  const columns = readFileSync(join(folder, written!), 'utf8').split(';');
  expect(columns.slice(1, 3)).toEqual([changed!.taxCode, makeIban(5)]);
});

test('an engine that has no room just now is asked again', async () => {
  await deskOf().make(PAID_PERIOD, null);
  const crowded = through(() => undefined);
  let asked = 0;
  crowded.payouts = async (query) => {
    asked += 1;
    return asked % 3 === 0 ? world.engine.payouts(query) : { ok: false, code: 'OVERLOADED' };
  };
  expect(await exported(deskOf(crowded))).toMatchObject({ state: 'done', rowCount: 6 });
});

test('the same records as a SEPA order; where nobody said where, nothing is exported', async () => {
  const desk = deskOf();
  await desk.make(PAID_PERIOD, null);
  const order = { debtorName: 'Consap S.p.A.', debtorIban: makeIban(9), executionDay: '2021-02-01' };
  expect(await exported(desk, sepaFile(order))).toMatchObject({ state: 'done', fileCount: 3, rowCount: 6 });
  expect(readdirSync(folder).filter((name) => name.endsWith('.xml'))).toHaveLength(3);
  const nowhere = new PayoutDesk({ engine: world.engine, clock: { nowMs: () => world.nowMs }, folder: null, pause });
  expect(nowhere.begin(PAID_PERIOD, consapFile)).toEqual({ ok: false, code: 'PAYOUT_FOLDER_MISSING' });
  expect(nowhere.begin(99, consapFile)).toEqual({ ok: false, code: 'PERIOD_NOT_FOUND' });
});

test('outcomes come back by id: each line for itself, and again changes nothing', async () => {
  const desk = deskOf();
  await desk.make(PAID_PERIOD, null);
  await exported(desk);
  const [one, two] = [(await payoutsOf(citizens[0]!))[0]!, (await payoutsOf(citizens[1]!))[0]!];
  const text = [
    `\uFEFF${String(one.id).padStart(9, '0')};ORDINE ESEGUITO;;CRO1;15/02/2021`,
    `${two.id};KO;conto estinto;;`,
    '999999999;KO;;;',
    'nonsense',
    `${two.id};ORDINE ESEGUITO;;CRO2;15/02/2021`,
  ].join('\n');
  const expected: TakenIn = {
    rowCount: 5,
    takenCount: 2,
    rejected: [
      { line: 3, code: 'PAYOUT_NOT_FOUND' },
      { line: 4, code: 'WRONG_COLUMNS', detail: expect.any(String) as unknown as string },
      { line: 5, code: 'PAYOUT_DECIDED' },
    ],
    rejectedCount: 3,
  };
  for (const _ of ['first', 'again'])
    expect(await desk.takeOutcomes(stream([Buffer.from(text)]))).toMatchObject(expected);
  await setIban(citizens[1]!, 5);
  expect((await payoutsOf(citizens[1]!)).map(({ status, relatedId }) => [status, relatedId])).toEqual([
    ['SENT', null],
    ['NEW', two.id],
  ]);
  expect(await exported(desk)).toMatchObject({ fileCount: 1, rowCount: 1 });
});

test('complaint payments are recorded once', async () => {
  const desk = deskOf();
  await desk.make(PAID_PERIOD, null);
  const [{ id }] = (await payoutsOf(citizens[0]!)) as [PayoutView];
  const { taxCode } = citizens[0]!;
  const line = `77;${id};${taxCode};${makeIban(1)};Anna;Bianchi;500;500;0;;08/12/2020;31/12/2020;ORDINE ESEGUITO;C1;01/03/2021;9`;
  const taken = () => desk.takeComplaints(stream([Buffer.from(`${line}\n${line.replace('08/12', '09/12')}`)]));
  expect(await taken()).toMatchObject({ takenCount: 1, rejected: [{ line: 2, code: 'PERIOD_NOT_FOUND' }] });
  expect(await taken()).toMatchObject({
    takenCount: 0,
    rejected: [
      { line: 1, code: 'PAYOUT_INTEGRATED' },
      { line: 2, code: 'PERIOD_NOT_FOUND' },
    ],
  });
  expect((await payoutsOf(citizens[0]!)).map(({ status }) => status)).toEqual(['NEW', 'INTEGRATION']);
});

test('an operator says what became of a file that was not finished', async () => {
  await deskOf().make(PAID_PERIOD, null);
  // Three files are begun, and the records of one are claimed.
  expect((await exported(deskOf(engineThatDies(5)))).state).toBe('failed');
  const desk = deskOf();
  expect(await desk.restore(PAID_PERIOD, 'NEW', 'unknown.csv')).toEqual({ ok: false, code: 'PAYOUT_FILE_NOT_FOUND' });
  expect(value(await desk.restore(PAID_PERIOD, 'RECOVERY', null))).toBe(2);
  expect(await desk.restore(PAID_PERIOD, 'NEW', null)).toEqual({ ok: false, code: 'PAYOUT_FILE_NOT_FOUND' });
  expect(await exported(desk)).toMatchObject({ state: 'done', rowCount: 6 });
});

test('a folder that cannot be written ends the export, and the next one goes on', async () => {
  const desk = deskOf();
  await desk.make(PAID_PERIOD, null);
  rmSync(folder, { recursive: true });
  writeFileSync(folder, 'not a folder');
  expect(await exported(desk)).toMatchObject({ state: 'failed', problem: expect.stringContaining('EEXIST') });
  rmSync(folder);
  expect(await exported(desk)).toMatchObject({ state: 'done', rowCount: 6 });
});

test('what goes to Consap is encrypted where its key is known, what goes to a bank is not', async () => {
  await deskOf().make(PAID_PERIOD, null);
  const consapTransform = {
    suffix: '.pgp',
    async *apply(clear: AsyncIterable<Uint8Array>) {
      for await (const bytes of clear) yield bytes.map((byte) => byte ^ 0xff);
    },
  };
  const clock = { nowMs: () => world.nowMs };
  const desk = new PayoutDesk({ engine: world.engine, clock, folder, rowsPerFile: 5, pause, consapTransform });
  expect(await exported(desk)).toMatchObject({ state: 'done', fileCount: 2, rowCount: 6 });
  const encrypted = readdirSync(folder).filter((name) => name.endsWith('.csv.pgp'));
  expect(encrypted).toHaveLength(2);
  for (const name of encrypted) expect(readFileSync(join(folder, name)).every((byte) => byte > 0x7f)).toBe(true);
  expect(value(await world.engine.payoutFiles()).map(({ name }) => name)).toEqual(encrypted);

  await desk.takeOutcomes(stream([Buffer.from(`${(await payoutsOf(citizens[0]!))[0]!.id};KO;;;`)]));
  await setIban(citizens[0]!, 7);
  const order = { debtorName: 'Consap S.p.A.', debtorIban: makeIban(9), executionDay: '2021-02-01' };
  expect(await exported(desk, sepaFile(order))).toMatchObject({ state: 'done', fileCount: 1 });
  const [bank] = readdirSync(folder).filter((name) => name.includes('SEPA') && name.endsWith('.xml'));
  expect(readFileSync(join(folder, bank!), 'utf8')).toContain('<?xml');
});
