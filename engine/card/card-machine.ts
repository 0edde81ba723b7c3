/**
 * The instrument's lifecycle (domain 3.2) and what it does with records (3.3): the only judge of who owns a card.
 * Guards judge; actions append facts, messages and outcomes to the decision and change nothing.
 */
import { setup } from 'xstate';
import { invariant } from '../assert.ts';
import type { CitizenKey, Hpan, PeriodParameters, RecordCover, RefusalName } from '../contract.ts';
import { machineSteps } from '../decision.ts';
import type { Fact } from '../facts.ts';
import { isReversal, romeDayNumber } from '../programme/index.ts';
import type { HistoryRow, LedgerEntry } from './card.ts';
import { hasDeparted, lastActivation } from './card-facts.ts';
import type { LedgerContext, Received, ResolutionAsked } from './ledger.ts';
import {
  isExcludedBy,
  isInFuture,
  isKnown,
  LedgerWork,
  lastExclusion,
  recordsOf,
  refuseRecord,
  resolvedView,
} from './ledger.ts';
import { clampDeactivation, coveringRow } from './ownership.ts';

export type CardContext = LedgerContext;

interface Claimant {
  readonly citizen: CitizenKey;
  readonly enrolment: number;
}

export type CardEvent =
  | ({
      readonly type: 'ACTIVATE';
      readonly channel: string;
      readonly master: Hpan;
      readonly isProvisional: boolean;
    } & Claimant)
  /** The wallet says what became of the activation that a provisional claim is part of. */
  | { readonly type: 'CONFIRM' }
  | { readonly type: 'WITHDRAW'; readonly citizen: CitizenKey }
  | ({
      readonly type: 'RELEASE';
      readonly cancellationMs: number | null;
      readonly isLeaving: boolean;
    } & Claimant)
  /** `period`: the one that takes the record now, or again; null = none. `isClosed`: not any more, in this partition. */
  | ({
      readonly type: 'RECORD';
      readonly period: PeriodParameters | null;
      readonly isClosed: boolean;
      /** By the PAR of the record; absent: nobody asked. */
      readonly cover?: RecordCover | undefined;
    } & Received)
  /** Whoever issued an active card says its Payment Account Reference. */
  | { readonly type: 'SET_PAR'; readonly citizen: CitizenKey; readonly par: string }
  | {
      readonly type: 'COUNT_JUDGED';
      readonly place: number;
      readonly code: RefusalName | null;
      readonly enrolment: number;
      readonly awardPeriodId: number;
      readonly scoreCents: number;
    }
  | { readonly type: 'REVERSE_JUDGED'; readonly place: number; readonly applied: boolean }
  | ({ readonly type: 'RESOLVE' } & ResolutionAsked)
  /** A payment is to count no more, or again. Its key is found, or null. */
  | {
      readonly type: 'EXCLUDE';
      readonly payment: LedgerEntry | null;
      readonly isExcluded: boolean;
      /** Nothing more changes in its period. */
      readonly isClosed: boolean;
    }
  /** Time has passed: what has waited for its month is over. */
  | { readonly type: 'EXPIRE' };

type Args<T extends CardEvent['type'] = CardEvent['type']> = {
  readonly context: CardContext;
  readonly event: Extract<CardEvent, { type: T }>;
};

/** Gives an action the event of its own type; the machine calls it for no other. */
function on<T extends CardEvent['type']>(act: (args: Args<T>) => void): (args: Args) => void {
  return act as unknown as (args: Args) => void;
}
function when<T extends CardEvent['type']>(judge: (args: Args<T>) => boolean): (args: Args) => boolean {
  return judge as unknown as (args: Args) => boolean;
}

