// Method: sessions over the real engine in memory, driven frame by frame through a socket that the test owns; each
// test looks at what the client gets and at what the engine then says.
import { beforeEach, describe, expect, test } from 'vitest';
import { LIMITS, makeTaxCode, REFUSALS, type Role, StorageFault } from '../../engine/index.ts';
import { Addresses, Arrivals, Stamps } from '../../server/admission/index.ts';
import { ALLOWED } from '../../server/identity/roles.ts';
import type { Session } from '../../server/session/index.ts';
import type { UpgradeDecision } from '../../server/transport/index.ts';
import { containsPan, isNetworkPan, REQUESTS, type RequestType } from '../../server/wire/index.ts';
import { digest } from '../admission/crowd.ts';
import { hpan, value } from '../support/world.ts';
import { ROW, SAMPLES } from '../wire/samples.ts';
import { anna, bruno, type Client, type Frame, Front, newId, settle } from './front.ts';

let front: Front;
beforeEach(async () => {
  front = await Front.open();
});

const CITIZEN_TYPES = (Object.keys(REQUESTS) as RequestType[]).filter((type) => 'taxCode' in REQUESTS[type].entries);
const SUBJECTS: Readonly<Record<Role, string>> = {
  citizen: anna,
  issuer: '12940',
  acquirer: '36081',
  operator: 'olga',
};

function without(sample: object, ...names: readonly string[]): Frame {
  return Object.fromEntries(Object.entries(sample).filter(([name]) => !names.includes(name)));
}

/** The sample of a type, with a fresh id and about the right citizen. */
function sampleOf(type: RequestType, role: Role): Frame {
  const sample = without(SAMPLES[type], 'ref', 'taxCode');
  const named = role !== 'citizen' && CITIZEN_TYPES.includes(type) ? { taxCode: anna } : {};
  return { ...sample, ...named, ...('id' in sample ? { id: newId() } : {}) };
}

async function enrolled(taxCode = anna): Promise<Client> {
  const client = await front.connect('citizen', taxCode);
  expect(await client.ask({ type: 'enrol', id: newId() })).toMatchObject({ ok: true });
  return client;
}

test('the server speaks first, and says what holds on this connection', async () => {
  const [citizen, acquirer] = [await front.connect('citizen', anna), await front.connect('acquirer', '36081')];
  expect(citizen.frames).toEqual([
    {
      hello: {
        role: 'citizen',
        channel: 'app-io-channel',
        nowMs: front.world.nowMs,
        frameBytesMax: 4_096,
        inFlightMax: 256,
        programme: front.world.engine.programme.name,
      },
    },
  ]);
  expect(acquirer.frames[0]).toMatchObject({ hello: { role: 'acquirer', channel: '36081', frameBytesMax: 262_144 } });
});

describe.each(['clickday.v1.json', 'clickday.v1.msgpack'] as const)('over %s', (protocol) => {
  test('a citizen enrols, lists a card, enables it and reads it all back', async () => {
    const client = await front.connect('citizen', anna, { protocol });
    const termsMs = front.world.nowMs;
    const id = '0190a0b0-1111-7222-8333-0123456789ab';
    expect(await client.ask({ type: 'enrol', id })).toEqual({
      ref: 1,
      ok: true,
      repeated: false,
      answer: { termsMs, optInStatus: 'NOREQ' },
      position: expect.objectContaining({ partition: expect.any(Number), sequence: expect.any(Number) }),
    });
    expect(await client.ask({ type: 'enrol', id: id.replaceAll('-', '').toUpperCase() })).toMatchObject({
      ok: true,
      repeated: true,
      answer: { termsMs },
    });
    expect(await client.ask({ type: 'leave', id })).toMatchObject({ ok: false, code: 'ID_REUSED' });
    expect(await client.ask({ type: 'outcome', id })).toMatchObject({ view: { state: 'done' } });
    expect(await client.ask({ type: 'outcome', id: newId() })).toMatchObject({ view: { state: 'not-done' } });

    const details = { methodKind: 'card', brand: 'VISA', expiry: '2024-05', issuerAbi: '03069' } as const;
    await client.ask({ type: 'addMethod', id: newId(), hpan: hpan(1), details: { ...details, lastDigits: '1234' } });
    expect(await client.ask({ type: 'enableCashback', id: newId(), hpan: hpan(1) })).toMatchObject({ ok: true });
    expect(await client.ask({ type: 'wallet' })).toMatchObject({
      ok: true,
      view: { enabled: true, methods: [{ hpan: hpan(1), cashback: 'enabled', details: { lastDigits: '1234' } }] },
    });
    expect(await client.ask({ type: 'instrument', hpan: hpan(1) })).toMatchObject({ view: { status: 'ACTIVE' } });
    expect(await client.ask({ type: 'periods' })).toMatchObject({ ok: true, view: expect.any(Array) });
  });

  test('a refusal has the name and both texts of the one table', async () => {
    const client = await front.connect('citizen', anna, { protocol });
    const { text, testo } = REFUSALS.CITIZEN_NOT_FOUND;
    const refused = { ref: 1, ok: false, code: 'CITIZEN_NOT_FOUND', message: text, messageIt: testo };
    expect(await client.ask({ type: 'wallet' })).toEqual(refused);
  });
});

