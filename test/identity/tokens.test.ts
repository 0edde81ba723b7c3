// Method: real tokens from a real key, then every way to bend them: each field of header and payload, signed and unsigned,
// each byte of the text, other keys and algorithms, other times. An HTTP server of our own plays the issuer of fault 55.
import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/programme/index.ts';
import type { Identity } from '../../server/identity/identity.ts';
import { checkSubject } from '../../server/identity/subject.ts';
import { AUDIENCE, openIssuerIdentity } from '../../server/identity/tokens.ts';
import { Random, seed } from '../support/random.ts';

const ISSUER = 'https://issuer.test';
const NOW_MS = Date.UTC(2026, 0, 1);
const NOW_SECONDS = NOW_MS / 1_000;
const TAX_CODE = makeTaxCode(7);
const CLAIMS = { iss: ISSUER, aud: AUDIENCE, sub: TAX_CODE, role: 'citizen', exp: NOW_SECONDS + 600 };
const HEADER = { alg: 'EdDSA', kid: 'first' };

type Key = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
let privateKey: Key;
let publicKey: Key;
let jwks: { keys: JWK[] };
let identity: Identity;

beforeAll(async () => {
  ({ privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true }));
  jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'first', alg: 'EdDSA' }] };
  identity = openIdentity();
});

function openIdentity(realMs = () => NOW_MS): Identity {
  return openIssuerIdentity({ issuer: ISSUER, keys: { jwks }, realMs, monotonicMs: () => 0 });
}

function sign(claims: Record<string, unknown>, header: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ ...HEADER, ...header }).sign(privateKey);
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a token of the issuer', () => {
  test('names its bearer, in upper case', async () => {
    const token = await sign({ ...CLAIMS, sub: TAX_CODE.toLowerCase() });
    const principal = { role: 'citizen', subject: TAX_CODE, expiresAtMs: NOW_MS + 600_000 };
    expect(await identity.verify(token)).toEqual({ ok: true, principal });
    expect(await identity.verify(token)).toEqual({ ok: true, principal });
  });

  test('ends at its expiry to the millisecond, also when it was seen before', async () => {
    let nowMs = NOW_MS;
    const ticking = openIdentity(() => nowMs);
    const token = await sign(CLAIMS);
    nowMs = NOW_MS + 599_999;
    expect(await ticking.verify(token)).toMatchObject({ ok: true });
    nowMs = NOW_MS + 600_000;
    expect(await ticking.verify(token)).toEqual({ ok: false, code: 'TOKEN_EXPIRED' });
    expect(await openIdentity(() => nowMs).verify(token)).toEqual({ ok: false, code: 'TOKEN_EXPIRED' });
  });

  test('says unverified whom it claims, and is known from its first verification to its expiry', async () => {
    let nowMs = NOW_MS;
    const ticking = openIdentity(() => nowMs);
    const token = await sign(CLAIMS);
    const reading = () => {
      const { isKnown, claimed } = ticking.read(token);
      return { isKnown, claimed };
    };
    const claimed = { role: 'citizen', subject: TAX_CODE, expiresAtMs: NOW_MS + 600_000 };
    expect(reading()).toEqual({ isKnown: false, claimed });
    expect(await ticking.read(token).verify()).toMatchObject({ ok: true });
    nowMs = NOW_MS + 599_999;
    expect(reading()).toEqual({ isKnown: true, claimed });
    expect(ticking.read(token).verify()).toMatchObject({ ok: true });
    nowMs = NOW_MS + 600_000;
    expect(reading()).toEqual({ isKnown: false, claimed });
    expect(ticking.read(token).verify()).toEqual({ ok: false, code: 'TOKEN_EXPIRED' });
    const forged = `${token.slice(0, token.lastIndexOf('.'))}.${'A'.repeat(86)}`;
    for (const _ of [1, 2]) {
      expect(ticking.read(forged)).toMatchObject({ isKnown: false, claimed });
      expect(await ticking.read(forged).verify()).toMatchObject({ ok: false });
    }
    expect(ticking.read('garbage').claimed).toBe(null);
    expect(ticking.read(await sign({ ...CLAIMS, aud: 'other' })).claimed).toBe(null);
  });

  test.each<[string, Record<string, unknown>]>([
    ['another issuer', { iss: 'https://other.test' }],
    ['no issuer', { iss: undefined }],
    ['another audience', { aud: 'other' }],
    ['no audience', { aud: undefined }],
    ['no subject', { sub: undefined }],
    ['a subject that is no tax code', { sub: 'MARIO' }],
    ['a tax code with a wrong check character', { sub: TAX_CODE.slice(0, 15) + (TAX_CODE.endsWith('A') ? 'B' : 'A') }],
    ['no role', { role: undefined }],
    ['an unknown role', { role: 'king' }],
    ['a role of another type', { role: ['citizen'] }],
    ['no expiry', { exp: undefined }],
    ['an expiry of another type', { exp: 'never' }],
    ['a start in the future', { nbf: NOW_SECONDS + 6 }],
  ])('with %s is refused, though it is well signed', async (_, change) => {
    expect(await identity.verify(await sign({ ...CLAIMS, ...change }))).toEqual({ ok: false, code: 'UNAUTHENTICATED' });
  });

  test('that starts within the tolerance of clocks is accepted', async () => {
    expect(await identity.verify(await sign({ ...CLAIMS, nbf: NOW_SECONDS + 5 }))).toMatchObject({ ok: true });
  });

  test('with another key id is refused', async () => {
    expect(await identity.verify(await sign(CLAIMS, { kid: 'second' }))).toMatchObject({ ok: false });
  });
});

