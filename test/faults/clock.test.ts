// Method: the same story is told twice, once by a clock whose system's date jumps at every step; what can be read
// afterwards must be the same. Then a real process goes on while the date beneath it jumps, where libfaketime is there.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { APP_CHANNEL, type Engine, italy2020, makeTaxCode, openEngine } from '../../engine/index.ts';
import { createClock } from '../../server/clock.ts';
import { openMemoryPersistence, verifyFolder } from '../../snapshots/index.ts';
import { fromPackage } from '../support/packages.ts';
import { Random, seed } from '../support/random.ts';
import { Supervised } from '../support/supervised.ts';
import { hpan } from '../support/world.ts';

const DAY_MS = 86_400_000;
/** Two days before the clocks of Rome go forward. */
const START_MS = Date.parse('2021-03-26T22:00:00Z');
const CITIZENS = [1, 2, 3].map(makeTaxCode);

let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'clickday-clock-'));
});
afterAll(async () => {
  await Supervised.stopAll();
  rmSync(place, { recursive: true, force: true });
});

/** @param jump what happens to the system's date while so many milliseconds pass */
async function tell(jump: (realMs: number, passedMs: number) => number): Promise<object> {
  let [monotonicMs, realMs] = [7, START_MS];
  const clock = createClock({ monotonicMs: () => monotonicMs, realMs: () => realMs });
  const { stores } = await openMemoryPersistence({ shardCount: 2 });
  const failed = (error: unknown) => expect.unreachable(String(error));
  const engine = await openEngine({ stores, programme: italy2020(), clock, schedule: setImmediate, failed });
  const random = new Random(seed);
  const answers: unknown[] = [];
  for (const taxCode of CITIZENS) answers.push(await change(engine, taxCode, answers.length, { kind: 'enrol' }));
  for (let step = 0; step < 120; step += 1) {
    const passedMs = random.below(DAY_MS / 20);
    monotonicMs += passedMs;
    realMs = jump(realMs, passedMs);
    engine.tick();
    const card = hpan(random.below(6));
    const isPayment = random.below(3) > 0;
    const taxCode = CITIZENS[random.below(CITIZENS.length)]!;
    const trxMs = clock.nowMs() - random.below(DAY_MS);
    if (isPayment) answers.push(await pay(engine, card, step, trxMs, clock.nowMs()));
    else answers.push(await change(engine, taxCode, 100 + step, { kind: 'enableCashback', hpan: card }));
  }
  const totals = await Promise.all(CITIZENS.map((taxCode) => engine.total(engine.citizenKeyOf(taxCode), 2)));
  const payments = await Promise.all(
    CITIZENS.map((taxCode) => engine.payments(engine.citizenKeyOf(taxCode), { awardPeriodId: 2, limit: 100 })),
  );
  const ranks = await Promise.all(CITIZENS.map((taxCode) => engine.rankings(engine.citizenKeyOf(taxCode), 2)));
  await engine.close();
  return { answers, totals, payments, ranks };
}

function change(
  engine: Engine,
  taxCode: string,
  number: number,
  body: { kind: 'enrol' } | { kind: 'enableCashback'; hpan: string },
): Promise<unknown> {
  const citizen = engine.citizenKeyOf(taxCode);
  const origin = { role: 'citizen', subject: citizen, channel: APP_CHANNEL } as const;
  const command = { citizen, taxCode, origin, id: number.toString(16).padStart(32, '0'), body };
  // Its place in a journal follows from the keyed hash of the tax code, whose key is another in each world.
  return new Promise((resolve) => engine.execute(command, (reply) => resolve({ ...reply, position: null })));
}

function pay(engine: Engine, card: string, number: number, trxMs: number, receivedMs: number): Promise<unknown> {
  const record = {
    ...{ acquirerCode: '36081', operationType: '00', circuitType: '01', hpan: card, trxMs },
    ...{ idTrxAcquirer: `T${number}`, idTrxIssuer: '', correlationId: '', amountCents: 1_000 + number },
    ...{ acquirerId: '09509', merchantId: 'M1', terminalId: 'T1' },
  };
  return new Promise((resolve) => engine.record({ record, receivedMs }, resolve));
}

test.each<[string, (realMs: number, passedMs: number) => number]>([
  [
    'a day on and a day back, again and again',
    (() => {
      let sign = -1;
      return (realMs, passedMs) => {
        sign = -sign;
        return realMs + passedMs + sign * DAY_MS;
      };
    })(),
  ],
  ['400 days on', (realMs, passedMs) => realMs + passedMs + 400 * DAY_MS],
  ['400 days back', (realMs, passedMs) => realMs + passedMs - 400 * DAY_MS],
  ['five times as fast', (realMs, passedMs) => realMs + 5 * passedMs],
])('fault 25: a date that goes %s changes nothing, also while the clocks of Rome go forward', async (_name, jump) => {
  const control = await tell((realMs, passedMs) => realMs + passedMs);
  expect(JSON.stringify(control)).toContain('"status":"counted"');
  expect(await tell(jump), `seed=${seed}`).toEqual(control);
});

const LIBRARIES = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu'].map(
  (folder) => `${folder}/faketime/libfaketime.so.1`,
);
const faketime =
  process.env.CLICKDAY_FAKETIME ?? fromPackage('faketime', () => LIBRARIES.find((path) => existsSync(path)));

test.runIf(faketime !== undefined)(
  'fault 25: a real process goes on while the date jumps, and never starts before what is journaled',
  async () => {
    const [folder, file] = [join(place, 'real'), join(place, 'offset')];
    const setDate = (offset: string) => writeFileSync(file, `${offset}\n`);
    const days = Math.round((Date.parse('2021-03-01T09:00:00Z') - Date.now()) / DAY_MS);
    setDate(`${days}d`);
    const environment = {
      LD_PRELOAD: faketime!,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    const supervised = await Supervised.start({
      folder,
      now: null,
      shards: 1,
      environment,
      realMs: () => Date.now() + (days - 500) * DAY_MS,
    });
    const nowMs = async () => ((await (await fetch(`${supervised.url}/status`)).json()) as { nowMs: number }).nowMs;
    const started = await nowMs();
    expect(new Date(started).getUTCFullYear()).toBe(2021);
    const client = await supervised.client('citizen', makeTaxCode(1));
    await client.change('enrol', {});
    let card = 0;
    for (const jump of [1, -1, 400, -400, 0]) {
      setDate(`${days + jump}d`);
      card += 1;
      expect(await client.change('enableCashback', { hpan: hpan(card) })).toMatchObject({ ok: true });
      expect((await nowMs()) - started).toBeLessThan(60 * 60_000);
    }
    client.close();
    supervised.killEngine();
    await supervised.whenReady(2);
    expect(await nowMs()).toBeGreaterThanOrEqual(started);
    setDate(`${days - 1}d`);
    supervised.killEngine();
    await expect(supervised.whenReady(3)).rejects.toThrow(/the clock says .* but the folder was written until/);
    expect((await verifyFolder(folder)).differences).toEqual([]);
  },
);
