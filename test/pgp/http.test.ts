// Method: issuers and acquirers send what their contracts have encrypted to a real engine over a real port. Instruments are
// known afterwards by the hash of their number in clear, and no answer, log line or row holds that number.
import { createMessage, encrypt, type PublicKey } from 'openpgp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { italy2020, makeTaxCode } from '../../engine/index.ts';
import { hashPan } from '../../server/identity/hpan.ts';
import { encrypting } from '../../server/pgp/index.ts';
import { bodyOf, ENCRYPTED_NAME, FILE_NAME, hpanOf, row } from '../files/files.ts';
import { HttpServer, type Received, type Sent } from '../http/http-server.ts';
import { collect, newPair, type Pair } from './keys.ts';

const BANK = '03069';
const INSTRUMENTS = '/bpd/hb/payment-instruments';
const { panSalt } = italy2020();

let pair: Pair;
let other: Pair;
let people = 0;
let cards = 0;
beforeAll(async () => {
  [pair, other] = [await newPair(), await newPair()];
});

const newPan = () => `9999${String(++cards).padStart(12, '0')}`;

async function armored(text: string, encryptionKeys: PublicKey = pair.publicKey): Promise<string> {
  return encrypt({ message: await createMessage({ text }), encryptionKeys });
}

/** As a header or a path can carry it. */
async function inOneLine(text: string): Promise<string> {
  const message = await createMessage({ text });
  const bytes = await encrypt({ message, encryptionKeys: pair.publicKey, format: 'binary' });
  return Buffer.from(bytes).toString('base64url');
}

class Issuer {
  readonly server: HttpServer;
  readonly taxCode = makeTaxCode(++people);

  constructor(server: HttpServer) {
    this.server = server;
  }

  async call(method: string, path: string, sent: Sent = {}): Promise<Received> {
    return this.server.call(method, path, { token: await this.server.token('issuer', BANK), ...sent });
  }

  async enrol(): Promise<this> {
    expect((await this.call('PUT', `/bpd/hb/citizens/${this.taxCode}`)).status).toBe(200);
    return this;
  }

  putCard(id: string, more: object = {}): Promise<Received> {
    return this.call('PUT', `${INSTRUMENTS}/card`, { body: { id, fiscalCode: this.taxCode, brand: 'VISA', ...more } });
  }
}

const codeOf = ({ status, body }: Received) => [status, (body as { readonly name?: string }).name];

describe('where the platform has a key', () => {
  let server: HttpServer;
  beforeAll(async () => {
    server = await HttpServer.open({ pgpKey: pair.privateKey });
  });
  afterAll(() => server.close());

  test('a card is enrolled by its encrypted number, armored or in one line, and known by the hash of it', async () => {
    const issuer = await new Issuer(server).enrol();
    const pan = newPan();
    const first = await issuer.putCard(await armored(pan));
    expect(first.status, first.text).toBe(200);
    // Another message for the same number: the same card.
    expect((await issuer.putCard(await inOneLine(pan))).body).toEqual(first.body);
    expect((await issuer.putCard(pan)).body).toEqual(first.body);

    const headers = { id: await inOneLine(pan) };
    const read = await issuer.call('GET', `${INSTRUMENTS}/v2`, { headers });
    expect(read.body).toMatchObject({ hpan: hashPan(pan, panSalt), fiscalCode: issuer.taxCode, Status: 'ACTIVE' });
    const tokens = ['TOKEN-1', await armored('TOKEN-2')];
    const body = { id: await armored(pan), fiscalCode: issuer.taxCode, tokenPanList: tokens };
    expect((await issuer.call('PATCH', `${INSTRUMENTS}/v2`, { body })).status).toBe(200);
    expect((await issuer.call('GET', `${INSTRUMENTS}/TOKEN-2`)).body).toMatchObject({ Status: 'ACTIVE' });
    expect((await issuer.call('DELETE', `${INSTRUMENTS}/v2`, { headers })).status).toBe(204);

    const wallet = await server.engine.wallet(server.engine.citizenKeyOf(issuer.taxCode));
    const seen = JSON.stringify([first.text, read.text, wallet, server.lines]);
    expect(seen).toContain(hashPan(pan, panSalt));
    expect(seen).not.toContain(pan);
  });

  test('other kinds too, in paths and queries as in bodies', async () => {
    const issuer = await new Issuer(server).enrol();
    const body = { fiscalCode: issuer.taxCode };
    const [phone, shop] = ['03069+393331234567', 'LOYALTY-1'];
    expect((await issuer.call('PUT', `${INSTRUMENTS}/bpay/${await inOneLine(phone)}`, { body })).status).toBe(200);
    expect(
      (await issuer.call('PUT', `${INSTRUMENTS}/other`, { body: { ...body, id: await armored(shop) } })).status,
    ).toBe(200);
    const found = await issuer.call('GET', `${INSTRUMENTS}/v2/bpay?id=${await inOneLine(phone)}`);
    expect(found.body).toMatchObject({ hpan: hashPan(phone, panSalt) });
    expect((await issuer.call('GET', `${INSTRUMENTS}/${shop}`)).body).toMatchObject({ hpan: hashPan(shop, panSalt) });
  });

  test('what cannot be decrypted is refused, and enrols nothing', async () => {
    const issuer = await new Issuer(server).enrol();
    const message = await inOneLine(newPan());
    const changed = Buffer.from(message, 'base64url');
    changed[changed.length - 1]! ^= 1;
    expect(codeOf(await issuer.putCard(await armored(newPan(), other.publicKey)))).toEqual([400, 'PGP_OTHER_KEY']);
    for (const id of [
      message.slice(0, -4),
      changed.toString('base64'),
      'x'.repeat(101),
      await armored(newPan()).then((text) => text.slice(0, 200)),
    ]) {
      expect(codeOf(await issuer.putCard(id)), id).toEqual([400, 'PGP_INVALID']);
    }
    expect(codeOf(await issuer.putCard(await armored('')))).toEqual([400, 'FIELD_INVALID']);
    expect(codeOf(await issuer.putCard(await armored('9'.repeat(5_000))))).toEqual([400, 'FIELD_INVALID']);
    expect(codeOf(await issuer.putCard(newPan(), { tokenPanList: [await armored('T', other.publicKey)] }))).toEqual([
      400,
      'PGP_OTHER_KEY',
    ]);
    const wallet = await server.engine.wallet(server.engine.citizenKeyOf(issuer.taxCode));
    expect(wallet).toMatchObject({ value: { methods: [] } });
  });

  test('an acquirer’s encrypted file is counted, sent as what it is', async () => {
    const issuer = await new Issuer(server).enrol();
    const citizen = await server.token('citizen', issuer.taxCode);
    await server.call('PUT', `/bpd/io/payment-instruments/${hpanOf(9)}`, { token: citizen });
    server.at('2021-02-11T12:00:00+01:00');
    const token = await server.token('acquirer', '36081');
    const body = await collect(encrypting(pair.publicKey)(bodyOf(row({ id: 'p1', hpan: hpanOf(9) }))));
    const headers = { 'content-type': 'application/pgp-encrypted' };
    const sent = await server.call('POST', `/rtd/files/${ENCRYPTED_NAME}`, { token, body, headers });
    expect(sent).toMatchObject({ status: 200, body: { file: ENCRYPTED_NAME, rows: 1, counted: 1 } });
    const cut = await server.call('POST', `/rtd/files/${ENCRYPTED_NAME}`, {
      token,
      body: body.subarray(0, -1),
      headers,
    });
    expect(codeOf(cut)).toEqual([400, 'PGP_INVALID']);
  });
});

