// Method: a real engine over a disk in memory, the real HTTP client, and the simulated bank service on a real port.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeIban } from '../../engine/index.ts';
import { createMetrics } from '../../server/metrics.ts';
import { HttpIbanChecker, Partner, PartnerSimulator, withCheckedIbans } from '../../server/partners/index.ts';
import { PARTNER_LIMITS, type PartnerLimits } from '../../server/partners/partner.ts';
import { storage } from '../http/http-server.ts';
import { freshStats, testService } from '../support/service.ts';
import { type Citizen, World } from '../support/world.ts';

const TAX_CODE = 'RSSMRA80A01H501U';
const [OLD, NEW] = [makeIban(1), makeIban(2)];
const HOLDER = { accountHolderCF: TAX_CODE, accountHolderName: 'Maria', accountHolderSurname: 'Rossi' };
const CHECKER = 'iban-checker';
/** On a busy machine nothing is cut off that would have come. */
const LIMITS = { ...PARTNER_LIMITS, callMsMax: 60_000, failuresMax: 3 };

let bank: PartnerSimulator;
let world: World;
let citizen: Citizen;

beforeEach(async () => {
  bank = new PartnerSimulator();
  await open(await bank.listen(0), LIMITS);
});

async function open(url: string, limits: PartnerLimits): Promise<void> {
  const plain = await World.open();
  const monotonicMs = () => performance.now();
  const metrics = createMetrics({
    monotonicMs,
    socketCount: () => 0,
    service: testService(),
    stats: freshStats(plain.engine),
    storage,
    shipping: () => null,
    threads: () => [],
  });
  const checker = new HttpIbanChecker(new Partner({ url, limits }));
  const engine = withCheckedIbans(metrics.observe(plain.engine), checker);
  world = World.over(engine, plain.nowMs, () => {}, plain.faults);
  citizen = world.citizen(TAX_CODE);
}

afterEach(() => bank.close());

const setIban = (iban: string, more: { readonly technicalAccountHolder?: string; readonly id?: string } = {}) => {
  const { id = world.nextId(), ...fields } = more;
  return citizen.do({ kind: 'setIban', iban, ...HOLDER, ...fields }, id);
};

describe('G43: what the bank service says decides what is stored and what is answered', () => {
  const done = (validationStatus: string) => ({ ok: true, answer: { validationStatus } });
  const cases = [
    { says: { answers: { [NEW]: 'OK' } }, reply: done('OK'), stored: [NEW, 'OK'] },
    { says: { answers: { [NEW]: 'KO' } }, reply: done('KO'), stored: [OLD, 'OK'] },
    { says: { answers: { [NEW]: 'NOTHING' } }, reply: done('KO'), stored: [OLD, 'OK'] },
    { says: { answers: { [NEW]: 400 } }, reply: { ok: false, code: 'IBAN_INVALID' }, stored: [OLD, 'OK'] },
    { says: { answers: { [NEW]: 501 } }, reply: done('UNKNOWN_PSP'), stored: [NEW, 'UNKNOWN_PSP'] },
    { says: { answers: { [NEW]: 502 } }, reply: done('UNKNOWN_PSP'), stored: [NEW, 'UNKNOWN_PSP'] },
    { says: { answers: { [NEW]: 500 } }, reply: { ok: false, code: 'INTERNAL_ERROR' }, stored: [OLD, 'OK'] },
    // R13: the service itself is down.
    { says: { mode: 'down' }, reply: done('UNKNOWN_PSP'), stored: [NEW, 'UNKNOWN_PSP'] },
    { says: { mode: 'unavailable' }, reply: done('UNKNOWN_PSP'), stored: [NEW, 'UNKNOWN_PSP'] },
  ];
  test.each(cases)('$says', async ({ says, reply, stored: [iban, ibanCheckStatus] }) => {
    await citizen.do({ kind: 'enrol' });
    expect(await setIban(OLD)).toMatchObject(done('OK'));
    bank.control(CHECKER, says);
    expect(await setIban(NEW)).toMatchObject(reply);
    expect(await citizen.wallet()).toMatchObject({ iban, ibanCheckStatus });
  });
});

test('R13: a bank service that does not answer in time holds up nobody', async () => {
  await bank.close();
  bank = new PartnerSimulator();
  await open(await bank.listen(0), { ...LIMITS, callMsMax: 20 });
  bank.control(CHECKER, { mode: 'silent' });
  await citizen.do({ kind: 'enrol' });
  expect(await setIban(NEW)).toMatchObject({ ok: true, answer: { validationStatus: 'UNKNOWN_PSP' } });
  expect(await citizen.wallet()).toMatchObject({ iban: NEW, ibanCheckStatus: 'UNKNOWN_PSP' });
});

test('nobody is asked about a technical account, a malformed IBAN, or who is not enrolled', async () => {
  expect(await setIban(NEW)).toMatchObject({ code: 'CITIZEN_NOT_FOUND' });
  await citizen.do({ kind: 'enrol' });
  expect(await setIban('IT00X')).toMatchObject({ code: 'IBAN_INVALID' });
  expect(await setIban(NEW, { technicalAccountHolder: 'Hype S.p.A.' })).toMatchObject({
    answer: { validationStatus: 'OK' },
  });
  expect(await citizen.wallet()).toMatchObject({ technicalAccountHolder: 'Hype S.p.A.', ibanCheckStatus: 'OK' });
  await citizen.do({ kind: 'leave' });
  expect(await setIban(NEW)).toMatchObject({ code: 'CITIZEN_NOT_ENABLED' });
  expect(bank.callCount(CHECKER)).toBe(0);
});

test('a retry is answered as the first time, whatever the bank would say now', async () => {
  await citizen.do({ kind: 'enrol' });
  const id = world.nextId();
  expect(await setIban(NEW, { id })).toMatchObject({ answer: { validationStatus: 'OK' }, repeated: false });
  bank.control(CHECKER, { answers: { [NEW]: 'KO' } });
  expect(await setIban(NEW, { id })).toMatchObject({ answer: { validationStatus: 'OK' }, repeated: true });
  expect(bank.callCount(CHECKER)).toBe(1);
  expect(await setIban(OLD, { id })).toMatchObject({ code: 'ID_REUSED' });
});

test('a citizen who leaves while the bank is asked leaves after the IBAN is set', async () => {
  await citizen.do({ kind: 'enrol' });
  bank.control(CHECKER, { delayMs: 30 });
  const order: string[] = [];
  await Promise.all([
    setIban(NEW).then(() => order.push('iban')),
    citizen.do({ kind: 'leave' }).then(() => order.push('leave')),
  ]);
  expect(order).toEqual(['iban', 'leave']);
  expect(await citizen.wallet()).toMatchObject({ enabled: false, iban: null });
});

test('a service that fails again and again is left alone, and others do not wait for it', async () => {
  await citizen.do({ kind: 'enrol' });
  bank.control(CHECKER, { mode: 'down' });
  for (let call = 0; call < LIMITS.failuresMax + 5; call += 1) {
    expect(await setIban(makeIban(10 + call))).toMatchObject({ answer: { validationStatus: 'UNKNOWN_PSP' } });
  }
  expect(bank.callCount(CHECKER)).toBe(LIMITS.failuresMax);
});
