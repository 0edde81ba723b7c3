// Method: clients of both subprotocols send without a pause while the server beneath them is exchanged: first one that
// writes format 1, as the old program does, then today's, twice. What was acknowledged must be there once. And what the
// old program's clients say, kept word for word, must be understood.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { ClickdayClient } from '../../client/sdk/client.ts';
import { ClientFault } from '../../client/sdk/fault.ts';
import type { SocketConstructor } from '../../client/sdk/socket.ts';
import { isoText, makeTaxCode } from '../../engine/index.ts';
import { type FolderIdentity, openFolderIdentity } from '../../server/index.ts';
import { checkRequest, type PaymentRow, VIEWS } from '../../server/wire/index.ts';
import { FORMAT } from '../../snapshots/codec/formats.ts';
import { verifyFolder } from '../../snapshots/index.ts';
import { PROGRAM, Victim } from '../kill/victim.ts';
import { hpan, instant } from '../support/world.ts';
import { readFixture, unpack } from './fixture.ts';
import { formatsIn } from './formats.ts';
import { NOW, SHARD_COUNT } from './history.ts';

const nodeSocket = WebSocket as unknown as SocketConstructor;
const CLIENTS = 8;
const PROMISES_PER_SERVER = 150;
const HOUR_MS = 3_600_000;
const SERVER = { program: PROGRAM, shards: SHARD_COUNT, programme: 'italy-2020', killAt: '' } as const;
const fixture = readFixture(1);

interface Kept {
  readonly client: ClickdayClient;
  readonly id: string;
  readonly hpan: string;
  readonly type: 'enableCashback' | 'disableCashback';
  readonly answer: unknown;
}

let folder: string;
let remove: () => void;

beforeEach(() => {
  ({ folder, remove } = unpack(fixture));
});
afterEach(() => remove());

/** Clients that send until they are told to stop, and remember what they were promised. */
class Crowd {
  readonly kept: Kept[] = [];
  readonly rows: PaymentRow[] = [];
  readonly protocolFaults: unknown[] = [];
  readonly #clients: ClickdayClient[] = [];
  readonly #acting: Promise<void>[] = [];
  #isStopped = false;
  #ids = 0;
  #waiting: { readonly count: number; readonly resolve: () => void } | null = null;

  async begin(url: string, identity: FolderIdentity): Promise<void> {
    const token = (role: 'citizen' | 'acquirer', subject: string) => () =>
      identity.sign({ role, subject, ttlSeconds: 600 });
    const connect = (format: 'msgpack' | 'json', of: () => Promise<string>) =>
      ClickdayClient.connect({ url, token: of, format, WebSocket: nodeSocket, deadlineMs: 120_000 });
    for (let number = 1; number <= CLIENTS; number += 1) {
      const client = await connect(number % 2 === 0 ? 'json' : 'msgpack', token('citizen', makeTaxCode(20 + number)));
      this.#clients.push(client);
      this.#acting.push(this.#act(() => this.#toggle(client, hpan(2_000 + number))));
    }
    const acquirer = await connect('msgpack', token('acquirer', '36081'));
    this.#clients.push(acquirer);
    this.#acting.push(this.#act(() => this.#pay(acquirer)));
  }

  /** Resolves when so many more commands were acknowledged. */
  promises(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = { count: this.kept.length + count, resolve };
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#acting);
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  async #act(step: () => Promise<void>): Promise<void> {
    while (!this.#isStopped) {
      try {
        await step();
      } catch (error) {
        // Unknown is an outcome: whatever it is, it is asked for, or sent again.
        if (!(error instanceof ClientFault) || error.code === 'PROTOCOL') this.protocolFaults.push(error);
      }
    }
  }

  async #toggle(client: ClickdayClient, card: string): Promise<void> {
    for (const type of ['enableCashback', 'disableCashback'] as const) {
      const id = this.#nextId();
      const reply = await client.change(type, { hpan: card }, id);
      if (!reply.ok) continue;
      this.kept.push({ client, id, hpan: card, type, answer: reply.answer });
      if (this.#waiting !== null && this.kept.length >= this.#waiting.count) this.#waiting.resolve();
    }
  }

  async #pay(client: ClickdayClient): Promise<void> {
    this.#ids += 1;
    const row = {
      ...{ acquirerCode: '36081', operationType: '00', circuitType: '01', hpan: hpan(20), amountCents: 1_000 },
      ...{ trxDate: isoText(instant(NOW) - HOUR_MS), idTrxAcquirer: `R${this.#ids}` },
      ...{ acquirerId: '09509', merchantId: 'M1', terminalId: 'T1' },
    };
    const reply = await client.read('recordPayments', { rows: [row] });
    if (reply.ok && reply.view.outcomes[0]?.status === 'counted') this.rows.push(row);
  }

  #nextId(): string {
    this.#ids += 1;
    return this.#ids.toString(16).padStart(32, 'a0');
  }

  /** What is not as it was promised. */
  async broken(): Promise<readonly string[]> {
    const acquirer = this.#clients.at(-1)!;
    const answers = [
      ...this.kept.map((kept) => brokenPromise(kept)),
      ...this.rows.map((row) => brokenRow(acquirer, row)),
    ];
    return (await Promise.all(answers)).flat();
  }
}

