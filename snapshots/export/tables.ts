/**
 * The tables of an export and what each of their columns means: what an archive is read by when this program is gone, so
 * every word of it goes into the manifest.
 */
import type { Card, HistoryRow, LedgerEntry } from '../../engine/card/card.ts';
import {
  type CitizenKey,
  EXCLUSION_ACTIONS,
  EXCLUSION_STATES,
  type Exclusion,
  type FileFigure,
  NOTICE_KINDS,
  NOTICE_STATES,
  type Notice,
  PAYOUT_FILE_STATES,
  PAYOUT_RESULTS,
  PAYOUT_STATUSES,
  type PayoutFile,
  PERIOD_DECISION_KINDS,
  type PeriodDecision,
  type PeriodParameters,
  type ReceivedFile,
  ROW_FATES,
} from '../../engine/contract.ts';
import type { Standing } from '../../engine/facts.ts';
import { partitionOf } from '../../engine/partition.ts';
import { type Payout, type PayoutOrder, payoutId } from '../../engine/payout/payout.ts';
import { NOWHERE } from '../../engine/place.ts';
import type { RowTable } from '../../engine/ports.ts';
import { idTrxOf, payableCents, shownCents } from '../../engine/programme/index.ts';
import type { PeriodTotals, SealedPayoff, Wallet, WalletMethod } from '../../engine/wallet/wallet.ts';
import { type Column, cents, flag, instant, oneOf, personal, type Table, text, whole } from './column.ts';

const CITIZENS = ['citizens', 'citizen'] as const;
const NOTHING_ADDED = { by: [], of: [] };

function citizen<R>(of: (row: R) => CitizenKey, meaning = ''): Column<R> {
  const all = `Key of the citizen, 32 hex digits: a keyed digest of the tax code, the same in all files.${meaning}`;
  return text('citizen', all, (row) => of(row) || null);
}

function awardPeriod<R>(of: (row: R) => number, meaning = ''): Column<R> {
  const all = `Award period, as programme.json numbers them.${meaning}`;
  return whole('award_period_id', all, (row) => of(row) || null);
}

function enrolment<R>(of: (row: R) => number): Column<R> {
  return whole(
    'enrolment',
    'Which of the citizen’s enrolments, from 1. Whoever leaves and comes back has another.',
    (row) => of(row) || null,
  );
}

function hpan<R>(of: (row: R) => string): Column<R> {
  return text('hpan', 'Payment instrument: SHA-256 of its number and the platform’s salt, 64 hex digits.', of);
}

/** Where the money goes; null = nobody has said, or nobody may know. */
interface WithAccount {
  readonly account: SealedPayoff | null;
}

function accountColumns<R extends WithAccount>(): readonly Column<R>[] {
  return [
    personal(text('iban', 'Account that is paid to.', ({ account }) => account?.iban ?? null)),
    personal(
      text(
        'account_holder_tax_code',
        'Tax code of the account’s holder.',
        ({ account }) => account?.accountHolderCF ?? null,
      ),
    ),
    personal(
      text(
        'account_holder_name',
        'First name of the account’s holder.',
        ({ account }) => account?.accountHolderName ?? null,
      ),
    ),
    personal(
      text(
        'account_holder_surname',
        'Surname of the account’s holder.',
        ({ account }) => account?.accountHolderSurname ?? null,
      ),
    ),
    personal(
      text(
        'technical_account_holder',
        'Issuer whose pooled account it is. Null: it is the holder’s own.',
        ({ account }) => account?.technicalAccountHolder ?? null,
      ),
    ),
    personal(
      text('issuer_card_id', 'The citizen’s card at that issuer.', ({ account }) => account?.issuerCardId ?? null),
    ),
  ];
}

export interface CitizenLine extends WithAccount {
  readonly wallet: Wallet;
  readonly taxCode: string;
}

