// Method: a citizen with one payment on a real server; two operators exclude and lift over HTTP, everybody else may not.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { APP_CHANNEL, makeTaxCode, type TransactionRecord, type WalletCommandBody } from '../../engine/index.ts';
import { hpan, instant } from '../support/world.ts';
import { HttpServer } from './http-server.ts';

const CARD = hpan(1);
const PATH = '/admin/exclusions';
const CITIZEN = makeTaxCode(1);
const PAYMENT = {
  ...{ hpan: CARD.toUpperCase(), idTrxAcquirer: 'P1', trxDate: '2021-02-11T10:00:00+01:00' },
  ...{ acquirerCode: '36081', acquirerId: '09509' },
};
let server: HttpServer;
const tokens = { anna: '', bruno: '' };

beforeAll(async () => {
  server = await HttpServer.open({ now: '2021-02-01T10:00:00+01:00' });
  for (const operator of ['anna', 'bruno'] as const) tokens[operator] = await server.token('operator', operator);
  await command({ kind: 'enrol' });
  await command({ kind: 'enableCashback', hpan: CARD });
  server.at('2021-02-12T12:00:00+01:00');
  await pay();
});
afterAll(() => server.close());

function command(body: WalletCommandBody): Promise<unknown> {
  const citizen = server.engine.citizenKeyOf(CITIZEN);
  const origin = { role: 'citizen', subject: citizen, channel: APP_CHANNEL } as const;
  const id = body.kind.length.toString(16).padStart(32, '0');
  return new Promise((resolve) => server.engine.execute({ citizen, taxCode: CITIZEN, origin, id, body }, resolve));
}

function pay(): Promise<unknown> {
  const record: TransactionRecord = {
    ...{ acquirerCode: '36081', operationType: '00', circuitType: '01', hpan: CARD, idTrxAcquirer: 'P1' },
    ...{ trxMs: instant('2021-02-11T10:00:00+01:00'), idTrxIssuer: '', correlationId: '', amountCents: 1_000 },
    ...{ acquirerId: '09509', merchantId: 'M1', terminalId: 'T1' },
  };
  return new Promise((resolve) => server.engine.record({ record, receivedMs: server.clock.nowMs() }, resolve));
}

const propose = (body: object, operator: 'anna' | 'bruno' = 'anna') =>
  server.call('POST', PATH, { token: tokens[operator], body: { citizen: CITIZEN, reason: 'seen', ...body } });
const decide = (body: object, operator: 'anna' | 'bruno' = 'bruno') =>
  server.call('POST', `${PATH}/decide`, {
    token: tokens[operator],
    body: { citizen: CITIZEN, reason: 'right', ...body },
  });
const read = (query: string) => server.call('GET', `${PATH}?${query}`, { token: tokens.anna });
const ranking = async () => {
  const path = '/bpd/io/citizen/v2/ranking?awardPeriodId=2';
  const { body } = await server.call('GET', path, { token: await server.token('citizen', CITIZEN) });
  return body;
};

test('one operator proposes, another one approves, and only then the citizen takes no part; lifted, it does again', async () => {
  const before = await ranking();
  const proposed = { fiscalCode: CITIZEN, payment: null, action: 'exclude', proposedBy: 'anna', reason: 'seen' };
  const proposal = await propose({ action: 'exclude' });
  expect(proposal).toMatchObject({
    status: 200,
    body: { ...proposed, state: 'proposed', proposed: '2021-02-12T11:00:00.000Z', decided: null, appealEnds: null },
  });
  expect(await ranking()).toEqual(before);
  expect(await read('state=proposed')).toMatchObject({ body: { exclusions: [proposed] } });
  expect(await decide({ decision: 'approve' }, 'anna')).toMatchObject({
    ...{ status: 403, body: { name: 'SECOND_PERSON_NEEDED' } },
  });
  const approved = { ...proposed, state: 'excluded', decidedBy: 'bruno', decisionReason: 'right' };
  expect(await decide({ decision: 'approve' })).toMatchObject({ status: 200, body: approved });
  expect(await ranking()).toEqual([]);
  expect(await read('state=excluded')).toMatchObject({ body: { exclusions: [approved] } });

  expect(await propose({ action: 'lift' })).toMatchObject({ status: 200 });
  expect(await decide({ decision: 'reject' })).toMatchObject({ body: { state: 'rejected' } });
  expect(await propose({ action: 'lift' }, 'bruno')).toMatchObject({ status: 200 });
  expect(await decide({ decision: 'approve' }, 'anna')).toMatchObject({ body: { state: 'lifted', decidedBy: 'anna' } });
  expect(await ranking()).toMatchObject([{ ranking: 1, totalParticipants: 1, transactionNumber: 1 }]);
});

