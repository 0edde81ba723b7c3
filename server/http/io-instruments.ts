/** Payment instruments: cashback on, off, and whose they are. */
import { type Engine, isoText, type MethodView } from '../../engine/index.ts';
import { type CitizenCallOptions, execute, hpanOf, readCommand } from './citizen-call.ts';
import { BASE, CITIZEN, citizenOf } from './io-call.ts';
import { instrumentResource } from './io-resources.ts';
import { type Answer, json, NO_CONTENT, refuse } from './respond.ts';
import type { Call, Route } from './route.ts';

export function instrumentRoutes({ engine, realMs }: CitizenCallOptions): readonly Route[] {
  const options = { engine, realMs };
  const path = `${BASE}/payment-instruments/:hpan`;
  return [
    {
      method: 'GET',
      path: `${BASE}/payment-instruments/number`,
      roles: CITIZEN,
      handle: (call) => countInstruments(engine, call),
    },
    { method: 'GET', path, roles: CITIZEN, handle: (call) => readInstrument(engine, call) },
    {
      method: 'PUT',
      path,
      roles: CITIZEN,
      function: 'enableCashback',
      handle: (call) => enableInstrument(options, call),
    },
    { method: 'DELETE', path, roles: CITIZEN, handle: (call) => disableInstrument(options, call) },
  ];
}

async function readInstrument(engine: Engine, call: Call): Promise<Answer> {
  const hpan = hpanOf(call.parameters.hpan);
  // What cannot be a hash is no instrument; a read has no 400 in the contract.
  if (hpan === null) return refuse('INSTRUMENT_NOT_FOUND');
  const citizen = citizenOf(engine, call);
  const instrument = await engine.instrument(citizen.key, hpan);
  return instrument.ok ? json(instrumentResource(instrument.value, citizen.taxCode)) : instrument;
}

async function enableInstrument(options: CitizenCallOptions, call: Call): Promise<Answer> {
  const hpan = hpanOf(call.parameters.hpan);
  if (hpan === null) return refuse('FIELD_INVALID', 'hpan');
  const sent = await readCommand(options, call);
  if (!sent.ok) return sent;
  const citizen = citizenOf(options.engine, call);
  const reply = await execute(options.engine, citizen, sent.value.id, { kind: 'enableCashback', hpan });
  if (reply.ok) return json({ activationDate: optionalInstant(reply.answer.activationMs) });
  // This address says 400 to who never enrolled, as to who has left (domain 2.2).
  return reply.code === 'CITIZEN_NOT_FOUND' ? refuse('CITIZEN_NOT_ENABLED') : reply;
}

async function disableInstrument(options: CitizenCallOptions, call: Call): Promise<Answer> {
  const hpan = hpanOf(call.parameters.hpan);
  if (hpan === null) return refuse('FIELD_INVALID', 'hpan');
  const sent = await readCommand(options, call);
  if (!sent.ok) return sent;
  const citizen = citizenOf(options.engine, call);
  const reply = await execute(options.engine, citizen, sent.value.id, { kind: 'disableCashback', hpan });
  return reply.ok ? NO_CONTENT : reply;
}

/** Enabled instruments by channel. */
async function countInstruments(engine: Engine, call: Call): Promise<Answer> {
  const channel = call.request.query.get('channel');
  const wallet = await engine.wallet(citizenOf(engine, call).key);
  if (!wallet.ok) return wallet;
  const counts = new Map<string, number>(channel === null ? [] : [[channel, 0]]);
  for (const method of wallet.value.methods) {
    if (!isEnabled(method) || (channel !== null && method.channel !== channel)) continue;
    counts.set(method.channel, (counts.get(method.channel) ?? 0) + 1);
  }
  return json([...counts].map(([name, count]) => ({ channel: name, count })));
}

/** Until its release is durable an instrument is still enabled. */
function isEnabled(method: MethodView): boolean {
  return method.cashback === 'enabled' || method.cashback === 'disabling';
}

function optionalInstant(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : isoText(ms);
}
