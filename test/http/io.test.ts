// Method: citizens live their programme through real HTTP requests against a real engine; each answer is held to the
// shape of the real contract, and each code to domain 6.1 with its DECISIONs.
import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeIban, makeTaxCode, type RecordOutcome, type Refused } from '../../engine/index.ts';
import * as contract from './contract.ts';
import { HttpServer, type Received, type Sent } from './http-server.ts';

let server: HttpServer;
beforeAll(async () => {
  server = await HttpServer.open();
});
afterAll(() => server.close());

const CITIZEN = '/bpd/io/citizen/v2';
const INSTRUMENTS = '/bpd/io/payment-instruments';
const TRANSACTIONS = '/bpd/io/winning-transactions';

let people = 0;
let payments = 0;
const hpanOf = (name: string) => createHash('sha256').update(name).digest('hex');

class Person {
  readonly taxCode = makeTaxCode(++people);
  #token = '';

  async call(method: string, path: string, sent: Sent = {}): Promise<Received> {
    this.#token ||= await server.token('citizen', this.taxCode);
    return server.call(method, path, { token: this.#token, ...sent });
  }

  async must(method: string, path: string, sent: Sent = {}): Promise<Received> {
    const received = await this.call(method, path, sent);
    expect(received.status, `${method} ${path} ${received.text}`).toBeLessThan(300);
    return received;
  }
}

async function enrolled(): Promise<Person> {
  const person = new Person();
  await person.must('PUT', CITIZEN);
  return person;
}

function pay(hpan: string, at: string, cents: number, reversal = ''): Promise<RecordOutcome | Refused> {
  const record = {
    acquirerCode: '36081',
    operationType: reversal === '' ? '00' : '01',
    circuitType: '01',
    hpan,
    trxMs: Date.parse(at),
    idTrxAcquirer: `ARN${++payments}`,
    idTrxIssuer: '',
    correlationId: reversal,
    amountCents: cents,
    acquirerId: '09509',
    merchantId: 'M1',
    terminalId: 'T1',
  };
  return new Promise((resolve) => server.engine.record({ record, receivedMs: server.clock.nowMs() }, resolve));
}

function expectError(received: Received, status: number, name: string, code?: string): void {
  expect([received.status, received.text]).toEqual([status, expect.any(String)]);
  const body = v.parse(contract.errorBody, received.body);
  expect(body.name).toBe(name);
  if (code !== undefined) expect(body.returnMessages[0]?.code).toBe(code);
}

const IBAN_BODY = (taxCode: string, change: object = {}) => ({
  payoffInstr: makeIban(1),
  payoffInstrType: 'IBAN',
  accountHolderCF: taxCode,
  accountHolderName: 'Maria',
  accountHolderSurname: 'Rossi',
  ...change,
});

describe('a citizen', () => {
  test('who never enrolled is 404, and leaves without complaint', async () => {
    const person = new Person();
    for (const path of ['/bpd/io/citizen', CITIZEN, `${CITIZEN}/`]) {
      expectError(await person.call('GET', path), 404, 'CITIZEN_NOT_FOUND', 'user.not-found.error');
      expect((await person.call('DELETE', path)).status).toBe(204);
    }
  });

  test('enrols, is read, leaves, is still known, and comes back', async () => {
    const person = new Person();
    const first = v.parse(contract.citizenV2, (await person.must('PUT', CITIZEN)).body);
    expect(first).toMatchObject({ enabled: true, fiscalCode: person.taxCode, optInStatus: 'NOREQ' });
    expect(first.timestampTC).toBe('2020-12-07T09:00:00.000Z');
    expect(first).not.toHaveProperty('payoffInstr');
    expect((await person.must('GET', CITIZEN)).body).toEqual(first);
    const old = v.parse(contract.citizen, (await person.must('GET', '/bpd/io/citizen')).body);
    expect(old).toEqual({ enabled: true, fiscalCode: person.taxCode, timestampTC: first.timestampTC });

    const left = await person.must('DELETE', CITIZEN);
    expect([left.status, left.text]).toEqual([204, '']);
    expect((await person.must('DELETE', CITIZEN)).status).toBe(204);
    expect((await person.must('GET', CITIZEN)).body).toMatchObject({ enabled: false });
    expect((await person.must('PUT', '/bpd/io/citizen')).body).toMatchObject({ enabled: true });
  });

  test('gives an opt-in status as the contract or as the domain writes it', async () => {
    const bare = await new Person().must('PUT', CITIZEN, { body: '"ACCEPTED"', headers: JSON_HEADER });
    expect(bare.body).toMatchObject({ optInStatus: 'ACCEPTED' });
    const object = await new Person().must('PUT', CITIZEN, { body: { optInStatus: 'DENIED' } });
    expect(object.body).toMatchObject({ optInStatus: 'DENIED' });
    expectError(await new Person().call('PUT', CITIZEN, { body: { optInStatus: 'MAYBE' } }), 400, 'FIELD_INVALID');
  });

  test('sets an IBAN, sees it, and loses it by leaving', async () => {
    const person = await enrolled();
    const answer = await person.must('PATCH', '/bpd/io/citizen', { body: IBAN_BODY(person.taxCode.toLowerCase()) });
    expect(v.parse(contract.ibanAnswer, answer.body)).toEqual({ validationStatus: 'UNKNOWN_PSP' });
    const read = v.parse(contract.citizenV2, (await person.must('GET', CITIZEN)).body);
    expect(read).toMatchObject({ payoffInstr: makeIban(1), payoffInstrType: 'IBAN' });
    await person.must('DELETE', CITIZEN);
    expect((await person.must('GET', CITIZEN)).body).not.toHaveProperty('payoffInstr');
    expectError(
      await person.call('PATCH', CITIZEN, { body: IBAN_BODY(person.taxCode) }),
      400,
      'CITIZEN_NOT_ENABLED',
      'resource.not-enabled.error',
    );
  });

  test('is told which field of an IBAN is wrong, and 404 before that if never enrolled', async () => {
    const person = await enrolled();
    const wrong = { payoffInstr: makeIban(1).replace(/.$/, (last) => (last === '0' ? '1' : '0')) };
    expectError(
      await person.call('PATCH', CITIZEN, { body: IBAN_BODY(person.taxCode, wrong) }),
      400,
      'IBAN_INVALID',
      'resource.invalid.error',
    );
    for (const [field, value] of [
      ['payoffInstr', ''],
      ['payoffInstr', 5],
      ['payoffInstrType', 'PAYPAL'],
      ['accountHolderCF', 'RSSMRA80A01H501X'],
      ['accountHolderName', undefined],
      ['accountHolderSurname', 'Rossi\n'],
      ['accountHolderSurname', '4111 1111 1111 1111'],
    ] as const) {
      const received = await person.call('PATCH', CITIZEN, { body: IBAN_BODY(person.taxCode, { [field]: value }) });
      expectError(received, 400, 'FIELD_INVALID');
      expect(received.body).toMatchObject({ detail: field });
      expect(received.text).not.toContain('4111');
    }
    for (const body of ['{', '[]', '5', '']) {
      expectError(await person.call('PATCH', CITIZEN, { body, headers: JSON_HEADER }), 400, 'FIELD_INVALID');
      expectError(await new Person().call('PATCH', CITIZEN, { body, headers: JSON_HEADER }), 404, 'CITIZEN_NOT_FOUND');
    }
  });
});

const JSON_HEADER = { 'content-type': 'application/json' };

describe('an instrument', () => {
  test('is enabled, read in either case, counted, disabled, and read again', async () => {
    const person = await enrolled();
    const hpan = hpanOf('life of a card');
    const path = `${INSTRUMENTS}/${hpan}`;
    expectError(await person.call('GET', path), 404, 'INSTRUMENT_NOT_FOUND', 'resource.not-found.error');
    const answer = v.parse(
      contract.activation,
      (await person.must('PUT', path.toUpperCase().replace(INSTRUMENTS.toUpperCase(), INSTRUMENTS))).body,
    );
    const again = await person.must('PUT', path);
    expect(again.body).toEqual(answer);
    const read = v.parse(contract.instrument, (await person.must('GET', `${path}/`)).body);
    expect(read).toEqual({ hpan, fiscalCode: person.taxCode, Status: 'ACTIVE', activationDate: answer.activationDate });

    const counts = await person.must('GET', `${INSTRUMENTS}/number/`);
    expect(v.parse(contract.instrumentCounts, counts.body)).toEqual([{ channel: 'app-io-channel', count: 1 }]);
    expect((await person.must('GET', `${INSTRUMENTS}/number?channel=12345`)).body).toEqual([
      { channel: '12345', count: 0 },
    ]);

    expect((await person.must('DELETE', path)).status).toBe(204);
    expect((await person.must('DELETE', path)).status).toBe(204);
    const off = v.parse(contract.instrument, (await person.must('GET', path)).body);
    expect(off).toMatchObject({ Status: 'INACTIVE', deactivationDate: expect.any(String) });
    expect((await person.must('GET', `${INSTRUMENTS}/number/`)).body).toEqual([]);
  });

  test('enabled at once from two devices of one citizen is so from one instant (DECISION 37)', async () => {
    const person = await enrolled();
    const path = `${INSTRUMENTS}/${hpanOf('two devices')}`;
    const answers = await Promise.all([1, 2, 3].map(() => person.must('PUT', path)));
    const [first, ...others] = answers.map(({ body }) => v.parse(contract.activation, body).activationDate);
    expect(others).toEqual([first, first]);
    expect((await person.must('GET', path)).body).toMatchObject({ activationDate: first });
  });

  test('needs an enrolled citizen', async () => {
    const never = new Person();
    const path = `${INSTRUMENTS}/${hpanOf('nobody')}`;
    expectError(await never.call('PUT', path), 400, 'CITIZEN_NOT_ENABLED', 'resource.not-enabled.error');
    const left = await enrolled();
    await left.must('DELETE', CITIZEN);
    expectError(await left.call('PUT', path), 400, 'CITIZEN_NOT_ENABLED');
    expectError(await never.call('DELETE', path), 404, 'INSTRUMENT_NOT_FOUND');
    expectError(await never.call('GET', `${INSTRUMENTS}/number`), 404, 'CITIZEN_NOT_FOUND');
  });

  test('of someone else is 409 to enable and disable, 404 to read, and says nothing about who (DECISIONS 29, 36)', async () => {
    const owner = await enrolled();
    const other = await enrolled();
    const path = `${INSTRUMENTS}/${hpanOf('taken')}`;
    await owner.must('PUT', path);
    const taken = await other.call('PUT', path);
    expectError(taken, 409, 'INSTRUMENT_TAKEN', 'hpan already exists');
    expect(taken.text).not.toContain(owner.taxCode);
    expectError(await other.call('DELETE', path), 409, 'INSTRUMENT_NOT_YOURS', 'hpan already exists');
    expectError(await other.call('GET', path), 404, 'INSTRUMENT_NOT_FOUND');
    await owner.must('DELETE', path);
    await other.must('PUT', path);
    expectError(await owner.call('GET', path), 409, 'INSTRUMENT_TAKEN');
  });

  test('whose hash is malformed is refused without repeating it', async () => {
    const person = await enrolled();
    for (const bad of ['4111111111111111', 'xyz', `${hpanOf('a')}0`, '%zz', '%2e%2e']) {
      const path = `${INSTRUMENTS}/${bad}`;
      const read = await person.call('GET', path);
      expect(read.status).toBe(404);
      const put = await person.call('PUT', path);
      expect([400, 404]).toContain(put.status);
      expect(read.text + put.text).not.toContain('4111');
    }
    expect(JSON.stringify(server.lines)).not.toContain('4111');
  });
});

describe('award periods', () => {
  test('are listed by start without the suspended one, and need a token of any role', async () => {
    const token = await server.token('acquirer', '36081');
    const list = v.parse(contract.awardPeriods, (await server.call('GET', '/bpd/io/award-periods', { token })).body);
    expect(list.map(({ awardPeriodId }) => awardPeriodId)).toEqual([1, 2, 4]);
    expect(list[0]).toMatchObject({
      startDate: '2020-12-08',
      endDate: '2020-12-31',
      maxPeriodCashback: 150,
      status: 'INACTIVE',
    });
    expect(list[1]).toMatchObject({ minPosition: 100_000, maxAmount: 1_500, minTransactionNumber: 50 });
    expectError(await server.call('GET', '/bpd/io/award-periods'), 401, 'UNAUTHENTICATED');
  });
});

describe('transactions, totals and ranks', () => {
  test('follow the payments of a citizen through the Christmas period', async () => {
    const own = await HttpServer.open();
    const outer = server;
    server = own;
    try {
      const person = await enrolled();
      const other = await enrolled();
      const [card, otherCard] = [hpanOf('christmas'), hpanOf('christmas of another')];
      await person.must('PUT', `${INSTRUMENTS}/${card}`);
      await other.must('PUT', `${INSTRUMENTS}/${otherCard}`);
      expect((await person.must('GET', `${TRANSACTIONS}/v2/total-cashback?awardPeriodId=1`)).body).toEqual({
        totalCashback: 0,
        transactionNumber: 0,
      });
      server.at('2020-12-20T12:00:00+01:00');
      for (let index = 0; index < 25; index += 1) {
        const day = 8 + Math.floor(index / 3);
        const at = `2020-12-${String(day).padStart(2, '0')}T1${index % 3}:00:00+01:00`;
        expect(await pay(card, at, 1_005)).toMatchObject({ status: 'counted' });
      }
      expect(await pay(otherCard, '2020-12-08T12:00:00+01:00', 5_000)).toMatchObject({ status: 'counted' });

      const total = await person.must('GET', `${TRANSACTIONS}/total-cashback?awardPeriodId=1`);
      expect(v.parse(contract.total, total.body)).toEqual({ totalCashback: 25, transactionNumber: 25 });

      const all = v.parse(
        contract.transactions,
        (await person.must('GET', `${TRANSACTIONS}?awardPeriodId=1&hpan=${card}`)).body,
      );
      expect(all.length).toBe(25);
      expect(all[0]).toMatchObject({
        amount: 10.05,
        cashback: 1,
        trxDate: '2020-12-16T09:00:00.000Z',
        idTrxIssuer: '',
      });
      expect(all.map(({ trxDate }) => trxDate)).toEqual(
        all
          .map(({ trxDate }) => trxDate)
          .sort()
          .reverse(),
      );
      expect((await person.must('GET', `${TRANSACTIONS}?awardPeriodId=1&hpan=${otherCard}`)).body).toEqual([]);

      const first = v.parse(
        contract.transactionsV2,
        (await person.must('GET', `${TRANSACTIONS}/v2?awardPeriodId=1`)).body,
      );
      expect(first).not.toHaveProperty('prevCursor');
      expect(first.nextCursor).toBe(1);
      expect(first.transactions[0]?.date).toBe('2020-12-16');
      const last = v.parse(
        contract.transactionsV2,
        (await person.must('GET', `${TRANSACTIONS}/v2?awardPeriodId=1&nextCursor=1&limit=20`)).body,
      );
      expect(last.prevCursor).toBe(0);
      expect(last).not.toHaveProperty('nextCursor');
      const paged = [...first.transactions, ...last.transactions].flatMap(({ transactions }) => transactions);
      expect(paged).toEqual(all);

      const days = v.parse(
        contract.countByDay,
        (await person.must('GET', `${TRANSACTIONS}/v2/countbyday?awardPeriodId=1`)).body,
      );
      expect(days[0]).toEqual({ trxDate: '2020-12-16', count: 1 });
      expect(days.reduce((sum, { count }) => sum + count, 0)).toBe(25);

      const mine = v.parse(contract.rankings, (await person.must('GET', '/bpd/io/citizen/ranking')).body);
      expect(mine).toMatchObject([{ awardPeriodId: 1, ranking: 1, transactionNumber: 25, totalParticipants: 2 }]);
      const theirs = v.parse(contract.rankingsV2, (await other.must('GET', `${CITIZEN}/ranking?awardPeriodId=1`)).body);
      expect(theirs).toMatchObject([
        { ranking: 2, maxTransactionNumber: 25, milestoneResource: { totalCashback: 5, maxCashback: 150 } },
      ]);
      const milestone = v.parse(
        contract.rankingsV2,
        (await person.must('GET', `${CITIZEN}/ranking/milestone?awardPeriodId=1`)).body,
      );
      expect(milestone[0]?.milestoneResource.idTrxMinTransactionNumber).toBe(all[15]?.idTrx);
      expect(milestone[0]?.milestoneResource).not.toHaveProperty('idTrxPivot');

      server.at('2021-01-05T00:00:00+01:00');
      const status = async (path: string) => {
        const list = v.parse(contract.awardPeriods, (await person.must('GET', path)).body);
        return list[0]?.status;
      };
      expect(await status('/bpd/io/award-periods')).toBe('CLOSED');
      expect(await status('/bpd/io/award-periods/v2')).toBe('WAITING');

      await person.must('DELETE', CITIZEN);
      expectError(
        await person.call('GET', '/bpd/io/citizen/ranking'),
        404,
        'CITIZEN_NOT_FOUND',
        'user.not-found.error',
      );
      expect((await person.must('GET', `${CITIZEN}/ranking`)).body).toEqual([]);
      expect((await person.must('GET', `${CITIZEN}/ranking/milestone?awardPeriodId=1`)).body).toEqual([]);
      expect((await person.must('GET', `${TRANSACTIONS}/v2?awardPeriodId=1`)).body).toEqual({ transactions: [] });
      expect((await person.must('GET', `${TRANSACTIONS}/total-cashback?awardPeriodId=1`)).body).toEqual({
        totalCashback: 0,
        transactionNumber: 0,
      });
    } finally {
      server = outer;
      await own.close();
    }
  });

  test('of who never enrolled are 404 or empty, as the contract has it', async () => {
    const person = new Person();
    expectError(await person.call('GET', '/bpd/io/citizen/ranking'), 404, 'CITIZEN_NOT_FOUND');
    expect((await person.must('GET', `${CITIZEN}/ranking`)).body).toEqual([]);
    expectError(await person.call('GET', `${CITIZEN}/ranking/milestone?awardPeriodId=1`), 404, 'CITIZEN_NOT_FOUND');
    expectError(
      await person.call('GET', `${TRANSACTIONS}/v2/total-cashback?awardPeriodId=1`),
      404,
      'CITIZEN_NOT_FOUND',
    );
    expect((await person.must('GET', `${TRANSACTIONS}?awardPeriodId=1&hpan=${hpanOf('x')}`)).body).toEqual([]);
    expect((await person.must('GET', `${TRANSACTIONS}/v2?awardPeriodId=1`)).body).toEqual({ transactions: [] });
    expect((await person.must('GET', `${TRANSACTIONS}/v2/countbyday?awardPeriodId=1`)).body).toEqual([]);
  });

  test('who takes no part stands behind all who do', async () => {
    const person = await enrolled();
    expect((await person.must('GET', '/bpd/io/citizen/ranking')).body).toEqual([]);
    const named = v.parse(contract.rankingsV2, (await person.must('GET', `${CITIZEN}/ranking?awardPeriodId=2`)).body);
    expect(named).toMatchObject([{ ranking: 1, transactionNumber: 0, maxTransactionNumber: 0, totalParticipants: 0 }]);
    expect(named[0]?.minTransactionNumber, 'DECISIONS 29, 40: without participants').toBe(0);
  });

  test('say when the citizen changed last, and show of one instant the later payment first (DECISIONS 18, 40)', async () => {
    const own = await HttpServer.open();
    const outer = server;
    server = own;
    try {
      const person = await enrolled();
      const card = hpanOf('one instant');
      await person.must('PUT', `${INSTRUMENTS}/${card}`);
      const ranking = async () =>
        v.parse(contract.rankings, (await person.must('GET', '/bpd/io/citizen/ranking?awardPeriodId=1')).body)[0];
      const at = '2020-12-09T12:00:00+01:00';
      for (const [cents, when] of [
        [1_000, '2020-12-10T10:00:00.000Z'],
        [2_000, '2020-12-11T10:00:00.000Z'],
      ] as const) {
        server.at(when);
        expect(await pay(card, at, cents)).toMatchObject({ status: 'counted' });
        expect((await ranking())?.updateDate).toBe(when);
      }
      server.at('2020-12-12T10:00:00.000Z');
      expect((await ranking())?.updateDate, 'nothing has changed').toBe('2020-12-11T10:00:00.000Z');
      const all = await person.must('GET', `${TRANSACTIONS}?awardPeriodId=1&hpan=${card}`);
      expect(v.parse(contract.transactions, all.body).map(({ amount }) => amount)).toEqual([20, 10]);
    } finally {
      server = outer;
      await own.close();
    }
  });

  test('need a period that exists and is a number', async () => {
    const person = await enrolled();
    const paths = [
      `${TRANSACTIONS}/total-cashback`,
      `${TRANSACTIONS}/v2`,
      TRANSACTIONS,
      `${TRANSACTIONS}/v2/countbyday`,
    ];
    for (const path of [...paths, `${CITIZEN}/ranking/milestone`]) {
      for (const query of ['', '?awardPeriodId=', '?awardPeriodId=one', '?awardPeriodId=-1', '?awardPeriodId=1.5']) {
        expectError(await person.call('GET', path + query), 400, 'FIELD_INVALID');
      }
      // The suspended one is as unknown as any other.
      for (const id of [3, 99])
        expectError(await person.call('GET', `${path}?awardPeriodId=${id}`), 404, 'PERIOD_NOT_FOUND');
    }
    for (const path of ['/bpd/io/citizen/ranking', `${CITIZEN}/ranking`]) {
      expectError(await person.call('GET', `${path}?awardPeriodId=x`), 400, 'FIELD_INVALID');
      expectError(await person.call('GET', `${path}?awardPeriodId=3`), 404, 'PERIOD_NOT_FOUND');
    }
    for (const query of ['limit=0', 'limit=x', 'nextCursor=-1', 'hpan=abc']) {
      expectError(await person.call('GET', `${TRANSACTIONS}/v2?awardPeriodId=1&${query}`), 400, 'FIELD_INVALID');
    }
  });
});

describe('a retry', () => {
  test('with the same Idempotency-Key has one effect and the same answer, also after leaving', async () => {
    const person = new Person();
    for (const key of ['0190a5c1-7b2e-7c3d-8e4f-5a6b7c8d9e0f', 'my key is any text'.replaceAll(' ', '-'), '"quoted"']) {
      const headers = { 'idempotency-key': key };
      const first = await person.must('PUT', CITIZEN, { headers });
      await person.must('DELETE', CITIZEN);
      expect((await person.must('PUT', CITIZEN, { headers })).body).toEqual(first.body);
      expect((await person.must('GET', CITIZEN)).body).toMatchObject({ enabled: false });
    }
  });

  test('with the same Idempotency-Key and another body is refused', async () => {
    const person = await enrolled();
    const headers = { 'idempotency-key': 'one' };
    await person.must('PUT', `${INSTRUMENTS}/${hpanOf('k1')}`, { headers });
    expectError(await person.call('PUT', `${INSTRUMENTS}/${hpanOf('k2')}`, { headers }), 409, 'ID_REUSED');
  });

  test('with an unusable Idempotency-Key is refused before anything happens', async () => {
    const person = new Person();
    for (const key of ['x'.repeat(65), 'a b', '""']) {
      expectError(await person.call('PUT', CITIZEN, { headers: { 'idempotency-key': key } }), 400, 'FIELD_INVALID');
    }
    expectError(await person.call('GET', CITIZEN), 404, 'CITIZEN_NOT_FOUND');
  });

  test('with the same request id, in either spelling, gets the first answer and its id back', async () => {
    for (const name of ['x-request-id', 'x_request_id']) {
      const person = await enrolled();
      const path = `${INSTRUMENTS}/${hpanOf(name)}`;
      const headers = { [name]: 'request-1' };
      const first = await person.must('PUT', path, { headers });
      expect(first.headers.get('x-request-id')).toBe('request-1');
      await person.must('DELETE', path);
      // The same request again: answered as then, not done again.
      expect((await person.must('PUT', `${path}/`, { headers })).body).toEqual(first.body);
      expect((await person.must('GET', path)).body).toMatchObject({ Status: 'INACTIVE' });
      await person.must('PUT', path, { headers: { [name]: 'request-2' } });
      expect((await person.must('GET', path)).body).toMatchObject({ Status: 'ACTIVE' });
      expect(server.lines.some(({ requestId }) => requestId === 'request-2')).toBe(true);
    }
  });

  test('with the same request id of another person or another body is another command', async () => {
    const headers = { 'x-request-id': 'shared' };
    const [one, two] = [await enrolled(), await enrolled()];
    for (const person of [one, two]) await person.must('PUT', `${INSTRUMENTS}/${hpanOf(person.taxCode)}`, { headers });
    const patch = (change: object) => one.call('PATCH', CITIZEN, { headers, body: IBAN_BODY(one.taxCode, change) });
    expect((await patch({})).status).toBe(200);
    expect((await patch({ payoffInstr: makeIban(2) })).status).toBe(200);
    expect((await one.must('GET', CITIZEN)).body).toMatchObject({ payoffInstr: makeIban(2) });
  });

  test('without any id is a new command', async () => {
    const person = await enrolled();
    await person.must('DELETE', CITIZEN);
    expect((await person.must('PUT', CITIZEN)).body).toMatchObject({ enabled: true });
    expect((await person.must('GET', CITIZEN)).body).toMatchObject({ enabled: true });
  });
});

describe('fault 56: a citizen', () => {
  test('addresses nobody else, whatever it writes into query and body', async () => {
    const [a, b] = [await enrolled(), await enrolled()];
    const path = `${CITIZEN}?fiscalCode=${b.taxCode}&id=${b.taxCode}`;
    expect((await a.must('GET', path, { headers: { id: b.taxCode } })).body).toMatchObject({ fiscalCode: a.taxCode });
    const body = { ...IBAN_BODY(a.taxCode), fiscalCode: b.taxCode, taxCode: b.taxCode, citizen: b.taxCode };
    await a.must('PATCH', CITIZEN, { body });
    expect((await b.must('GET', CITIZEN)).body).not.toHaveProperty('payoffInstr');
  });
});
