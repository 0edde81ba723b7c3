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
