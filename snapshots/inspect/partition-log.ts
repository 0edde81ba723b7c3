/**
 * What happened to the actors of one partition, fact by fact, as bytes beside the heap: each actor is folded from its
 * own facts when the journal has been read, one after the other, so that never more than one of them is an object.
 * Holding all of them as objects took 18 kB a citizen and a fifth of the time for the garbage collector.
 */
import type { CitizenKey, Hpan } from '../../engine/contract.ts';
import type { CardFact, ExclusionFact, Fact, NoticeFact, PayoutFact, WalletFact } from '../../engine/facts.ts';
import { indexIn } from '../../engine/place.ts';
import type { Line, PageTable, Store } from '../../engine/ports.ts';
import { ByteReader, ByteWriter } from '../codec/bytes.ts';
import { type Codec, integer, list, shape } from '../codec/shape.ts';
import { fact as factCodec } from '../codec/turn-v3.ts';
import type { Step } from './walk.ts';

export type ActorFact = WalletFact | PayoutFact | NoticeFact | ExclusionFact | CardFact;

/** Where a fact stands. */
export interface Place {
  readonly partition: number;
  readonly sequence: number;
  readonly nowMs: number;
  /** Award periods that the partition has frozen before, in the order in which it did. */
  readonly frozen: readonly number[];
}

/** What one section did to one actor. */
export interface Entry {
  readonly place: Place;
  readonly facts: readonly ActorFact[];
}

interface StoredEntry {
  /** Where the actor's entry before it begins; 0 = there is none. */
  readonly previous: number;
  readonly sequence: number;
  readonly nowMs: number;
  readonly frozenCount: number;
  readonly facts: readonly Fact[];
}

/** A line of a page as it stood, and since when. */
export interface LineThen<T extends PageTable> {
  readonly line: Line<T>;
  readonly sequence: number;
}

const entryCodec: Codec<StoredEntry> = shape<StoredEntry>({
  previous: integer,
  sequence: integer,
  nowMs: integer,
  frozenCount: integer,
  facts: list(factCodec),
});

/** Of a key and where its facts end, in a map. */
const ACTOR_BYTES = 160;
const LINE_BYTES = 32;

export class PartitionLog {
  readonly partition: number;
  /** Whose journal the partition is in; null while it is in none. */
  store: Store | null = null;
  /** Where the newest entry of each begins. */
  readonly wallets = new Map<CitizenKey, number>();
  readonly cards = new Map<Hpan, number>();
  readonly lines: { readonly [T in PageTable]: LineIndex } = {
    payment: new LineIndex(),
    record: new LineIndex(),
    payout: new LineIndex(),
  };
  /** Sentences about payments that were listed where another one stood. */
  readonly differences: string[] = [];
  /** Award periods, in the order in which they were frozen. */
  readonly #frozen: number[] = [];
  readonly #bytes = new Slabs();
  readonly #isWanted: (fact: ActorFact) => boolean;

  constructor(partition: number, isWanted: (fact: ActorFact) => boolean = () => true) {
    this.partition = partition;
    this.#isWanted = isWanted;
  }

  /** What it takes in memory, as far as that grows. */
  get byteCount(): number {
    const { payment, record, payout } = this.lines;
    const actors = this.wallets.size + this.cards.size;
    return this.#bytes.byteCount + actors * ACTOR_BYTES + (payment.size + record.size + payout.size) * LINE_BYTES;
  }

  add({ store, nowMs, section: { sequence, facts } }: Step): void {
    this.store = store;
    let changes = new Map<string, ActorFact[]>();
    for (const fact of facts) {
      if (fact.kind === 'periodFrozen') {
        // What follows in the same turn finds the period frozen.
        this.#append(changes, sequence, nowMs);
        changes = new Map();
        if (!this.#frozen.includes(fact.awardPeriodId)) this.#frozen.push(fact.awardPeriodId);
      }
      if (!isActorFact(fact) || !this.#isWanted(fact)) continue;
      const actor = isCardFact(fact) ? fact.hpan : fact.citizen;
      const known = changes.get(actor);
      if (known === undefined) changes.set(actor, [fact]);
      else known.push(fact);
    }
    this.#append(changes, sequence, nowMs);
  }

  /** All entries up to the one that begins at `at`, oldest first. */
  history(at: number): readonly Entry[] {
    const entries: Entry[] = [];
    for (let next = at; next !== 0; ) {
      const stored = this.#read(next);
      entries.push(this.#entryOf(stored));
      next = stored.previous;
    }
    return entries.reverse();
  }

  /** The line at a place, known to the entry that begins at `at`, as it was at a sequence; undefined: not there yet. */
  lineThen<T extends PageTable>(table: T, place: number, at: number, sequence: number): LineThen<T> | undefined {
    for (let next = at; next !== 0; ) {
      const stored = this.#read(next);
      if (stored.sequence <= sequence) {
        const set = stored.facts.map(lineOf).findLast((one) => one?.table === table && one.line.place === place);
        if (set != null) return { line: set.line as Line<T>, sequence: stored.sequence };
      }
      next = stored.previous;
    }
    return undefined;
  }

  #append(changes: ReadonlyMap<string, readonly ActorFact[]>, sequence: number, nowMs: number): void {
    for (const [actor, facts] of changes) {
      const newest: Map<string, number> = isCardFact(facts[0]!) ? this.cards : this.wallets;
      const previous = newest.get(actor) ?? 0;
      const at = this.#bytes.add((to) => {
        entryCodec.write(to, { previous, sequence, nowMs, frozenCount: this.#frozen.length, facts });
      });
      newest.set(actor, at);
      for (const fact of facts) this.#setLine(fact, at, sequence);
    }
  }

  #setLine(fact: ActorFact, at: number, sequence: number): void {
    const set = lineOf(fact);
    if (set === null) return;
    const { table, line } = set;
    const isKnown = this.lines[table].set(line.place, at, sequence);
    if (!isKnown || table === 'record' || fact.kind === 'payoutSet') return;
    const subject = `${table} of partition ${this.partition} at ${sequence}`;
    this.differences.push(`${subject}: takes a place twice, ${indexIn(line.place)}`);
  }

  #read(at: number): StoredEntry {
    return entryCodec.read(this.#bytes.at(at));
  }

  #entryOf({ sequence, nowMs, frozenCount, facts }: StoredEntry): Entry {
    const frozen = this.#frozen.slice(0, frozenCount);
    return { place: { partition: this.partition, sequence, nowMs, frozen }, facts: facts as readonly ActorFact[] };
  }
}

