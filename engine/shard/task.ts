/** What waits in a shard's mailbox. */
import type {
  AccountRecheck,
  CitizenKey,
  CommandReply,
  Hpan,
  RecordCommand,
  RecordOutcome,
  Refused,
  ReversalDecision,
  ReversalResolved,
  WalletCommand,
} from '../contract.ts';
import type { Read } from '../engine.ts';
import type { Message, MessageBody, PartitionFact } from '../facts.ts';
import type { PartitionRow } from '../ports.ts';
import type { ExclusionDecider } from './exclusion-decider.ts';
import type { FileDecider } from './file-decider.ts';
import type { NoticeDecider } from './notice-decider.ts';
import type { PayoutDecider } from './payout-decider.ts';
import type { Turn } from './turn.ts';

export type RecordReply = RecordOutcome | Refused;
export type ResolutionReply = Read<ReversalResolved>;

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
  | {
      readonly kind: 'resolution';
      readonly asked: ReversalDecision;
      /** Of the reversal, and of the payment where one is named. */
      readonly key: string;
      readonly paymentKey: string | null;
      readonly done: (reply: ResolutionReply) => void;
    }
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'system'; readonly partition: number; readonly decide: SystemDecide }
  | { readonly kind: 'payouts'; readonly partition: number; readonly decide: PayoutDecide }
  | { readonly kind: 'notices'; readonly partition: number; readonly decide: NoticeDecide }
  | { readonly kind: 'files'; readonly partition: number; readonly decide: FileDecide }
  | {
      readonly kind: 'par';
      readonly citizen: CitizenKey;
      readonly hpan: Hpan;
      readonly par: string;
      readonly done: (reply: Read<boolean>) => void;
    }
  | {
      readonly kind: 'rechecks';
      readonly partition: number;
      readonly rechecks: readonly AccountRecheck[];
      /** Hears how many of them were still due. */
      readonly done: (dueCount: number) => void;
    }
  | { readonly kind: 'exclusions'; readonly partition: number; readonly decide: ExclusionDecide }
  | { readonly kind: 'probe'; readonly done: () => void }
  | { readonly kind: 'expiry'; readonly partition: number; readonly done: (nextDueMs: number) => void }
);

/** What a partition decides for itself: time, ties, the programme. */
export interface SystemDecision {
  readonly facts: readonly PartitionFact[];
  /** Told to every partition. */
  readonly toAll?: MessageBody;
  /** Called after the flush. */
  readonly done?: () => void;
}
export type SystemDecide = (row: PartitionRow, turn: Turn) => SystemDecision;

/** What is owed, and what becomes of it. @returns what is told after the flush */
export type PayoutDecide = (turn: Turn, decider: PayoutDecider) => () => void;

/** Who is told what. @returns what is told after the flush */
export type NoticeDecide = (turn: Turn, decider: NoticeDecider) => () => void;

/** How files are accounted for. @returns what is told after the flush */
export type FileDecide = (turn: Turn, decider: FileDecider) => () => void;

/** What is taken out of counting. @returns what is told after the flush */
export type ExclusionDecide = (turn: Turn, decider: ExclusionDecider) => () => void;

/** The wallet or card whose tasks wait for each other; null = none. */
export function entityOf(task: Task): string | null {
  if (task.kind === 'command') return task.command.citizen;
  if (task.kind === 'resolution') return task.asked.hpan;
  return task.kind === 'record' ? task.command.record.hpan : null;
}

/** Whom a task that may be refused names: a wallet, a card. */
export function namedBy(task: Task): { readonly citizen?: CitizenKey; readonly hpan?: Hpan } {
  switch (task.kind) {
    case 'command': {
      const { citizen, body } = task.command;
      return 'hpan' in body ? { citizen, hpan: body.hpan } : { citizen };
    }
    case 'record':
      return { hpan: task.command.record.hpan };
    case 'resolution':
      return { hpan: task.asked.hpan };
    default:
      return {};
  }
}

/** Who asked is told no; what the engine has to do itself is done. */
export function refuseTask(task: Task, refused: Refused): (() => void) | null {
  if (task.kind === 'probe') return task.done;
  if (task.kind !== 'command' && task.kind !== 'record' && task.kind !== 'resolution') return null;
  const { done } = task;
  return () => done(refused);
}
