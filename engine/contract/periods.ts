/** What operators decide about periods (domain 3.4). */
import type { PeriodParameters, PeriodStatus } from './programme.ts';

/** What operators decide about periods (domain 3.4). `replace`: a newer version of the whole programme. */
export const PERIOD_DECISION_KINDS = ['suspend', 'resume', 'replace', 'reopen', 'close'] as const;
export type PeriodDecisionKind = (typeof PERIOD_DECISION_KINDS)[number];

/** Acquirer files that a period is opened again for: every acquirer's, one a day, for three months. */
export const REOPENED_FILES_MAX = 1_000;

/** What an operator asks. Asked twice it has one effect. */
export interface PeriodOrder {
  readonly kind: PeriodDecisionKind;
  /** 0 of `replace`. */
  readonly awardPeriodId: number;
  /** `reopen`: names of the acquirer files whose rows are taken; empty of the others. */
  readonly files: readonly string[];
  /** `reopen`: rows received from this instant on are not; 0 of the others. */
  readonly untilMs: number;
  /** `replace`: the newer version as JSON; empty of the others. */
  readonly programme: string;
  /** Name of the operator, and why: 1 to RESOLUTION_REASON_MAX characters that name nobody. */
  readonly operator: string;
  readonly reason: string;
}

export interface PeriodDecision extends Omit<PeriodOrder, 'programme'> {
  /** Of all decisions, from 1. */
  readonly number: number;
  readonly atMs: number;
  /** The version of the programme that it put an end to, in canonical form; empty where it put an end to none. */
  readonly replaced: string;
}

/** A period as operators see it: suspended ones too. */
export interface PeriodDetail extends PeriodParameters {
  readonly status: PeriodStatus;
  /** Until when a closed period takes rows of named files; null: it does not. */
  readonly reopenedUntilMs: number | null;
  /** About this period, oldest first. */
  readonly decisions: readonly PeriodDecision[];
}
