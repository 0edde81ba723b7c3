/** The id of a command that comes over HTTP: what makes a retry harmless (promise 2). */
import { createHash, randomBytes } from 'node:crypto';
import type { CommandId } from '../../engine/index.ts';
import type { HttpRequest } from '../transport/index.ts';

const UUID = /^[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}$/i;
const TOKEN = /^[\x21-\x7e]{1,64}$/;

/**
 * `Idempotency-Key` is the id: a UUID as it is, any other text of up to 64 characters hashed to one. Without it
 * the contracts' `x-request-id` stands in: the same method, path and body under the same one is the same command.
 * Another body is then another command, since the real clients never promised to use a request id once.
 *
 * @returns null where `Idempotency-Key` is neither. Ids are unique per role and subject, so the hash needs neither.
 */
export function commandIdOf(request: HttpRequest, body: Uint8Array, realMs: number): CommandId | null {
  const key = request.header('idempotency-key');
  if (key !== undefined) return idOfKey(unquoted(key));
  const requestId = requestIdOf(request);
  if (requestId === undefined) return newCommandId(realMs);
  return digest(['x-request-id', request.method, pathWithoutSlash(request.path), requestId], body);
}

/** Of a further command of the same request: the same each time that the request is sent. */
export function furtherId(id: CommandId, what: string): CommandId {
  return digest([id, what], new Uint8Array());
}

/** As the sender wrote it, in either spelling; undefined where there is none, or none fit to be echoed and logged. */
export function requestIdOf(request: HttpRequest): string | undefined {
  const sent = request.header('x-request-id') ?? request.header('x_request_id');
  return sent !== undefined && TOKEN.test(sent) ? sent : undefined;
}

/** Time-ordered, like a UUID of version 7: the newest commands lie together on the disk. */
export function newCommandId(realMs: number): CommandId {
  const random = randomBytes(10).toString('hex');
  return `${realMs.toString(16).padStart(12, '0')}7${random.slice(1, 4)}${variantDigit(random)}${random.slice(5)}`;
}

function variantDigit(random: string): string {
  return ((Number.parseInt(random.charAt(4), 16) & 3) | 8).toString(16);
}

function idOfKey(key: string): CommandId | null {
  if (UUID.test(key)) return key.replaceAll('-', '').toLowerCase();
  return TOKEN.test(key) ? digest(['idempotency-key', key], new Uint8Array()) : null;
}

/** The header is a structured field in its draft standard, where texts are quoted. */
function unquoted(key: string): string {
  return key.length >= 2 && key.startsWith('"') && key.endsWith('"') ? key.slice(1, -1) : key;
}

function pathWithoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

function digest(texts: readonly string[], body: Uint8Array): CommandId {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  return hash.update(body).digest('hex').slice(0, 32);
}