async function brokenPromise({ client, id, hpan: card, type, answer }: Kept): Promise<readonly string[]> {
  const outcome = await client.read('outcome', { id });
  const isKept =
    outcome.ok && outcome.view.state === 'done' && JSON.stringify(outcome.view.answer) === JSON.stringify(answer);
  const again = await client.change(type, { hpan: card }, id);
  if (isKept && again.ok && again.repeated) return [];
  return [`${type} ${id}: ${JSON.stringify(outcome)}, again ${JSON.stringify(again)}`];
}

async function brokenRow(acquirer: ClickdayClient, row: PaymentRow): Promise<readonly string[]> {
  const reply = await acquirer.read('recordPayments', { rows: [row] });
  const code = reply.ok ? (reply.view.outcomes[0] as { readonly code?: string }).code : reply.code;
  return code === 'DUPLICATE_RECORD' ? [] : [`row ${row.idTrxAcquirer}: ${code}`];
}

test('fault 75, R20: clients send on while an old server is exchanged for a new one, and nothing is lost or doubled', async () => {
  const identity = await openFolderIdentity(folder);
  const [port, crowd] = [await freePort(), new Crowd()];
  const server = (hours: number, keepFormat = false) => {
    const now = new Date(instant(NOW) + hours * HOUR_MS).toISOString();
    return new Victim({ ...SERVER, folder, now, port, keepFormat, checkpointRows: 20 });
  };
  let running = server(1, true);
  await crowd.begin((await running.url)!, identity);
  for (const hours of [2, 3]) {
    await crowd.promises(PROMISES_PER_SERVER);
    expect(await running.stop(), running.errors).toBe('0');
    if (hours === 2) expect((await formatsIn(folder, SHARD_COUNT)).rows).toEqual([1]);
    running = server(hours);
    expect(await running.url, running.errors).toBeDefined();
  }
  await crowd.promises(PROMISES_PER_SERVER);
  await crowd.stop();
  expect(crowd.protocolFaults).toEqual([]);
  expect(crowd.rows.length).toBeGreaterThan(10);
  expect(await crowd.broken()).toEqual([]);
  crowd.close();
  expect(await running.stop(), running.errors).toBe('0');
  expect((await formatsIn(folder, SHARD_COUNT)).walletRows).toEqual([FORMAT]);
  expect((await verifyFolder(folder)).differences).toEqual([]);
});

async function freePort(): Promise<number> {
  const listening = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => listening.once('listening', resolve));
  const { port } = listening.address() as { readonly port: number };
  await new Promise((resolve) => listening.close(resolve));
  return port;
}

describe('fault 75: clients of two versions', () => {
  const path = new URL('./fixtures/protocol-1.json', import.meta.url);
  const requests = JSON.parse(readFileSync(path, 'utf8')) as readonly { readonly type: string }[];

  test.each(requests)('what a client of the version before sends is understood: $type', (request) => {
    expect(checkRequest(request)).toMatchObject({ ok: true });
  });

  test('what its server answers is read by a client of today, which takes the absent for unknown', () => {
    expect(v.parse(VIEWS.outcome, { state: 'done', answer: {} })).toMatchObject({ state: 'done', command: null });
    const { citizens } = fixture.answers as { readonly citizens: readonly { readonly outcomes: readonly Outcome[] }[] };
    for (const { outcomes } of citizens) for (const { value } of outcomes) v.parse(VIEWS.outcome, value);
  });

  test('what a server of the next version adds to an answer disturbs nobody', () => {
    const position = { partition: 1, sequence: 2 };
    const wallet = { enabled: true, termsMs: 1, cancellationMs: null, optInStatus: 'NOREQ', iban: null };
    const view = { ...wallet, ibanCheckStatus: null, methods: [], position, colour: 'red' };
    expect(v.parse(VIEWS.wallet, view)).toMatchObject(wallet);
    expect(v.parse(VIEWS.outcome, { state: 'done', answer: {}, colour: 'red' })).toMatchObject({ state: 'done' });
  });

  test('what a client of the next version adds to a request is named, and the request refused', () => {
    const request = { ...requests.find(({ type }) => type === 'enableAll'), colour: 'red' };
    expect(checkRequest(request)).toMatchObject({ ok: false, code: 'FIELD_INVALID', detail: 'colour' });
  });
});

interface Outcome {
  readonly value: unknown;
}
