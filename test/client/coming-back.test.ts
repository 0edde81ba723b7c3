// Method: the client talks to a real WebSocket server on the loopback while its time is the test's own: what it asks of
// its timers, what arrives at the server and what it says of its state are compared with what happened to it.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { RetryBudget } from '../../client/sdk/budget.ts';
import {
  ClickdayClient,
  type ClientOptions,
  type ClientState,
  newCommandId,
  type SocketConstructor,
} from '../../client/sdk/index.ts';
import { Random, seed } from '../support/random.ts';
import { Clockwork, until } from './clockwork.ts';
import {
  type Answering,
  done,
  GOOD_TOKEN,
  type ProtocolServer,
  refusal,
  startProtocolServer,
} from './protocol-server.ts';

const nodeSocket = WebSocket as unknown as SocketConstructor;
const TICKET = 'ticket-1';
const CARD = 'a'.repeat(64);

let server: ProtocolServer;
let timing: Clockwork;
let client: ClickdayClient;
let states: ClientState[];

function options(more: Partial<ClientOptions> = {}): ClientOptions {
  return { url: server.url, token: GOOD_TOKEN, WebSocket: nodeSocket, timing, ...more };
}

function follow(made: ClickdayClient): ClickdayClient {
  client = made;
  client.onState((state) => states.push(state));
  return client;
}

async function connect(more: Partial<ClientOptions> = {}): Promise<ClickdayClient> {
  return follow(await ClickdayClient.connect(options(more)));
}

function tokenOf(subject: string, expiresAtMs: number): string {
  const claims = JSON.stringify({ sub: subject, exp: expiresAtMs / 1_000 });
  return `header.${Buffer.from(claims).toString('base64url')}.signature`;
}

beforeEach(async () => {
  server = await startProtocolServer();
  timing = new Clockwork();
  states = [];
});

afterEach(async () => {
  client.close();
  await server.close();
});

