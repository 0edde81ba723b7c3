// Method: a period that is paid, on one and on three shards, with the real HTTP client and the simulated bank service on a
// real port; time is moved by hand. At the end of each story the engine is started again from its disk, and the inspector,
// which shares none of its fold, judges every fact and row. R13: stored as UNKNOWN_PSP, and checked again later.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Engine } from '../../engine/engine.ts';
import type { Fact, TurnRecord } from '../../engine/facts.ts';
import { makeIban, makeTaxCode, type UnverifiedAccount } from '../../engine/index.ts';
import { AccountRechecks } from '../../server/partners/account-rechecks.ts';
import { HttpIbanChecker, Partner, PartnerSimulator } from '../../server/partners/index.ts';
import { PARTNER_LIMITS } from '../../server/partners/partner.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence, verifyStores } from '../../snapshots/inspect.ts';
import { closePeriod, livePeriod, PAID_PERIOD, PERIOD_BEGINS, setIban, shortProgramme } from '../support/payouts.ts';
import { Random, seed } from '../support/random.ts';
import { openOnDisk } from '../support/shards.ts';
import { type Citizen, value, World } from '../support/world.ts';

const HOUR_MS = 3_600_000;
const CHECKER = 'iban-checker';
const IBAN = makeIban(0);

let bank: PartnerSimulator;
let url: string;
let world: World;
let disk: MemoryDisk;
let citizens: readonly Citizen[];
let faults: unknown[];
let monotonicMs: number;
let lives: number;

beforeEach(async () => {
  bank = new PartnerSimulator();
  url = await bank.listen(0);
  faults = [];
  monotonicMs = 0;
  lives = 0;
});
afterEach(() => bank.close());

/** Every citizen's IBAN is set while nobody can be asked. */
async function open(shardCount: number, counts: readonly number[]): Promise<void> {
  ({ world, disk } = await openOnDisk({ shardCount, now: PERIOD_BEGINS, programme: shortProgramme() }));
  citizens = await livePeriod(world, counts);
}

async function openPaid(shardCount: number, counts: readonly number[]): Promise<void> {
  await open(shardCount, counts);
  await closePeriod(world);
  value(await world.engine.makePayouts(PAID_PERIOD, null));
}

function rechecks(engine: Engine = world.engine): AccountRechecks {
  const limits = { ...PARTNER_LIMITS, callMsMax: 60_000 };
  return new AccountRechecks({
    ...{ engine, clock: { nowMs: () => world.nowMs }, monotonicMs: () => monotonicMs },
    checker: new HttpIbanChecker(new Partner({ url, limits })),
    failed: (fault) => faults.push(fault),
  });
}

const says = (answer: string | number, iban = IBAN) => bank.control(CHECKER, { answers: { [iban]: answer } });
const account = async (citizen: Citizen) => {
  const { iban, ibanCheckStatus } = await citizen.wallet();
  return [iban, ibanCheckStatus];
};
const payout = async (citizen: Citizen) => value(await world.engine.payoutsOf(citizen.key)).at(-1)!;
const due = async (untilMs = Number.MAX_SAFE_INTEGER) => value(await world.engine.unverifiedAccounts(untilMs, 100));

/** In the programme's time, and in that of rests. */
function pass(ms: number): void {
  monotonicMs += ms;
  world.at(new Date(world.nowMs + ms).toISOString());
}

async function restart(checkpointRowCount = 1_000): Promise<void> {
  const persistence = await openMemoryPersistence({ disk });
  world = await World.open({ persistence, now: new Date(world.nowMs).toISOString(), checkpointRowCount });
  citizens = citizens.map(({ taxCode }) => world.citizen(taxCode));
  // A world numbers its commands from 1, and an id is used once.
  lives += 1;
  for (let used = 0; used < lives * 100; used += 1) world.nextId();
}

