// Method: a paid period in a real engine over a disk in memory, the real courier and sinks, a message service on a real
// port that answers as the test says. The clock of the programme and that of rests are the test's; nothing sleeps.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Engine, makeIban, type Notice, type PayoutOutcome } from '../../engine/index.ts';
import { Courier, FileSink, type NoticeSink, WebhookSink } from '../../server/notices/index.ts';
import { Partner } from '../../server/partners/index.ts';
import { PARTNER_LIMITS } from '../../server/partners/partner.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { closePeriod, livePeriod, PAID_PERIOD, PERIOD_BEGINS, setIban, shortProgramme } from '../support/payouts.ts';
import { openOnDisk } from '../support/shards.ts';
import { type Citizen, value, World } from '../support/world.ts';
import { Webhook } from './webhook.ts';

const DONE: PayoutOutcome = { result: 'ORDINE ESEGUITO', reason: '', cro: '123', executionDay: '2021-02-01' };
const FAILED: PayoutOutcome = { result: 'KO', reason: 'conto estinto', cro: '', executionDay: '' };
const MINUTE_MS = 60_000;

let world: World;
let disk: MemoryDisk;
let citizens: readonly Citizen[];
let webhook: Webhook;
let url: string;
let folder: string;
/** Of rests. */
let monotonicMs: number;
let faults: unknown[];

beforeEach(async () => {
  [webhook, monotonicMs, faults] = [new Webhook(), 0, []];
  url = await webhook.listen();
  folder = mkdtempSync(join(tmpdir(), 'clickday-notices-'));
  ({ world, disk } = await openOnDisk({ shardCount: 2, now: PERIOD_BEGINS, programme: shortProgramme() }));
  citizens = await livePeriod(world, [2, 3, 1]);
  await closePeriod(world);
  value(await world.engine.makePayouts(PAID_PERIOD, null));
});

afterEach(async () => {
  await webhook.close();
  rmSync(folder, { recursive: true });
});

async function settle(citizen: Citizen, outcome: PayoutOutcome): Promise<number> {
  const { id, updateMs } = value(await world.engine.payoutsOf(citizen.key)).at(-1)!;
  await world.engine.changePayouts([
    { kind: 'export', id, fileNumber: 1, updateMs },
    { kind: 'deliver', id, fileNumber: 1 },
    { kind: 'outcome', id, outcome },
  ]);
  return id;
}

function webhookSink({
  callMsMax = 60_000,
  failuresMax = 10,
  key,
}: {
  callMsMax?: number;
  failuresMax?: number;
  key?: string;
} = {}) {
  const limits = { ...PARTNER_LIMITS, callMsMax, failuresMax, restMs: 3_600_000 };
  return new WebhookSink({ partner: new Partner({ url, limits, key }), realMs: () => world.nowMs });
}

function courierOf(sink: NoticeSink, engine: Engine = world.engine): Courier {
  return new Courier({
    ...{ engine, sink, clock: { nowMs: () => world.nowMs } },
    monotonicMs: () => monotonicMs,
    failed: (fault) => faults.push(fault),
  });
}

async function listed(state: 'due' | 'failed' = 'due'): Promise<readonly Notice[]> {
  return value(await world.engine.notices({ state })).notices;
}

/** In the programme's time, and in that of rests. */
function pass(ms: number): void {
  monotonicMs += ms;
  world.at(new Date(world.nowMs + ms).toISOString());
}

async function die(): Promise<never> {
  disk.crash();
  throw new Error('the process died');
}

async function expectSound(): Promise<void> {
  await world.engine.close();
  await world.persistence.close();
  expect([world.faults, faults]).toEqual([[], []]);
  expect((await verifyPersistence(await openMemoryPersistence({ disk }))).differences).toEqual([]);
}

