/** The fold of a wallet: the only way in which one changes, live and in recovery alike. */
import { invariant, unreachable } from '../assert.ts';
import type { Hpan } from '../contract.ts';
import type { Draft } from '../draft.ts';
import type { Standing, WalletFact } from '../facts.ts';
import { addCommand, removePaged } from './commands.ts';
import type { PaymentRow, PeriodTotals, Wallet, WalletHead, WalletMethod } from './wallet.ts';

/** Makes of the wallet what it is after `fact`, which the partition journals at `sequence`. */
export function applyWalletFact(wallet: Draft<Wallet>, fact: WalletFact, sequence: number): void {
  switch (fact.kind) {
    case 'enrolled':
      wallet.status = 'enabled';
      wallet.enrolment = fact.enrolment;
      wallet.termsMs = fact.termsMs;
      wallet.optInStatus = fact.optInStatus;
      wallet.slot = fact.slot;
      wallet.sealedTaxCode = fact.sealedTaxCode;
      wallet.claimed = [];
      wallet.updatedMs = fact.termsMs;
      return;
    case 'optInSet':
      wallet.optInStatus = fact.optInStatus;
      return;
    case 'left':
      wallet.status = 'disabled';
      wallet.cancellationMs = fact.cancellationMs;
      wallet.optInStatus = 'NOREQ';
      wallet.payoff = null;
      wallet.payoffRefused = null;
      wallet.methods = wallet.methods.map((method) =>
        method.cashback === 'enabled' ? { ...method, cashback: 'disabling' } : method,
      );
      // What stands in no ranking earns nothing any more: it goes with the enrolment.
      wallet.totals = wallet.totals.filter(
        (totals) =>
          totals.isRanked && !fact.removed.some(({ awardPeriodId }) => awardPeriodId === totals.awardPeriodId),
      );
      wallet.updatedMs = fact.cancellationMs;
      return;
    case 'payoffSet':
      wallet.payoff = fact.payoff;
      wallet.payoffRefused = null;
      wallet.updatedMs = fact.atMs;
      return;
    case 'recheckSet':
      wallet.recheck = fact.recheck;
      return;
    case 'payoffJudged':
      wallet.payoff = fact.payoff;
      wallet.payoffRefused = fact.verdict === 'OK' ? null : fact.verdict;
      wallet.updatedMs = fact.atMs;
      return;
    case 'methodAdded':
      setMethod(wallet, fact.hpan, { details: fact.details });
      wallet.updatedMs = fact.atMs;
      return;
    case 'methodRemoved':
      wallet.methods = wallet.methods.filter((method) => method.hpan !== fact.hpan);
      if (wallet.favourite === fact.hpan) wallet.favourite = null;
      wallet.updatedMs = fact.atMs;
      return;
    case 'favouriteSet':
      wallet.favourite = fact.hpan;
      wallet.updatedMs = fact.atMs;
      return;
    case 'claimStarted':
      setMethod(wallet, fact.hpan, { cashback: 'enabling', channel: fact.channel });
      if (!wallet.claimed.includes(fact.hpan)) wallet.claimed = [...wallet.claimed, fact.hpan];
      return;
    case 'claimEnded':
      endClaim(wallet, fact.hpan, fact.activationMs);
      wallet.updatedMs = fact.atMs;
      return;
    case 'releaseStarted':
      setKnownMethod(wallet, fact.hpan, { cashback: 'disabling' });
      return;
    case 'releaseEnded': {
      const { hpan, deactivationMs } = fact;
      setKnownMethod(wallet, hpan, deactivationMs === null ? { cashback: 'off' } : { cashback: 'off', deactivationMs });
      wallet.updatedMs = fact.atMs;
      return;
    }
    case 'operationSet':
      endOperation(wallet, fact.operation.commandKey);
      wallet.operations = [...wallet.operations, fact.operation];
      return;
    case 'operationRefused':
      endOperation(wallet, fact.commandKey);
      return;
    case 'commandDone': {
      const { commandKey, bodyHash, command, answer } = fact;
      endOperation(wallet, commandKey);
      addCommand(wallet, { commandKey, bodyHash, command, answer, sequence });
      return;
    }
    case 'commandsPaged':
      removePaged(wallet, fact.commands);
      return;
    case 'paymentListed':
    case 'latePaymentListed':
    case 'paymentKept':
      setTotals(wallet, fact.payment, fact);
      wallet.updatedMs = fact.atMs;
      return;
    case 'citizenExcluded':
      wallet.status = fact.isExcluded ? 'excluded' : 'enabled';
      wallet.totals = wallet.totals.map((totals) =>
        fact.standings.some((one) => one.awardPeriodId === totals.awardPeriodId) &&
        totals.enrolment === wallet.enrolment
          ? { ...totals, isRanked: !fact.isExcluded }
          : totals,
      );
      wallet.updatedMs = fact.atMs;
      return;
    default:
      unreachable(fact);
  }
}

