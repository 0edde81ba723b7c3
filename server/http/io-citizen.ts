/** The citizen as the app manages it: enrol, read, set the IBAN, leave. */
import * as v from 'valibot';
import {
  checkTaxCode,
  type Engine,
  isoText,
  OPT_IN_STATUSES,
  type OptInStatus,
  type WalletView,
} from '../../engine/index.ts';
import { REQUESTS } from '../wire/index.ts';
import { checkObject, parseJson } from './body.ts';
import { type Citizen, type CitizenCallOptions, execute, readCommand, type Version } from './citizen-call.ts';
import { BASE, CITIZEN, citizenOf } from './io-call.ts';
import { type Answer, json, NO_CONTENT, refuse } from './respond.ts';
import type { Call, Route } from './route.ts';

export function citizenRoutes({ engine, realMs }: CitizenCallOptions): readonly Route[] {
  const forVersion = (version: Version, path: string): readonly Route[] => [
    { method: 'GET', path, roles: CITIZEN, function: 'wallet', handle: (call) => readCitizen(engine, call, version) },
    {
      method: 'PUT',
      path,
      roles: CITIZEN,
      priority: 'enrolment',
      function: 'enrol',
      handle: (call) => enrol({ engine, realMs }, call, version),
    },
    {
      method: 'PATCH',
      path,
      roles: CITIZEN,
      priority: 'account',
      function: 'setIban',
      handle: (call) => setIban({ engine, realMs }, call),
    },
    { method: 'DELETE', path, roles: CITIZEN, failure: 'NOT_LEFT', handle: (call) => leave({ engine, realMs }, call) },
  ];
  return [...forVersion(1, `${BASE}/citizen`), ...forVersion(2, `${BASE}/citizen/v2`)];
}

async function readCitizen(engine: Engine, call: Call, version: Version): Promise<Answer> {
  const citizen = citizenOf(engine, call);
  const wallet = await engine.wallet(citizen.key);
  return wallet.ok ? json(citizenResource(citizen, wallet.value, version)) : wallet;
}

async function enrol(options: CitizenCallOptions, call: Call, version: Version): Promise<Answer> {
  const sent = await readCommand(options, call);
  if (!sent.ok) return sent;
  const parsed = parseJson(call.request, sent.value.bytes);
  if (!parsed.ok) return parsed;
  const asked = v.safeParse(enrolBody, parsed.value);
  if (!asked.success) return refuse('FIELD_INVALID', 'optInStatus');
  const optInStatus = asked.output;

  const citizen = citizenOf(options.engine, call);
  const body = optInStatus === undefined ? ({ kind: 'enrol' } as const) : ({ kind: 'enrol', optInStatus } as const);
  const reply = await execute(options.engine, citizen, sent.value.id, body);
  if (!reply.ok) return reply;
  const wallet = await options.engine.wallet(citizen.key);
  if (!wallet.ok) return wallet;
  // The answer that was promised then, also to a retry that comes after leaving; only the IBAN is today's.
  const { termsMs = wallet.value.termsMs, optInStatus: answered = wallet.value.optInStatus } = reply.answer;
  return json(citizenResource(citizen, { ...wallet.value, enabled: true, termsMs, optInStatus: answered }, version));
}

/** Nothing, the bare status of the contract, or the object that the domain names. */
const optInStatus = v.picklist(OPT_IN_STATUSES);
const enrolBody = v.union([
  v.undefined(),
  optInStatus,
  v.pipe(
    v.object({ optInStatus: v.exactOptional(optInStatus) }),
    v.transform((body): OptInStatus | undefined => body.optInStatus),
  ),
]);

/** As on the wire, under the contract's names. Unknown fields are passed over, as the programme did: what a client adds later must not break it. */
export const ibanFields = {
  payoffInstr: REQUESTS.setIban.entries.iban,
  payoffInstrType: v.literal('IBAN'),
  accountHolderCF: v.pipe(
    v.string(),
    v.check((text) => checkTaxCode(text).ok),
    v.toUpperCase(),
  ),
  accountHolderName: REQUESTS.setIban.entries.accountHolderName,
  accountHolderSurname: REQUESTS.setIban.entries.accountHolderSurname,
};
const ibanBody = v.object(ibanFields);

async function setIban(options: CitizenCallOptions, call: Call): Promise<Answer> {
  const sent = await readCommand(options, call);
  if (!sent.ok) return sent;
  const citizen = citizenOf(options.engine, call);
  // Who never enrolled gets 404 before anything else is judged (DECISION 40 of 33).
  const wallet = await options.engine.wallet(citizen.key);
  if (!wallet.ok) return wallet;
  const parsed = parseJson(call.request, sent.value.bytes);
  if (!parsed.ok) return parsed;
  const body = checkObject(parsed.value, ibanBody);
  if (!body.ok) return body;

  const { payoffInstr, payoffInstrType: _, ...holder } = body.value;
  const command = { kind: 'setIban', iban: payoffInstr, ...holder } as const;
  const reply = await execute(options.engine, citizen, sent.value.id, command);
  return reply.ok ? json({ validationStatus: reply.answer.validationStatus }) : reply;
}

/** Who is not enrolled has nothing to leave, and is answered as if they had (domain 3.1, DECISION 29). */
async function leave(options: CitizenCallOptions, call: Call): Promise<Answer> {
  const sent = await readCommand(options, call);
  if (!sent.ok) return sent;
  const reply = await execute(options.engine, citizenOf(options.engine, call), sent.value.id, { kind: 'leave' });
  return reply.ok ? NO_CONTENT : reply;
}

/** `payoffInstr` is absent where there is none: the app refuses null. */
function citizenResource(citizen: Citizen, wallet: WalletView, version: Version): object {
  return {
    enabled: wallet.enabled,
    fiscalCode: citizen.taxCode,
    timestampTC: isoText(wallet.termsMs),
    ...(wallet.iban === null ? {} : { payoffInstr: wallet.iban, payoffInstrType: 'IBAN' }),
    ...technicalAccountOf(wallet),
    ...(version === 2 ? { optInStatus: wallet.optInStatus } : {}),
  };
}

/** A pooled account of an issuer (domain 2.1). */
function technicalAccountOf({ technicalAccountHolder: holder }: WalletView): object {
  return holder === null ? {} : { technicalAccount: `Conto gestito da ${holder}` };
}
