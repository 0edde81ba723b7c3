// Method: citizens list, find and add their methods through real HTTP requests, before simulated banks on a real port that are
// slow, silent or gone as the test says.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { italy2020, makeTaxCode } from '../../engine/index.ts';
import { hashPan } from '../../server/identity/hpan.ts';
import { HttpMethodSearch, PartnerSimulator } from '../../server/partners/index.ts';
import { PARTNER_LIMITS } from '../../server/partners/partner.ts';
import { SIMULATED_BANKS } from '../../server/partners/simulator/banks.ts';
import { HttpServer, type Received } from './http-server.ts';

const SALT = italy2020().panSalt;
const BANKS = 'banks';

let simulator: PartnerSimulator;
let server: HttpServer;
let people = 0;
/** Of the server's monotonic clock. */
let elapsedMs = 1;
beforeAll(async () => {
  simulator = new PartnerSimulator();
  const url = await simulator.listen(0);
  const methodSearch = new HttpMethodSearch({ url, limits: { ...PARTNER_LIMITS, callMsMax: 60_000 } }, () => 0);
  server = await HttpServer.open({ methodSearch, monotonicMs: () => elapsedMs });
});
afterAll(async () => {
  await server.close();
  await simulator.close();
});

interface Resource {
  readonly idWallet?: number;
  readonly favourite?: boolean;
  readonly cashback?: string;
  readonly walletType: string;
  readonly info: { readonly hashPan: string };
}

class Person {
  readonly #token: string;

  private constructor(token: string) {
    this.#token = token;
  }

  static async enrolled(): Promise<Person> {
    const person = new Person(await server.token('citizen', makeTaxCode(++people)));
    expect((await person.ask('PUT', '/bpd/io/citizen/v2')).status).toBe(200);
    return person;
  }

