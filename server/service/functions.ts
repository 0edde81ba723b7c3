/**
 * What the service does for people, in their words, and from where on it does it badly: the one table by which /status
 * judges (R7). R1 wants 99.9 % of tries to succeed and 99 % of them to be answered within a second.
 */
import { invariant, type RefusalName } from '../../engine/index.ts';
import type { RequestType } from '../wire/index.ts';
import type { Figures, Result } from './tries.ts';

interface Goal {
  /** An incident begins below the first share, and can end from the second on. */
  readonly shareOpens: number;
  readonly shareCloses: number;
  /** So of the 99th percentile, above the first and up to the second. */
  readonly p99MsOpens: number;
  readonly p99MsCloses: number;
}

const USUAL: Goal = { shareOpens: 0.95, shareCloses: 0.99, p99MsOpens: 1_000, p99MsCloses: 700 };

export const GOALS = {
  enrol: USUAL,
  wallet: USUAL,
  addMethod: USUAL,
  enableCashback: USUAL,
  /** With the bank's answer, which is waited for at most 3 s. */
  setIban: { ...USUAL, p99MsOpens: 4_000, p99MsCloses: 3_500 },
  ranking: USUAL,
  /** Rows of files yield to people: one that finds no room is tried again by ourselves, and each time is a try. */
  recordPayments: { shareOpens: 0.5, shareCloses: 0.9, p99MsOpens: 5_000, p99MsCloses: 3_000 },
} as const satisfies Record<string, Goal>;

export type FunctionName = keyof typeof GOALS;
export const FUNCTION_NAMES = Object.keys(GOALS) as readonly FunctionName[];

/** Fewer tries in a minute than this prove nothing. */
export const TRIES_MIN = 20;
/** With less of them it is down, not just failing. */
const DOWN_SHARE = 0.05;

/** By what is asked for over the wire; the rest is shown to nobody. */
export const FUNCTION_OF: Partial<Record<RequestType, FunctionName>> = {
  enrol: 'enrol',
  wallet: 'wallet',
  addMethod: 'addMethod',
  enableCashback: 'enableCashback',
  enableAll: 'enableCashback',
  setIban: 'setIban',
  ranking: 'ranking',
  rankingPage: 'ranking',
  recordPayments: 'recordPayments',
};

/** Nobody's fault but ours, or of whom we ask; all other refusals are an answer that helps. */
const NO_SUCCESS: Partial<Record<RefusalName, Result>> = {
  OVERLOADED: 'shed',
  DRAINING: 'shed',
  STORAGE_FULL: 'shed',
  COMMAND_SET_ASIDE: 'failed',
  INTERNAL_ERROR: 'failed',
  PARTNER_UNAVAILABLE: 'failed',
};

export function resultOf(code: RefusalName | undefined): Result {
  return code === undefined ? 'done' : (NO_SUCCESS[code] ?? 'refused');
}

export type Signal = 'success' | 'latency';

/** Which thresholds are crossed. */
export function crossedBy(name: FunctionName, { tries, successShare, p99Ms }: Figures): readonly Signal[] {
  if (tries < TRIES_MIN) return [];
  const { shareOpens, p99MsOpens } = GOALS[name];
  const isFailing = successShare !== null && successShare < shareOpens;
  const isSlow = p99Ms !== null && p99Ms > p99MsOpens;
  return [...(isFailing ? (['success'] as const) : []), ...(isSlow ? (['latency'] as const) : [])];
}

/** However few try. Silence is neither good nor bad. */
export function isGood(name: FunctionName, { tries, successShare, p99Ms }: Figures): boolean {
  const { shareCloses, p99MsCloses } = GOALS[name];
  return tries > 0 && successShare! >= shareCloses && (p99Ms ?? 0) <= p99MsCloses;
}

export type FunctionState = 'ok' | 'slow' | 'failing' | 'down' | 'quiet';

/** One word for the last minute. */
export function stateOf(name: FunctionName, { tries, successShare, p99Ms }: Figures): FunctionState {
  if (successShare === null) return 'quiet';
  const { shareCloses, p99MsOpens } = GOALS[name];
  if (successShare < DOWN_SHARE && tries >= TRIES_MIN) return 'down';
  if (successShare < shareCloses) return 'failing';
  return p99Ms !== null && p99Ms > p99MsOpens ? 'slow' : 'ok';
}

for (const [name, goal] of Object.entries<Goal>(GOALS)) {
  const { shareOpens, shareCloses, p99MsOpens, p99MsCloses } = goal;
  invariant(DOWN_SHARE < shareOpens && shareOpens < shareCloses && shareCloses <= 1, `shares of ${name} do not swing`);
  invariant(0 < p99MsCloses && p99MsCloses < p99MsOpens, `latencies of ${name} do not swing`);
}
