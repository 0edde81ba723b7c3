/** Messages between partitions: sent without gaps, taken in at most once, kept until they are. */
import { type Hpan, PARTITION_COUNT } from '../../engine/contract.ts';
import type { Message, MessageBody, Section } from '../../engine/facts.ts';
import { partitionOf } from '../../engine/partition.ts';
import type { CheckpointMark, OutboxRow, StoredRow } from '../../engine/ports.ts';
import type { Findings } from './findings.ts';

interface Pair {
  readonly from: number;
  readonly to: number;
  sentLast: number;
  /** Highest sequence that its own record took in. */
  withinLast: number;
  /** Highest sequence that the receiver has taken in. */
  takenLast: number;
  /** Sent and, as far as read, not taken in; with the sender's sequence. */
  open: { readonly message: Message; readonly sentAt: number }[];
  outbox: StoredRow<OutboxRow> | null;
}

export class Post {
  readonly #findings: Findings;
  readonly #pairs = new Map<number, Pair>();
  /** By partition: the sequence up to which a checkpoint says that rows hold everything. */
  readonly #covered = new Array<number>(PARTITION_COUNT).fill(0);

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Announces a row before the journals are read, so that it can be held to the moment that it describes. */
  expectOutbox(from: number, to: number, row: StoredRow<OutboxRow>): void {
    this.#pair(from, to).outbox = row;
  }

  expectCheckpoint({ partitions }: CheckpointMark): void {
    for (const [partition, sequence] of partitions.entries()) {
      this.#covered[partition] = Math.max(this.#covered[partition] ?? 0, sequence);
    }
  }

  apply(section: Section): void {
    for (const message of section.sent) this.#send(section, message);
    for (const [to, sequence] of section.within) this.#sendWithin(section, to, sequence);
    for (const [from, sequence] of section.received) this.#receive(section, from, sequence);
  }

  /** After all journals: nothing taken in that was never sent, every outbox row holds what is still open. */
  finish(): void {
    for (const pair of this.#pairs.values()) {
      const subject = `messages of partition ${pair.from} to ${pair.to}`;
      if (pair.takenLast > pair.sentLast) {
        this.#findings.differ(`${subject}: ${pair.takenLast} taken in, only ${pair.sentLast} sent`);
      }
      if (pair.takenLast < pair.withinLast) {
        this.#findings.differ(
          `${subject}: ${pair.withinLast} sent and taken in at once, only ${pair.takenLast} taken in`,
        );
      }
      this.#checkOutbox(pair, subject);
    }
  }

  /** Cards about which a message is still under way. */
  *busyCards(): Iterable<Hpan> {
    for (const { open } of this.#pairs.values()) {
      for (const { message } of open) {
        const { body } = message;
        if ('record' in body) yield body.record.hpan;
        else if (body.kind !== 'periodClosed') yield body.hpan;
      }
    }
  }

  #send(section: Section, message: Message): void {
    this.#findings.count('messages');
    const pair = this.#pair(message.from, message.to);
    const subject = `message ${message.sequence} of partition ${message.from} to ${message.to}`;
    if (message.from !== section.partition) {
      this.#findings.differ(`${subject}: journaled by partition ${section.partition}`);
    }
    if (message.sequence !== pair.sentLast + 1) {
      this.#findings.differ(`${subject}: expected number ${pair.sentLast + 1}`);
    }
    const receiver = receiverOf(message.body);
    if (receiver !== null && receiver !== message.to) this.#findings.differ(`${subject}: is for ${receiver}`);

    pair.sentLast = message.sequence;
    if (message.sequence > pair.takenLast) pair.open.push({ message, sentAt: section.sequence });
  }

  /** What was in them is told by facts alone; here only their numbers go on. */
  #sendWithin(section: Section, to: number, sequence: number): void {
    const pair = this.#pair(section.partition, to);
    const sentCount = sequence - pair.sentLast;
    if (sentCount < 1) {
      this.#findings.differ(`partition ${section.partition} at ${section.sequence}: sends ${sequence} to ${to} again`);
    }
    this.#findings.count('messages', Math.max(0, sentCount));
    pair.sentLast = sequence;
    pair.withinLast = sequence;
  }

  #receive(section: Section, from: number, sequence: number): void {
    const pair = this.#pair(from, section.partition);
    if (sequence <= pair.takenLast) {
      this.#findings.differ(
        `partition ${section.partition} at ${section.sequence}: takes in message ${sequence} of ${from} again, it had ${pair.takenLast}`,
      );
      return;
    }
    pair.takenLast = sequence;
    const firstOpen = pair.open.findIndex(({ message }) => message.sequence > sequence);
    pair.open = firstOpen === -1 ? [] : pair.open.slice(firstOpen);
  }

  #checkOutbox(pair: Pair, subject: string): void {
    const held = new Map(pair.outbox?.value.messages.map((message) => [message.sequence, message]));
    const describedAt = Math.max(pair.outbox?.sequence ?? 0, this.#covered[pair.from] ?? 0);
    for (const { message, sentAt } of pair.open) {
      if (sentAt > describedAt) break;
      this.#findings.expect(`outbox, ${subject}: message ${message.sequence}`, message, held.get(message.sequence));
    }
  }

  #pair(from: number, to: number): Pair {
    const key = from * PARTITION_COUNT + to;
    const known = this.#pairs.get(key);
    if (known !== undefined) return known;
    const pair: Pair = { from, to, sentLast: 0, withinLast: 0, takenLast: 0, open: [], outbox: null };
    this.#pairs.set(key, pair);
    return pair;
  }
}

/** Null: goes to everybody. */
function receiverOf(body: MessageBody): number | null {
  switch (body.kind) {
    case 'claim':
    case 'claimConfirmed':
    case 'claimWithdrawn':
    case 'release':
    case 'countJudged':
    case 'reverseJudged':
    case 'exclude':
      return partitionOf(body.hpan);
    case 'claimJudged':
    case 'releaseJudged':
    case 'count':
    case 'countLate':
    case 'reverse':
      return partitionOf(body.citizen);
    case 'periodClosed':
      return null;
  }
}
