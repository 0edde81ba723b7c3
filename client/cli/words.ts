/** Answers of the engine in words, for a person at a terminal. */
import Table from 'cli-table3';
import type { MethodView, PaymentsPage, RankingView, TotalView, WalletView } from '../../engine/contract.ts';
import type { KeptErrors } from '../../server/index.ts';
import { type DoneReply, MESSAGES, type RefusedReply, type RequestType } from '../../server/wire/index.ts';
import { counted, euro, grouped } from '../paint.ts';
import { romeMoment } from '../rome.ts';

export function sayRefused({ code, message, detail, retryAtMs }: RefusedReply, number: number): string {
  const why = detail === undefined ? '' : ` (${detail})`;
  const when = retryAtMs === undefined ? '' : `\n  come back at ${new Date(retryAtMs).toISOString()}`;
  return `refused, ${code} (${number}): ${message}${why}${when}`;
}

/** What was done, as the citizen would say it (domain 6.5). */
export function sayDone(type: RequestType, { answer, repeated, position }: DoneReply): string {
  const already = repeated ? 'already done: ' : '';
  const where = `\n  partition ${position.partition}, sequence ${position.sequence}`;
  return already + doneSentence(type, answer) + where;
}

function doneSentence(type: RequestType, answer: DoneReply['answer']): string {
  switch (type) {
    case 'enrol':
      return `enrolled; terms accepted ${momentOf(answer.termsMs)}`;
    case 'leave':
      return 'left the programme';
    case 'setIban':
      return ibanSentence(answer.validationStatus);
    case 'addMethod':
      return `in the wallet as ${answer.hpan}; enable it with: enableCashback hpan=${answer.hpan}`;
    case 'removeMethod':
      return 'removed from the wallet';
    case 'setFavourite':
      return 'the favourite of the wallet';
    case 'enableCashback':
      return `enabled ${momentOf(answer.activationMs)}. ${MESSAGES.ACTIVE_FROM_TOMORROW.text}`;
    case 'disableCashback':
      return MESSAGES.INACTIVE_FROM_TOMORROW.text;
    case 'enableAll':
      return `${answer.enabled?.length ?? 0} enabled, ${answer.refused?.length ?? 0} refused`;
    default:
      return JSON.stringify(answer);
  }
}

function ibanSentence(status: DoneReply['answer']['validationStatus']): string {
  switch (status) {
    case 'OK':
      return 'IBAN stored and verified';
    case 'KO':
      return MESSAGES.IBAN_NOT_OWNED.text;
    case 'UNKNOWN_PSP':
      return `IBAN stored. ${MESSAGES.IBAN_NOT_VERIFIED.text}`;
    default:
      return 'IBAN answered';
  }
}

export function sayView(type: RequestType, view: unknown): string {
  switch (type) {
    case 'wallet':
      return sayWallet(view as WalletView);
    case 'total':
      return sayTotal(view as TotalView);
    case 'ranking':
      return sayRankings(view as readonly RankingView[]);
    case 'payments':
      return sayPayments(view as PaymentsPage);
    default:
      return JSON.stringify(view, null, 2);
  }
}

export function sayWallet(wallet: WalletView): string {
  if (!wallet.enabled) return `not enrolled; left ${momentOf(wallet.cancellationMs)}`;
  const iban = wallet.iban === null ? 'no IBAN yet' : `IBAN ${wallet.iban} (${wallet.ibanCheckStatus})`;
  const head = `enrolled since ${romeMoment(wallet.termsMs)}; ${iban}`;
  if (wallet.methods.length === 0) return `${head}\nno payment methods`;
  const table = plainTable(['method', 'ends in', 'cashback', 'since', 'hpan']);
  for (const method of wallet.methods) table.push(methodCells(method));
  return `${head}\n${table.toString()}`;
}

function methodCells({ details, cashback, activationMs, hpan }: MethodView): string[] {
  const since = activationMs === null || cashback === 'off' ? '' : romeMoment(activationMs);
  return [details?.brand || details?.methodKind || '(not listed)', details?.lastDigits ?? '', cashback, since, hpan];
}

export function sayTotal({ shownCents, payableCents, transactionNumber }: TotalView): string {
  return `${counted(transactionNumber, 'payment')}, cashback ${euro(shownCents)}, payable now ${euro(payableCents)}`;
}

export function sayRankings(rankings: readonly RankingView[]): string {
  if (rankings.length === 0) return 'no ranking yet: it begins with the first counted payment';
  return rankings.map(sayRanking).join('\n');
}

function sayRanking(ranking: RankingView): string {
  const { awardPeriodId, totalParticipants, transactionNumber, takesPart, wouldWin } = ranking;
  if (!takesPart) return `period ${awardPeriodId}: not in the ranking of ${grouped(totalParticipants)}`;
  const prize = wouldWin ? `; would win ${euro(ranking.jackpotCents)} as things stand` : '';
  const place = `${grouped(ranking.ranking)} of ${grouped(totalParticipants)}`;
  return `period ${awardPeriodId}: place ${place} with ${counted(transactionNumber, 'payment')}${prize}`;
}

function sayPayments({ payments, nextCursor }: PaymentsPage): string {
  if (payments.length === 0) return 'no payments';
  const table = plainTable(['when', 'amount', 'cashback', 'card']);
  for (const { trxMs, amountCents, cashbackCents, hpan } of payments) {
    table.push([romeMoment(trxMs), euro(amountCents), euro(cashbackCents), `${hpan.slice(0, 8)}…`]);
  }
  return table.toString() + (nextCursor === null ? '' : `\nmore: cursor=${nextCursor}`);
}

/** Without frames, so that a line can be cut and pasted. */
export function plainTable(head: readonly string[]): Table.Table {
  const none = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '', left: '', right: '', middle: '  ' };
  const edges = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '' };
  const feet = { bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' };
  return new Table({
    head: [...head],
    chars: { ...none, ...edges, ...feet },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
}

function momentOf(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? '(unknown)' : romeMoment(ms);
}

/** Of bad lines of a file: where an operator finds them, and how many are only counted. */
export function sayKept(errors: KeptErrors | undefined): readonly string[] {
  if (errors === undefined || errors.keptCount + errors.unkeptCount === 0) return [];
  const more = errors.unkeptCount === 0 ? '' : `; ${counted(errors.unkeptCount, 'line')} more had no room`;
  return [`kept to be put right: ${counted(errors.keptCount, 'line')}, see clickday errors list${more}`];
}
