// Method: an operator's requests over a real port, about citizens who live their programme through the app's and an issuer's.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { italy2020, makeTaxCode } from '../../engine/index.ts';
import { hashPan } from '../../server/identity/hpan.ts';
import { HttpServer, type Received, type Sent } from './http-server.ts';

const SALT = italy2020().panSalt;
const BANK = '03069';

let server: HttpServer;
let people = 0;
beforeAll(async () => {
  server = await HttpServer.open();
});
afterAll(() => server.close());

async function operator(method: string, path: string, sent: Sent = {}): Promise<Received> {
  return server.call(method, path, { token: await server.token('operator', 'payment-manager'), ...sent });
}

async function enrolledWith(...cards: readonly string[]): Promise<string> {
  const taxCode = makeTaxCode(++people);
  const token = await server.token('citizen', taxCode);
  await server.call('PUT', '/bpd/io/citizen/v2', { token });
  for (const hpan of cards) {
    const enabled = await server.call('PUT', `/bpd/io/payment-instruments/${hpan}`, { token });
    expect(enabled.status, enabled.text).toBe(200);
  }
  return taxCode;
}

const nameOf = ({ status, body }: Received) => [status, (body as { readonly name?: string } | undefined)?.name];

test('a card that its owner took out of the wallet ends; nobody else’s does', async () => {
  const [own, other] = [hashPan('own', SALT), hashPan('other', SALT)];
  const taxCode = await enrolledWith(own);
  await enrolledWith(other);
  const remove = (hpan: string, fiscalCode = taxCode) =>
    operator('DELETE', `/bpd/pm/payment-instrument/${hpan}?fiscalCode=${fiscalCode}`);
  expect(nameOf(await remove(hashPan('unknown', SALT)))).toEqual([404, 'INSTRUMENT_NOT_FOUND']);
  expect(nameOf(await remove('no-hash'))).toEqual([404, 'INSTRUMENT_NOT_FOUND']);
  expect(nameOf(await remove(other))).toEqual([409, 'INSTRUMENT_NOT_YOURS']);
  expect(nameOf(await remove(own, 'X'))).toEqual([400, 'TAX_CODE_INVALID']);
  expect((await remove(own)).status).toBe(204);
  expect((await remove(own)).status).toBe(204);
  const token = await server.token('citizen', taxCode);
  const read = await server.call('GET', `/bpd/io/payment-instruments/${own}`, { token });
  expect(read.body).toMatchObject({ Status: 'INACTIVE' });
  expect(nameOf(await server.call('DELETE', `/bpd/pm/payment-instrument/${own}`, { token }))).toEqual([
    403,
    'FORBIDDEN',
  ]);
});

test('history says whose an instrument was on a day, and what a citizen ever had (the day rule)', async () => {
  const hpan = hashPan('handed over', SALT);
  const [first, second] = [await enrolledWith(hpan), await enrolledWith()];
  server.at('2020-12-10T09:00:00+01:00');
  await operator('DELETE', `/bpd/pm/payment-instrument/${hpan}?fiscalCode=${first}`);
  const token = await server.token('citizen', second);
  expect((await server.call('PUT', `/bpd/io/payment-instruments/${hpan}`, { token })).status).toBe(200);

  const on = (day: string) =>
    operator('GET', `/bpd/payment-instruments/${hpan}/history/active?accountingDate=${day}T12:00:00.000Z`);
  expect(nameOf(await on('2020-12-07'))).toEqual([400, 'INSTRUMENT_NOT_COVERED']);
  expect((await on('2020-12-08')).body).toMatchObject({ hpan, fiscalCode: first });
  expect((await on('2020-12-10')).body).toMatchObject({ fiscalCode: first, channel: 'app-io-channel' });
  expect((await on('2020-12-11')).body).toMatchObject({ fiscalCode: second });
  const unknown = hashPan('never', SALT);
  const path = `/bpd/payment-instruments/${unknown}/history/active`;
  expect(nameOf(await operator('GET', `${path}?accountingDate=2020-12-11T12:00:00Z`))).toEqual([
    404,
    'INSTRUMENT_NOT_FOUND',
  ]);
  expect(nameOf(await operator('GET', path))).toEqual([400, 'FIELD_INVALID']);

  const had = await operator('GET', `/bpd/payment-instruments/${first}/history`);
  expect(had.body).toEqual([
    expect.objectContaining({ hpan, fiscalCode: first, deactivationDate: expect.stringMatching(/^2020-12-10/) }),
  ]);
  expect((await operator('GET', `/bpd/payment-instruments/${second}/history`)).body).toHaveLength(1);
});