test('without a key, what is encrypted is refused as such, never taken for an id in clear', async () => {
  const server = await HttpServer.open();
  const issuer = await new Issuer(server).enrol();
  expect(codeOf(await issuer.putCard(await armored(newPan())))).toEqual([415, 'PGP_NOT_CONFIGURED']);
  const headers = { id: await inOneLine(newPan()) };
  expect(codeOf(await issuer.call('GET', `${INSTRUMENTS}/v2`, { headers }))).toEqual([415, 'PGP_NOT_CONFIGURED']);
  const token = await server.token('acquirer', '36081');
  const file = await server.call('POST', `/rtd/files/${ENCRYPTED_NAME}`, { token, body: 'x' });
  expect(codeOf(file)).toEqual([415, 'PGP_NOT_CONFIGURED']);
  await server.close();
});

test('where encryption is required, what the contract has encrypted is not taken in clear, and the rest is', async () => {
  const server = await HttpServer.open({ pgpKey: pair.privateKey, isEncryptionRequired: true });
  const issuer = await new Issuer(server).enrol();
  const body = { fiscalCode: issuer.taxCode };
  const pan = newPan();
  expect(codeOf(await issuer.putCard(pan))).toEqual([415, 'PGP_REQUIRED']);
  const calls: readonly (readonly [method: string, path: string, sent: Sent])[] = [
    ['PATCH', '/v2', { body: { ...body, id: pan } }],
    ['PUT', '/other', { body: { ...body, id: pan } }],
    ['PUT', '/bpay', { body: { ...body, id: pan } }],
    ['PUT', `/bpay/${pan}`, { body }],
    ['GET', `/bpay?id=${pan}`, {}],
    ['GET', `/v2/bpay?id=${pan}`, {}],
    ['GET', '/v2', { headers: { id: pan } }],
    ['DELETE', '/v2', { headers: { id: pan } }],
  ];
  for (const [method, path, sent] of calls) {
    expect(codeOf(await issuer.call(method, INSTRUMENTS + path, sent)), path).toEqual([415, 'PGP_REQUIRED']);
  }
  expect((await issuer.putCard(await armored(pan), { tokenPanList: ['TOKEN'] })).status).toBe(200);
  expect((await issuer.call('PUT', `${INSTRUMENTS}/satispay/CUSTOMER-1`, { body })).status).toBe(200);
  expect((await issuer.call('GET', `${INSTRUMENTS}/CUSTOMER-1`)).body).toMatchObject({ Status: 'ACTIVE' });
  const token = await server.token('acquirer', '36081');
  const file = await server.call('POST', `/rtd/files/${FILE_NAME}`, { token, body: row({ id: 'p' }) });
  expect(codeOf(file)).toEqual([415, 'PGP_REQUIRED']);
  await server.close();
});
