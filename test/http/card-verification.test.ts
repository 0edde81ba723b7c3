// Method: citizens add cards and have them verified through real HTTP requests, with a wallet session, before simulated banks
// on a real port that refuse, answer too late or are gone as the test says; what was charged is read from the banks.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { italy2020, makeTaxCode } from '../../engine/index.ts';
import { hashPan } from '../../server/identity/hpan.ts';
import { HttpCardCharges, Partner, PartnerSimulator } from '../../server/partners/index.ts';
import { PARTNER_LIMITS } from '../../server/partners/partner.ts';
import { HttpServer, type Received } from './http-server.ts';

const CHARGES = 'card-charges';
const PAY = '/v1/payments/cc/actions/pay';
const SALT = italy2020().panSalt;

let simulator: PartnerSimulator;
let banks: string;
let server: HttpServer;
let people = 0;
/** Asked with patience where banks answer, and with little where they do not: no test waits, nor fails on a busy machine. */
let charges: HttpCardCharges;
const asked = (callMsMax: number) => {
  const limits = { ...PARTNER_LIMITS, callMsMax, failuresMax: 1_000 };
  charges = new HttpCardCharges(new Partner({ url: banks, limits }));
};
const up = (conduct: object = {}) => {
  simulator.control(CHARGES, conduct);
  asked(60_000);
};
beforeAll(async () => {
  simulator = new PartnerSimulator();
  banks = await simulator.listen(0);
  server = await HttpServer.open({ cardCharges: { charge: (charge) => charges.charge(charge) } });
});
beforeEach(() => up());
afterAll(async () => {
  await server.close();
  await simulator.close();
});

class Person {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  /** Enrolled, and in a session from then on. */
  static async enrolled(): Promise<Person> {
    const token = await server.token('citizen', makeTaxCode(++people));
    expect((await server.call('PUT', '/bpd/io/citizen/v2', { token })).status).toBe(200);
    const { status, body } = await server.call('GET', '/v1/users/actions/start-session', { token });
    expect(status).toBe(200);
    return new Person((body as { readonly data: { readonly sessionToken: string } }).data.sessionToken);
  }