describe('fault 60: a card number', () => {
  test('given as `pan` is hashed with the programme’s salt, and nothing else of it stays', async () => {
    const client = await enrolled();
    const pan = '4111111111111111';
    const hash = (await import('node:crypto')).createHash('sha256');
    const expected = hash.update(pan + front.world.engine.programme.panSalt).digest('hex');
    const details = { methodKind: 'card', brand: 'VISA', lastDigits: '9999' } as const;
    const added = await client.ask({ type: 'addMethod', id: newId(), pan, details });
    expect(added).toMatchObject({ ok: true, answer: { hpan: expected } });
    expect(await client.ask({ type: 'wallet' })).toMatchObject({
      view: { methods: [{ hpan: expected, details: { lastDigits: '1111' } }] },
    });
    const journaled = front.world.persistence.stores.flatMap(({ journal }) => [...journal.read(1)]);
    expect(JSON.stringify(journaled)).toContain(expected);
    expect(JSON.stringify([journaled, client.frames])).not.toContain(pan);
  });

  test('with an hpan beside it, or neither, is a guess that is not made', async () => {
    const client = await enrolled();
    const details = { methodKind: 'card' } as const;
    const both = { type: 'addMethod', id: newId(), pan: '9999000000000001', hpan: hpan(1), details } as const;
    expect(await client.ask(both)).toMatchObject({ ok: false, code: 'FIELD_INVALID', detail: 'pan' });
    const neither = { type: 'addMethod', id: newId(), details } as const;
    expect(await client.ask(neither)).toMatchObject({ ok: false, code: 'FIELD_INVALID', detail: 'hpan' });
  });

  test('in an acquirer’s row is refused with that row only', async () => {
    const acquirer = await front.connect('acquirer', '36081');
    const rows = [ROW, { ...ROW, merchantId: '4111111111111111' }, { ...ROW, par: '5500005555555559' }];
    const reply = await acquirer.ask({ type: 'recordPayments', rows });
    expect(reply.view).toMatchObject({
      outcomes: [
        { status: expect.any(String) },
        { status: 'rejected', code: 'FIELD_INVALID', detail: 'merchantId' },
        { status: 'rejected', code: 'FIELD_INVALID', detail: 'par' },
      ],
    });
    expect(JSON.stringify(acquirer.frames)).not.toContain('4111111111111111');
  });

  test.each([
    ['4111111111111111', true, true],
    ['4111 1111 1111 1111', true, false],
    ['4111111111111112', false, false],
    ['1234567812345670', true, false],
    ['41111111111111110', false, false],
    ['00000000000000', false, false],
    ['98765432109876543210123', false, false],
  ])('is %s: %s in a text, %s as an identifier', (text, inText, asIdentifier) => {
    expect([containsPan(text), isNetworkPan(text)]).toEqual([inText, asIdentifier]);
  });
});

describe('fault 56: who may ask what about whom', () => {
  test.each(['citizen', 'issuer', 'acquirer', 'operator'] as const)(
    '%s: exactly what the table of roles allows',
    async (role) => {
      await enrolled();
      const client = await front.connect(role, SUBJECTS[role]);
      for (const type of Object.keys(REQUESTS) as RequestType[]) {
        const { code } = await client.ask(sampleOf(type, role));
        const isAllowed = (ALLOWED[type] as readonly Role[]).includes(role);
        if (type === 'authenticate') expect(code).toBe('UNAUTHENTICATED');
        else expect([type, code === 'FORBIDDEN']).toEqual([type, !isAllowed]);
      }
    },
  );

  test('a citizen may name nobody, not even itself', async () => {
    const client = await enrolled();
    await enrolled(bruno);
    for (const type of CITIZEN_TYPES) {
      for (const taxCode of [anna, bruno]) {
        const reply = await client.ask({ ...sampleOf(type, 'citizen'), taxCode });
        expect([type, reply]).toMatchObject([type, { ok: false, code: 'FIELD_INVALID', detail: 'taxCode' }]);
      }
    }
    expect(JSON.stringify(client.frames)).not.toContain(bruno);
  });

  test('issuers and operators name a citizen, whose check character is right', async () => {
    await enrolled();
    const issuer = await front.connect('issuer', '12940');
    expect(await issuer.ask({ type: 'wallet' })).toMatchObject({ code: 'FIELD_INVALID', detail: 'taxCode' });
    const wrong = `${anna.slice(0, 15)}${anna.endsWith('A') ? 'B' : 'A'}`;
    expect(await issuer.ask({ type: 'wallet', taxCode: wrong })).toMatchObject({ code: 'TAX_CODE_INVALID' });
    const enable = { type: 'enableCashback', id: newId(), taxCode: anna.toLowerCase(), hpan: hpan(3) } as const;
    expect(await issuer.ask(enable)).toMatchObject({ ok: true });
    const operator = await front.connect('operator', 'olga');
    expect(await operator.ask({ type: 'wallet', taxCode: anna })).toMatchObject({
      view: { methods: [{ hpan: hpan(3), channel: '12940' }] },
    });
    // Domain 1: what it did not enable itself is none of its business.
    const other = await front.connect('issuer', '03069');
    expect(await other.ask({ type: 'wallet', taxCode: anna })).toMatchObject({ view: { enabled: true, methods: [] } });
    const disable = { type: 'disableCashback', id: newId(), taxCode: anna, hpan: hpan(3) } as const;
    expect(await other.ask(disable)).toMatchObject({ ok: false, code: 'FORBIDDEN' });
    expect(await issuer.ask(disable)).toMatchObject({ ok: true });
  });

  test('two citizens on one server see their own', async () => {
    const [a, b] = [await enrolled(anna), await enrolled(bruno)];
    await a.ask({ type: 'enableCashback', id: newId(), hpan: hpan(1) });
    expect(await b.ask({ type: 'wallet' })).toMatchObject({ view: { methods: [] } });
    const taken = await b.ask({ type: 'enableCashback', id: newId(), hpan: hpan(1) });
    expect(taken).toMatchObject({ code: 'INSTRUMENT_TAKEN' });
    expect(await b.ask({ type: 'instrument', hpan: hpan(1) })).toMatchObject({ ok: false });
  });

  test('only an operator sees who holds a rank', async () => {
    const client = await enrolled();
    await client.ask({ type: 'enableCashback', id: newId(), hpan: hpan(1) });
    front.world.at('2021-02-11T12:00:00+01:00');
    await front.world.pay({ hpan: hpan(1), at: '2021-02-11T10:00:00+01:00', cents: 1_000 });
    const page = { type: 'rankingPage', awardPeriodId: 2, firstRank: 1, count: 10 } as const;
    expect((await client.ask(page)).view).toEqual([{ rank: 1, transactionNumber: 1 }]);
    const operator = await front.connect('operator', 'olga');
    const citizen = front.world.engine.citizenKeyOf(anna);
    expect((await operator.ask(page)).view).toMatchObject([{ rank: 1, transactionNumber: 1, citizen }]);
  });
});

