/**
 * The ranking of one period by a plain sort: count descending, then last payment, terms and tax code ascending
 * (domain 5.1). Tax codes are sealed; only those of real ties are opened.
 */
import type { CitizenKey } from '../../engine/contract.ts';
import type { Standing } from '../../engine/facts.ts';
import { StorageFault } from '../../engine/ports.ts';
import { compareText } from './citizens.ts';
import { type Findings, short } from './findings.ts';
import { type Participant, Participants } from './participants.ts';

/** A ranking as something else holds it: a snapshot file, a live index. Best first. */
export interface HeldRanking {
  readonly awardPeriodId: number;
  /**
   * The sequence of each partition at which taking it was begun, while ranks moved; null = it is of all that is
   * journaled.
   */
  readonly vector: readonly number[] | null;
  /** Of a standing, what the holder knows of it. Read once, late; its first may throw StorageFault. */
  readonly participants: Iterable<{ readonly citizen: CitizenKey; readonly standing: Partial<Standing> }>;
}

/** Null = takes no part. */
export interface Move {
  readonly citizen: CitizenKey;
  readonly before: Standing | null;
  readonly after: Standing | null;
}

/** Null: erased, or never sealed. Undefined: there is no such citizen. */
export type TaxCodes = ReadonlyMap<CitizenKey, string | null>;

/** Everybody who takes part, by award period. */
export class Standings {
  readonly #periods = new Map<number, Participants>();

  add(citizen: CitizenKey, standing: Standing & { readonly awardPeriodId: number }): void {
    const known = this.#periods.get(standing.awardPeriodId);
    const participants = known ?? new Participants();
    if (known === undefined) this.#periods.set(standing.awardPeriodId, participants);
    participants.add(citizen, standing);
  }

  order(awardPeriodId: number): Order {
    return new Order(this.#periods.get(awardPeriodId) ?? new Participants());
  }
}

/** The order of one ranking: first by all but tax codes, then, where these decide, by them. */
export class Order {
  readonly #participants: Participants;
  readonly #indexes: Uint32Array;
  /** Runs of equal standing: [first, end). */
  readonly #ties: (readonly [number, number])[] = [];

