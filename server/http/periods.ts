/** What operators decide about award periods and the programme as a whole (domain 3.4). */
import * as v from 'valibot';
import {
  canonicalJson,
  type Engine,
  isoText,
  type PeriodDecision,
  type PeriodDetail,
  type PeriodOrder,
  parseInstant,
} from '../../engine/index.ts';
import { readFileName } from '../files/index.ts';
import { readObject } from './body.ts';
import { type Answer, json, refuse } from './respond.ts';
import type { Call, Method, Route } from './route.ts';

const PERIODS = '/admin/periods';
const PROGRAMME = '/admin/programme';

export function periodRoutes(engine: Engine): readonly Route[] {
  const route = (method: Method, path: string, handle: (call: Call) => Promise<Answer>): Route => {
    return { method, path, roles: ['operator'], handle };
  };
  return [
    route('GET', PERIODS, async () => json({ periods: engine.periodDetails().map(periodResource) })),
    route('POST', `${PERIODS}/suspend`, (call) => decideNamed(engine, call, 'suspend')),
    route('POST', `${PERIODS}/resume`, (call) => decideNamed(engine, call, 'resume')),
    route('POST', `${PERIODS}/reopen`, (call) => reopen(engine, call)),
    route('POST', `${PERIODS}/close`, (call) => decideNamed(engine, call, 'close')),
    route('GET', PROGRAMME, async () => json(programmeResource(engine))),
    route('POST', PROGRAMME, (call) => replace(engine, call)),
  ];
}

const id = v.pipe(v.number(), v.integer(), v.minValue(0));
const NOTHING = { awardPeriodId: 0, files: [], untilMs: 0, programme: '' } as const;

const namedBody = v.object({ awardPeriodId: id, reason: v.string() });

/** `{"awardPeriodId": …, "reason": …}`. The operator is who the token says; asked again it answers the same. */
async function decideNamed(engine: Engine, call: Call, kind: 'suspend' | 'resume' | 'close'): Promise<Answer> {
  const asked = await readObject(call.request, namedBody);
  return asked.ok ? decide(engine, call, { ...NOTHING, ...asked.value, kind }) : asked;
}

const reopenBody = v.object({ ...namedBody.entries, files: v.array(v.string()), until: v.string() });

/**
 * `{"awardPeriodId": …, "files": ["CSTAR.….csv", …], "until": ISO-8601 with offset, "reason": …}`. A file that comes encrypted
 * may be named with its `.pgp` or without.
 */
async function reopen(engine: Engine, call: Call): Promise<Answer> {
  const asked = await readObject(call.request, reopenBody);
  if (!asked.ok) return asked;
  const { awardPeriodId, reason, until } = asked.value;
  const untilMs = parseInstant(until);
  if (untilMs === null) return refuse('FIELD_INVALID', 'until');
  const files: string[] = [];
  for (const [at, name] of asked.value.files.entries()) {
    const read = readFileName(name);
    if (read?.kind !== 'transactions') return refuse('FIELD_INVALID', `files.${at}`);
    files.push(read.plain);
  }
  return decide(engine, call, { ...NOTHING, kind: 'reopen', awardPeriodId, files, untilMs, reason });
}

const replaceBody = v.object({ programme: v.record(v.string(), v.unknown()), reason: v.string() });

/** `{"programme": what a programme file says, "reason": …}`: a newer version of the one in force. */
async function replace(engine: Engine, call: Call): Promise<Answer> {
  const asked = await readObject(call.request, replaceBody);
  if (!asked.ok) return asked;
  const { programme, reason } = asked.value;
  const order = { ...NOTHING, kind: 'replace', programme: JSON.stringify(programme), reason } as const;
  const decided = await engine.decidePeriod({ ...order, operator: call.principal.subject });
  return decided.ok ? json(programmeResource(engine)) : decided;
}

async function decide(engine: Engine, { principal }: Call, order: Omit<PeriodOrder, 'operator'>): Promise<Answer> {
  const decided = await engine.decidePeriod({ ...order, operator: principal.subject });
  if (!decided.ok) return decided;
  // A closing begins now, not with the next tick.
  engine.tick();
  const period = engine.periodDetails().find(({ awardPeriodId }) => awardPeriodId === order.awardPeriodId);
  return period === undefined ? refuse('PERIOD_NOT_FOUND') : json({ period: periodResource(period) });
}

function programmeResource(engine: Engine): object {
  const decisions = engine.periodDecisions().filter(({ kind }) => kind === 'replace');
  return { programme: JSON.parse(canonicalJson(engine.programme)), decisions: decisions.map(decisionResource) };
}

function periodResource({ reopenedUntilMs, decisions, ...period }: PeriodDetail): object {
  return {
    ...period,
    reopenedUntil: reopenedUntilMs === null ? null : isoText(reopenedUntilMs),
    decisions: decisions.map(decisionResource),
  };
}

function decisionResource(decision: PeriodDecision): object {
  const { number, kind, operator, reason, atMs, files, untilMs } = decision;
  return {
    ...{ number, kind, operator, reason, at: isoText(atMs) },
    ...(kind === 'reopen' ? { files, until: isoText(untilMs) } : {}),
  };
}