/** Stopped and started, the same accounts are due; and the inspector finds nothing to say. */
async function expectSound(): Promise<void> {
  const before = await due();
  await world.engine.close();
  await world.persistence.close();
  await restart();
  expect(await due()).toEqual(before);
  await world.engine.close();
  await world.persistence.close();
  expect([world.faults, faults]).toEqual([[], []]);
  expect((await verifyPersistence(await openMemoryPersistence({ disk }))).differences).toEqual([]);
}

describe.each([1, 3])('on %i shards', (shardCount) => {
  test('what the bank verifies later is verified in the wallet and in the payout, and told to who watches', async () => {
    await openPaid(shardCount, [2]);
    const [anna] = citizens as [Citizen];
    expect(await account(anna)).toEqual([IBAN, 'UNKNOWN_PSP']);
    const changed: string[] = [];
    world.engine.onChanged((keys) => changed.push(...keys));
    const checker = rechecks();
    await checker.tick();
    expect(await account(anna)).toEqual([IBAN, 'OK']);
    expect(changed).toContain(anna.key);
    expect(await payout(anna)).toMatchObject({ status: 'NEW', account: { iban: IBAN, checkStatus: 'OK' } });
    await checker.tick();
    expect(bank.callCount(CHECKER)).toBe(1);
    expect(checker.counts).toEqual({ OK: 1, KO: 0, INVALID: 0, UNKNOWN_PSP: 0 });
    await expectSound();
  });

  test.each(['KO', 'NOTHING', 400])('nobody is paid on an account of which the bank says %s', async (answer) => {
    await openPaid(shardCount, [2, 3, 4]);
    const [anna, bruno, carla] = citizens as [Citizen, Citizen, Citizen];
    const [sent, writing] = [await payout(bruno), await payout(carla)];
    await world.engine.changePayouts([
      { kind: 'export', id: sent.id, fileNumber: 1, updateMs: sent.updateMs },
      { kind: 'deliver', id: sent.id, fileNumber: 1 },
      { kind: 'export', id: writing.id, fileNumber: 2, updateMs: writing.updateMs },
    ]);
    says(answer);
    await rechecks().tick();
    for (const citizen of citizens) expect(await account(citizen)).toEqual([null, 'KO']);
    const { id, updateMs } = await payout(anna);
    expect(await payout(anna)).toMatchObject({ status: 'NEW', account: null });
    expect(await world.engine.changePayouts([{ kind: 'export', id, fileNumber: 3, updateMs }])).toEqual([
      { ok: false, code: 'PAYOUT_NOT_EXPORTABLE' },
    ]);
    // What is on its way is not recalled; what did not go out does not go out to that account.
    expect(await payout(bruno)).toMatchObject({ status: 'SENT', account: { iban: IBAN } });
    expect(await payout(carla)).toMatchObject({ status: 'WIP', account: { iban: IBAN } });
    await world.engine.changePayouts([{ kind: 'restore', id: writing.id, fileNumber: 2, status: 'NEW' }]);
    expect(await payout(carla)).toMatchObject({ status: 'NEW', account: null });

    await setIban(anna, 7);
    expect(await account(anna)).toEqual([makeIban(7), 'UNKNOWN_PSP']);
    expect(await payout(anna)).toMatchObject({ status: 'NEW', account: { iban: makeIban(7) } });
    await expectSound();
  });

  test('a bank that cannot be asked is asked after 1, 2, 4, 8, 16, 24 and 24 hours', async () => {
    await open(shardCount, [0]);
    says(501);
    pass(HOUR_MS);
    const checker = rechecks();
    // Due since its first hour, long ago.
    await checker.tick();
    let [{ dueMs, attempts }] = (await due()) as readonly [UnverifiedAccount];
    const hours: number[] = [];
    while (attempts < 7) {
      hours.push((dueMs - world.nowMs) / HOUR_MS);
      expect(await due(world.nowMs)).toEqual([]);
      pass(dueMs - world.nowMs - 1);
      await checker.tick();
      pass(1);
      await checker.tick();
      [{ dueMs, attempts }] = (await due()) as readonly [UnverifiedAccount];
    }
    expect(hours).toEqual([2, 4, 8, 16, 24, 24]);
    expect(bank.callCount(CHECKER)).toBe(7);
    expect(await account(citizens[0]!)).toEqual([IBAN, 'UNKNOWN_PSP']);
    await expectSound();
  });

  test('an account is asked about an hour after it was set, not before', async () => {
    await open(shardCount, [0]);
    await setIban(citizens[0]!, 3);
    expect(await due()).toEqual([{ citizen: citizens[0]!.key, dueMs: world.nowMs + HOUR_MS, attempts: 0 }]);
    const checker = rechecks();
    pass(HOUR_MS - 1);
    await checker.tick();
    expect(bank.callCount(CHECKER)).toBe(0);
    pass(1);
    await checker.tick();
    expect(await account(citizens[0]!)).toEqual([makeIban(3), 'OK']);
    await expectSound();
  });

  test.each(['down', 'unavailable'])(
    'a service that is %s is left alone for a minute, and nothing is counted',
    async (mode) => {
      await open(shardCount, [0, 0]);
      bank.control(CHECKER, { mode });
      const checker = rechecks();
      await checker.tick();
      const asked = bank.callCount(CHECKER);
      expect((await due()).map(({ attempts }) => attempts)).toEqual([0, 0]);
      bank.control(CHECKER, { mode: 'up' });
      pass(59_999);
      await checker.tick();
      expect(bank.callCount(CHECKER)).toBe(asked);
      pass(1);
      await checker.tick();
      for (const citizen of citizens) expect(await account(citizen)).toEqual([IBAN, 'OK']);
      await expectSound();
    },
  );

  test('what the citizen does while the bank is asked stands: another IBAN, an issuer’s account, leaving', async () => {
    await open(shardCount, [0, 0, 0]);
    const [anna, bruno, carla] = citizens as [Citizen, Citizen, Citizen];
    says('KO');
    const { engine } = world;
    const holder = { accountHolderCF: bruno.taxCode, accountHolderName: 'B', accountHolderSurname: 'B' };
    const busy = engineWith(engine, {
      recheckAccounts: async (answers) => {
        await setIban(anna, 4);
        await bruno.must({ kind: 'setIban', iban: IBAN, ...holder, technicalAccountHolder: 'Hype S.p.A.' });
        await carla.leave();
        expect(answers).toHaveLength(3);
        const told = await engine.recheckAccounts(answers);
        expect(told).toEqual({ ok: true, value: 0 });
        return told;
      },
    });
    await rechecks(busy).tick();
    expect([await account(anna), await account(bruno)]).toEqual([
      [makeIban(4), 'UNKNOWN_PSP'],
      [IBAN, 'OK'],
    ]);
    expect((await due()).map(({ citizen }) => citizen)).toEqual([anna.key]);
    await carla.enrol();
    expect(await account(carla)).toEqual([null, null]);
    await expectSound();
  });

  test('a death between the answer and its journal asks again; after it nothing is asked', async () => {
    await open(shardCount, [0]);
    says('KO');
    const dying = engineWith(world.engine, {
      recheckAccounts: async () => {
        disk.crash();
        throw new Error('the process died');
      },
    });
    await expect(rechecks(dying).tick()).rejects.toThrow('the process died');
    await restart();
    expect(await account(citizens[0]!)).toEqual([IBAN, 'UNKNOWN_PSP']);
    await rechecks().tick();
    disk.crash();
    await restart();
    expect(await account(citizens[0]!)).toEqual([null, 'KO']);
    await rechecks().tick();
    expect(bank.callCount(CHECKER)).toBe(2);
    await expectSound();
  });

  test('only so many are asked about in a round, the first that are due first', async () => {
    await open(shardCount, []);
    citizens = Array.from({ length: 70 }, (_, number) => world.citizen(makeTaxCode(number)));
    for (const citizen of citizens) await citizen.enrol();
    for (const [number, citizen] of citizens.entries()) await setIban(citizen, number);
    pass(HOUR_MS);
    const checker = rechecks();
    await Promise.all([checker.tick(), checker.tick()]);
    expect(bank.callCount(CHECKER)).toBe(64);
    await checker.tick();
    expect(bank.callCount(CHECKER)).toBe(70);
    expect(await due()).toEqual([]);
    await expectSound();
  });
});

