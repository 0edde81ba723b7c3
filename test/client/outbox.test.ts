// Method: an app lives, dies and lives again around one storage, before a real WebSocket server that counts what
// arrives. What is in the storage is looked at between the steps; the time is the test's own.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import {
  ClickdayClient,
  type ClientOptions,
  type KeptCommand,
  movedOutbox,
  newCommandId,
  type Outbox,
  type Settled,
  type SocketConstructor,
  type StorageLike,
  storageOutbox,
} from '../../client/sdk/index.ts';
import { withoutSecrets } from '../../client/sdk/outbox.ts';
import { Clockwork, until } from './clockwork.ts';
import { done, GOOD_TOKEN, type ProtocolServer, refusal, startProtocolServer } from './protocol-server.ts';

const KEY = 'clickday anna';
/** What the name of each entry begins with. */
const ENTRY = JSON.stringify(KEY);
const CARD = 'a'.repeat(64);
const HOLDER = { accountHolderCF: 'RSSMRA99A01X001J', accountHolderName: 'Maria', accountHolderSurname: 'Rossi' };

/** As a browser's, with room for as many letters. */
class Storage implements StorageLike {
  readonly entries = new Map<string, string>();
  roomLeft = Number.POSITIVE_INFINITY;

  get length(): number {
    return this.entries.size;
  }

  key(index: number): string | null {
    return [...this.entries.keys()][index] ?? null;
  }

  getItem(key: string): string | null {
    return this.entries.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    if (value.length > this.roomLeft) throw new Error('QuotaExceededError');
    this.entries.set(key, value);
  }

  removeItem(key: string): void {
    this.entries.delete(key);
  }

  /** Ids of what is kept. */
  get ids(): readonly string[] {
    return [...this.entries.keys()].map((name) => name.slice(ENTRY.length));
  }
}

let server: ProtocolServer;
let timing: Clockwork;
let storage: Storage;
let client: ClickdayClient;
let settled: Settled[];

function options(more: Partial<ClientOptions> = {}): ClientOptions {
  const socket = WebSocket as unknown as SocketConstructor;
  const outbox = storageOutbox(storage, KEY);
  return { url: server.url, token: GOOD_TOKEN, WebSocket: socket, timing, outbox, ...more };
}

const command = (id: string): KeptCommand => ({ id, type: 'enrol', fields: {}, untilMs: 1 });

/** The app starts, whether there is a server or not. */
function start(more: Partial<ClientOptions> = {}): ClickdayClient {
  client = ClickdayClient.open(options(more));
  client.onSettled((each) => settled.push(each));
  return client;
}

/** As an app dies: nobody is told anything any more. */
function kill(asked: readonly Promise<unknown>[]): void {
  for (const each of asked) each.catch(() => {});
  client.close();
}

beforeEach(async () => {
  server = await startProtocolServer();
  timing = new Clockwork();
  storage = new Storage();
  settled = [];
});

afterEach(async () => {
  client.close();
  await server.close();
});

