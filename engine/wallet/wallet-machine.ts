/**
 * The citizen's lifecycle (domain 3.1): the only judge of what a wallet may do in which state.
 * Guards judge; actions append facts, messages and outcomes to the decision and change nothing.
 */
import { setup } from 'xstate';
import { invariant } from '../assert.ts';
import type { Hpan, OptInStatus, RefusalName, TransactionRecord } from '../contract.ts';
import { APP_CHANNEL } from '../contract.ts';
import { machineSteps } from '../decision.ts';
import type { Standing } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import { NOWHERE } from '../place.ts';
import { isTakingBack, paymentScoreCents, recheckDelayMs } from '../programme/index.ts';
import * as operations from './operations.ts';
import { isBeforeTerms, type PaymentRow, type PeriodTotals, type Recheck, type Wallet } from './wallet.ts';
import type { Asked, WalletContext, WalletEvent } from './wallet-events.ts';
import { keptTotalsOf, methodOf } from './wallet-facts.ts';

type Args<T extends WalletEvent['type'] = WalletEvent['type']> = {
  readonly context: WalletContext;
  readonly event: Extract<WalletEvent, { type: T }>;
};

/** Gives an action the event of its own type; the machine calls it for no other. */
function on<T extends WalletEvent['type']>(act: (args: Args<T>) => void): (args: Args) => void {
  return act as unknown as (args: Args) => void;
}
function when<T extends WalletEvent['type']>(judge: (args: Args<T>) => boolean): (args: Args) => boolean {
  return judge as unknown as (args: Args) => boolean;
}

const excluded = { actions: { type: 'refuse', params: { code: 'EXCLUDED' } } } as const;

/** Of who is enrolled, excluded or not. */
const leaving = [
  { guard: 'isAnythingUnderWay', actions: 'defer' },
  { guard: 'isActiveElsewhere', actions: { type: 'refuse', params: { code: 'TOO_MANY_CHANNELS' } } },
  { target: 'disabled', actions: 'leave' },
] as const;
/** What cards and the bank say of who is enrolled, excluded or not. */
const fromOthers = {
  RECHECKED: [{ guard: 'isOutdated' }, { guard: 'isUnverified', actions: 'recheckLater' }, { actions: 'judgePayoff' }],
  CLAIM_JUDGED: { actions: 'claimJudged' },
  COUNT: [
    { guard: 'isDatedBeforeTerms', actions: 'drop' },
    { guard: 'isOutsideEveryPeriod', actions: 'reject' },
    { actions: 'count' },
  ],
  REVERSE: [{ guard: 'isOfPresentEnrolment', actions: 'reverse' }, { actions: 'cannotReverse' }],
} as const;

