// Method: the real HTTP client before the simulated banks on a real port, which say what they charged.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HttpCardCharges, Partner, PartnerSimulator } from '../../server/partners/index.ts';
import { PARTNER_LIMITS } from '../../server/partners/partner.ts';
import { hpan } from '../support/world.ts';

const CHARGES = 'card-charges';
const UNAVAILABLE = { ok: false, code: 'PARTNER_UNAVAILABLE' };
const [KEY, CARD] = ['0'.repeat(32), hpan(1)];

let simulator: PartnerSimulator;
let url: string;
beforeEach(async () => {
  simulator = new PartnerSimulator();
  url = await simulator.listen(0);
});
afterEach(() => simulator.close());

const charges = (limits = PARTNER_LIMITS) => new HttpCardCharges(new Partner({ url, limits }));
const charged = async () => (await fetch(`${url}/v1/charges`)).json();

test('two cents, once for one key', async () => {
  for (const _ of ['once', 'twice']) expect(await charges().charge({ key: KEY, hpan: CARD })).toEqual({ ok: true });
  expect(await charged()).toEqual([{ key: KEY, hpan: CARD, amountCents: 2, currency: 'EUR' }]);
  expect(await charges().charge({ key: `${KEY}1`, hpan: CARD })).toEqual({ ok: true });
  expect(await charged()).toHaveLength(2);
});

test('a bank that answers too late has charged, and says so when it is asked again', async () => {
  simulator.control(CHARGES, { delayMs: 600_000 });
  expect(await charges({ ...PARTNER_LIMITS, callMsMax: 200 }).charge({ key: KEY, hpan: CARD })).toEqual(UNAVAILABLE);
  simulator.control(CHARGES, {});
  expect(await charges().charge({ key: KEY, hpan: CARD })).toEqual({ ok: true });
  expect(await charged()).toHaveLength(1);
});

test('a refusal is one only where the bank says it, and stands under its key', async () => {
  simulator.control(CHARGES, { refused: [CARD] });
  const refused = { ok: false, code: 'CARD_REFUSED' };
  expect(await charges().charge({ key: KEY, hpan: CARD })).toEqual(refused);
  for (const mode of ['down', 'unavailable']) {
    simulator.control(CHARGES, { mode });
    expect(await charges().charge({ key: KEY, hpan: CARD })).toEqual(UNAVAILABLE);
  }
  simulator.control(CHARGES, {});
  expect(await charges().charge({ key: KEY, hpan: CARD })).toEqual(refused);
  // What nobody has agreed on is no refusal: the card stays.
  expect(await charges().charge({ key: KEY, hpan: hpan(2) })).toEqual(UNAVAILABLE);
  expect(await charged()).toEqual([]);
});

test('one that fails ten times in a row is left alone', async () => {
  simulator.control(CHARGES, { mode: 'down' });
  const port = charges();
  for (let call = 0; call < 12; call += 1) expect(await port.charge({ key: KEY, hpan: CARD })).toEqual(UNAVAILABLE);
  expect(simulator.callCount(CHARGES)).toBe(10);
});
