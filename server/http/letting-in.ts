/** Admission over HTTP: who asks too much, or whose request would wait too long, is told when to come back. */
import type { Engine } from '../../engine/index.ts';
import { type Admission, CHANNEL_OF, type Class, type Requests } from '../admission/index.ts';
import type { SettableClock } from '../clock.ts';
import type { Principal, Reading } from '../identity/identity.ts';
import type { Service } from '../service/index.ts';
import type { HttpRequest } from '../transport/index.ts';
import { type Answer, type HttpRefusal, refuse } from './respond.ts';
import type { Route } from './route.ts';

/** Where the ticket of an earlier refusal comes back. */
const TICKET_HEADER = 'x-clickday-ticket';

export interface LettingInOptions {
  readonly engine: Engine;
  readonly clock: SettableClock;
  /** Absent: everybody may ask as much as it likes. */
  readonly requests?: Requests | undefined;
  /** Absent: everybody is let in. */
  readonly admission?: Admission | undefined;
  readonly service: Pick<Service, 'countUnserved'>;
  readonly monotonicMs: () => number;
}

/** Before the token is verified. Here and below, null: it may go on. */
export function slowDownOf(
  { requests, clock, monotonicMs }: LettingInOptions,
  request: HttpRequest,
  reading: Reading | null,
): HttpRefusal | null {
  return overloaded(clock, requests?.ask(request, reading, monotonicMs()) ?? 0);
}

/** And after it. */
export function slowDownVerified(
  { requests, clock, monotonicMs }: LettingInOptions,
  request: HttpRequest,
  reading: Reading,
  principal: Principal,
): HttpRefusal | null {
  return overloaded(clock, requests?.askVerified(request, reading, principal, monotonicMs()) ?? 0);
}

function overloaded(clock: SettableClock, waitMs: number): HttpRefusal | null {
  return waitMs === 0 ? null : { ...refuse('OVERLOADED'), retryAtMs: clock.nowMs() + waitMs };
}

/** Files of acquirers keep a pace of their own, and operators are few. */
export function comeBackOf(
  { engine, clock, admission, service }: LettingInOptions,
  request: HttpRequest,
  route: Route,
  { role, subject }: Principal,
): Answer | null {
  const { priority = priorityOf(route) } = route;
  if (admission === undefined || priority === null || (role !== 'citizen' && role !== 'issuer')) return null;
  const asker = role === 'citizen' ? engine.citizenKeyOf(subject) : subject;
  const slowDown = role === 'citizen' ? overloaded(clock, admission.slowDownMs(asker)) : null;
  if (slowDown !== null) return slowDown;
  const comeBack = admission.ask({
    asker,
    channel: CHANNEL_OF[role],
    class: priority,
    shard: role === 'citizen' ? admission.shardOf(asker) : null,
    weight: 1,
    ticket: request.header(TICKET_HEADER),
  });
  if (comeBack === null) return null;
  const { waitMs, ticket, position, isNew } = comeBack;
  // An issuer is one asker for all its citizens: each request is another one's.
  const isTry = isNew || role === 'issuer';
  if (isTry && route.function !== undefined) service.countUnserved(route.function, 'OVERLOADED');
  return { ...refuse('OVERLOADED'), retryAtMs: clock.nowMs() + waitMs, ticket, position };
}

function priorityOf({ method }: Route): Class {
  return method === 'GET' ? 'read' : 'card';
}
