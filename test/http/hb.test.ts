// Method: two issuers and the app serve the same citizens through real HTTP requests against a real engine; each answer is
// held to the shape of the issuers' contract, each code to domain 6.2 and the channel rules of domain 1.
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { italy2020, makeIban, makeTaxCode } from '../../engine/index.ts';
import { hashPan } from '../../server/identity/hpan.ts';
import * as contract from './contract.ts';
import { HttpServer, type Received, type Sent } from './http-server.ts';

const SALT = italy2020().panSalt;
const [BANK, OTHER] = ['03069', '36081'];
const CITIZENS = '/bpd/hb/citizens';
const INSTRUMENTS = '/bpd/hb/payment-instruments';

let server: HttpServer;
let people = 0;
let cards = 0;
beforeAll(async () => {
  server = await HttpServer.open();
});
afterAll(() => server.close());

async function issuer(channel: string, method: string, path: string, sent: Sent = {}): Promise<Received> {
  return server.call(method, path, { token: await server.token('issuer', channel), ...sent });
}

async function app(taxCode: string, method: string, path: string): Promise<Received> {
  return server.call(method, path, { token: await server.token('citizen', taxCode) });
}

function expectError({ status, body }: Received, expected: number, name: string): void {
  expect([status, v.parse(contract.errorBody, body).name]).toEqual([expected, name]);
}

const newPan = () => `9999${String(++cards).padStart(12, '0')}`;

async function enrolled(channel = BANK): Promise<string> {
  const taxCode = makeTaxCode(++people);
  expect((await issuer(channel, 'PUT', `${CITIZENS}/${taxCode}`)).status).toBe(200);
  return taxCode;
}

async function withCard(channel = BANK): Promise<{ readonly taxCode: string; readonly pan: string }> {
  const taxCode = await enrolled(channel);
  const pan = newPan();
  const received = await issuer(channel, 'PUT', `${INSTRUMENTS}/card`, { body: cardOf(taxCode, pan, channel) });
  expect(received.status, received.text).toBe(200);
  return { taxCode, pan };
}

const cardOf = (fiscalCode: string, id: string, channel = BANK) => ({
  ...{ id, fiscalCode, channel, expireYear: 2024, expireMonth: '7', issuerAbiCode: '03069', brand: 'VISA' },
  ...{ holder: 'Maria Rossi', type: 'CRD' },
});

const payoffOf = (accountHolderCF: string, more: object = {}) => ({
  ...{ payoffInstr: makeIban(1), payoffInstrType: 'IBAN', accountHolderCF },
  ...{ accountHolderName: 'Maria', accountHolderSurname: 'Rossi', ...more },
});

/** How each version of the contract names the citizen. */
const VERSIONS = [
  { version: 1, at: (id: string, below = '') => ({ path: `${CITIZENS}/${id}${below}`, sent: {}, named: {} }) },
  {
    version: 2,
    at: (id: string, below = '') => ({ path: `${CITIZENS}/v2${below}`, sent: { headers: { id } }, named: { id } }),
  },
];