describe('a command', () => {
  test('is kept before it is sent, and until its outcome is known', async () => {
    const seen: (readonly string[])[] = [];
    server.answer = (request, line) => {
      seen.push(storage.ids);
      done(request, line);
    };
    start();
    const [one, other] = [newCommandId(), newCommandId()];
    expect(await client.change('enrol', {}, one)).toMatchObject({ ok: true });
    await until(() => storage.entries.size === 0);
    server.answer = ({ ref }, line) => line.send(refusal(ref, 'INSTRUMENT_TAKEN'));
    expect(await client.change('enableCashback', { hpan: CARD }, other)).toMatchObject({ ok: false });
    await until(() => storage.entries.size === 0);
    expect(seen).toEqual([[one]]);
    expect(settled).toEqual([]);
  });

  test('that an app made before it died is sent after it, first and under its id', async () => {
    server.answer = () => {};
    start();
    const ids = [newCommandId(), newCommandId()];
    const asked = [client.change('enrol', {}, ids[0]), client.change('enableCashback', { hpan: CARD }, ids[1])];
    await until(() => server.requests.length === 2);
    kill(asked);
    expect(storage.ids).toEqual(ids);

    server.answer = done;
    start();
    const third = newCommandId();
    await client.change('enableAll', {}, third);
    await until(() => settled.length === 2);
    expect(server.requests.map(({ id }) => id)).toEqual([...ids, ...ids, third]);
    expect(server.requests[3]).toMatchObject({ type: 'enableCashback', hpan: CARD });
    expect(settled).toEqual([
      { id: ids[0], type: 'enrol', outcome: { state: 'done', answer: { termsMs: 7 } } },
      { id: ids[1], type: 'enableCashback', outcome: { state: 'done', answer: { termsMs: 7 } } },
    ]);
    await until(() => storage.entries.size === 0);
  });

  test('that was made without a connection, by an app that died without one, is sent by the one after it', async () => {
    const { url } = server;
    await server.close();
    start({ url });
    const id = newCommandId();
    const asked = client.change('enrol', {}, id, 86_400_000);
    await until(() => storage.ids.length === 1);
    kill([asked]);
    timing.advance(3_600_000);
    server = await startProtocolServer();
    start();
    await until(() => settled.length === 1);
    expect(server.requests).toMatchObject([{ type: 'enrol', id }]);
  });

  test('past its deadline is not sent any more: it is asked what became of it', async () => {
    server.answer = () => {};
    start();
    const ids = [newCommandId(), newCommandId()];
    const asked = ids.map((id) => client.change('enrol', {}, id, 5_000));
    await until(() => server.requests.length === 2);
    kill(asked);
    timing.advance(5_000);

    const outcomes = [{ state: 'done', command: 'enrol', answer: { termsMs: 7 } }, { state: 'not-done' }];
    server.answer = ({ ref, type }, line) => {
      if (type === 'outcome') line.send({ ref, ok: true, view: outcomes.shift()! });
    };
    start();
    await until(() => settled.length === 2);
    expect(server.requests.slice(2)).toMatchObject(ids.map((id) => ({ type: 'outcome', id })));
    expect(settled).toMatchObject([
      { id: ids[0], outcome: { state: 'done', answer: { termsMs: 7 } } },
      { id: ids[1], outcome: { state: 'not-done' } },
    ]);
    await until(() => storage.entries.size === 0);
  });

  test('fault 51: without a reply in time is asked about as soon as there is a line', async () => {
    server.answer = (request, line) => {
      if (request.type === 'outcome') line.send({ ref: request.ref, ok: true, view: { state: 'not-done' } });
    };
    start();
    const id = newCommandId();
    const reply = client.change('enrol', {}, id, 5_000);
    await until(() => server.requests.length === 1);
    timing.advance(5_000);
    await expect(reply).rejects.toMatchObject({ code: 'NO_REPLY', id });
    await timing.passUntil(() => settled.length === 1);
    expect(settled).toEqual([{ id, type: 'enrol', outcome: { state: 'not-done' } }]);
  });

  test('that could not be sent in time is forgotten: it was not done, and whoever asked was told', async () => {
    const { url } = server;
    await server.close();
    start({ url });
    const reply = client.change('enrol', {}, newCommandId(), 5_000);
    await until(() => storage.ids.length === 1);
    timing.advance(5_000);
    await expect(reply).rejects.toMatchObject({ code: 'NOT_SENT' });
    await until(() => storage.entries.size === 0);
    server = await startProtocolServer();
  });

  test('that was perhaps sent by an earlier life, and cannot be by this one, is not forgotten', async () => {
    server.answer = () => {};
    start();
    const id = newCommandId();
    const asked = client.change('enrol', {}, id, 10_000);
    await until(() => server.requests.length === 1);
    kill([asked]);
    const { url } = server;
    await server.close();
    start({ url });
    await until(() => timing.waitingCount > 0);
    timing.advance(10_000);
    server = await startProtocolServer({ port: Number(new URL(url).port) });
    server.answer = ({ ref }, line) => line.send({ ref, ok: true, view: { state: 'done', answer: {} } });
    await timing.passUntil(() => settled.length === 1);
    expect(server.requests).toMatchObject([{ type: 'outcome', id }]);
    expect(settled).toEqual([{ id, type: 'enrol', outcome: { state: 'done', answer: {} } }]);
  });
});

