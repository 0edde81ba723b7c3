/**
 * Who is in a seeded folder: citizens with cards and payments, each known from the seed and a number alone, so that a
 * load can speak for any of them without a list. Shares follow the programme's first months: 1.6 cards a citizen, three
 * payments, most in the period that is in its grace by now and the rest in the one that runs.
 */
import { hash } from 'node:crypto';
import { inventTicketCents } from '../../client/replay/population.ts';
import { SeededRandom } from '../../client/replay/random.ts';
import { type Hpan, makeTaxCode } from '../../engine/index.ts';

export interface SeededPayment {
  readonly hpan: Hpan;
  readonly trxMs: number;
  readonly amountCents: number;
  readonly idTrxAcquirer: string;
  readonly merchantId: string;
}

export interface SeededCitizen {
  readonly number: number;
  readonly taxCode: string;
  /** Some put it off, as many did. */
  readonly hasIban: boolean;
  readonly cards: readonly Hpan[];
}

/** The programme's eve, when all enrol; and the day on which acquirers' files of December and January come in. */
export const ENROLMENT_MS = Date.parse('2020-12-07T06:00:00Z');
export const RECEPTION_MS = Date.parse('2021-01-05T00:00:00Z');
/** How long each takes, on the programme's clock. */
export const PASS_MS = 43_200_000;
/** A server that opens the folder has its clock at or after this. */
export const SEEDED_UNTIL = new Date(RECEPTION_MS + PASS_MS).toISOString();

const DAY_MS = 86_400_000;
/** The first period's 24 days, and as much as has passed of the second; both begin an hour before UTC's midnight. */
const [FIRST_MS, FIRST_DAYS] = [Date.parse('2020-12-07T23:00:00Z'), 24] as const;
const [SECOND_MS, SECOND_DAYS] = [Date.parse('2020-12-31T23:00:00Z'), 4] as const;
const FIRST_SHARE = 0.6;
const IBAN_SHARE = 0.6;
const MERCHANTS = 100_000;

/** How many of a hundred citizens have 1, 2, 3, 4 cards: 1.6 on average. */
const CARD_COUNTS = perHundred([
  [1, 58],
  [2, 27],
  [3, 12],
  [4, 3],
]);
/** And so many payments: 3 on average. */
const PAYMENT_COUNTS = perHundred([
  [0, 9],
  [1, 21],
  [2, 22],
  [3, 16],
  [4, 11],
  [5, 9],
  [6, 5],
  [8, 4],
  [12, 3],
]);
export const PAYMENTS_PER_CITIZEN_MAX = Math.max(...PAYMENT_COUNTS);

export function citizenOf(seed: number, number: number): SeededCitizen {
  const random = new SeededRandom(seed, number, FOR_CITIZEN);
  const cardCount = random.pick(CARD_COUNTS);
  return {
    number,
    taxCode: makeTaxCode(number),
    hasIban: random.chance(IBAN_SHARE),
    cards: Array.from({ length: cardCount }, (_, card) => seededHpan(seed, number, card)),
  };
}

/** In the order in which acquirers send them. */
export function paymentsOf(seed: number, { number, cards }: SeededCitizen): readonly SeededPayment[] {
  const random = new SeededRandom(seed, number, FOR_PAYMENTS);
  return Array.from({ length: random.pick(PAYMENT_COUNTS) }, (_, count) => ({
    hpan: random.pick(cards),
    trxMs: random.chance(FIRST_SHARE)
      ? FIRST_MS + random.below(FIRST_DAYS * DAY_MS)
      : SECOND_MS + random.below(SECOND_DAYS * DAY_MS),
    amountCents: inventTicketCents(random),
    idTrxAcquirer: `${number}-${count}`,
    merchantId: `M${random.below(MERCHANTS)}`,
  }));
}

/** Streams of chance that do not depend on each other. */
const [FOR_CITIZEN, FOR_PAYMENTS] = [0, 1] as const;

/** Every citizen has card 0. */
export function seededHpan(seed: number, number: number, card: number): Hpan {
  return hash('sha256', `seed ${seed} citizen ${number} card ${card}`);
}

function perHundred(counts: readonly (readonly [value: number, count: number])[]): readonly number[] {
  return counts.flatMap(([value, count]) => new Array<number>(count).fill(value));
}
