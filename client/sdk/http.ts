/** The few things that go over HTTP: an acquirer's files, its salt, the operator's clock. Standard `fetch` only. */
import { CLIENT_HEADER } from '../../server/wire/index.ts';
import { ClientFault } from './fault.ts';
import { SDK_CLIENT } from './version.ts';

export interface HttpOptions {
  readonly url: string;
  readonly token: string;
}

export interface HttpAsk {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** A text is JSON, anything else a file. */
  readonly body?: string | Uint8Array | ReadableStream<Uint8Array>;
  /** Media type wanted; default whatever the server prefers. */
  readonly accept?: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  /** Undefined when absent. */
  header(name: string): string | undefined;
}

/**
 * One request with the token. Any status is an answer; the caller judges it.
 *
 * A kept connection may have been closed by the server at the very moment of use: what can be sent again is, once.
 * All that goes over HTTP here may be repeated: keys decide about rows, and the clock only moves forward.
 *
 * @throws ClientFault UNREACHABLE
 */
export async function askHttp(options: HttpOptions, ask: HttpAsk): Promise<HttpAnswer> {
  try {
    return await askOnce(options, ask);
  } catch (cause) {
    const isRepeatable = !(ask.body instanceof ReadableStream) && wasReset(cause);
    if (isRepeatable) return askOnce(options, ask).catch((again) => Promise.reject(unreachable(options.url, again)));
    throw unreachable(options.url, cause);
  }
}

async function askOnce({ url, token }: HttpOptions, ask: HttpAsk): Promise<HttpAnswer> {
  const { method, path, body, accept = '*/*' } = ask;
  const headers = { authorization: `Bearer ${token}`, accept, [CLIENT_HEADER]: SDK_CLIENT, ...contentType(body) };
  const request: RequestInit & { duplex?: 'half' } = { method, headers };
  if (body !== undefined) request.body = body;
  if (body instanceof ReadableStream) request.duplex = 'half';
  const response = await fetch(new URL(path, url), request);
  const text = await response.text();
  return { status: response.status, text, header: (name) => response.headers.get(name) ?? undefined };
}

/** `fetch` wraps the reason; a refused connection means that nobody is there, a reset one that somebody was. */
function wasReset(error: unknown): boolean {
  const code = ((error as Error).cause as { readonly code?: string } | undefined)?.code;
  return code === 'ECONNRESET' || code === 'UND_ERR_SOCKET' || code === 'EPIPE';
}

function unreachable(url: string, cause: unknown): ClientFault {
  const reason = ((cause as Error).cause as Error | undefined)?.message ?? (cause as Error).message;
  return new ClientFault('UNREACHABLE', `no answer at ${url}: ${reason}`, { cause });
}

function contentType(body: unknown): Record<string, string> {
  if (body === undefined) return {};
  return { 'content-type': typeof body === 'string' ? 'application/json' : 'text/csv' };
}