export const cardMachine = setup({
  types: { context: {} as CardContext, events: {} as CardEvent },
  guards: {
    isNewPar: when<'SET_PAR'>(
      ({ context: { card }, event }) => lastActivation(card)?.citizen === event.citizen && card.par !== event.par,
    ),
    isOwner: when<'ACTIVATE' | 'RELEASE'>(
      ({ context, event }) => lastActivation(context.card)?.citizen === event.citizen,
    ),
    isProvisional: when<'ACTIVATE'>(({ event }) => event.isProvisional),
    isFirstClaim: ({ context }) => context.card.history.length === 1,
    isLeaving: when<'RELEASE'>(({ event }) => event.isLeaving),
    isRecordUnderWay: ({ context }) => context.card.unanswered > 0,
    isInFuture: when<'RECORD'>(({ event }) => isInFuture(event.record, event.receivedMs)),
    isKnown: when<'RECORD'>(({ context, event }) => isKnown(context, event)),
    isUncovered: when<'RECORD'>(({ context, event }) => covering(context, event) === undefined),
    isClosed: when<'RECORD'>(({ event }) => event.isClosed),
    isReversalOutsideEveryPeriod: when<'RECORD'>(({ event }) => isReversal(event.record) && event.period === null),
    isReversal: when<'RECORD'>(({ event }) => isReversal(event.record)),
    isNoReversal: when<'RESOLVE'>(({ event: { reversal } }) => reversal === null || !isReversal(reversal.record)),
    isDecidedSo: when<'RESOLVE'>(({ event: { before, reversal, resolution, payment } }) => {
      if (before?.resolution !== resolution) return false;
      // Flagged once more by a later payment, it has to be looked at once more.
      return resolution === 'apply' ? before.paymentPlace === payment?.place : reversal?.flagged !== true;
    }),
    isExpired: when<'RESOLVE'>(({ event }) => event.reversal?.state === 'expired'),
    isDecidedOtherwise: when<'RESOLVE'>(({ event: { before, reversal } }) => {
      return before !== null && reversal?.flagged !== true;
    }),
    isNotForThat: when<'RESOLVE'>(({ event: { resolution, reversal } }) => {
      return resolution === 'keep' ? reversal?.flagged !== true : reversal?.state !== 'parked';
    }),
    isForNoPayment: when<'RESOLVE'>(({ event }) => event.resolution !== 'apply'),
    isNoPayment: when<'RESOLVE'>(({ event: { payment, reversal } }) => {
      return payment?.state !== 'counted' || payment.awardPeriodId !== reversal?.awardPeriodId;
    }),
    hasOwnerLeft: when<'RESOLVE'>(
      ({ context, event }) => event.payment !== null && hasDeparted(context.card, event.payment),
    ),
    isOutOfCounting: when<'RESOLVE'>(({ context, event: { payment } }) => {
      if (payment === null) return false;
      return isExcludedBy(
        lastExclusion(
          recordsOf(context.card, (place) => context.ledger.entry(place)),
          payment,
        ),
      );
    }),
    isBeyondExclusion: when<'EXCLUDE'>(({ event: { payment, isClosed } }) => payment?.state !== 'counted' || isClosed),
    isPeriodClosed: when<'RESOLVE'>(({ event }) => event.isClosed),
    isMoreThanLeft: when<'RESOLVE'>(({ event: { payment, reversal } }) => {
      return (reversal?.record.amountCents ?? 0) > (payment?.leftCents ?? 0);
    }),
  },
  actions: {
    activate: on<'ACTIVATE'>(({ context, event }) => grant(context, event, 'cardActivated')),
    claim: on<'ACTIVATE'>(({ context, event }) => grant(context, event, 'cardClaimed')),
    setPar: on<'SET_PAR'>(({ context: { card, decision }, event: { par } }) => {
      decision.facts.push({ kind: 'parSet', hpan: card.hpan, par, wasPar: card.par });
    }),
    confirm: ({ context }) => {
      context.decision.facts.push({ kind: 'claimConfirmed', hpan: context.card.hpan });
    },
    withdraw: ({ context, event }, { status }: { status: 'absent' | 'inactive' }) => {
      context.decision.facts.push({ kind: 'claimWithdrawn', hpan: context.card.hpan, status });
      judgeClaim(context, (event as Extract<CardEvent, { type: 'WITHDRAW' }>).citizen, null);
    },
    answerActive: on<'ACTIVATE'>(({ context, event }) => {
      const row = lastActivation(context.card);
      invariant(row !== undefined, 'an active card has been activated');
      judgeClaim(context, event.citizen, row.activationMs);
    }),
    refuseClaim: on<'ACTIVATE'>(({ context, event }) => judgeClaim(context, event.citizen, null)),
    deactivate: on<'RELEASE'>(({ context, event }) => {
      const { card, nowMs, decision } = context;
      const deactivationMs = clampDeactivation(card, event.cancellationMs, nowMs);
      decision.facts.push({ kind: 'cardDeactivated', hpan: card.hpan, deactivationMs });
      judgeRelease(context, event.citizen, { deactivationMs, code: null });
    }),
    rememberLeaving: on<'RELEASE'>(({ context, event }) => {
      if (!event.isLeaving) return;
      const { citizen, enrolment } = event;
      context.decision.facts.push({ kind: 'ownerLeft', hpan: context.card.hpan, citizen, enrolment });
    }),
    answerInactive: on<'RELEASE'>(({ context, event }) => {
      const deactivationMs = lastActivation(context.card)?.deactivationMs ?? null;
      judgeRelease(context, event.citizen, { deactivationMs, code: null });
    }),
    answerLeft: on<'RELEASE'>(({ context, event }) =>
      judgeRelease(context, event.citizen, { deactivationMs: null, code: null }),
    ),
    refuseUnknown: on<'RELEASE'>(({ context, event }) =>
      judgeRelease(context, event.citizen, { deactivationMs: null, code: 'INSTRUMENT_NOT_FOUND' }),
    ),
    refuseStranger: on<'RELEASE'>(({ context, event }) =>
      judgeRelease(context, event.citizen, { deactivationMs: null, code: 'INSTRUMENT_NOT_YOURS' }),
    ),
    defer: ({ context }) => {
      context.decision.isDeferred = true;
    },
    rejectRecord: ({ context, event }, { code }: { code: RefusalName }) =>
      refuseRecord(context.decision, (event as Extract<CardEvent, { key: string }>).key, 'rejected', code),
    dropRecord: ({ context, event }, { code }: { code: RefusalName }) =>
      refuseRecord(context.decision, (event as Extract<CardEvent, { key: string }>).key, 'dropped', code),
    askWallet: on<'RECORD'>(({ context, event }) => {
      const owner = covering(context, event);
      invariant(owner !== undefined, 'a guard saw to the coverage');
      tellCover(context, event);
      new LedgerWork(context).askCount(event, owner);
    }),
    storeReversal: on<'RECORD'>(({ context, event }) => {
      invariant(event.period !== null, 'a guard saw to the period');
      tellCover(context, event);
      new LedgerWork(context).storeReversal(event, event.period);
    }),
    countJudged: on<'COUNT_JUDGED'>(({ context, event }) => new LedgerWork(context).countJudged(event)),
    expire: ({ context }) => new LedgerWork(context).expire(),
    resolve: on<'RESOLVE'>(({ context, event }) => new LedgerWork(context).resolve(event)),
    answerResolved: on<'RESOLVE'>(({ context, event: { key, reversal, before } }) => {
      invariant(reversal !== null && before !== null, 'a guard saw to the decision');
      const value = resolvedView(reversal, before);
      context.decision.outcomes.push({ kind: 'resolution', key, reply: { ok: true, value } });
    }),
    refuseResolution: ({ context, event }, { code }: { code: RefusalName }) => {
      const { key } = event as Extract<CardEvent, { type: 'RESOLVE' }>;
      context.decision.outcomes.push({ kind: 'resolution', key, reply: { ok: false, code } });
    },
    exclude: on<'EXCLUDE'>(({ context, event: { payment, isExcluded } }) => {
      invariant(payment !== null, 'a guard saw to the payment');
      new LedgerWork(context).exclude(payment, isExcluded);
    }),
    reverseJudged: on<'REVERSE_JUDGED'>(({ context, event }) => new LedgerWork(context).reverseJudged(event)),
  },
}).createMachine({
  id: 'card',
  initial: 'absent',
  context: ({ input }) => input as CardContext,
  // Records come in any state: their day decides, not today's state.
  on: {
    RECORD: [
      { guard: 'isRecordUnderWay', actions: 'defer' },
      { guard: 'isInFuture', actions: { type: 'rejectRecord', params: { code: 'RECORD_IN_FUTURE' } } },
      { guard: 'isKnown', actions: { type: 'rejectRecord', params: { code: 'DUPLICATE_RECORD' } } },
      { guard: 'isUncovered', actions: { type: 'dropRecord', params: { code: 'INSTRUMENT_NOT_COVERED' } } },
      { guard: 'isClosed', actions: { type: 'rejectRecord', params: { code: 'NO_AWARD_PERIOD' } } },
      {
        guard: 'isReversalOutsideEveryPeriod',
        actions: { type: 'rejectRecord', params: { code: 'NO_AWARD_PERIOD' } },
      },
      { guard: 'isReversal', actions: 'storeReversal' },
      { actions: 'askWallet' },
    ],
    SET_PAR: {},
    COUNT_JUDGED: { actions: 'countJudged' },
    REVERSE_JUDGED: { actions: 'reverseJudged' },
    EXPIRE: { actions: 'expire' },
    EXCLUDE: [{ guard: 'isBeyondExclusion' }, { actions: 'exclude' }],
    RESOLVE: [
      { guard: 'isRecordUnderWay', actions: 'defer' },
      { guard: 'isNoReversal', actions: { type: 'refuseResolution', params: { code: 'REVERSAL_NOT_FOUND' } } },
      { guard: 'isDecidedSo', actions: 'answerResolved' },
      { guard: 'isExpired', actions: { type: 'refuseResolution', params: { code: 'REVERSAL_EXPIRED' } } },
      { guard: 'isDecidedOtherwise', actions: { type: 'refuseResolution', params: { code: 'REVERSAL_RESOLVED' } } },
      { guard: 'isNotForThat', actions: { type: 'refuseResolution', params: { code: 'REVERSAL_NOT_RESOLVABLE' } } },
      { guard: 'isForNoPayment', actions: 'resolve' },
      { guard: 'isNoPayment', actions: { type: 'refuseResolution', params: { code: 'PAYMENT_NOT_FOUND' } } },
      { guard: 'hasOwnerLeft', actions: { type: 'refuseResolution', params: { code: 'PAYMENT_OWNER_LEFT' } } },
      { guard: 'isPeriodClosed', actions: { type: 'refuseResolution', params: { code: 'PERIOD_CLOSED' } } },
      { guard: 'isOutOfCounting', actions: { type: 'refuseResolution', params: { code: 'EXCLUDED' } } },
      { guard: 'isMoreThanLeft', actions: { type: 'refuseResolution', params: { code: 'PAYMENT_EXCEEDED' } } },
      { actions: 'resolve' },
    ],
  },
  states: {
    absent: {
      on: {
        ACTIVATE: [
          { guard: 'isProvisional', target: 'provisional', actions: 'claim' },
          { target: 'active', actions: 'activate' },
        ],
        RELEASE: { actions: 'refuseUnknown' },
      },
    },
    inactive: {
      on: {
        ACTIVATE: [
          { guard: 'isProvisional', target: 'provisional', actions: 'claim' },
          { target: 'active', actions: 'activate' },
        ],
        RELEASE: [
          { guard: 'isOwner', actions: ['rememberLeaving', 'answerInactive'] },
          { guard: 'isLeaving', actions: ['rememberLeaving', 'answerLeft'] },
          { actions: 'refuseStranger' },
        ],
      },
    },
    provisional: {
      on: {
        ACTIVATE: { actions: 'refuseClaim' },
        CONFIRM: { target: 'active', actions: 'confirm' },
        WITHDRAW: [
          { guard: 'isFirstClaim', target: 'absent', actions: { type: 'withdraw', params: { status: 'absent' } } },
          { target: 'inactive', actions: { type: 'withdraw', params: { status: 'inactive' } } },
        ],
        // Not by its claimant, whose wallet lets nothing else begin before the activation has ended.
        RELEASE: [{ guard: 'isLeaving', actions: ['rememberLeaving', 'answerLeft'] }, { actions: 'refuseStranger' }],
        // Whose day it is, if anybody's, is undecided.
        RECORD: { actions: 'defer' },
      },
    },
    active: {
      on: {
        ACTIVATE: [{ guard: 'isOwner', actions: 'answerActive' }, { actions: 'refuseClaim' }],
        SET_PAR: [{ guard: 'isNewPar', actions: 'setPar' }, {}],
        RELEASE: [
          { guard: 'isOwner', target: 'inactive', actions: ['rememberLeaving', 'deactivate'] },
          { guard: 'isLeaving', actions: ['rememberLeaving', 'answerLeft'] },
          { actions: 'refuseStranger' },
        ],
      },
    },
  },
});

