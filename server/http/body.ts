/** Reads a small request body, whole and bounded; files are streamed elsewhere (server/files). */
import * as v from 'valibot';
import { LIMITS, type Refused } from '../../engine/index.ts';
import type { HttpRequest } from '../transport/index.ts';
import { refuse } from './respond.ts';

export type Body = { readonly ok: true; readonly bytes: Uint8Array } | Refused;
export type JsonBody = { readonly ok: true /** Undefined: nothing was sent. */; readonly value: unknown } | Refused;

/** TOO_LARGE before anything is read, where the sender says its size. */
export async function readBody(request: HttpRequest): Promise<Body> {
  if (Number(request.header('content-length') ?? 0) > LIMITS.httpBodyBytesMax) return refuse('TOO_LARGE');
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body) {
    bytes += chunk.length;
    if (bytes > LIMITS.httpBodyBytesMax) return refuse('TOO_LARGE');
    chunks.push(chunk);
  }
  return { ok: true, bytes: Buffer.concat(chunks) };
}

/** CONTENT_TYPE_INVALID unless the body is absent or calls itself JSON; FIELD_INVALID where it is not. */
export function parseJson(request: HttpRequest, bytes: Uint8Array): JsonBody {
  if (bytes.length === 0) return { ok: true, value: undefined };
  if (!hasContentType(request, ['application/json'])) return refuse('CONTENT_TYPE_INVALID');
  try {
    return { ok: true, value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) };
  } catch {
    return refuse('FIELD_INVALID', 'body');
  }
}

/** A small JSON body that keeps to a schema. FIELD_INVALID names the first field that does not. */
export async function readObject<S extends v.GenericSchema>(
  request: HttpRequest,
  schema: S,
): Promise<{ readonly ok: true; readonly value: v.InferOutput<S> } | Refused> {
  const body = await readBody(request);
  if (!body.ok) return body;
  const parsed = parseJson(request, body.bytes);
  if (!parsed.ok) return parsed;
  const asked = v.safeParse(schema, parsed.value);
  if (asked.success) return { ok: true, value: asked.output };
  return refuse('FIELD_INVALID', v.getDotPath(asked.issues[0]) ?? 'body');
}

/** True where the type is one of `types` and the content is not compressed: we inflate nothing (fault 47). */
export function hasContentType(request: HttpRequest, types: readonly string[]): boolean {
  const encoding = request.header('content-encoding') ?? 'identity';
  const type = (request.header('content-type') ?? '').split(';', 1)[0] ?? '';
  return encoding === 'identity' && types.includes(type.trim().toLowerCase());
}
