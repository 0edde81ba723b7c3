/**
 * A small folder with everything in it, written by the engine itself, and what its public answers are: two stores,
 * thirty citizens with cards and payments, reversals of every fate, claims with tokens, people who left and came back,
 * exclusions by operators and by the abuse rule, files, a closed period that was opened again and is paid, an erased
 * key, an archive, a tail in the journal, and a message that nobody has taken in.
 */
import { cpSync } from 'node:fs';
import { basename } from 'node:path';
import {
  type CommandReply,
  type Engine,
  type ExclusionStep,
  italy2020,
  makeIban,
  makeTaxCode,
  type PaymentName,
  type PeriodOrder,
  type Programme,
  partitionOf,
  type RecordOutcome,
  type WalletCommandBody,
} from '../../engine/index.ts';
import { openPersistence, type Persistence } from '../../snapshots/index.ts';
import { hpanOn, StoreGate, shardOf, turnsTaken, until } from '../support/shards.ts';
import { type Citizen, hpan, instant, type Payment, recordOf, value, World } from '../support/world.ts';

export const SHARD_COUNT = 2;
const CITIZEN_COUNT = 30;
const CHRISTMAS = 1;
const H1 = 2;
/** When it ends. */
export const NOW = '2021-03-20T12:00:00+01:00';

/** Left for good, and the key that sealed its tax code is gone. */
const ERASED = 9;
/** Have enough payments at Christmas; all but the last have an IBAN, and one leaves afterwards. */
const PAID: readonly number[] = [18, 21, 24, 27, 22];
/** Excluded by two operators; excluded and put back; proposed, and nobody has decided. */
const [EXCLUDED, PUT_BACK, PROPOSED] = [29, 26, 23];
const DOUBTED = 13;
/** Enrolled at the same instant as the next one, with as many payments: their order goes down to the tax code. */
const SAME_AS_NEXT: readonly number[] = [10, 20];
const PAR = 'Q1H5V6ZG8Y0K2M4N6P8R0T2V4X6Z8';
const LATE_FILE = 'CSTAR.36081.TRNLOG.20210112.120000.001.csv';
const PROGRAMME: Programme = {
  ...italy2020(),
  abuseRule: { firstDay: '2021-01-01', amountCentsMax: 100, paymentsMin: 3, appealDays: 7 },
};
const DETAILS = {
  methodKind: 'card',
  brand: 'VISA',
  lastDigits: '4242',
  expiry: '2025-12',
  issuerAbi: '03069',
} as const;

export interface Asked {
  readonly citizen: number;
  readonly id: string;
  readonly body: WalletCommandBody;
  /** Null: it was under way when the folder was left. */
  readonly reply: CommandReply | null;
}

/** What who wrote the folder knows of it. */
export interface History {
  readonly commands: readonly Asked[];
  readonly payments: readonly { readonly payment: Payment; readonly receivedMs: number }[];
}

/** Ids of citizens and cards count from 1; citizen n has card n, and card 100 + n where it has two. */
export class Story {
  readonly commands: Asked[] = [];
  readonly payments: History['payments'][number][] = [];
  #world: World | null = null;