describe('a message service', () => {
  test('429, 500, silence, and then 201: the same letter under one key, and only what it did not answer well counts', async () => {
    const id = await settle(citizens[0]!, FAILED);
    const sink = webhookSink({ key: 'secret' });
    const hasty = webhookSink({ callMsMax: 50, key: 'secret' });
    webhook.answers.push({ status: 429, retryAfter: '7' }, 500, 'silent', 201);

    const courier = courierOf(sink);
    await courier.tick();
    expect(await listed()).toMatchObject([{ attempts: 0, dueMs: world.nowMs + 7_000 }]);
    pass(6_999);
    await courier.tick();
    expect(webhook.received).toHaveLength(1);
    pass(1);
    await courier.tick();
    expect(await listed()).toMatchObject([{ attempts: 1, dueMs: world.nowMs + MINUTE_MS }]);
    await courier.tick();
    expect(webhook.received).toHaveLength(2);
    pass(MINUTE_MS);
    await courierOf(hasty).tick();
    expect(await listed()).toMatchObject([{ attempts: 2, dueMs: world.nowMs + 10 * MINUTE_MS }]);
    pass(10 * MINUTE_MS);
    await courier.tick();
    expect([await listed(), await listed('failed')]).toEqual([[], []]);

    expect(webhook.received).toHaveLength(4);
    for (const { key, subscription, body } of webhook.received) {
      expect([key, subscription]).toEqual([`payout-${id}`, 'secret']);
      expect(body).toMatchObject({ id: `payout-${id}`, fiscalCode: citizens[0]!.taxCode, kind: 'transferFailed' });
    }
    expect(courier.counts).toEqual({ delivered: 1, failed: 1, withdrawn: 0, later: 1 });
    await expectSound();
  });

  test('a retry may be set by date, and what is no retry sets a usual one', async () => {
    await settle(citizens[0]!, DONE);
    const atMs = Math.ceil(world.nowMs / 1_000) * 1_000 + 90_000;
    webhook.answers.push(
      { status: 429, retryAfter: new Date(atMs).toUTCString() },
      { status: 429, retryAfter: 'soon' },
    );
    const courier = courierOf(webhookSink());
    await courier.tick();
    expect(await listed()).toMatchObject([{ attempts: 0, dueMs: atMs }]);
    pass(90_000);
    await courier.tick();
    expect(await listed()).toMatchObject([{ attempts: 0, dueMs: world.nowMs + 30_000 }]);
    await expectSound();
  });

  test('three failures, and it is given up, and listed for an operator', async () => {
    const id = await settle(citizens[0]!, DONE);
    webhook.answers.push(500, 'down', 404);
    const courier = courierOf(webhookSink());
    for (const ms of [0, MINUTE_MS, 10 * MINUTE_MS, 60 * MINUTE_MS]) {
      pass(ms);
      await courier.tick();
    }
    expect(webhook.received).toHaveLength(3);
    expect(await listed()).toEqual([]);
    expect(await listed('failed')).toMatchObject([{ id: `payout-${id}`, attempts: 3 }]);
    await expectSound();
  });

  test('one that does not answer is left alone: what was not tried counts nothing, and comes once it answers', async () => {
    await settle(citizens[0]!, DONE);
    await settle(citizens[1]!, DONE);
    webhook.answers.push('down', 'down');
    const sink = webhookSink({ failuresMax: 2 });
    const courier = courierOf(sink);
    await courier.tick();
    pass(MINUTE_MS);
    await courier.tick();
    expect((await listed()).map(({ attempts }) => attempts)).toEqual([1, 1]);
    expect(webhook.received).toHaveLength(2);
    pass(MINUTE_MS);
    await courierOf(webhookSink()).tick();
    expect(await listed()).toEqual([]);
    expect(webhook.received).toHaveLength(4);
    await expectSound();
  });

  test('a death between a delivery and its mark delivers again, under the same key', async () => {
    const id = await settle(citizens[0]!, DONE);
    const { engine } = world;
    const dying = new Proxy(engine, {
      get: (_, name) => {
        const part = engine[name as keyof Engine];
        return name === 'changeNotices'
          ? die
          : typeof part === 'function'
            ? (part as () => unknown).bind(engine)
            : part;
      },
    });
    await expect(courierOf(webhookSink(), dying).tick()).rejects.toThrow('the process died');

    const persistence = await openMemoryPersistence({ disk });
    world = await World.open({ persistence, now: new Date(world.nowMs).toISOString() });
    expect(await listed()).toMatchObject([{ id: `payout-${id}`, attempts: 0 }]);
    await courierOf(webhookSink()).tick();
    expect(await listed()).toEqual([]);
    expect(webhook.received.map(({ key }) => key)).toEqual([`payout-${id}`, `payout-${id}`]);
    expect(webhook.received[0]!.body).toEqual(webhook.received[1]!.body);
    await expectSound();
  });

  test('whom it no longer concerns is not told: who has left, and who has an IBAN by now', async () => {
    await settle(citizens[0]!, DONE);
    await citizens[0]!.leave();
    const late = world.citizen('RSSMRA80A01H501U');
    await late.enrol();
    world.at('2021-01-12T10:00:00+01:00');
    expect(value(await world.engine.queueNotices(['missingIban']))).toMatchObject([{ noticeCount: 1 }]);
    await setIban(late, 3);
    const courier = courierOf(webhookSink());
    await courier.tick();
    expect([webhook.received, await listed()]).toEqual([[], []]);
    expect(courier.counts).toMatchObject({ withdrawn: 2, delivered: 0 });
    await expectSound();
  });

  test('a transfer to an issuer’s account is told in words that name who keeps it', async () => {
    const [anna, bruno] = citizens as [Citizen, Citizen];
    const holder = { accountHolderCF: anna.taxCode, accountHolderName: 'Anna', accountHolderSurname: 'Bianchi' };
    const technicalAccountHolder = 'Issuer S.p.A.';
    await settle(bruno, DONE);
    // What failed on the citizen's own account is sent again to the issuer's.
    await settle(anna, FAILED);
    await anna.must({ kind: 'setIban', iban: makeIban(5), ...holder, technicalAccountHolder });
    await settle(anna, DONE);
    await courierOf(webhookSink()).tick();
    const bodies = webhook.received.map(({ body }) => [
      body.kind,
      JSON.stringify(body).includes(technicalAccountHolder),
    ]);
    expect(bodies.sort()).toEqual([
      ['transferExecuted', false],
      ['transferExecuted', true],
      ['transferFailed', false],
    ]);
    await expectSound();
  });

  test('more than fit together are all delivered, each once', async () => {
    value(await world.engine.queueNotices(['final']));
    for (const citizen of citizens.slice(0, 2)) await settle(citizen, DONE);
    const sink = webhookSink();
    const narrow: NoticeSink = { atOnceMax: 2, deliver: (letters) => sink.deliver(letters), close: () => sink.close() };
    await courierOf(narrow).tick();
    expect(await listed()).toEqual([]);
    expect(new Set(webhook.received.map(({ key }) => key)).size).toBe(5);
    expect(webhook.received).toHaveLength(5);
    await expectSound();
  });
});

