// Method: one corpus of tokens, good and bad, each signed by hand so that nothing in it is too wrong to be signed; jose
// judges each one from scratch, and ours must say the same, at once. Keys of every kind, usable and not, are in the set.
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createLocalJWKSet, errors, type JWK, jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/programme/index.ts';
import { AUDIENCE, openIssuerIdentity } from '../../server/identity/tokens.ts';
import { Random, seed } from '../support/random.ts';

const ISSUER = 'https://issuer.test';
const NOW_MS = Date.UTC(2026, 0, 1) + 500;
const NOW_SECONDS = Math.floor(NOW_MS / 1_000);
const CLAIMS = { iss: ISSUER, aud: AUDIENCE, sub: makeTaxCode(7), role: 'citizen', exp: NOW_SECONDS + 600 };

interface Signer {
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly jwk: JWK;
}

/** By key id. */
const SIGNERS: Readonly<Record<string, Signer>> = {
  edwards: signer('EdDSA', generateKeyPairSync('ed25519')),
  curve: signer('ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  primes: signer('RS256', generateKeyPairSync('rsa', { modulusLength: 2_048 })),
  bound: signer('EdDSA', generateKeyPairSync('ed25519'), { alg: 'EdDSA', use: 'sig', key_ops: ['verify'] }),
  boundToOther: signer('RS256', generateKeyPairSync('rsa', { modulusLength: 2_048 }), { alg: 'PS256' }),
  encrypting: signer('EdDSA', generateKeyPairSync('ed25519'), { use: 'enc' }),
  signing: signer('EdDSA', generateKeyPairSync('ed25519'), { key_ops: ['sign'] }),
  weak: signer('RS256', generateKeyPairSync('rsa', { modulusLength: 1_024 })),
  otherCurve: signer('ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' })),
  leaked: leak(signer('EdDSA', generateKeyPairSync('ed25519'))),
};
const STRANGER = signer('EdDSA', generateKeyPairSync('ed25519'));

const jwks = { keys: Object.entries(SIGNERS).map(([kid, { jwk }]) => ({ kid, ...jwk })) };
for (const kid of ['twin', 'twin']) jwks.keys.push({ ...STRANGER.jwk, kid });
const joseKeys = createLocalJWKSet(jwks);
const identity = openIssuerIdentity({
  issuer: ISSUER,
  keys: { jwks },
  realMs: () => NOW_MS,
  monotonicMs: () => 0,
});

function signer(alg: string, pair: { privateKey: KeyObject; publicKey: KeyObject }, more: JWK = {} as JWK): Signer {
  return { alg, privateKey: pair.privateKey, jwk: { ...(pair.publicKey.export({ format: 'jwk' }) as JWK), ...more } };
}

function leak(one: Signer): Signer {
  return { ...one, jwk: one.privateKey.export({ format: 'jwk' }) as JWK };
}

