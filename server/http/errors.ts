/** Bad lines of files, for operators: a page of them, what is submitted in their place, what is dismissed. */
import * as v from 'valibot';
import { type Clock, isoText, LIMITS, type Refused } from '../../engine/index.ts';
import {
  ERROR_STATES,
  ErrorDesk,
  type ErrorState,
  type ErrorStore,
  type ErrorView,
  type LineTakers,
} from '../errors/index.ts';
import type { FileIngester } from '../files/index.ts';
import type { PayoutDesk, TakenIn } from '../payout/index.ts';
import { readObject } from './body.ts';
import { optionalNumber } from './citizen-call.ts';
import { type Answer, json, refuse } from './respond.ts';
import type { Call, Route } from './route.ts';

const OPERATOR = ['operator'] as const;
const ERRORS = '/admin/errors';
const PAGE_COUNT = 20;

export interface ErrorRoutesOptions {
  /** Absent: no bad lines are kept. */
  readonly errors?: ErrorStore | undefined;
  readonly files: FileIngester;
  readonly payouts: PayoutDesk;
  readonly clock: Clock;
}

export function errorRoutes({ errors, files, payouts, clock }: ErrorRoutesOptions): readonly Route[] {
  if (errors === undefined) return [];
  const desk = new ErrorDesk({ store: errors, takers: takersOf(files, payouts), clock });
  return [
    { method: 'GET', path: ERRORS, roles: OPERATOR, handle: (call) => readPage(desk, call) },
    { method: 'POST', path: `${ERRORS}/:id/resubmit`, roles: OPERATOR, handle: (call) => resubmit(desk, call) },
    { method: 'POST', path: `${ERRORS}/:id/dismiss`, roles: OPERATOR, handle: (call) => dismiss(desk, call) },
  ];
}

/** `?file=…&state=open|taken|dismissed&limit=…&cursor=…`: file by file as they arrived. */
async function readPage(desk: ErrorDesk, call: Call): Promise<Answer> {
  const { query } = call.request;
  const state = query.get('state') ?? undefined;
  if (state !== undefined && !isState(state)) return refuse('FIELD_INVALID', 'state');
  const limit = optionalNumber(call, 'limit');
  if (limit === null || limit === 0) return refuse('FIELD_INVALID', 'limit');
  const [file, cursor] = [query.get('file') ?? undefined, query.get('cursor') ?? undefined];
  const { errors, nextCursor, unkeptCount } = await desk.page({ file, state, cursor, limit: limit ?? PAGE_COUNT });
  return json({ errors: errors.map(errorResource), ...(nextCursor === null ? {} : { nextCursor }), unkeptCount });
}

const resubmitBody = v.object({
  line: v.optional(v.pipe(v.string(), v.maxLength(LIMITS.fileLineCharactersMax))),
});

/** `{"line": …}`: a corrected one; without it the same again. Refused as the row of the file was, it stays open. */
async function resubmit(desk: ErrorDesk, { request, principal, parameters }: Call): Promise<Answer> {
  const asked = await readObject(request, resubmitBody);
  if (!asked.ok) return asked;
  const closed = await desk.resubmit(parameters.id ?? '', asked.value.line ?? null, principal.subject);
  return closed.ok ? json(errorResource(closed.value)) : closed;
}

/** `{"reason": …}` */
async function dismiss(desk: ErrorDesk, { request, principal, parameters }: Call): Promise<Answer> {
  const asked = await readObject(request, v.object({ reason: v.string() }));
  if (!asked.ok) return asked;
  const closed = await desk.dismiss(parameters.id ?? '', asked.value.reason, principal.subject);
  return closed.ok ? json(errorResource(closed.value)) : closed;
}

function isState(text: string): text is ErrorState {
  return (ERROR_STATES as readonly string[]).includes(text);
}

function errorResource({ file, text, operator, reason, closedMs, ...error }: ErrorView): object {
  const { kind, name, sender, receivedMs } = file;
  return {
    ...{ ...error, file: name, kind, received: isoText(receivedMs) },
    ...(sender === '' ? {} : { acquirer: sender }),
    ...(error.state === 'open' ? { text } : { operator, closed: isoText(closedMs) }),
    ...(reason === '' ? {} : { reason }),
  };
}

/** Each line goes the way that the rows of its file went. */
function takersOf(files: FileIngester, payouts: PayoutDesk): LineTakers {
  const alone = async (taking: Promise<TakenIn>): Promise<Refused | { readonly ok: true }> => {
    const [rejected] = (await taking).rejected;
    if (rejected === undefined) return { ok: true };
    const { code, detail } = rejected;
    return { ok: false, code, ...(detail === undefined ? {} : { detail }) };
  };
  return {
    transactions: ({ file: { name, sender }, line }, text) => files.takeLine({ name, sender, line, text }),
    outcomes: (_, text) => alone(payouts.takeOutcomes(bodyOf(text))),
    complaints: (_, text) => alone(payouts.takeComplaints(bodyOf(text))),
  };
}

async function* bodyOf(line: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(line);
}
