/** What operators see and decide of doubtful reversals (domain 3.3b), and why any one record counts or does not. */
import * as v from 'valibot';
import {
  type ActivationView,
  type Engine,
  type FailedGuard,
  isoText,
  LIMITS,
  LISTED_REVERSAL_STATES,
  type ListedReversalState,
  RESOLUTIONS,
  type RecordFate,
  type ReversalResolved,
  type ReversalView,
  type TransactionRecord,
} from '../../engine/index.ts';
import { readObject } from './body.ts';
import { hpanOf, optionalNumber } from './citizen-call.ts';
import { keyFields, keyOf, paymentKeyFields } from './record-key.ts';
import { type Answer, json, refuse } from './respond.ts';
import type { Call, Route } from './route.ts';

const OPERATOR = ['operator'] as const;
const REVERSALS = '/admin/reversals';
const PAGE_COUNT = 20;

export function reversalRoutes(engine: Engine): readonly Route[] {
  return [
    { method: 'GET', path: REVERSALS, roles: OPERATOR, handle: (call) => readReversals(engine, call) },
    { method: 'POST', path: `${REVERSALS}/resolve`, roles: OPERATOR, handle: (call) => resolve(engine, call) },
    { method: 'POST', path: '/admin/why', roles: OPERATOR, handle: (call) => tellWhy(engine, call) },
  ];
}

/** `?state=pending|parked|flagged&limit=…&cursor=…`: those that wait for their payment, and those that a human decides. */
async function readReversals(engine: Engine, call: Call): Promise<Answer> {
  const state = call.request.query.get('state');
  if (!isListedState(state)) return refuse('FIELD_INVALID', 'state');
  const asked = optionalNumber(call, 'limit');
  if (asked === null || asked === 0) return refuse('FIELD_INVALID', 'limit');
  const limit = Math.min(asked ?? PAGE_COUNT, LIMITS.reversalsPageMax);
  const cursor = call.request.query.get('cursor');
  const read = await engine.reversals({ state, limit, ...(cursor === null ? {} : { cursor }) });
  if (!read.ok) return read;
  const page = read.value;
  return json({
    reversals: page.reversals.map((reversal) => reversalResource(state, reversal)),
    ...(page.nextCursor === null ? {} : { nextCursor: page.nextCursor }),
  });
}

function isListedState(state: string | null): state is ListedReversalState {
  return (LISTED_REVERSAL_STATES as readonly (string | null)[]).includes(state);
}

const resolveBody = v.object({
  hpan: v.string(),
  reversal: v.object(keyFields),
  resolution: v.picklist(RESOLUTIONS),
  payment: v.optional(v.object(paymentKeyFields)),
  reason: v.string(),
});

/**
 * `{"hpan": …, "reversal": key, "resolution": "apply" | "discard" | "keep", "payment": key, "reason": …}`, with the fields of
 * a record as the list tells them. The operator is who the token says. Asked again it answers the same.
 */
async function resolve(engine: Engine, { request, principal }: Call): Promise<Answer> {
  const asked = await readObject(request, resolveBody);
  if (!asked.ok) return asked;
  const { resolution, reason } = asked.value;
  const hpan = hpanOf(asked.value.hpan);
  if (hpan === null) return refuse('FIELD_INVALID', 'hpan');
  const reversal = keyOf({ ...asked.value.reversal, operationType: '01' });
  if (reversal === null) return refuse('FIELD_INVALID', 'reversal.trxDate');
  const payment = asked.value.payment === undefined ? undefined : keyOf(asked.value.payment);
  if (payment === null) return refuse('FIELD_INVALID', 'payment.trxDate');
  const operator = principal.subject;
  const decision = { hpan, reversal, resolution, payment: payment ?? null, operator, reason };
  const resolved = await engine.resolveReversal(decision);
  return resolved.ok ? json(resolvedResource(resolved.value)) : resolved;
}

const whyBody = v.object({ hpan: v.string(), ...paymentKeyFields });

/** `{"hpan": …, key}`: in a body, since addresses are written down on the way. Says whose a record is: for operators only. */
async function tellWhy(engine: Engine, { request }: Call): Promise<Answer> {
  const asked = await readObject(request, whyBody);
  if (!asked.ok) return asked;
  const hpan = hpanOf(asked.value.hpan);
  if (hpan === null) return refuse('FIELD_INVALID', 'hpan');
  const key = keyOf(asked.value);
  if (key === null) return refuse('FIELD_INVALID', 'trxDate');
  const fate = await engine.recordFate(hpan, key);
  return fate.ok ? json(fateResource(fate.value)) : fate;
}

function reversalResource(state: ListedReversalState, reversal: ReversalView): object {
  return {
    state,
    ...(reversal.code === null ? {} : { code: reversal.code }),
    awardPeriodId: reversal.awardPeriodId,
    received: isoText(reversal.receivedMs),
    ...(state === 'pending' ? { expires: isoText(reversal.expiresMs) } : {}),
    record: recordResource(reversal.record),
  };
}

function recordResource({ trxMs, ...sent }: TransactionRecord): object {
  return { ...sent, trxDate: isoText(trxMs) };
}

function resolvedResource({ atMs, ...resolved }: ReversalResolved): object {
  return { ...resolved, at: isoText(atMs) };
}

function fateResource({ record, receivedMs, expiresMs, related, resolved, guards, ...fate }: RecordFate): object {
  return {
    ...fate,
    record: record === null ? null : recordResource(record),
    received: textOrNull(receivedMs),
    expires: textOrNull(expiresMs),
    related: related.map(recordResource),
    resolved: resolved === null ? null : resolvedResource(resolved),
    guards: guards.map(guardResource),
  };
}

function guardResource({ termsMs, activations, ...guard }: FailedGuard): object {
  return {
    ...guard,
    ...(termsMs === undefined ? {} : { terms: textOrNull(termsMs) }),
    ...(activations === undefined ? {} : { activations: activations.map(activationResource) }),
  };
}

function activationResource({ activationMs, deactivationMs, ...activation }: ActivationView): object {
  return { ...activation, activation: isoText(activationMs), deactivation: textOrNull(deactivationMs) };
}

function textOrNull(ms: number | null): string | null {
  return ms === null ? null : isoText(ms);
}