describe('states', () => {
  test('a broken connection is stale from when the server was last heard, until there is another', async () => {
    await connect();
    expect(client.state).toEqual({ is: 'connected' });
    timing.advance(1_000);
    server.lines[0]!.cut();
    await until(() => states.length > 0);
    expect(states).toEqual([{ is: 'stale', ageMs: 1_000 }]);
    timing.advance(1);
    expect(client.state).toEqual({ is: 'stale', ageMs: 1_001 });
    await timing.passUntil(() => client.state.is === 'connected');
    expect(states.at(-1)).toEqual({ is: 'connected' });
  });

  test('an appointment is a place, which the server says anew; called, it is kept before its time', async () => {
    server.answer = (request, line) => {
      if (request.ticket === TICKET) done(request, line);
      else line.send(refusal(request.ref, 'OVERLOADED', 20_000, { ticket: TICKET, position: 12 }));
    };
    await connect();
    const id = newCommandId();
    const reply = client.change('enrol', {}, id);
    await until(() => states.length === 1);
    const turn = { retryAtMs: 0, ticket: TICKET };
    server.lines[0]!.send({ push: 'turn', view: { ...turn, position: 5, waitMs: 9_000 } });
    await until(() => states.length === 2);
    timing.advance(1_000);
    expect(client.state).toEqual({ is: 'waiting', position: 5, waitMs: 8_000 });
    server.lines[0]!.send({ push: 'turn', view: { ...turn, position: 0, waitMs: 0 } });
    expect(await reply).toMatchObject({ ok: true });
    expect(states).toEqual([
      { is: 'waiting', position: 12, waitMs: 20_000 },
      { is: 'waiting', position: 5, waitMs: 9_000 },
      { is: 'connected' },
    ]);
    expect(server.requests.map(({ ticket }) => ticket)).toEqual([undefined, TICKET]);
    expect(new Set(server.requests.map((request) => request.id))).toEqual(new Set([id]));
  });

  test('who is not called comes at the time, also over another connection', async () => {
    server.answer = (request, line) => {
      if (request.ticket === TICKET) return done(request, line);
      line.send(refusal(request.ref, 'OVERLOADED', 20_000, { ticket: TICKET, position: 12 }));
    };
    await connect();
    const reply = client.change('enrol', {});
    await until(() => client.state.is === 'waiting');
    server.lines[0]!.cut();
    await until(() => client.state.is === 'stale');
    timing.advance(19_999);
    await until(() => client.state.is === 'waiting');
    expect(server.requests).toHaveLength(1);
    timing.advance(1);
    expect(await reply).toMatchObject({ ok: true });
  });

  test('those who share an appointment come one by one, and share the next one that one of them is given', async () => {
    let [open, number] = [false, 1];
    server.answer = (request, line) => {
      if (open) return done(request, line);
      line.send(refusal(request.ref, 'OVERLOADED', 20_000, { ticket: `ticket-${number}`, position: 3 }));
    };
    await connect();
    const [first, second, third, fourth] = Array.from({ length: 4 }, newCommandId);
    const made = [first, second, third, fourth].map((id, at) =>
      client.change('enrol', {}, id, at === 1 ? 30_000 : 90_000),
    );
    const sent = () => server.requests.slice(4).map(({ id, ticket }) => [id, ticket]);
    await until(() => server.requests.length === 4 && client.state.is === 'waiting');
    number = 2;
    timing.advance(20_000);
    await until(() => sent().length === 1 && client.state.is === 'waiting');
    expect(sent()).toEqual([[first, 'ticket-1']]);
    await until(() => (client.state as { waitMs: number }).waitMs === 20_000);
    timing.advance(10_000);
    expect(await made[1]).toMatchObject({ ok: false, code: 'OVERLOADED' }); // Its deadline.
    open = true;
    timing.advance(10_000);
    expect(await Promise.all([made[0], made[2], made[3]])).toMatchObject([{ ok: true }, { ok: true }, { ok: true }]);
    expect(sent().slice(1)).toEqual([
      [first, 'ticket-2'],
      [third, 'ticket-2'],
      [fourth, 'ticket-2'],
    ]);
    expect(client.state).toEqual({ is: 'connected' });
  });

  test('where the one that goes first does not come to an end, the next one goes', async () => {
    let silent = true;
    server.answer = (request, line) => {
      if (request.ticket === undefined)
        return line.send(refusal(request.ref, 'OVERLOADED', 1_000, { ticket: TICKET, position: 1 }));
      if (!silent) done(request, line);
      silent = false;
    };
    await connect();
    const [first, second] = [client.read('wallet', {}, 3_000), client.read('wallet', {}, 90_000)];
    await until(() => server.requests.length === 2 && client.state.is === 'waiting');
    timing.advance(1_000);
    await until(() => server.requests.length === 3);
    timing.advance(2_000);
    await expect(first).rejects.toMatchObject({ code: 'NO_REPLY' });
    expect(await second).toMatchObject({ ok: true });
  });

  test('closing is for good, has no reason, and leaves no timer to run', async () => {
    const overloaded: Answering = ({ ref, type }, line) => {
      if (type === 'enrol') line.send(refusal(ref, 'OVERLOADED', 20_000, { ticket: TICKET, position: 12 }));
    };
    await server.close();
    server = await startProtocolServer({ isGood: () => true });
    server.answer = overloaded;
    await connect({ token: () => tokenOf('anna', timing.realMs() + 600_000) });
    const asked = [client.change('enrol', {}), client.read('periods', {})];
    await until(() => client.state.is === 'waiting');
    expect(timing.waitingCount).toBe(5); // Renewal, silence, the appointment, and a deadline each.
    client.close();
    expect(states.at(-1)).toEqual({ is: 'closed', fault: null });
    expect(timing.waitingCount).toBe(0);
    for (const each of asked) await expect(each).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('closing while it is stale ends the trying', async () => {
    await connect();
    server.lines[0]!.cut();
    await until(() => client.state.is === 'stale');
    client.close();
    expect(timing.waitingCount).toBe(0);
  });
});

describe('a deadline', () => {
  test('an appointment beyond it is returned at once; its ticket may be passed in later', async () => {
    server.answer = (request, line) => {
      if (request.ticket === TICKET) done(request, line);
      else line.send(refusal(request.ref, 'OVERLOADED', 30_000, { ticket: TICKET, position: 900 }));
    };
    await connect();
    const id = newCommandId();
    expect(await client.change('enrol', {}, id)).toMatchObject({ ok: false, waitMs: 30_000, ticket: TICKET });
    expect(client.state).toEqual({ is: 'connected' });
    expect(await client.change('enrol', { ticket: TICKET }, id)).toMatchObject({ ok: true });
  });

  test('what could not be sent before it was not done, and the fault says so', async () => {
    const { url } = server;
    await server.close();
    follow(ClickdayClient.open(options({ url })));
    const id = newCommandId();
    const reply = client.change('enrol', {}, id, 5_000);
    timing.advance(5_000);
    await expect(reply).rejects.toMatchObject({ code: 'NOT_SENT', id });
    server = await startProtocolServer();
  });

  test('fault 51: what was sent and not answered by then is unknown, until its outcome is asked', async () => {
    const outcomes = [{ state: 'in-progress' }, { state: 'done', command: 'enrol', answer: { termsMs: 7 } }];
    server.answer = ({ ref, type }, line) => {
      if (type === 'outcome') line.send({ ref, ok: true, view: outcomes.shift()! });
    };
    await connect();
    const id = newCommandId();
    const reply = client.change('enrol', {}, id, 3_000);
    await until(() => server.requests.length === 1);
    timing.advance(3_000);
    await expect(reply).rejects.toMatchObject({ code: 'NO_REPLY', id });
    let outcome: unknown;
    void client.outcomeOf(id).then((told) => {
      outcome = told;
    });
    await timing.passUntil(() => outcome !== undefined);
    expect(outcome).toMatchObject({ ok: true, view: { state: 'done', answer: { termsMs: 7 } } });
    expect(outcomes).toEqual([]);
  });

  test('where a refusal was the last word, it is returned: nothing was done', async () => {
    server.answer = ({ ref }, line) => line.send(refusal(ref, 'DRAINING', 2_000));
    await connect();
    let isRefused = false;
    client.onRefusal(() => {
      isRefused = true;
    });
    const reply = client.change('enrol', {}, newCommandId(), 5_000);
    await until(() => isRefused);
    timing.advance(5_000);
    expect(await reply).toMatchObject({ ok: false, code: 'DRAINING' });
  });
});

describe('trying again', () => {
  test('pauses between connections are drawn from nothing up to twice as much each time, or ten seconds', async () => {
    const drawn: number[] = [];
    const random = new Random(seed);
    timing = new Clockwork(() => {
      drawn.push(random.next());
      return drawn.at(-1)!;
    });
    const { url } = server;
    await server.close();
    follow(ClickdayClient.open(options({ url })));
    await timing.passUntil(() => drawn.length === 8);
    const pauses = drawn.map((chance, tries) => chance * Math.min(10_000, 500 * 2 ** tries));
    expect(timing.pauses.filter((ms) => pauses.includes(ms))).toEqual(pauses);
    server = await startProtocolServer();
  });

  test('a line that was answered on is no failure: the next pause is the first, and the budget as before', async () => {
    await connect();
    for (let lines = 1; lines <= 30; lines += 1) {
      await client.read('periods', {});
      server.lines.at(-1)!.cut();
      await until(() => client.state.is === 'stale');
      timing.advance(250);
      await until(() => client.state.is === 'connected');
    }
    expect(server.lines).toHaveLength(31);
  });

  test('fault 65: each line shows the stamp that the one before it was given', async () => {
    await connect();
    server.lines.at(-1)!.cut();
    await until(() => client.state.is === 'stale');
    timing.advance(10_000);
    await until(() => client.state.is === 'connected');
    expect(server.stamps).toEqual([undefined, 'stamp.of-line-1']);
  });

  test('one that only said hello is: pauses grow', async () => {
    await connect();
    for (const pauseMs of [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]) {
      server.lines.at(-1)!.cut();
      await until(() => client.state.is === 'stale');
      timing.advance(pauseMs - 1);
      expect(client.state.is).toBe('stale');
      timing.advance(1);
      await until(() => client.state.is === 'connected');
    }
  });

  test('fault 65: however short the pauses, connections are tried ten times a minute, after ten at once', async () => {
    timing = new Clockwork(() => 0.001);
    let tries = 0;
    const token = () => {
      tries += 1;
      throw new Error('the issuer is down');
    };
    follow(ClickdayClient.open(options({ token })));
    for (let second = 0; second < 120; second += 1) {
      for (let turn = 0; turn < 20; turn += 1) {
        timing.advance(0);
        await new Promise((resolve) => setImmediate(resolve));
      }
      timing.advance(1_000);
    }
    expect(Math.abs(tries - (1 + 10 + 20))).toBeLessThanOrEqual(1);
  });

  test('fault 67: who is refused without an appointment soon asks a tenth more than it would, not twice as much', async () => {
    server.answer = ({ ref }, line) => line.send(refusal(ref, 'STORAGE_FULL', 1));
    await connect();
    const read = async () => {
      let isRefused = false;
      void client.read('periods', {}).then(() => {
        isRefused = true;
      });
      while (!isRefused) {
        timing.advance(1);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    for (let asked = 0; asked < 200; asked += 1) await read();
    // Ten were saved up, twenty earned, give or take one.
    expect(Math.abs(server.requests.length - 230)).toBeLessThanOrEqual(1);
  });

  test('the budget is ten tries saved up, a tenth of each request, and ten a minute', () => {
    const budget = new RetryBudget(timing);
    const takeAll = () => {
      let taken = 0;
      while (budget.take()) taken += 1;
      return taken;
    };
    expect(takeAll()).toBe(10);
    for (let asked = 1; asked < 10; asked += 1) budget.earn();
    expect(takeAll()).toBe(0);
    budget.earn();
    expect(takeAll()).toBe(1);
    timing.advance(59_999);
    expect(takeAll()).toBe(9);
    timing.advance(3_600_000);
    expect(takeAll()).toBe(10);
    budget.giveBack();
    expect(takeAll()).toBe(1);
  });
});

describe('a line that is silent', () => {
  test('while something is expected is asked whether it is there, and given up when it says nothing', async () => {
    server.answer = (request, line) => {
      if (server.lines.length > 1) done(request, line);
    };
    await connect();
    const id = newCommandId();
    const reply = client.change('enrol', {}, id);
    await until(() => server.requests.length === 1);
    timing.advance(5_000);
    await until(() => server.requests.length === 2);
    expect(server.requests[1]).toMatchObject({ type: 'periods' });
    timing.advance(3_000);
    expect(states).toEqual([{ is: 'stale', ageMs: 8_000 }]);
    await timing.passUntil(() => server.requests.length === 3);
    expect(await reply).toMatchObject({ ok: true });
    expect(server.requests[2]).toMatchObject({ id });
  });

  test('but speaks when asked is slow, and kept', async () => {
    server.answer = ({ ref, type }, line) => {
      if (type === 'periods') line.send({ ref, ok: true, view: [] });
    };
    await connect();
    const reply = client.change('enrol', {}, newCommandId(), 60_000);
    await until(() => server.requests.length === 1);
    for (let asked = 2; asked < 6; asked += 1) {
      timing.advance(5_000);
      await until(() => server.requests.length === asked);
      await roundTrip();
      timing.advance(3_000);
    }
    expect(states).toEqual([]);
    client.close();
    await expect(reply).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('is not asked while nothing is expected', async () => {
    await connect();
    await client.read('periods', {});
    timing.advance(3_600_000);
    await roundTrip();
    expect(server.requests).toHaveLength(1);
  });
});

describe('a start without a connection', () => {
  test('what is asked waits for one, in order', async () => {
    const { url } = server;
    await server.close();
    follow(ClickdayClient.open(options({ url })));
    expect(client.state).toEqual({ is: 'stale', ageMs: null });
    const ids = [newCommandId(), newCommandId(), newCommandId()];
    const replies = ids.map((id) => client.change('enrol', {}, id));
    server = await startProtocolServer({ port: Number(new URL(url).port) });
    await timing.passUntil(() => server.requests.length === 3);
    expect((await Promise.all(replies)).every(({ ok }) => ok)).toBe(true);
    expect(server.requests.map(({ id }) => id)).toEqual(ids);
  });

  test('ten thousand wait; one more is told that it was not sent', async () => {
    const { url } = server;
    await server.close();
    follow(ClickdayClient.open(options({ url })));
    const waiting = Array.from({ length: 10_000 }, () => client.read('periods', {}));
    await expect(client.change('enrol', {})).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    client.close();
    const ends = await Promise.allSettled(waiting);
    expect(ends.every((end) => end.status === 'rejected' && end.reason.code === 'CLOSED')).toBe(true);
    server = await startProtocolServer();
  });

  test('a token that is turned down closes it', async () => {
    follow(ClickdayClient.open(options({ token: 'wrong' })));
    await until(() => states.length > 0);
    expect(states).toMatchObject([{ is: 'closed', fault: { code: 'UNAUTHENTICATED' } }]);
  });

  test('one that is not to be had at the moment does not', async () => {
    let asked = 0;
    const token = async () => {
      asked += 1;
      if (asked < 3) throw new Error('the issuer is down');
      return GOOD_TOKEN;
    };
    follow(ClickdayClient.open(options({ token })));
    await timing.passUntil(() => client.state.is === 'connected');
    expect(asked).toBe(3);
  });
});

describe('fault 53: a token', () => {
  const MINUTES_10 = 600_000;

  test('is renewed on its line before it expires, again and again', async () => {
    await server.close();
    server = await startProtocolServer({ isGood: () => true });
    server.answer = ({ ref, type }, line) => {
      if (type === 'authenticate') line.send({ ref, ok: true, view: { expiresAtMs: timing.realMs() + MINUTES_10 } });
    };
    await connect({ token: () => tokenOf('anna', timing.realMs() + MINUTES_10) });
    for (let renewals = 1; renewals <= 3; renewals += 1) {
      timing.advance(0.8 * MINUTES_10 - 1);
      await roundTrip();
      expect(server.requests).toHaveLength(renewals - 1);
      timing.advance(1);
      await until(() => server.requests.length === renewals);
      await roundTrip();
    }
    expect(server.requests.every(({ type }) => type === 'authenticate')).toBe(true);
    expect(server.lines).toHaveLength(1);
  });

  test('that expires all the same is renewed, and what it was refused for is sent again', async () => {
    let isExpired = true;
    server.answer = (request, line) => {
      if (request.type === 'authenticate') {
        isExpired = false;
        line.send({ ref: request.ref, ok: true, view: { expiresAtMs: 0 } });
      } else if (isExpired) line.send(refusal(request.ref, 'TOKEN_EXPIRED'));
      else done(request, line);
    };
    await connect({ token: () => GOOD_TOKEN });
    const ids = [newCommandId(), newCommandId(), newCommandId()];
    const replies = await Promise.all(ids.map((id) => client.change('enrol', {}, id)));
    expect(replies.every(({ ok }) => ok)).toBe(true);
    expect(server.requests.filter(({ type }) => type === 'authenticate')).toHaveLength(1);
    expect(server.requests.slice(-3).map(({ id }) => id)).toEqual(ids);
  });

  test('that is being renewed holds back what is asked meanwhile; turned down, another is asked for', async () => {
    const held: (() => void)[] = [];
    let isExpired = true;
    server.answer = (request, line) => {
      const { ref, type } = request;
      if (type === 'authenticate' && held.length === 1) {
        isExpired = false;
        held.push(() => line.send({ ref, ok: true, view: { expiresAtMs: timing.realMs() + MINUTES_10 } }));
      } else if (type === 'authenticate') held.push(() => line.send(refusal(ref, 'UNAUTHENTICATED')));
      else if (isExpired) line.send(refusal(ref, 'TOKEN_EXPIRED'));
      else done(request, line);
    };
    await connect({ token: () => GOOD_TOKEN });
    const replies = [client.change('enrol', {})];
    await until(() => held.length === 1);
    replies.push(client.change('enableAll', {}));
    held[0]!();
    await roundTrip();
    expect(server.requests.map(({ type }) => type)).toEqual(['enrol', 'authenticate']);
    timing.advance(1_000);
    await until(() => held.length === 2);
    held[1]!();
    expect(await Promise.all(replies)).toMatchObject([{ ok: true }, { ok: true }]);
    expect(server.requests.slice(2).map(({ type }) => type)).toEqual(['authenticate', 'enrol', 'enableAll']);
  });

  test('of a hundred years is renewed daily: no timer counts that far', async () => {
    await server.close();
    server = await startProtocolServer({ isGood: () => true });
    await connect({ token: () => tokenOf('anna', timing.realMs() + 100 * 365 * 86_400_000) });
    expect(Math.max(...timing.pauses)).toBe(86_400_000);
  });

  test('that is the only one is refused as any command is', async () => {
    server.answer = ({ ref }, line) => line.send(refusal(ref, 'TOKEN_EXPIRED'));
    await connect();
    expect(await client.change('enrol', {})).toMatchObject({ ok: false, code: 'TOKEN_EXPIRED' });
  });

  test('of another person ends the client: commands of one are never sent as another', async () => {
    await server.close();
    server = await startProtocolServer({ isGood: () => true });
    server.answer = (_, line) => line.cut();
    const people = ['anna', 'bruno'];
    await connect({ token: () => tokenOf(people.shift()!, timing.realMs() + MINUTES_10) });
    const reply = client.change('leave', {});
    void timing.passUntil(() => client.state.is === 'closed');
    await expect(reply).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(server.lines).toHaveLength(1);
  });
});

describe('subscriptions', () => {
  test('hear their own topics, and the last one to stop takes its topic along', async () => {
    await connect();
    const heard: string[] = [];
    const stop = await client.subscribe(['rank'], ({ push }) => heard.push(`first ${push}`));
    const stopBoth = await client.subscribe(['rank', 'notices'], ({ push }) => heard.push(`second ${push}`));
    for (const push of ['rank', 'notices', 'weather']) server.lines[0]!.send({ push, view: [] });
    await until(() => heard.length === 3);
    expect(heard).toEqual(['first rank', 'second rank', 'second notices']);
    stop();
    stopBoth();
    await until(() => server.requests.length === 3);
    expect(server.requests[2]).toMatchObject({ type: 'unsubscribe', topics: ['rank', 'notices'] });
    server.lines[0]!.cut();
    await timing.passUntil(() => server.lines.length === 2);
    await client.read('periods', {});
    expect(server.requests).toHaveLength(4);
  });
});

test('a subscription that lines break under is asked for once on each', async () => {
  await connect();
  await client.subscribe(['rank'], () => {});
  server.answer = () => {};
  for (let lines = 2; lines <= 6; lines += 1) {
    server.lines.at(-1)!.cut();
    await timing.passUntil(() => server.requests.length === lines);
  }
  await roundTrip();
  expect(server.requests.map(({ type }) => type)).toEqual(Array(6).fill('subscribe'));
});

test('who may not subscribe is told, and hears nothing', async () => {
  server.answer = ({ ref }, line) => line.send(refusal(ref, 'FORBIDDEN'));
  await connect();
  const heard: unknown[] = [];
  await expect(client.subscribe(['rank'], (push) => heard.push(push))).rejects.toMatchObject({ code: 'REFUSED' });
  server.lines[0]!.send({ push: 'rank', view: [] });
  await client.read('periods', {});
  expect(heard).toEqual([]);
});

describe('the last good answer', () => {
  test('stays, with its age, while there is no newer one; a push is one', async () => {
    server.answer = ({ ref, hpan }, line) => line.send({ ref, ok: true, view: { hpan } });
    await connect();
    expect(client.lastGood('instrument', { hpan: CARD })).toBeNull();
    await client.read('instrument', { hpan: CARD });
    timing.advance(2_000);
    expect(client.lastGood('instrument', { hpan: CARD })).toEqual({ view: { hpan: CARD }, ageMs: 2_000 });
    expect(client.lastGood('instrument', { hpan: 'b'.repeat(64) })).toBeNull();

    let pushed = 0;
    await client.subscribe(['rank', 'wallet'], () => {
      pushed += 1;
    });
    const totals = [{ awardPeriodId: 2, shownCents: 150 }];
    server.lines[0]!.send({ push: 'rank', view: [{ ranking: 7 }] });
    server.lines[0]!.send({ push: 'wallet', view: { enabled: true, totals } });
    await until(() => pushed === 2);
    expect(client.lastGood('ranking', {})).toEqual({ view: [{ ranking: 7 }], ageMs: 0 });
    expect(client.lastGood('wallet', {})).toMatchObject({ view: { enabled: true } });
    expect(client.lastGood('total', { awardPeriodId: 2 })).toEqual({ view: totals[0], ageMs: 0 });
  });

  test('R6: a refusal takes nothing away', async () => {
    const answers = [{ ok: true, view: { enabled: true } }, refusal(null, 'OVERLOADED')];
    server.answer = ({ ref }, line) => line.send({ ...answers.shift()!, ref });
    await connect();
    await client.read('wallet', {});
    expect(await client.read('wallet', {})).toMatchObject({ ok: false });
    expect(client.lastGood('wallet', {})).toMatchObject({ view: { enabled: true } });
  });

  test('sixty-four are kept, the newest', async () => {
    server.answer = ({ ref, awardPeriodId }, line) => line.send({ ref, ok: true, view: { awardPeriodId } });
    await connect();
    await client.read('total', { awardPeriodId: 1 });
    await client.read('total', { awardPeriodId: 0 });
    for (let period = 1; period <= 64; period += 1) await client.read('total', { awardPeriodId: period });
    expect(client.lastGood('total', { awardPeriodId: 0 })).toBeNull();
    expect(client.lastGood('total', { awardPeriodId: 1 })).toMatchObject({ view: { awardPeriodId: 1 } });
  });
});

/** Whatever was sent before is there when this has gone there and back on a connection of its own. */
async function roundTrip(): Promise<void> {
  await expect(fetch(server.url)).resolves.toMatchObject({ status: 404 });
  await new Promise((resolve) => setImmediate(resolve));
}