export const CITIZENS_TABLE: Table<CitizenLine> = {
  name: 'citizens',
  meaning: 'Everybody who was ever enrolled and was not erased, by key.',
  columns: [
    citizen(({ wallet }) => wallet.citizen),
    personal(text('tax_code', 'Tax code (codice fiscale).', ({ taxCode }) => taxCode)),
    oneOf(
      'status',
      ['enabled', 'disabled', 'excluded'],
      'enabled: enrolled. disabled: has left. excluded: by operators.',
      ({ wallet }) => wallet.status,
    ),
    enrolment(({ wallet }) => wallet.enrolment),
    instant(
      'terms_at',
      'When the terms of that enrolment were accepted: only later payments count.',
      ({ wallet }) => wallet.termsMs || null,
    ),
    instant('left_at', 'When the citizen left last. Null: never.', ({ wallet }) => wallet.cancellationMs),
    oneOf(
      'opt_in',
      ['NOREQ', 'ACCEPTED', 'DENIED'],
      'Whether cards may be kept for other services. NOREQ: nobody has asked.',
      ({ wallet }) => wallet.optInStatus,
    ),
    oneOf(
      'iban_check',
      ['OK', 'UNKNOWN_PSP'],
      'What the bank service said of the IBAN. UNKNOWN_PSP: nobody could tell. Null: there is no IBAN.',
      ({ wallet }) => wallet.payoff?.checkStatus ?? null,
    ),
    ...accountColumns<CitizenLine>(),
    instant('updated_at', 'When anything of the citizen changed last.', ({ wallet }) => wallet.updatedMs),
  ],
  key: ['citizen'],
  refersTo: {},
  added: NOTHING_ADDED,
};

export interface MethodLine {
  readonly citizen: CitizenKey;
  readonly method: WalletMethod;
  readonly isFavourite: boolean;
}

export const METHODS_TABLE: Table<MethodLine> = {
  name: 'methods',
  meaning:
    'What citizens have in their wallets, with cashback or without. Who held an instrument when is in activations.',
  columns: [
    citizen(({ citizen }) => citizen),
    hpan(({ method }) => method.hpan),
    text(
      'kind',
      'Kind of method. Null: enabled without being in the wallet.',
      ({ method }) => method.details?.methodKind ?? null,
    ),
    text('brand', 'Brand of the card.', ({ method }) => method.details?.brand ?? null),
    personal(
      text(
        'last_digits',
        'Last digits of its number, as receipts show them.',
        ({ method }) => method.details?.lastDigits ?? null,
      ),
    ),
    personal(text('expiry', 'Month in which it expires, YYYY-MM.', ({ method }) => method.details?.expiry ?? null)),
    text('issuer_abi', 'Bank that issued it, by its ABI code.', ({ method }) => method.details?.issuerAbi ?? null),
    oneOf(
      'cashback',
      ['off', 'enabling', 'enabled', 'disabling'],
      'Whether its payments are to count.',
      ({ method }) => method.cashback,
    ),
    instant('activated_at', 'Of the last activation by this citizen.', ({ method }) => method.activationMs),
    instant('deactivated_at', 'Of its end.', ({ method }) => method.deactivationMs),
    text('channel', 'Who asked for it: the app, or an issuer.', ({ method }) => method.channel),
    flag('is_favourite', 'The citizen’s favourite.', ({ isFavourite }) => isFavourite),
  ],
  key: ['citizen', 'hpan'],
  refersTo: { citizen: CITIZENS },
  added: NOTHING_ADDED,
};

export interface InstrumentLine {
  readonly card: Card;
  /** Null: was erased. */
  readonly last: HistoryRow | null;
  readonly activations: number;
}

export const INSTRUMENTS_TABLE: Table<InstrumentLine> = {
  name: 'instruments',
  meaning: 'Payment instruments that were ever enabled, by hpan.',
  columns: [
    hpan(({ card }) => card.hpan),
    oneOf(
      'status',
      ['absent', 'inactive', 'provisional', 'active'],
      'active: its payments count. provisional: an activation with other cards is under way.',
      ({ card }) => card.status,
    ),
    citizen(({ last }) => last?.citizen ?? '', ' Who holds it, or held it last. Null: was erased.'),
    whole('activations', 'How many activations of it are in activations.', ({ activations }) => activations),
    personal(text('par', 'Payment Account Reference, which its tokens share.', ({ card }) => card.par || null)),
  ],
  key: ['hpan'],
  refersTo: { citizen: CITIZENS },
  added: NOTHING_ADDED,
};

export interface ActivationLine {
  readonly hpan: string;
  readonly number: number;
  readonly row: HistoryRow;
}

