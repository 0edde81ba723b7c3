// Method: clients of several versions talk over both protocols and over HTTP to real sessions and routes, while a file is
// changed under them and read again; what each is told and refused is held to what the file says.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { EVERYTHING, type Versions } from '../../server/versions/index.ts';
import { FEATURES, type Feature, MESSAGES, PROTOCOLS } from '../../server/wire/index.ts';
import { HttpServer, type Received } from '../http/http-server.ts';
import { anna, bruno, type Client, Front, newId, settle } from '../session/front.ts';
import { hpan } from '../support/world.ts';
import { minimum, onFrom, PolicyFile } from './policies.ts';

const COMING = {
  messageCode: 'SERVICE_COMING',
  message: MESSAGES.SERVICE_COMING.text,
  messageIt: MESSAGES.SERVICE_COMING.testo,
};
const DETAILS = { methodKind: 'card', brand: 'VISA' } as const;
const card = (number: number) => ({ type: 'addMethod', id: newId(), hpan: hpan(number), details: DETAILS }) as const;

let file: PolicyFile;
let versions: Versions;
beforeEach(() => {
  file = new PolicyFile();
  file.write(onFrom('1.12.0', FEATURES, 'SERVICE_COMING'));
  versions = file.versions();
});
afterEach(() => file.remove());

function change(policy: unknown): void {
  file.write(policy);
  expect(versions.reload()).toEqual({ ok: true });
}