describe('fault 52: a token that was tampered with', () => {
  test('is refused for each changed field of header and payload', async () => {
    const [header = '', payload = '', signature = ''] = (await sign(CLAIMS)).split('.');
    const changes: Record<string, unknown>[] = Object.keys(CLAIMS).flatMap((name) => [
      { ...CLAIMS, [name]: undefined },
      { ...CLAIMS, [name]: `${CLAIMS[name as keyof typeof CLAIMS]}0` },
    ]);
    changes.push({ ...CLAIMS, role: 'operator' }, { ...CLAIMS, sub: makeTaxCode(8) }, { ...CLAIMS, extra: 1 });
    changes.push({ ...CLAIMS, exp: CLAIMS.exp + 1 });
    for (const changed of changes) {
      expect(await identity.verify(`${header}.${encode(changed)}.${signature}`)).toMatchObject({ ok: false });
    }
    for (const changed of [
      { ...HEADER, kid: 'x' },
      { ...HEADER, alg: 'ES256' },
      { ...HEADER, typ: 'x' },
      { alg: 'EdDSA' },
    ]) {
      expect(await identity.verify(`${encode(changed)}.${payload}.${signature}`)).toMatchObject({ ok: false });
    }
  });

  test('is refused for each changed, dropped or added character', async () => {
    const random = new Random(seed);
    const token = await sign(CLAIMS);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ';
    for (let index = 0; index < token.length; index += 1) {
      const other = random.pick([...alphabet].filter((letter) => letter !== token[index]));
      for (const middle of [other, '', token[index] + other]) {
        const changed = token.slice(0, index) + middle + token.slice(index + 1);
        expect(await identity.verify(changed), `seed=${seed} index=${index}`).toEqual({
          ok: false,
          code: 'UNAUTHENTICATED',
        });
      }
    }
  });

  test('has no second spelling: the spare bits of its last character must be zero', async () => {
    const token = await sign(CLAIMS);
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = letters.indexOf(token.at(-1) ?? '');
    const twin = token.slice(0, -1) + letters[last ^ 1];
    expect(Buffer.from(twin.split('.')[2] ?? '', 'base64url')).toEqual(
      Buffer.from(token.split('.')[2] ?? '', 'base64url'),
    );
    expect(await identity.verify(twin)).toMatchObject({ ok: false });
  });

  test('is refused unsigned, and when an HMAC uses the public key as its secret', async () => {
    const none = `${encode({ alg: 'none' })}.${encode(CLAIMS)}.`;
    expect(await identity.verify(none)).toMatchObject({ ok: false });
    const input = `${encode({ alg: 'HS256', kid: 'first' })}.${encode(CLAIMS)}`;
    const signature = createHmac('sha256', await exportSPKI(publicKey))
      .update(input)
      .digest('base64url');
    expect(await identity.verify(`${input}.${signature}`)).toMatchObject({ ok: false });
  });

  test('is refused when it is no token at all', async () => {
    for (const text of ['', '.', '..', '...', 'null', 'x'.repeat(1_000_000)]) {
      expect(await identity.verify(text)).toEqual({ ok: false, code: 'UNAUTHENTICATED' });
    }
  });
});