describe('rows of acquirers', () => {
  test('are answered one by one, in order, the bad ones by name', async () => {
    const client = await enrolled();
    await client.ask({ type: 'enableCashback', id: newId(), hpan: hpan(1) });
    front.world.at('2021-02-12T12:00:00+01:00');
    const acquirer = await front.connect('acquirer', '36081');
    const good = { ...ROW, hpan: hpan(1) };
    const rows: Frame[] = [
      { ...good, trxDate: '2021-02-11 at noon' },
      good,
      { ...good, amountCents: 0 },
      { ...good, acquirerCode: '03069' },
      { ...good, hpan: hpan(9) },
      good,
      { ...good, colour: 'red' },
    ];
    expect(await acquirer.ask({ type: 'recordPayments', rows })).toMatchObject({
      ok: true,
      view: {
        outcomes: [
          { status: 'rejected', code: 'DATE_INVALID', detail: 'trxDate' },
          { status: 'counted', scoreCents: 450, awardPeriodId: 2 },
          { status: 'rejected', code: 'AMOUNT_INVALID', detail: 'amountCents' },
          { status: 'rejected', code: 'SENDER_NOT_ALLOWED', detail: 'acquirerCode' },
          { status: 'dropped', code: 'INSTRUMENT_NOT_COVERED' },
          { status: 'rejected', code: 'DUPLICATE_RECORD' },
          { status: 'rejected', code: 'FIELD_INVALID' },
        ],
      },
    });
    expect(value(await front.world.engine.total(front.world.engine.citizenKeyOf(anna), 2)).transactionNumber).toBe(1);
  });

  test('DECISION 25: received before midnight count after it, also when their connection breaks', async () => {
    const client = await enrolled();
    await client.ask({ type: 'enableCashback', id: newId(), hpan: hpan(1) });
    front.world.at('2021-01-10T23:59:59.999+01:00');
    const acquirer = await front.connect('acquirer', '36081');
    const trxDate = '2020-12-28T10:00:00+01:00';
    const rows = [1, 2, 3].map((number) => ({ ...ROW, hpan: hpan(1), trxDate, idTrxAcquirer: `A${number}` }));
    void acquirer.ask({ type: 'recordPayments', rows });
    front.world.at('2021-01-11T00:00:00+01:00');
    acquirer.tear();
    await settle();
    front.world.engine.tick();
    await settle();
    const { engine } = front.world;
    expect(value(await engine.total(engine.citizenKeyOf(anna), 1)).transactionNumber).toBe(3);
    expect((await engine.stats()).rankings[0]).toMatchObject({ awardPeriodId: 1, participants: 1, isFrozen: true });
  });

  test('count one by one against the limit of the connection', async () => {
    front.world.at('2021-02-12T12:00:00+01:00');
    const acquirer = await front.connect('acquirer', '36081');
    const rows = Array.from({ length: 512 }, (_, index) => ({ ...ROW, idTrxAcquirer: `A${index}` }));
    const replies = await Promise.all(Array.from({ length: 5 }, () => acquirer.ask({ type: 'recordPayments', rows })));
    expect(replies.map(({ ok }) => ok)).toEqual([true, true, true, true, false]);
    expect(replies[4]).toMatchObject({ code: 'OVERLOADED', retryAtMs: expect.any(Number) });
  });
});