export const ACTIVATIONS_TABLE: Table<ActivationLine> = {
  name: 'activations',
  meaning:
    'Who held an instrument when. It covers the days (of Rome) after that of activated_at, up to that of deactivated_at: payments of those days are the citizen’s.',
  columns: [
    hpan(({ hpan }) => hpan),
    whole('number', 'Of the instrument’s activations, from 1.', ({ number }) => number),
    citizen(({ row }) => row.citizen),
    enrolment(({ row }) => row.enrolment),
    text('channel', 'Who asked for it: the app, or an issuer.', ({ row }) => row.channel),
    text('master_hpan', 'The card that a device’s token stands for; a card’s own hpan.', ({ row }) => row.master),
    instant('activated_at', 'Beginning.', ({ row }) => row.activationMs),
    instant('deactivated_at', 'End. Null: it goes on.', ({ row }) => row.deactivationMs),
  ],
  key: ['hpan', 'number'],
  refersTo: { hpan: ['instruments', 'hpan'], citizen: CITIZENS },
  added: NOTHING_ADDED,
};

/** Unique, and the same in every export of the folder: where the record stands in the partition of its instrument. */
export function recordId(hpan: string, place: number): string {
  return `${partitionOf(hpan)}-${place}`;
}

export interface RecordLine {
  readonly entry: LedgerEntry;
  /** Whom it is about; empty = nobody. */
  readonly owner: CitizenKey;
  readonly state: string;
  /** Null: it counts. */
  readonly reason: string | null;
}

const OF_RECORD = {
  id: text<RecordLine>('id', 'Name of the record, unique among payments and reversals.', ({ entry }) =>
    recordId(entry.record.hpan, entry.place),
  ),
  key: [
    hpan<RecordLine>(({ entry }) => entry.record.hpan),
    whole<RecordLine>(
      'arrival',
      'Of the instrument’s records, which one arrived, from 0: records of one instrument took effect in this order.',
      ({ entry }) => entry.arrival,
    ),
    citizen<RecordLine>(
      ({ owner }) => owner,
      ' Who made the payment; of a reversal that has found none, who held the instrument on its day.',
    ),
    enrolment<RecordLine>(({ entry }) => entry.enrolment),
    awardPeriod<RecordLine>(({ entry }) => entry.awardPeriodId, ' Null: none took it.'),
  ],
  money: [
    cents<RecordLine>('amount_cents', 'Amount, without a sign.', ({ entry }) => entry.record.amountCents),
    cents<RecordLine>(
      'cashback_cents',
      'Cashback of this record, before the cap of the period; of a reversal 0 or less.',
      ({ entry }) => entry.scoreCents,
    ),
  ],
  rest: [
    instant<RecordLine>('trx_at', 'When it was made, at the merchant.', ({ entry }) => entry.record.trxMs),
    instant<RecordLine>(
      'received_at',
      'When it was received: periods and their grace are judged by it.',
      ({ entry }) => entry.receivedMs,
    ),
    text<RecordLine>(
      'id_trx',
      'The programme’s public id: id_trx_acquirer, instant, acquirer_code, acquirer_id and operation_type in one.',
      ({ entry }) => idTrxOf(entry.record),
    ),
    text<RecordLine>(
      'operation_type',
      'Two digits. 01 is a reversal, all else a payment.',
      ({ entry }) => entry.record.operationType,
    ),
    text<RecordLine>('circuit_type', 'Two digits: the circuit.', ({ entry }) => entry.record.circuitType),
    text<RecordLine>('acquirer_code', 'ABI code of who sent it.', ({ entry }) => entry.record.acquirerCode),
    text<RecordLine>('acquirer_id', 'The circuit’s id of the acquirer.', ({ entry }) => entry.record.acquirerId),
    text<RecordLine>(
      'id_trx_acquirer',
      'ARN, or another id that is unique at the acquirer.',
      ({ entry }) => entry.record.idTrxAcquirer,
    ),
    text<RecordLine>(
      'id_trx_issuer',
      'Authorisation code. Empty: none was sent.',
      ({ entry }) => entry.record.idTrxIssuer,
    ),
    text<RecordLine>(
      'correlation_id',
      'Joins a reversal and its payment. Empty: none was sent.',
      ({ entry }) => entry.record.correlationId,
    ),
    text<RecordLine>('merchant_id', 'Shop.', ({ entry }) => entry.record.merchantId),
    text<RecordLine>('terminal_id', 'Terminal in the shop.', ({ entry }) => entry.record.terminalId),
  ],
};

