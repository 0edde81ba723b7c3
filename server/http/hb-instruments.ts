/** Instruments as issuers enrol them: by their own ids, which the card vault turns into hashes before anything is done. */
import * as v from 'valibot';
import {
  type CommandId,
  checkPar,
  type Engine,
  type Hpan,
  isoText,
  type MethodDetails,
  type Read,
  type WalletCommandBody,
} from '../../engine/index.ts';
import { type CardVault, encryptedOnly } from '../partners/index.ts';
import { type Citizen, type CitizenCallOptions, citizenNamed, execute, readCommand } from './citizen-call.ts';
import { furtherId } from './command-id.ts';
import { BASE, ISSUER, readIssuerCommand } from './hb-call.ts';
import { instrumentResource } from './io-resources.ts';
import { type Answer, json, NO_CONTENT, refuse } from './respond.ts';
import type { Call, Method, Route } from './route.ts';

export interface IssuerOptions extends CitizenCallOptions {
  readonly cardVault: CardVault;
  /** Where the contract has an id encrypted, it is not taken in clear. Absent: it is. */
  readonly isEncryptionRequired?: boolean | undefined;
}

/** An instrument's id is encrypted or not as the contract has it; tokens always come in clear. */
interface VaultOptions extends IssuerOptions {
  readonly idVault: CardVault;
}

const text = (lengthMax: number) => v.pipe(v.string(), v.maxLength(lengthMax));
const abi = v.pipe(v.string(), v.regex(/^\d{5}$/));
const tokenPanList = v.optional(v.pipe(v.array(v.string()), v.maxLength(16)), []);

/** What every kind has; ids in a path or a query are not in the body. */
const named = { id: v.optional(v.string()), fiscalCode: v.optional(v.string()) };

const cardBody = v.object({
  ...named,
  expireYear: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(9_999))),
  expireMonth: v.optional(v.pipe(v.string(), v.regex(/^(0?[1-9]|1[0-2])$/))),
  issuerAbiCode: v.optional(abi),
  brand: v.optional(text(20)),
  type: v.optional(v.picklist(['PP', 'DEB', 'CRD'])),
  tokenPanList,
});
const bpayBody = v.object({ ...named, instituteCode: v.optional(abi) });
const satispayBody = v.object(named);
const otherBody = v.object({ ...named, instrumentBrand: v.optional(text(20)) });
const par = v.pipe(v.string(), v.transform(checkPar), v.string());
const tokensBody = v.object({ ...named, tokenPanList, PAR: v.optional(par) });

const NO_DETAILS = { brand: '', lastDigits: '', expiry: '', issuerAbi: '' };

export function hbInstrumentRoutes(options: IssuerOptions): readonly Route[] {
  const base = `${BASE}/payment-instruments`;
  const { cardVault, isEncryptionRequired = false } = options;
  const clear = { ...options, idVault: cardVault };
  const encrypted = { ...options, idVault: isEncryptionRequired ? encryptedOnly(cardVault) : cardVault };
  const enrol = (path: string, handle: (call: Call) => Promise<Answer>): Route => {
    return { method: 'PUT', path: `${base}${path}`, roles: ISSUER, function: 'enableCashback', handle };
  };
  const known = (
    path: string,
    vault: VaultOptions,
    idOf: (call: Call) => string | null | undefined,
  ): readonly Route[] => {
    const route = (method: Method, handle: (found: Found) => Promise<Answer>): Route => ({
      ...{ method, path: `${base}${path}`, roles: ISSUER },
      handle: async (call: Call) => {
        const found = await find(vault, call, idOf(call) ?? '');
        return found.ok ? handle(found.value) : found;
      },
    });
    return [route('GET', (found) => read(options.engine, found)), route('DELETE', (found) => disable(options, found))];
  };
  const inPath = ({ parameters }: Call) => parameters.id;
  const inQuery = ({ request }: Call) => request.query.get('id');
  const inHeader = ({ request }: Call) => request.header('id');
  return [
    { method: 'PATCH', path: `${base}/v2`, roles: ISSUER, handle: (call) => addTokens(encrypted, call) },
    ...known('/v2/bpay', encrypted, inQuery),
    ...known('/v2', encrypted, inHeader),
    enrol('/card', (call) => enable(encrypted, call, cardBody, cardDetails)),
    enrol('/bpay/:id', (call) => enable(encrypted, call, bpayBody, bpayDetails)),
    enrol('/bpay', (call) => enable(encrypted, call, bpayBody, bpayDetails)),
    enrol('/satispay/:id', (call) => enable(clear, call, satispayBody, () => kind('satispay'))),
    enrol('/other', (call) => enable(encrypted, call, otherBody, otherDetails)),
    ...known('/bpay', encrypted, inQuery),
    ...known('/:id', clear, inPath),
  ];
}

// Enrolling

interface Enrolment<T> {
  readonly citizen: Citizen;
  readonly id: CommandId;
  readonly hpan: Hpan;
  readonly tokens: readonly Hpan[];
  readonly body: T;
}

interface NamedBody {
  readonly id?: string | undefined;
  readonly fiscalCode?: string | undefined;
  readonly tokenPanList?: readonly string[] | undefined;
}

async function enrolmentOf<T extends NamedBody>(
  options: VaultOptions,
  call: Call,
  schema: v.GenericSchema<unknown, T>,
): Promise<Read<Enrolment<T>>> {
  const sent = await readIssuerCommand(options, call, schema);
  if (!sent.ok) return sent;
  const { id, body } = sent.value;
  const citizen = citizenNamed(options.engine, call, body.fiscalCode);
  if (!citizen.ok) return citizen;
  const hpan = await options.idVault.hash(call.parameters.id ?? body.id ?? '');
  if (!hpan.ok) return hpan;
  const tokens = await hashesOf(options.cardVault, body.tokenPanList ?? []);
  if (!tokens.ok) return tokens;
  return { ok: true, value: { citizen: citizen.value, id, hpan: hpan.value, tokens: tokens.value, body } };
}