test('a command that is unknown stays so, and kept, when it cannot be sent once more', async () => {
  server.answer = () => {};
  start();
  const id = newCommandId();
  const reply = client.change('enrol', {}, id, 5_000);
  await until(() => server.requests.length === 1);
  server.lines[0]!.cut();
  await until(() => client.state.is === 'stale');
  await server.close();
  timing.advance(5_000);
  await expect(reply).rejects.toMatchObject({ code: 'NO_REPLY' });
  const again = client.change('enrol', {}, id, 5_000);
  await new Promise((resolve) => setImmediate(resolve));
  timing.advance(5_000);
  await expect(again).rejects.toMatchObject({ code: 'NOT_SENT' });
  await new Promise((resolve) => setImmediate(resolve));
  expect(storage.ids).toEqual([id]);
  server = await startProtocolServer();
});

describe('what is kept', () => {
  test('promise 9: has neither card number nor account; what became of such a command is asked', async () => {
    server.answer = () => {};
    start();
    const [add, iban] = [newCommandId(), newCommandId()];
    const asked = [
      client.change('addMethod', { pan: '4111111111111111', details: { methodKind: 'card' } }, add),
      client.change('setIban', { iban: 'IT60X0542811101000000123456', ...HOLDER }, iban),
    ];
    await until(() => server.requests.length === 2);
    kill(asked);
    const text = [...storage.entries.values()].join();
    for (const secret of ['4111', 'IT60', ...Object.values(HOLDER)]) expect(text).not.toContain(secret);

    server.answer = ({ ref }, line) => line.send({ ref, ok: true, view: { state: 'not-done' } });
    start();
    await until(() => settled.length === 2);
    expect(server.requests.slice(2)).toMatchObject([
      { type: 'outcome', id: add },
      { type: 'outcome', id: iban },
    ]);
    expect(settled.map(({ type, outcome }) => [type, outcome.state])).toEqual([
      ['addMethod', 'not-done'],
      ['setIban', 'not-done'],
    ]);
  });

  test.each([
    ['no JSON', ENTRY, '{"version":2,"comm'],
    ['another version', ENTRY, '{"version":3,"place":1,"command":{"id":"1","type":"enrol","fields":{},"untilMs":1}}'],
    [
      'a command that is none',
      ENTRY,
      '{"version":2,"place":1,"command":{"id":"1","type":"fly","fields":{},"untilMs":1}}',
    ],
    ['a field missing', ENTRY, '{"version":2,"place":1,"command":{"id":"1","type":"enrol","fields":{}}}'],
    ['of the first version, no JSON', KEY, '{"version":1,"comm'],
    ['of the first version, a field missing', KEY, '{"version":1,"commands":[{"id":"1","type":"enrol","fields":{}}]}'],
  ])('and cannot be read (%s) is left as it is, and nothing is sent', async (_, name, text) => {
    storage.setItem(name, text);
    await expect(ClickdayClient.connect(options())).rejects.toMatchObject({ code: 'OUTBOX_UNREADABLE' });
    start();
    const reply = client.change('enrol', {});
    await expect(reply).rejects.toMatchObject({ code: 'NOT_KEPT' });
    await until(() => client.state.is === 'closed');
    expect(client.state).toMatchObject({ is: 'closed', fault: { code: 'OUTBOX_UNREADABLE' } });
    expect([...storage.entries]).toEqual([[name, text]]);
    expect(server.lines).toHaveLength(0);
  });

  test('by one tab stays when another keeps something else', async () => {
    const [one, other] = [storageOutbox(storage, KEY), storageOutbox(storage, KEY)];
    await one.keep(command('1'));
    await other.keep(command('2'));
    await one.keep(command('3'));
    await other.done('1');
    await one.keep({ ...command('2'), untilMs: 2 });
    expect(await one.load()).toEqual([command('3'), { ...command('2'), untilMs: 2 }]);
  });

  test('by one person is no other’s, whatever they are called', async () => {
    for (const key of ['', 'a', 'a"', 'ab', '"a"']) await storageOutbox(storage, key).keep(command(`of ${key}`));
    for (const key of ['', 'a', 'a"', 'ab', '"a"'])
      expect(await storageOutbox(storage, key).load()).toEqual([command(`of ${key}`)]);
  });

  test('by the first version of the SDK, all in one entry, is found before what came since', async () => {
    const outbox = storageOutbox(storage, KEY);
    storage.setItem(KEY, JSON.stringify({ version: 1, commands: [command('2'), command('1')] }));
    expect(await outbox.load()).toEqual([command('2'), command('1')]);
    await outbox.keep(command('0'));
    await outbox.done('2');
    expect(await outbox.load()).toEqual([command('1'), command('0')]);
    expect(storage.entries.has(KEY)).toBe(false);
  });

  test('elsewhere by an earlier version of the app is moved once, in its order, wherever that was cut short', async () => {
    const [from, to] = [storageOutbox(storage, KEY), storageOutbox(storage, 'a database')];
    for (const id of ['b', 'a', 'c']) await from.keep(command(id));
    let isDead = false;
    const dying: Outbox = { ...to, keep: (kept) => (isDead ? Promise.reject(new Error('killed')) : to.keep(kept)) };
    const forgetful: Outbox = {
      ...from,
      done: () => {
        isDead = true;
      },
    };
    await expect(movedOutbox(forgetful, dying).load()).rejects.toThrow('killed');
    const outbox = movedOutbox(from, to);
    expect(await outbox.load()).toEqual(['b', 'a', 'c'].map(command));
    expect(await from.load()).toEqual([]);
    await outbox.keep(command('d'));
    await outbox.done('a');
    expect(await outbox.load()).toEqual(['b', 'c', 'd'].map(command));
  });

  test.each(['pan', 'iban', 'accountHolderCF', 'accountHolderName', 'accountHolderSurname'])(
    'never has a %s',
    (name) => {
      const command = { id: '1', type: 'setIban', untilMs: 1 } as const;
      expect(withoutSecrets({ ...command, fields: { [name]: 'secret' } })).toEqual({ ...command, fields: null });
      expect(withoutSecrets({ ...command, fields: { hpan: CARD } })).toEqual({ ...command, fields: { hpan: CARD } });
    },
  );
});