describe.each(VERSIONS)('a citizen of an issuer, version $version', ({ at }) => {
  test('enrols, is read, sets an IBAN, has a rank and leaves', async () => {
    const taxCode = makeTaxCode(++people);
    const { path, sent, named } = at(taxCode);
    expectError(await issuer(BANK, 'GET', path, sent), 404, 'CITIZEN_NOT_FOUND');
    const enrolment = await issuer(BANK, 'PUT', path, { body: named });
    expect(v.parse(contract.citizen, enrolment.body)).toMatchObject({ enabled: true, fiscalCode: taxCode });
    expect(await issuer(BANK, 'GET', path, sent)).toMatchObject({ status: 200, body: enrolment.body });

    const set = await issuer(BANK, 'PATCH', path, { body: { ...named, ...payoffOf(taxCode) } });
    expect(v.parse(contract.ibanAnswer, set.body)).toEqual({ validationStatus: 'UNKNOWN_PSP' });
    expect((await issuer(BANK, 'GET', path, sent)).body).toMatchObject({ payoffInstr: makeIban(1) });
    const wrong = await issuer(BANK, 'PATCH', path, { body: { ...named, ...payoffOf(taxCode, { payoffInstr: 'X' }) } });
    expectError(wrong, 400, 'IBAN_INVALID');

    const ranking = at(taxCode, '/ranking');
    const ranked = await issuer(BANK, 'GET', `${ranking.path}?awardPeriodId=1`, ranking.sent);
    expect(v.parse(contract.rankings, ranked.body)).toMatchObject([{ awardPeriodId: 1, transactionNumber: 0 }]);
    expect(ranked.text).not.toContain('milestone');
    expect(await issuer(BANK, 'GET', ranking.path, ranking.sent)).toMatchObject({ status: 200, body: [] });
    expect((await issuer(BANK, 'DELETE', path, { ...sent, body: { channel: BANK } })).status).toBe(204);
    expect((await issuer(BANK, 'GET', path, sent)).body).toMatchObject({ enabled: false });
    expectError(await issuer(BANK, 'GET', ranking.path, ranking.sent), 404, 'CITIZEN_NOT_FOUND');
    const nobody = at(makeTaxCode(++people), '/ranking');
    expectError(await issuer(BANK, 'GET', nobody.path, nobody.sent), 404, 'CITIZEN_NOT_FOUND');
  });

  test('a technical account is stored unasked, and shown as the caller may see it (domain 2.1)', async () => {
    const taxCode = await enrolled();
    const { path, sent, named } = at(taxCode);
    const payoff = payoffOf(taxCode, { technicalAccountHolder: 'Hype S.p.A.', issuerCardId: 'CARD-7' });
    const set = await issuer(BANK, 'PATCH', path, { body: { ...named, ...payoff } });
    expect(set.body).toEqual({ validationStatus: 'OK' });
    const flagged = await issuer(BANK, 'GET', `${path}?flagTechnicalAccount=true`, sent);
    const technical = { technicalAccountHolder: 'Hype S.p.A.', issuerCardId: 'CARD-7' };
    expect(flagged.body).toMatchObject({ payoffInstr: 'CONTO TECNICO', ...technical });
    const plain = await issuer(BANK, 'GET', path, sent);
    expect(plain.body).toMatchObject({ payoffInstr: makeIban(1) });
    expect(Object.keys(plain.body as object)).not.toContain('technicalAccountHolder');
    const own = await app(taxCode, 'GET', '/bpd/io/citizen/v2');
    expect(own.body).toMatchObject({ technicalAccount: 'Conto gestito da Hype S.p.A.' });
    expect(JSON.stringify(own.body)).not.toContain('CARD-7');
  });

  test('a tax code that is none, and another issuer’s channel, are refused', async () => {
    const nobody = at('RSSMRA80A01H501X');
    expectError(await issuer(BANK, 'GET', nobody.path, nobody.sent), 400, 'TAX_CODE_INVALID');
    expectError(await issuer(BANK, 'PUT', nobody.path, { body: nobody.named }), 400, 'TAX_CODE_INVALID');
    const { path, sent } = at(await enrolled());
    expectError(await issuer(BANK, 'DELETE', path, { ...sent, body: { channel: OTHER } }), 403, 'FORBIDDEN');
  });
});

test('G44: an issuer cannot end what is enabled through another channel; the app can', async () => {
  const { taxCode, pan } = await withCard();
  const foreign = hashPan(newPan(), SALT);
  expect((await app(taxCode, 'PUT', `/bpd/io/payment-instruments/${foreign}`)).status).toBe(200);
  const refused = await issuer(BANK, 'DELETE', `${CITIZENS}/${taxCode}`);
  expectError(refused, 400, 'TOO_MANY_CHANNELS');
  expect((await issuer(BANK, 'GET', `${INSTRUMENTS}/${pan}`)).body).toMatchObject({ Status: 'ACTIVE' });
  expect((await app(taxCode, 'DELETE', '/bpd/io/citizen')).status).toBe(204);
  for (const hpan of [foreign, hashPan(pan, SALT)]) {
    const instrument = await app(taxCode, 'GET', `/bpd/io/payment-instruments/${hpan}`);
    expect(instrument.body).toMatchObject({ Status: 'INACTIVE' });
  }
});

