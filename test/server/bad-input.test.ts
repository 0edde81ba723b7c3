// Method: a table of things that nobody should send, each to a real server through the door it would come in by. Each
// has its code, and the engine's counters and journal stand afterwards where they stood before.
import { once } from 'node:events';
import { encode } from 'msgpackr';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { isoText, makeIban, makeTaxCode, type Role } from '../../engine/index.ts';
import { Programs, type RunningServer } from '../support/programs.ts';

const ANNA = makeTaxCode(1);
const CARD = 'c4'.repeat(32);
const ID = '01'.repeat(16);
const PAID = '2021-02-11T10:00:00.000+01:00';
const SUBJECTS: Readonly<Record<Role, string>> = {
  citizen: ANNA,
  issuer: '12940',
  acquirer: '36081',
  operator: 'olga',
};
const JSON_PROTOCOL = 'clickday.v1.json';
const MSGPACK_PROTOCOL = 'clickday.v1.msgpack';

let programs: Programs;
let server: RunningServer;

beforeAll(async () => {
  programs = new Programs();
  server = await programs.serve('data', '--now', '2021-02-10T10:00:00+01:00', '--speed', '0');
  const client = await server.client('citizen', ANNA);
  expect(await client.change('enrol', {})).toMatchObject({ ok: true });
  expect(await client.change('enableCashback', { hpan: CARD })).toMatchObject({ ok: true });
  client.close();
  await server.setClock('2021-02-12T10:00:00+01:00');
});

afterAll(() => programs.close());

/** What `deed` changes nothing of. */
async function unchanged<T>(deed: () => Promise<T>): Promise<T> {
  const before = await server.counters();
  const result = await deed();
  expect(await server.counters()).toEqual(before);
  return result;
}

/** One frame on a connection of its own, and the code of the answer. */
async function codeOf(frame: string | Buffer, role: Role = 'citizen', protocol = JSON_PROTOCOL): Promise<string> {
  const { code } = (await answerTo(frame, role, protocol)) as { readonly code: string };
  return code;
}

