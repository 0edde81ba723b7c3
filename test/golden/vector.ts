/**
 * The stage of a golden vector (domain 10): a citizen enrolled on 2020-12-07 at 10:00 with a card activated at 10:05,
 * and inputs that read as they stand in the table. Everything is a real command; every figure is read back.
 */
import { expect } from 'vitest';
import type { PeriodParameters, Programme, RecordOutcome, Refused } from '../../engine/index.ts';
import { checkProgramme, italy2020, makeTaxCode } from '../../engine/index.ts';
import { checkCharacter } from '../../engine/programme/check-character.ts';
import { type Citizen, hpan, instant, World } from '../support/world.ts';

export const CHRISTMAS = 1;
export const H1 = 2;

/** When inputs are dated unless they say so, and when they arrive. */
const SCENES = {
  [CHRISTMAS]: { firstInput: '2020-12-10T08:00:00+01:00', arrival: '2020-12-12T12:00:00+01:00' },
  [H1]: { firstInput: '2021-02-10T08:00:00+01:00', arrival: '2021-02-12T12:00:00+01:00' },
} as const;
const MINUTE_MS = 60_000;

export interface Input {
  readonly isReversal: boolean;
  readonly cents: number;
  /** A payment's own name, or that of the payment a reversal takes back; it becomes the correlation id. */
  readonly name?: string;
  readonly at?: string;
  readonly id?: string;
  readonly merchant?: string;
  readonly terminal?: string;
}
type Options = Omit<Partial<Input>, 'isReversal' | 'cents'>;

/** p(x) of the table, amounts in euros: `p('400.00', { name: 'a' })`. */
export function p(euros: string, options: Options = {}): Input {
  return { isReversal: false, cents: centsOf(euros), ...options };
}
/** r(x→k) of the table; without a name it has no correlation id. */
export function r(euros: string, name?: string, options: Options = {}): Input {
  return { isReversal: true, cents: centsOf(euros), ...(name === undefined ? {} : { name }), ...options };
}
export function times(count: number, input: Input): readonly Input[] {
  return Array.from({ length: count }, () => input);
}

export interface Figures {
  readonly raw: string;
  readonly shown: string;
  readonly payable: string;
  readonly count: number;
}

export class Vector {
  readonly world: World;
  readonly citizen: Citizen;
  readonly card = hpan(1);
  readonly #awardPeriodId: typeof CHRISTMAS | typeof H1;
  #inputs = 0;

  constructor(world: World, citizen: Citizen, awardPeriodId: typeof CHRISTMAS | typeof H1) {
    this.world = world;
    this.citizen = citizen;
    this.#awardPeriodId = awardPeriodId;
  }