const RECORDS_ADDED = { by: ['award_period_id', 'state'], of: ['amount_cents', 'cashback_cents'] };

export const PAYMENT_STATES = ['counted', 'withdrawn', 'dropped', 'asked'] as const;

export const PAYMENTS_TABLE: Table<RecordLine> = {
  name: 'payments',
  meaning:
    'Payments that an activation covered, counted or not. What no activation covered left no trace but in the outcome files that acquirers were answered with.',
  columns: [
    OF_RECORD.id,
    ...OF_RECORD.key,
    oneOf(
      'state',
      PAYMENT_STATES,
      'counted: in the totals. withdrawn: was, until its citizen left. dropped: never was. asked: not decided when the folder was stopped.',
      ({ state }) => state,
    ),
    oneOf(
      'reason',
      ['CITIZEN_LEFT', 'TERMS_NOT_COVERED', 'NO_AWARD_PERIOD', 'UNDER_WAY'],
      'Why it does not count. TERMS_NOT_COVERED: the citizen was not enrolled, or only after it. Null: it counts.',
      ({ reason }) => reason,
    ),
    ...OF_RECORD.money,
    cents(
      'left_cents',
      'What reversals have left of the amount. 0: it is reversed in full, and is no longer among the citizen’s count of payments.',
      ({ entry }) => entry.leftCents,
    ),
    ...OF_RECORD.rest,
  ],
  key: ['id'],
  refersTo: { citizen: CITIZENS, hpan: ['instruments', 'hpan'] },
  added: { by: RECORDS_ADDED.by, of: [...RECORDS_ADDED.of, 'left_cents'] },
};

export const REVERSAL_STATES = ['applied', 'withdrawn', 'pending', 'asked', 'parked', 'expired', 'discarded'] as const;

export const REVERSALS_TABLE: Table<RecordLine> = {
  name: 'reversals',
  meaning:
    'Reversals of payments, applied or not; what operators decided about them is in resolutions. Beside them, by an operation of X and a number, what was taken out of counting, and by one of I what was put back.',
  columns: [
    OF_RECORD.id,
    ...OF_RECORD.key,
    oneOf(
      'state',
      REVERSAL_STATES,
      'applied: in the totals. withdrawn: was, until its citizen left. pending: waits for its payment. parked: waits for an operator. expired: no payment came within a month. discarded: by an operator. asked: not decided when the folder was stopped.',
      ({ state }) => state,
    ),
    text(
      'reason',
      'Why it is parked, or was when an operator decided; CITIZEN_LEFT of a withdrawn one. Of an applied one REVERSAL_AMBIGUOUS: an operator kept it, though it fits several payments.',
      ({ reason }) => reason,
    ),
    flag(
      'is_in_doubt',
      'It is applied, and a later payment would have fitted as well: an operator has not looked at it.',
      ({ entry }) => entry.flagged,
    ),
    text('payment_id', 'The payment that it reverses. Null: it has found none.', ({ entry }) =>
      entry.matched === NOWHERE ? null : recordId(entry.record.hpan, entry.matched),
    ),
    ...OF_RECORD.money,
    ...OF_RECORD.rest,
    instant('expires_at', 'Until when it waits for its payment.', ({ entry }) => entry.expiresMs || null),
  ],
  key: ['id'],
  refersTo: { citizen: CITIZENS, hpan: ['instruments', 'hpan'], payment_id: ['payments', 'id'] },
  added: RECORDS_ADDED,
};

export interface ResolutionLine {
  readonly hpan: string;
  readonly place: number;
  readonly atMs: number;
  /** Null: what was decided before is void. */
  readonly made: {
    readonly resolution: string;
    readonly paymentPlace: number;
    readonly operator: string;
    readonly reason: string;
  } | null;
}

