// Method: a few citizens act through the traffic of the replay on a real engine behind real sockets; the audit must
// find everything there, and must notice each lie that is then written into the ledger by hand.

import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { type AuditResult, audit } from '../../client/replay/audit.ts';
import { type Acknowledged, Ledger } from '../../client/replay/ledger.ts';
import { Meter } from '../../client/replay/meter.ts';
import { planOperations } from '../../client/replay/plan.ts';
import { Population } from '../../client/replay/population.ts';
import type { Purchase } from '../../client/replay/purchases.ts';
import { SeededRandom } from '../../client/replay/random.ts';
import { Traffic } from '../../client/replay/traffic.ts';
import { newCommandId, type SocketConstructor } from '../../client/sdk/index.ts';
import type { Answer } from '../../engine/contract.ts';
import { TRANSPORT_BUFFERED_BYTES_MAX, TRANSPORT_FRAME_BYTES_MAX } from '../../server/admission/index.ts';
import type { Verification } from '../../server/identity/identity.ts';
import { createSocketHandlers, type SessionHandlers } from '../../server/session/index.ts';
import { type Listening, listen } from '../../server/transport/index.ts';
import { seed } from '../support/random.ts';
import { World } from '../support/world.ts';

const NodeSocket = WebSocket as unknown as SocketConstructor;
const AWARD_PERIOD = 1;

const citizen = (subject: string): Verification => ({
  ok: true,
  principal: { role: 'citizen', subject, expiresAtMs: Number.MAX_SAFE_INTEGER },
});

let world: World;
let handlers: SessionHandlers;
let listening: Listening;
/** What really happened; never doctored. */
const played = new Ledger();
const meter = new Meter();

beforeAll(async () => {
  world = await World.open({ now: '2020-12-07T10:00:00+01:00' });
  handlers = createSocketHandlers({
    readFailed: (fault) => {
      throw fault;
    },
    engine: world.engine,
    // The token is the tax code: who may sign is another test's matter.
    identity: { read: (token) => ({ isKnown: false, claimed: null, verify: () => citizen(token) }), verify: citizen },
    clock: { nowMs: () => world.nowMs },
    realMs: Date.now,
    monotonicMs: () => performance.now(),
    random: () => 0.5,
    pause,
    repeat: () => () => {},
  });
  listening = await listen('ws', {
    host: '127.0.0.1',
    port: 0,
    http: async () => ({ status: 404, headers: {}, body: '' }),
    sockets: handlers,
    frameBytesMax: TRANSPORT_FRAME_BYTES_MAX,
    bufferedBytesMax: TRANSPORT_BUFFERED_BYTES_MAX,
  });
  await play();
});

afterAll(async () => {
  handlers.stop();
  await listening.close();
});

const url = () => `http://127.0.0.1:${listening.port}`;

async function play(): Promise<void> {
  const operations = planOperations(new Population(seed), { scale: 0.01, durationMs: 400 }, new SeededRandom(seed));
  const salt = world.engine.programme.panSalt;
  const traffic = new Traffic({
    url: url(),
    WebSocket: NodeSocket,
    tokenOf: ({ taxCode }) => taxCode,
    hpanOf: ({ pan }) =>
      createHash('sha256')
        .update(pan + salt)
        .digest('hex'),
    meter,
    ledger: played,
  });
  await traffic.run(operations);
}

function check(ledger: Ledger, purchases: readonly Purchase[] = []): Promise<AuditResult> {
  return audit({
    url: url(),
    WebSocket: NodeSocket,
    tokenOf: (taxCode) => taxCode,
    ledger,
    awardPeriodId: AWARD_PERIOD,
    standings: () => ledger.standings(purchases),
    onProgress: () => {},
  });
}

/** One enrolment as it was acknowledged, to be written into a ledger of its own. */
function anEnrolment(): Acknowledged & { readonly answer: Answer } {
  const found = played.commands.find(({ kind }) => kind === 'enrol');
  if (!found?.answer) throw new Error('nobody enrolled');
  return { ...found, answer: found.answer };
}

function ledgerOf(...commands: readonly Acknowledged[]): Ledger {
  const ledger = new Ledger();
  for (const command of commands) ledger.note(command);
  return ledger;
}

test('everything acknowledged is found, and everyone is asked', async () => {
  const result = await check(played);
  expect(result.differences).toEqual([]);
  expect(result.citizens).toBeGreaterThan(0);
  expect(result.commandsAsked).toBe(played.commands.length);
  expect(meter.total('lost')).toBe(0);
  expect([meter.inFlight, meter.sockets]).toEqual([0, 0]);
});

test('notices a command that was acknowledged and is not there', async () => {
  const { taxCode } = anEnrolment();
  const answer = { validationStatus: 'OK' } as const;
  const ledger = ledgerOf({ taxCode, id: newCommandId(), kind: 'setIban', hpan: null, answer });
  const { differences } = await check(ledger);
  expect(differences).toEqual([expect.stringMatching(/^setIban \w+ was acknowledged and is not there$/)]);
});

test('notices a command that was refused and is there', async () => {
  const enrolment = anEnrolment();
  const ledger = ledgerOf({ ...enrolment, answer: null });
  ledger.refuse(enrolment.id);
  expect((await check(ledger)).differences).toEqual([`enrol ${enrolment.id} was refused and is there`]);
});

test('notices an answer that is kept otherwise than it was given', async () => {
  const enrolment = anEnrolment();
  const ledger = ledgerOf({ ...enrolment, answer: { ...enrolment.answer, termsMs: 1 } });
  expect((await check(ledger)).differences).toEqual([expect.stringContaining('and is kept as')]);
});

test('settles a command whose reply was lost by asking for it', async () => {
  const enrolment = anEnrolment();
  const ledger = ledgerOf({ ...enrolment, answer: null });
  expect(await check(ledger)).toMatchObject({ unknownSettled: 1, differences: [] });
  expect(ledger.citizens.get(enrolment.taxCode)).toBe(enrolment.answer.termsMs);
});

test('notices a rank, a count and a total that differ', async () => {
  const enabled = played.commands.find(({ kind, answer }) => kind === 'enableCashback' && answer !== null)!;
  const hpan = enabled.hpan!;
  const ledger = ledgerOf(...played.commands.filter(({ taxCode }) => taxCode === enabled.taxCode));
  const trxMs = Date.parse('2020-12-10T10:00:00+01:00');
  const rest = { acquirer: '36081', circuitType: '01', idTrxAcquirer: '1', correlationId: '', merchant: 1 };
  const unpaid = { hpan, trxMs, paidMs: trxMs, amountCents: 4_500, isReversal: false, ...rest };
  const { differences } = await check(ledger, [unpaid]);
  expect(differences).toContainEqual(expect.stringContaining('0 take part in the ranking, not 1'));
  expect(differences).toContainEqual(expect.stringMatching(/has 0 cents of cashback, not 450/));
  expect(differences).toContainEqual(expect.stringMatching(/has 0 payments, not 1/));
});