test('one command more than the limit in flight is refused with a time, and the limit frees itself', async () => {
  const client = await enrolled();
  const asked = Array.from({ length: 257 }, () => client.ask({ type: 'wallet' }));
  const replies = await Promise.all(asked);
  expect(replies.map(({ ok }) => ok)).toEqual([...Array(256).fill(true), false]);
  const { code, retryAtMs } = replies[256]!;
  expect(code).toBe('OVERLOADED');
  expect(retryAtMs).toBeGreaterThan(front.world.nowMs);
  expect(retryAtMs).toBeLessThanOrEqual(front.world.nowMs + LIMITS.retryMsMax);
  expect(await client.ask({ type: 'wallet' })).toMatchObject({ ok: true });
});

describe('too many connections', () => {
  const dial = (crowded: Front, address: string, token: string, more: readonly string[] = []) =>
    crowded.handlers.upgrade({
      ...{ path: '/ws', protocols: ['clickday.v1.json', ...more], remoteAddress: address },
      header: (name) => (name === 'authorization' ? `Bearer ${token}` : undefined),
    });
  const refusalOf = (decision: UpgradeDecision<Session>, nowMs: number) => {
    if (decision.ok) throw new Error('was let in');
    const { status, headers, body } = decision.response;
    const { code, waitMs, retryAtMs } = JSON.parse(String(body));
    expect([status, code, headers['retry-after']]).toEqual([429, 'OVERLOADED', String(Math.ceil(waitMs / 1_000))]);
    expect(retryAtMs).toBe(nowMs + waitMs);
    return waitMs;
  };

  test('fault 49: of one address are refused before their tokens are looked at, and told when to come back', async () => {
    const crowded = await Front.open({ addresses: new Addresses({ random: () => 0.5, perSecond: 1 }) });
    const token = crowded.token('citizen', anna);
    for (let index = 0; index < 10; index += 1) expect((await dial(crowded, '93.40.1.2', token)).ok).toBe(true);
    const refused = dial(crowded, '93.40.1.2', 'never looked at') as UpgradeDecision<Session>;
    expect(refusalOf(refused, crowded.world.nowMs)).toBeGreaterThan(1_000);
    expect((await dial(crowded, '93.40.1.3', token)).ok).toBe(true);
  });

  test('fault 65: of all addresses are refused where their token was never seen, and nobody else is', async () => {
    const addresses = new Addresses({ random: () => 0.5, perSecond: 1 });
    const crowded = await Front.open({ addresses, arrivals: new Arrivals(() => 0.5) });
    const back = crowded.token('citizen', anna);
    await dial(crowded, '93.40.1.2', back);
    const first = () => crowded.token('citizen', bruno);
    const decisions = Array.from({ length: LIMITS.arrivalsAtOnce }, () => dial(crowded, '127.0.0.1', first()));
    expect(decisions.filter((decision) => decision instanceof Promise).length).toBeLessThan(LIMITS.arrivalsAtOnce);
    // Nor does its address pay for what is others' fault.
    for (let index = 0; index < 30; index += 1)
      refusalOf(await dial(crowded, '93.40.1.3', first()), crowded.world.nowMs);
    expect((await dial(crowded, '93.40.1.3', back)).ok).toBe(true);
    expect((await dial(crowded, '93.40.1.3', crowded.token('issuer', '12940'))).ok).toBe(true);
    expect(await dial(crowded, '93.40.1.3', 'none-of-ours')).toMatchObject({ response: { status: 401 } });
  });

  test('fault 65: before a new server whoever shows its stamp is let in before first logins', async () => {
    const stamps = new Stamps(digest);
    const before = await Front.open({ stamps });
    const { hello } = (await before.connect('citizen', anna)).frames[0] as { hello: { stamp: string } };
    expect((await before.connect('issuer', '12940')).frames[0]).not.toMatchObject({
      hello: { stamp: expect.anything() },
    });
    const crowded = await Front.open({ stamps, arrivals: new Arrivals(() => 0.5) });
    for (let index = 0; index <= LIMITS.arrivalsAtOnce; index += 1)
      dial(crowded, '127.0.0.1', crowded.token('citizen', bruno));
    const isIn = async (taxCode: string, more: readonly string[]) =>
      (await dial(crowded, '127.0.0.1', crowded.token('citizen', taxCode), more)).ok;
    expect(await isIn(anna, [])).toBe(false);
    expect(await isIn(bruno, [`stamp.${hello.stamp}`])).toBe(false);
    expect(await isIn(anna, [`stamp.${hello.stamp}`])).toBe(true);
  });
});

