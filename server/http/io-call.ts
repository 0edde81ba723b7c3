/** What the app's calls have in common: who asks. */
import { APP_CHANNEL, type Engine } from '../../engine/index.ts';
import type { Citizen } from './citizen-call.ts';
import type { Call } from './route.ts';

export const BASE = '/bpd/io';
export const CITIZEN = ['citizen'] as const;

/** Always from the token, never from the message (promise 7). */
export function citizenOf(engine: Engine, { principal, access }: Call): Citizen {
  const key = engine.citizenKeyOf(principal.subject);
  return { key, taxCode: principal.subject, origin: { role: 'citizen', subject: key, channel: APP_CHANNEL }, access };
}