describe('over a WebSocket', () => {
  let front: Front;
  beforeEach(async () => {
    front = await Front.open({ versions });
  });
  afterEach(() => front.world.engine.close());

  const open = (version: string, subject = anna, protocol: (typeof PROTOCOLS)[number] = 'clickday.v1.json') =>
    front.connect('citizen', subject, { protocol, more: [`client.${version}`] });
  const told = (client: Client) =>
    client.pushes('features').map(({ view }) => view as { features: Record<Feature, object> });

  test.each(PROTOCOLS)(
    'R5: enabling a feature in the file reaches a client connected with an old version, without reconnecting (%s)',
    async (protocol) => {
      const client = await open('ios.1.11.0', anna, protocol);
      expect(client.frames.map((frame) => Object.keys(frame)[0])).toEqual(['hello', 'push']);
      expect(told(client)[0]).toMatchObject({ client: 'ios/1.11.0', updateRequired: false, minVersion: '0.0.0' });
      expect(told(client)[0]!.features.cashback).toEqual({ isOn: false, code: 'FEATURE_OFF', ...COMING });
      const off = { ok: false, code: 'FEATURE_OFF', detail: 'cashback', ...COMING };
      expect(await client.ask({ type: 'enrol', id: newId() })).toMatchObject(off);

      change(onFrom('1.11.0', FEATURES, 'SERVICE_COMING'));
      expect(await client.ask({ type: 'enrol', id: newId() })).toMatchObject({ ok: true });
      await front.pass(50);
      expect(told(client)).toHaveLength(2);
      expect(Object.values(told(client)[1]!.features)).toEqual(FEATURES.map(() => ({ isOn: true })));
      expect(await client.ask(card(1))).toMatchObject({ ok: true });
      expect(client.closedWith).toBeUndefined();
    },
  );

  test('each feature is asked for by what needs it, and by nothing else', async () => {
    const known = await open('ios.1.12.0');
    await known.ask({ type: 'enrol', id: newId() });
    await known.ask(card(1));
    await known.ask({ type: 'enableCashback', id: newId(), hpan: hpan(1) });
    const old = await open('ios.1.11.0');
    const iban = {
      iban: 'IT60X0542811101000000123456',
      accountHolderCF: anna,
      accountHolderName: 'A',
      accountHolderSurname: 'R',
    };
    const kinds = ['card', 'bancomat', 'satispay', 'bpay', 'cobadge', 'privative'] as const;
    const needing = [
      ...kinds.map((methodKind) => [{ ...card(2), details: { methodKind } }, methodKind] as const),
      [{ type: 'enrol', id: newId() }, 'cashback'],
      [{ type: 'enableCashback', id: newId(), hpan: hpan(1) }, 'cashback'],
      [{ type: 'enableAll', id: newId() }, 'cashback'],
      [{ type: 'setIban', id: newId(), ...iban }, 'payout'],
      [{ type: 'ranking' }, 'ranking'],
      [{ type: 'rankingPage', awardPeriodId: 2, firstRank: 1, count: 10 }, 'ranking'],
    ] as const;
    for (const [request, detail] of needing)
      expect(await old.ask(request)).toMatchObject({ code: 'FEATURE_OFF', detail });
    const free = [
      { type: 'wallet' },
      { type: 'instrument', hpan: hpan(1) },
      { type: 'payments', awardPeriodId: 2 },
      { type: 'total', awardPeriodId: 2 },
      { type: 'milestones', awardPeriodId: 2 },
      { type: 'periods' },
      { type: 'subscribe', topics: ['wallet', 'rank'] },
      { type: 'disableCashback', id: newId(), hpan: hpan(1) },
      { type: 'removeMethod', id: newId(), hpan: hpan(1) },
      { type: 'leave', id: newId() },
    ] as const;
    for (const request of free) expect(await old.ask(request), request.type).toMatchObject({ ok: true });
  });

  test('R3, R6: who is too old may not begin anything, reads everything, and takes back what it began', async () => {
    change(minimum('1.12.0'));
    const known = await open('ios.1.12.0');
    await known.ask({ type: 'enrol', id: newId() });
    await known.ask(card(1));
    const old = await open('ios.1.11.9.4');
    expect(told(old)[0]).toMatchObject({ updateRequired: true, minVersion: '1.12.0', client: 'ios/1.11.9' });
    expect(told(old)[0]!.features).toMatchObject({
      card: { isOn: false, code: 'CLIENT_TOO_OLD' },
      ranking: { isOn: true },
    });
    expect(await old.ask(card(2))).toMatchObject({ ok: false, code: 'CLIENT_TOO_OLD', detail: 'card' });
    expect(await old.ask({ type: 'wallet' })).toMatchObject({ ok: true, view: { methods: [{ hpan: hpan(1) }] } });
    expect(await old.ask({ type: 'ranking' })).toMatchObject({ ok: true });
    expect(await old.ask({ type: 'removeMethod', id: newId(), hpan: hpan(1) })).toMatchObject({ ok: true });
    expect(await old.ask({ type: 'leave', id: newId() })).toMatchObject({ ok: true });
    // The same number on another platform is another app.
    expect(await (await open('android.1.11.9', bruno)).ask({ type: 'enrol', id: newId() })).toMatchObject({ ok: true });
  });

  test('who does not say which it is can do everything and is told nothing', async () => {
    change({
      ...onFrom('1.12.0', FEATURES),
      minVersion: { ios: '9.0.0', android: '9.0.0', web: '9.0.0', sdk: '9.0.0' },
    });
    for (const more of [[], ['client.windows.1.0.0']]) {
      const unknown = await front.connect('citizen', makeTaxCode(7 + more.length), { more });
      expect(await unknown.ask({ type: 'enrol', id: newId() })).toMatchObject({ ok: true });
      change(EVERYTHING);
      await front.pass(100);
      expect(unknown.pushes('features')).toEqual([]);
    }
  });

  test('promise 2: what was done before is answered again, though it is off by now', async () => {
    const client = await open('ios.1.12.0');
    const enrol = { type: 'enrol', id: newId() } as const;
    const first = await client.ask(enrol);
    change(onFrom('1.13.0', FEATURES));
    expect(await client.ask(enrol)).toMatchObject({ ok: true, repeated: true, answer: first.answer! });
    expect(await client.ask({ ...enrol, id: newId() })).toMatchObject({ ok: false, code: 'FEATURE_OFF' });
  });

  test('ranks are held back while they are off, and come to who subscribed when they are on', async () => {
    const paying = await open('ios.1.12.0');
    await paying.ask({ type: 'enrol', id: newId() });
    const old = await open('ios.1.11.0');
    expect(await old.ask({ type: 'subscribe', topics: ['wallet', 'rank'] })).toMatchObject({ ok: true });
    await front.pass(2_000);
    await settle();
    expect([old.pushes('wallet').length, old.pushes('rank').length]).toEqual([1, 0]);
    change(EVERYTHING);
    await front.pass(1_000);
    await settle();
    expect(old.pushes('rank')).toHaveLength(1);
  });

  test('a client that reads slowly is told when it can hear, and then of the newest', async () => {
    const slow = await open('ios.1.11.0');
    slow.unread.bytes = 10_000_000;
    change(onFrom('1.11.0', FEATURES));
    await front.pass(100);
    change(onFrom('1.11.0', ['bpay']));
    await front.pass(100);
    expect(told(slow)).toHaveLength(1);
    slow.unread.bytes = 0;
    await front.pass(50);
    expect(told(slow)).toHaveLength(2);
  });

  test('many are told a few hundred at a time, and each of them once', async () => {
    const clients = await Promise.all(Array.from({ length: 1_200 }, () => open('ios.1.11.0')));
    change(EVERYTHING);
    const count = () => clients.filter((client) => told(client).length === 2).length;
    const counts: number[] = [];
    for (let tick = 0; tick < 4; tick += 1) {
      await front.pass(50);
      counts.push(count());
    }
    expect(counts).toEqual([500, 1_000, 1_200, 1_200]);
  });
});

