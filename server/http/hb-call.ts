/** What issuers' calls have in common: their addresses, and the channel through which they come (domain 1, 6.2). */
import type * as v from 'valibot';
import type { CommandId, Read } from '../../engine/index.ts';
import { checkObject, parseJson } from './body.ts';
import { type CitizenCallOptions, readCommand } from './citizen-call.ts';
import { refuse } from './respond.ts';
import type { Call } from './route.ts';

export const BASE = '/bpd/hb';
export const ISSUER = ['issuer'] as const;

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
  const body = checkObject(parsed.value ?? {}, schema);
  return body.ok ? { ok: true, value: { id: sent.value.id, body: body.value } } : body;
}