export const walletMachine = setup({
  types: { context: {} as WalletContext, events: {} as WalletEvent },
  guards: {
    isAnythingUnderWay: ({ context: { wallet } }) =>
      wallet.operations.length > 0 ||
      wallet.methods.some(({ cashback }) => cashback === 'enabling' || cashback === 'disabling'),
    isInstrumentBusy: when<'ENABLE' | 'DISABLE' | 'REMOVE_METHOD' | 'ADD_METHOD'>(({ context, event }) =>
      named(event.body).some((hpan) => operations.isBusy(context, hpan)),
    ),
    isAnyInstrumentBusy: ({ context }) => listedOff(context.wallet).some((hpan) => operations.isBusy(context, hpan)),
    isListed: when<'ADD_METHOD' | 'SET_FAVOURITE'>(
      ({ context, event }) => methodOf(context.wallet, event.body.hpan)?.details != null,
    ),
    isKnownMethod: when<'REMOVE_METHOD'>(
      ({ context, event }) => methodOf(context.wallet, event.body.hpan) !== undefined,
    ),
    isMethodEnabled: when<'REMOVE_METHOD'>(
      ({ context, event }) => methodOf(context.wallet, event.body.hpan)?.cashback === 'enabled',
    ),
    isWalletFull: when<'ENABLE' | 'ADD_METHOD'>(({ context: { wallet }, event }) => {
      const unknown = named(event.body).filter((hpan) => methodOf(wallet, hpan) === undefined);
      return wallet.methods.length + unknown.length > LIMITS.methodCountMax;
    }),
    isCardOff: when<'ENABLE'>(
      ({ context: { wallet }, event: { body } }) =>
        body.onlyTokens === true && methodOf(wallet, body.hpan)?.cashback !== 'enabled',
    ),
    isAllEnabled: when<'ENABLE'>(({ context, event }) => notEnabled(context.wallet, named(event.body)).length === 0),
    isNothingToEnable: ({ context }) => listedOff(context.wallet).length === 0,
    // Domain 1.3: only the app toggles instruments of any channel.
    isOthersInstrument: when<'DISABLE' | 'REMOVE_METHOD'>(({ context: { wallet }, event: { asked, body } }) =>
      isOthers(wallet, body.hpan, asked),
    ),
    // Tokens that come with an activation are its issuer's; who only adds some changes the card.
    isOthersCard: when<'ENABLE'>(
      ({ context: { wallet }, event: { asked, body } }) =>
        body.onlyTokens === true && isOthers(wallet, body.hpan, asked),
    ),
    // Domain 1.2: the app may always end everything, an issuer only what is its own.
    isActiveElsewhere: when<'LEAVE'>(
      ({ context, event }) =>
        event.asked.channel !== APP_CHANNEL &&
        context.wallet.methods.some(
          ({ cashback, channel }) => cashback === 'enabled' && channel !== event.asked.channel,
        ),
    ),
    isIbanMalformed: when<'SET_IBAN'>(({ event }) => !event.isIbanValid),
    isRefusedByBank: when<'SET_IBAN'>(({ event }) => event.checkStatus === 'KO'),
    // Else it was replaced, or dealt with, while the bank service was asked.
    isOutdated: when<'RECHECKED'>(
      ({ context: { wallet, nowMs }, event }) => wallet.recheck?.dueMs !== event.dueMs || event.dueMs > nowMs,
    ),
    isUnverified: when<'RECHECKED'>(({ event }) => event.verdict === 'UNKNOWN_PSP'),
    isOptInFree: when<'ENROL'>(
      ({ context, event }) => context.wallet.optInStatus === 'NOREQ' && (event.body.optInStatus ?? 'NOREQ') !== 'NOREQ',
    ),
    isDatedBeforeTerms: when<'COUNT'>(({ context, event }) => isBeforeTerms(event.record, context.wallet)),
    isOutsideEveryPeriod: when<'COUNT'>(({ event }) => event.period === null),
    isExcluded: when<'ENROL'>(({ event }) => event.isExcluded()),
    isOfPresentEnrolment: when<'REVERSE'>(({ context, event }) => event.enrolment === context.wallet.enrolment),
  },
  actions: {
    defer: ({ context }) => {
      context.decision.isDeferred = true;
    },
    refuse: ({ context, event }, params: { code: RefusalName; detail?: string }) => {
      const { asked } = event as Extract<WalletEvent, { asked: Asked }>;
      context.decision.outcomes.push({ kind: 'refused', commandKey: asked.commandKey, ...params });
    },
    answerDone: ({ context, event }) =>
      operations.done(context, (event as Extract<WalletEvent, { asked: Asked }>).asked, {}),
    enrol: on<'ENROL'>(({ context, event }) => {
      const { wallet, nowMs, decision } = context;
      // Domain 2.1: the choice may be given at a first enrolment, never at a later one.
      const optInStatus: OptInStatus = wallet.enrolment === 0 ? (event.body.optInStatus ?? 'NOREQ') : 'NOREQ';
      decision.facts.push({
        kind: 'enrolled',
        citizen: wallet.citizen,
        enrolment: wallet.enrolment + 1,
        termsMs: nowMs,
        optInStatus,
        ...event.identity(),
      });
      operations.done(context, event.asked, { termsMs: nowMs, optInStatus });
    }),
    setOptIn: on<'ENROL'>(({ context, event }) => {
      const { wallet, decision } = context;
      const optInStatus = event.body.optInStatus ?? 'NOREQ';
      decision.facts.push({ kind: 'optInSet', citizen: wallet.citizen, optInStatus });
      operations.done(context, event.asked, { termsMs: wallet.termsMs, optInStatus });
    }),
    answerEnrolled: on<'ENROL'>(({ context, event }) => {
      const { termsMs, optInStatus } = context.wallet;
      operations.done(context, event.asked, { termsMs, optInStatus });
    }),
    setPayoff: on<'SET_IBAN'>(({ context, event }) => {
      const { checkStatus } = event;
      const payoff = { checkStatus, sealed: event.seal() };
      context.decision.facts.push({ kind: 'payoffSet', citizen: context.wallet.citizen, payoff, atMs: context.nowMs });
      const isUnverified = checkStatus === 'UNKNOWN_PSP' && event.isOlder !== true;
      setRecheck(context, isUnverified ? { dueMs: context.nowMs + recheckDelayMs(0), attempts: 0 } : null);
      operations.done(context, event.asked, { validationStatus: checkStatus });
    }),
    answerRefusedByBank: on<'SET_IBAN'>(({ context, event }) =>
      operations.done(context, event.asked, { validationStatus: 'KO' }),
    ),
    recheckLater: on<'RECHECKED'>(({ context }) => {
      const attempts = (context.wallet.recheck?.attempts ?? 0) + 1;
      setRecheck(context, { dueMs: context.nowMs + recheckDelayMs(attempts), attempts });
    }),
    judgePayoff: on<'RECHECKED'>(({ context, event: { verdict } }) => {
      const { wallet, nowMs, decision } = context;
      invariant(wallet.payoff !== null && verdict !== 'UNKNOWN_PSP', 'what is checked again is there');
      const payoff = verdict === 'OK' ? { ...wallet.payoff, checkStatus: verdict } : null;
      decision.facts.push({ kind: 'payoffJudged', citizen: wallet.citizen, verdict, payoff, atMs: nowMs });
      setRecheck(context, null);
    }),
    addMethod: on<'ADD_METHOD'>(({ context, event }) => {
      const { hpan, details } = event.body;
      context.decision.facts.push({
        kind: 'methodAdded',
        citizen: context.wallet.citizen,
        hpan,
        details,
        atMs: context.nowMs,
      });
      operations.done(context, event.asked, { hpan });
    }),
    answerListed: on<'ADD_METHOD'>(({ context, event }) =>
      operations.done(context, event.asked, { hpan: event.body.hpan }),
    ),
    removeMethod: on<'REMOVE_METHOD'>(({ context, event }) => {
      const { hpan } = event.body;
      context.decision.facts.push({
        kind: 'methodRemoved',
        citizen: context.wallet.citizen,
        hpan,
        atMs: context.nowMs,
      });
      operations.done(context, event.asked, {});
    }),
    setFavourite: on<'SET_FAVOURITE'>(({ context, event }) => {
      const { wallet, nowMs, decision } = context;
      const { hpan } = event.body;
      if (hpan !== wallet.favourite) {
        decision.facts.push({ kind: 'favouriteSet', citizen: wallet.citizen, hpan, atMs: nowMs });
      }
      operations.done(context, event.asked, {});
    }),
    releaseThenRemove: on<'REMOVE_METHOD'>(({ context, event }) =>
      operations.startDeactivation(context, event.asked, 'removeMethod', event.body.hpan, null),
    ),
    answerActivated: on<'ENABLE'>(({ context, event }) => {
      const activationMs = methodOf(context.wallet, event.body.hpan)?.activationMs;
      invariant(typeof activationMs === 'number', 'an enabled method has an activation');
      operations.done(context, event.asked, { activationMs });
    }),
    claim: on<'ENABLE'>(({ context, event }) =>
      operations.startActivation(context, event.asked, notEnabled(context.wallet, named(event.body)), event.body.hpan),
    ),
    answerNothingToEnable: on<'ENABLE_ALL'>(({ context, event }) =>
      operations.done(context, event.asked, { enabled: [], refused: [] }),
    ),
    claimAll: on<'ENABLE_ALL'>(({ context, event }) =>
      operations.startActivationOfAll(context, event.asked, listedOff(context.wallet)),
    ),
    release: on<'DISABLE'>(({ context, event }) =>
      operations.startDeactivation(
        context,
        event.asked,
        'disableCashback',
        event.body.hpan,
        event.body.cancellationMs ?? null,
      ),
    ),
    leave: on<'LEAVE'>(({ context, event }) => {
      const { wallet, nowMs, decision } = context;
      const removed = openTotals(wallet, event.frozenPeriods)
        .filter(({ isRanked }) => isRanked)
        .map((totals) => ({ awardPeriodId: totals.awardPeriodId, before: standingOf(totals) }));
      decision.facts.push({ kind: 'left', citizen: wallet.citizen, cancellationMs: nowMs, removed });
      setRecheck(context, null);
      if (wallet.claimed.length === 0) operations.done(context, event.asked, {});
      else operations.startLeaving(context, event.asked, wallet.claimed);
    }),
    exclude: on<'EXCLUDE'>(({ context, event }) => turnExclusion(context, event.frozenPeriods, true)),
    include: on<'INCLUDE'>(({ context, event }) => turnExclusion(context, event.frozenPeriods, false)),
    claimJudged: on<'CLAIM_JUDGED'>(({ context, event }) =>
      operations.claimJudged(context, event.hpan, event.activationMs),
    ),
    releaseJudged: on<'RELEASE_JUDGED'>(({ context, event }) => operations.releaseJudged(context, event.hpan, event)),
    count: on<'COUNT'>(({ context, event }) => {
      const { record, period, place, isLate = false } = event;
      invariant(period !== null, 'a guard saw to the period');
      const scoreCents = paymentScoreCents(record.amountCents, period);
      list(context, record, {
        awardPeriodId: period.awardPeriodId,
        amountCents: record.amountCents,
        scoreCents,
        countDelta: 1,
        isLate,
      });
      judgeCount(context, { place, record, code: null, awardPeriodId: period.awardPeriodId, scoreCents });
    }),
    drop: on<'COUNT'>(({ context, event }) =>
      judgeCount(context, { ...event, code: 'TERMS_NOT_COVERED', awardPeriodId: 0, scoreCents: 0 }),
    ),
    reject: on<'COUNT'>(({ context, event }) =>
      judgeCount(context, { ...event, code: 'NO_AWARD_PERIOD', awardPeriodId: 0, scoreCents: 0 }),
    ),
    reverse: on<'REVERSE'>(({ context, event }) => {
      const { record, awardPeriodId, scoreCents, countDelta, place, isLate = false } = event;
      const amountCents = isTakingBack(record) ? -record.amountCents : record.amountCents;
      list(context, record, { awardPeriodId, amountCents, scoreCents, countDelta, isLate });
      context.decision.messages.push({ kind: 'reverseJudged', hpan: record.hpan, place, applied: true });
    }),
    cannotReverse: on<'REVERSE'>(({ context, event }) => {
      context.decision.messages.push({
        kind: 'reverseJudged',
        hpan: event.record.hpan,
        place: event.place,
        applied: false,
      });
    }),
  },
}).createMachine({
  id: 'wallet',
  initial: 'none',
  context: ({ input }) => input as WalletContext,
  // A card may answer, and a former owner's records may come, in any state.
  on: {
    RELEASE_JUDGED: { actions: 'releaseJudged' },
    DISABLE: [
      { guard: 'isInstrumentBusy', actions: 'defer' },
      { guard: 'isOthersInstrument', actions: { type: 'refuse', params: { code: 'FORBIDDEN' } } },
      { actions: 'release' },
    ],
    REMOVE_METHOD: [
      { guard: 'isInstrumentBusy', actions: 'defer' },
      { guard: 'isOthersInstrument', actions: { type: 'refuse', params: { code: 'FORBIDDEN' } } },
      { guard: 'isMethodEnabled', actions: 'releaseThenRemove' },
      { guard: 'isKnownMethod', actions: 'removeMethod' },
      { actions: { type: 'refuse', params: { code: 'METHOD_NOT_FOUND' } } },
    ],
    SET_FAVOURITE: [
      { guard: 'isListed', actions: 'setFavourite' },
      { actions: { type: 'refuse', params: { code: 'METHOD_NOT_FOUND' } } },
    ],
    COUNT: { actions: 'drop' },
    REVERSE: { actions: 'cannotReverse' },
    LEAVE: { actions: 'answerDone' },
    RECHECKED: {},
    // What is not enrolled is not excluded either, until it enrols.
    EXCLUDE: {},
    INCLUDE: {},
    ENABLE: { actions: { type: 'refuse', params: { code: 'CITIZEN_NOT_ENABLED' } } },
    ENABLE_ALL: { actions: { type: 'refuse', params: { code: 'CITIZEN_NOT_ENABLED' } } },
  },
  states: {
    none: {
      on: {
        ENROL: { target: 'enabled', actions: 'enrol' },
        SET_IBAN: { actions: { type: 'refuse', params: { code: 'CITIZEN_NOT_FOUND' } } },
        ADD_METHOD: { actions: { type: 'refuse', params: { code: 'CITIZEN_NOT_FOUND' } } },
      },
    },
    enabled: {
      on: {
        ENROL: [{ guard: 'isOptInFree', actions: 'setOptIn' }, { actions: 'answerEnrolled' }],
        LEAVE: leaving,
        EXCLUDE: { target: 'excluded', actions: 'exclude' },
        SET_IBAN: [
          { guard: 'isIbanMalformed', actions: { type: 'refuse', params: { code: 'IBAN_INVALID' } } },
          { guard: 'isRefusedByBank', actions: 'answerRefusedByBank' },
          { actions: 'setPayoff' },
        ],
        ADD_METHOD: [
          { guard: 'isListed', actions: 'answerListed' },
          { guard: 'isWalletFull', actions: { type: 'refuse', params: { code: 'TOO_MANY_METHODS' } } },
          { actions: 'addMethod' },
        ],
        ENABLE: [
          { guard: 'isInstrumentBusy', actions: 'defer' },
          { guard: 'isCardOff', actions: { type: 'refuse', params: { code: 'INSTRUMENT_NOT_FOUND' } } },
          { guard: 'isOthersCard', actions: { type: 'refuse', params: { code: 'FORBIDDEN' } } },
          { guard: 'isAllEnabled', actions: 'answerActivated' },
          { guard: 'isWalletFull', actions: { type: 'refuse', params: { code: 'TOO_MANY_METHODS' } } },
          { actions: 'claim' },
        ],
        ENABLE_ALL: [
          { guard: 'isAnyInstrumentBusy', actions: 'defer' },
          { guard: 'isNothingToEnable', actions: 'answerNothingToEnable' },
          { actions: 'claimAll' },
        ],
        ...fromOthers,
      },
    },
    // What comes of cards and of the bank goes on, so that lifting it finds everything; what a citizen could begin does not.
    excluded: {
      on: {
        INCLUDE: { target: 'enabled', actions: 'include' },
        LEAVE: leaving,
        ENROL: excluded,
        SET_IBAN: excluded,
        ADD_METHOD: excluded,
        ENABLE: excluded,
        ENABLE_ALL: excluded,
        ...fromOthers,
      },
    },
    disabled: {
      on: {
        ENROL: [
          { guard: 'isExcluded', ...excluded },
          { target: 'enabled', actions: 'enrol' },
        ],
        SET_IBAN: { actions: { type: 'refuse', params: { code: 'CITIZEN_NOT_ENABLED' } } },
        ADD_METHOD: [
          { guard: 'isListed', actions: 'answerListed' },
          { guard: 'isWalletFull', actions: { type: 'refuse', params: { code: 'TOO_MANY_METHODS' } } },
          { actions: 'addMethod' },
        ],
      },
    },
  },
});