/** Enabled first: a method is listed only where it is the citizen's. Who is cut off in between asks again. */
async function enable<T extends NamedBody>(
  options: VaultOptions,
  call: Call,
  schema: v.GenericSchema<unknown, T>,
  detailsOf: (body: T) => MethodDetails,
): Promise<Answer> {
  const enrolment = await enrolmentOf(options, call, schema);
  if (!enrolment.ok) return enrolment;
  const { citizen, id, hpan, tokens, body } = enrolment.value;
  const enabled = await execute(options.engine, citizen, id, enabling(hpan, tokens));
  if (!enabled.ok) return enabled.code === 'CITIZEN_NOT_FOUND' ? refuse('CITIZEN_NOT_ENABLED') : enabled;
  const listing = { kind: 'addMethod', hpan, details: detailsOf(body) } as const;
  const listed = await execute(options.engine, citizen, furtherId(id, 'listing'), listing);
  return listed.ok ? activationOf(enabled.answer.activationMs) : listed;
}

/** More tokens of a card that is enabled already, and its PAR. FORBIDDEN where another channel enabled it (domain 1.3). */
async function addTokens(options: VaultOptions, call: Call): Promise<Answer> {
  const { engine } = options;
  const enrolment = await enrolmentOf(options, call, tokensBody);
  if (!enrolment.ok) return enrolment;
  const { citizen, id, hpan, tokens, body } = enrolment.value;
  const instrument = await engine.instrument(citizen.key, hpan);
  if (!instrument.ok) return instrument;
  if (instrument.value.status !== 'ACTIVE') return refuse('INSTRUMENT_NOT_FOUND');
  const reply = await execute(engine, citizen, id, { kind: 'enableCashback', hpan, tokens, onlyTokens: true });
  if (!reply.ok) return reply;
  const told = body.PAR === undefined ? null : await engine.setPar(citizen.key, hpan, body.PAR);
  return told === null || told.ok ? activationOf(reply.answer.activationMs) : told;
}

function enabling(hpan: Hpan, tokens: readonly Hpan[]): WalletCommandBody {
  return tokens.length === 0 ? { kind: 'enableCashback', hpan } : { kind: 'enableCashback', hpan, tokens };
}

async function hashesOf(vault: CardVault, ids: readonly string[]): Promise<Read<readonly Hpan[]>> {
  const hashes: Hpan[] = [];
  for (const id of ids) {
    const hpan = await vault.hash(id);
    if (!hpan.ok) return hpan.detail === undefined ? hpan : { ...hpan, detail: 'tokenPanList' };
    hashes.push(hpan.value);
  }
  return { ok: true, value: hashes };
}

function activationOf(activationMs: number | undefined): Answer {
  return json(activationMs === undefined ? {} : { activationDate: isoText(activationMs) });
}

// What is enrolled

interface Found {
  readonly call: Call;
  readonly hpan: Hpan;
  readonly citizen: Citizen;
}

/** By its id alone, which the issuer knows. FORBIDDEN where another channel enabled it: it is that one's. */
async function find({ engine, idVault }: VaultOptions, call: Call, id: string): Promise<Read<Found>> {
  const hpan = await idVault.hash(id);
  if (!hpan.ok) return hpan;
  const activations = await engine.activations(hpan.value);
  if (!activations.ok) return activations;
  const last = activations.value.at(-1)!;
  if (last.channel !== call.principal.subject) return refuse('FORBIDDEN');
  const taxCode = await engine.taxCode(last.citizen);
  if (!taxCode.ok) return taxCode;
  const citizen = citizenNamed(engine, call, taxCode.value);
  return citizen.ok ? { ok: true, value: { call, hpan: hpan.value, citizen: citizen.value } } : citizen;
}

async function read(engine: Engine, { hpan, citizen }: Found): Promise<Answer> {
  const instrument = await engine.instrument(citizen.key, hpan);
  return instrument.ok ? json(instrumentResource(instrument.value, citizen.taxCode)) : instrument;
}

async function disable(options: IssuerOptions, { call, hpan, citizen }: Found): Promise<Answer> {
  const sent = await readCommand(options, call);
  if (!sent.ok) return sent;
  const reply = await execute(options.engine, citizen, sent.value.id, { kind: 'disableCashback', hpan });
  return reply.ok ? NO_CONTENT : reply;
}

// What a citizen sees of it in the wallet

function kind(methodKind: MethodDetails['methodKind']): MethodDetails {
  return { ...NO_DETAILS, methodKind };
}

function cardDetails({ brand = '', issuerAbiCode = '', expireYear, expireMonth }: v.InferOutput<typeof cardBody>) {
  const hasExpiry = expireYear !== undefined && expireMonth !== undefined;
  const expiry = hasExpiry ? `${String(expireYear).padStart(4, '0')}-${expireMonth.padStart(2, '0')}` : '';
  return { methodKind: 'card', brand, lastDigits: '', expiry, issuerAbi: issuerAbiCode } as const;
}

function bpayDetails({ instituteCode = '' }: v.InferOutput<typeof bpayBody>): MethodDetails {
  return { ...kind('bpay'), issuerAbi: instituteCode };
}

function otherDetails({ instrumentBrand = '' }: v.InferOutput<typeof otherBody>): MethodDetails {
  return { ...kind('privative'), brand: instrumentBrand };
}