describe('frames that are not of the protocol', () => {
  test('fault 42: are answered with a code, and the third closes the connection', async () => {
    const client = await front.connect('citizen', anna);
    client.raw('garbage');
    client.raw('[1,2]');
    expect(client.closedWith).toBeUndefined();
    client.raw(Buffer.from([1]));
    const refused = { ref: null, ok: false, code: 'BAD_FRAME' };
    expect(client.frames.slice(1)).toMatchObject([refused, refused, refused]);
    expect(client.closedWith).toEqual({ code: 1008, reason: 'too many bad frames' });
    client.raw('{}');
    expect(client.frames.length).toBe(4);
  });

  test('fault 44: too large is said as such, by role', async () => {
    const client = await front.connect('citizen', anna);
    client.raw(`{"ref":1,"type":"${'x'.repeat(16_000)}"}`);
    expect(client.frames[1]).toMatchObject({ ref: null, code: 'TOO_LARGE', detail: 'at most 4096 bytes' });
    const acquirer = await front.connect('acquirer', '36081');
    acquirer.raw(`{"ref":1,"type":"${'x'.repeat(16_000)}"}`);
    expect(acquirer.frames[1]).toMatchObject({ ref: 1, code: 'UNKNOWN_COMMAND' });
  });

  test('a wrong field or command is no strike', async () => {
    const client = await front.connect('citizen', anna);
    for (let index = 0; index < 5; index += 1) {
      expect(await client.ask({ type: 'toString' })).toMatchObject({ code: 'UNKNOWN_COMMAND' });
      expect(await client.ask({ type: 'leave' })).toMatchObject({ code: 'FIELD_INVALID', detail: 'id' });
    }
    expect(client.closedWith).toBeUndefined();
  });
});

describe('fault 53: a token that expires on a live connection', () => {
  const TTL_MS = 10_000;
  async function shortLived(): Promise<Client> {
    await enrolled();
    return front.connect('citizen', anna, { token: front.token('citizen', anna, TTL_MS) });
  }

  test('stops commands and pushes at that instant, and the connection a minute later', async () => {
    const client = await shortLived();
    await client.ask({ type: 'subscribe', topics: ['wallet'] });
    await front.pass(TTL_MS - 1);
    expect(await client.ask({ type: 'wallet' })).toMatchObject({ ok: true });
    const pushed = client.pushes('wallet').length;
    await front.pass(1);
    expect(await client.ask({ type: 'wallet' })).toMatchObject({ ok: false, code: 'TOKEN_EXPIRED' });
    expect(await client.ask({ type: 'leave', id: newId() })).toMatchObject({ code: 'TOKEN_EXPIRED' });
    await front.world.citizen(anna).enable(hpan(1));
    await front.pass(58_000);
    expect(client.pushes('wallet').length).toBe(pushed);
    expect(client.closedWith).toBeUndefined();
    await front.pass(3_000);
    expect(client.closedWith).toMatchObject({ code: 1008 });
    expect(front.handlers.openCount).toBe(1);
  });

  test('can be renewed in band, before and after', async () => {
    const client = await shortLived();
    await front.pass(TTL_MS);
    const token = front.token('citizen', anna, TTL_MS);
    const expiresAtMs = front.realMs + TTL_MS;
    expect(await client.ask({ type: 'authenticate', token })).toMatchObject({ ok: true, view: { expiresAtMs } });
    expect(await client.ask({ type: 'wallet' })).toMatchObject({ ok: true });
    await front.pass(TTL_MS + 59_000);
    expect(client.closedWith).toBeUndefined();
  });

  test('cannot be exchanged for another person’s or role’s, nor for a bad one', async () => {
    const client = await shortLived();
    const others = [front.token('citizen', bruno), front.token('issuer', anna), front.token('operator', 'olga')];
    for (const token of others)
      expect(await client.ask({ type: 'authenticate', token })).toMatchObject({ code: 'FORBIDDEN' });
    expect(await client.ask({ type: 'authenticate', token: 'x' })).toMatchObject({ code: 'UNAUTHENTICATED' });
    const old = front.token('citizen', anna, 0);
    expect(await client.ask({ type: 'authenticate', token: old })).toMatchObject({ code: 'TOKEN_EXPIRED' });
    await front.pass(TTL_MS);
    expect(await client.ask({ type: 'wallet' })).toMatchObject({ code: 'TOKEN_EXPIRED' });
  });

  test('is verified one at a time', async () => {
    const client = await shortLived();
    const both = [1, 2].map(() => client.ask({ type: 'authenticate', token: 'x' }));
    expect((await Promise.all(both)).map(({ code }) => code)).toEqual(['UNAUTHENTICATED', 'OVERLOADED']);
  });
});

