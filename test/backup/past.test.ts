// Method: one citizen's life through the engine's door, and what the wallet answered after each step; then the same
// instants are read out of the folder at rest and out of a backup, which must give the same answers, and say why.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { APP_CHANNEL, type EngineStats, makeTaxCode, type RecheckVerdict } from '../../engine/index.ts';
import {
  BackupWriter,
  type Happening,
  openAtRest,
  openPersistence,
  type PastWallet,
  pastOfBackup,
  pastOfFolder,
  pastWallet,
} from '../../snapshots/index.ts';
import { hpanElsewhere, until } from '../support/shards.ts';
import { type Citizen, hpan, instant, value, World } from '../support/world.ts';

const STORES = 2;
const H1 = 2;
const ANNA = makeTaxCode(1);
const BRUNO = makeTaxCode(2);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickday-past-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const CLOSED_MS = instant('2021-01-11T00:00:00+01:00');
const isFrozen = (ranking: EngineStats['rankings'][number]) => ranking.awardPeriodId === 1 && ranking.isFrozen;

interface Answered {
  readonly timeMs: number;
  readonly wallet: unknown;
  readonly total: unknown;
  readonly payments: unknown;
}

async function answered(world: World, anna: Citizen): Promise<Answered> {
  const [total, payments] = [await anna.total(H1), await anna.payments(H1)];
  return { timeMs: world.nowMs, wallet: await anna.wallet(), total, payments };
}

/** Enrols, has a card refused and another enabled, pays, is paid back, loses a payment, leaves, comes back. */
async function life(world: World): Promise<readonly Answered[]> {
  const [anna, bruno] = [world.citizen(ANNA), world.citizen(BRUNO)];
  const card = hpanElsewhere(anna.key, STORES, 10);
  const taken = hpan(2);
  const then: Answered[] = [];
  const step = async (now: string, act: () => Promise<unknown>) => {
    world.at(now);
    if (world.nowMs >= CLOSED_MS)
      await until(async () => (await world.engine.stats()).rankings.some(isFrozen), 'frozen');
    await act();
    then.push(await answered(world, anna));
  };
  const pay = (at: string, cents: number, more: object = {}) => world.pay({ hpan: card, at, cents, ...more });
  await bruno.enrol();
  await bruno.enable(taken);
  await step('2021-01-10T09:00:00+01:00', () => anna.enrol());
  await step('2021-01-10T09:01:00+01:00', () => anna.do({ kind: 'enableCashback', hpan: taken }));
  await step('2021-01-10T09:02:00+01:00', () => anna.enable(card));
  await step('2021-01-10T09:03:00+01:00', () =>
    anna.must({ kind: 'setIban', iban: 'IT60X0542811101000000123456', ...holder(ANNA) }),
  );
  await step('2021-01-12T09:00:00+01:00', () => pay('2021-01-11T10:00:00+01:00', 10_000, { correlation: 'P' }));
  await step('2021-01-13T09:00:00+01:00', () =>
    pay('2021-01-12T10:00:00+01:00', 10_000, { correlation: 'P', reversal: true }),
  );
  await step('2021-01-14T09:00:00+01:00', () => pay('2021-01-13T10:00:00+01:00', 5_000));
  const recheck = async (verdict: RecheckVerdict) => {
    const [due] = value(await world.engine.unverifiedAccounts(world.nowMs, 1));
    return world.engine.recheckAccounts([{ citizen: due!.citizen, dueMs: due!.dueMs, verdict }]);
  };
  world.at('2021-01-14T09:30:00+01:00');
  await recheck('UNKNOWN_PSP');
  await step('2021-01-14T11:30:00+01:00', () => recheck('KO'));
  await step('2021-01-15T09:00:00+01:00', () => anna.leave());
  await step('2021-01-15T10:00:00+01:00', () => pay('2021-01-14T10:00:00+01:00', 7_000));
  await step('2021-01-15T11:00:00+01:00', () => anna.enrol());
  return then;
}

