/** The citizen as issuers manage it: the first version names it in the path, the second in a header or in the body. */
import * as v from 'valibot';
import { type Engine, isoText, type WalletView } from '../../engine/index.ts';
import type { FunctionName } from '../service/index.ts';
import { line } from '../wire/index.ts';
import { type Citizen, type CitizenCallOptions, citizenNamed, execute, type Version } from './citizen-call.ts';
import { BASE, ISSUER, readIssuerCommand } from './hb-call.ts';
import { ibanFields } from './io-citizen.ts';
import { readRanking } from './io-ranking.ts';
import { type Answer, json, NO_CONTENT } from './respond.ts';
import type { Call, Method, Route } from './route.ts';

export function hbCitizenRoutes(options: CitizenCallOptions): readonly Route[] {
  const { engine } = options;
  const forVersion = (version: Version, path: string): readonly Route[] => {
    const route = (method: Method, below: string, handle: Route['handle'], of?: FunctionName): Route =>
      ({ method, path: `${path}${below}`, roles: ISSUER, handle, function: of }) as Route;
    const about = (answer: (call: Call, citizen: Citizen) => Promise<Answer>) => async (call: Call) => {
      const citizen = citizenNamed(engine, call, version === 1 ? call.parameters.id : call.request.header('id'));
      return citizen.ok ? answer(call, citizen.value) : citizen;
    };
    return [
      // As the app's first version in both: only the app's gateway made `[]` of 404, and milestones name the citizen's payments.
      route(
        'GET',
        '/ranking',
        about((call, { key }) => readRanking(engine, call, key)),
        'ranking',
      ),
      route(
        'GET',
        '',
        about((call, citizen) => readCitizen(engine, call, citizen)),
        'wallet',
      ),
      route('PUT', '', (call: Call) => enrol(options, call, version), 'enrol'),
      route('PATCH', '', (call: Call) => setIban(options, call, version), 'setIban'),
      route(
        'DELETE',
        '',
        about((call, citizen) => leave(options, call, citizen)),
      ),
    ];
  };
  return [...forVersion(2, `${BASE}/citizens/v2`), ...forVersion(1, `${BASE}/citizens/:id`)];
}

async function readCitizen(engine: Engine, { request }: Call, citizen: Citizen): Promise<Answer> {
  const wallet = await engine.wallet(citizen.key);
  if (!wallet.ok) return wallet;
  const showsTechnical = request.query.get('flagTechnicalAccount') === 'true';
  return json(citizenResource(citizen, wallet.value, showsTechnical));
}

async function enrol(options: CitizenCallOptions, call: Call, version: Version): Promise<Answer> {
  const sent = await readIssuerCommand(options, call, v.object({ id: v.optional(v.string()) }));
  if (!sent.ok) return sent;
  const { id, body } = sent.value;
  const citizen = citizenNamed(options.engine, call, version === 1 ? call.parameters.id : body.id);
  if (!citizen.ok) return citizen;
  const reply = await execute(options.engine, citizen.value, id, { kind: 'enrol' });
  if (!reply.ok) return reply;
  const wallet = await options.engine.wallet(citizen.value.key);
  if (!wallet.ok) return wallet;
  // The answer that was promised then, also to a retry that comes after leaving.
  const { termsMs = wallet.value.termsMs } = reply.answer;
  return json(citizenResource(citizen.value, { ...wallet.value, enabled: true, termsMs }, false));
}

const payoffBody = v.object({
  ...ibanFields,
  id: v.optional(v.string()),
  technicalAccountHolder: v.exactOptional(line(1, 140)),
  issuerCardId: v.exactOptional(line(1, 20)),
});

async function setIban(options: CitizenCallOptions, call: Call, version: Version): Promise<Answer> {
  const sent = await readIssuerCommand(options, call, payoffBody);
  if (!sent.ok) return sent;
  const { id: named, payoffInstr, payoffInstrType: _, ...payoff } = sent.value.body;
  const citizen = citizenNamed(options.engine, call, version === 1 ? call.parameters.id : named);
  if (!citizen.ok) return citizen;
  const command = { kind: 'setIban', iban: payoffInstr, ...payoff } as const;
  const reply = await execute(options.engine, citizen.value, sent.value.id, command);
  return reply.ok ? json({ validationStatus: reply.answer.validationStatus }) : reply;
}

/** TOO_MANY_CHANNELS where something is enabled through another channel (domain 1, rule 2). */
async function leave(options: CitizenCallOptions, call: Call, citizen: Citizen): Promise<Answer> {
  const sent = await readIssuerCommand(options, call, v.object({}));
  if (!sent.ok) return sent;
  const reply = await execute(options.engine, citizen, sent.value.id, { kind: 'leave' });
  return reply.ok ? NO_CONTENT : reply;
}

/** A technical account is shown to who asks for it, and then its number is not (domain 2.1). */
function citizenResource({ taxCode }: Citizen, wallet: WalletView, showsTechnical: boolean): object {
  const { iban, technicalAccountHolder, issuerCardId } = wallet;
  const isTechnical = showsTechnical && technicalAccountHolder !== null;
  return {
    enabled: wallet.enabled,
    fiscalCode: taxCode,
    timestampTC: isoText(wallet.termsMs),
    ...(iban === null ? {} : { payoffInstr: isTechnical ? 'CONTO TECNICO' : iban, payoffInstrType: 'IBAN' }),
    ...(isTechnical ? { technicalAccountHolder } : {}),
    ...(isTechnical && issuerCardId !== null ? { issuerCardId } : {}),
  };
}