test('history also tells of what was removed from the wallet, one stretch for each time that it was enabled', async () => {
  server.at('2020-12-11T09:00:00+01:00');
  const [kept, removed] = [hashPan('kept', SALT), hashPan('removed', SALT)];
  const taxCode = await enrolledWith(kept, removed);
  const token = await server.token('citizen', taxCode);
  const wallet = async () => {
    const { body } = await server.call('GET', '/v1/wallet', { token });
    return (body as { readonly data: readonly { readonly idWallet: number }[] }).data;
  };
  const remove = async () => {
    const data = [{ info: { hashPan: removed } }];
    expect((await server.call('POST', '/v1/cobadge/add-wallets', { token, body: { data } })).status).toBe(200);
    const [method] = await wallet();
    expect((await server.call('DELETE', `/v1/wallet/${method!.idWallet}`, { token })).status).toBe(204);
    expect(await wallet()).toEqual([]);
  };
  await remove();
  server.at('2020-12-12T09:00:00+01:00');
  expect((await server.call('PUT', `/bpd/io/payment-instruments/${removed}`, { token })).status).toBe(200);
  server.at('2020-12-14T09:00:00+01:00');
  await remove();
  const history = async () => {
    const { body } = await operator('GET', `/bpd/payment-instruments/${taxCode}/history`);
    return (body as readonly Readonly<Record<string, string>>[]).map(({ hpan, activationDate, deactivationDate }) => {
      return [hpan, activationDate?.slice(0, 10), deactivationDate?.slice(0, 10)];
    });
  };
  const ofRemoved = [
    [removed, '2020-12-11', '2020-12-11'],
    [removed, '2020-12-12', '2020-12-14'],
  ];
  expect(await history()).toEqual([[kept, '2020-12-11', undefined], ...ofRemoved]);
  expect((await server.call('DELETE', '/bpd/io/citizen', { token })).status).toBe(204);
  expect(await history()).toEqual([[kept, '2020-12-11', '2020-12-14'], ...ofRemoved]);
  expect(nameOf(await operator('GET', `/bpd/payment-instruments/${makeTaxCode(++people)}/history`))).toEqual([
    404,
    'CITIZEN_NOT_FOUND',
  ]);
});

test('all instruments of one channel end, and those of others do not', async () => {
  const own = hashPan('through the app', SALT);
  const taxCode = await enrolledWith(own);
  const body = { id: '4111111111111111', fiscalCode: taxCode };
  const issuer = await server.token('issuer', BANK);
  expect((await server.call('PUT', '/bpd/hb/payment-instruments/card', { token: issuer, body })).status).toBe(200);
  const ended = await operator('DELETE', `/bpd/payment-instruments/fiscal-code/${taxCode}/${BANK}`);
  expect(ended.status).toBe(204);
  const token = await server.token('citizen', taxCode);
  const counts = await server.call('GET', '/bpd/io/payment-instruments/number', { token });
  expect(counts.body).toEqual([{ channel: 'app-io-channel', count: 1 }]);
});

test('nobody takes payments or brings back what was ended from outside the rules: 410, and nothing has changed', async () => {
  const hpan = hashPan('ended for good', SALT);
  const taxCode = await enrolledWith(hpan);
  const token = await server.token('citizen', taxCode);
  expect((await server.call('DELETE', '/bpd/io/citizen', { token })).status).toBe(204);
  const since = 'requestTimestamp=2020-12-01T00:00:00.000Z';
  const gone: readonly (readonly [string, string, string])[] = [
    ['PUT', `/bpd/payment-instruments/rollback/${taxCode}?${since}`, 'NOTHING_TO_ROLL_BACK'],
    ['PUT', `/bpd/winning-transactions/rollback/${taxCode}?${since}`, 'NOTHING_TO_ROLL_BACK'],
    ['POST', '/bpd/winning-transactions', 'PAYMENTS_BY_FILE'],
    ['DELETE', `/bpd/winning-transactions/${taxCode}`, 'PAYMENTS_BY_FILE'],
  ];
  for (const [method, path, name] of gone) {
    const sent = method === 'POST' ? { body: { hpan, amount: 10, score: 1 } } : {};
    const received = await operator(method, path, sent);
    expect(received, path).toMatchObject({
      status: 410,
      body: { name, returnMessages: [{ code: 'generic.error', severity: 'ERROR' }] },
    });
    expect(nameOf(await server.call(method, path, { token, ...sent })), path).toEqual([403, 'FORBIDDEN']);
  }
  const instrument = await server.call('GET', `/bpd/io/payment-instruments/${hpan}`, { token });
  expect(instrument.body).toMatchObject({ Status: 'INACTIVE' });
});

test('periods are read one by one, those that run, and as of another instant', async () => {
  const idsOf = ({ body }: Received) => (body as { awardPeriodId: number }[]).map((period) => period.awardPeriodId);
  expect(idsOf(await operator('GET', '/bpd/award-periods/actives'))).toEqual([1]);
  expect(idsOf(await operator('GET', '/bpd/award-periods'))).toEqual([1, 2, 4]);
  const later = await operator('GET', '/bpd/award-periods/1?offsetDateTime=2021-01-05T12:00:00Z');
  expect(later.body).toMatchObject({ awardPeriodId: 1, status: 'WAITING' });
  const first = await operator('GET', '/bpd/award-periods/1?offsetDateTime=2021-01-05T12:00:00Z&version=1');
  expect(first.body).toMatchObject({ status: 'CLOSED' });
  expect(nameOf(await operator('GET', '/bpd/award-periods/3'))).toEqual([404, 'PERIOD_NOT_FOUND']);
  expect(nameOf(await operator('GET', '/bpd/award-periods?offsetDateTime=tomorrow'))).toEqual([400, 'FIELD_INVALID']);
});