  constructor(participants: Participants) {
    this.#participants = participants;
    this.#indexes = participants.sorted();
    for (let first = 0, at = 1; at <= this.size; at += 1) {
      if (at < this.size && participants.compare(this.#indexes[first]!, this.#indexes[at]!) === 0) continue;
      if (at - first > 1) this.#ties.push([first, at]);
      first = at;
    }
  }

  get size(): number {
    return this.#indexes.length;
  }

  *[Symbol.iterator](): Generator<Participant, void> {
    for (const index of this.#indexes) yield this.#participants.get(index);
  }

  *tied(): Iterable<CitizenKey> {
    for (const [first, end] of this.#ties) {
      for (let at = first; at < end; at += 1) yield this.#participants.citizen(this.#indexes[at]!);
    }
  }

  breakTies(compare: (left: CitizenKey, right: CitizenKey) => number): void {
    const citizen = (index: number) => this.#participants.citizen(index);
    for (const [first, end] of this.#ties) {
      this.#indexes.subarray(first, end).sort((left, right) => compare(citizen(left), citizen(right)));
    }
  }
}

const DIGEST_PIECE = 1_000;

/** The digest that a frozen ranking is journaled with: of (digest so far, next thousand participants). */
export function digestOfRanking(order: Order, digestOf: (text: string) => string): string {
  let digest = digestOf('ranking');
  let lines: string[] = [];
  for (const { citizen, count, lastTrxMs, termsMs } of order) {
    lines.push(`${citizen} ${count} ${lastTrxMs} ${termsMs}`);
    if (lines.length < DIGEST_PIECE) continue;
    digest = digestOf([digest, ...lines].join('\n'));
    lines = [];
  }
  return digestOf([digest, ...lines].join('\n'));
}

export class RankingCheck {
  readonly #ties: readonly (readonly [CitizenKey, CitizenKey])[];
  readonly #findings: Findings;
  /** `first/second` of journaled ties: they decide where a tax code can no longer be read. */
  readonly #ordered: ReadonlySet<string>;

  constructor(ties: readonly (readonly [CitizenKey, CitizenKey])[], findings: Findings) {
    this.#ties = ties;
    this.#ordered = new Set(Array.from(ties, ([first, second]) => `${first}/${second}`));
    this.#findings = findings;
  }

  /** A journaled order of two citizens must be the order of their tax codes, while these can be read. */
  checkTies(taxCodes: TaxCodes): void {
    for (const [first, second] of this.#ties) {
      const [left, right] = [taxCodes.get(first), taxCodes.get(second)];
      if (left === undefined || right === undefined) this.#findings.differ('a tie names an unknown citizen');
      else if (left !== null && right !== null && left > right) {
        this.#findings.differ(`tie of ${short(first)} before ${short(second)}: their tax codes say otherwise`);
      }
    }
  }

  breakTies(order: Order, taxCodes: TaxCodes): void {
    order.breakTies((left, right) => {
      if (this.#ordered.has(`${left}/${right}`)) return -1;
      if (this.#ordered.has(`${right}/${left}`)) return 1;
      const [leftCode, rightCode] = [taxCodes.get(left) ?? null, taxCodes.get(right) ?? null];
      return leftCode === null || rightCode === null ? 0 : compareText(leftCode, rightCode);
    });
  }

  /**
   * @param moves since taking it was begun: whoever moved may stand there at none, one or several of the places held
   *   since, and must stand right when the moves are made again; all others must stand right as they are
   */
  compare(held: HeldRanking, order: Order, moves: readonly Move[]): void {
    const subject = `ranking of period ${held.awardPeriodId}`;
    const moved = new Map<CitizenKey, Partial<Standing>[]>(moves.map(({ citizen }) => [citizen, []]));
    try {
      this.#compareStill(held, order, moved);
    } catch (fault) {
      if (!(fault instanceof StorageFault)) throw fault;
      this.#findings.differ(`saved ${subject}: ${fault.code}, ${fault.message}`);
      return;
    }
    this.#findings.count('rankings');
    if (moved.size === 0) return;
    for (const move of moves) makeAgain(moved.get(move.citizen)!, move);
    for (const { citizen, ...standing } of order) {
      const places = moved.get(citizen);
      if (places === undefined) continue;
      moved.delete(citizen);
      this.#findings.expect(`${subject}: ${short(citizen)}`, [standing], places);
    }
    for (const [citizen, places] of moved) this.#findings.expect(`${subject}: ${short(citizen)}`, [], places);
  }

  /** Those who have not moved; of the others their places are only noted. */
  #compareStill(held: HeldRanking, order: Order, moved: ReadonlyMap<CitizenKey, Partial<Standing>[]>): void {
    const subject = `ranking of period ${held.awardPeriodId}`;
    const still = notAmong(order, moved);
    let [foundCount, expectedCount] = [0, 0];
    for (const found of held.participants) {
      const places = moved.get(found.citizen);
      if (places !== undefined) {
        places.push(found.standing);
        continue;
      }
      foundCount += 1;
      const expected = still.next();
      if (expected.done === true) continue;
      expectedCount += 1;
      this.#compareRank(`${subject}: rank ${foundCount}`, expected.value, found);
    }
    while (still.next().done !== true) expectedCount += 1;
    this.#findings.expect(`${subject}: participants`, expectedCount, foundCount);
  }

  #compareRank(
    subject: string,
    { citizen, ...standing }: Participant,
    found: { readonly citizen: CitizenKey; readonly standing: Partial<Standing> },
  ): void {
    if (citizen !== found.citizen) {
      this.#findings.differ(`${subject}: expected citizen ${short(citizen)}, found ${short(found.citizen)}`);
      return;
    }
    this.#findings.expect(`${subject}: citizen ${short(citizen)}`, standing, { ...standing, ...found.standing });
  }
}

function* notAmong(order: Order, moved: ReadonlyMap<CitizenKey, unknown>): Generator<Participant, void> {
  for (const participant of order) if (!moved.has(participant.citizen)) yield participant;
}

function makeAgain(places: Partial<Standing>[], { before, after }: Move): void {
  const at = places.findIndex((place) => isSame(place, before));
  if (at >= 0) places.splice(at, 1);
  if (after !== null && !places.some((place) => isSame(place, after))) places.push(after);
}

function isSame(left: Partial<Standing>, right: Standing | null): boolean {
  return left.count === right?.count && left.lastTrxMs === right?.lastTrxMs && left.termsMs === right?.termsMs;
}