  get world(): World {
    if (this.#world === null) throw new Error('nothing is open');
    return this.#world;
  }

  async open(persistence: Persistence, now: string): Promise<void> {
    this.#world = await World.open({ persistence, now, ...(persistence.isNew ? { programme: PROGRAMME } : {}) });
  }

  async close(): Promise<void> {
    await this.world.engine.close();
    await this.world.persistence.close();
  }

  citizen(number: number): Citizen {
    return this.world.citizen(makeTaxCode(number));
  }

  /** @param isAwaited false: it will not be answered */
  async do(citizen: number, body: WalletCommandBody, isAwaited = true): Promise<void> {
    const id = (this.commands.length + 1).toString(16).padStart(32, '0');
    const replied = this.citizen(citizen).do(body, id);
    const at = this.commands.push({ citizen, id, body, reply: null }) - 1;
    if (isAwaited) this.commands[at] = { citizen, id, body, reply: await replied };
  }

  /** @returns its name */
  async pay(payment: Omit<Payment, 'id'>): Promise<PaymentName> {
    const id = `ARN${this.payments.length + 1}`;
    const named = { ...payment, id };
    this.payments.push({ payment: named, receivedMs: this.world.nowMs });
    await this.world.pay(named);
    const { idTrxAcquirer, trxMs, acquirerCode, acquirerId, operationType } = recordOf(named);
    return { hpan: payment.hpan, record: { idTrxAcquirer, trxMs, acquirerCode, acquirerId, operationType } };
  }

  async exclude(citizen: number, step: ExclusionStep, payment: PaymentName | null = null): Promise<void> {
    const operator = step === 'approve' ? 'bruno' : 'anna';
    const { key } = this.citizen(citizen);
    value(await this.world.engine.exclude({ citizen: key, payment, step, operator, reason: 'visto' }));
  }

  async resolve({ hpan, record }: PaymentName): Promise<void> {
    const decision = { hpan, reversal: record, resolution: 'discard', payment: null } as const;
    value(await this.world.engine.resolveReversal({ ...decision, operator: 'carla', reason: 'doppio' }));
  }

  async decide(kind: PeriodOrder['kind'], awardPeriodId: number, untilMs = 0): Promise<void> {
    const files = kind === 'reopen' ? [LATE_FILE] : [];
    const order = { kind, awardPeriodId, files, untilMs, programme: '', operator: 'anna', reason: 'come deciso' };
    value(await this.world.engine.decidePeriod(order));
  }
}

/** @param folder where it is written; what is left there, as a kill would have left it, is in `${folder}-left` */
export async function writeHistory(folder: string): Promise<{ readonly left: string; readonly history: History }> {
  const story = new Story();
  await story.open(await openPersistence({ folder, shardCount: SHARD_COUNT }), '2020-12-07T10:00:00+01:00');
  await christmas(story);
  await story.close();
  await story.open(await openPersistence({ folder }), '2021-01-05T12:00:00+01:00');
  await afterChristmas(story);
  await eraseKey(story);
  await story.close();
  await story.open(gated(await openPersistence({ folder }), gate), '2021-03-15T12:00:00+01:00');
  await march(story);
  const left = `${folder}-left`;
  await leaveInTheMiddle(story, () => cpSync(folder, left, { recursive: true, filter: isWorthKeeping }));
  await story.close();
  return { left, history: { commands: story.commands, payments: story.payments } };
}

async function christmas(story: Story): Promise<void> {
  const { world } = story;
  for (let number = 1; number <= CITIZEN_COUNT; number += 1) {
    await story.do(number, { kind: 'enrol', ...(number % 3 === 0 ? { optInStatus: 'ACCEPTED' } : {}) });
    if (number % 6 === 1) await story.do(number, { kind: 'enrol', optInStatus: 'ACCEPTED' });
    if (number % 2 === 0) await story.do(number, { kind: 'addMethod', hpan: hpan(number), details: DETAILS });
    const tokens = number % 10 === 5 ? { tokens: [hpan(200 + number), hpan(300 + number)] } : {};
    await story.do(number, { kind: 'enableCashback', hpan: hpan(number), ...tokens });
    if (number % 4 === 0) await story.do(number, { kind: 'enableCashback', hpan: hpan(100 + number) });
    if (number % 3 === 0) await story.do(number, iban(number));
    world.at(new Date(world.nowMs + 60_000 * (number % 5)).toISOString());
  }
  // Taken already: refused, and its first token given back.
  await story.do(1, { kind: 'enableCashback', hpan: hpan(401), tokens: [hpan(2)] });
  world.at('2020-12-20T12:00:00+01:00');
  for (let number = 1; number <= CITIZEN_COUNT; number += 1) {
    const last = PAID.includes(number) ? 11 : SAME_AS_NEXT.includes(number) ? (number + 1) % 5 : number % 5;
    for (let count = 0; count <= last; count += 1) {
      await story.pay({ hpan: hpan(number), at: '2020-12-20T10:00:00+01:00', cents: 1_000 + 100 * number + count });
    }
  }
  await story.decide('suspend', 3);
  await payByPar(story);
}

/** A device token that nobody has enrolled, of a card that one has. */
async function payByPar(story: Story): Promise<void> {
  const { world } = story;
  for (const par of ['THE-ONE-BEFORE', PAR]) value(await world.engine.setPar(story.citizen(2).key, hpan(2), par));
  const record = recordOf({ hpan: hpan(1_002), at: '2020-12-20T11:00:00+01:00', cents: 5_000, id: 'PAR-1' });
  await world.take({ record, receivedMs: world.nowMs, par: PAR });
}

/** A file whose rows are accounted for, the same once more, and one that was cut short. */
async function takeFiles({ world }: Story): Promise<void> {
  const { engine, nowMs: receivedMs } = world;
  const arrival = (name: string, digest: string) => ({ sender: '36081', name, digest: digest.repeat(64), receivedMs });
  const first = value(await engine.openFile(arrival('CSTAR.36081.TRNLOG.20210210.120000.001.csv', 'a')));
  const { fileNumber } = first;
  let rowCount = 0;
  for (let number = 1; number <= 4; number += 1) {
    const named = { hpan: hpan(number), at: '2021-02-10T09:00:00+01:00', cents: 300, id: `FILE-${number}` };
    const { status } = (await world.take({ record: recordOf(named), receivedMs, fileNumber })) as RecordOutcome;
    if (status === 'counted') rowCount += 1;
  }
  const accepted = { fate: 'accepted', code: null, rowCount, amountCents: 300 * rowCount } as const;
  const wrong = { fate: 'rejected', code: 'WRONG_COLUMNS', rowCount: 1, amountCents: 0 } as const;
  value(await engine.closeFile({ ...first, isDone: true, figures: [accepted, wrong] }));
  const again = value(await engine.openFile(arrival('CSTAR.36081.TRNLOG.20210210.130000.001.csv', 'a')));
  value(await engine.closeFile({ ...again, isDone: true, figures: [{ ...accepted, fate: 'repeated' }] }));
  value(await engine.openFile(arrival('CSTAR.36081.TRNLOG.20210210.140000.001.csv', 'b')));
}

/** By operators, and many small payments at one merchant on one day. */
async function excludeSome(story: Story): Promise<void> {
  const at = '2021-02-10T08:00:00+01:00';
  for (let count = 0; count < 4; count += 1) {
    await story.pay({ hpan: hpan(DOUBTED), at, cents: 90 + count, merchant: 'M-SMALL' });
  }
  const payment = await story.pay({ hpan: hpan(PUT_BACK), at, cents: 4_000 });
  for (const step of ['exclude', 'approve', 'lift', 'approve'] as const) await story.exclude(PUT_BACK, step, payment);
  for (const step of ['exclude', 'approve'] as const) await story.exclude(EXCLUDED, step);
  await story.exclude(PROPOSED, 'exclude');
}

/** One is right, of one nothing is known yet, one is somebody else's. */
async function askAboutAccounts({ world }: Story): Promise<void> {
  const { engine, nowMs } = world;
  const [right, unknown, wrong] = value(await engine.unverifiedAccounts(nowMs, 3));
  const verdicts = [
    { ...right!, verdict: 'OK' },
    { ...unknown!, verdict: 'UNKNOWN_PSP' },
    { ...wrong!, verdict: 'KO' },
  ] as const;
  value(await engine.recheckAccounts(verdicts.map(({ citizen, dueMs, verdict }) => ({ citizen, dueMs, verdict }))));
}

/** For a file that its circuit delivered late. */
async function openChristmasAgain(story: Story): Promise<void> {
  const { world } = story;
  const untilMs = instant('2021-01-25T00:00:00+01:00');
  await story.decide('reopen', CHRISTMAS, untilMs);
  await story.pay({ hpan: hpan(18), at: '2020-12-21T10:00:00+01:00', cents: 3_300, file: LATE_FILE });
  await story.decide('close', CHRISTMAS);
  await until(async () => {
    world.engine.tick();
    return (await world.engine.queueNotices(['final'])).ok;
  }, 'Christmas closed again');
}

/** Enough changes of IBAN for a page of commands, the end of a period, people who leave. */
async function afterChristmas(story: Story): Promise<void> {
  const { world } = story;
  for (let count = 0; count < 40; count += 1) await story.do(1, iban(500 + count));
  for (const number of [4, 6]) await story.do(number, { kind: 'leave' });
  world.at('2021-01-11T00:00:00+01:00');
  await until(async () => {
    world.engine.tick();
    return (await world.engine.stats()).rankings.some((one) => one.awardPeriodId === CHRISTMAS && one.isFrozen);
  }, 'the ranking of Christmas frozen');
  await openChristmasAgain(story);
  await payOut(story);
  world.at('2021-02-10T12:00:00+01:00');
  await story.do(4, { kind: 'enrol' });
  await story.do(4, { kind: 'enableCashback', hpan: hpan(4) });
  await story.do(ERASED, { kind: 'leave' });
  await story.do(12, { kind: 'disableCashback', hpan: hpan(112) });
  await story.do(14, { kind: 'removeMethod', hpan: hpan(14) });
  await story.do(14, { kind: 'enableAll' });
  await story.do(16, { kind: 'setFavourite', hpan: hpan(16) });
  const at = '2021-02-10T11:00:00+01:00';
  for (let number = 1; number <= CITIZEN_COUNT; number += 1) {
    await story.pay({ hpan: hpan(number), at, cents: 2_000, correlation: `COR-${number}` });
  }
  const back = { at, reversal: true };
  await story.pay({ ...back, hpan: hpan(2), cents: 2_000, correlation: 'COR-2' });
  await story.pay({ ...back, hpan: hpan(3), cents: 500, correlation: 'COR-3' });
  // Nothing it could take back has come: it waits, and is given up in March.
  await story.pay({ ...back, hpan: hpan(7), cents: 700, correlation: 'COR-EARLY' });
  const doubtful = { hpan: hpan(11), at, cents: 650, correlation: 'COR-DOUBTFUL' };
  for (let count = 0; count < 2; count += 1) await story.pay(doubtful);
  await story.resolve(await story.pay({ ...doubtful, reversal: true }));
  await takeFiles(story);
  await excludeSome(story);
  await askAboutAccounts(story);
}

/** One is done, one failed and sent again, one in a file that was never finished, one withdrawn, one without an IBAN. */
async function payOut(story: Story): Promise<void> {
  const { engine, nowMs } = story.world;
  await engine.makePayouts(CHRISTMAS, 60_00);
  const records = await Promise.all(
    PAID.map(async (number) => value(await engine.payoutsOf(story.citizen(number).key))[0]!),
  );
  const [done, failed, unfinished] = records.map(({ id, updateMs }) => ({ id, updateMs }));
  const file = { fileNumber: 1, awardPeriodId: CHRISTMAS, name: 'one.csv', rowCount: 2, totalCents: 1, checksum: '' };
  await engine.setPayoutFile({ ...file, state: 'delivered', atMs: nowMs });
  await engine.setPayoutFile({ ...file, fileNumber: 2, state: 'writing', atMs: nowMs });
  const said = { reason: 'detto', cro: '1', executionDay: '2021-02-01' };
  await engine.changePayouts([
    { kind: 'export', ...done!, fileNumber: 1 },
    { kind: 'export', ...failed!, fileNumber: 1 },
    { kind: 'export', ...unfinished!, fileNumber: 2 },
    { kind: 'deliver', id: done!.id, fileNumber: 1 },
    { kind: 'deliver', id: failed!.id, fileNumber: 1 },
    { kind: 'outcome', id: done!.id, outcome: { ...said, result: 'ORDINE ESEGUITO' } },
    { kind: 'outcome', id: failed!.id, outcome: { ...said, result: 'KO' } },
  ]);
  const [told] = value(await engine.notices({ state: 'due' })).notices;
  await engine.changeNotices([{ ...told!, kind: 'delivered' }]);
  await story.do(PAID[1]!, iban(700));
  await story.do(PAID[3]!, { kind: 'leave' });
}

async function march(story: Story): Promise<void> {
  const { world } = story;
  const at = '2021-03-15T11:00:00+01:00';
  const doubtful = { hpan: hpan(8), at, cents: 900, correlation: 'COR-TWICE' };
  for (let count = 0; count < 2; count += 1) await story.pay(doubtful);
  await story.pay({ ...doubtful, reversal: true });
  await story.pay({ hpan: hpan(10), at, cents: 4_200, correlation: 'COR-WAITS', reversal: true });
  await story.do(16, iban(16));
  await story.do(16, { kind: 'addMethod', hpan: hpan(416), details: DETAILS });
  for (let number = 20; number <= CITIZEN_COUNT; number += 1) await story.pay({ hpan: hpan(number), at, cents: 777 });
  world.at(NOW);
}

const gate = new StoreGate();

/** The card's store does not answer any more: the claim is journaled, and its message is under way for ever. */
async function leaveInTheMiddle(story: Story, leave: () => void): Promise<void> {
  const { engine } = story.world;
  const citizen = Array.from({ length: CITIZEN_COUNT }, (_, at) => at + 1).find(
    (number) => number > 20 && shardOf(story.citizen(number).key, SHARD_COUNT) === 0,
  );
  if (citizen === undefined) throw new Error('nobody lives in the first store');
  await until(() => engine.stats().then(({ mailboxCount }) => mailboxCount === 0), 'nothing waits');
  await turnsTaken();
  gate.hold();
  const card = hpanOn(1, SHARD_COUNT, 600);
  await story.do(citizen, { kind: 'enableCashback', hpan: card }, false);
  await until(async () => {
    const state = (await story.citizen(citizen).wallet()).methods.find(({ hpan }) => hpan === card)?.cashback;
    if (state === 'enabled') throw new Error('the card was asked and answered, although its store is held');
    return state === 'enabling';
  }, 'the claim under way');
  leave();
  gate.release();
}

function gated(persistence: Persistence, at: StoreGate): Persistence {
  const [first, ...others] = persistence.stores;
  return { ...persistence, stores: [first!, ...others.map((store) => at.before(store))] };
}

async function eraseKey(story: Story): Promise<void> {
  const { persistence } = story.world;
  const { key } = story.citizen(ERASED);
  const partition = partitionOf(key);
  const row = persistence.stores[partition % SHARD_COUNT]!.rows.get('wallet', partition, key, '');
  if (row === undefined) throw new Error('the first checkpoint wrote every wallet');
  await persistence.eraseKey(partition % SHARD_COUNT, row.value.slot);
}

function iban(number: number): WalletCommandBody {
  const holder = { accountHolderName: 'A', accountHolderSurname: 'B' };
  return { kind: 'setIban', iban: makeIban(number), accountHolderCF: makeTaxCode(number % CITIZEN_COUNT), ...holder };
}

function isWorthKeeping(path: string): boolean {
  return !['lock', 'lock.mdb'].includes(basename(path));
}

/** Everything that anybody may ask, as JSON has it; not where in which partition it was said. */
export async function answersOf(engine: Engine, { commands }: Pick<History, 'commands'>): Promise<unknown> {
  const stats = await engine.stats();
  const { citizensEnabled, cardsActive, paymentsListed, commandsDone, rankings } = stats;
  const citizens: unknown[] = [];
  for (let number = 1; number <= CITIZEN_COUNT; number += 1) {
    const citizen = engine.citizenKeyOf(makeTaxCode(number));
    const origin = { role: 'citizen', subject: citizen, channel: '' } as const;
    const own = commands.filter((command) => command.citizen === number);
    const cards = new Set(own.flatMap(({ body }) => ('hpan' in body ? [body.hpan] : [])));
    citizens.push({
      wallet: await engine.wallet(citizen),
      instruments: await Promise.all([...cards].map((card) => engine.instrument(citizen, card))),
      periods: await Promise.all(
        [CHRISTMAS, H1].map(async (awardPeriodId) => ({
          total: await engine.total(citizen, awardPeriodId),
          payments: await engine.payments(citizen, { awardPeriodId, limit: 100 }),
          milestones: await engine.milestones(citizen, awardPeriodId),
          ranking: await engine.rankings(citizen, awardPeriodId),
        })),
      ),
      outcomes: await Promise.all(own.map(({ id }) => engine.outcome(citizen, origin, id))),
      payouts: await engine.payoutsOf(citizen),
    });
  }
  const pages = await Promise.all([CHRISTMAS, H1].map((period) => engine.rankingPage(period, 1, 1_000)));
  const reversals = await Promise.all(
    (['parked', 'flagged', 'pending'] as const).map((state) => engine.reversals({ state, limit: 20 })),
  );
  const counts = { citizensEnabled, cardsActive, paymentsListed, commandsDone, rankings };
  const files = await engine.payoutFiles();
  const notices = await engine.notices({ state: 'due', limit: 100 });
  return JSON.parse(JSON.stringify({ citizens, pages, reversals, counts, files, notices }, withoutPosition));
}

function withoutPosition(name: string, held: unknown): unknown {
  return name === 'position' ? undefined : held;
}