async function answerTo(frame: string | Buffer, role: Role, protocol = JSON_PROTOCOL): Promise<unknown> {
  const headers = { authorization: `Bearer ${await server.token(role, SUBJECTS[role])}` };
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/ws`, protocol, { headers });
  await once(socket, 'message');
  socket.send(frame);
  const [data] = await once(socket, 'message');
  socket.terminate();
  // Refusals of the binary subprotocol are the same text within a map.
  return protocol === JSON_PROTOCOL
    ? JSON.parse(String(data))
    : { code: String(data).match(/[A-Z]{3,}_?[A-Z_]+/)?.[0] };
}

const request = (fields: object) => JSON.stringify({ ref: 1, ...fields });

describe('a frame', () => {
  const BAD: readonly (readonly [what: string, frame: string | Buffer, code: string])[] = [
    ['of nothing', '', 'BAD_FRAME'],
    ['that is no JSON', 'hello', 'BAD_FRAME'],
    ['cut in the middle', '{"ref":1,"type":"enr', 'BAD_FRAME'],
    ['that is a list', '[1]', 'BAD_FRAME'],
    ['that is null', 'null', 'BAD_FRAME'],
    ['with a key twice', `{"ref":1,"type":"enrol","type":"leave","id":"${ID}"}`, 'BAD_FRAME'],
    ['that is binary', Buffer.from('{}'), 'BAD_FRAME'],
    ['too deep', `{"ref":1,"type":${'['.repeat(200)}${']'.repeat(200)}}`, 'BAD_FRAME'],
    ['too large', request({ type: 'enrol', id: ID, pad: 'x'.repeat(5_000) }), 'TOO_LARGE'],
  ];
  test.each(BAD)('%s is refused', async (_what, frame, code) => {
    expect(await unchanged(() => codeOf(frame))).toBe(code);
  });

  test.each([
    ['of one byte', Buffer.from([0xc1]), 'BAD_FRAME'],
    ['that is a number', Buffer.from([0x01]), 'BAD_FRAME'],
    ['cut in the middle', Buffer.from(encode({ ref: 1, type: 'enrol' })).subarray(0, 6), 'BAD_FRAME'],
    ['that claims four billion entries', Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]), 'BAD_FRAME'],
    ['that is text', '{}', 'BAD_FRAME'],
  ])('of msgpack %s is refused', async (_what, frame, code) => {
    expect(await unchanged(() => codeOf(frame, 'citizen', MSGPACK_PROTOCOL))).toBe(code);
  });
});

describe('a request', () => {
  const enable = { type: 'enableCashback', id: ID };
  const tooLate = { type: 'disableCashback', id: ID, hpan: 'b'.repeat(64) };
  const holder = { accountHolderCF: ANNA, accountHolderName: 'Anna', accountHolderSurname: 'Rossi' };
  const details = { methodKind: 'card' };
  const BAD: readonly (readonly [what: string, fields: object, code: string, role?: Role])[] = [
    ['of no type', {}, 'UNKNOWN_COMMAND'],
    ['of an unknown type', { type: 'destroy', id: ID }, 'UNKNOWN_COMMAND'],
    ['named after a property of every object', { type: 'constructor', id: ID }, 'UNKNOWN_COMMAND'],
    ['without an id', { type: 'leave' }, 'FIELD_INVALID'],
    ['with an id that is a number', { type: 'leave', id: 7 }, 'FIELD_INVALID'],
    ['with an id that is no UUID', { type: 'leave', id: 'x'.repeat(32) }, 'FIELD_INVALID'],
    ['with a field nobody knows', { type: 'leave', id: ID, force: true }, 'FIELD_INVALID'],
    ['with an opt-in status nobody knows', { type: 'enrol', id: ID, optInStatus: 'MAYBE' }, 'FIELD_INVALID'],
    ['naming another citizen', { ...enable, hpan: CARD, taxCode: makeTaxCode(2) }, 'FIELD_INVALID'],
    ['naming oneself', { type: 'wallet', taxCode: ANNA }, 'FIELD_INVALID'],
    ['whose hpan is a number', { ...enable, hpan: 1 }, 'FIELD_INVALID'],
    ['whose hpan is one digit short', { ...enable, hpan: 'a'.repeat(63) }, 'FIELD_INVALID'],
    ['whose hpan is no hexadecimal', { ...enable, hpan: 'g'.repeat(64) }, 'FIELD_INVALID'],
    ['whose hpan is a card number', { ...enable, hpan: '9999000000000001' }, 'FIELD_INVALID'],
    ['with an IBAN of the wrong country digits', { type: 'setIban', id: ID, iban: 'IT00X', ...holder }, 'IBAN_INVALID'],
    ['with an IBAN that is a list', { type: 'setIban', id: ID, iban: [makeIban(1)], ...holder }, 'FIELD_INVALID'],
    ['with neither pan nor hpan', { type: 'addMethod', id: ID, details }, 'FIELD_INVALID'],
    ['with a pan whose check digit is wrong', { type: 'addMethod', id: ID, details, pan: 'x' }, 'FIELD_INVALID'],
    ['for a method nobody listed', { type: 'removeMethod', id: ID, hpan: 'b'.repeat(64) }, 'METHOD_NOT_FOUND'],
    ['for an instrument nobody has', { type: 'instrument', hpan: 'b'.repeat(64) }, 'INSTRUMENT_NOT_FOUND'],
    ['with an instant past all that can be stored', { ...tooLate, cancellationMs: 2 ** 52 }, 'FIELD_INVALID'],
    ['with an instant before all that can be stored', { ...tooLate, cancellationMs: -(2 ** 52) }, 'FIELD_INVALID'],
    ['about a period past all numbers', { type: 'total', awardPeriodId: 2 ** 53 - 1 }, 'FIELD_INVALID'],
    ['about an unknown period', { type: 'total', awardPeriodId: 99 }, 'PERIOD_NOT_FOUND'],
    ['about the suspended period', { type: 'total', awardPeriodId: 3 }, 'PERIOD_NOT_FOUND'],
    ['about a period that is a text', { type: 'ranking', awardPeriodId: '2' }, 'FIELD_INVALID'],
    ['for no rank at all', { type: 'rankingPage', awardPeriodId: 2, firstRank: 0, count: 1 }, 'FIELD_INVALID'],
    ['for too many ranks', { type: 'rankingPage', awardPeriodId: 2, firstRank: 1, count: 1e6 }, 'FIELD_INVALID'],
    ['for a topic nobody publishes', { type: 'subscribe', topics: ['weather'] }, 'FIELD_INVALID'],
    ['to count payments, from a citizen', { type: 'recordPayments', rows: [{}] }, 'FORBIDDEN'],
    ['to enrol, from an acquirer', { type: 'enrol', id: ID }, 'FORBIDDEN', 'acquirer'],
    ['of an issuer for nobody', { type: 'enrol', id: ID }, 'FIELD_INVALID', 'issuer'],
    ['for a tax code with a wrong last letter', enrolling(wrongCheck(ANNA)), 'TAX_CODE_INVALID', 'issuer'],
    ['for a tax code that is too short', enrolling('RSSMRA'), 'FIELD_INVALID', 'issuer'],
    ['for a tax code that is a number', enrolling(1), 'FIELD_INVALID', 'issuer'],
    ['for a citizen who never enrolled', { type: 'wallet', taxCode: makeTaxCode(9) }, 'CITIZEN_NOT_FOUND', 'issuer'],
    [
      'with more rows than a frame may hold',
      { type: 'recordPayments', rows: new Array(513).fill({}) },
      'FIELD_INVALID',
      'acquirer',
    ],
  ];

  const ALL = BAD.map(([what, fields, code, role = 'citizen']) => [what, fields, code, role] as const);
  test.each(ALL)('%s is refused', async (_what, fields, code, role) => {
    expect(await unchanged(() => codeOf(request(fields), role))).toBe(code);
  });

  function enrolling(taxCode: unknown): object {
    return { type: 'enrol', id: ID, taxCode };
  }

  function wrongCheck(taxCode: string): string {
    return taxCode.slice(0, -1) + (taxCode.endsWith('A') ? 'B' : 'A');
  }
});

describe('a row of an acquirer', () => {
  const GOOD = {
    ...{ acquirerCode: '36081', operationType: '00', circuitType: '01', hpan: CARD, trxDate: PAID },
    ...{ idTrxAcquirer: 'A1', amountCents: 100, acquirerId: '09509', merchantId: 'M1', terminalId: 'T1' },
  };
  const BAD: readonly (readonly [what: string, change: object, code: string])[] = [
    ['of a fraction of a cent', { amountCents: 10.5 }, 'AMOUNT_INVALID'],
    ['of nothing', { amountCents: 0 }, 'AMOUNT_INVALID'],
    ['below nothing', { amountCents: -100 }, 'AMOUNT_INVALID'],
    ['of an amount in words', { amountCents: '100' }, 'AMOUNT_INVALID'],
    ['of eleven digits', { amountCents: 10_000_000_000 }, 'AMOUNT_INVALID'],
    ['of no amount', { amountCents: undefined }, 'AMOUNT_INVALID'],
    ['in dollars', { amountCurrency: '840' }, 'CURRENCY_INVALID'],
    ['on no day of the calendar', { trxDate: '2021-02-30T10:00:00.000+01:00' }, 'DATE_INVALID'],
    ['without an offset', { trxDate: '2021-02-11T10:00:00.000' }, 'DATE_INVALID'],
    ['of next month', { trxDate: '2021-03-11T10:00:00.000+01:00' }, 'RECORD_IN_FUTURE'],
    ['of another sender', { acquirerCode: '03069' }, 'SENDER_NOT_ALLOWED'],
    ['of cash', { mcc: '6010' }, 'CATEGORY_EXCLUDED'],
    ['of an operation that is no two digits', { operationType: '0' }, 'FIELD_INVALID'],
    ['of a circuit in words', { circuitType: 'VI' }, 'FIELD_INVALID'],
    ['whose hpan is a card number', { hpan: '9999000000000001' }, 'FIELD_INVALID'],
    ['without a terminal', { terminalId: '' }, 'FIELD_INVALID'],
    ['whose id forges a line', { idTrxAcquirer: 'A1\nB2' }, 'FIELD_INVALID'],
    ['with a BIN of five digits', { bin: '99990' }, 'FIELD_INVALID'],
    ['with a column nobody knows', { tip: 1 }, 'FIELD_INVALID'],
  ];

  test.each(BAD)('%s is rejected by name', async (_what, change, code) => {
    const frame = request({ type: 'recordPayments', rows: [{ ...GOOD, ...change }] });
    const reply = await unchanged(() => answerTo(frame, 'acquirer'));
    expect(reply).toMatchObject({ ok: true, view: { outcomes: [{ status: 'rejected', code }] } });
  });

  test('of a card that nobody enabled is dropped, and lists no payment', async () => {
    const { paymentsListed } = await server.counters();
    const frame = request({ type: 'recordPayments', rows: [{ ...GOOD, hpan: 'd'.repeat(64) }] });
    expect(await answerTo(frame, 'acquirer')).toMatchObject({
      view: { outcomes: [{ status: 'dropped', code: 'INSTRUMENT_NOT_COVERED' }] },
    });
    expect((await server.counters()).paymentsListed).toBe(paymentsListed);
  });
});

describe('a file', () => {
  const NAME = 'CSTAR.36081.TRNLOG.20210212.100000.001.csv';
  const row = (at: number) => `36081;00;01;${CARD};${PAID};F${at};;;100;978;09509;M1;T1;999900;5411`;
  const BAD: readonly (readonly [what: string, name: string, body: string | Buffer, status: number, said: string])[] = [
    ['of another kind', 'TKM.36081.TRNLOG.20210212.100000.001.csv', row(1), 400, 'FILE_NAME_INVALID'],
    ['of tokens that is of rows', 'TKM.36081.TKNLST.20210212.100000.001.csv', row(1), 200, 'WRONG_COLUMNS'],
    ['of no day of the calendar', NAME.replace('0212', '0231'), row(1), 400, 'FILE_NAME_INVALID'],
    ['that is encrypted, where no key is', `${NAME}.pgp`, row(1), 415, 'PGP_NOT_CONFIGURED'],
    ['of another sender', NAME.replace('36081', '03069'), row(1), 403, 'FORBIDDEN'],
    ['in Latin-1', NAME, Buffer.from(`${row(1)}\nperò`, 'latin1'), 400, 'ENCODING_INVALID'],
    ['of commas', NAME, row(1).replaceAll(';', ','), 200, 'WRONG_COLUMNS'],
    ['with a header', NAME, 'acquirer_code;operation_type;circuit_type', 200, 'WRONG_COLUMNS'],
    ['in dollars', NAME, row(1).replace(';978;', ';840;'), 200, 'CURRENCY_INVALID'],
  ];

  test.each(BAD)('%s counts nothing and says why', async (_what, name, body, status, said) => {
    const token = await server.token('acquirer', SUBJECTS.acquirer);
    const headers = { 'content-type': 'text/csv', accept: 'application/json' };
    const before = await server.counters();
    const answer = await server.call(token, `/rtd/files/${name}`, { method: 'POST', body, headers });
    const { citizensEnabled, cardsActive, paymentsListed, commandsDone } = before;
    const after = await server.counters();
    // Of a file that is read it is journaled what became of its rows.
    expect(after).toMatchObject({ citizensEnabled, cardsActive, paymentsListed, commandsDone });
    if (status !== 200) expect(after).toEqual(before);
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(said);
    expect(answer.text).not.toContain('"counted":1');
  });
});

describe('over HTTP', () => {
  const BAD: readonly (readonly [
    what: string,
    method: string,
    path: string,
    body: unknown,
    status: number,
    name: string,
  ])[] = [
    ['a body that is no JSON', 'PATCH', '/bpd/io/citizen', '{', 400, 'FIELD_INVALID'],
    ['an IBAN that is none', 'PATCH', '/bpd/io/citizen', ibanBody('IT00X'), 400, 'IBAN_INVALID'],
    ['an IBAN that is a number', 'PATCH', '/bpd/io/citizen', ibanBody(7), 400, 'FIELD_INVALID'],
    ['an hpan that is none', 'PUT', '/bpd/io/payment-instruments/1234', undefined, 400, 'FIELD_INVALID'],
    ['a period that is a word', 'GET', '/bpd/io/citizen/ranking?awardPeriodId=two', undefined, 400, 'FIELD_INVALID'],
    ['an unknown period', 'GET', '/bpd/io/citizen/ranking?awardPeriodId=99', undefined, 404, 'PERIOD_NOT_FOUND'],
    ['an unknown address', 'GET', '/bpd/io/nothing', undefined, 404, 'NOT_FOUND'],
    ['a wrong method', 'POST', '/bpd/io/citizen', undefined, 405, 'METHOD_NOT_ALLOWED'],
    ['someone else’s door', 'POST', '/admin/clock', { now: '2022-01-01T00:00:00Z' }, 403, 'FORBIDDEN'],
  ];

  test.each(BAD)('%s is refused', async (_what, method, path, body, status, name) => {
    const token = await server.token('citizen', ANNA);
    const headers = { 'content-type': 'application/json' };
    const answer = await unchanged(() => server.call(token, path, { method, body, headers }));
    expect(answer).toMatchObject({ status, body: { name } });
  });

  test('a token that was changed, expired or is of no issuer opens nothing', async () => {
    const token = await server.token('citizen', ANNA);
    const [head = '', payload = '', signature = ''] = token.split('.');
    const other = Buffer.from(JSON.stringify({ ...parse(payload), sub: makeTaxCode(2) })).toString('base64url');
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    for (const bad of ['x', `${head}.${other}.${signature}`, `${none}.${payload}.`]) {
      expect(await unchanged(() => server.call(bad, '/bpd/io/citizen/v2', { method: 'PUT' }))).toMatchObject({
        status: 401,
      });
    }
  });

  function ibanBody(payoffInstr: unknown): object {
    const holder = { accountHolderCF: ANNA, accountHolderName: 'Anna', accountHolderSurname: 'Rossi' };
    return { payoffInstr, payoffInstrType: 'IBAN', ...holder };
  }

  function parse(part: string): object {
    return JSON.parse(Buffer.from(part, 'base64url').toString()) as object;
  }
});

test('after all that the server still counts a good payment', async () => {
  const client = await server.client('acquirer', SUBJECTS.acquirer);
  const trxDate = isoText(Date.parse(PAID));
  const row = {
    ...{ acquirerCode: '36081', operationType: '00', circuitType: '01', hpan: CARD, trxDate },
    ...{ idTrxAcquirer: 'LAST', amountCents: 100, acquirerId: '09509', merchantId: 'M1', terminalId: 'T1' },
  };
  expect(await client.read('recordPayments', { rows: [row] })).toMatchObject({
    view: { outcomes: [{ status: 'counted', scoreCents: 10 }] },
  });
  client.close();
});