test('after a death at any moment every account is due as one of its facts left it', async () => {
  const random = new Random(seed);
  await open(2, [0, 0, 0, 0, 0, 0]);
  for (let life = 0; life < 6; life += 1) {
    for (let step = 0; step < 6; step += 1) {
      const citizen = random.pick(citizens);
      says(random.pick(['OK', 'KO', 400, 501]), IBAN);
      if (random.below(2) === 0) await rechecks().tick();
      else if (random.below(3) > 0) await setIban(citizen, random.below(2));
      else await citizen.leave().then(() => citizen.enrol());
      pass(random.below(2 * HOUR_MS));
    }
    disk.crash();
    const inspection = await verifyPersistence(await openMemoryPersistence({ disk }));
    expect(inspection.differences, `seed=${seed} life=${life}`).toEqual([]);
    await restart(5);
    const wallets = await Promise.all(citizens.map((citizen) => citizen.wallet()));
    const unverified = citizens.filter((_, at) => wallets[at]!.ibanCheckStatus === 'UNKNOWN_PSP');
    expect((await due()).map(({ citizen }) => citizen).sort()).toEqual(unverified.map(({ key }) => key).sort());
  }
});

describe('what the inspector finds', () => {
  type Change = (fact: Fact) => readonly Fact[];

  async function differences(change: Change): Promise<readonly string[]> {
    await openPaid(1, [2]);
    says('KO');
    await rechecks().tick();
    await world.engine.close();
    await world.persistence.close();
    const [store] = (await openMemoryPersistence({ disk })).stores;
    const turns = [...store!.journal.read(1)].map((turn): TurnRecord => {
      const sections = turn.sections.map((section) => ({ ...section, facts: section.facts.flatMap(change) }));
      return { ...turn, sections };
    });
    const { rows, vault, journal } = store!;
    const { lastSequence, epoch } = journal;
    const told = { lastSequence, epoch, append: async () => {}, trim: async () => {} };
    const read = (from: number) => turns.filter(({ sequence }) => sequence >= from);
    return (await verifyStores([{ rows, vault, journal: { ...told, read } }], shortProgramme())).differences;
  }

  const cases: readonly (readonly [string, Change, RegExp])[] = [
    ['nothing, where there is nothing', (fact) => [fact], /^$/],
    [
      'an account that was judged before it was due',
      (fact) => [fact.kind === 'recheckSet' && fact.recheck !== null ? later(fact) : fact],
      /nobody was to be asked about it/,
    ],
    [
      'an account that the bank verified, and another one that is kept',
      (fact) => [fact.kind === 'payoffJudged' ? { ...fact, verdict: 'OK' } : fact],
      /the account judged/,
    ],
    [
      'a payout that still goes to an account that was refused',
      (fact) => (fact.kind === 'payoutSet' ? [] : [fact]),
      /goes to an account that was refused/,
    ],
    [
      'a row that says an account is due, though nobody is to be asked',
      (fact) => (fact.kind === 'recheckSet' && fact.recheck !== null ? [] : [fact]),
      /was due/,
    ],
  ];
  test.each(cases)('%s', async (_, change, words) => {
    expect((await differences(change)).join('\n')).toMatch(words);
  });

  const later = (fact: Extract<Fact, { kind: 'recheckSet' }>): Fact => {
    return { ...fact, recheck: { ...fact.recheck!, dueMs: fact.recheck!.dueMs + 10 ** 10 } };
  };
});

function engineWith(engine: Engine, changed: Partial<Engine>): Engine {
  return new Proxy(engine, {
    get: (_, name) => changed[name as keyof Engine] ?? (engine[name as keyof Engine] as () => unknown).bind(engine),
  });
}
