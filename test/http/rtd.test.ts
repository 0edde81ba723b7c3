// Method: acquirers send whole files over a real port to a real engine whose citizens hold the cards; the outcome, in both
// its forms, must name what did not count, and citizens must see what did. Sent again, nothing may change.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import type { Reconciliation } from '../../server/index.ts';
import { FILE_NAME, hpanOf, row } from '../files/files.ts';
import { HttpServer } from './http-server.ts';

let server: HttpServer;
let acquirer: string;
let citizen: string;
const CARD = hpanOf(1);

beforeAll(async () => {
  server = await HttpServer.open({ now: '2021-02-01T10:00:00+01:00' });
  acquirer = await server.token('acquirer', '36081');
  citizen = await server.token('citizen', makeTaxCode(1));
  await server.call('PUT', '/bpd/io/citizen/v2', { token: citizen });
  await server.call('PUT', `/bpd/io/payment-instruments/${CARD}`, { token: citizen });
  server.at('2021-02-11T12:00:00+01:00');
});
afterAll(() => server.close());

let files = 0;
let name = FILE_NAME;
beforeEach(() => {
  files += 1;
  name = FILE_NAME.replace('001', String(files).padStart(3, '0'));
});

const send = (body: string | Uint8Array, headers: Record<string, string> = {}) =>
  server.call('POST', `/rtd/files/${name}`, {
    token: acquirer,
    body,
    headers: { 'content-type': 'text/csv', ...headers },
  });
const total = async () =>
  (await server.call('GET', '/bpd/io/winning-transactions/total-cashback?awardPeriodId=2', { token: citizen })).body;

test('domain 9: a row whose hash is nobody’s is the card’s whose PAR it names in column 16', async () => {
  const issuer = await server.token('issuer', '03069');
  const taxCode = makeTaxCode(7);
  const [id, PAR] = ['9999000000000077', '500101234567890123456789ABCDE'];
  server.at('2021-02-11T12:00:00+01:00');
  await server.call('PUT', `/bpd/hb/citizens/${taxCode}`, { token: issuer });
  const body = { id, fiscalCode: taxCode };
  expect((await server.call('PUT', '/bpd/hb/payment-instruments/card', { token: issuer, body })).status).toBe(200);
  const told = { token: issuer, body: { ...body, PAR } };
  for (const _ of ['once', 'twice']) {
    expect((await server.call('PATCH', '/bpd/hb/payment-instruments/v2', told)).status).toBe(200);
  }
  server.at('2021-02-12T12:00:00+01:00');
  const paid = (more: string) =>
    `${row({ id: 'by PAR', hpan: hpanOf(77), date: '2021-02-12T10:00:00+01:00' })};${more}`;
  expect((await send(paid(''))).body).toMatchObject({ counted: 0, dropped: 1 });
  expect((await send(paid(PAR.toLowerCase()))).body).toMatchObject({ counted: 1, cashbackCents: 450 });
  expect((await send(paid(PAR))).body).toMatchObject({ counted: 0, rejected: 1 });
});

