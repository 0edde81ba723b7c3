// Method: a card with one reversal of each kind on a real server; an operator pages through them, everybody else may not.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { APP_CHANNEL, makeTaxCode, type TransactionRecord, type WalletCommandBody } from '../../engine/index.ts';
import { hpan, instant } from '../support/world.ts';
import { HttpServer } from './http-server.ts';

const CARD = hpan(1);
const PATH = '/admin/reversals';
let server: HttpServer;
let token: string;

beforeAll(async () => {
  server = await HttpServer.open({ now: '2021-02-01T10:00:00+01:00' });
  token = await server.token('operator', 'anna');
  await command({ kind: 'enrol' });
  await command({ kind: 'enableCashback', hpan: CARD });
  server.at('2021-02-12T12:00:00+01:00');
  await send({ idTrxAcquirer: 'P1', correlationId: 'C1' });
  await send({ idTrxAcquirer: 'R1', correlationId: 'C1', operationType: '01' });
  await send({ idTrxAcquirer: 'R2', correlationId: 'C1', operationType: '01' });
  await send({ idTrxAcquirer: 'R3', correlationId: 'C1', operationType: '01' });
  await send({ idTrxAcquirer: 'R4', correlationId: 'C4', operationType: '01' });
  await send({ idTrxAcquirer: 'P2', correlationId: 'C1' });
});
afterAll(() => server.close());

function command(body: WalletCommandBody): Promise<unknown> {
  const taxCode = makeTaxCode(1);
  const citizen = server.engine.citizenKeyOf(taxCode);
  const origin = { role: 'citizen', subject: citizen, channel: APP_CHANNEL } as const;
  const id = body.kind.length.toString(16).padStart(32, '0');
  return new Promise((resolve) => server.engine.execute({ citizen, taxCode, origin, id, body }, resolve));
}

function send(part: Partial<TransactionRecord>): Promise<unknown> {
  const record: TransactionRecord = {
    acquirerCode: '36081',
    operationType: '00',
    circuitType: '01',
    hpan: CARD,
    trxMs: instant('2021-02-11T10:00:00+01:00'),
    idTrxAcquirer: '',
    idTrxIssuer: '',
    correlationId: '',
    amountCents: 1_000,
    acquirerId: '09509',
    merchantId: 'M1',
    terminalId: 'T1',
    ...part,
  };
  return new Promise((resolve) => server.engine.record({ record, receivedMs: server.clock.nowMs() }, resolve));
}

const read = (query: string) => server.call('GET', `${PATH}?${query}`, { token });

test('an operator sees what waits, until when, and what needs a decision, and why', async () => {
  expect(await read('state=pending')).toMatchObject({
    status: 200,
    body: {
      reversals: [
        {
          state: 'pending',
          awardPeriodId: 2,
          received: '2021-02-12T11:00:00.000Z',
          expires: '2021-03-12T11:00:00.000Z',
          record: { hpan: CARD, idTrxAcquirer: 'R4', amountCents: 1_000, trxDate: '2021-02-11T09:00:00.000Z' },
        },
      ],
    },
  });
  expect(await read('state=flagged')).toMatchObject({ body: { reversals: [{ record: { idTrxAcquirer: 'R1' } }] } });
  const { body } = await read('state=parked');
  const parked = (body as { reversals: { code: string; record: { idTrxAcquirer: string } }[] }).reversals;
  expect(parked.map(({ code, record }) => `${record.idTrxAcquirer} ${code}`).sort()).toEqual([
    'R2 REVERSAL_EXCEEDS',
    'R3 REVERSAL_EXCEEDS',
  ]);
});

test('page by page', async () => {
  const first = (await read('state=parked&limit=1')).body as { reversals: unknown[]; nextCursor: string };
  const second = await read(`state=parked&limit=1&cursor=${encodeURIComponent(first.nextCursor)}`);
  const last = second.body as { reversals: unknown[]; nextCursor?: string };
  expect(new Set([...first.reversals, ...last.reversals].map((one) => JSON.stringify(one))).size).toBe(2);
  expect(last.nextCursor).toBeUndefined();
});

const key = (idTrxAcquirer: string) => {
  const trxDate = '2021-02-11T10:00:00+01:00';
  return { idTrxAcquirer, trxDate, acquirerCode: '36081', acquirerId: '09509' };
};
const post = (path: string, body: unknown) => server.call('POST', path, { token, body });
const resolve = (id: string, more: object) =>
  post(`${PATH}/resolve`, { hpan: CARD.toUpperCase(), reversal: key(id), reason: 'seen', ...more });
const why = (id: string, more: object = {}) => post('/admin/why', { hpan: CARD, ...key(id), ...more });