const step = machineSteps<WalletContext, WalletEvent>(walletMachine);

/** Decides one event against one wallet. The decision is filled; the wallet is not modified. */
export function decideWallet(context: WalletContext, event: WalletEvent): void {
  const before = context.decision.facts.length;
  const status = step(context.wallet.status, context, event);
  let isTold = false;
  for (let index = before; index < context.decision.facts.length; index += 1) {
    const { kind } = context.decision.facts[index]!;
    if (kind === 'enrolled' || kind === 'left' || kind === 'citizenExcluded') isTold = true;
  }
  invariant(isTold === (status !== context.wallet.status), 'the machine and its facts agree on the state');
}

function named(body: { readonly hpan: Hpan; readonly tokens?: readonly Hpan[] }): readonly Hpan[] {
  return body.tokens === undefined ? [body.hpan] : [...new Set([body.hpan, ...body.tokens])];
}

/** Whether an issuer asks about what another channel enabled. */
function isOthers(wallet: Wallet, hpan: Hpan, { role, channel }: Asked): boolean {
  const method = methodOf(wallet, hpan);
  return role === 'issuer' && method !== undefined && method.channel !== channel;
}

function notEnabled(wallet: Wallet, hpans: readonly Hpan[]): readonly Hpan[] {
  return hpans.filter((hpan) => methodOf(wallet, hpan)?.cashback !== 'enabled');
}

