/** What operators do over HTTP: reading and setting the programme's clock. */
import * as v from 'valibot';
import { type Engine, isoText, parseInstant } from '../../engine/index.ts';
import type { SettableClock } from '../clock.ts';
import { parseJson, readBody } from './body.ts';
import { type Answer, json, refuse } from './respond.ts';
import type { Call, Route } from './route.ts';

export interface AdminOptions {
  readonly engine: Engine;
  readonly clock: SettableClock;
}

const OPERATOR = ['operator'] as const;
const PATH = '/admin/clock';

export function adminRoutes(options: AdminOptions): readonly Route[] {
  return [
    { method: 'GET', path: PATH, roles: OPERATOR, handle: async () => json(clockResource(options.clock)) },
    { method: 'POST', path: PATH, roles: OPERATOR, handle: (call) => setClock(options, call) },
  ];
}

const clockBody = v.object({ now: v.string() });

/** `{"now": ISO-8601 with offset}`; 409 CLOCK_NOT_SETTABLE or CLOCK_BACKWARDS (DECISION 34). */
async function setClock({ engine, clock }: AdminOptions, { request }: Call): Promise<Answer> {
  const body = await readBody(request);
  if (!body.ok) return body;
  const parsed = parseJson(request, body.bytes);
  if (!parsed.ok) return parsed;
  const asked = v.safeParse(clockBody, parsed.value);
  const ms = asked.success ? parseInstant(asked.output.now) : null;
  if (ms === null) return refuse('FIELD_INVALID', 'now');
  const setting = clock.set(ms);
  if (!setting.ok) return refuse(setting.code);
  // What time alone causes happens now, not at the next tick: who moves the clock wants to see it.
  engine.tick();
  return json(clockResource(clock));
}

function clockResource(clock: SettableClock): object {
  const nowMs = clock.nowMs();
  return { now: isoText(nowMs), nowMs, isSettable: clock.isSettable, speed: clock.speed };
}