function holder(accountHolderCF: string) {
  return { accountHolderCF, accountHolderName: 'Anna', accountHolderSurname: 'Rossi' };
}

test('the past of a wallet is what it answered then, from a folder at rest and from a backup', async () => {
  const [data, backup] = [join(folder, 'data'), join(folder, 'backup')];
  const persistence = await openPersistence({ folder: data, shardCount: STORES });
  const world = await World.open({ persistence, now: '2021-01-10T08:00:00+01:00' });
  const then = await life(world);
  await world.engine.close();
  await persistence.close();
  const atRest = await openAtRest(data);
  const writer = await BackupWriter.open({ source: atRest.source, folder: backup });
  await writer.cut('life', new Date());
  await writer.close();
  await atRest.close();

  const read = async (timeMs: number, from: 'data' | 'backup'): Promise<PastWallet> => {
    const { source, close } = from === 'data' ? await pastOfFolder(data) : await pastOfBackup(backup);
    return pastWallet(source, ANNA, timeMs).finally(close);
  };
  for (const { timeMs, wallet, total, payments } of then) {
    const past = await read(timeMs, 'data');
    const { awardPeriodId } = total as { readonly awardPeriodId: number };
    const none = { awardPeriodId, shownCents: 0, rawCents: 0, payableCents: 0, transactionNumber: 0 };
    expect({ ...past, total: past.totals[0] ?? none }).toMatchObject({ wallet, total, payments });
    expect(await read(timeMs, 'backup')).toEqual(past);
  }
  // Each step changed the answer, so that an instant too early or too late would be seen.
  expect(new Set(then.map(({ wallet, total, payments }) => JSON.stringify([wallet, total, payments]))).size).toBe(
    then.length,
  );
  expect((await read(instant('2021-01-10T08:59:59+01:00'), 'data')).wallet).toBeNull();
  const { history } = await read(then.at(-1)!.timeMs, 'backup');
  const own = history[0]!.partition;
  expect(saidIn(history.filter(({ partition }) => partition === own))).toEqual([
    'enrolled, enrolment 1',
    'command done: enrol',
    `command begun: enableCashback (${APP_CHANNEL})`,
    `cashback asked for (${APP_CHANNEL})`,
    'cashback not enabled: INSTRUMENT_TAKEN',
    'command refused: INSTRUMENT_TAKEN',
    `command begun: enableCashback (${APP_CHANNEL})`,
    `cashback asked for (${APP_CHANNEL})`,
    'cashback enabled',
    'command done: enableCashback',
    'IBAN set: UNKNOWN_PSP',
    'command done: setIban',
    'payment counted, period 2, cashback 1000 cents',
    'reversal applied, period 2, cashback -1000 cents',
    'payment counted, period 2, cashback 500 cents',
    'IBAN not verified at attempt 1: UNKNOWN_PSP',
    'IBAN removed, by the bank: KO',
    'left the programme',
    `command begun: leave (${APP_CHANNEL})`,
    'cashback disabled',
    'command done: leave',
    'enrolled, enrolment 2',
    'command done: enrol',
  ]);
  expect(saidIn(history.filter(({ partition }) => partition !== own))).toEqual([
    `card active (${APP_CHANNEL})`,
    'payment arrived',
    'reversal asked',
    'reversal applied',
    'payment arrived',
    'card told of the leaving',
    'card inactive',
    'payment arrived',
    'payment dropped: TERMS_NOT_COVERED',
  ]);
  expect(history.flatMap(({ atMs }, at) => (atMs < (history[at - 1]?.atMs ?? 0) ? [at] : []))).toEqual([]);
});

function saidIn(history: readonly Happening[]): readonly string[] {
  return history.map(({ what, reason, channel }) => {
    return `${what}${reason === null ? '' : `: ${reason}`}${channel === null ? '' : ` (${channel})`}`;
  });
}