describe('fault 55: an issuer whose keys are fetched', () => {
  let server: Server;
  let url: string;
  let fetchCount = 0;
  let isDown = false;
  let nowMs = 0;

  beforeAll(async () => {
    server = createServer((_, response) => {
      fetchCount += 1;
      if (isDown) response.writeHead(503).end();
      else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(jwks));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  function openRemote(): Identity {
    fetchCount = 0;
    isDown = false;
    nowMs = 0;
    const keys = { jwksUrl: url };
    return openIssuerIdentity({ issuer: ISSUER, keys, realMs: () => NOW_MS, monotonicMs: () => nowMs });
  }

  test('is asked once for many tokens, and again for an unknown key at most every 30 s', async () => {
    const remote = openRemote();
    for (let each = 0; each < 5; each += 1) {
      expect(await remote.verify(await sign({ ...CLAIMS, jti: String(each) }))).toMatchObject({ ok: true });
    }
    expect(fetchCount).toBe(1);
    const unknown = await Promise.all(Array.from({ length: 50 }, (_, each) => sign(CLAIMS, { kid: `flood-${each}` })));
    nowMs = 29_999;
    for (const token of unknown) expect(await remote.verify(token)).toMatchObject({ ok: false });
    expect(fetchCount).toBe(1);
    nowMs = 30_000;
    for (const token of unknown) expect(await remote.verify(token)).toMatchObject({ ok: false });
    expect(fetchCount).toBe(2);
  });

  test('that withdraws a key withdraws the tokens that were already let in with it', async () => {
    const remote = openRemote();
    const token = await sign(CLAIMS);
    for (const _ of [1, 2]) expect(await remote.verify(token)).toMatchObject({ ok: true });
    const { publicKey: next } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
    const rotated = [{ ...(await exportJWK(next)), kid: 'second', alg: 'EdDSA' }];
    const before = jwks;
    jwks = { keys: [...before.keys, ...rotated] };
    nowMs = 30_000;
    await remote.verify(await sign(CLAIMS, { kid: 'unknown' }));
    expect(await remote.verify(token)).toMatchObject({ ok: true });
    jwks = { keys: rotated };
    nowMs = 60_000;
    await remote.verify(await sign(CLAIMS, { kid: 'unknown' }));
    expect(await remote.verify(token)).toMatchObject({ ok: false, code: 'UNAUTHENTICATED' });
    jwks = before;
  });

  test('may be down: known keys go on working, and a flood of tokens asks at most every 30 s', async () => {
    const remote = openRemote();
    expect(await remote.verify(await sign(CLAIMS))).toMatchObject({ ok: true });
    isDown = true;
    nowMs = 60_000;
    for (let each = 0; each < 20; each += 1) await remote.verify(await sign(CLAIMS, { kid: `gone-${each}` }));
    expect(fetchCount).toBe(2);
    expect(await remote.verify(await sign({ ...CLAIMS, jti: 'later' }))).toMatchObject({ ok: true });
  });

  test('is asked before the first token comes, and its known keys judge without waiting', async () => {
    const remote = openRemote();
    expect(await remote.verify(await sign(CLAIMS))).toMatchObject({ ok: true });
    const [other, unknown] = [await sign({ ...CLAIMS, jti: 'other' }), await sign(CLAIMS, { kid: 'unknown' })];
    expect(remote.verify(other)).toMatchObject({ ok: true });
    expect(remote.verify(unknown)).toMatchObject({ ok: false });
    expect(fetchCount).toBe(1);
    nowMs = 30_000;
    const asking = remote.verify(unknown);
    expect(asking).toBeInstanceOf(Promise);
    expect(remote.verify(other)).toMatchObject({ ok: true });
    expect(await asking).toMatchObject({ ok: false });
  });

  test('is not asked for the key of a token whose claims would not do', async () => {
    const remote = openRemote();
    await remote.verify(await sign(CLAIMS));
    nowMs = 30_000;
    const token = await sign({ ...CLAIMS, aud: 'other' }, { kid: 'unknown' });
    expect(remote.verify(token)).toMatchObject({ ok: false });
    expect(fetchCount).toBe(1);
  });

  test('is asked again after a day, and without an answer nothing that it signed is believed any more', async () => {
    const remote = openRemote();
    await remote.verify(await sign(CLAIMS));
    isDown = true;
    nowMs = 24 * 3_600_000 - 1;
    expect(remote.verify(await sign({ ...CLAIMS, jti: 'in time' }))).toMatchObject({ ok: true });
    nowMs += 1;
    const late = await sign({ ...CLAIMS, jti: 'late' });
    expect(await remote.verify(late)).toMatchObject({ ok: false });
    expect(fetchCount).toBe(2);
    isDown = false;
    nowMs += 30_000;
    expect(await remote.verify(late)).toMatchObject({ ok: true });
  });

  test('may publish keys that nobody can read beside good ones', async () => {
    const [good] = jwks.keys;
    const broken = [{}, { kty: 'OKP', crv: 'Ed25519', x: 'AA' }, { ...good, kid: 'odd', key_ops: 5 }, { kty: 'RSA' }];
    jwks.keys.unshift(...(broken as JWK[]));
    const remote = openRemote();
    expect(await remote.verify(await sign(CLAIMS))).toMatchObject({ ok: true });
    expect(remote.verify(await sign(CLAIMS, { kid: 'odd' }))).toMatchObject({ ok: false });
    jwks.keys.splice(0, broken.length);
  });

  test('that was down from the start is asked again after 30 s', async () => {
    const remote = openRemote();
    isDown = true;
    for (let each = 0; each < 10; each += 1)
      expect(await remote.verify(await sign(CLAIMS))).toMatchObject({ ok: false });
    expect(fetchCount).toBe(1);
    isDown = false;
    nowMs = 30_000;
    expect(await remote.verify(await sign(CLAIMS))).toMatchObject({ ok: true });
  });
});

test('a subject has the form of its role', () => {
  expect(checkSubject('acquirer', '36081')).toEqual({ ok: true, subject: '36081' });
  expect(checkSubject('issuer', '12345')).toEqual({ ok: true, subject: '12345' });
  expect(checkSubject('operator', 'anna')).toEqual({ ok: true, subject: 'anna' });
  for (const subject of ['3608', '360811', '3608a', '']) expect(checkSubject('acquirer', subject).ok).toBe(false);
  // The app's channel is the app's: an issuer that had it could disable what others enabled.
  for (const subject of ['app-io-channel', '', 'x'.repeat(21), 'a b'])
    expect(checkSubject('issuer', subject).ok).toBe(false);
  for (const subject of ['', 'a\nb', 'x'.repeat(65)]) expect(checkSubject('operator', subject).ok).toBe(false);
});