describe('a file', () => {
  const lines = [
    row({ id: 'p1', amount: '4500' }),
    row({ id: 'p2', amount: '0' }),
    row({ id: 'p3', hpan: hpanOf(2) }),
    row({ id: 'p1', amount: '4500' }),
    row({ id: 'p4', date: '2021-02-01T23:00:00.000+01:00' }),
    row({ id: 'p5', amount: '1000' }),
  ];

  test('is counted where it is good, and its outcome names the rest', async () => {
    const first = await send(lines.join('\n'));
    expect(first.status).toBe(200);
    expect(first.body).toMatchObject({
      file: name,
      rows: 6,
      counted: 2,
      rejected: 2,
      dropped: 2,
      cashbackCents: 550,
      amountCents: { counted: 5_500, dropped: 9_000, rejected: 4_500 },
      outcome: [
        { line: 2, status: 'rejected', code: 'AMOUNT_INVALID', detail: 'amountCents' },
        { line: 3, status: 'dropped', code: 'INSTRUMENT_NOT_COVERED' },
        { line: 4, status: 'rejected', code: 'DUPLICATE_RECORD' },
        { line: 5, status: 'dropped', code: 'INSTRUMENT_NOT_COVERED' },
      ],
    });
    expect(await total()).toEqual({ totalCashback: 5.5, transactionNumber: 2 });

    const again = await send(lines.join('\r\n'), { accept: 'text/csv' });
    expect(again.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(again.text.split('\n')).toEqual([
      'line;status;code;detail',
      '1;rejected;DUPLICATE_RECORD;',
      '2;rejected;AMOUNT_INVALID;amountCents',
      '3;dropped;INSTRUMENT_NOT_COVERED;',
      '4;rejected;DUPLICATE_RECORD;',
      '5;dropped;INSTRUMENT_NOT_COVERED;',
      '6;rejected;DUPLICATE_RECORD;',
      '',
    ]);
    expect(JSON.parse(again.headers.get('x-clickday-summary') ?? '')).toMatchObject({
      rows: 6,
      counted: 0,
      rejected: 4,
    });
    expect(await total()).toEqual({ totalCashback: 5.5, transactionNumber: 2 });
  });

  test('of thousands of rows is answered when all of them count', async () => {
    const before = (await total()) as { transactionNumber: number };
    const many = Array.from({ length: 3_000 }, (_, index) =>
      row({ id: `many-${index}`, hpan: index % 10 === 0 ? CARD : hpanOf(5) }),
    );
    expect((await send(`${many.join('\n')}\n`)).body).toMatchObject({ rows: 3_000, counted: 300, dropped: 2_700 });
    expect(await total()).toMatchObject({ transactionNumber: before.transactionNumber + 300 });
  });

  test('whose rows are all bad, or that is empty, is answered all the same (DECISIONS 30, 40)', async () => {
    expect(await send('x\ny\n')).toMatchObject({
      status: 200,
      body: { rows: 2, counted: 0, outcome: [{ line: 1 }, { line: 2 }] },
    });
    expect(await send('')).toMatchObject({ status: 200, body: { rows: 0, outcome: [] } });
    expect((await send('', { accept: 'text/csv' })).text).toBe('line;status;code;detail\n');
  });

  test('is refused whole for its name, its sender, its text or its kind', async () => {
    const before = await total();
    const good = row({ id: 'never' });
    const call = (path: string, token = acquirer) => server.call('POST', path, { token, body: good });
    expect(await call('/rtd/files/x.csv')).toMatchObject({ status: 400, body: { name: 'FILE_NAME_INVALID' } });
    const other = await server.token('acquirer', '12345');
    expect(await call(`/rtd/files/${name}`, other)).toMatchObject({ status: 403, body: { name: 'FORBIDDEN' } });
    const latin = Buffer.concat([Buffer.from(good), Buffer.from([0xe8])]);
    expect(await send(latin)).toMatchObject({ status: 400, body: { name: 'ENCODING_INVALID' } });
    expect(await send(good, { 'content-encoding': 'gzip' })).toMatchObject({ status: 415 });
    expect(await send(good, { 'content-type': 'application/pgp-encrypted' })).toMatchObject({ status: 415 });
    expect((await server.call('POST', `/rtd/files/${name}/x`, { token: acquirer, body: good })).status).toBe(404);
    expect(await total()).toEqual(before);
  });

  test('is seen in the metrics', async () => {
    const { text } = await server.call('GET', '/metrics');
    expect(text).toMatch(/clickday_files_total [1-9]/);
    expect(text).toMatch(/clickday_file_rows_total\{status="counted"\} 30[2-9]/);
  });
});

test('the salt is told to acquirers as plain text', async () => {
  const received = await server.call('GET', '/rtd/payment-instrument-manager/salt', { token: acquirer });
  expect([received.status, received.text]).toEqual([200, 'SALT-TEST-0001']);
  expect((await server.call('GET', '/rtd/payment-instrument-manager/salt', { token: citizen })).status).toBe(403);
});

test('domain 2.2, 9: a list of device tokens gives its tokens to who has the card of their PAR', async () => {
  const issuer = await server.token('issuer', '03069');
  const taxCode = makeTaxCode(8);
  const [id, PAR] = ['9999000000000088', '500101234567890123456789ABCDF'];
  const body = { id, fiscalCode: taxCode };
  server.at('2021-02-14T12:00:00+01:00');
  await server.call('PUT', `/bpd/hb/citizens/${taxCode}`, { token: issuer });
  await server.call('PUT', '/bpd/hb/payment-instruments/card', { token: issuer, body });
  await server.call('PATCH', '/bpd/hb/payment-instruments/v2', { token: issuer, body: { ...body, PAR } });
  name = 'TKM.36081.TKNLST.20210214.120000.001.csv';
  const sent = await send(`${hpanOf(88)};${PAR}\n${hpanOf(89)};UNKNOWN\nno token\n`);
  expect(sent).toMatchObject({ status: 200, body: { file: name, rows: 3, enabled: 1, dropped: 1, rejected: 1 } });
  expect((sent.body as { readonly outcome: unknown }).outcome).toEqual([
    { line: 2, status: 'dropped', code: 'INSTRUMENT_NOT_FOUND', detail: 'par' },
    { line: 3, status: 'rejected', code: 'WRONG_COLUMNS', detail: '1 columns' },
  ]);
  const csv = await send(`${hpanOf(88)};${PAR}\nno token\n`, { accept: 'text/csv' });
  expect(csv.text).toBe('line;status;code;detail\n2;rejected;WRONG_COLUMNS;1 columns\n');
  expect(JSON.parse(csv.headers.get('x-clickday-summary')!)).toMatchObject({ enabled: 0, known: 1, rejected: 1 });

  const operator = await server.token('operator', 'anna');
  const path = '/admin/reconciliation?day=2021-02-14&acquirer=36081';
  const { acquirers, files } = (await server.call('GET', path, { token: operator })).body as Reconciliation;
  const dropped = { fate: 'dropped', code: 'INSTRUMENT_NOT_FOUND', rows: 1, cents: 0 };
  const bad = { fate: 'rejected', code: 'WRONG_COLUMNS', rows: 1, cents: 0 };
  expect(files).toMatchObject([
    { ...{ file: name, kind: 'tokens', state: 'done', rows: 3, cents: 0 }, reasons: [bad, dropped] },
    { kind: 'tokens', rows: 2, accepted: { rows: 0 }, repeated: { rows: 1 }, reasons: [bad] },
  ]);
  expect(acquirers).toMatchObject([
    {
      ...{ acquirer: '36081', kind: 'tokens', files: 2, unfinished: 0, rows: 5, cents: 0 },
      ...{ accepted: { rows: 1 }, dropped: { rows: 1 }, rejected: { rows: 2 }, repeated: { rows: 1 } },
    },
  ]);

  // From the next day on it counts by itself, whatever PAR a row names.
  server.at('2021-02-16T12:00:00+01:00');
  name = FILE_NAME.replace('001', '888');
  const paid = row({ id: 'by token', hpan: hpanOf(88), date: '2021-02-15T10:00:00+01:00' });
  expect((await send(paid)).body).toMatchObject({ counted: 1, cashbackCents: 450 });
  const other = await server.token('acquirer', '12345');
  const file = { token: other, body: paid, headers: { 'content-type': 'text/csv' } };
  expect((await server.call('POST', '/rtd/files/TKM.36081.TKNLST.20210214.120000.002.csv', file)).status).toBe(403);
});