export const RESOLUTIONS_TABLE: Table<ResolutionLine> = {
  name: 'resolutions',
  meaning: 'Decisions of operators about reversals, in order for each reversal: the last one stands.',
  columns: [
    text('reversal_id', 'The reversal.', ({ hpan, place }) => recordId(hpan, place)),
    instant('decided_at', 'When.', ({ atMs }) => atMs),
    oneOf(
      'resolution',
      ['apply', 'discard', 'keep', 'void'],
      'apply: to the payment named. discard: it is applied to none. keep: one in doubt stands. void: the decision before came to nothing, as the payment’s owner had left.',
      ({ made }) => made?.resolution ?? 'void',
    ),
    text('payment_id', 'The payment that it was to be applied to.', ({ hpan, made }) =>
      made === null || made.paymentPlace === NOWHERE ? null : recordId(hpan, made.paymentPlace),
    ),
    personal(text('operator', 'Who decided.', ({ made }) => made?.operator ?? null)),
    personal(text('reason', 'In the operator’s words.', ({ made }) => made?.reason ?? null)),
  ],
  key: [],
  refersTo: { reversal_id: ['reversals', 'id'], payment_id: ['payments', 'id'] },
  added: NOTHING_ADDED,
};

export interface TotalsLine {
  readonly citizen: CitizenKey;
  readonly totals: PeriodTotals;
  readonly period: PeriodParameters;
}

export const TOTALS_TABLE: Table<TotalsLine> = {
  name: 'totals',
  meaning:
    'What each citizen has in each award period: the sum of cashback_cents of the payments counted and reversals applied of that enrolment. Who left an open period has none of it; a closed one stands.',
  columns: [
    citizen(({ citizen }) => citizen),
    awardPeriod(({ totals }) => totals.awardPeriodId),
    enrolment(({ totals }) => totals.enrolment),
    cents(
      'raw_cents',
      'Cashback without the period’s cap; rounding may leave it a cent below zero.',
      ({ totals }) => totals.rawCents,
    ),
    cents('shown_cents', 'The same from 0 to the cap: what the citizen saw.', ({ totals, period }) =>
      shownCents(totals.rawCents, period),
    ),
    cents('payable_cents', 'What is due: 0 below the least number of payments.', ({ totals, period }) =>
      payableCents(totals, period),
    ),
    whole(
      'payments',
      'Payments counted but for those reversed in full: what the ranking goes by.',
      ({ totals }) => totals.count,
    ),
    instant(
      'last_payment_at',
      'Instant of the latest payment counted; a reversal does not move it.',
      ({ totals }) => totals.lastTrxMs,
    ),
    instant('terms_at', 'When the terms of that enrolment were accepted.', ({ totals }) => totals.termsMs),
  ],
  key: ['citizen', 'award_period_id', 'enrolment'],
  refersTo: { citizen: CITIZENS },
  added: { by: ['award_period_id'], of: ['raw_cents', 'shown_cents', 'payable_cents'] },
};

export interface RankedLine {
  readonly rank: number;
  readonly citizen: CitizenKey;
  readonly standing: Standing;
  readonly period: PeriodParameters;
}

function hasWon({ rank, standing, period }: RankedLine): boolean {
  return rank <= period.minPosition && standing.count >= period.minTransactionNumber;
}

export const RANKINGS_TABLE: Table<RankedLine> = {
  name: 'rankings',
  meaning:
    'Super Cashback rankings of closed award periods, as they were frozen: more payments first, then the earlier last payment, the earlier terms, the tax code. Positions stand, whoever left since; those who were erased leave a gap.',
  columns: [
    awardPeriod(({ period }) => period.awardPeriodId),
    whole('position', 'From 1. Nobody shares one.', ({ rank }) => rank),
    citizen(({ citizen }) => citizen),
    whole('payments', 'As in totals.', ({ standing }) => standing.count),
    instant('last_payment_at', 'As in totals.', ({ standing }) => standing.lastTrxMs),
    instant('terms_at', 'As in totals.', ({ standing }) => standing.termsMs),
    flag('has_won', 'The position is a winning one, and there are enough payments.', hasWon),
    cents('jackpot_cents', 'Prize that the position wins.', (line) => (hasWon(line) ? line.period.jackpotCents : 0)),
  ],
  key: ['award_period_id', 'position'],
  refersTo: { citizen: CITIZENS },
  added: { by: ['award_period_id', 'has_won'], of: ['jackpot_cents'] },
};

