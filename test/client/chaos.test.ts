// Method: real engines behind a network that loses every connection after so many bytes; commands go on until a hundred
// connections were lost in a row, and engines were killed meanwhile. Then each id is sent once more, and the journal is
// asked what each command did.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { ClickdayClient, newCommandId, type SocketConstructor, type Timing } from '../../client/sdk/index.ts';
import { makeTaxCode } from '../../engine/index.ts';
import { pastOfFolder, pastWallet, verifyFolder } from '../../snapshots/index.ts';
import { ChaosProxy } from '../support/chaos-proxy.ts';
import { Random, seed } from '../support/random.ts';
import { Supervised } from '../support/supervised.ts';

const NOW = '2020-12-08T10:00:00+01:00';
const DROPS = 100;
const LANES = 3;
/** The engine is killed after so many drops. */
const KILLS = [50];
const FORMATS = ['msgpack', 'json'] as const;
/** Pauses of seconds are not waited for: the client's time runs as many times faster. */
const SPEED = 50;

let folder: string;
let engines: Supervised;
const all: { readonly citizen: string; readonly ids: string[] }[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clickday-chaos-'));
  engines = await Supervised.start({ folder, now: NOW, shards: 2 });
});

afterAll(async () => {
  await Supervised.stopAll();
  rmSync(folder, { recursive: true, force: true });
});

const fast = (random: Random): Timing => ({
  nowMs: () => performance.now() * SPEED,
  realMs: () => Date.now(),
  random: () => random.next(),
  after(pauseMs, run) {
    const timer = setTimeout(run, pauseMs / SPEED);
    return () => clearTimeout(timer);
  },
});

interface Sent {
  readonly id: string;
  readonly type: 'enableCashback' | 'disableCashback';
  readonly hpan: string;
  readonly answer: unknown;
}

/** Switches its card on and off, one after the other: each command has an effect that the next one needs. */
async function toggle(client: ClickdayClient, hpan: string, isOver: () => boolean): Promise<readonly Sent[]> {
  const sent: Sent[] = [];
  while (!isOver()) {
    for (const type of ['enableCashback', 'disableCashback'] as const) {
      const id = newCommandId();
      const reply = await client.change(type, { hpan }, id);
      if (!reply.ok) throw new Error(`${type} was refused: ${reply.code}`);
      sent.push({ id, type, hpan, answer: reply.answer });
    }
  }
  return sent;
}

test.each(FORMATS)('fault 51: a hundred drops in a row over %s, one effect for each command', async (format) => {
  const random = new Random(seed);
  const citizen = makeTaxCode(1 + FORMATS.indexOf(format));
  const proxy = await ChaosProxy.start({
    ...{ port: Number(new URL(engines.url).port), random, upBytesMax: 2_000, downBytesMax: 4_000, silentOneIn: 10 },
  });
  const tokens: string[] = [];
  const client = ClickdayClient.open({
    ...{ url: proxy.url, format, WebSocket: WebSocket as unknown as SocketConstructor, timing: fast(new Random(seed)) },
    token: async () => {
      tokens.push(await engines.token('citizen', citizen));
      return tokens.at(-1)!;
    },
    deadlineMs: 3_600_000,
  });
  let pushes = 0;
  const subscribed = client.subscribe(['wallet'], () => {
    pushes += 1;
  });
  const [first, last] = [newCommandId(), newCommandId()];
  expect(await client.change('enrol', {}, first)).toMatchObject({ ok: true });
  let kills = 0;
  const lanes = Array.from({ length: LANES }, (_, lane) =>
    toggle(client, `${lane}${FORMATS.indexOf(format)}`.padEnd(64, 'c'), () => {
      if (proxy.lostCount >= (KILLS[kills] ?? Number.POSITIVE_INFINITY)) {
        kills += 1;
        engines.killEngine();
      }
      return proxy.lostCount >= DROPS;
    }),
  );
  const sent = (await Promise.all(lanes)).flat();
  console.info(`${format}: ${sent.length} commands, ${tokens.length} connections, lost ${JSON.stringify(proxy.lost)}`);
  expect(sent.length).toBeGreaterThan(DROPS);
  proxy.calm();
  await subscribed;

  const again = await Promise.all(sent.map(({ id, type, hpan }) => client.change(type, { hpan }, id)));
  expect(again).toMatchObject(sent.map(({ answer }) => ({ ok: true, repeated: true, answer })));
  const outcomes = await Promise.all(sent.map(({ id }) => client.outcomeOf(id)));
  expect(outcomes).toMatchObject(sent.map(({ answer }) => ({ view: { state: 'done', answer } })));
  const before = pushes;
  expect(await client.change('enableCashback', { hpan: sent[0]!.hpan }, last)).toMatchObject({ ok: true });
  while (pushes === before) await new Promise((resolve) => setImmediate(resolve));
  client.close();
  await proxy.close();
  all.push({ citizen, ids: [first, ...sent.map(({ id }) => id), last] });
});

test('the journal has each command once, and everything agrees with it', async () => {
  expect(await engines.stop()).toBe(0);
  expect(all).toHaveLength(FORMATS.length);
  for (const { citizen, ids } of all) {
    const { source, close } = await pastOfFolder(folder);
    const { history } = await pastWallet(source, citizen, Number.MAX_SAFE_INTEGER).finally(close);
    const doneIds = history.filter(({ what }) => what.startsWith('command done')).map(({ command }) => command);
    expect([...doneIds].sort()).toEqual(ids.sort());
    const effects = history.filter(({ what }) => what === 'card active' || what === 'card inactive');
    expect(effects).toHaveLength(ids.length - 1); // Enrolling has another one.
  }
  expect((await verifyFolder(folder)).differences).toEqual([]);
});
