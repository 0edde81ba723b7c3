// Method: the real HTTP client before the simulated vault on a real port; ids in, hashes out.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { italy2020 } from '../../engine/index.ts';
import { hashPan } from '../../server/identity/hpan.ts';
import { encryptedOnly, HttpCardVault, OwnCardVault, Partner, PartnerSimulator } from '../../server/partners/index.ts';
import { PARTNER_LIMITS } from '../../server/partners/partner.ts';
import { PgpFault } from '../../server/pgp/index.ts';

const VAULT = 'card-vault';
const PAN = '9999000000000001';

let simulator: PartnerSimulator;
let url: string;
beforeEach(async () => {
  simulator = new PartnerSimulator();
  url = await simulator.listen(0);
});
afterEach(() => simulator.close());

const vault = (limits = PARTNER_LIMITS) => new HttpCardVault(new Partner({ url, key: 'KEY', limits }));

test('the vault over HTTP and the one in this process give the same hash', async () => {
  const { panSalt } = italy2020();
  const hpan = hashPan(PAN, panSalt);
  expect(await vault().hash(PAN)).toEqual({ ok: true, value: hpan });
  expect(await new OwnCardVault(panSalt).hash(` ${PAN} `)).toEqual({ ok: true, value: hpan });
  simulator.control(VAULT, { salt: 'ANOTHER' });
  expect(await vault().hash(PAN)).toEqual({ ok: true, value: hashPan(PAN, 'ANOTHER') });
});

test('what is no id is refused without asking; a vault that is down is told as such', async () => {
  for (const each of [vault(), new OwnCardVault('S')]) {
    expect(await each.hash('  ')).toEqual({ ok: false, code: 'FIELD_INVALID', detail: 'id' });
  }
  expect(simulator.callCount(VAULT)).toBe(0);
  const unavailable = { ok: false, code: 'PARTNER_UNAVAILABLE' };
  for (const mode of ['down', 'unavailable']) {
    simulator.control(VAULT, { mode });
    expect(await vault().hash(PAN)).toEqual(unavailable);
  }
  simulator.control(VAULT, { mode: 'silent' });
  expect(await vault({ ...PARTNER_LIMITS, callMsMax: 20 }).hash(PAN)).toEqual(unavailable);
});

test('one that fails again and again is silent until it answers', async () => {
  const partner = new Partner({ url, limits: { ...PARTNER_LIMITS, failuresMax: 3, restMs: 0 } });
  const own = new HttpCardVault(partner);
  expect(partner.isSilent).toBe(false);
  simulator.control(VAULT, { mode: 'down' });
  for (const isSilent of [false, false, true, true]) {
    await own.hash(PAN);
    expect(partner.isSilent).toBe(isSilent);
  }
  simulator.control(VAULT, { mode: 'up' });
  expect(await own.hash(PAN)).toMatchObject({ ok: true });
  expect(partner.isSilent).toBe(false);
});

test('what is encrypted is decrypted by the vault in this process, and handed on to one elsewhere as it came', async () => {
  const message = 'm'.repeat(200);
  const own = new OwnCardVault('S', async (sent) => (sent === message ? ` ${PAN}\n` : message));
  expect(await own.hash(message)).toEqual({ ok: true, value: hashPan(PAN, 'S') });
  expect(await own.hash(PAN)).toEqual({ ok: true, value: hashPan(PAN, 'S') });
  expect(await own.hash(`${message}m`)).toEqual({ ok: false, code: 'FIELD_INVALID', detail: 'id' });
  expect(await new OwnCardVault('S').hash(message)).toMatchObject({ ok: false, code: 'PGP_NOT_CONFIGURED' });
  const failing = new OwnCardVault('S', () => Promise.reject(new PgpFault('PGP_INVALID')));
  expect(await failing.hash(message)).toEqual({ ok: false, code: 'PGP_INVALID', detail: 'id' });

  expect(await vault().hash(message)).toEqual({ ok: true, value: hashPan(message, italy2020().panSalt) });
  expect(await encryptedOnly(own).hash(PAN)).toEqual({ ok: false, code: 'PGP_REQUIRED', detail: 'id' });
  expect(await encryptedOnly(own).hash(message)).toEqual({ ok: true, value: hashPan(PAN, 'S') });
});

test('a simulated partner says what it does not understand', async () => {
  const put = (name: string, body: object) =>
    fetch(`${url}/control/${name}`, { method: 'PUT', body: JSON.stringify(body) });
  expect((await put(VAULT, { mode: 'down' })).status).toBe(204);
  expect((await put(VAULT, { mode: 'lazy' })).status).toBe(400);
  expect((await put(VAULT, { colour: 'red' })).status).toBe(400);
  expect((await put('nobody', {})).status).toBe(400);
  expect((await fetch(`${url}/elsewhere`)).status).toBe(404);
});
