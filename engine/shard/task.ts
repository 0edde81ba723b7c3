/** What waits in a shard's mailbox. */
import type { CommandReply, RecordCommand, RecordOutcome, Refused, WalletCommand } from '../contract.ts';
import type { Message, MessageBody, PartitionFact } from '../facts.ts';
import type { PartitionRow } from '../ports.ts';
import type { NoticeDecider } from './notice-decider.ts';
import type { PayoutDecider } from './payout-decider.ts';
import type { Turn } from './turn.ts';

export type RecordReply = RecordOutcome | Refused;

/** `name`: what it is known by, should deciding it end the process. */
export type Task = { readonly name: string } & (
  | {
      readonly kind: 'command';
      readonly command: WalletCommand;
      readonly key: string;
      readonly done: (reply: CommandReply) => void;
    }
  | {
      readonly kind: 'record';
      readonly command: RecordCommand;
      readonly key: string;
      readonly done: (reply: RecordReply) => void;
    }
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'system'; readonly partition: number; readonly decide: SystemDecide }
  | { readonly kind: 'payouts'; readonly partition: number; readonly decide: PayoutDecide }
  | { readonly kind: 'notices'; readonly partition: number; readonly decide: NoticeDecide }
  | { readonly kind: 'expiry'; readonly partition: number; readonly done: (nextDueMs: number) => void }
);

/** What a partition decides for itself: time, ties, the programme. */
export interface SystemDecision {
  readonly facts: readonly PartitionFact[];
  /** Told to every partition. */
  readonly toAll?: MessageBody;
}
export type SystemDecide = (row: PartitionRow) => SystemDecision;

/** What is owed, and what becomes of it. @returns what is told after the flush */
export type PayoutDecide = (turn: Turn, decider: PayoutDecider) => () => void;

/** Who is told what. @returns what is told after the flush */
export type NoticeDecide = (turn: Turn, decider: NoticeDecider) => () => void;

/** The wallet or card whose tasks wait for each other; null = none. */
export function entityOf(task: Task): string | null {
  if (task.kind === 'command') return task.command.citizen;
  return task.kind === 'record' ? task.command.record.hpan : null;
}