describe('pushes', () => {
  test('of the wallet begin with the present state and follow each change', async () => {
    const client = await enrolled();
    expect(await client.ask({ type: 'subscribe', topics: ['wallet'] })).toMatchObject({ view: { topics: ['wallet'] } });
    await front.pass(100);
    expect(client.pushes('wallet')).toMatchObject([
      { view: { enabled: true, methods: [], totals: expect.any(Array) } },
    ]);
    await front.pass(5_000);
    expect(client.pushes('wallet').length).toBe(1);
    await client.ask({ type: 'enableCashback', id: newId(), hpan: hpan(1) });
    await front.pass(1_000);
    expect(client.pushes('wallet').at(-1)).toMatchObject({ view: { methods: [{ cashback: 'enabled' }] } });
    front.world.at('2021-02-11T12:00:00+01:00');
    await front.world.pay({ hpan: hpan(1), at: '2021-02-11T10:00:00+01:00', cents: 1_000 });
    await front.pass(1_000);
    const totals = expect.arrayContaining([expect.objectContaining({ awardPeriodId: 2, rawCents: 100 })]);
    expect(client.pushes('wallet').at(-1)).toMatchObject({ view: { totals } });
  });

  test('come at most every 200 ms, and the newest state wins', async () => {
    const client = await enrolled();
    await client.ask({ type: 'subscribe', topics: ['wallet'] });
    await front.pass(1_000);
    const before = client.pushes('wallet').length;
    for (let index = 1; index <= 20; index += 1) {
      await client.ask({ type: 'enableCashback', id: newId(), hpan: hpan(index) });
      await front.pass(50);
    }
    await front.pass(1_000);
    const pushes = client.pushes('wallet').slice(before);
    expect(pushes.length).toBeLessThanOrEqual(6);
    expect((pushes.at(-1)!.view as { methods: unknown[] }).methods.length).toBe(20);
  });

  test('fault 50: wait while the socket is full, then only the newest goes out', async () => {
    const client = await enrolled();
    await client.ask({ type: 'subscribe', topics: ['wallet', 'rank'] });
    await front.pass(1_000);
    const before = client.frames.filter(({ push }) => push !== undefined).length;
    client.unread.bytes = 70_000;
    for (let index = 1; index <= 5; index += 1) {
      await front.world.citizen(anna).enable(hpan(index));
      await front.pass(1_000);
    }
    expect(client.frames.filter(({ push }) => push !== undefined).length).toBe(before);
    client.unread.bytes = 0;
    await front.pass(1_000);
    expect(client.pushes('wallet').length).toBe(2);
    expect((client.pushes('wallet').at(-1)!.view as { methods: unknown[] }).methods.length).toBe(5);
  });

  test('fault 50: whoever leaves too much unread is not served, and then cut with the reason', async () => {
    const client = await enrolled();
    client.unread.bytes = 65_536;
    const [renewed, refused] = [
      await client.ask({ type: 'authenticate', token: front.token('citizen', anna) }),
      await client.ask({ type: 'wallet' }),
    ];
    expect([renewed.ok, refused.code]).toEqual([true, 'OVERLOADED']);
    expect(refused.waitMs).toBeGreaterThan(0);
    await front.pass(9_000);
    client.unread = { bytes: 65_536, receiptCount: 1 };
    await front.pass(9_000);
    expect(client.closedWith).toBeUndefined();
    await front.pass(2_000);
    expect(client.closedWith).toEqual({ code: 1013, reason: 'reads too slowly' });
  });

  test('of the rank come when it changes, also by the payments of others', async () => {
    const [a, b] = [await enrolled(anna), await enrolled(bruno)];
    await a.ask({ type: 'enableCashback', id: newId(), hpan: hpan(1) });
    await b.ask({ type: 'enableCashback', id: newId(), hpan: hpan(2) });
    front.world.at('2021-02-11T12:00:00+01:00');
    const pay = (card: number, cents: number) =>
      front.world.pay({ hpan: hpan(card), at: '2021-02-11T10:00:00+01:00', cents });
    await pay(1, 1_000);
    await a.ask({ type: 'subscribe', topics: ['rank'] });
    await front.pass(600);
    const first = expect.arrayContaining([expect.objectContaining({ awardPeriodId: 2, ranking: 1 })]);
    expect(a.pushes('rank')).toMatchObject([{ view: first }]);
    await front.pass(3_000);
    expect(a.pushes('rank').length).toBe(1);
    for (const cents of [2_000, 3_000]) await pay(2, cents);
    await front.pass(600);
    const second = expect.arrayContaining([expect.objectContaining({ awardPeriodId: 2, ranking: 2 })]);
    expect(a.pushes('rank').at(-1)).toMatchObject({ view: second });
    expect(b.pushes('rank')).toEqual([]);
  });

  test('of what a citizen was told come to whoever asked for them, at once or not at all', async () => {
    const keyOf = (taxCode: string) => front.world.engine.citizenKeyOf(taxCode);
    const text = { subject: 'Cashback', body: 'Ciao' };
    const notice = (id: string) => ({ id, kind: 'refund', awardPeriodId: 1, it: text, en: text, link: null });
    const clients = [await enrolled(anna), await enrolled(anna), await enrolled(anna), await enrolled(bruno)];
    const [phone, busy, unasked] = clients as [Client, Client, Client, Client];
    for (const client of [phone, busy, clients[3]!]) await client.ask({ type: 'subscribe', topics: ['notices'] });
    busy.unread.bytes = 70_000;
    front.handlers.told(keyOf(anna), notice('1'));
    busy.unread.bytes = 0;
    front.handlers.told(keyOf(anna), notice('2'));
    await phone.ask({ type: 'unsubscribe', topics: ['notices'] });
    front.handlers.told(keyOf(anna), notice('3'));
    const idsOf = (client: Client) => client.pushes('notices').map(({ view }) => (view as { id: string }).id);
    expect(phone.pushes('notices')[0]).toEqual({ push: 'notices', view: notice('1') });
    expect([idsOf(phone), idsOf(busy), idsOf(unasked), idsOf(clients[3]!)]).toEqual([['1', '2'], ['2', '3'], [], []]);
  });

  test('end with the subscription, and with the connection', async () => {
    const client = await enrolled();
    await client.ask({ type: 'subscribe', topics: ['wallet', 'rank'] });
    await front.pass(1_000);
    expect(await client.ask({ type: 'unsubscribe', topics: ['wallet'] })).toMatchObject({ view: { topics: ['rank'] } });
    const frames = client.frames.length;
    await front.world.citizen(anna).enable(hpan(1));
    await front.pass(1_000);
    expect(client.frames.length).toBe(frames);
    client.tear();
    await front.world.citizen(anna).enable(hpan(2));
    await front.pass(1_000);
    expect(client.frames.length).toBe(frames);
  });

  test('of a wallet go to all devices of that citizen, and to nobody else', async () => {
    const [phone, tablet, other] = [await enrolled(), await front.connect('citizen', anna), await enrolled(bruno)];
    for (const client of [phone, tablet, other]) await client.ask({ type: 'subscribe', topics: ['wallet'] });
    await front.pass(1_000);
    await front.world.citizen(anna).enable(hpan(1));
    await front.pass(1_000);
    expect([phone, tablet, other].map((client) => client.pushes('wallet').length)).toEqual([2, 2, 1]);
  });

  test('begin by themselves when someone enrols after subscribing', async () => {
    const client = await front.connect('citizen', anna);
    await client.ask({ type: 'subscribe', topics: ['wallet'] });
    await front.pass(1_000);
    expect(client.pushes('wallet')).toEqual([]);
    await client.ask({ type: 'enrol', id: newId() });
    await front.pass(1_000);
    expect(client.pushes('wallet').length).toBe(1);
  });
});