function signatureOf(input: string, { alg, privateKey }: Signer, dsaEncoding: 'der' | 'ieee-p1363' = 'ieee-p1363') {
  const digest = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`;
  return sign(digest, Buffer.from(input), { key: privateKey, dsaEncoding });
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A text or bytes stand for themselves, anything else for its JSON. */
function tokenOf(header: unknown, payload: unknown, by: Signer): string {
  const isRaw = typeof payload === 'string' || payload instanceof Uint8Array;
  const input = `${encode(header)}.${isRaw ? Buffer.from(payload).toString('base64url') : encode(payload)}`;
  return `${input}.${signatureOf(input, by).toString('base64url')}`;
}

type Verdict = 'good' | 'UNAUTHENTICATED' | 'TOKEN_EXPIRED';

async function verdictOfJose(token: string): Promise<Verdict> {
  try {
    const { payload } = await jwtVerify(token, joseKeys, {
      algorithms: ['EdDSA', 'RS256', 'ES256'],
      issuer: ISSUER,
      audience: AUDIENCE,
      requiredClaims: ['sub', 'role', 'exp'],
      currentDate: new Date(NOW_MS),
      clockTolerance: 5,
    });
    // The tolerance is for what is not valid yet; expiry has none.
    return payload.exp! * 1_000 > NOW_MS ? 'good' : 'TOKEN_EXPIRED';
  } catch (error) {
    return error instanceof errors.JWTExpired ? 'TOKEN_EXPIRED' : 'UNAUTHENTICATED';
  }
}

function verdictOfOurs(token: string): Verdict {
  const verification = identity.verify(token);
  if (verification instanceof Promise) throw new Error('with all keys at hand there is nothing to wait for');
  return verification.ok ? 'good' : verification.code;
}

/** Judges all, twice by us since the second time may be from memory, and counts the verdicts. */
async function judge(tokens: readonly string[]): Promise<Record<Verdict, number>> {
  const counts = { good: 0, UNAUTHENTICATED: 0, TOKEN_EXPIRED: 0 };
  for (const token of tokens) {
    const expected = await verdictOfJose(token);
    const told = token.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'));
    for (const _ of ['first', 'again']) expect(verdictOfOurs(token), `seed=${seed} ${told}`).toBe(expected);
    counts[expected] += 1;
  }
  return counts;
}

const ALGORITHMS = [
  'EdDSA',
  'RS256',
  'ES256',
  'ES384',
  'PS256',
  'Ed25519',
  'HS256',
  'none',
  'eddsa',
  '',
  null,
  1,
  ['EdDSA'],
];
const KEY_IDS = [...Object.keys(SIGNERS), 'twin', 'nobody', '', null, 1, undefined];

test('every key with every algorithm and key id is judged as jose does', async () => {
  const tokens = Object.values(SIGNERS).flatMap((by) =>
    [by.alg, ...ALGORITHMS, undefined].flatMap((alg) => KEY_IDS.map((kid) => tokenOf({ alg, kid }, CLAIMS, by))),
  );
  tokens.push(...KEY_IDS.map((kid) => tokenOf({ alg: 'EdDSA', kid }, CLAIMS, STRANGER)));
  const { good } = await judge(tokens);
  // Each usable key under its own id, once as itself and once from the list; and the only ES256 key also without an id.
  expect(good).toBe(2 * 4 + 2);
});

test('extensions and types in the header are judged as jose does', async () => {
  const by = SIGNERS.edwards!;
  // Left out: `crit` naming `b64` with the value true, which changes nothing; jose takes it, we take no `crit` at all.
  const extras: readonly Record<string, unknown>[] = [
    ...[[], ['exp'], null, 'exp', ['b64'], [1], [''], {}].map((crit) => ({ crit })),
    { crit: ['b64'], b64: false },
    { crit: ['exp'], exp: 1 },
    ...[false, true, 1].map((b64) => ({ b64 })),
    ...['JWT', 'at+jwt', 'x', 1, null].map((typ) => ({ typ })),
    { jku: 'https://elsewhere.test/jwks', jwk: STRANGER.jwk, x5u: 'https://elsewhere.test', cty: 'JWT' },
  ];
  const tokens = extras.map((extra) => tokenOf({ alg: 'EdDSA', kid: 'edwards', ...extra }, CLAIMS, by));
  tokens.push(tokenOf({ alg: 'EdDSA', kid: 'edwards', jwk: STRANGER.jwk }, CLAIMS, STRANGER));
  for (const header of [null, [], 1, 'x', {}, [{ alg: 'EdDSA' }]]) tokens.push(tokenOf(header, CLAIMS, by));
  expect((await judge(tokens)).good).toBe(9);
});

/** What each claim may be, right and wrong; undefined leaves it out. */
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  iss: [ISSUER, `${ISSUER}/`, '', null, [ISSUER], undefined],
  aud: [
    AUDIENCE,
    [AUDIENCE],
    ['other', AUDIENCE],
    ['other'],
    [],
    [[AUDIENCE]],
    'other',
    '',
    { 0: AUDIENCE },
    undefined,
  ],
  exp: [1, 0, -4, -5, -6, -600].map((seconds) => NOW_SECONDS + seconds).concat([0, -1, 0.5, NOW_SECONDS + 0.6]),
  nbf: [undefined, NOW_SECONDS, NOW_SECONDS + 5, NOW_SECONDS + 5.1, NOW_SECONDS + 6, 0, -1, '0', null, true],
  iat: [undefined, NOW_SECONDS, NOW_SECONDS + 10_000, 0, '0', null, [], {}],
  sub: [CLAIMS.sub, undefined],
  role: [CLAIMS.role, undefined],
  extra: [undefined, null, { deep: [1] }],
};

test('every value of one claim is judged as jose does', async () => {
  const header = { alg: 'EdDSA', kid: 'edwards' };
  const tokens = Object.entries(VALUES).flatMap(([name, values]) =>
    values.map((value) => tokenOf(header, { ...CLAIMS, [name]: value }, SIGNERS.edwards!)),
  );
  for (const exp of ['never', null, undefined, {}, true])
    tokens.push(tokenOf(header, { ...CLAIMS, exp }, SIGNERS.edwards!));
  const counts = await judge(tokens);
  expect(counts.TOKEN_EXPIRED).toBeGreaterThan(5);
  expect(counts.good).toBeGreaterThan(15);
});

test('random mixtures of claims, keys and damage are judged as jose does', async () => {
  const random = new Random(seed);
  const tokens = Array.from({ length: 1_500 }, () => {
    const kid = random.pick(['edwards', 'curve', 'bound']);
    const claims: Record<string, unknown> = { ...CLAIMS };
    for (let changes = random.below(3); changes > 0; changes -= 1) {
      const name = random.pick(Object.keys(VALUES));
      claims[name] = random.pick(VALUES[name]!);
    }
    const by = random.below(10) === 0 ? STRANGER : SIGNERS[kid]!;
    return tokenOf({ alg: SIGNERS[kid]!.alg, kid }, claims, by);
  });
  for (const count of Object.values(await judge(tokens))) expect(count).toBeGreaterThan(50);
});

test('a payload that is no object of claims is judged as jose does', async () => {
  const json = JSON.stringify(CLAIMS);
  const inside = json.slice(1, -1);
  const payloads: readonly (string | Uint8Array)[] = [
    ...[
      '',
      ' ',
      'null',
      '[]',
      '1',
      '"x"',
      '{',
      '{}',
      `[${json}]`,
      `${json}x`,
      `${json},`,
      ` ${json}\n`,
      `\uFEFF${json}`,
    ],
    ...[
      `{${inside},"iss":"other"}`,
      `{"iss":"other",${inside}}`,
      `{"__proto__":${json}}`,
      `{${inside},"__proto__":null}`,
    ],
    ...[
      `{${inside},"exp":1e999}`,
      `{${inside},"toString":1}`,
      `{${inside},"x":"\\ud800"}`,
      json.replace('iss', '\\u0069ss'),
    ],
    Buffer.concat([Buffer.from(`{${inside},"x":"`), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]),
    Buffer.from(json, 'utf16le'),
  ];
  const tokens = payloads.map((payload) => tokenOf({ alg: 'EdDSA', kid: 'edwards' }, payload, SIGNERS.edwards!));
  expect((await judge(tokens)).good).toBeGreaterThan(5);
});

test('a signature of any other length, encoding or maker is judged as jose does', async () => {
  const tokens: string[] = [];
  for (const [kid, by] of Object.entries(SIGNERS)) {
    const input = `${encode({ alg: by.alg, kid })}.${encode(CLAIMS)}`;
    const signature = signatureOf(input, by);
    const others = [
      ...[0, 1, 32, 63, 64, 65, 72, 128, 255, 256, 257].flatMap((bytes) => [
        Buffer.alloc(bytes),
        Buffer.alloc(bytes, 255),
      ]),
      ...[-1, -2, -32].map((end) => signature.subarray(0, end)),
      Buffer.concat([signature, Buffer.alloc(1)]),
      Buffer.concat([Buffer.alloc(1), signature]),
      signatureOf(input, by, 'der'),
      signatureOf(`${input} `, by),
      createHmac('sha256', JSON.stringify(by.jwk)).update(input).digest(),
      ...Object.values(SIGNERS).map((other) => signatureOf(input, other)),
    ];
    tokens.push(...others.map((other) => `${input}.${other.toString('base64url')}`));
  }
  const good = (await judge(tokens)).good;
  // The right one of the four usable keys; the encoding makes no difference to the three that are not of ECDSA.
  expect(good).toBe(4 + 3);
});