  ask(method: string, path: string, body?: object, key?: string): Promise<Received> {
    const headers = key === undefined ? {} : { headers: { 'idempotency-key': key } };
    return server.call(method, path, { token: this.#token, ...headers, ...(body === undefined ? {} : { body }) });
  }

  async list(path: string): Promise<readonly Resource[]> {
    const { status, body, text } = await this.ask('GET', path);
    expect([status, text]).toEqual([200, expect.any(String)]);
    return (body as { readonly data: readonly Resource[] }).data;
  }
}

const nameOf = ({ status, body }: Received) => [status, (body as { readonly name?: string } | undefined)?.name];
const cardOf = (pan: string) => ({ data: { creditCard: { pan, expireMonth: '07', expireYear: '24', brand: 'VISA' } } });

test('R4, R14: a card that is added again is the same card, listed once, and not enabled by that', async () => {
  const person = await Person.enrolled();
  expect(await person.list('/v1/wallet')).toEqual([]);
  const added = await person.ask('POST', '/v1/wallet/cc', cardOf('4111111111111111'));
  expect(added.status).toBe(200);
  expect((await person.ask('POST', '/v1/wallet/cc', cardOf('4111111111111111'))).body).toEqual(added.body);
  const listed = await person.list('/v2/wallet');
  const info = {
    hashPan: hashPan('4111111111111111', SALT),
    blurredNumber: '1111',
    expireMonth: '07',
    expireYear: '2024',
  };
  expect(listed).toMatchObject([{ walletType: 'Card', cashback: 'off', info }]);
  expect(JSON.stringify(listed)).not.toContain('4111111111111111');

  const path = `/v1/wallet/${listed[0]!.idWallet}`;
  expect((await person.ask('DELETE', path)).status).toBe(204);
  expect(nameOf(await person.ask('DELETE', path))).toEqual([404, 'METHOD_NOT_FOUND']);
  expect(await person.list('/v1/wallet')).toEqual([]);
  expect(nameOf(await person.ask('POST', '/v1/wallet/cc', cardOf('no card')))).toEqual([400, 'FIELD_INVALID']);
});

test('one method is the favourite, until another is or it is removed', async () => {
  const person = await Person.enrolled();
  for (const pan of ['4111111111111111', '5500000000000004']) await person.ask('POST', '/v1/wallet/cc', cardOf(pan));
  const favourites = async () => (await person.list('/v1/wallet')).map(({ favourite }) => favourite);
  const [visa, mastercard] = (await person.list('/v1/wallet')).map(({ idWallet }) => `/v1/wallet/${idWallet}`);
  expect(await favourites()).toEqual([false, false]);
  const preferred = await person.ask('POST', `${visa}/actions/favourite`);
  expect(preferred).toMatchObject({
    status: 200,
    body: { data: { favourite: true, info: { blurredNumber: '1111' } } },
  });
  expect(await favourites()).toEqual([true, false]);
  for (const _ of ['once', 'twice'])
    expect((await person.ask('POST', `${mastercard}/actions/favourite`)).status).toBe(200);
  expect(await favourites()).toEqual([false, true]);
  expect((await person.ask('DELETE', mastercard!)).status).toBe(204);
  expect(await favourites()).toEqual([false]);
  expect(nameOf(await person.ask('POST', `${mastercard}/actions/favourite`))).toEqual([404, 'METHOD_NOT_FOUND']);
  const stranger = await Person.enrolled();
  expect(nameOf(await stranger.ask('POST', `${visa}/actions/favourite`))).toEqual([404, 'METHOD_NOT_FOUND']);
});

test('all that is listed is enabled by one command, but for what is somebody else’s; a retry has the same answer', async () => {
  const [person, other] = [await Person.enrolled(), await Person.enrolled()];
  const pans = ['9999000000000101', '9999000000000102', '9999000000000103'];
  for (const pan of pans) await person.ask('POST', '/v1/wallet/cc', cardOf(pan));
  const [one, taken, two] = pans.map((pan) => hashPan(pan, SALT));
  await other.ask('PUT', `/bpd/io/payment-instruments/${taken}`);
  expect((await person.list('/v1/wallet')).map(({ cashback }) => cashback)).toEqual(['off', 'off', 'off']);

  const enable = () => person.ask('POST', '/v1/wallet/actions/enable-cashback', undefined, 'all-of-them');
  const first = await enable();
  const hashes = (named: readonly { readonly hashPan: string }[]) => named.map(({ hashPan: hash }) => hash).sort();
  const { enabled, refused } = first.body as Record<'enabled' | 'refused', { readonly hashPan: string }[]>;
  expect([first.status, hashes(enabled), hashes(refused)]).toEqual([200, [one, two].sort(), [taken]]);
  expect((await person.list('/v1/wallet')).map(({ cashback }) => cashback)).toEqual(['enabled', 'off', 'enabled']);
  await person.ask('DELETE', `/bpd/io/payment-instruments/${one}`);
  expect((await enable()).body).toEqual(first.body);
  expect((await person.list('/v1/wallet')).map(({ cashback }) => cashback)).toEqual(['off', 'off', 'enabled']);
});

test('R15: what the banks that answered have is found, and those that did not are named', async () => {
  const person = await Person.enrolled();
  simulator.control(BANKS, {});
  const all = await person.list('/v1/bancomat/pans');
  expect(all.length).toBeGreaterThan(0);
  const silent = SIMULATED_BANKS.slice(0, 2);
  simulator.control(BANKS, { silent: silent.map(({ abi }) => abi) });
  const some = await person.ask('GET', '/v1/bancomat/pans');
  const { data, messages } = some.body as { readonly data: readonly Resource[]; readonly messages: readonly object[] };
  expect(messages).toEqual(silent.map(({ abi, name }) => ({ abi, participantName: name, code: 'KO' })));
  const answering = await Promise.all(
    SIMULATED_BANKS.slice(2).map(({ abi }) => person.list(`/v1/bancomat/pans?abi=${abi}`)),
  );
  expect(data).toEqual(answering.flat());
  expect(await person.list(`/v1/bancomat/pans?abi=${silent[0]!.abi}`)).toEqual([]);
  expect(nameOf(await person.ask('GET', '/v1/bancomat/pans?abi=99999'))).toEqual([400, 'FIELD_INVALID']);
  simulator.control(BANKS, {});
});

test('R15: a search is asked for again by its id: banks that owed an answer are asked, and what was found stands', async () => {
  const person = await Person.enrolled();
  const all = await person.list('/v1/cobadge/pans');
  expect(all.length).toBeGreaterThan(0);
  const abiOf = ({ info }: Resource) => (info as { readonly issuerAbiCode?: string }).issuerAbiCode;
  const late = SIMULATED_BANKS.find(({ abi }) => abi === abiOf(all[0]!))!;
  simulator.control(BANKS, { silent: [late.abi] });
  const first = await person.ask('GET', '/v1/cobadge/pans');
  const { searchRequestId } = first.body as { readonly searchRequestId: string };
  const message = { abi: late.abi, participantName: late.name, code: 'KO' };
  expect(first.body).toEqual({ data: all.slice(1), messages: [message], searchRequestId: expect.any(String) });
  const again = (who = person) => who.ask('GET', `/v1/cobadge/search/${searchRequestId}`);
  expect(await again()).toMatchObject({ status: 200, body: first.body });

  simulator.control(BANKS, { silent: SIMULATED_BANKS.map(({ abi }) => abi).filter((abi) => abi !== late.abi) });
  const complete = { data: [...all.slice(1), all[0]], messages: [], searchRequestId };
  for (const answered of await Promise.all([again(), again()])) expect(answered.body).toEqual(complete);
  simulator.control(BANKS, { mode: 'down' });
  expect((await again()).body).toEqual(complete);
  simulator.control(BANKS, {});

  expect(nameOf(await again(await Person.enrolled()))).toEqual([404, 'NOT_FOUND']);
  expect(nameOf(await person.ask('GET', '/v1/cobadge/search/unknown'))).toEqual([404, 'NOT_FOUND']);
  elapsedMs += 600_000;
  expect((await again()).body).toEqual(complete);
  elapsedMs += 600_001;
  expect(nameOf(await again())).toEqual([404, 'NOT_FOUND']);
});

test.each([
  ['/v1/bancomat/pans', '/v1/bancomat/add-wallets', 'Bancomat'],
  ['/v1/bpay/list', '/v1/bpay/add-wallets', 'BPay'],
  ['/v1/cobadge/pans', '/v1/cobadge/add-wallets', 'Card'],
  ['/v1/satispay/consumers', '/v1/satispay/add-wallet', 'Satispay'],
])('what %s found is added by %s, also twice', async (find, add, walletType) => {
  const person = await Person.enrolled();
  const found = await person.list(find);
  expect(found.length).toBeGreaterThan(0);
  const added = await person.ask('POST', add, { data: found });
  expect([added.status, added.text]).toEqual([200, expect.any(String)]);
  expect((await person.ask('POST', add, { data: found })).body).toEqual(added.body);
  const listed = await person.list('/v1/wallet');
  expect(listed.map(({ walletType: type, info }) => [type, info])).toEqual(found.map(({ info }) => [walletType, info]));
  expect(nameOf(await person.ask('POST', add, { data: [] }))).toEqual([400, 'FIELD_INVALID']);
});

test('R2, R16: with every bank gone the wallet is listed, cards are added and enabled, and the list of banks stands', async () => {
  const person = await Person.enrolled();
  expect(await person.list('/v1/bancomat/abi')).toEqual(SIMULATED_BANKS);
  simulator.control(BANKS, { mode: 'down' });
  expect(await person.list('/v1/bancomat/abi')).toEqual(SIMULATED_BANKS);
  const { body } = await person.ask('GET', '/v1/bancomat/pans');
  expect(body).toMatchObject({ data: [], messages: { length: SIMULATED_BANKS.length } });
  expect((await person.ask('POST', '/v1/wallet/cc', cardOf('9999000000000001'))).status).toBe(200);
  const hpan = hashPan('9999000000000001', SALT);
  expect((await person.ask('PUT', `/bpd/io/payment-instruments/${hpan}`)).status).toBe(200);
  expect(await person.list('/v1/wallet')).toMatchObject([{ cashback: 'enabled' }]);
  simulator.control(BANKS, {});
});

test('where nobody is named who could be asked, a search says so', async () => {
  const alone = await HttpServer.open();
  const token = await alone.token('citizen', makeTaxCode(++people));
  expect(nameOf(await alone.call('GET', '/v1/bancomat/abi', { token }))).toEqual([504, 'PARTNER_UNAVAILABLE']);
  expect(nameOf(await alone.call('GET', '/v1/bpay/list', { token }))).toEqual([504, 'PARTNER_UNAVAILABLE']);
  expect((await alone.call('GET', '/v1/wallet', { token })).body).toEqual({ data: [] });
  await alone.close();
});
