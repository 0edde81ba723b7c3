/** What is taken out of counting, by two operators or by the rule on abuse (domain 3.1, 5.6). */
import type { CitizenKey, Hpan } from './keys.ts';
import type { RecordKey } from './records.ts';

/** Names one payment: its key is its own within its card only (DECISION 35). */
export interface PaymentName {
  readonly hpan: Hpan;
  readonly record: RecordKey;
}

/** `appeal`: lifts what the rule on abuse has excluded, at the citizen's own request and within its days. */
export const EXCLUSION_ACTIONS = ['exclude', 'lift', 'appeal'] as const;
export type ExclusionAction = (typeof EXCLUSION_ACTIONS)[number];

/** What an operator does: proposes an action, or decides about what another one has proposed. */
export const EXCLUSION_STEPS = [...EXCLUSION_ACTIONS, 'approve', 'reject'] as const;
export type ExclusionStep = (typeof EXCLUSION_STEPS)[number];

export interface ExclusionRequest {
  readonly citizen: CitizenKey;
  /** Null = the citizen, with everything. */
  readonly payment: PaymentName | null;
  readonly step: ExclusionStep;
  /** Name of the operator, and why: 1 to RESOLUTION_REASON_MAX characters that name nobody. */
  readonly operator: string;
  readonly reason: string;
}

export const EXCLUSION_STATES = ['proposed', 'excluded', 'lifted', 'rejected'] as const;
export type ExclusionState = (typeof EXCLUSION_STATES)[number];
/** What was rejected is in the journal only. */
export const LISTED_EXCLUSION_STATES = ['proposed', 'excluded', 'lifted'] as const;
export type ListedExclusionState = (typeof LISTED_EXCLUSION_STATES)[number];

/** A proposal that waits, or what became of one. */
export interface Exclusion {
  readonly citizen: CitizenKey;
  readonly payment: PaymentName | null;
  readonly state: ExclusionState;
  readonly action: ExclusionAction;
  /** Who proposed it; empty = the rule on abuse, which needs nobody's approval. */
  readonly proposedBy: string;
  readonly reason: string;
  readonly proposedMs: number;
  /** Who approved or rejected it, and why; empty = nobody yet, or the rule. */
  readonly decidedBy: string;
  readonly decisionReason: string;
  /** 0 = it is not decided. */
  readonly decidedMs: number;
  /** Of what the rule excluded: the first instant at which no appeal is taken any more. 0 = there is none to take. */
  readonly appealEndsMs: number;
}

export interface ExclusionsPage {
  readonly exclusions: readonly Exclusion[];
  /** Null = this is the last page. */
  readonly nextCursor: string | null;
}