/** What "enable all" means: listed, and not enabled. */
function listedOff(wallet: Wallet): readonly Hpan[] {
  return wallet.methods
    .filter(({ details, cashback }) => details !== null && cashback !== 'enabled')
    .map(({ hpan }) => hpan);
}

function setRecheck({ wallet, decision }: WalletContext, recheck: Recheck | null): void {
  if (recheck === null && wallet.recheck === null) return;
  const wasDueMs = wallet.recheck?.dueMs ?? null;
  decision.facts.push({ kind: 'recheckSet', citizen: wallet.citizen, recheck, wasDueMs });
}

function openTotals(wallet: Wallet, frozenPeriods: readonly number[]) {
  return wallet.totals.filter(
    ({ awardPeriodId, enrolment }) => enrolment === wallet.enrolment && !frozenPeriods.includes(awardPeriodId),
  );
}

/** Leaves the rankings of the open periods, or comes back to them. Positions that are frozen stand (DECISION 25). */
function turnExclusion(
  { wallet, decision, nowMs }: WalletContext,
  frozenPeriods: readonly number[],
  isExcluded: boolean,
): void {
  const standings = openTotals(wallet, frozenPeriods)
    .filter(({ isRanked }) => isRanked === isExcluded)
    .map((totals) => ({ awardPeriodId: totals.awardPeriodId, standing: standingOf(totals) }));
  decision.facts.push({ kind: 'citizenExcluded', citizen: wallet.citizen, isExcluded, standings, atMs: nowMs });
}

