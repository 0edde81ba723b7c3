/** What issuers' calls have in common: which citizen they name, and through which channel they come (domain 1, 6.2). */
import * as v from 'valibot';
import { type CommandId, checkTaxCode, type Engine, type Read } from '../../engine/index.ts';
import { parseJson } from './body.ts';
import { type Citizen, type CitizenCallOptions, readCommand } from './citizen-call.ts';
import { refuse } from './respond.ts';
import type { Call } from './route.ts';

export const BASE = '/bpd/hb';
export const ISSUER = ['issuer'] as const;

/** An issuer acts for a citizen whom it has identified; its channel is the token's, whatever a body says. */
export function citizenNamed(engine: Engine, { principal }: Call, text: unknown): Read<Citizen> {
  const taxCode = typeof text === 'string' ? checkTaxCode(text) : ({ ok: false } as const);
  if (!taxCode.ok) return refuse('TAX_CODE_INVALID');
  const { subject } = principal;
  const origin = { role: 'issuer', subject, channel: subject } as const;
  return { ok: true, value: { key: engine.citizenKeyOf(taxCode.value), taxCode: taxCode.value, origin } };
}

export interface IssuerCommand<T> {
  readonly id: CommandId;
  readonly body: T;
}

/** FORBIDDEN for a body that names another channel than the token's. */
export async function readIssuerCommand<T>(
  options: CitizenCallOptions,
  call: Call,
  schema: v.GenericSchema<unknown, T>,
): Promise<Read<IssuerCommand<T>>> {
  const sent = await readCommand(options, call);
  if (!sent.ok) return sent;
  const parsed = parseJson(call.request, sent.value.bytes);
  if (!parsed.ok) return parsed;
  const { channel } = (parsed.value ?? {}) as { readonly channel?: unknown };
  if (channel !== undefined && channel !== call.principal.subject) return refuse('FORBIDDEN', 'channel');
  const body = v.safeParse(schema, parsed.value ?? {});
  if (!body.success) return refuse('FIELD_INVALID', v.getDotPath(body.issues[0]) ?? 'body');
  return { ok: true, value: { id: sent.value.id, body: body.output } };
}
