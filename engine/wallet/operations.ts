/**
 * Commands that need card partitions: claims and releases are asked by message, each answer moves the operation on,
 * the last one ends it. An operation is part of the wallet, so a crash anywhere in between only delays it.
 */
import { invariant } from '../assert.ts';
import type { Answer, Hpan, RefusalName } from '../contract.ts';
import { nextPage } from './commands.ts';
import type { Operation } from './wallet.ts';
import type { Asked, WalletContext } from './wallet-events.ts';
import { methodOf } from './wallet-facts.ts';

type Kind = Operation['kind'];

/** True while a claim or a release of this instrument is under way. */
export function isBusy({ wallet }: WalletContext, hpan: Hpan): boolean {
  const cashback = methodOf(wallet, hpan)?.cashback;
  if (cashback === 'enabling' || cashback === 'disabling') return true;
  return wallet.operations.some(({ waiting, next }) => waiting.includes(hpan) || next.includes(hpan));
}

/** Claims `hpans` one by one (DECISION 38); all are granted or none. */
export function startActivation(context: WalletContext, asked: Asked, hpans: readonly Hpan[], card: Hpan): void {
  const [first, ...next] = hpans;
  invariant(first !== undefined, 'an activation claims something');
  set(context, { ...begun(asked, 'enableCashback', card), waiting: [first], next });
  claim(context, asked.channel, first, card);
}

/** Claims `hpans` side by side; each is granted or refused for itself. */
export function startActivationOfAll(context: WalletContext, asked: Asked, hpans: readonly Hpan[]): void {
  set(context, { ...begun(asked, 'enableAll', ''), waiting: hpans });
  for (const hpan of hpans) claim(context, asked.channel, hpan, hpan);
}

export function startDeactivation(
  context: WalletContext,
  asked: Asked,
  kind: 'disableCashback' | 'removeMethod',
  hpan: Hpan,
  cancellationMs: number | null,
): void {
  set(context, { ...begun(asked, kind, hpan), waiting: [hpan], cancellationMs });
  release(context, hpan, { cancellationMs });
}

/** Tells every card ever claimed under this enrolment, so that its payments match no reversal any more. */
export function startLeaving(context: WalletContext, asked: Asked, hpans: readonly Hpan[]): void {
  set(context, { ...begun(asked, 'leave', ''), waiting: hpans });
  const { citizen, enrolment } = context.wallet;
  for (const hpan of hpans) {
    const message = { kind: 'release', citizen, hpan, enrolment, cancellationMs: null } as const;
    context.decision.messages.push({ ...message, isLeaving: true, isUndo: false });
  }
}

export function claimJudged(context: WalletContext, hpan: Hpan, activationMs: number | null): void {
  const { decision, nowMs, wallet } = context;
  const operation = waitingFor(context, hpan);
  decision.facts.push({ kind: 'claimEnded', citizen: wallet.citizen, hpan, activationMs, atMs: nowMs });
  const isGranted = activationMs !== null;
  const moved: Operation = {
    ...operation,
    waiting: operation.waiting.filter((one) => one !== hpan),
    granted: isGranted ? [...operation.granted, hpan] : operation.granted,
    refused: isGranted ? operation.refused : [...operation.refused, hpan],
  };
  if (operation.kind === 'enableAll') return endWhenAnswered(context, moved);
  if (!isGranted) return takeBack(context, moved);

  const [first, ...next] = moved.next;
  if (first !== undefined) {
    set(context, { ...moved, waiting: [first], next });
    return claim(context, moved.channel, first, moved.hpan);
  }
  const ofCard = moved.hpan === hpan ? activationMs : methodOf(wallet, moved.hpan)?.activationMs;
  invariant(typeof ofCard === 'number', 'the card of an activation is active at its end');
  done(context, moved, { activationMs: ofCard });
}

