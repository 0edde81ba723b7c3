/**
 * The lifecycle of a payout record (domain 3.5): the only judge of what may become of one.
 * Guards judge; actions say how the record then stands, and change nothing.
 */
import { setup } from 'xstate';
import type { PayoutOutcome, RefusalName } from '../contract.ts';
import { machineSteps } from '../decision.ts';
import type { Payoff } from '../wallet/wallet.ts';
import { isExportable, isFailed, type Payout } from './payout.ts';

export type PayoutEvent =
  /** The citizen said where the money goes. */
  | { readonly type: 'FILL'; readonly payoff: Payoff }
  /** The account is not the citizen's, or there is none: it waits for another. */
  | { readonly type: 'EMPTY' }
  /** The citizen left. */
  | { readonly type: 'WITHDRAW' }
  /** The citizen, of this enrolment, was excluded and is no more. */
  | { readonly type: 'REINSTATE'; readonly enrolment: number }
  /** It goes into a file that is being written, as it was read: `updateMs` is what `atMs` was then. */
  | { readonly type: 'EXPORT'; readonly fileNumber: number; readonly updateMs: number }
  /** That file is where it was to go. */
  | { readonly type: 'DELIVER'; readonly fileNumber: number }
  /** An operator says what became of a file that was not finished. The payoff is what it goes out with if it does again. */
  | {
      readonly type: 'RESTORE';
      readonly fileNumber: number;
      readonly status: 'NEW' | 'RECOVERY' | 'SENT';
      readonly payoff: Payoff | null;
    }
  /** What the bank says. */
  | { readonly type: 'OUTCOME'; readonly outcome: PayoutOutcome }
  /** Another record takes its place. */
  | { readonly type: 'SUCCEED'; readonly successorPlace: number };

export interface PayoutContext {
  readonly payout: Payout;
  readonly nowMs: number;
  readonly decision: PayoutDecision;
}

export interface PayoutDecision {
  /** As it stands now; null = as before. */
  payout: Payout | null;
  refused: RefusalName | null;
}

type Args<T extends PayoutEvent['type'] = PayoutEvent['type']> = {
  readonly context: PayoutContext;
  readonly event: Extract<PayoutEvent, { type: T }>;
};

function on<T extends PayoutEvent['type']>(act: (args: Args<T>) => void): (args: Args) => void {
  return act as unknown as (args: Args) => void;
}
function when<T extends PayoutEvent['type']>(judge: (args: Args<T>) => boolean): (args: Args) => boolean {
  return judge as unknown as (args: Args) => boolean;
}

const ofFile = { guard: 'isOfFile' } as const;
const notOfFile = { actions: { type: 'refuse', params: { code: 'PAYOUT_IN_OTHER_FILE' } } } as const;
const notSent = { actions: { type: 'refuse', params: { code: 'PAYOUT_NOT_SENT' } } } as const;
const hasChanged = { actions: { type: 'refuse', params: { code: 'PAYOUT_CHANGED' } } } as const;
const notOpen = { actions: { type: 'refuse', params: { code: 'PAYOUT_NOT_EXPORTABLE' } } } as const;

/** What is to be sent, whether for the first time or again. */
const open = {
  FILL: { actions: 'fill' },
  EMPTY: { actions: 'empty' },
  WITHDRAW: { actions: 'withdraw' },
  REINSTATE: { guard: 'isOfEnrolment', actions: 'reinstate' },
  EXPORT: [{ guard: 'isAsRead', target: 'WIP', actions: 'export' }, { guard: 'isExportable', ...hasChanged }, notOpen],
  DELIVER: notOfFile,
  RESTORE: {},
  OUTCOME: notSent,
} as const;