function standingOf({ count, lastTrxMs, termsMs }: PeriodTotals): Standing {
  return { count, lastTrxMs, termsMs };
}

/** Appends a line to the citizen's transactions, with the totals and the standing after it (4.2, 5.1). */
function list(
  { wallet, decision, nowMs, newPlace }: WalletContext,
  record: TransactionRecord,
  change: {
    readonly awardPeriodId: number;
    readonly amountCents: number;
    readonly scoreCents: number;
    readonly countDelta: number;
    /** The ranking is frozen: the citizen does not move in it. */
    readonly isLate: boolean;
  },
): void {
  const { awardPeriodId, amountCents, scoreCents, countDelta, isLate } = change;
  const totals = keptTotalsOf(wallet, awardPeriodId);
  const isPayment = amountCents > 0;
  const lastTrxMs = totals?.lastTrxMs ?? 0;
  const before = totals === undefined ? null : standingOf(totals);
  const after: Standing = {
    count: (totals?.count ?? 0) + countDelta,
    // A reversal never moves it (3.3b rule 6).
    lastTrxMs: isPayment ? Math.max(lastTrxMs, record.trxMs) : lastTrxMs,
    termsMs: wallet.termsMs,
  };
  invariant(after.count >= 0, 'each full reversal takes back one counted payment');
  const payment: PaymentRow = {
    place: newPlace(),
    previous: totals?.latest ?? NOWHERE,
    awardPeriodId,
    enrolment: wallet.enrolment,
    insertion: totals?.insertions ?? 0,
    hpan: record.hpan,
    acquirerCode: record.acquirerCode,
    acquirerId: record.acquirerId,
    operationType: record.operationType,
    circuitType: record.circuitType,
    idTrxAcquirer: record.idTrxAcquirer,
    idTrxIssuer: record.idTrxIssuer,
    trxMs: record.trxMs,
    amountCents,
    cashbackCents: scoreCents,
    countDelta,
  };
  const rawCents = (totals?.rawCents ?? 0) + scoreCents;
  decision.facts.push({
    kind: listingKind(isLate, totals?.isRanked ?? wallet.status !== 'excluded'),
    citizen: wallet.citizen,
    payment,
    rawCents,
    before,
    after,
    atMs: nowMs,
  });
}

/** Whether it moves the citizen in the ranking. */
function listingKind(isLate: boolean, isRanked: boolean): 'paymentListed' | 'latePaymentListed' | 'paymentKept' {
  if (isLate) return 'latePaymentListed';
  return isRanked ? 'paymentListed' : 'paymentKept';
}

function judgeCount(
  { wallet, decision }: WalletContext,
  judged: {
    readonly place: number;
    readonly record: TransactionRecord;
    readonly code: RefusalName | null;
    readonly awardPeriodId: number;
    readonly scoreCents: number;
  },
): void {
  const { place, record, code, awardPeriodId, scoreCents } = judged;
  const { enrolment } = wallet;
  decision.messages.push({ kind: 'countJudged', hpan: record.hpan, place, code, enrolment, awardPeriodId, scoreCents });
}