describe('the upgrade', () => {
  const JSON_PROTOCOL = 'clickday.v1.json';

  test('fault 52: asks for a token before anything else', async () => {
    const texts = { message: REFUSALS.UNAUTHENTICATED.text, messageIt: REFUSALS.UNAUTHENTICATED.testo };
    expect(await front.refusal({}, [JSON_PROTOCOL])).toEqual({ status: 401, code: 'UNAUTHENTICATED', ...texts });
    for (const authorization of ['Bearer nonsense', 'Basic abc', 'Bearer', `Token ${front.token('citizen', anna)}`]) {
      expect(await front.refusal({ authorization }, [JSON_PROTOCOL])).toMatchObject({ status: 401 });
    }
    const authorization = `Bearer ${front.token('citizen', anna, 0)}`;
    expect(await front.refusal({ authorization }, [JSON_PROTOCOL])).toMatchObject({ code: 'TOKEN_EXPIRED' });
    const cookie = `token=${front.token('citizen', anna)}`;
    expect(await front.refusal({ cookie }, [JSON_PROTOCOL])).toMatchObject({ status: 401 });
    expect(front.handlers.openCount).toBe(0);
  });

  test('takes a browser’s token from a subprotocol that it does not echo', async () => {
    const bearer = `bearer.${front.token('citizen', anna)}`;
    expect(await front.upgrade({}, [bearer, JSON_PROTOCOL])).toMatchObject({ ok: true, protocol: JSON_PROTOCOL });
  });

  test('takes the first subprotocol that it knows, at its one address', async () => {
    const authorization = `Bearer ${front.token('citizen', anna)}`;
    const both = ['new.v2', 'clickday.v1.msgpack', JSON_PROTOCOL];
    expect(await front.upgrade({ authorization }, both)).toMatchObject({ protocol: 'clickday.v1.msgpack' });
    expect(await front.refusal({ authorization }, ['new.v2'])).toMatchObject({ status: 400, code: 'FIELD_INVALID' });
    expect(await front.refusal({ authorization }, both, '/wss')).toMatchObject({ status: 404 });
  });

  test('fault 58: with a list of pages, others are refused, and a browser’s token without a page too', async () => {
    const listed = await Front.open({ allowedOrigins: ['https://cashback.example'] });
    const token = listed.token('citizen', anna);
    const bearer = `bearer.${token}`;
    const [good, bad] = [{ origin: 'https://cashback.example' }, { origin: 'https://evil.example' }];
    expect(await listed.upgrade(good, [bearer, JSON_PROTOCOL])).toMatchObject({ ok: true });
    expect(await listed.refusal(bad, [bearer, JSON_PROTOCOL])).toMatchObject({ status: 403, code: 'FORBIDDEN' });
    expect(await listed.refusal({}, [bearer, JSON_PROTOCOL])).toMatchObject({ status: 403 });
    const authorization = `Bearer ${token}`;
    expect(await listed.refusal({ ...bad, authorization }, [JSON_PROTOCOL])).toMatchObject({ status: 403 });
    expect(await listed.upgrade({ authorization }, [JSON_PROTOCOL])).toMatchObject({ ok: true });
  });
});

