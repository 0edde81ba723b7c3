/**
 * The ranking of one period by a plain sort: count descending, then last payment, terms and tax code ascending
 * (domain 5.1). Tax codes are sealed; only those of real ties are opened.
 */
import type { CitizenKey } from '../../engine/contract.ts';
import type { Standing } from '../../engine/facts.ts';
import { StorageFault, type Vault } from '../../engine/ports.ts';
import { type Citizen, compareText } from './citizens.ts';
import { type Findings, short } from './findings.ts';

export interface Participant extends Standing {
  readonly citizen: Citizen;
}

/** A ranking as something else holds it: a snapshot file, a live index. Best first. */
export interface HeldRanking {
  readonly awardPeriodId: number;
  /**
   * The sequence of each partition at which taking it was begun, while ranks moved; null = it is of all that is
   * journaled.
   */
  readonly vector: readonly number[] | null;
  /** Of a standing, what the holder knows of it. */
  readonly participants: Iterable<{ readonly citizen: CitizenKey; readonly standing: Partial<Standing> }>;
}

/** Null = takes no part. */
export interface Move {
  readonly citizen: CitizenKey;
  readonly before: Standing | null;
  readonly after: Standing | null;
}

const DIGEST_PIECE = 1_000;

export class Standings {
  readonly #vaultOf: (partition: number) => Vault | undefined;
  readonly #findings: Findings;
  /** `first/second` of journaled ties: they decide where a tax code can no longer be read. */
  readonly #ordered: ReadonlySet<string>;
  readonly #taxCodes = new Map<CitizenKey, string | null>();

  constructor(
    ties: Iterable<readonly [CitizenKey, CitizenKey]>,
    vaultOf: (partition: number) => Vault | undefined,
    findings: Findings,
  ) {
    this.#ordered = new Set(Array.from(ties, ([first, second]) => `${first}/${second}`));
    this.#vaultOf = vaultOf;
    this.#findings = findings;
  }

  sort(participants: readonly Participant[]): readonly Participant[] {
    return participants.toSorted(
      (left, right) =>
        right.count - left.count ||
        left.lastTrxMs - right.lastTrxMs ||
        left.termsMs - right.termsMs ||
        this.#compareTaxCodes(left.citizen, right.citizen),
    );
  }

  /**
   * @param moves since taking it was begun: whoever moved may stand there at none, one or several of the places held
   *   since, and must stand right when the moves are made again; all others must stand right as they are
   */
  compare(held: HeldRanking, participants: readonly Participant[], moves: readonly Move[]): void {
    this.#findings.count('rankings');
    const subject = `ranking of period ${held.awardPeriodId}`;
    const moved = new Map<CitizenKey, Partial<Standing>[]>(moves.map(({ citizen }) => [citizen, []]));
    const sorted = this.sort(participants);
    const still = moved.size === 0 ? sorted : sorted.filter(({ citizen }) => !moved.has(citizen.key));
    let count = 0;
    for (const found of held.participants) {
      const places = moved.get(found.citizen);
      if (places !== undefined) {
        places.push(found.standing);
        continue;
      }
      const expected = still[count];
      count += 1;
      if (expected === undefined) continue;
      this.#compareRank(`${subject}: rank ${count}`, expected, found.citizen, found.standing);
    }
    this.#findings.expect(`${subject}: participants`, still.length, count);

    for (const move of moves) makeAgain(moved.get(move.citizen)!, move);
    for (const { citizen, count: payments, lastTrxMs, termsMs } of sorted) {
      const places = moved.get(citizen.key);
      if (places === undefined) continue;
      moved.delete(citizen.key);
      this.#findings.expect(`${subject}: ${short(citizen.key)}`, [{ count: payments, lastTrxMs, termsMs }], places);
    }
    for (const [citizen, places] of moved) this.#findings.expect(`${subject}: ${short(citizen)}`, [], places);
  }

  /** The digest that a frozen ranking is journaled with: of (digest so far, next thousand participants). */
  digest(participants: readonly Participant[], digestOf: (text: string) => string): string {
    const lines = this.sort(participants).map(
      ({ citizen, count, lastTrxMs, termsMs }) => `${citizen.key} ${count} ${lastTrxMs} ${termsMs}`,
    );
    let digest = digestOf('ranking');
    let at = 0;
    for (; at + DIGEST_PIECE <= lines.length; at += DIGEST_PIECE) {
      digest = digestOf([digest, ...lines.slice(at, at + DIGEST_PIECE)].join('\n'));
    }
    return digestOf([digest, ...lines.slice(at)].join('\n'));
  }

  #compareRank(subject: string, expected: Participant, found: CitizenKey, standing: Partial<Standing>): void {
    const { citizen, count, lastTrxMs, termsMs } = expected;
    if (citizen.key !== found) {
      this.#findings.differ(`${subject}: expected citizen ${short(citizen.key)}, found ${short(found)}`);
      return;
    }
    const whole: Standing = { count, lastTrxMs, termsMs, ...standing };
    this.#findings.expect(`${subject}: citizen ${short(found)}`, { count, lastTrxMs, termsMs }, whole);
  }

  /** A journaled order of two citizens must be the order of their tax codes, while these can be read. */
  checkTie(first: Citizen | undefined, second: Citizen | undefined): void {
    if (first === undefined || second === undefined) {
      this.#findings.differ('a tie names an unknown citizen');
      return;
    }
    const [left, right] = [this.#taxCodeOf(first), this.#taxCodeOf(second)];
    if (left === null || right === null || left <= right) return;
    this.#findings.differ(`tie of ${short(first.key)} before ${short(second.key)}: their tax codes say otherwise`);
  }

  #compareTaxCodes(left: Citizen, right: Citizen): number {
    if (left === right) return 0;
    if (this.#ordered.has(`${left.key}/${right.key}`)) return -1;
    if (this.#ordered.has(`${right.key}/${left.key}`)) return 1;
    const [leftCode, rightCode] = [this.#taxCodeOf(left), this.#taxCodeOf(right)];
    return leftCode === null || rightCode === null ? 0 : compareText(leftCode, rightCode);
  }

  /** Null: erased, or never sealed. */
  #taxCodeOf(citizen: Citizen): string | null {
    const known = this.#taxCodes.get(citizen.key);
    if (known !== undefined) return known;
    const taxCode = this.#open(citizen);
    this.#taxCodes.set(citizen.key, taxCode);
    return taxCode;
  }

  #open({ partition, slot, sealedTaxCode }: Citizen): string | null {
    const vault = this.#vaultOf(partition);
    if (vault === undefined || sealedTaxCode === null) return null;
    try {
      return vault.open(slot, sealedTaxCode);
    } catch (fault) {
      if (fault instanceof StorageFault) return null;
      throw fault;
    }
  }
}

function makeAgain(places: Partial<Standing>[], { before, after }: Move): void {
  const at = places.findIndex((place) => isSame(place, before));
  if (at >= 0) places.splice(at, 1);
  if (after !== null && !places.some((place) => isSame(place, after))) places.push(after);
}

function isSame(left: Partial<Standing>, right: Standing | null): boolean {
  return left.count === right?.count && left.lastTrxMs === right?.lastTrxMs && left.termsMs === right?.termsMs;
}
