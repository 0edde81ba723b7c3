/** What operators do over HTTP: the programme's clock, backups, features, a wallet's past, what was set aside. */
import { isAbsolute, resolve } from 'node:path';
import * as v from 'valibot';
import { checkTaxCode, type Engine, isoText, parseInstant } from '../../engine/index.ts';
import type { SetAside } from '../../snapshots/index.ts';
import type { ServedBackups } from '../backups.ts';
import type { SettableClock } from '../clock.ts';
import type { Versions } from '../versions/index.ts';
import { readObject } from './body.ts';
import { type Answer, json, refuse } from './respond.ts';
import type { Call, Route } from './route.ts';

export interface AdminOptions {
  readonly engine: Engine;
  readonly backups: ServedBackups;
  readonly clock: SettableClock;
  readonly versions: Versions;
  /** What was set aside, since the engine died of it. Absent: nothing ever is. */
  readonly setAside?: (() => readonly SetAside[]) | undefined;
}

const OPERATOR = ['operator'] as const;
const CLOCK = '/admin/clock';
const BACKUPS = '/admin/backups';
const FEATURES = '/admin/features';

export function adminRoutes(options: AdminOptions): readonly Route[] {
  return [
    { method: 'GET', path: CLOCK, roles: OPERATOR, handle: async () => json(clockResource(options.clock)) },
    { method: 'POST', path: CLOCK, roles: OPERATOR, handle: (call) => setClock(options, call) },
    { method: 'GET', path: BACKUPS, roles: OPERATOR, handle: async () => json({ backup: options.backups.state }) },
    { method: 'POST', path: BACKUPS, roles: OPERATOR, handle: (call) => beginBackup(options.backups, call) },
    { method: 'GET', path: FEATURES, roles: OPERATOR, handle: async () => json(featuresResource(options.versions)) },
    { method: 'POST', path: FEATURES, roles: OPERATOR, handle: async () => readFeatures(options.versions) },
    { method: 'POST', path: '/admin/past', roles: OPERATOR, handle: (call) => readPast(options.backups, call) },
    { method: 'GET', path: '/admin/doubles', roles: OPERATOR, handle: () => readDoubles(options.backups) },
    {
      method: 'GET',
      path: '/admin/set-aside',
      roles: OPERATOR,
      handle: async () => json({ setAside: options.setAside?.() ?? [] }),
    },
  ];
}

const clockBody = v.object({ now: v.string() });

/** `{"now": ISO-8601 with offset}`; 409 CLOCK_NOT_SETTABLE or CLOCK_BACKWARDS (DECISION 34). */
async function setClock({ engine, clock }: AdminOptions, { request }: Call): Promise<Answer> {
  const asked = await readObject(request, clockBody);
  if (!asked.ok) return asked;
  const ms = parseInstant(asked.value.now);
  if (ms === null) return refuse('FIELD_INVALID', 'now');
  const setting = clock.set(ms);
  if (!setting.ok) return refuse(setting.code);
  // What time alone causes happens now, not at the next tick: who moves the clock wants to see it.
  engine.tick();
  return json(clockResource(clock));
}

/** Reads `--features` again. One that is not good is refused with the field at fault, and the old one stays. */
function readFeatures(versions: Versions): Answer {
  const reading = versions.reload();
  return reading.ok ? json(featuresResource(versions)) : refuse('FIELD_INVALID', reading.problem);
}

function featuresResource({ file, policy }: Versions): object {
  return { file, ...policy };
}

const backupBody = v.object({
  folder: v.pipe(v.string(), v.check(isAbsolute)),
  keys: v.optional(v.pipe(v.string(), v.check(isAbsolute))),
  name: v.optional(v.string()),
  base: v.optional(v.boolean(), false),
});

/**
 * `{"folder": absolute path on the server, "keys": …, "name": …, "base": …}`. It takes a while: 202 with what was begun, and how it
 * went under GET. OVERLOADED while another one is under way.
 */
async function beginBackup(backups: ServedBackups, { request }: Call): Promise<Answer> {
  const asked = await readObject(request, backupBody);
  if (!asked.ok) return asked;
  const { folder, keys, name, base } = asked.value;
  const backup = backups.begin({ folder: resolve(folder), keys, name, base });
  return backup === null ? refuse('OVERLOADED', 'a backup is under way') : { ...json({ backup }), status: 202 };
}

const pastBody = v.object({ citizen: v.string(), at: v.string() });

/**
 * `{"citizen": tax code, "at": ISO-8601 with offset}`: the wallet as it was then, and what led to it. In a body, since
 * addresses are written down on the way. OVERLOADED while another past is read; a journal that is damaged says so.
 */
async function readPast(backups: ServedBackups, { request }: Call): Promise<Answer> {
  const asked = await readObject(request, pastBody);
  if (!asked.ok) return asked;
  const taxCode = checkTaxCode(asked.value.citizen);
  if (!taxCode.ok) return refuse('FIELD_INVALID', 'citizen');
  const timeMs = parseInstant(asked.value.at);
  if (timeMs === null) return refuse('FIELD_INVALID', 'at');
  const read = backups.past({ taxCode: taxCode.value, timeMs });
  return read === null ? refuse('OVERLOADED', 'another past is read') : json({ past: await read });
}

/** Records that several cards have under one key (DECISION 35). OVERLOADED as for a past. */
async function readDoubles(backups: ServedBackups): Promise<Answer> {
  const read = backups.doubles();
  return read === null ? refuse('OVERLOADED', 'a past is read') : json(await read);
}

function clockResource(clock: SettableClock): object {
  const nowMs = clock.nowMs();
  return { now: isoText(nowMs), nowMs, isSettable: clock.isSettable, speed: clock.speed };
}