describe('stopping', () => {
  test('answers what was taken in, and refuses the rest with a time', async () => {
    const client = await enrolled();
    const taken = client.ask({ type: 'enableCashback', id: newId(), hpan: hpan(1) });
    const drained = front.handlers.drain().then(() => client.frames.length);
    const late = await client.ask({ type: 'enableCashback', id: newId(), hpan: hpan(2) });
    expect(late).toMatchObject({ ok: false, code: 'DRAINING', retryAtMs: expect.any(Number) });
    expect(await taken).toMatchObject({ ok: true });
    expect(await drained).toBe(client.frames.length);
    const authorization = `Bearer ${front.token('citizen', bruno)}`;
    expect(await front.refusal({ authorization }, ['clickday.v1.json'])).toMatchObject({
      status: 503,
      code: 'DRAINING',
    });
  });

  test('with nothing in flight is over at once, and leaves no timer', async () => {
    const client = await enrolled();
    await client.ask({ type: 'subscribe', topics: ['wallet'] });
    await front.handlers.drain();
    front.handlers.stop();
    const frames = client.frames.length;
    await front.world.citizen(anna).enable(hpan(1));
    await settle();
    expect(client.frames.length).toBe(frames);
  });
});

test('fault 51: a command whose connection broke is done, and its outcome can be asked for', async () => {
  const client = await enrolled();
  const id = newId();
  void client.ask({ type: 'enableCashback', id, hpan: hpan(1) });
  client.tear();
  const frames = client.frames.length;
  const again = await front.connect('citizen', anna);
  await settle();
  expect(client.frames.length).toBe(frames);
  expect(await again.ask({ type: 'outcome', id })).toMatchObject({ view: { state: 'done' } });
});

test('DECISION 32: the holder of an account has a tax code whose check character is right, in capitals', async () => {
  const client = await enrolled();
  const iban = 'IT60X0542811101000000123456';
  const holder = { accountHolderName: 'Anna', accountHolderSurname: 'Rossi' };
  const set = (accountHolderCF: string) =>
    client.ask({ type: 'setIban', id: newId(), iban, accountHolderCF, ...holder });
  const wrong = `${anna.slice(0, 15)}${anna.endsWith('A') ? 'B' : 'A'}`;
  for (const text of ['X', wrong]) {
    expect(await set(text)).toMatchObject({ ok: false, code: 'FIELD_INVALID', detail: 'accountHolderCF' });
  }
  const { engine } = front.world;
  const execute = engine.execute.bind(engine);
  const holders: unknown[] = [];
  engine.execute = (command, done) => {
    if (command.body.kind === 'setIban') holders.push(command.body.accountHolderCF);
    execute(command, done);
  };
  expect(await set(anna.toLowerCase())).toMatchObject({ ok: true });
  expect(holders).toEqual([anna]);
});

test('faults 12 and 72: what cannot be read is an error for whoever asks for it; all others are answered', async () => {
  const { engine } = front.world;
  const damaged = engine.citizenKeyOf(anna);
  const whole = { wallet: engine.wallet.bind(engine), rankings: engine.rankings.bind(engine) };
  const failing = (citizen: string) => {
    if (citizen === damaged) throw new StorageFault('ROW_DAMAGED', 'a bit was changed');
  };
  engine.wallet = async (citizen) => {
    failing(citizen);
    return whole.wallet(citizen);
  };
  engine.rankings = async (citizen, ...rest) => {
    failing(citizen);
    return whole.rankings(citizen, ...rest);
  };
  const [hers, his] = [await front.connect('citizen', anna), await front.connect('citizen', bruno)];
  await his.ask({ type: 'enrol', id: newId() });
  for (const type of ['wallet', 'ranking'] as const) {
    expect(await hers.ask({ type })).toMatchObject({ ok: false, code: 'INTERNAL_ERROR' });
    expect(await his.ask({ type })).toMatchObject({ ok: true });
  }
  expect(await hers.ask({ type: 'subscribe', topics: ['wallet', 'rank'] })).toMatchObject({ ok: true });
  const before = front.readFaults.length;
  await front.pass(2_000);
  expect(front.readFaults.length).toBeGreaterThan(before);
  expect(await his.ask({ type: 'wallet' })).toMatchObject({ ok: true, view: { enabled: true } });
});

test('fault 57: of two hundred citizens at once, each sees its own card and nobody else’s', async () => {
  const cards = Array.from({ length: 200 }, (_, index) => hpan(index));
  const clients = await Promise.all(cards.map((_, index) => front.connect('citizen', makeTaxCode(index + 10))));
  await Promise.all(clients.map((client) => client.ask({ type: 'subscribe', topics: ['wallet'] })));
  await Promise.all(clients.map((client) => client.ask({ type: 'enrol', id: newId() })));
  await Promise.all(
    clients.map((client, index) => client.ask({ type: 'enableCashback', id: newId(), hpan: cards[index]! })),
  );
  await Promise.all(clients.map((client) => client.ask({ type: 'wallet' })));
  await front.pass(1_000);
  clients.forEach((client, index) => {
    const seen = new Set(JSON.stringify(client.frames).match(/[0-9a-f]{64}/g));
    expect([...seen]).toEqual([cards[index]]);
    expect(client.pushes('wallet').length).toBeGreaterThan(0);
  });
});
