/**
 * Who comes on the click day: invented citizens whose cards, accounts and purses have the shape that the press
 * published (domain section 7). Citizen number `index` depends on the seed and the index alone.
 */
import type { MethodKind } from '../../engine/contract.ts';
import { ibanOf, panOf, taxCodeOf } from './documents.ts';
import { SeededRandom } from './random.ts';

export interface Instrument {
  readonly pan: string;
  readonly methodKind: MethodKind;
  readonly brand: string;
  /** `YYYY-MM` */
  readonly expiry: string;
  readonly issuerAbi: string;
  /** Two digits, domain 2.4. */
  readonly circuitType: string;
}

export interface Citizen {
  readonly index: number;
  readonly taxCode: string;
  readonly name: string;
  readonly surname: string;
  /** Null: puts it off, as many did. */
  readonly iban: string | null;
  readonly instruments: readonly Instrument[];
  /** A card of somebody else in the family, which only one of them can enable (domain 6.5, "not activable"). */
  readonly borrowed: Instrument | null;
  /** How many payments between 8 and 15 December. */
  readonly paymentCount: number;
}

/** What the press counted; `population.test.ts` holds the generated citizens to it. */
export const FIGURES = {
  /** Christmas, final: 9.8 m instruments of 5,870,063 enrolled. */
  instrumentsPerCitizen: 1.67,
  /** 8 December, through the app: 122,685 PagoBANCOMAT beside 1,157,840 cards. */
  bancomatShare: 0.0958,
  /** 15 December: 6,686,149 transactions of 4,664,505 citizens. */
  paymentsPerCitizen: 1.433,
  /** 15 December: 537,992 of them already had ten. */
  tenPaymentsShare: 0.1153,
  meanTicketCents: 4_600,
  below25EuroShare: 0.485,
  /** Not published; INFERRED: most, since an IBAN could wait until after the period. */
  ibanShare: 0.8,
  /** INFERRED: how often two of a family try the same card. */
  borrowedShare: 0.01,
} as const;

/** Chance of 1, 2, 3, 4 instruments: mean 1.67. */
const INSTRUMENT_COUNT_WEIGHTS = [55, 28, 12, 5] as const;

/** Log-normal with 48.5 % below 25 euro and a mean of 46: two published numbers fix both parameters. */
const TICKET = { mu: 3.259, sigma: 1.0673 } as const;

const CIRCUITS = [
  { circuitType: '01', brand: 'VISA', methodKind: 'card', weight: 44 },
  { circuitType: '02', brand: 'MASTERCARD', methodKind: 'card', weight: 46 },
] as const;
const BANCOMAT = { circuitType: '00', brand: 'PAGOBANCOMAT', methodKind: 'bancomat' } as const;

const ISSUER_ABIS = ['01005', '02008', '03069', '03268', '05034', '07601', '08327'] as const;
const NAMES = [
  ...[
    'Sofia',
    'Giulia',
    'Aurora',
    'Alice',
    'Ginevra',
    'Emma',
    'Giorgia',
    'Greta',
    'Beatrice',
    'Anna',
    'Chiara',
    'Sara',
  ],
  ...['Leonardo', 'Francesco', 'Lorenzo', 'Alessandro', 'Andrea', 'Mattia', 'Gabriele', 'Tommaso', 'Luca', 'Marco'],
] as const;
const SURNAMES = [
  ...['Rossi', 'Russo', 'Ferrari', 'Esposito', 'Bianchi', 'Romano', 'Colombo', 'Ricci', 'Marino', 'Greco', 'Bruno'],
  ...[
    'Gallo',
    'Conti',
    'De Luca',
    'Mancini',
    'Costa',
    'Giordano',
    'Rizzo',
    'Lombardi',
    'Moretti',
    'Barbieri',
    'Fontana',
  ],
] as const;

export class Population {
  readonly #seed: number;
  readonly #known = new Map<number, Citizen>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  citizen(index: number): Citizen {
    const known = this.#known.get(index);
    if (known !== undefined) return known;
    const citizen = this.#invent(index);
    this.#known.set(index, citizen);
    return citizen;
  }

  #invent(index: number): Citizen {
    const random = new SeededRandom(this.#seed, index);
    const [name, surname] = [random.pick(NAMES), random.pick(SURNAMES)];
    const instrumentCount = 1 + random.weighted(INSTRUMENT_COUNT_WEIGHTS);
    return {
      index,
      name,
      surname,
      taxCode: taxCodeOf(surname, name, index),
      iban: random.chance(FIGURES.ibanShare) ? ibanOf(random) : null,
      instruments: Array.from({ length: instrumentCount }, (_, place) => inventInstrument(random, index, place)),
      borrowed: index > 0 && random.chance(FIGURES.borrowedShare) ? this.citizen(index - 1).instruments[0]! : null,
      paymentCount: inventPaymentCount(random),
    };
  }
}

function inventInstrument(random: SeededRandom, index: number, place: number): Instrument {
  const circuit = random.chance(FIGURES.bancomatShare)
    ? BANCOMAT
    : CIRCUITS[random.weighted(CIRCUITS.map(({ weight }) => weight))]!;
  return {
    pan: panOf(index, place),
    methodKind: circuit.methodKind,
    brand: circuit.brand,
    circuitType: circuit.circuitType,
    expiry: `${2021 + random.below(5)}-${String(1 + random.below(12)).padStart(2, '0')}`,
    issuerAbi: random.pick(ISSUER_ABIS),
  };
}

/**
 * One in nine hunts the prize from the first day and has ten payments or a few more within the week; of the others
 * few have been to a shop yet. Both published numbers come out: 1.433 on average, 11.5 % at ten or above.
 */
function inventPaymentCount(random: SeededRandom): number {
  if (random.chance(FIGURES.tenPaymentsShare)) return 10 + random.below(3);
  return random.chance(0.125) ? 1 + random.below(2) : 0;
}

/** What one purchase costs. */
export function inventTicketCents(random: SeededRandom): number {
  const euro = Math.exp(TICKET.mu + TICKET.sigma * random.normal());
  return Math.max(1, Math.round(euro * 100));
}
