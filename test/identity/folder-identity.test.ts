// Method: a temporary folder per test, opened once, many times at once;
// then damaged. What one of them signs, every other must accept.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/programme/index.ts';
import { openFolderIdentity } from '../../server/identity/folder-identity.ts';

const ASKED = { role: 'citizen', subject: makeTaxCode(1), ttlSeconds: 60 } as const;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clickday-identity-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('what it signs it accepts, also after it was opened again', async () => {
  const first = await openFolderIdentity(folder);
  const token = await first.sign(ASKED);
  expect(await first.identity.verify(token)).toMatchObject({ ok: true, principal: { subject: ASKED.subject } });
  const second = await openFolderIdentity(folder);
  expect(await second.identity.verify(token)).toMatchObject({ ok: true });
});

test('another folder does not accept it', async () => {
  const other = await mkdtemp(join(tmpdir(), 'clickday-identity-'));
  const token = await (await openFolderIdentity(other)).sign(ASKED);
  const here = await openFolderIdentity(folder);
  expect(await here.identity.verify(token)).toEqual({ ok: false, code: 'UNAUTHENTICATED' });
  await rm(other, { recursive: true });
});

test('opened many times at once on an empty folder it has one key, which only its owner can read', async () => {
  for (let round = 0; round < 10; round += 1) {
    const data = join(folder, `${round}`);
    const opened = await Promise.all(Array.from({ length: 8 }, () => openFolderIdentity(data)));
    const tokens = await Promise.all(opened.map((each) => each.sign(ASKED)));
    for (const { identity } of opened) {
      for (const token of tokens) expect(await identity.verify(token)).toMatchObject({ ok: true });
    }
    expect(await readdir(join(data, 'identity'))).toEqual(['development.jwk']);
    expect((await stat(join(data, 'identity', 'development.jwk'))).mode & 0o777).toBe(0o600);
  }
});

test('a damaged key is named, not replaced', async () => {
  await openFolderIdentity(folder);
  const file = join(folder, 'identity', 'development.jwk');
  const whole = await readFile(file, 'utf8');
  for (const text of ['', '{', '[]', 'null', whole.slice(0, -2), whole.replace('Ed25519', 'X25519')]) {
    await writeFile(file, text);
    await expect(openFolderIdentity(folder)).rejects.toMatchObject({ code: 'IDENTITY_DAMAGED' });
    expect(await readFile(file, 'utf8')).toBe(text);
  }
});

test('a token expires in real time', async () => {
  let nowMs = Date.UTC(2026, 0, 1);
  const { sign, identity } = await openFolderIdentity(folder, { realMs: () => nowMs });
  const token = await sign(ASKED);
  nowMs += 60_000;
  expect(await identity.verify(token)).toEqual({ ok: false, code: 'TOKEN_EXPIRED' });
});

test('a wallet session is of the same citizen, lives ten minutes or as long as the token, and is no token', async () => {
  let nowMs = Date.UTC(2026, 0, 1);
  const { sign, identity, walletSessions } = await openFolderIdentity(folder, { realMs: () => nowMs });
  for (const [ttlSeconds, livesMs] of [
    [3_600, 600_000],
    [60, 60_000],
  ] as const) {
    const token = await sign({ ...ASKED, ttlSeconds });
    const asked = await identity.verify(token);
    if (!asked.ok) throw new Error(asked.code);
    const session = await walletSessions.open(asked.principal);
    expect(session.expiresAtMs).toBe(nowMs + livesMs);
    const principal = { ...asked.principal, expiresAtMs: session.expiresAtMs };
    expect(await walletSessions.verify(session.token)).toEqual({ ok: true, principal });
    expect(await identity.verify(session.token)).toEqual({ ok: false, code: 'UNAUTHENTICATED' });
    expect(await walletSessions.verify(token)).toEqual({ ok: false, code: 'UNAUTHENTICATED' });
    nowMs += livesMs;
    expect(await walletSessions.verify(session.token)).toEqual({ ok: false, code: 'TOKEN_EXPIRED' });
  }
});

test('nobody is named wrongly', async () => {
  const { sign } = await openFolderIdentity(folder);
  for (const [role, subject] of [
    ['citizen', 'NOBODY'],
    ['acquirer', 'abc'],
    ['issuer', 'app-io-channel'],
  ] as const) {
    await expect(sign({ role, subject, ttlSeconds: 60 })).rejects.toMatchObject({ code: 'SUBJECT_INVALID' });
  }
});
