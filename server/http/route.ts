/** One table row of the HTTP API, and finding the row that a request means. */
import type { Role } from '../../engine/index.ts';
import type { Class } from '../admission/index.ts';
import type { Principal } from '../identity/identity.ts';
import type { FunctionName } from '../service/index.ts';
import type { HttpRequest } from '../transport/index.ts';
import type { Access } from '../versions/index.ts';
import type { Feature, MessageCode } from '../wire/index.ts';
import type { Answer } from './respond.ts';

export type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';

export interface Call {
  readonly request: HttpRequest;
  readonly principal: Principal;
  /** Of the client that asks; commands are held to it where they are executed. */
  readonly access: Access;
  /** Segments named in the route's path, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
}

interface Address {
  readonly method: Method;
  /** Segments that begin with `:` are parameters. This text, never the path sent, goes into logs and metrics. */
  readonly path: string;
  /** As which it counts in the status of the service where the engine is never asked. Absent: as none. */
  readonly function?: FunctionName;
  /** What is read here and may be off for some clients. Absent: it never is. */
  readonly feature?: Feature;
  /** What the app says where this fails for a while (domain 6.5). Absent: what the refusal says. */
  readonly failure?: MessageCode;
  /** Before whom it is let in where there is no room for all. Null: it costs the engine nothing. Absent: as its method says. */
  readonly priority?: Class | null;
  /** Also with the token of a wallet session (domain 6.3). Absent: with none but the ordinary. */
  readonly takesWalletSession?: boolean;
}

export type Route =
  | (Address & { readonly roles: readonly Role[]; handle(call: Call): Promise<Answer> })
  | (Address & {
      readonly roles: 'public';
      /** Whether we are here is always answered: it costs no more than a refusal, and balancers ask. */
      readonly isProbe?: boolean;
      handle(request: HttpRequest): Promise<Answer>;
    });

export type Finding =
  | { readonly kind: 'found'; readonly route: Route; readonly parameters: Readonly<Record<string, string>> }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'otherMethod'; readonly allowed: readonly string[] };

export type RouteTable = (method: string, path: string) => Finding;

interface Compiled {
  readonly segments: readonly string[];
  readonly route: Route;
}

/** The first route that fits wins, so fixed paths stand before those with parameters. A trailing slash is ignored. */
export function createRouteTable(routes: readonly Route[]): RouteTable {
  const byLength = new Map<number, Compiled[]>();
  for (const route of routes) {
    const segments = segmentsOf(route.path);
    const group = byLength.get(segments.length);
    if (group === undefined) byLength.set(segments.length, [{ segments, route }]);
    else group.push({ segments, route });
  }

  return (method, path) => {
    const sent = decodeSegments(path);
    if (sent === null) return { kind: 'unknown' };
    const wanted = method === 'HEAD' ? 'GET' : method;
    const allowed: string[] = [];
    for (const { segments, route } of byLength.get(sent.length) ?? []) {
      if (!fits(segments, sent)) continue;
      if (route.method === wanted) return { kind: 'found', route, parameters: parametersOf(segments, sent) };
      allowed.push(route.method);
      if (route.method === 'GET') allowed.push('HEAD');
    }
    return allowed.length === 0 ? { kind: 'unknown' } : { kind: 'otherMethod', allowed: [...new Set(allowed)] };
  };
}

function segmentsOf(path: string): string[] {
  const trimmed = path.endsWith('/') ? path.slice(1, -1) : path.slice(1);
  return trimmed === '' ? [] : trimmed.split('/');
}

/** Null where the percent-encoding is broken. */
function decodeSegments(path: string): string[] | null {
  const segments = segmentsOf(path);
  if (!path.includes('%')) return segments;
  try {
    return segments.map(decodeURIComponent);
  } catch {
    return null;
  }
}

function fits(segments: readonly string[], sent: readonly string[]): boolean {
  return segments.every((segment, index) => segment.startsWith(':') || segment === sent[index]);
}

function parametersOf(segments: readonly string[], sent: readonly string[]): Readonly<Record<string, string>> {
  const parameters: Record<string, string> = {};
  segments.forEach((segment, index) => {
    if (segment.startsWith(':')) parameters[segment.slice(1)] = sent[index] ?? '';
  });
  return parameters;
}