export const payoutMachine = setup({
  types: { context: {} as PayoutContext, events: {} as PayoutEvent },
  guards: {
    isExportable: ({ context: { payout } }) => isExportable(payout),
    isAsRead: when<'EXPORT'>(
      ({ context: { payout }, event }) => isExportable(payout) && payout.atMs === event.updateMs,
    ),
    isOfFile: when<'EXPORT' | 'DELIVER' | 'RESTORE'>(
      ({ context: { payout }, event }) => payout.fileNumber === event.fileNumber,
    ),
    isOfEnrolment: when<'REINSTATE'>(({ context: { payout }, event }) => payout.enrolment === event.enrolment),
    isToBeNew: when<'RESTORE'>(
      ({ context: { payout }, event }) => payout.fileNumber === event.fileNumber && event.status === 'NEW',
    ),
    isToRecover: when<'RESTORE'>(
      ({ context: { payout }, event }) => payout.fileNumber === event.fileNumber && event.status === 'RECOVERY',
    ),
    isUndecided: ({ context: { payout } }) => payout.outcome === null,
    isSaidAgain: when<'OUTCOME'>(({ context: { payout }, event }) => isSameOutcome(payout.outcome, event.outcome)),
    mayBeSucceeded: ({ context: { payout } }) => isFailed(payout) && payout.successorPlace === 0,
  },
  actions: {
    refuse: ({ context: { decision } }, { code }: { code: RefusalName }) => {
      decision.refused = code;
    },
    fill: on<'FILL'>(({ context, event }) => set(context, { payoff: event.payoff })),
    empty: ({ context }) => set(context, { payoff: null }),
    withdraw: ({ context }) => set(context, { isEnabled: false }),
    reinstate: ({ context }) => set(context, { isEnabled: true }),
    export: on<'EXPORT'>(({ context, event }) => set(context, { status: 'WIP', fileNumber: event.fileNumber })),
    deliver: ({ context }) => set(context, { status: 'SENT' }),
    restore: on<'RESTORE'>(({ context, event: { status, payoff } }) =>
      set(context, status === 'SENT' ? { status } : { status, fileNumber: 0, payoff }),
    ),
    settle: on<'OUTCOME'>(({ context, event }) => set(context, { outcome: event.outcome })),
    succeed: on<'SUCCEED'>(({ context, event }) => set(context, { successorPlace: event.successorPlace })),
  },
}).createMachine({
  id: 'payout',
  initial: 'NEW',
  context: ({ input }) => input as PayoutContext,
  on: {
    // What is on its way goes where it was sent: neither a new IBAN nor a leaving recalls it.
    FILL: {},
    EMPTY: {},
    EXPORT: notOpen,
    DELIVER: notOfFile,
    RESTORE: {},
    OUTCOME: notSent,
    SUCCEED: {},
    WITHDRAW: {},
    REINSTATE: {},
  },
  states: {
    NEW: { on: open },
    RECOVERY: { on: open },
    WIP: {
      on: {
        // Should the file fail to go out, it is too late for it to go with another.
        WITHDRAW: { actions: 'withdraw' },
        REINSTATE: { guard: 'isOfEnrolment', actions: 'reinstate' },
        EXPORT: [ofFile, notOpen],
        DELIVER: [{ ...ofFile, target: 'SENT', actions: 'deliver' }, notOfFile],
        RESTORE: [
          { guard: 'isToBeNew', target: 'NEW', actions: 'restore' },
          { guard: 'isToRecover', target: 'RECOVERY', actions: 'restore' },
          { ...ofFile, target: 'SENT', actions: 'restore' },
          {},
        ],
      },
    },
    SENT: {
      on: {
        DELIVER: [ofFile, notOfFile],
        OUTCOME: [
          { guard: 'isUndecided', actions: 'settle' },
          { guard: 'isSaidAgain' },
          { actions: { type: 'refuse', params: { code: 'PAYOUT_DECIDED' } } },
        ],
        SUCCEED: { guard: 'mayBeSucceeded', actions: 'succeed' },
      },
    },
    // Paid by Consap: nothing becomes of it here.
    INTEGRATION: {},
  },
});

const step = machineSteps<PayoutContext, PayoutEvent>(payoutMachine);

/** Decides one event about one record, which is not modified. */
export function decidePayout(payout: Payout, event: PayoutEvent, nowMs: number): PayoutDecision {
  const decision: PayoutDecision = { payout: null, refused: null };
  step(payout.status, { payout, nowMs, decision }, event);
  return decision;
}

function set({ payout, nowMs, decision }: PayoutContext, change: Partial<Payout>): void {
  decision.payout = { ...payout, ...change, atMs: Math.max(nowMs, payout.atMs + 1) };
}

function isSameOutcome(left: PayoutOutcome | null, right: PayoutOutcome): boolean {
  return (
    left?.result === right.result &&
    left.reason === right.reason &&
    left.cro === right.cro &&
    left.executionDay === right.executionDay
  );
}
