// Method: sessions before a door that the test fills and empties (front.ts): what is refused says when to come back, and
// whoever comes then is let in.
import { afterEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../engine/index.ts';
import { Admission, PUSH_UNREAD_BYTES_MAX, SLOW_READ_MS_MAX } from '../../server/admission/index.ts';
import type { Service } from '../../server/service/index.ts';
import { INTERVAL_MS, WAITING_TICK_MS } from '../../server/session/waiting.ts';
import { digest } from '../admission/crowd.ts';
import { SAMPLES } from '../wire/samples.ts';
import { anna, bruno, type Client, Front, newId, settle } from './front.ts';

const FULL = 10_000;

let front: Front;
const load = { inside: 0, answeredCount: 0, probe: () => Promise.resolve(0) };
let nowMs = 1_607_400_000_000;

async function openFront(service?: Pick<Service, 'countUnserved'>): Promise<Admission> {
  const admission = new Admission({
    shards: [load],
    ...{ digest, origin: 1, nowMs: () => nowMs, random: () => 0.5 },
  });
  front = await Front.open({ admission, service });
  front.world.at('2020-12-08T10:00:00+01:00');
  return admission;
}

/** The answer to who comes before its time. */
async function early(client: Client, request: Parameters<Client['ask']>[0]): ReturnType<Client['ask']> {
  const answer = client.ask(request);
  await front.pass(INTERVAL_MS + WAITING_TICK_MS);
  return answer;
}

/** For the front and its door. */
function pass(ms: number): void {
  nowMs += ms;
  front.monotonicMs += ms;
}

afterEach(async () => {
  load.inside = 0;
  await front.handlers.drain();
  front.handlers.stop();
});

test('a full door says when to come back, in two languages, and lets in whoever does', async () => {
  await openFront();
  const client = await front.connect('citizen', anna);
  load.inside = FULL;
  const refused = await client.ask({ type: 'enrol', id: newId() });
  expect(refused).toMatchObject({
    ok: false,
    code: 'OVERLOADED',
    message: expect.any(String),
    messageIt: expect.any(String),
    ticket: expect.stringMatching(/^[\w-]{28}$/),
    position: 1,
  });
  const waitMs = refused.retryAtMs! - front.world.nowMs;
  expect(waitMs).toBeGreaterThan(0);
  expect(await early(client, { type: 'enrol', id: newId() })).toMatchObject({ ok: false, ticket: refused.ticket });

  pass(waitMs);
  load.inside = 0;
  expect(await client.ask({ type: 'enrol', id: newId(), ticket: refused.ticket! })).toMatchObject({ ok: true });
});

test('an appointment is one person’s, over whichever connection', async () => {
  const admission = await openFront();
  load.inside = FULL;
  const refused = await (await front.connect('citizen', anna)).ask({ type: 'enrol', id: newId() });
  pass(refused.retryAtMs! - front.world.nowMs);
  // More than passes without an appointment, less than what breaks a promise; and citizens have had more than their share.
  load.inside = 0;
  for (let number = 0; number < 300; number += 1)
    admission.ask({ asker: `crowd ${number}`, channel: 'citizens', class: 'card', shard: 0, weight: 1 });
  load.inside = 1_500;
  const other = await front.connect('citizen', bruno);
  expect(await other.ask({ type: 'enrol', id: newId(), ticket: refused.ticket! })).toMatchObject({ ok: false });
  const client = await front.connect('citizen', anna);
  expect(await client.ask({ type: 'enrol', id: newId(), ticket: refused.ticket! })).toMatchObject({ ok: true });
  expect(await client.ask({ type: 'wallet', ticket: refused.ticket! })).toMatchObject({ ok: false });
});

test('whoever waits is told where it stands, and is called', async () => {
  const admission = await openFront();
  const [first, second] = [await front.connect('citizen', anna), await front.connect('citizen', bruno)];
  load.inside = FULL;
  for (const client of [first, second])
    expect(await client.ask({ type: 'enrol', id: newId() })).toMatchObject({ ok: false });
  await front.pass(1_000);
  expect(second.pushes('turn').at(-1)).toMatchObject({ view: { position: 2, retryAtMs: expect.any(Number) } });
  load.inside = 0;
  for (let tick = 0; tick < 100 && admission.waitingCount > 0; tick += 1) {
    nowMs += 100;
    admission.tick();
  }
  await settle();
  for (const client of [first, second]) {
    expect(client.pushes('turn').at(-1)).toMatchObject({ view: { position: 0 } });
    expect(await client.ask({ type: 'enrol', id: newId() })).toMatchObject({ ok: true });
  }
});

test('R7: who is turned away has had no success, told once for an appointment', async () => {
  const counted: string[] = [];
  await openFront({ countUnserved: (name, code) => counted.push(`${name} ${code}`) });
  const client = await front.connect('citizen', anna);
  load.inside = FULL;
  await client.ask({ type: 'enrol', id: newId() });
  for (let times = 0; times < 2; times += 1) await early(client, { type: 'enrol', id: newId() });
  await client.ask({ type: 'wallet' });
  await client.ask({ type: 'leave', id: newId() });
  expect(counted).toEqual(['enrol OVERLOADED', 'wallet OVERLOADED']);
});

test('periods and topics cost the engine nothing, and are never refused', async () => {
  await openFront();
  const client = await front.connect('citizen', anna);
  load.inside = FULL;
  expect(await client.ask({ type: 'periods' })).toMatchObject({ ok: true });
  expect(await client.ask({ type: 'subscribe', topics: ['rank'] })).toMatchObject({ ok: true });
  expect(await client.ask({ type: 'wallet' })).toMatchObject({ ok: false, code: 'OVERLOADED' });
});

for (const protocol of ['clickday.v1.json', 'clickday.v1.msgpack'] as const) {
  describe(`whoever has to wait, in ${protocol}`, () => {
    test('and asks again is answered in the words that it was told, all at once and a second later, and let in at its time', async () => {
      const admission = await openFront();
      const client = await front.connect('citizen', anna, { protocol });
      load.inside = FULL;
      for (let number = 0; number < 5_000; number += 1)
        admission.ask({ asker: `crowd ${number}`, channel: 'citizens', class: 'read', shard: 0, weight: 1 });
      const { waitMs = 0, retryAtMs: _at, ref: _, ...told } = await client.ask({ type: 'wallet' });
      pass(5);
      const again = [client.ask({ type: 'wallet' }), client.ask({ type: 'wallet' })];
      const before = client.frames.length;
      expect(await client.ask({ type: 'periods' })).toMatchObject({ ok: true });
      await front.pass(INTERVAL_MS - WAITING_TICK_MS);
      expect(client.frames.slice(before + 1)).toEqual([]);
      await front.pass(2 * WAITING_TICK_MS);
      for (const reply of await Promise.all(again)) expect(reply).toMatchObject(told);
      expect(await again[1]).toMatchObject({ waitMs: expect.any(Number), retryAtMs: expect.any(Number) });
      expect((await again[1])!.waitMs).toBe(waitMs - INTERVAL_MS);
      pass(waitMs);
      load.inside = 0;
      expect(await client.ask({ type: 'wallet' })).toMatchObject({ code: 'CITIZEN_NOT_FOUND' });
      expect(await client.ask({ type: 'wallet' })).toMatchObject({ code: 'CITIZEN_NOT_FOUND' });
    });

    test('and asks again is answered with its own appointment, and in the words of what it asked', async () => {
      await openFront();
      const [first, second] = [
        await front.connect('citizen', anna, { protocol }),
        await front.connect('citizen', bruno, { protocol }),
      ];
      load.inside = FULL;
      const asked = [
        [first, { type: 'wallet' }],
        [second, { type: 'wallet' }],
        [second, { type: 'instruments' }],
      ] as const;
      const told = await Promise.all(asked.map(([client, request]) => client.ask(request)));
      const again = asked.map(([client, request]) => client.ask(request));
      await front.pass(INTERVAL_MS + WAITING_TICK_MS);
      const same = ({ code, message, messageIt, ticket }: (typeof told)[number]) => [code, message, messageIt, ticket];
      expect((await Promise.all(again)).map(same)).toEqual(told.map(same));
      expect(told[0]!.ticket).not.toBe(told[1]!.ticket);
      expect(told[1]!.message).not.toBe(told[2]!.message);
    });

    test('and sends on as if it had not been told is cut, with the reason; what was on its way is only refused', async () => {
      await openFront();
      const client = await front.connect('citizen', anna, { protocol });
      load.inside = FULL;
      await client.ask({ type: 'wallet' });
      const again = Array.from({ length: LIMITS.inFlightPerSocketMax }, () => client.ask({ type: 'wallet' }));
      expect(await client.ask({ type: 'enrol', id: newId() })).toMatchObject({ code: 'OVERLOADED' });
      expect(client.closedWith).toBeUndefined();
      again.push(client.ask({ type: 'wallet' }));
      expect(client.closedWith).toEqual({ code: 1013, reason: 'does not wait for its turn' });
      for (const reply of await Promise.all(again)) expect(reply).toMatchObject({ code: 'OVERLOADED' });
      const { length } = client.frames;
      client.raw('more');
      await settle();
      expect(client.frames).toHaveLength(length);
    });

    test('and was cut is refused ten seconds later, and then comes in again; others do at once', async () => {
      await openFront();
      const client = await front.connect('citizen', anna, { protocol });
      load.inside = FULL;
      while (client.closedWith === undefined) void client.ask({ type: 'wallet' });
      let isOver = false;
      const authorization = `Bearer ${front.token('citizen', anna)}`;
      const refusal = front.refusal({ authorization }, [protocol]).finally(() => {
        isOver = true;
      });
      await front.connect('citizen', bruno, { protocol });
      await front.pass(LIMITS.outsideMs - 1);
      expect(isOver).toBe(false);
      await front.pass(1);
      expect(await refusal).toMatchObject({ status: 429, code: 'OVERLOADED' });
      const again = await front.connect('citizen', anna, { protocol });
      expect(await again.ask({ type: 'periods' })).toMatchObject({ ok: true });
    });

    test('is answered before the server stops', async () => {
      await openFront();
      const client = await front.connect('citizen', anna, { protocol });
      load.inside = FULL;
      await client.ask({ type: 'wallet' });
      const again = client.ask({ type: 'wallet' });
      await front.handlers.drain();
      expect(await again).toMatchObject({ code: 'OVERLOADED' });
    });

    test('hears of its time when it is called, after its answers if it asked before it', async () => {
      const admission = await openFront();
      const client = await front.connect('citizen', anna, { protocol });
      load.inside = FULL;
      const { waitMs = 0 } = await client.ask({ type: 'wallet' });
      const again = client.ask({ type: 'wallet' });
      load.inside = 0;
      nowMs += waitMs; // Of the door alone: by the front's own clock its time has not come.
      admission.tick();
      await settle();
      expect(client.pushes('turn').at(-1)).toMatchObject({ view: { position: 0 } });
      expect(await again).toMatchObject({ code: 'OVERLOADED', position: 0, waitMs: 0 });
      expect(client.frames.at(-1)).toMatchObject({ push: 'turn' });
      expect(await client.ask({ type: 'wallet' })).toMatchObject({ code: 'CITIZEN_NOT_FOUND' });
    });
  });
}

test('fault 50: whoever is only reminded, and does not read it, is cut as any slow reader is', async () => {
  await openFront();
  const client = await front.connect('citizen', anna);
  load.inside = FULL;
  await client.ask({ type: 'wallet' });
  client.unread.bytes = PUSH_UNREAD_BYTES_MAX;
  await early(client, { type: 'wallet' });
  await front.pass(SLOW_READ_MS_MAX + 1_000);
  expect(client.closedWith).toEqual({ code: 1013, reason: 'reads too slowly' });
});

test('whoever asks more than one citizen may, and goes on, is cut; whoever slows down is not', async () => {
  await openFront();
  const [deaf, patient] = [await front.connect('citizen', anna), await front.connect('citizen', bruno)];
  const ask = async (client: Client) => (await client.ask({ type: 'wallet' })) as { code: string; waitMs?: number };
  for (const client of [deaf, patient])
    for (let asked = 0; asked < LIMITS.citizenBurst; asked += 1)
      expect((await ask(client)).code).toBe('CITIZEN_NOT_FOUND');
  for (let asked = 0; asked < LIMITS.inFlightPerSocketMax; asked += 1)
    expect(await ask(deaf)).toMatchObject({ code: 'OVERLOADED', waitMs: 1_000 / LIMITS.citizenPerSecond });
  expect(deaf.closedWith).toBeUndefined();
  await ask(deaf);
  expect(deaf.closedWith).toEqual({ code: 1013, reason: 'does not wait for its turn' });
  for (let asked = 0; asked < 2 * LIMITS.inFlightPerSocketMax; asked += 1) {
    pass((await ask(patient)).waitMs ?? 0);
  }
  expect(patient.closedWith).toBeUndefined();
});

test('whoever has more under way than it was told it may is refused, and cut when it goes on', async () => {
  await openFront();
  const client = await front.connect('citizen', anna);
  const { inFlightPerSocketMax } = LIMITS;
  const ask = () => client.ask({ type: 'wallet' });
  for (let asked = 0; asked < inFlightPerSocketMax; asked += 1) void ask();
  const beyond = Array.from({ length: inFlightPerSocketMax }, ask);
  expect(client.closedWith).toBeUndefined();
  beyond.push(ask());
  expect(client.closedWith).toEqual({ code: 1013, reason: 'does not wait for its turn' });
  for (const reply of await Promise.all(beyond)) expect(reply).toMatchObject({ code: 'OVERLOADED' });
});

test.each<[string, Parameters<Client['ask']>[0]]>([
  ['costs the engine nothing', { type: 'periods' }],
  ['it may not ask', { type: 'recordPayments', rows: [] }],
  ['is no request', { type: 'nonsense' }],
])('fault 66: a flood of what %s is over the budget, too', async (_what, request) => {
  await openFront();
  const client = await front.connect('citizen', anna);
  for (let asked = 0; asked < LIMITS.citizenBurst; asked += 1)
    expect((await client.ask(request)).code).not.toBe('OVERLOADED');
  while (client.closedWith === undefined) expect(await client.ask(request)).toMatchObject({ code: 'OVERLOADED' });
  expect(client.closedWith).toEqual({ code: 1013, reason: 'does not wait for its turn' });
});

test('a partner has no such budget', async () => {
  await openFront();
  const issuer = await front.connect('issuer', '03069');
  for (let asked = 0; asked <= LIMITS.citizenBurst; asked += 1)
    expect(await issuer.ask({ type: 'periods' })).toMatchObject({ ok: true });
});

test('fault 66: whoever asks for now this, now that in place of waiting is over its budget before any of it is too much', async () => {
  await openFront();
  const client = await front.connect('citizen', anna);
  load.inside = FULL;
  const reads = (['wallet', 'total', 'milestones', 'ranking', 'payments', 'instrument'] as const).map((type) => {
    const { ref: _, taxCode: __, ...sample } = SAMPLES[type];
    return sample;
  });
  const most = LIMITS.citizenBurst + LIMITS.inFlightPerSocketMax;
  expect(most).toBeLessThan(reads.length * LIMITS.inFlightPerSocketMax);
  const answers = [];
  for (let asked = 0; asked <= most; asked += 1) {
    expect(client.closedWith, `asked ${asked} times`).toBeUndefined();
    answers.push(client.ask(reads[asked % reads.length]!));
  }
  expect(client.closedWith).toEqual({ code: 1013, reason: 'does not wait for its turn' });
  for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ code: 'OVERLOADED' });
});