test('a payment is named by its card and key', async () => {
  const payment = { ...PAYMENT, hpan: CARD, operationType: '00', trxDate: '2021-02-11T09:00:00.000Z' };
  expect(await propose({ action: 'exclude', payment: PAYMENT })).toMatchObject({ body: { payment } });
  expect(await decide({ decision: 'approve', payment: PAYMENT })).toMatchObject({
    body: { state: 'excluded', payment },
  });
  expect(await ranking()).toMatchObject([{ ranking: 1, totalParticipants: 1, transactionNumber: 0 }]);
  expect(await server.call('POST', '/admin/why', { token: tokens.anna, body: PAYMENT })).toMatchObject({
    body: { state: 'counted', code: 'EXCLUDED', related: [{ operationType: 'X1-00', amountCents: 1_000 }] },
  });
});

test('what cannot be has a status and a name, and nonsense the name of its field; nobody else may ask', async () => {
  for (const [body, expected] of [
    [{ action: 'lift' }, [404, 'EXCLUSION_NOT_FOUND', undefined]],
    [{ action: 'exclude', payment: PAYMENT }, [409, 'EXCLUSION_EXISTS', undefined]],
    [{ action: 'appeal', payment: PAYMENT }, [409, 'APPEAL_OVER', undefined]],
    [{ action: 'exclude', payment: { ...PAYMENT, idTrxAcquirer: 'P2' } }, [404, 'PAYMENT_NOT_FOUND', undefined]],
    [{ action: 'exclude', citizen: makeTaxCode(2) }, [404, 'CITIZEN_NOT_FOUND', undefined]],
    [{ action: 'exclude', citizen: 'x' }, [400, 'TAX_CODE_INVALID', undefined]],
    [{ action: 'forget' }, [400, 'FIELD_INVALID', 'action']],
    [{ action: 'exclude', reason: '' }, [400, 'FIELD_INVALID', 'reason']],
    [{ action: 'lift', payment: { ...PAYMENT, hpan: 'x' } }, [400, 'FIELD_INVALID', 'payment.hpan']],
    [{ action: 'lift', payment: { ...PAYMENT, trxDate: 'x' } }, [400, 'FIELD_INVALID', 'payment.trxDate']],
    [{ action: 'lift', payment: { ...PAYMENT, acquirerId: 5 } }, [400, 'FIELD_INVALID', 'payment.acquirerId']],
  ] as const) {
    const { status, body: answer } = await propose(body);
    const { name, detail } = answer as { readonly name: string; readonly detail?: string };
    expect([status, name, detail], JSON.stringify(body)).toEqual(expected);
  }
  expect(await decide({ decision: 'approve' })).toMatchObject({ status: 404, body: { name: 'EXCLUSION_NOT_FOUND' } });
  expect(await decide({ decision: 'maybe' })).toMatchObject({ status: 400, body: { detail: 'decision' } });
  expect(await read('state=rejected')).toMatchObject({ status: 400, body: { detail: 'state' } });
  expect(await read('state=excluded&limit=0')).toMatchObject({ status: 400, body: { detail: 'limit' } });
  for (const role of ['citizen', 'issuer', 'acquirer'] as const) {
    const token = await server.token(role, role === 'citizen' ? CITIZEN : '12345');
    for (const [method, path] of [
      ['POST', PATH],
      ['POST', `${PATH}/decide`],
      ['GET', `${PATH}?state=excluded`],
    ] as const) {
      const refused = await server.call(method, path, method === 'POST' ? { token, body: {} } : { token });
      expect(refused).toMatchObject({ status: 403, body: { name: 'FORBIDDEN' } });
    }
  }
});