/** By place, what is known of each line: where the newest entry about it begins and of which sequence that is. */
export class LineIndex {
  readonly #places: number[] = [];
  readonly #at: number[] = [];
  readonly #sequences: number[] = [];
  /** Of the line as it stands in the end; 0 until that is known. */
  readonly #hashes: number[] = [];

  get size(): number {
    return this.#places.length;
  }

  place(index: number): number {
    return this.#places[index]!;
  }

  at(index: number): number {
    return this.#at[index]!;
  }

  sequence(index: number): number {
    return this.#sequences[index]!;
  }

  hash(index: number): number {
    return this.#hashes[index]!;
  }

  /** @returns whether it was not known */
  setHash(place: number, hash: number): boolean {
    const index = this.#firstFrom(place);
    const isFirst = this.#hashes[index] === 0;
    this.#hashes[index] = hash;
    return isFirst;
  }

  /** @returns whether the place was known */
  set(place: number, at: number, sequence: number): boolean {
    const { length } = this.#places;
    // Nearly always it is the newest.
    const index = length === 0 || this.#places[length - 1]! < place ? length : this.#firstFrom(place);
    const isKnown = this.#places[index] === place;
    if (!isKnown) {
      insert(this.#places, index, place);
      insert(this.#at, index, at);
      insert(this.#sequences, index, sequence);
      insert(this.#hashes, index, 0);
    }
    this.#at[index] = at;
    this.#sequences[index] = sequence;
    return isKnown;
  }

  /** Index of the first line at this place or after it. */
  #firstFrom(place: number): number {
    let [low, high] = [0, this.#places.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#places[middle]! < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function insert(numbers: number[], index: number, value: number): void {
  if (index === numbers.length) numbers.push(value);
  else numbers.splice(index, 0, value);
}

const SLAB_BYTES = 262_144;

/** Bytes that are added and never change, named by where they begin. Nothing begins at 0. */
class Slabs {
  readonly #slabs: Buffer[] = [];
  readonly #writer = new ByteWriter(1_024);
  #used = SLAB_BYTES;
  byteCount = 0;

  add(write: (to: ByteWriter) => void): number {
    this.#writer.reset();
    write(this.#writer);
    const bytes = this.#writer.view();
    if (this.#used + bytes.length > SLAB_BYTES) this.#grow(bytes.length);
    const start = this.#used;
    bytes.copy(this.#slabs[this.#slabs.length - 1]!, start);
    this.#used += bytes.length;
    return (this.#slabs.length - 1) * SLAB_BYTES + start;
  }

  at(position: number): ByteReader {
    return new ByteReader(this.#slabs[Math.floor(position / SLAB_BYTES)]!, position % SLAB_BYTES);
  }

  /** What is larger than a slab gets one of its own: only where it begins is ever named. */
  #grow(byteCount: number): void {
    const slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, byteCount + 1));
    this.#slabs.push(slab);
    this.byteCount += slab.length;
    this.#used = this.#slabs.length === 1 ? 1 : 0;
  }
}

export function isCardFact(fact: ActorFact): fact is CardFact {
  switch (fact.kind) {
    case 'cardActivated':
    case 'cardClaimed':
    case 'claimConfirmed':
    case 'claimWithdrawn':
    case 'cardDeactivated':
    case 'ownerLeft':
    case 'recordSet':
    case 'lateRecordTaken':
    case 'reversalResolved':
    case 'resolutionVoided':
    case 'parSet':
    case 'parCovered':
      return true;
    default:
      return false;
  }
}

function isActorFact(fact: Fact): fact is ActorFact {
  switch (fact.kind) {
    case 'periodClosed':
    case 'periodCloseHeard':
    case 'periodFrozen':
    case 'rankingFrozen':
    case 'tieOrdered':
    case 'programmeSet':
    case 'payoutsOrdered':
    case 'payoutRunSet':
    case 'payoutFileSet':
    case 'noticeRunSet':
    case 'fileTallySet':
    case 'receivedFileSet':
    case 'periodDecided':
    case 'periodReopened':
      return false;
    default:
      return true;
  }
}

export function isPayoutFact(fact: ActorFact): fact is PayoutFact {
  return fact.kind === 'payoutMade' || fact.kind === 'payoutAdded' || fact.kind === 'payoutSet';
}

export function isExclusionFact(fact: ActorFact): fact is ExclusionFact {
  return fact.kind === 'exclusionSet' || fact.kind === 'merchantDaySet';
}

export function isNoticeFact(fact: ActorFact): fact is NoticeFact {
  return fact.kind === 'noticeQueued' || fact.kind === 'noticeSet';
}

function lineOf(fact: Fact): { readonly table: PageTable; readonly line: Line<PageTable> } | null {
  if (fact.kind === 'recordSet') return { table: 'record', line: fact.entry };
  if ('payment' in fact) return { table: 'payment', line: fact.payment };
  return 'payout' in fact ? { table: 'payout', line: fact.payout } : null;
}