export function methodOf(wallet: Wallet, hpan: Hpan): WalletMethod | undefined {
  return wallet.methods.find((method) => method.hpan === hpan);
}

/** Totals of the present enrolment. Who left after a freeze sees nothing of that period (DECISION 40). */
export function totalsOf(wallet: WalletHead, awardPeriodId: number): PeriodTotals | undefined {
  return wallet.status === 'enabled' ? keptTotalsOf(wallet, awardPeriodId) : undefined;
}

/** Also of who is excluded: what there will be again once that is lifted. */
export function keptTotalsOf(wallet: WalletHead, awardPeriodId: number): PeriodTotals | undefined {
  return wallet.totals.find(
    (totals) => totals.awardPeriodId === awardPeriodId && totals.enrolment === wallet.enrolment,
  );
}

/** Where the ranking of the period has them; null = nowhere. */
export function rankedStanding({ isRanked, frozen, count, lastTrxMs, termsMs }: PeriodTotals): Standing | null {
  if (!isRanked) return null;
  return frozen === null ? { count, lastTrxMs, termsMs } : frozen.standing;
}

const UNLISTED: Omit<WalletMethod, 'hpan'> = {
  details: null,
  cashback: 'off',
  activationMs: null,
  deactivationMs: null,
  channel: '',
};

function setMethod(wallet: Draft<Wallet>, hpan: Hpan, change: Partial<WalletMethod>): void {
  if (methodOf(wallet, hpan) !== undefined) setKnownMethod(wallet, hpan, change);
  else wallet.methods = [...wallet.methods, { hpan, ...UNLISTED, ...change }];
}

function setKnownMethod(wallet: Draft<Wallet>, hpan: Hpan, change: Partial<WalletMethod>): void {
  wallet.methods = wallet.methods.map((method) => (method.hpan === hpan ? { ...method, ...change } : method));
}

/** A refused claim leaves nothing behind: an instrument that was never listed goes again. */
function endClaim(wallet: Draft<Wallet>, hpan: Hpan, activationMs: number | null): void {
  if (activationMs !== null) {
    return setKnownMethod(wallet, hpan, { cashback: 'enabled', activationMs, deactivationMs: null });
  }
  const method = methodOf(wallet, hpan);
  invariant(method !== undefined, 'a claim ends on a method that it started on');
  if (method.activationMs === null) wallet.claimed = wallet.claimed.filter((one) => one !== hpan);
  if (method.details === null && method.activationMs === null) {
    wallet.methods = wallet.methods.filter((one) => one !== method);
  } else {
    setKnownMethod(wallet, hpan, { cashback: 'off' });
  }
}

function endOperation(wallet: Draft<Wallet>, commandKey: string): void {
  if (wallet.operations.length === 0) return;
  wallet.operations = wallet.operations.filter((operation) => operation.commandKey !== commandKey);
}

function setTotals(
  wallet: Draft<Wallet>,
  payment: PaymentRow,
  fact: Extract<WalletFact, { kind: 'paymentListed' | 'latePaymentListed' | 'paymentKept' }>,
): void {
  const { awardPeriodId, enrolment } = payment;
  const isSame = (one: PeriodTotals) => one.awardPeriodId === awardPeriodId && one.enrolment === enrolment;
  const before = wallet.totals.find(isSame);
  const frozen = before?.frozen ?? { standing: fact.before };
  const totals: PeriodTotals = {
    awardPeriodId,
    enrolment,
    termsMs: fact.after.termsMs,
    rawCents: fact.rawCents,
    count: fact.after.count,
    lastTrxMs: fact.after.lastTrxMs,
    insertions: payment.insertion + 1,
    latest: payment.place,
    frozen: fact.kind === 'latePaymentListed' ? frozen : null,
    isRanked: fact.kind === 'latePaymentListed' ? (before?.isRanked ?? true) : fact.kind === 'paymentListed',
  };
  wallet.totals = [...wallet.totals.filter((one) => !isSame(one)), totals];
}