test('R22: who was enrolled by an issuer and enters with SPID is one citizen with the instruments of both', async () => {
  const { taxCode, pan } = await withCard();
  const own = hashPan(newPan(), SALT);
  expect((await app(taxCode, 'PUT', '/bpd/io/citizen/v2')).body).toMatchObject({ enabled: true, fiscalCode: taxCode });
  expect((await app(taxCode, 'PUT', `/bpd/io/payment-instruments/${own}`)).status).toBe(200);
  const counts = await app(taxCode, 'GET', '/bpd/io/payment-instruments/number');
  expect(counts.body).toEqual([
    { channel: BANK, count: 1 },
    { channel: 'app-io-channel', count: 1 },
  ]);
  const wallet = await server.engine.wallet(server.engine.citizenKeyOf(taxCode));
  expect(wallet).toMatchObject({
    value: {
      methods: [
        { hpan: hashPan(pan, SALT), channel: BANK, details: { methodKind: 'card', brand: 'VISA', expiry: '2024-07' } },
        { hpan: own },
      ],
    },
  });
});

describe('instruments of an issuer', () => {
  const KINDS = [
    { kind: 'card', put: (id: string) => ({ path: '/card', body: { id } }), at: (id: string) => `/${id}` },
    { kind: 'card in a header', put: (id: string) => ({ path: '/card', body: { id } }), at: () => '/v2' },
    { kind: 'bpay', put: (id: string) => ({ path: '/bpay', body: { id } }), at: (id: string) => `/bpay?id=${id}` },
    {
      kind: 'bpay, v2',
      put: (id: string) => ({ path: `/bpay/${id}`, body: {} }),
      at: (id: string) => `/v2/bpay?id=${id}`,
    },
    { kind: 'satispay', put: (id: string) => ({ path: `/satispay/${id}`, body: {} }), at: (id: string) => `/${id}` },
    { kind: 'other', put: (id: string) => ({ path: '/other', body: { id } }), at: (id: string) => `/${id}` },
  ];
  test.each(KINDS)('$kind: enrolled, enrolled again, read and removed', async ({ put, at }) => {
    const fiscalCode = await enrolled();
    const id = `INSTRUMENT-${++cards}`;
    const { path, body } = put(id);
    const enrol = () => issuer(BANK, 'PUT', INSTRUMENTS + path, { body: { ...body, fiscalCode, channel: BANK } });
    const first = await enrol();
    expect([first.status, first.text]).toEqual([200, expect.any(String)]);
    expect(v.parse(contract.activation, first.body)).toEqual((await enrol()).body);

    const headers = { id };
    const read = () => issuer(BANK, 'GET', INSTRUMENTS + at(id), { headers });
    const hpan = hashPan(id, SALT);
    expect(v.parse(contract.instrument, (await read()).body)).toMatchObject({ hpan, fiscalCode, Status: 'ACTIVE' });
    // Neither read nor removed by another issuer, though it knows the id.
    expectError(await issuer(OTHER, 'GET', INSTRUMENTS + at(id), { headers }), 403, 'FORBIDDEN');
    expectError(await issuer(OTHER, 'DELETE', INSTRUMENTS + at(id), { headers }), 403, 'FORBIDDEN');
    expect((await issuer(BANK, 'DELETE', INSTRUMENTS + at(id), { headers })).status).toBe(204);
    expect((await read()).body).toMatchObject({ Status: 'INACTIVE' });
  });

  test('an unknown one is 404, none at all 400', async () => {
    expectError(await issuer(BANK, 'GET', `${INSTRUMENTS}/UNKNOWN`), 404, 'INSTRUMENT_NOT_FOUND');
    expectError(await issuer(BANK, 'GET', `${INSTRUMENTS}/v2`), 400, 'FIELD_INVALID');
    const body = { fiscalCode: await enrolled() };
    expectError(await issuer(BANK, 'PUT', `${INSTRUMENTS}/card`, { body }), 400, 'FIELD_INVALID');
  });

  test('who is not enrolled is refused, and so is a card that someone else has enabled', async () => {
    const stranger = makeTaxCode(++people);
    const { pan } = await withCard();
    const notEnrolled = await issuer(BANK, 'PUT', `${INSTRUMENTS}/card`, { body: cardOf(stranger, newPan()) });
    expectError(notEnrolled, 400, 'CITIZEN_NOT_ENABLED');
    const taxCode = await enrolled();
    const taken = await issuer(BANK, 'PUT', `${INSTRUMENTS}/card`, { body: cardOf(taxCode, pan) });
    expectError(taken, 409, 'INSTRUMENT_TAKEN');
    expect(await server.engine.wallet(server.engine.citizenKeyOf(taxCode))).toMatchObject({ value: { methods: [] } });
    const without = await issuer(BANK, 'PUT', `${INSTRUMENTS}/card`, { body: { id: newPan() } });
    expectError(without, 400, 'TAX_CODE_INVALID');
  });

  test('tokens come with a card or later, and are one with it', async () => {
    const { taxCode, pan } = await withCard();
    const tokenPanList = ['TOKEN-A', 'TOKEN-B'].map((token) => `${token}-${++cards}`);
    const body = { id: pan, fiscalCode: taxCode, tokenPanList, PAR: 'PAR-1' };
    const patched = await issuer(BANK, 'PATCH', `${INSTRUMENTS}/v2`, { body });
    expect(v.parse(contract.activation, patched.body)).toBeDefined();
    for (const token of tokenPanList) {
      expect((await issuer(BANK, 'GET', `${INSTRUMENTS}/${token}`)).body).toMatchObject({ Status: 'ACTIVE' });
    }
    const unknown = await issuer(BANK, 'PATCH', `${INSTRUMENTS}/v2`, { body: { ...body, id: newPan() } });
    expectError(unknown, 404, 'INSTRUMENT_NOT_FOUND');
    const wrong = await issuer(BANK, 'PATCH', `${INSTRUMENTS}/v2`, { body: { ...body, PAR: 'not a PAR' } });
    expectError(wrong, 400, 'FIELD_INVALID');
  });
});