describe('a folder', () => {
  const lines = (name: string) =>
    readFileSync(join(folder, 'out', name), 'utf8')
      .trimEnd()
      .split('\n');
  const sinkOf = () => new FileSink({ folder: join(folder, 'out'), clock: { nowMs: () => world.nowMs } });

  test('a file a day, a letter a line, which nobody else may read', async () => {
    value(await world.engine.queueNotices(['final']));
    const courier = courierOf(sinkOf());
    await courier.tick();
    pass(24 * 60 * MINUTE_MS);
    await settle(citizens[0]!, DONE);
    await courier.tick();
    await courier.stop();
    expect(readdirSync(join(folder, 'out')).sort()).toEqual(['notices.2021-01-11.jsonl', 'notices.2021-01-12.jsonl']);
    expect(lines('notices.2021-01-11.jsonl')).toHaveLength(3);
    const [last, ...others] = lines('notices.2021-01-12.jsonl').map((line) => JSON.parse(line) as object);
    expect(others).toEqual([]);
    expect(last).toMatchObject({ kind: 'transferExecuted', fiscalCode: citizens[0]!.taxCode });
    expect(statSync(join(folder, 'out', 'notices.2021-01-12.jsonl')).mode & 0o777).toBe(0o600);
    expect(await listed()).toEqual([]);
    await expectSound();
  });

  test('a line that a death cut short, at any byte, gives way to the next letter', async () => {
    const first = await settle(citizens[0]!, DONE);
    const sink = sinkOf();
    await courierOf(sink).tick();
    const second = await settle(citizens[1]!, DONE);
    await courierOf(sink).tick();
    await sink.close();
    const path = join(folder, 'out', 'notices.2021-01-11.jsonl');
    const whole = readFileSync(path);
    const firstEnd = whole.indexOf('\n') + 1;
    for (const end of [firstEnd + 1, firstEnd + 40, whole.length - 2, whole.length - 1]) {
      truncateSync(path, end);
      const again = sinkOf();
      await again.deliver([JSON.parse(whole.subarray(firstEnd).toString('utf8'))]);
      await again.close();
      expect(readFileSync(path)).toEqual(whole);
    }
    expect(lines('notices.2021-01-11.jsonl').map((line) => JSON.parse(line).id)).toEqual([
      `payout-${first}`,
      `payout-${second}`,
    ]);
    await expectSound();
  });

  test('a disk that fails counts nothing: told, left alone for a while, and tried again', async () => {
    await settle(citizens[0]!, DONE);
    let isBroken = true;
    const sink = sinkOf();
    const broken: NoticeSink = {
      atOnceMax: 100,
      deliver: async (letters) => {
        if (isBroken) throw Object.assign(new Error('ENOSPC'), { syscall: 'write' });
        return sink.deliver(letters);
      },
      close: () => sink.close(),
    };
    const courier = courierOf(broken);
    await courier.tick();
    expect(faults.splice(0)).toHaveLength(1);
    isBroken = false;
    await courier.tick();
    expect(await listed()).toMatchObject([{ attempts: 0 }]);
    pass(10_000);
    await courier.tick();
    expect(await listed()).toEqual([]);
    await courier.stop();
    await expectSound();
  });
});
