/** Forms of decisions about periods. */
import type { DueClosing, PeriodOrder, PeriodSettled } from '../../../engine/index.ts';
import { integer, list, nullable, periodDecision, periodDecisionKind, shape, text } from '../../../snapshots/index.ts';

export const periodOrder = shape<PeriodOrder>({
  kind: periodDecisionKind,
  awardPeriodId: integer,
  files: list(text),
  untilMs: integer,
  programme: text,
  operator: text,
  reason: text,
});

export const periodSettled = shape<PeriodSettled>({ decision: nullable(periodDecision), programme: text });
export const dueClosing = shape<DueClosing>({ awardPeriodId: integer, decisionNumber: integer, atMs: integer });