  /** @returns what became of each: its score in euros, or `pending`, `parked`, or the code of its refusal */
  async play(...inputs: readonly Input[]): Promise<readonly string[]> {
    const outcomes: string[] = [];
    for (const input of inputs) outcomes.push(outcomeText(await this.#send(input)));
    return outcomes;
  }

  async figures(): Promise<Figures> {
    const total = await this.citizen.total(this.#awardPeriodId);
    await this.#expectListToAgree(total);
    const { rawCents, shownCents, payableCents, transactionNumber } = total;
    return {
      raw: eurosOf(rawCents),
      shown: eurosOf(shownCents),
      payable: eurosOf(payableCents),
      count: transactionNumber,
    };
  }

  /** Places in the list of transactions, oldest first and from 1; null = not reached. */
  async milestones(): Promise<{ pivot: number | null; norm: string | null; minimum: number | null }> {
    const { idTrxPivot, cashbackNormCents, idTrxMinTransactionNumber } = await this.citizen.milestones(
      this.#awardPeriodId,
    );
    const listed = (await this.citizen.payments(this.#awardPeriodId)).toReversed().map(({ idTrx }) => idTrx);
    const place = (idTrx: string | null) => (idTrx === null ? null : listed.indexOf(idTrx) + 1);
    return {
      pivot: place(idTrxPivot),
      norm: cashbackNormCents === null ? null : eurosOf(cashbackNormCents),
      minimum: place(idTrxMinTransactionNumber),
    };
  }

  /** Amounts and scores as the citizen sees them, oldest first. */
  async listed(): Promise<readonly string[]> {
    const payments = await this.citizen.payments(this.#awardPeriodId);
    return payments
      .toReversed()
      .map(({ amountCents, cashbackCents }) => `${eurosOf(amountCents)} ${eurosOf(cashbackCents)}`);
  }

  #send(input: Input): Promise<RecordOutcome | Refused> {
    const { isReversal, cents, name, at, id, merchant, terminal } = input;
    this.#inputs += 1;
    const dated = instant(SCENES[this.#awardPeriodId].firstInput) + this.#inputs * MINUTE_MS;
    return this.world.pay({
      hpan: this.card,
      at: at ?? new Date(dated).toISOString(),
      cents,
      reversal: isReversal,
      ...(name === undefined ? {} : { correlation: `COR-${name}` }),
      ...(id === undefined ? {} : { id }),
      ...(merchant === undefined ? {} : { merchant }),
      ...(terminal === undefined ? {} : { terminal }),
    });
  }

  /** R26: the visible transactions add up to the shown total. */
  async #expectListToAgree(total: { readonly rawCents: number }): Promise<void> {
    const payments = await this.citizen.payments(this.#awardPeriodId);
    const sumCents = payments.reduce((sum, { cashbackCents }) => sum + cashbackCents, 0);
    expect(sumCents).toBe(total.rawCents);
    expect(this.world.faults).toEqual([]);
  }
}

/** The context line of domain 10; the clock stands at the inputs' arrival unless `arrival` says otherwise. */
export async function openVector(
  awardPeriodId: typeof CHRISTMAS | typeof H1 = H1,
  options: { readonly arrival?: string; readonly programme?: Programme } = {},
): Promise<Vector> {
  const world = await World.open({ now: '2020-12-07T10:00:00+01:00', programme: options.programme ?? italy2020() });
  const citizen = world.citizen(makeTaxCode(1));
  const vector = new Vector(world, citizen, awardPeriodId);
  await citizen.enrol();
  world.at('2020-12-07T10:05:00+01:00');
  await citizen.enable(vector.card);
  world.at(options.arrival ?? SCENES[awardPeriodId].arrival);
  return vector;
}

export function eurosOf(cents: number): string {
  const [whole, rest] = [Math.trunc(Math.abs(cents) / 100), Math.abs(cents) % 100];
  return `${cents < 0 ? '-' : ''}${whole}.${String(rest).padStart(2, '0')}`;
}

export function centsOf(euros: string): number {
  expect(euros).toMatch(/^\d+\.\d\d$/);
  return Number(euros.replace('.', ''));
}

export function outcomeText(outcome: RecordOutcome | Refused): string {
  if (!('status' in outcome)) return outcome.code;
  if ('scoreCents' in outcome) return eurosOf(outcome.scoreCents);
  if (outcome.status === 'pending') return 'pending';
  return `${outcome.status} ${outcome.code}`;
}

/** A valid tax code that begins as a vector says: `BBBBBB`. */
export function taxCodeOf(sixLetters: string): string {
  const body = `${sixLetters}80A01H501`;
  return body + checkCharacter(body);
}

/** The programme with another first semester, as an operator's file would say it. */
export function semesterWith(changes: Partial<PeriodParameters>): Programme {
  const programme = italy2020();
  const periods = programme.periods.map((period) => (period.awardPeriodId === H1 ? { ...period, ...changes } : period));
  const checked = checkProgramme({ ...programme, periods });
  if (!checked.ok) throw new Error(checked.problem);
  return checked.programme;
}
