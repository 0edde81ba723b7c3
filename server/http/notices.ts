/** What citizens are told, for operators: the real programme's admin addresses (domain 6.3), and what they lacked. */
import {
  type Engine,
  isoText,
  LIMITS,
  LISTED_NOTICE_STATES,
  type ListedNoticeState,
  type Notice,
  type NoticeRunKind,
} from '../../engine/index.ts';
import type { Courier } from '../notices/index.ts';
import { optionalNumber } from './citizen-call.ts';
import { type Answer, json, refuse } from './respond.ts';
import type { Call, Method, Route } from './route.ts';

export interface NoticeRoutesOptions {
  readonly engine: Engine;
  /** Null: notices are queued, and nobody delivers them. */
  readonly courier: Pick<Courier, 'tick'> | null;
}

const MANAGER = '/bpd/notification-manager';
const NOTICES = '/admin/notices';
const PAGE_COUNT = 20;

export function noticeRoutes(options: NoticeRoutesOptions): readonly Route[] {
  const route = (method: Method, path: string, handle: (call: Call) => Promise<Answer>): Route => {
    return { method, path, roles: ['operator'], handle };
  };
  return [
    route('POST', `${MANAGER}/notifyEndPeriodOrGracePeriod`, () => queue(options, ['endOfPeriod', 'final'])),
    route('POST', `${MANAGER}/notifyPayments`, async () => deliver(options)),
    route('POST', `${NOTICES}/missing-iban`, () => queue(options, ['missingIban'])),
    route('GET', NOTICES, (call) => readPage(options.engine, call)),
  ];
}

/** Of all periods that have their time now; once they are queued they are delivered, however long that takes. */
async function queue(options: NoticeRoutesOptions, runs: readonly NoticeRunKind[]): Promise<Answer> {
  const queued = await options.engine.queueNotices(runs);
  if (!queued.ok) return queued;
  deliver(options);
  return json({ queued: queued.value });
}

/** What is due is delivered by itself: this only spares the wait for the next tick. */
function deliver({ courier }: NoticeRoutesOptions): Answer {
  void courier?.tick();
  return { ...json({ isDelivering: courier !== null }), status: 202 };
}

/** `?state=due|failed&limit=…&cursor=…` */
async function readPage(engine: Engine, call: Call): Promise<Answer> {
  const state = call.request.query.get('state');
  if (!isListedState(state)) return refuse('FIELD_INVALID', 'state');
  const asked = optionalNumber(call, 'limit');
  if (asked === null || asked === 0) return refuse('FIELD_INVALID', 'limit');
  const limit = Math.min(asked ?? PAGE_COUNT, LIMITS.noticesPageMax);
  const cursor = call.request.query.get('cursor');
  const read = await engine.notices({ state, limit, ...(cursor === null ? {} : { cursor }) });
  if (!read.ok) return read;
  const { notices, nextCursor } = read.value;
  return json({ notices: notices.map(noticeResource), ...(nextCursor === null ? {} : { nextCursor }) });
}

function isListedState(state: string | null): state is ListedNoticeState {
  return (LISTED_NOTICE_STATES as readonly (string | null)[]).includes(state);
}

function noticeResource({ payoutId, dueMs, atMs, ...notice }: Notice): object {
  return { ...notice, ...(payoutId === 0 ? {} : { payoutId }), due: isoText(dueMs), updateDate: isoText(atMs) };
}
