/** What every answer over HTTP has in common: bodies, error bodies (domain 6.4), headers. */

import { LIMITS, REFUSALS, type Refused } from '../../engine/index.ts';
import type { HttpResponse } from '../transport/index.ts';
import type { FeatureRefusal } from '../versions/index.ts';
import { type MessageCode, sayRefusal } from '../wire/index.ts';

/** What is refused, and where it was for want of room an appointment. */
export type HttpRefusal = FeatureRefusal & {
  readonly ticket?: string | undefined;
  readonly position?: number | undefined;
};
/** A handler answers, or refuses with a code; the router turns a refusal into an error body. */
export type Answer = HttpResponse | HttpRefusal;

export const JSON_TYPE = 'application/json; charset=utf-8';

export const NO_CONTENT: HttpResponse = { status: 204, headers: {}, body: '' };

export function json(value: unknown): HttpResponse {
  return { status: 200, headers: { 'content-type': JSON_TYPE }, body: JSON.stringify(value) };
}

export function refuse(code: Refused['code'], detail?: string): Refused {
  return detail === undefined ? { ok: false, code } : { ok: false, code, detail };
}

export function isRefused(answer: Answer): answer is HttpRefusal {
  return 'ok' in answer;
}

/**
 * The programme's error body: `returnMessages`, with its own code, and our NAME beside it.
 *
 * @param nowMs the programme's time, as `retryAtMs` is
 * @param inPassing see `sayRefusal`
 */
export function errorResponse(refused: HttpRefusal, nowMs: number, inPassing?: MessageCode): HttpResponse {
  const { status, programmeCode } = REFUSALS[refused.code];
  const { message, messageIt, messageCode } = sayRefusal(refused.code, refused.instead, inPassing);
  const body = {
    returnMessages: [{ code: programmeCode, message, severity: 'ERROR' }],
    name: refused.code,
    messageIt,
    messageCode,
    detail: refused.detail,
    retryAtMs: refused.retryAtMs,
    ticket: refused.ticket,
    position: refused.position,
  };
  const headers = { 'content-type': JSON_TYPE, ...authenticateHeader(status), ...retryHeader(refused, nowMs) };
  return { status, headers, body: JSON.stringify(body) };
}

function authenticateHeader(status: number): Record<string, string> {
  return status === 401 ? { 'www-authenticate': 'Bearer' } : {};
}

/** Whole seconds, rounded up: who obeys never comes too early. */
function retryHeader({ retryAtMs, ticket }: HttpRefusal, nowMs: number): Record<string, string> {
  if (retryAtMs === undefined) return {};
  const longestMs = ticket === undefined ? LIMITS.retryMsMax : Number.POSITIVE_INFINITY;
  const waitMs = Math.min(Math.max(retryAtMs - nowMs, 1_000), longestMs);
  return { 'retry-after': String(Math.ceil(waitMs / 1_000)) };
}

/** On every answer: personal data belongs in no shared cache (fault 57), and nothing is guessed from content. */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};