test('an operator resolves them, under the name that the token says, and reads why', async () => {
  const resolved = await resolve('R2', { resolution: 'apply', payment: key('P2') });
  const decided = { resolution: 'apply', operator: 'anna', reason: 'seen', at: '2021-02-12T11:00:00.000Z' };
  expect(resolved).toMatchObject({
    status: 200,
    body: { ...decided, state: 'applied', scoreCents: -100, awardPeriodId: 2 },
  });
  expect(await resolve('R2', { resolution: 'apply', payment: key('P2'), reason: 'again' })).toEqual({
    ...resolved,
    headers: expect.anything(),
  });
  expect(await resolve('R3', { resolution: 'discard' })).toMatchObject({ body: { state: 'discarded' } });
  expect(await resolve('R1', { resolution: 'keep' })).toMatchObject({ body: { state: 'applied', scoreCents: -100 } });
  for (const state of ['parked', 'flagged'])
    expect(await read(`state=${state}`)).toMatchObject({ body: { reversals: [] } });
  expect(await why('R2', { operationType: '01' })).toMatchObject({
    status: 200,
    body: {
      ...{ state: 'applied', resolved: decided, expires: null, guards: [] },
      ...{ record: { idTrxAcquirer: 'R2', trxDate: '2021-02-11T09:00:00.000Z' }, related: [{ idTrxAcquirer: 'P2' }] },
    },
  });
  expect(await why('P2')).toMatchObject({
    body: { state: 'counted', leftCents: 0, related: [{ idTrxAcquirer: 'R2' }] },
  });
  expect(await why('R4', { operationType: '01' })).toMatchObject({
    body: { state: 'pending', expires: '2021-03-12T11:00:00.000Z' },
  });
  expect(await why('P2', { trxDate: '2021-02-01T12:00:00+01:00' })).toMatchObject({
    body: {
      ...{ state: 'unknown', record: null, received: null },
      guards: [
        {
          ...{ code: 'INSTRUMENT_NOT_COVERED', day: '2021-02-01' },
          activations: [{ activation: '2021-02-01T09:00:00.000Z', deactivation: null }],
        },
      ],
    },
  });
});

test('a decision that cannot be has a status and a name, and nonsense the name of its field', async () => {
  const discard = { resolution: 'discard' };
  for (const [id, more, expected] of [
    ['R2', discard, [409, 'REVERSAL_RESOLVED', undefined]],
    ['R4', discard, [409, 'REVERSAL_NOT_RESOLVABLE', undefined]],
    ['R9', discard, [404, 'REVERSAL_NOT_FOUND', undefined]],
    ['R2', { resolution: 'forget' }, [400, 'FIELD_INVALID', 'resolution']],
    ['R2', { resolution: 'apply' }, [400, 'FIELD_INVALID', 'payment']],
    ['R2', { ...discard, reason: '' }, [400, 'FIELD_INVALID', 'reason']],
    ['R2', { ...discard, reason: 'x'.repeat(201) }, [400, 'FIELD_INVALID', 'reason']],
    ['R2', { ...discard, hpan: 'x' }, [400, 'FIELD_INVALID', 'hpan']],
    ['R2', { ...discard, reversal: { ...key('R2'), trxDate: 'today' } }, [400, 'FIELD_INVALID', 'reversal.trxDate']],
    ['R2', { ...discard, reversal: { ...key('R2'), acquirerId: 5 } }, [400, 'FIELD_INVALID', 'reversal.acquirerId']],
    ['R2', { ...discard, payment: { ...key('P2'), trxDate: '' } }, [400, 'FIELD_INVALID', 'payment.trxDate']],
  ] as const) {
    const { status, body } = await resolve(id, more);
    const { name, detail } = body as { readonly name: string; readonly detail?: string };
    expect([status, name, detail], JSON.stringify(more)).toEqual(expected);
  }
  expect(await why('P2', { hpan: '4111111111111111' })).toMatchObject({ status: 400, body: { detail: 'hpan' } });
  expect(await why('P2', { trxDate: 'x' })).toMatchObject({ status: 400, body: { detail: 'trxDate' } });
  for (const path of [`${PATH}/resolve`, '/admin/why']) {
    for (const role of ['citizen', 'issuer', 'acquirer'] as const) {
      const subject = role === 'citizen' ? makeTaxCode(1) : '12345';
      const refused = await server.call('POST', path, { token: await server.token(role, subject), body: {} });
      expect(refused).toMatchObject({ status: 403, body: { name: 'FORBIDDEN' } });
    }
  }
});

test('of no other state, by nobody else', async () => {
  for (const [query, detail] of [
    ['', 'state'],
    ['state=applied', 'state'],
    ['state=parked&limit=0', 'limit'],
    ['state=parked&limit=x', 'limit'],
  ] as const) {
    expect(await read(query)).toMatchObject({ status: 400, body: { name: 'FIELD_INVALID', detail } });
  }
  for (const role of ['citizen', 'issuer', 'acquirer'] as const) {
    const subject = role === 'citizen' ? makeTaxCode(1) : '12345';
    const refused = await server.call('GET', `${PATH}?state=parked`, { token: await server.token(role, subject) });
    expect(refused).toMatchObject({ status: 403, body: { name: 'FORBIDDEN' } });
  }
});