export interface PayoutLine extends WithAccount {
  readonly partition: number;
  readonly payout: Payout;
}

export const PAYOUTS_TABLE: Table<PayoutLine> = {
  name: 'payouts',
  meaning: 'Payout records and what the bank said of each.',
  columns: [
    whole('id', 'Number of the record, as banks saw it.', ({ partition, payout }) => payoutId(partition, payout.place)),
    citizen(({ payout }) => payout.citizen),
    awardPeriod(({ payout }) => payout.awardPeriodId),
    enrolment(({ payout }) => payout.enrolment),
    cents('cashback_cents', 'Refund.', ({ payout }) => payout.cashbackCents),
    cents('jackpot_cents', 'Super Cashback prize.', ({ payout }) => payout.jackpotCents),
    cents('amount_cents', 'Both.', ({ payout }) => payout.cashbackCents + payout.jackpotCents),
    oneOf(
      'status',
      PAYOUT_STATUSES,
      'NEW: not sent. WIP: in a file that was being written. SENT. RECOVERY: to be sent again. INTEGRATION: paid by Consap after a complaint.',
      ({ payout }) => payout.status,
    ),
    flag('is_enabled', 'False: the citizen left before it was sent.', ({ payout }) => payout.isEnabled),
    whole(
      'order_number',
      'The order that had it made. Null: it corrects another, or Consap paid it.',
      ({ payout }) => payout.orderNumber || null,
    ),
    whole('file_number', 'The file that it went out with.', ({ payout }) => payout.fileNumber || null),
    oneOf(
      'result',
      PAYOUT_RESULTS,
      'What the bank said. Null: nothing yet.',
      ({ payout }) => payout.outcome?.result ?? null,
    ),
    personal(text('result_reason', 'In the bank’s words.', ({ payout }) => payout.outcome?.reason ?? null)),
    text('cro', 'The transfer’s number at the bank.', ({ payout }) => payout.outcome?.cro ?? null),
    text(
      'executed_on',
      'Day of the transfer, YYYY-MM-DD; empty where the bank did not say.',
      ({ payout }) => payout.outcome?.executionDay ?? null,
    ),
    whole('related_id', 'The failed record that it corrects.', ({ partition, payout }) =>
      payout.relatedPlace === 0 ? null : payoutId(partition, payout.relatedPlace),
    ),
    text('ticket_id', 'The complaint that it is of.', ({ payout }) => payout.ticketId || null),
    text('consap_id', 'Consap’s number of what it paid.', ({ payout }) => payout.consapId || null),
    oneOf(
      'iban_check',
      ['OK', 'UNKNOWN_PSP'],
      'What the bank service said of the IBAN.',
      ({ payout }) => payout.payoff?.checkStatus ?? null,
    ),
    ...accountColumns<PayoutLine>(),
    instant('updated_at', 'When it changed last.', ({ payout }) => payout.atMs),
  ],
  key: ['id'],
  refersTo: {
    citizen: CITIZENS,
    order_number: ['payout_orders', 'order_number'],
    file_number: ['payout_files', 'file_number'],
    related_id: ['payouts', 'id'],
  },
  added: {
    by: ['award_period_id', 'status', 'is_enabled', 'result'],
    of: ['cashback_cents', 'jackpot_cents', 'amount_cents'],
  },
};

export const PAYOUT_ORDERS_TABLE: Table<PayoutOrder> = {
  name: 'payout_orders',
  meaning: 'Orders that the payout records of a period be made.',
  columns: [
    whole('order_number', 'From 1.', ({ orderNumber }) => orderNumber),
    awardPeriod(({ awardPeriodId }) => awardPeriodId),
    cents(
      'funds_cents',
      'What there was, where that was less than what was due: every refund was cut in proportion. Null: there was enough.',
      ({ cut }) => cut?.fundsCents ?? null,
    ),
    cents('due_cents', 'What was due then.', ({ cut }) => cut?.totalCents ?? null),
    instant('ordered_at', 'When.', ({ atMs }) => atMs),
  ],
  key: ['order_number'],
  refersTo: {},
  added: NOTHING_ADDED,
};