const step = machineSteps<CardContext, CardEvent>(cardMachine);

/** Decides one event against one card. The decision is filled; the card is not modified. */
export function decideCard(context: CardContext, event: CardEvent): void {
  const before = context.decision.facts.length;
  const status = step(context.card.status, context, event);
  let isTold = false;
  for (let index = before; index < context.decision.facts.length; index += 1) {
    if (STATUS_FACTS.has(context.decision.facts[index]!.kind)) isTold = true;
  }
  invariant(isTold === (status !== context.card.status), 'the machine and its facts agree on the state');
}

const STATUS_FACTS: ReadonlySet<Fact['kind']> = new Set([
  'cardActivated',
  'cardClaimed',
  'claimConfirmed',
  'claimWithdrawn',
  'cardDeactivated',
]);

function grant(
  context: CardContext,
  { citizen, enrolment, channel, master }: Extract<CardEvent, { type: 'ACTIVATE' }>,
  kind: 'cardActivated' | 'cardClaimed',
): void {
  const { nowMs, decision, card } = context;
  decision.facts.push({ kind, hpan: card.hpan, citizen, enrolment, channel, master, activationMs: nowMs });
  judgeClaim(context, citizen, nowMs);
}

type RecordEvent = Extract<CardEvent, { type: 'RECORD' }>;

