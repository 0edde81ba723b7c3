// Method: a closed period is paid through the desk into a real folder; the process "dies" at every single thing that the
// desk says to the engine or does to the folder, one after the other. Whoever sends files has taken none, one or all of
// them by then, an operator says so where the desk asks, and another desk goes on. Every record must have been sent once.
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
async function exported(desk: PayoutDesk, format = consapFile, lastSent: string | null = null) {
  world.at(new Date(world.nowMs + 1_000).toISOString());
  const begun = await desk.begin(PAID_PERIOD, format, lastSent);
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

/** Who carries files to the bank: takes them away, in their order. */
class Sender {
  readonly names: string[] = [];
  readonly ids: number[] = [];

  take(countMax = Number.POSITIVE_INFINITY): void {
    for (const name of filesIn().slice(0, countMax)) {
      this.names.push(name);
      this.ids.push(...idsIn(name));
      rmSync(join(folder, name));
    }
  }
}

/** An operator who knows what was sent, where the desk asks. @returns whether it did */
async function settle(desk: PayoutDesk, sender: Sender): Promise<boolean> {
  const begun = await desk.begin(PAID_PERIOD, consapFile);
  if (begun.ok) {
    await begun.ended;
    return false;
  }
  expect(begun.code).toBe('PAYOUT_UNFINISHED');
  const lastSent = sender.names.at(-1);
  value(await desk.restore(PAID_PERIOD, lastSent === undefined ? { status: 'NEW', name: null } : { lastSent }));
  return true;
}

test.each([
  ['none', 0],
  ['one', 1],
  ['all', 3],
])('whatever dies while files are written, and %s are taken away, each record is sent once', async (_, takenCount) => {
  await deskOf().make(PAID_PERIOD, null);
  const unharmed = await countCalls(deskOf);
  expect(unharmed).toBeGreaterThan(10);
  let asked = 0;
  for (let death = 0; death < 2 * unharmed; death += 1) {
    await again();
    const ids = (await Promise.all(citizens.map(payoutsOf))).flat().map(({ id }) => id);
    const dying = deskOf(engineThatDies(1 + (death >> 1), death % 2 === 0));
    expect((await exported(dying)).state, `death ${death}`).toBe('failed');
    const sender = new Sender();
    sender.take(takenCount);
    world.at(new Date(world.nowMs + 1_000).toISOString());
    if (await settle(deskOf(), sender)) asked += 1;
    const state = await exported(deskOf());
    expect(state, `death ${death}`).toMatchObject({ state: 'done', problem: null });
    sender.take();
    expect(sender.ids.sort(), `death ${death}`).toEqual(ids.toSorted());
    expect(new Set((await Promise.all(citizens.map(payoutsOf))).flat().map(({ status }) => status))).toEqual(
      new Set(['SENT']),
    );
  }
  expect(asked).toBeGreaterThan(5);
});

/** As before the first export. */
async function again(): Promise<void> {
  await world.engine.close();
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
  world = await World.open({ shardCount: 2, now: PERIOD_BEGINS, programme: shortProgramme() });
  citizens = await livePeriod(world, [2, 3, 2, 4, 5, 2, 1]);
  await closePeriod(world);
  await deskOf().make(PAID_PERIOD, null);
}

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
  expect(await nowhere.begin(PAID_PERIOD, consapFile)).toEqual({ ok: false, code: 'PAYOUT_FOLDER_MISSING' });
  expect(await nowhere.begin(99, consapFile)).toEqual({ ok: false, code: 'PERIOD_NOT_FOUND' });
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

/** Three files have their names; what was said of them since was heard of so many records. */
async function cutShort(heardCount = 0): Promise<readonly string[]> {
  await deskOf().make(PAID_PERIOD, null);
  const dying = through(() => undefined);
  dying.changePayouts = async (changes) => {
    if (changes[0]?.kind !== 'deliver') return world.engine.changePayouts(changes);
    if (heardCount > 0) await world.engine.changePayouts(changes.slice(0, heardCount));
    throw new Error('died');
  };
  expect(await exported(deskOf(dying))).toMatchObject({ state: 'failed', problem: 'died' });
  const names = filesIn();
  expect(names).toHaveLength(3);
  return names;
}

test('3.5 nothing of a period is exported until an operator says which file of the last export was sent last', async () => {
  const names = await cutShort();
  const [one, two, three] = names as [string, string, string];
  const sent = [one, two].flatMap(idsIn);
  // Whoever sends them has taken two away.
  for (const name of [one, two]) rmSync(join(folder, name));
  const desk = deskOf();
  const refused = { ok: false, code: 'PAYOUT_UNFINISHED', detail: names.join(', ') };
  for (const format of [consapFile, consapFile]) expect(await desk.begin(PAID_PERIOD, format)).toEqual(refused);
  for (const lastSent of ['unknown.csv', '', three.replace('csv', 'sha256sum')]) {
    const unknown = { ok: false, code: 'PAYOUT_FILE_NOT_FOUND' };
    expect(await desk.restore(PAID_PERIOD, { lastSent })).toEqual(unknown);
    expect(await desk.begin(PAID_PERIOD, consapFile, lastSent)).toEqual(unknown);
  }
  expect(value(await desk.restore(PAID_PERIOD, { lastSent: two }))).toEqual({ sentCount: 4, returnedCount: 2 });
  expect(readdirSync(folder).filter((name) => name.startsWith(three.slice(0, -'csv'.length)))).toEqual([]);
  expect(value(await world.engine.payoutFiles()).map(({ name, state }) => [name, state])).toEqual([
    [one, 'delivered'],
    [two, 'delivered'],
    [three, 'restored'],
  ]);
  expect(await exported(desk)).toMatchObject({ state: 'done', fileCount: 1, rowCount: 2 });
  const all = (await Promise.all(citizens.map(payoutsOf))).flat().map(({ id }) => id);
  expect([...sent, ...filesIn().flatMap(idsIn)].sort()).toEqual(all.sort());
  // What went back was not sent last, and what was sent stays it.
  expect(await desk.restore(PAID_PERIOD, { lastSent: three })).toMatchObject({ code: 'PAYOUT_FILE_NOT_FOUND' });
  expect(value(await desk.restore(PAID_PERIOD, { lastSent: one }))).toEqual({ sentCount: 0, returnedCount: 0 });
});

test('an export goes on behind the file that was sent last, where that is said with it', async () => {
  const [one] = await cutShort();
  expect(await exported(deskOf(), consapFile, one)).toMatchObject({ state: 'done', fileCount: 2, rowCount: 4 });
  expect(filesIn()).toHaveLength(3);
  expect(new Set(filesIn().flatMap(idsIn)).size).toBe(6);
});

test('what was never announced goes back with the next export, whatever is said of it', async () => {
  await deskOf().make(PAID_PERIOD, null);
  // Three files are begun, and the records of one are claimed.
  expect((await exported(deskOf(engineThatDies(5)))).state).toBe('failed');
  expect(value(await world.engine.payoutFiles()).map(({ name, state }) => [name, state])).toContainEqual([
    '',
    'writing',
  ]);
  const desk = deskOf();
  expect(await desk.restore(PAID_PERIOD, { status: 'NEW', name: 'unknown.csv' })).toEqual({
    ok: false,
    code: 'PAYOUT_FILE_NOT_FOUND',
  });
  const sent = { status: 'SENT', name: null } as const;
  expect(value(await desk.restore(PAID_PERIOD, sent))).toEqual({ sentCount: 0, returnedCount: 2 });
  expect(await desk.restore(PAID_PERIOD, sent)).toEqual({ ok: false, code: 'PAYOUT_FILE_NOT_FOUND' });
  expect(await exported(desk)).toMatchObject({ state: 'done', rowCount: 6 });
});

test('an operator says what became of each file; what goes back is nowhere, and where nobody can see to that it stays', async () => {
  const [one, two, three] = (await cutShort()) as [string, string, string];
  const desk = deskOf();
  const restored = async (status: 'NEW' | 'RECOVERY' | 'SENT', name: string | null) =>
    value(await desk.restore(PAID_PERIOD, { status, name }));
  const nowhere = new PayoutDesk({ engine: world.engine, clock: { nowMs: () => world.nowMs }, folder: null, pause });
  expect(await nowhere.restore(PAID_PERIOD, { status: 'NEW', name: null })).toEqual({
    ok: false,
    code: 'PAYOUT_FOLDER_MISSING',
  });
  expect(value(await nowhere.restore(PAID_PERIOD, { status: 'SENT', name: two }))).toMatchObject({ sentCount: 2 });
  expect(await restored('RECOVERY', three)).toEqual({ sentCount: 0, returnedCount: 2 });
  expect(await desk.begin(PAID_PERIOD, consapFile)).toEqual({ ok: false, code: 'PAYOUT_UNFINISHED', detail: one });
  const records = (await Promise.all(citizens.map(payoutsOf))).flat();
  expect(records.map(({ status }) => status).sort()).toEqual(['RECOVERY', 'RECOVERY', 'SENT', 'SENT', 'WIP', 'WIP']);
  expect(await restored('NEW', null)).toEqual({ sentCount: 0, returnedCount: 2 });
  expect(filesIn()).toEqual([two]);
  expect(await exported(desk)).toMatchObject({ state: 'done', fileCount: 2, rowCount: 4 });
  expect(new Set(filesIn().flatMap(idsIn)).size).toBe(6);
});

test('a file that began to go back is not sent, whatever is said afterwards', async () => {
  const names = await cutShort();
  const dying = through(() => undefined);
  dying.changePayouts = async (changes) => {
    await world.engine.changePayouts(changes.slice(0, 1));
    throw new Error('died');
  };
  await expect(deskOf(dying).restore(PAID_PERIOD, { status: 'NEW', name: names[2]! })).rejects.toThrow('died');
  expect(filesIn()).toEqual(names.slice(0, 2));
  const sent = { status: 'SENT', name: null } as const;
  expect(value(await deskOf().restore(PAID_PERIOD, sent))).toEqual({ sentCount: 4, returnedCount: 1 });
  expect(await exported(deskOf())).toMatchObject({ state: 'done', rowCount: 2 });
});

test('where a file fails and nothing dies, what was announced behind it goes out with the next export', async () => {
  await deskOf().make(PAID_PERIOD, null);
  const failing = through(() => undefined);
  let announced = () => {};
  const isAnnounced = new Promise<void>((resolve) => {
    announced = resolve;
  });
  failing.setPayoutFile = async (file) => {
    const reply = await world.engine.setPayoutFile(file);
    if (file.fileNumber === 3 && file.name !== '') announced();
    return reply;
  };
  failing.changePayouts = async (changes) => {
    if (changes[0]?.kind === 'export' && changes[0].fileNumber === 2) {
      await isAnnounced;
      throw new Error('no claim');
    }
    return world.engine.changePayouts(changes);
  };
  expect(await exported(deskOf(failing))).toMatchObject({ state: 'failed', problem: 'no claim', fileCount: 1 });
  expect(await exported(deskOf())).toMatchObject({ state: 'done', rowCount: 4 });
  expect(new Set(filesIn().flatMap(idsIn)).size).toBe(6);
  expect(filesIn().flatMap(idsIn)).toHaveLength(6);
});

test('a file of which a record is known to be delivered was, whatever is said', async () => {
  const names = await cutShort(1);
  const desk = deskOf();
  const said = { status: 'NEW', name: null } as const;
  const { sentCount, returnedCount } = value(await desk.restore(PAID_PERIOD, said));
  const left = filesIn();
  expect(names).toEqual(expect.arrayContaining(left));
  // One record of each such file was marked before.
  expect([sentCount, returnedCount]).toEqual([left.length, 6 - 2 * left.length]);
  expect(left.length).toBeGreaterThan(0);
  await exported(desk);
  expect(new Set(filesIn().flatMap(idsIn)).size).toBe(6);
  expect(filesIn().flatMap(idsIn)).toHaveLength(6);
});

test('whatever dies while an operator says what was sent, saying it again leaves each record sent once', async () => {
  for (let death = 0; ; death += 1) {
    const [one] = await cutShort();
    const sender = new Sender();
    sender.take(1);
    const dying = engineThatDies(1 + (death >> 1), death % 2 === 0);
    const outcome = await deskOf(dying)
      .restore(PAID_PERIOD, { lastSent: one! })
      .catch(() => null);
    world.at(new Date(world.nowMs + 1_000).toISOString());
    await settle(deskOf(), sender);
    expect(await exported(deskOf()), `death ${death}`).toMatchObject({ state: 'done' });
    sender.take();
    const all = (await Promise.all(citizens.map(payoutsOf))).flat().map(({ id }) => id);
    expect(sender.ids.sort(), `death ${death}`).toEqual(all.sort());
    if (outcome !== null) {
      expect(death).toBeGreaterThan(8);
      return;
    }
    await again();
  }
});

test('while one thing is done to a period, nothing else is begun', async () => {
  const [one] = await cutShort();
  const desk = deskOf();
  const busy = { ok: false, code: 'OVERLOADED', detail: 'an export is under way' };
  const said = { lastSent: one! };
  const restored = desk.restore(PAID_PERIOD, said);
  expect(await desk.begin(PAID_PERIOD, consapFile)).toEqual(busy);
  expect(await desk.restore(PAID_PERIOD, said)).toEqual(busy);
  expect((await restored).ok).toBe(true);
  const begun = desk.begin(PAID_PERIOD, consapFile);
  expect(await desk.restore(PAID_PERIOD, said)).toEqual(busy);
  expect((await begun).ok).toBe(true);
  await desk.stop();
  expect(await desk.restore(PAID_PERIOD, said)).toEqual({ ok: false, code: 'DRAINING' });
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
