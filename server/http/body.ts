/** Reads a small request body, whole and bounded; files are streamed elsewhere (server/files). */
import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { LIMITS, type Read, type Refused } from '../../engine/index.ts';
import type { HttpRequest } from '../transport/index.ts';
import { refuse } from './respond.ts';

export type Body = { readonly ok: true; readonly bytes: Uint8Array } | Refused;
type JsonBody = { readonly ok: true /** Undefined: nothing was sent. */; readonly value: unknown } | Refused;

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

/** A small JSON body that keeps to a schema. */
export async function readObject<T>(request: HttpRequest, schema: v.GenericSchema<unknown, T>): Promise<Read<T>> {
  const body = await readBody(request);
  if (!body.ok) return body;
  const parsed = parseJson(request, body.bytes);
  return parsed.ok ? checkObject(parsed.value, schema) : parsed;
}

/** FIELD_INVALID names the first field that does not keep to the schema. */
export function checkObject<T>(value: unknown, schema: v.GenericSchema<unknown, T>): Read<T> {
  const checked = v.safeParse(schema, value);
  if (checked.success) return { ok: true, value: checked.output };
  return refuse('FIELD_INVALID', v.getDotPath(checked.issues[0]) ?? 'body');
}

/** Also no type at all: many a script sends none. Anything compressed is another thing. */
export const FILE_TYPES = [
  '',
  'text/csv',
  'text/plain',
  'application/octet-stream',
  'application/x-www-form-urlencoded',
];

/** Why a file that is to be streamed is not begun; null = it may be. */
export function refusedFile(request: HttpRequest, types: readonly string[] = FILE_TYPES): Refused | null {
  if (!hasContentType(request, types)) return refuse('CONTENT_TYPE_INVALID');
  return Number(request.header('content-length') ?? 0) > LIMITS.fileBytesMax ? refuse('TOO_LARGE') : null;
}

/** A body that is read as it comes, and ends where it gets larger than any file may be, whatever its sender says of it. */
export class MeasuredBody {
  readonly #body: AsyncIterable<Uint8Array>;
  readonly #hash = createHash('sha256');
  #bytes = 0;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#body = body;
  }

  get isTooLarge(): boolean {
    return this.#bytes > LIMITS.fileBytesMax;
  }

  /** SHA-256 of what has come, hexadecimal; once, when all has. */
  digest(): string {
    return this.#hash.digest('hex');
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#body) {
      this.#bytes += chunk.length;
      if (this.isTooLarge) return;
      this.#hash.update(chunk);
      yield chunk;
    }
  }
}

/** True where the type is one of `types` and the content is not compressed: we inflate nothing (fault 47). */
export function hasContentType(request: HttpRequest, types: readonly string[]): boolean {
  const encoding = request.header('content-encoding') ?? 'identity';
  const type = (request.header('content-type') ?? '').split(';', 1)[0] ?? '';
  return encoding === 'identity' && types.includes(type.trim().toLowerCase());
}
