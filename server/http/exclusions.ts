/** What operators take out of counting, two of them together: citizens and single payments (domain 3.1, 5.6). */
import * as v from 'valibot';
import {
  checkTaxCode,
  type Engine,
  EXCLUSION_ACTIONS,
  type Exclusion,
  type ExclusionStep,
  isoText,
  LIMITS,
  LISTED_EXCLUSION_STATES,
  type ListedExclusionState,
  type PaymentName,
  type Read,
} from '../../engine/index.ts';
import { readObject } from './body.ts';
import { hpanOf, optionalNumber } from './citizen-call.ts';
import { keyOf, paymentKeyFields } from './record-key.ts';
import { type Answer, json, refuse } from './respond.ts';
import type { Call, Route } from './route.ts';

const OPERATOR = ['operator'] as const;
const EXCLUSIONS = '/admin/exclusions';
const PAGE_COUNT = 20;

export function exclusionRoutes(engine: Engine): readonly Route[] {
  return [
    { method: 'GET', path: EXCLUSIONS, roles: OPERATOR, handle: (call) => readPage(engine, call) },
    { method: 'POST', path: EXCLUSIONS, roles: OPERATOR, handle: (call) => propose(engine, call) },
    { method: 'POST', path: `${EXCLUSIONS}/decide`, roles: OPERATOR, handle: (call) => decide(engine, call) },
  ];
}

const aboutBody = v.object({
  citizen: v.string(),
  payment: v.optional(v.object({ hpan: v.string(), ...paymentKeyFields })),
  reason: v.string(),
});
type About = v.InferOutput<typeof aboutBody>;

const proposalBody = v.object({ ...aboutBody.entries, action: v.picklist(EXCLUSION_ACTIONS) });

/**
 * `{"citizen": tax code, "payment": its card and key, "action": "exclude" | "lift" | "appeal", "reason": …}`; without a payment
 * it is about the citizen. It waits for another operator; who asks is who the token says.
 */
async function propose(engine: Engine, call: Call): Promise<Answer> {
  const asked = await readObject(call.request, proposalBody);
  return asked.ok ? ask(engine, call, asked.value, asked.value.action) : asked;
}

const decisionBody = v.object({ ...aboutBody.entries, decision: v.picklist(['approve', 'reject']) });

/** The same with `"decision": "approve" | "reject"`, by another operator than the one who proposed it. */
async function decide(engine: Engine, call: Call): Promise<Answer> {
  const asked = await readObject(call.request, decisionBody);
  return asked.ok ? ask(engine, call, asked.value, asked.value.decision) : asked;
}

async function ask(engine: Engine, { principal }: Call, about: About, step: ExclusionStep): Promise<Answer> {
  const taxCode = checkTaxCode(about.citizen);
  if (!taxCode.ok) return refuse('TAX_CODE_INVALID');
  const payment = paymentIn(about.payment);
  if (!payment.ok) return payment;
  const { reason } = about;
  const operator = principal.subject;
  const citizen = engine.citizenKeyOf(taxCode.value);
  const done = await engine.exclude({ citizen, payment: payment.value, step, operator, reason });
  return done.ok ? json(exclusionResource(taxCode.value, done.value)) : done;
}

function paymentIn(named: About['payment']): Read<PaymentName | null> {
  if (named === undefined) return { ok: true, value: null };
  const hpan = hpanOf(named.hpan);
  if (hpan === null) return { ok: false, code: 'FIELD_INVALID', detail: 'payment.hpan' };
  const record = keyOf(named);
  if (record === null) return { ok: false, code: 'FIELD_INVALID', detail: 'payment.trxDate' };
  return { ok: true, value: { hpan, record } };
}

/** `?state=proposed|excluded|lifted&limit=…&cursor=…`: what waits for a second person, what does not count, what does again. */
async function readPage(engine: Engine, call: Call): Promise<Answer> {
  const state = call.request.query.get('state');
  if (!isListedState(state)) return refuse('FIELD_INVALID', 'state');
  const asked = optionalNumber(call, 'limit');
  if (asked === null || asked === 0) return refuse('FIELD_INVALID', 'limit');
  const limit = Math.min(asked ?? PAGE_COUNT, LIMITS.exclusionsPageMax);
  const cursor = call.request.query.get('cursor');
  const read = await engine.exclusions({ state, limit, ...(cursor === null ? {} : { cursor }) });
  if (!read.ok) return read;
  const { exclusions, nextCursor } = read.value;
  const resources = await Promise.all(exclusions.map((exclusion) => namedResource(engine, exclusion)));
  return json({ exclusions: resources, ...(nextCursor === null ? {} : { nextCursor }) });
}

function isListedState(state: string | null): state is ListedExclusionState {
  return (LISTED_EXCLUSION_STATES as readonly (string | null)[]).includes(state);
}

/** By the tax code, since that is how one names a citizen; empty where its key is gone. */
async function namedResource(engine: Engine, exclusion: Exclusion): Promise<object> {
  const taxCode = await engine.taxCode(exclusion.citizen);
  return exclusionResource(taxCode.ok ? taxCode.value : '', exclusion);
}

function exclusionResource(fiscalCode: string, exclusion: Exclusion): object {
  const { citizen: _citizen, payment, proposedMs, decidedMs, appealEndsMs, ...said } = exclusion;
  return {
    fiscalCode,
    ...said,
    payment: payment === null ? null : paymentResource(payment),
    proposed: isoText(proposedMs),
    decided: decidedMs === 0 ? null : isoText(decidedMs),
    appealEnds: appealEndsMs === 0 ? null : isoText(appealEndsMs),
  };
}

function paymentResource({ hpan, record: { trxMs, ...record } }: PaymentName): object {
  return { hpan, ...record, trxDate: isoText(trxMs) };
}