describe('over HTTP', () => {
  let server: HttpServer;
  let token: string;
  beforeEach(async () => {
    server = await HttpServer.open({ versions });
    token = await server.token('citizen', anna);
  });
  afterEach(() => server.close());

  const ask = (method: string, path: string, client: string | null, body?: object): Promise<Received> =>
    server.call(method, path, {
      token,
      ...(client === null ? {} : { headers: { 'x-client-version': client } }),
      ...(body === undefined ? {} : { body }),
    });
  const features = (headers: Record<string, string>) => server.call('GET', '/features', { headers });

  test('R5: what a version can do is asked for without a token, and may be kept by caches', async () => {
    const old = await features({ 'x-client-version': 'ios/1.11.0' });
    expect(old.status).toBe(200);
    expect(old.headers.get('vary')).toBe('x-client-version');
    expect(old.headers.get('cache-control')).toBe('public, max-age=30');
    expect(old.body).toMatchObject({ client: 'ios/1.11.0', features: { bancomat: { isOn: false, ...COMING } } });
    const etag = old.headers.get('etag')!;
    const again = await features({ 'x-client-version': 'ios/1.11.0', 'if-none-match': `"x", W/${etag}` });
    expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag]);
    expect((await features({ 'x-client-version': 'ios/1.12.0', 'if-none-match': etag })).status).toBe(200);

    change(EVERYTHING);
    const changed = await features({ 'x-client-version': 'ios/1.11.0', 'if-none-match': etag });
    expect(changed.body).toMatchObject({ features: { bancomat: { isOn: true } } });
    expect((await features({})).body).toMatchObject({ client: null, minVersion: null, updateRequired: false });
  });

  test('the words of the app are to be had for all of them', async () => {
    const { body, status, headers } = await server.call('GET', '/messages');
    expect(status).toBe(200);
    expect(body).toMatchObject({ messages: MESSAGES, refusals: { CLIENT_TOO_OLD: { testo: expect.any(String) } } });
    const sent = { headers: { 'if-none-match': headers.get('etag')! } };
    expect((await server.call('GET', '/messages', sent)).status).toBe(304);
  });

  test('what is off is refused where it is asked for, with the message, and the wallet is read all the same', async () => {
    const put = `/bpd/io/payment-instruments/${hpan(1)}`;
    const creditCard = { pan: '4111111111111111', expireMonth: '07', expireYear: '24' };
    const found = { data: [{ info: { hashPan: hpan(3) } }] };
    const needing = [
      ['PUT', '/bpd/io/citizen', 'cashback', undefined],
      ['PUT', '/bpd/io/citizen/v2', 'cashback', undefined],
      ['PUT', put, 'cashback', undefined],
      ['POST', '/v1/wallet/cc', 'card', { data: { creditCard } }],
      ['GET', '/v1/bancomat/abi', 'bancomat', undefined],
      ['GET', '/v1/bancomat/pans', 'bancomat', undefined],
      ['POST', '/v1/bancomat/add-wallets', 'bancomat', found],
      ['GET', '/v1/bpay/list', 'bpay', undefined],
      ['POST', '/v1/bpay/add-wallets', 'bpay', found],
      ['GET', '/v1/cobadge/pans', 'cobadge', undefined],
      ['GET', '/v1/cobadge/search/1', 'cobadge', undefined],
      ['POST', '/v1/cobadge/add-wallets', 'cobadge', found],
      ['GET', '/v1/satispay/consumers', 'satispay', undefined],
      ['POST', '/v1/satispay/add-wallet', 'satispay', found],
      ['GET', '/bpd/io/citizen/ranking', 'ranking', undefined],
      ['GET', '/bpd/io/citizen/v2/ranking', 'ranking', undefined],
      ['GET', '/bpd/io/citizen/v2/ranking/milestone?awardPeriodId=2', 'ranking', undefined],
    ] as const;
    for (const [method, path, detail, body] of needing) {
      const refused = await ask(method, path, 'ios/1.11.0', body);
      expect(refused, path).toMatchObject({ status: 403, body: { name: 'FEATURE_OFF', detail } });
      expect(refused.body).toMatchObject({ messageIt: COMING.messageIt, messageCode: COMING.messageCode });
      expect((await ask(method, path, 'ios/1.12.0', body)).status, path).not.toBe(403);
    }
    const iban = { payoffInstr: 'IT60X0542811101000000123456', payoffInstrType: 'IBAN' };
    const holder = { accountHolderCF: anna, accountHolderName: 'A', accountHolderSurname: 'R' };
    const patched = await ask('PATCH', '/bpd/io/citizen', 'ios/1.11.0', { ...iban, ...holder });
    expect(patched.body).toMatchObject({ name: 'FEATURE_OFF', detail: 'payout' });

    for (const path of ['/v1/wallet', '/v2/wallet', '/bpd/io/citizen', '/bpd/io/award-periods', put]) {
      expect((await ask('GET', path, 'ios/1.11.0')).status, path).toBe(200);
    }
    expect((await ask('DELETE', put, 'ios/1.11.0')).status).toBe(204);
    expect((await ask('DELETE', '/bpd/io/citizen', 'ios/1.11.0')).status).toBe(204);
  });

  test('R3: who is too old is told to update, and reads its wallet', async () => {
    await ask('PUT', '/bpd/io/citizen', null);
    change(minimum('1.12.0'));
    const refused = await ask('PUT', `/bpd/io/payment-instruments/${hpan(1)}`, 'ios/1.11.0');
    expect(refused).toMatchObject({ status: 426, body: { name: 'CLIENT_TOO_OLD', detail: 'cashback' } });
    expect((await ask('GET', '/v1/wallet', 'ios/1.11.0')).status).toBe(200);
    expect((await ask('GET', '/bpd/io/citizen/ranking', 'ios/1.11.0')).status).toBe(200);
  });

  test('promise 2: an enrolment that was done is answered again under its key', async () => {
    const enrol = (client: string) =>
      server.call('PUT', '/bpd/io/citizen', {
        token,
        headers: { 'x-client-version': client, 'idempotency-key': 'one' },
      });
    const first = await enrol('ios/1.12.0');
    expect((await enrol('ios/1.11.0')).body).toEqual(first.body);
  });

  test('an operator has the file read again; a bad one is refused with its field, and the old one stays', async () => {
    const operator = { token: await server.token('operator', 'ops') };
    const before = await server.call('GET', '/admin/features', operator);
    expect(before.body).toEqual({ file: file.path, ...onFrom('1.12.0', FEATURES, 'SERVICE_COMING') });
    file.write(minimum('one'));
    expect(await server.call('POST', '/admin/features', operator)).toMatchObject({
      status: 400,
      body: { name: 'FIELD_INVALID', detail: `${file.path}: minVersion.ios is not a version such as 1.12.0` },
    });
    expect((await server.call('GET', '/admin/features', operator)).body).toEqual(before.body);
    file.write(minimum('1.2.3'));
    expect((await server.call('POST', '/admin/features', operator)).body).toEqual({
      file: file.path,
      ...minimum('1.2.3'),
    });
    expect((await server.call('POST', '/admin/features', { token })).status).toBe(403);
  });

  test('without a file there is none to be read again', async () => {
    const plain = await HttpServer.open();
    const refused = await plain.call('POST', '/admin/features', { token: await plain.token('operator', 'ops') });
    expect(refused.body).toMatchObject({ name: 'FIELD_INVALID', detail: 'the server was started without --features' });
    await plain.close();
  });
});