test('where there is no room to keep it, a command is not sent', async () => {
  start();
  storage.roomLeft = 10;
  const id = newCommandId();
  await expect(client.change('enrol', {}, id)).rejects.toMatchObject({ code: 'NOT_KEPT', id });
  storage.roomLeft = 1_000;
  expect(await client.change('enrol', {}, id)).toMatchObject({ ok: true });
  expect(server.requests).toHaveLength(1);
});

test('a slow outbox holds its commands back, and they keep their order', async () => {
  const steps: string[] = [];
  const release: (() => void)[] = [];
  const outbox: Outbox = {
    load: () => new Promise((resolve) => release.push(() => resolve([]))),
    keep: ({ type }) => {
      steps.push(`keep ${type}`);
      return new Promise((resolve) => release.push(resolve));
    },
    done: () => {},
  };
  server.answer = (request, line) => {
    steps.push(`send ${request.type}`);
    done(request, line);
  };
  start({ outbox });
  const replies = [client.change('enrol', {}), client.change('enableAll', {})];
  await new Promise((resolve) => setImmediate(resolve));
  expect(steps).toEqual([]); // What is in it goes first.
  release.shift()!();
  await until(() => release.length === 1);
  expect(steps).toEqual(['keep enrol']);
  release.shift()!();
  await replies[0];
  await until(() => release.length === 1);
  release.shift()!();
  await replies[1];
  expect(steps.filter((step) => step.startsWith('send'))).toEqual(['send enrol', 'send enableAll']);
  expect(steps.indexOf('send enrol')).toBeGreaterThan(steps.indexOf('keep enrol'));
});