export function releaseJudged(
  context: WalletContext,
  hpan: Hpan,
  judged: { readonly deactivationMs: number | null; readonly code: RefusalName | null },
): void {
  const { decision, nowMs, wallet } = context;
  const operation = waitingFor(context, hpan);
  const { deactivationMs, code } = judged;
  decision.facts.push({ kind: 'releaseEnded', citizen: wallet.citizen, hpan, deactivationMs, atMs: nowMs });
  if (operation.kind === 'disableCashback' && code !== null) return refuse(context, operation, code);
  // A token taken back leaves nothing in the wallet (DECISION 38).
  const isUndone = operation.kind === 'enableCashback' && methodOf(wallet, hpan)?.details === null;
  if (operation.kind === 'removeMethod' || isUndone) {
    decision.facts.push({ kind: 'methodRemoved', citizen: wallet.citizen, hpan, atMs: nowMs });
  }
  endWhenAnswered(context, { ...operation, waiting: operation.waiting.filter((one) => one !== hpan) });
}

/** A change that needed no card: done at once. */
export function done(context: WalletContext, asked: Asked, answer: Answer): void {
  const { commandKey, bodyHash } = asked;
  const { citizen } = context.wallet;
  const page = nextPage(context.wallet);
  if (page !== null) context.decision.facts.push({ kind: 'commandsPaged', citizen, commands: page });
  context.decision.facts.push({ kind: 'commandDone', citizen, commandKey, bodyHash, answer });
  context.decision.outcomes.push({ kind: 'done', commandKey, answer });
}

function endWhenAnswered(context: WalletContext, operation: Operation): void {
  if (operation.waiting.length > 0) return set(context, operation);
  if (operation.code !== null) return refuse(context, operation, operation.code);
  const { granted, refused } = operation;
  done(context, operation, operation.kind === 'enableAll' ? { enabled: granted, refused } : {});
}

/** One of several claims was refused: those just granted are released before the refusal is told. */
function takeBack(context: WalletContext, operation: Operation): void {
  if (operation.granted.length === 0) return refuse(context, operation, 'INSTRUMENT_TAKEN');
  set(context, { ...operation, waiting: operation.granted, next: [], code: 'INSTRUMENT_TAKEN' });
  for (const hpan of operation.granted) release(context, hpan, { cancellationMs: null, isUndo: true });
}

function begun(asked: Asked, kind: Kind, hpan: Hpan): Operation {
  const { commandKey, bodyHash, channel } = asked;
  const nothing: readonly Hpan[] = [];
  const started = { kind, hpan, waiting: nothing, next: nothing, granted: nothing, refused: nothing };
  return { commandKey, bodyHash, channel, ...started, code: null, cancellationMs: null };
}

function set({ decision, wallet }: WalletContext, operation: Operation): void {
  decision.facts.push({ kind: 'operationSet', citizen: wallet.citizen, operation });
}

function refuse({ decision, wallet }: WalletContext, { commandKey }: Operation, code: RefusalName): void {
  decision.facts.push({ kind: 'operationRefused', citizen: wallet.citizen, commandKey, code });
  decision.outcomes.push({ kind: 'refused', commandKey, code });
}

function claim({ decision, wallet }: WalletContext, channel: string, hpan: Hpan, master: Hpan): void {
  const { citizen, enrolment } = wallet;
  decision.facts.push({ kind: 'claimStarted', citizen, hpan, channel });
  decision.messages.push({ kind: 'claim', citizen, hpan, enrolment, channel, master });
}

function release(
  { decision, wallet }: WalletContext,
  hpan: Hpan,
  how: { readonly cancellationMs: number | null; readonly isUndo?: boolean },
): void {
  const { citizen, enrolment } = wallet;
  const { cancellationMs, isUndo = false } = how;
  decision.facts.push({ kind: 'releaseStarted', citizen, hpan });
  decision.messages.push({ kind: 'release', citizen, hpan, enrolment, cancellationMs, isLeaving: false, isUndo });
}

function waitingFor({ wallet }: WalletContext, hpan: Hpan): Operation {
  const operation = wallet.operations.find(({ waiting }) => waiting.includes(hpan));
  invariant(operation !== undefined, 'a card answers only what an operation asked');
  return operation;
}