export const PAYOUT_FILES_TABLE: Table<PayoutFile> = {
  name: 'payout_files',
  meaning: 'Files that were made for the bank.',
  columns: [
    whole('file_number', 'From 1.', ({ fileNumber }) => fileNumber),
    awardPeriod(({ awardPeriodId }) => awardPeriodId),
    text('name', 'Its name.', ({ name }) => name),
    whole('records', 'Payout records in it.', ({ rowCount }) => rowCount),
    cents('total_cents', 'What they come to.', ({ totalCents }) => totalCents),
    text('sha256', 'Of its bytes. Empty: it was not delivered.', ({ checksum }) => checksum),
    oneOf('state', PAYOUT_FILE_STATES, 'restored: given up, and its records freed.', ({ state }) => state),
    instant('updated_at', 'When that changed last.', ({ atMs }) => atMs),
  ],
  key: ['file_number'],
  refersTo: {},
  added: { by: ['award_period_id', 'state'], of: ['total_cents'] },
};

export interface ReceivedFileLine {
  readonly file: ReceivedFile;
  /** Null: nothing is known of any row. */
  readonly figure: FileFigure | null;
}

export const RECEIVED_FILES_TABLE: Table<ReceivedFileLine> = {
  name: 'received_files',
  meaning:
    'Files of acquirers, lists of tokens too, each time that one came: a row for each figure of what became of its rows.',
  columns: [
    whole('file_number', 'From 1, in the order of arrival.', ({ file }) => file.fileNumber),
    text('name', 'Its name.', ({ file }) => file.name),
    text('sender', 'ABI of the acquirer.', ({ file }) => file.sender),
    instant('received_at', 'When it came.', ({ file }) => file.receivedMs),
    flag('is_done', 'False: it was cut short, and its sender was never answered.', ({ file }) => file.isDone),
    oneOf(
      'fate',
      ROW_FATES,
      'accepted: counted, or on its way, or enabled. dropped: it counts for nobody. rejected: it is wrong. repeated: it was there.',
      ({ figure }) => figure?.fate ?? null,
    ),
    text('code', 'Why it was not accepted.', ({ figure }) => figure?.code ?? null),
    whole('rows', 'How many rows.', ({ figure }) => figure?.rowCount ?? 0),
    cents('amount_cents', 'What they come to, paid and taken back alike.', ({ figure }) => figure?.amountCents ?? 0),
  ],
  key: [],
  refersTo: {},
  added: { by: ['sender', 'fate'], of: ['amount_cents'] },
};

export const PERIOD_DECISIONS_TABLE: Table<PeriodDecision> = {
  name: 'period_decisions',
  meaning: 'What operators decided about award periods. programme.json is as the last of them left it.',
  columns: [
    whole('number', 'From 1.', ({ number }) => number),
    oneOf('kind', PERIOD_DECISION_KINDS, 'reopen: for the files named, until until_at.', ({ kind }) => kind),
    awardPeriod(({ awardPeriodId }) => awardPeriodId),
    text('files', 'Names of the files, as a list in JSON.', ({ files }) => JSON.stringify(files)),
    instant('until_at', 'Last instant at which such a file may come.', ({ untilMs }) => untilMs || null),
    // With the salt of that version.
    personal(text('replaced', 'Version of the programme that it put an end to.', ({ replaced }) => replaced || null)),
    personal(text('operator', 'Who decided.', ({ operator }) => operator)),
    personal(text('reason', 'In the operator’s words.', ({ reason }) => reason)),
    instant('decided_at', 'When.', ({ atMs }) => atMs),
  ],
  key: ['number'],
  refersTo: {},
  added: NOTHING_ADDED,
};

export interface ExclusionLine {
  readonly exclusion: Exclusion;
  readonly atMs: number;
}

