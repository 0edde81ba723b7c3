/**
 * What the citizens buy from 8 to 15 December, as acquirers report it: one file per acquirer and day (domain 9).
 * Amounts, numbers and who pays have the published shape; one payment in two hundred is taken back.
 */
import type { Hpan } from '../../engine/contract.ts';
import { romeDay } from '../rome.ts';
import { type Citizen, type Instrument, inventTicketCents } from './population.ts';
import { SeededRandom } from './random.ts';

export const FIRST_DAY_MS = Date.parse('2020-12-08T00:00:00+01:00');
export const DAY_COUNT = 8;
const DAY_MS = 86_400_000; // No change of the clocks in December.
const OPENING_MS = 8 * 3_600_000;
const OPEN_MS = 13 * 3_600_000;
const REVERSAL_SHARE = 0.005;
const MERCHANT_COUNT = 5_000;
const GROCERIES = '5411';

/** Senders of card payments; PagoBANCOMAT is sent by its circuit only (domain 1, rule 4). */
const CARD_ACQUIRERS = ['36081', '36019', '03034'] as const;
const BANCOMAT_SENDER = '36010';
/** The only circuit with a sender of its own here. */
const PAGOBANCOMAT = '00';

export interface Purchase {
  readonly hpan: Hpan;
  readonly trxMs: number;
  /** Of a reversal: the instant of the payment that it takes back. Otherwise the same as `trxMs`. */
  readonly paidMs: number;
  readonly amountCents: number;
  /** Gives back a whole earlier purchase, found by its correlation id. */
  readonly isReversal: boolean;
  readonly acquirer: string;
  readonly circuitType: string;
  readonly idTrxAcquirer: string;
  readonly correlationId: string;
  readonly merchant: number;
}

export interface AcquirerFile {
  readonly acquirer: string;
  readonly name: string;
  readonly purchases: readonly Purchase[];
  readonly content: string;
}

/** All purchases in order of time; a reversal follows the day after, if the last day allows. */
export function inventPurchases(
  seed: number,
  citizens: readonly Citizen[],
  hpanOf: (instrument: Instrument) => Hpan,
): readonly Purchase[] {
  const purchases: Purchase[] = [];
  for (const citizen of citizens) {
    const random = new SeededRandom(seed, citizen.index, 1);
    for (let place = 0; place < citizen.paymentCount; place += 1) {
      const instrument = random.pick(citizen.instruments);
      const payment = inventPayment(random, instrument, hpanOf(instrument), `${citizen.index}P${place}`);
      purchases.push(payment);
      if (random.chance(REVERSAL_SHARE)) purchases.push(reversalOf(payment));
    }
  }
  const endMs = FIRST_DAY_MS + DAY_COUNT * DAY_MS;
  return purchases.filter(({ trxMs }) => trxMs < endMs).sort((one, other) => one.trxMs - other.trxMs);
}

function inventPayment(random: SeededRandom, instrument: Instrument, hpan: Hpan, mark: string): Purchase {
  const dayMs = FIRST_DAY_MS + random.below(DAY_COUNT) * DAY_MS;
  const { circuitType } = instrument;
  const trxMs = dayMs + OPENING_MS + random.below(OPEN_MS);
  return {
    hpan,
    trxMs,
    paidMs: trxMs,
    amountCents: inventTicketCents(random),
    isReversal: false,
    acquirer: circuitType === PAGOBANCOMAT ? BANCOMAT_SENDER : random.pick(CARD_ACQUIRERS),
    circuitType,
    idTrxAcquirer: `ARN${mark.padStart(18, '0')}`,
    correlationId: `COR${mark}`,
    merchant: random.below(MERCHANT_COUNT),
  };
}

function reversalOf(payment: Purchase): Purchase {
  return { ...payment, trxMs: payment.trxMs + DAY_MS, isReversal: true, idTrxAcquirer: `${payment.idTrxAcquirer}R` };
}

/** The files of one day, from 0; sent in the night after it. */
export function filesOfDay(purchases: readonly Purchase[], day: number): readonly AcquirerFile[] {
  const fromMs = FIRST_DAY_MS + day * DAY_MS;
  const ofDay = purchases.filter(({ trxMs }) => trxMs >= fromMs && trxMs < fromMs + DAY_MS);
  return [...new Set(ofDay.map(({ acquirer }) => acquirer))].sort().map((acquirer) => {
    const rows = ofDay.filter((purchase) => purchase.acquirer === acquirer);
    const date = romeDay(fromMs + DAY_MS).replaceAll('-', '');
    const name = `CSTAR.${acquirer}.TRNLOG.${date}.020000.001.csv`;
    return { acquirer, name, purchases: rows, content: rows.map(rowOf).join('') };
  });
}

/** When the files of that day are sent: two in the morning of the next. */
export function sendingMsOfDay(day: number): number {
  return FIRST_DAY_MS + (day + 1) * DAY_MS + 2 * 3_600_000;
}

function rowOf(purchase: Purchase): string {
  const merchant = String(400_000_000_000 + purchase.merchant);
  const fields = [
    purchase.acquirer,
    purchase.isReversal ? '01' : '00',
    purchase.circuitType,
    purchase.hpan,
    new Date(purchase.trxMs + 3_600_000).toISOString().replace('Z', '+01:00'),
    purchase.idTrxAcquirer,
    '',
    purchase.correlationId,
    String(purchase.amountCents),
    '978',
    purchase.acquirer,
    merchant,
    merchant.slice(-8),
    '999900',
    GROCERIES,
  ];
  return `${fields.join(';')}\n`;
}
