/** The journal port over a medium: seals, chains and verifies records. */
import { invariant } from '../engine/assert.ts';
import type { TurnRecord } from '../engine/facts.ts';
import { type Journal, type Rest, StorageFault } from '../engine/ports.ts';
import { ByteWriter } from './codec/bytes.ts';
import type { FailStop } from './fail-stop.ts';
import type { OnPoint, RecordMedium } from './media.ts';
import { checkChain, checkRecord, hashOf, openRecord, sealRecord } from './record.ts';

export interface JournalParts {
  readonly medium: RecordMedium;
  /** Stands before the first record: binds the chain to this folder and store. */
  readonly genesis: Buffer;
  /** Of the folder: what is written has it. */
  readonly format: number;
  readonly failStop: FailStop;
  readonly onPoint: OnPoint;
}

/** Where a journal stands: which record is its last, and its hash. */
export interface JournalEnd {
  readonly sequence: number;
  /** Hexadecimal; of the genesis where there is no record. */
  readonly hash: string;
}

/** Opens a new epoch, durably, before anything can be appended. */
export async function openJournal(parts: JournalParts): Promise<MediumJournal> {
  const epoch = parts.medium.epoch() + 1;
  const { last, hash } = newestOf(parts);
  await parts.failStop.guard('opening an epoch', () => parts.medium.setEpoch(epoch));
  return new MediumJournal(parts, { epoch, last, hash });
}

/**
 * Of a generation that is past: only to be read.
 * @throws StorageFault JOURNAL_DAMAGED when it does not end as it was left
 */
export function openPastJournal(parts: JournalParts, end: JournalEnd): MediumJournal {
  const newest = newestOf(parts);
  if (newest.last !== end.sequence || newest.hash.toString('hex') !== end.hash) {
    throw new StorageFault('JOURNAL_DAMAGED', 'the journal of a past store does not end as it was left: restore it');
  }
  return new MediumJournal(parts, { epoch: parts.medium.epoch(), ...newest });
}

function newestOf({ medium, genesis }: JournalParts): { readonly last: number; readonly hash: Buffer } {
  const { last } = medium.range();
  return { last, hash: last === 0 ? genesis : hashOf(verifiedRecord(medium, last)) };
}

export class MediumJournal implements Journal {
  readonly epoch: number;
  readonly #parts: JournalParts;
  readonly #writer = new ByteWriter();
  #lastSequence: number;
  /** Of the newest record handed to the medium, flushed or not. */
  #appendedSequence: number;
  #appendedHash: Buffer;
  #lastAppend: Promise<void> = Promise.resolve();

  constructor(parts: JournalParts, newest: { epoch: number; last: number; hash: Buffer }) {
    this.#parts = parts;
    this.epoch = newest.epoch;
    this.#lastSequence = newest.last;
    this.#appendedSequence = newest.last;
    this.#appendedHash = newest.hash;
  }

  /** Of the newest flushed record: an append counts once it resolves. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Nothing may be under way. */
  get end(): JournalEnd {
    return { sequence: this.#lastSequence, hash: this.#appendedHash.toString('hex') };
  }

  async append(turn: TurnRecord): Promise<void> {
    this.#parts.failStop.check();
    invariant(turn.epoch === this.epoch, `epoch ${turn.epoch} appends to a journal of epoch ${this.epoch}`);
    invariant(turn.sequence === this.#appendedSequence + 1, `${turn.sequence} follows ${this.#appendedSequence}`);

    const record = sealRecord(this.#writer, turn, this.#appendedHash, this.#parts.format);
    this.#appendedSequence = record.sequence;
    this.#appendedHash = record.hash;
    // Each append waits for the one before it too: a turn is never told of its flush before an earlier turn.
    this.#lastAppend = Promise.all([this.#lastAppend, this.#put(record.sequence, record.bytes)]).then(() => {
      this.#lastSequence = record.sequence;
    });
    return this.#lastAppend;
  }

  *read(sequence: number): Iterable<TurnRecord> {
    const { medium, genesis } = this.#parts;
    const { first, last } = medium.range();
    let expected = Math.max(sequence, 1);
    if (expected > last) return;
    if (expected < first) throw new StorageFault('JOURNAL_DAMAGED', `records ${expected} to ${first - 1} are missing`);

    // The record before the first one asked for says what that one must follow.
    let previousHash = expected === 1 ? genesis : null;
    if (previousHash === null) expected -= 1;
    for (const bytes of medium.read(expected)) {
      checkRecord(bytes, expected);
      if (previousHash !== null) {
        checkChain(bytes, expected, previousHash);
        yield openRecord(bytes);
      }
      previousHash = hashOf(bytes);
      expected += 1;
    }
    if (expected <= last) throw new StorageFault('JOURNAL_DAMAGED', `records ${expected} to ${last} are missing`);
  }

  async trim(sequence: number, rest?: Rest): Promise<void> {
    invariant(sequence <= this.#lastSequence, `trim to ${sequence}, but the last record is ${this.#lastSequence}`);
    return this.#parts.failStop.guard('archiving', () => this.#parts.medium.trim(sequence, rest));
  }

  #put(sequence: number, bytes: Buffer): Promise<void> {
    const { medium, failStop, onPoint } = this.#parts;
    return failStop.guard('the journal', async () => {
      const flushed = medium.put(sequence, bytes);
      onPoint('append');
      await flushed;
      onPoint('append-flushed');
    });
  }
}

function verifiedRecord(medium: RecordMedium, sequence: number): Buffer {
  const bytes = medium.get(sequence);
  checkRecord(bytes, sequence);
  return bytes;
}