export const EXCLUSIONS_TABLE: Table<ExclusionLine> = {
  name: 'exclusions',
  meaning: 'What was proposed and decided about citizens and payments that are not to count, step by step.',
  columns: [
    instant('at', 'When.', ({ atMs }) => atMs),
    citizen(({ exclusion }) => exclusion.citizen),
    text(
      'hpan',
      'Instrument of the payment. Null: it is about the citizen.',
      (one) => one.exclusion.payment?.hpan ?? null,
    ),
    text(
      'id_trx_acquirer',
      'The acquirer’s id of the payment.',
      ({ exclusion }) => exclusion.payment?.record.idTrxAcquirer ?? null,
    ),
    instant('trx_at', 'When it was made.', ({ exclusion }) => exclusion.payment?.record.trxMs ?? null),
    oneOf('state', EXCLUSION_STATES, 'What has become of it by now.', ({ exclusion }) => exclusion.state),
    oneOf('action', EXCLUSION_ACTIONS, 'What was proposed, or done by the rule.', ({ exclusion }) => exclusion.action),
    personal(
      text('proposed_by', 'Who proposed it. Empty: the rule on abuse.', ({ exclusion }) => exclusion.proposedBy),
    ),
    personal(text('reason', 'In that operator’s words.', ({ exclusion }) => exclusion.reason)),
    personal(text('decided_by', 'Who decided. Empty: nobody yet.', ({ exclusion }) => exclusion.decidedBy)),
    personal(text('decision_reason', 'In that operator’s words.', ({ exclusion }) => exclusion.decisionReason)),
  ],
  key: [],
  refersTo: { citizen: CITIZENS },
  added: NOTHING_ADDED,
};

export interface NoticeLine {
  readonly notice: Notice;
  readonly atMs: number;
}

export const NOTICES_TABLE: Table<NoticeLine> = {
  name: 'notices',
  meaning: 'What citizens were told, step by step, in order for each notice: the last row of an id is how it stands.',
  columns: [
    text('id', 'Name of the notice: it says what it is about, and to whom.', ({ notice }) => notice.id),
    instant('at', 'When it came to this.', ({ atMs }) => atMs),
    citizen(({ notice }) => notice.citizen),
    oneOf('kind', NOTICE_KINDS, 'What it tells.', ({ notice }) => notice.kind),
    awardPeriod(({ notice }) => notice.awardPeriodId),
    oneOf(
      'state',
      NOTICE_STATES,
      'due: waits for due_at. failed: given up. withdrawn: it concerned nobody any more.',
      ({ notice }) => notice.state,
    ),
    whole('attempts', 'Deliveries that failed.', ({ notice }) => notice.attempts),
    instant('due_at', 'It is not delivered before.', ({ notice }) => notice.dueMs),
    cents('cashback_cents', 'Refund that it names.', ({ notice }) => notice.cashbackCents),
    cents('jackpot_cents', 'Prize that it names.', ({ notice }) => notice.jackpotCents),
    whole('payout_id', 'The payout record whose transfer it is about.', ({ notice }) => notice.payoutId || null),
  ],
  key: [],
  refersTo: { citizen: CITIZENS, payout_id: ['payouts', 'id'] },
  added: NOTHING_ADDED,
};

/** What becomes of each table of rows, so that a new one is not forgotten; a text says why it is in none. */
export const EXPORTED: Readonly<Record<RowTable, readonly Table<never>[] | string>> = {
  wallet: [CITIZENS_TABLE, METHODS_TABLE, TOTALS_TABLE, RANKINGS_TABLE],
  card: [INSTRUMENTS_TABLE, ACTIVATIONS_TABLE],
  record: [PAYMENTS_TABLE, REVERSALS_TABLE],
  payment: 'the same records once more, as their citizens see them',
  reversal: 'the reversals that operators have to see, told by their state',
  resolution: [RESOLUTIONS_TABLE],
  partition: [PAYOUT_ORDERS_TABLE],
  payout: [PAYOUTS_TABLE],
  payoutLink: 'where a citizen’s payout records are',
  payoutFile: [PAYOUT_FILES_TABLE],
  notice: [NOTICES_TABLE],
  noticeRun: 'how far the telling of a period is',
  receivedFile: [RECEIVED_FILES_TABLE],
  fileTally: 'what each partition accepted of a file',
  periodDecision: [PERIOD_DECISIONS_TABLE],
  exclusion: [EXCLUSIONS_TABLE],
  merchantDay: 'what the rule on abuse has counted so far',
  pointer: 'where accounts to check again, and cards of a PAR, are found',
  command: 'answers for whoever sends a command twice',
  outbox: 'messages under way between partitions',
};
