/** What calls about one citizen have in common, whoever makes them: the command's id, its query, its answer. */
import type * as v from 'valibot';
import {
  type CitizenKey,
  type CommandId,
  checkTaxCode,
  type Engine,
  type Hpan,
  type Origin,
  type Read,
  type WalletCommandBody,
} from '../../engine/index.ts';
import { type Access, type ClientReply, executeFor } from '../versions/index.ts';
import { checkObject, parseJson, readBody } from './body.ts';
import { commandIdOf } from './command-id.ts';
import { refuse } from './respond.ts';
import type { Call } from './route.ts';

export type Version = 1 | 2;

const HPAN = /^[0-9a-f]{64}$/i;

export interface CitizenCallOptions {
  readonly engine: Engine;
  /** Real time, milliseconds since the epoch. */
  readonly realMs: () => number;
}

export interface Citizen {
  readonly key: CitizenKey;
  readonly taxCode: string;
  readonly origin: Origin;
  /** Of the client through which it is asked. */
  readonly access: Access;
}

/** Whoever may act for citizens names one. An issuer's channel is its token's, whatever a body says; TAX_CODE_INVALID. */
export function citizenNamed(
  engine: Engine,
  { principal, access }: Call,
  text: string | null | undefined,
): Read<Citizen> {
  const taxCode = checkTaxCode(text ?? '');
  if (!taxCode.ok) return refuse('TAX_CODE_INVALID');
  const { role, subject } = principal;
  const origin = { role, subject, channel: role === 'issuer' ? subject : role };
  return { ok: true, value: { key: engine.citizenKeyOf(taxCode.value), taxCode: taxCode.value, origin, access } };
}

export function execute(
  engine: Engine,
  citizen: Citizen,
  id: CommandId,
  body: WalletCommandBody,
): Promise<ClientReply> {
  const { key, taxCode, origin, access } = citizen;
  return new Promise((resolve) => executeFor(access, engine, { citizen: key, taxCode, origin, id, body }, resolve));
}

export interface SentCommand {
  readonly id: CommandId;
  readonly bytes: Uint8Array;
}

/** TOO_LARGE, or FIELD_INVALID where `Idempotency-Key` is unusable. */
export async function readCommand({ realMs }: CitizenCallOptions, { request }: Call): Promise<Read<SentCommand>> {
  const body = await readBody(request);
  if (!body.ok) return body;
  const id = commandIdOf(request, body.bytes, realMs());
  return id === null ? refuse('FIELD_INVALID', 'Idempotency-Key') : { ok: true, value: { id, bytes: body.bytes } };
}

/** With a JSON body; also CONTENT_TYPE_INVALID, and FIELD_INVALID where it does not keep to the schema. */
export async function readCommandBody<T>(
  options: CitizenCallOptions,
  call: Call,
  schema: v.GenericSchema<unknown, T>,
): Promise<Read<{ readonly id: CommandId; readonly body: T }>> {
  const sent = await readCommand(options, call);
  if (!sent.ok) return sent;
  const parsed = parseJson(call.request, sent.value.bytes);
  if (!parsed.ok) return parsed;
  const body = checkObject(parsed.value, schema);
  return body.ok ? { ok: true, value: { id: sent.value.id, body: body.value } } : body;
}

/** Undefined where it is absent, null where it is not a number from 0. */
export function optionalNumber(call: Call, name: string): number | undefined | null {
  const text = call.request.query.get(name);
  if (text === null) return undefined;
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Null where it is absent or not a number from 0. */
export function requiredNumber(call: Call, name: string): number | null {
  return optionalNumber(call, name) ?? null;
}

/** Either case is read, lower case is meant (DECISION 40 of 31). */
export function hpanOf(text: string | undefined): Hpan | null {
  return text !== undefined && HPAN.test(text) ? text.toLowerCase() : null;
}
