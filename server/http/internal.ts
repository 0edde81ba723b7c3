/** What the programme's own parts asked each other, and the wallet's keeper told it (domain 6.3): for operators. */
import {
  type ActivationView,
  coversDay,
  type Engine,
  type Hpan,
  isoText,
  type PeriodView,
  parseInstant,
  periodViews,
  type Read,
  romeDayNumber,
} from '../../engine/index.ts';
import type { SettableClock } from '../clock.ts';
import { type CitizenCallOptions, citizenNamed, execute, hpanOf, readCommand, type Version } from './citizen-call.ts';
import { newCommandId } from './command-id.ts';
import { awardPeriodResource } from './io-resources.ts';
import { type Answer, json, NO_CONTENT, refuse } from './respond.ts';
import type { Call, Method, Route } from './route.ts';

export interface InternalOptions extends CitizenCallOptions {
  readonly clock: SettableClock;
}

const INSTRUMENTS = '/bpd/payment-instruments';
const PERIODS = '/bpd/award-periods';
const PAYMENTS = '/bpd/winning-transactions';

/**
 * What the programme's parts told each other while a citizen left, step by step in several services, and when a step had failed.
 * Here leaving is one command, and only files and rules say what counts: who still asks is told so, and nothing changes.
 */
const GONE = [
  ['PUT', `${INSTRUMENTS}/rollback/:fiscalCode`, 'NOTHING_TO_ROLL_BACK'],
  ['PUT', `${PAYMENTS}/rollback/:fiscalCode`, 'NOTHING_TO_ROLL_BACK'],
  ['POST', PAYMENTS, 'PAYMENTS_BY_FILE'],
  ['DELETE', `${PAYMENTS}/:fiscalCode`, 'PAYMENTS_BY_FILE'],
] as const;

export function internalRoutes(options: InternalOptions): readonly Route[] {
  const { engine } = options;
  const route = (method: Method, path: string, handle: (call: Call) => Promise<Answer>): Route => {
    return { method, path, roles: ['operator'], handle };
  };
  return [
    route('DELETE', '/bpd/pm/payment-instrument/:hpan', (call) => removeFromWallet(options, call)),
    route('GET', `${PERIODS}/actives`, (call) => readPeriods(options, call, isActive)),
    route('GET', `${PERIODS}/:id`, (call) => readPeriod(options, call)),
    route('GET', PERIODS, (call) => readPeriods(options, call, () => true)),
    route('GET', `${INSTRUMENTS}/:hpan/history/active`, (call) => readCovering(engine, call)),
    route('GET', `${INSTRUMENTS}/:fiscalCode/history`, (call) => readHistory(engine, call)),
    route('DELETE', `${INSTRUMENTS}/fiscal-code/:fiscalCode/:channel`, (call) => disableChannel(options, call)),
    ...GONE.map(([method, path, code]): Route => {
      return { method, path, roles: ['operator'], priority: null, handle: async () => refuse(code) };
    }),
  ];
}

// Instruments

/** The citizen removed the card where it lives: it earns nothing any more from tomorrow on. */
async function removeFromWallet(options: InternalOptions, call: Call): Promise<Answer> {
  const hpan = hpanOf(call.parameters.hpan);
  if (hpan === null) return refuse('INSTRUMENT_NOT_FOUND');
  const citizen = citizenNamed(options.engine, call, call.request.query.get('fiscalCode'));
  if (!citizen.ok) return citizen;
  const sent = await readCommand(options, call);
  if (!sent.ok) return sent;
  const reply = await execute(options.engine, citizen.value, sent.value.id, { kind: 'disableCashback', hpan });
  return reply.ok ? NO_CONTENT : reply;
}

