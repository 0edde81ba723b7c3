/** What an app may show and do, and in which words: for everybody to ask, and for caches in between to keep. */
import { createHash } from 'node:crypto';
import { REFUSALS, type RefusalName } from '../../engine/index.ts';
import type { HttpRequest, HttpResponse } from '../transport/index.ts';
import { clientOf, type Versions } from '../versions/index.ts';
import { CLIENT_HEADER, MESSAGES } from '../wire/index.ts';
import { json } from './respond.ts';
import type { Route } from './route.ts';

/** So long a change may take to reach who only asks over HTTP. */
const SECONDS_MAX = 30;

export interface FeaturesOptions {
  readonly versions: Versions;
}

export function featureRoutes({ versions }: FeaturesOptions): readonly Route[] {
  const texts = tagged({ messages: MESSAGES, refusals: refusalTexts() });
  return [
    {
      method: 'GET',
      path: '/features',
      roles: 'public',
      handle: async (request) =>
        cached(request, tagged(versions.accessOf(clientOf(request)).view), { vary: CLIENT_HEADER }),
    },
    { method: 'GET', path: '/messages', roles: 'public', handle: async (request) => cached(request, texts) },
  ];
}

function refusalTexts(): object {
  const names = Object.keys(REFUSALS) as RefusalName[];
  return Object.fromEntries(names.map((name) => [name, { text: REFUSALS[name].text, testo: REFUSALS[name].testo }]));
}

interface Tagged {
  readonly answer: HttpResponse;
  readonly etag: string;
}

function tagged(value: object): Tagged {
  const answer = json(value);
  const digest = createHash('sha256').update(String(answer.body)).digest('base64url');
  return { answer, etag: `"${digest.slice(0, 22)}"` };
}

/** 304 without a body for who has it already. */
function cached(
  request: HttpRequest,
  { answer, etag }: Tagged,
  more: Readonly<Record<string, string>> = {},
): HttpResponse {
  const headers = { ...more, etag, 'cache-control': `public, max-age=${SECONDS_MAX}` };
  if (hasTag(request, etag)) return { status: 304, headers, body: '' };
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

/** On the way a cache may have marked it as weak. */
function hasTag(request: HttpRequest, etag: string): boolean {
  const known = (request.header('if-none-match') ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return known.includes(etag) || known.includes('*');
}