  ask(method: string, path: string, body?: object, key?: string): Promise<Received> {
    const headers = key === undefined ? {} : { headers: { 'idempotency-key': key } };
    return server.call(method, path, { token: this.#token, ...headers, ...(body === undefined ? {} : { body }) });
  }

  async add(pan: string): Promise<number> {
    const creditCard = { pan, expireMonth: '07', expireYear: '24', brand: 'VISA' };
    const { body } = await this.ask('POST', '/v1/wallet/cc', { data: { creditCard } });
    return (body as { readonly data: readonly { readonly idWallet: number }[] }).data[0]!.idWallet;
  }

  pay(idWallet: number, key: string): Promise<Received> {
    return this.ask('POST', PAY, { data: { idWallet, tipo: 'web', cvv: '123' } }, key);
  }

  async cards(): Promise<readonly number[]> {
    const { body } = await this.ask('GET', '/v1/wallet');
    return (body as { readonly data: readonly { readonly idWallet: number }[] }).data.map(({ idWallet }) => idWallet);
  }
}

const nameOf = ({ status, body }: Received) => [status, (body as { readonly name?: string } | undefined)?.name];
const chargesOf = async (pan: string) => {
  const all = (await (await fetch(`${banks}/v1/charges`)).json()) as readonly { readonly hpan: string }[];
  return all.filter(({ hpan }) => hpan === hashPan(pan, SALT)).length;
};

test('R14: two cents of a card that was added, once under one key; somebody else’s same key is another charge', async () => {
  const [person, other] = [await Person.enrolled(), await Person.enrolled()];
  const pan = '9999000000000201';
  const card = await person.add(pan);
  const first = await person.pay(card, 'verify');
  const amount = { currency: 'EUR', amount: 2, decimalDigits: 2 };
  expect([first.status, first.body]).toEqual([200, { data: { idWallet: card, amount, success: true } }]);
  expect((await person.pay(card, 'verify')).body).toEqual(first.body);
  expect(await chargesOf(pan)).toBe(1);
  expect(await person.cards()).toEqual([card]);
  await other.add(pan);
  expect((await other.pay(card, 'verify')).status).toBe(200);
  expect(await chargesOf(pan)).toBe(2);
});

test('a card that its bank refuses is out of the wallet, and nothing else is; again it is the same answer', async () => {
  const person = await Person.enrolled();
  const [pan, refused] = ['9999000000000211', '9999000000000212'];
  const [card, bad] = [await person.add(pan), await person.add(refused)];
  up({ refused: [hashPan(refused, SALT)] });
  const answer = await person.pay(bad, 'one');
  expect(nameOf(answer)).toEqual([422, 'CARD_REFUSED']);
  expect(answer.body).toMatchObject({
    returnMessages: [{ code: 'generic.error', message: expect.stringContaining('refused'), severity: 'ERROR' }],
    messageIt: expect.stringContaining('rifiutato'),
  });
  expect(await person.cards()).toEqual([card]);
  up();
  expect(nameOf(await person.pay(bad, 'one'))).toEqual([422, 'CARD_REFUSED']);
  expect((await person.pay(card, 'one')).status).toBe(200);
  // Whoever has put it right adds it again.
  expect(await person.add(refused)).toBe(bad);
  expect((await person.pay(bad, 'two')).status).toBe(200);
  expect((await person.cards()).toSorted()).toEqual([card, bad].toSorted());
});

test('R12: a bank that is late, silent or gone changes nothing, and says when to come again', async () => {
  const person = await Person.enrolled();
  const pan = '9999000000000221';
  const card = await person.add(pan);
  for (const conduct of [{ mode: 'down' }, { mode: 'unavailable' }, { mode: 'silent' }, { delayMs: 600_000 }]) {
    up(conduct);
    asked(100);
    const answer = await person.pay(card, 'late');
    expect(nameOf(answer)).toEqual([504, 'PARTNER_UNAVAILABLE']);
    expect(answer.body).toMatchObject({ messageCode: 'CARD_NOT_SAVED', retryAtMs: server.clock.nowMs() + 10_000 });
    expect(answer.headers.get('retry-after')).toBe('10');
    expect(await person.cards()).toEqual([card]);
  }
  up();
  expect((await person.pay(card, 'late')).status).toBe(200);
  expect(await chargesOf(pan)).toBe(1);
});

test('only a card of one’s own wallet is charged', async () => {
  const [person, stranger] = [await Person.enrolled(), await Person.enrolled()];
  const card = await person.add('9999000000000231');
  const info = { hashPan: hashPan('9999000000000232', SALT) };
  const { body } = await person.ask('POST', '/v1/bancomat/add-wallets', { data: [{ info }] });
  const bancomat = (body as { readonly data: readonly { readonly idWallet: number }[] }).data[0]!.idWallet;
  for (const [who, id] of [
    [stranger, card],
    [person, bancomat],
    [person, 7],
  ] as const) {
    expect(nameOf(await who.pay(id, 'key'))).toEqual([404, 'METHOD_NOT_FOUND']);
  }
  expect(nameOf(await person.ask('POST', PAY, { data: { idWallet: '7' } }))).toEqual([400, 'FIELD_INVALID']);
  const never = await server.token('citizen', makeTaxCode(++people));
  const unknown = await server.call('POST', PAY, { token: never, body: { data: { idWallet: card } } });
  expect(nameOf(unknown)).toEqual([404, 'METHOD_NOT_FOUND']);
  expect(await chargesOf('9999000000000231')).toBe(0);
});

test('a session opens the wallet’s calls and no others, not even a session', async () => {
  const person = await Person.enrolled();
  const card = await person.add('9999000000000241');
  expect((await person.ask('POST', `/v1/wallet/${card}/actions/favourite`)).status).toBe(200);
  expect((await person.ask('POST', '/v1/wallet/actions/enable-cashback')).status).toBe(200);
  expect(nameOf(await person.ask('GET', '/v1/bancomat/abi'))).toEqual([504, 'PARTNER_UNAVAILABLE']);
  for (const path of ['/v1/users/actions/start-session', '/bpd/io/citizen', '/bpd/io/winning-transactions?x=1']) {
    expect(nameOf(await person.ask('GET', path))).toEqual([401, 'UNAUTHENTICATED']);
  }
  expect(nameOf(await server.call('GET', '/v1/wallet', { token: 'no.such.token' }))).toEqual([401, 'UNAUTHENTICATED']);
});