test('domain 1.3: tokens and PAR of a card are changed through the channel that enabled it, and no other', async () => {
  const { taxCode, pan } = await withCard();
  const ofApp = newPan();
  expect((await app(taxCode, 'PUT', `/bpd/io/payment-instruments/${hashPan(ofApp, SALT)}`)).status).toBe(200);
  const patch = (channel: string, id: string, token: string, PAR: string) =>
    issuer(channel, 'PATCH', `${INSTRUMENTS}/v2`, {
      body: { id, fiscalCode: taxCode, tokenPanList: token === '' ? [] : [token], PAR },
    });
  expectError(await patch(OTHER, pan, 'TOKEN-OF-OTHER', 'PAROTHER1'), 403, 'FORBIDDEN');
  expectError(await patch(OTHER, pan, '', 'PAROTHER1'), 403, 'FORBIDDEN');
  expectError(await patch(BANK, ofApp, 'TOKEN-OF-APP', 'PAROTHER1'), 403, 'FORBIDDEN');
  expect(await server.engine.cardOfPar('PAROTHER1')).toEqual({ ok: true, value: null });
  for (const token of ['TOKEN-OF-OTHER', 'TOKEN-OF-APP']) {
    expectError(await issuer(BANK, 'GET', `${INSTRUMENTS}/${token}`), 404, 'INSTRUMENT_NOT_FOUND');
  }
  expect((await patch(BANK, pan, 'TOKEN-OF-BANK', 'PAROWN1')).status).toBe(200);
  expect(await server.engine.cardOfPar('PAROWN1')).toMatchObject({
    value: { hpan: hashPan(pan, SALT), channel: BANK },
  });
});

test('an issuer reads totals and periods; nobody else uses its addresses', async () => {
  const { taxCode } = await withCard();
  const total = `/bpd/hb/winning-transactions`;
  const query = '/total-cashback?awardPeriodId=1';
  const first = await issuer(BANK, 'GET', `${total}${query}&fiscalCode=${taxCode}`);
  expect(first.body).toEqual({ totalCashback: 0, transactionNumber: 0 });
  const second = await issuer(BANK, 'GET', `${total}/v2${query}`, { headers: { fiscalCode: taxCode } });
  expect(second.body).toEqual(first.body);
  expectError(await issuer(BANK, 'GET', `${total}/v2${query}`), 400, 'TAX_CODE_INVALID');
  for (const path of ['/bpd/hb/award-periods', '/bpd/hb/award-periods/v2']) {
    expect((await issuer(BANK, 'GET', path)).body).toHaveLength(3);
  }
  expectError(await app(taxCode, 'GET', `${CITIZENS}/${taxCode}`), 403, 'FORBIDDEN');
  expectError(await app(taxCode, 'DELETE', `${INSTRUMENTS}/X`), 403, 'FORBIDDEN');
});