/**
 * Whose the record is. An activation of its own hpan comes first; by the PAR, the card's (domain 9: an acquirer sends a
 * row whose hash is in the list or whose PAR matches). The record stays the token's, so that its key is known for ever,
 * also when the token is enrolled later.
 */
function covering({ card }: CardContext, { record, cover }: RecordEvent): Pick<HistoryRow, 'citizen'> | undefined {
  return coveringRow(card, romeDayNumber(record.trxMs)) ?? cover;
}

function tellCover({ card, decision }: CardContext, { record, key, cover }: RecordEvent): void {
  if (cover === undefined || coveringRow(card, romeDayNumber(record.trxMs)) !== undefined) return;
  decision.facts.push({ kind: 'parCovered', hpan: card.hpan, key, cover });
}

function judgeClaim({ card, decision }: CardContext, citizen: CitizenKey, activationMs: number | null): void {
  decision.messages.push({ kind: 'claimJudged', citizen, hpan: card.hpan, activationMs });
}

function judgeRelease(
  { card, decision }: CardContext,
  citizen: CitizenKey,
  judged: { readonly deactivationMs: number | null; readonly code: RefusalName | null },
): void {
  decision.messages.push({ kind: 'releaseJudged', citizen, hpan: card.hpan, ...judged });
}