/** Of one channel, all that is enabled. Who is cut off in between asks again. */
async function disableChannel(options: InternalOptions, call: Call): Promise<Answer> {
  const citizen = citizenNamed(options.engine, call, call.parameters.fiscalCode);
  if (!citizen.ok) return citizen;
  const wallet = await options.engine.wallet(citizen.value.key);
  if (!wallet.ok) return wallet;
  for (const { hpan, channel, cashback } of wallet.value.methods) {
    if (channel !== call.parameters.channel || cashback === 'off') continue;
    const id = newCommandId(options.realMs());
    const reply = await execute(options.engine, citizen.value, id, { kind: 'disableCashback', hpan });
    if (!reply.ok) return reply;
  }
  return NO_CONTENT;
}

/** `?accountingDate=` an instant: whose the instrument was on that day in Rome (the day rule, domain 2.2). */
async function readCovering(engine: Engine, call: Call): Promise<Answer> {
  const hpan = hpanOf(call.parameters.hpan);
  const instantMs = parseInstant(call.request.query.get('accountingDate') ?? '');
  if (instantMs === null) return refuse('FIELD_INVALID', 'accountingDate');
  const activations = hpan === null ? refuse('INSTRUMENT_NOT_FOUND') : await engine.activations(hpan);
  if (!activations.ok) return activations;
  const covering = activations.value.find((one) => coversDay(one, romeDayNumber(instantMs)));
  if (covering === undefined) return refuse('INSTRUMENT_NOT_COVERED');
  const taxCode = await engine.taxCode(covering.citizen);
  return taxCode.ok ? json(activationResource(hpan!, covering, taxCode.value)) : taxCode;
}

/**
 * Every stretch of time in which the citizen had something enabled since it last enrolled, instrument by instrument, also of
 * those removed since. What was before that `clickday wallet --at` tells.
 */
async function readHistory(engine: Engine, call: Call): Promise<Answer> {
  const citizen = citizenNamed(engine, call, call.parameters.fiscalCode);
  if (!citizen.ok) return citizen;
  const { key, taxCode } = citizen.value;
  const instruments = await engine.instruments(key);
  if (!instruments.ok) return instruments;
  const resources: object[] = [];
  for (const hpan of instruments.value) {
    const activations = await engine.activations(hpan);
    if (!activations.ok) continue;
    const own = activations.value.filter((one) => one.citizen === key);
    resources.push(...own.map((one) => activationResource(hpan, one, taxCode)));
  }
  return json(resources);
}

function activationResource(hpan: Hpan, { channel, activationMs, deactivationMs }: ActivationView, fiscalCode: string) {
  const deactivation = deactivationMs === null ? {} : { deactivationDate: isoText(deactivationMs) };
  return { hpan, fiscalCode, channel, activationDate: isoText(activationMs), ...deactivation };
}

// Periods

/** `?offsetDateTime=` as of another instant; `?version=1` in the words of the first version. */
async function readPeriods(
  options: InternalOptions,
  call: Call,
  isWanted: (period: PeriodView) => boolean,
): Promise<Answer> {
  const asked = periodsAsked(options, call);
  if (!asked.ok) return asked;
  const { periods, version } = asked.value;
  return json(periods.filter(isWanted).map((period) => awardPeriodResource(period, version)));
}

async function readPeriod(options: InternalOptions, call: Call): Promise<Answer> {
  const asked = periodsAsked(options, call);
  if (!asked.ok) return asked;
  const { periods, version } = asked.value;
  const period = periods.find(({ awardPeriodId }) => String(awardPeriodId) === call.parameters.id);
  return period === undefined ? refuse('PERIOD_NOT_FOUND') : json(awardPeriodResource(period, version));
}

function periodsAsked(
  { engine, clock }: InternalOptions,
  { request }: Call,
): Read<{
  readonly periods: readonly PeriodView[];
  readonly version: Version;
}> {
  const at = request.query.get('offsetDateTime');
  const atMs = at === null ? clock.nowMs() : parseInstant(at);
  if (atMs === null) return refuse('FIELD_INVALID', 'offsetDateTime');
  const version = request.query.get('version') === '1' ? 1 : 2;
  return { ok: true, value: { periods: periodViews(engine.programme, atMs), version } };
}

function isActive({ status }: PeriodView): boolean {
  return status === 'ACTIVE';
}
