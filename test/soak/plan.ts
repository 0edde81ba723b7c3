/** What the crowd of a soak is told, and what it says: plain data, sent from process to process. */
import type { CrowdPlan, Phase } from '../../bench/overload/plan.ts';

export interface SoakPlan extends CrowdPlan {
  readonly acquirerToken: string;
  /** Where promises are kept. */
  readonly folder: string;
  /** For tests of the soak: one promise is remembered that nobody made. */
  readonly isPlanted: boolean;
}

export interface SoakPhase extends Phase {
  /** Payments in a second, beside what citizens wish. */
  readonly rowsPerSecond: number;
  /** When they were paid, in the programme's time. */
  readonly trxMs: number;
  /** At its start all citizens are cut off. */
  readonly isDropped?: boolean;
  /** Connections of people who mean harm. */
  readonly hostileCount?: number;
  /** A file of so many payments comes at its start. */
  readonly fileRows?: number;
}

export interface Check {
  /** Of the promises those that are asked for: the newest, and some of all others. 0: none, they are only counted. */
  readonly newestCount: number;
  readonly olderCount: number;
  /** And each citizen is asked what it has been paid. */
  readonly areTotalsAsked: boolean;
  readonly periodCount: number;
}

export interface Checked {
  readonly broken: readonly string[];
  /** Commands and rows that were acknowledged so far, and promises that were asked for this time. */
  readonly commandCount: number;
  readonly rowCount: number;
  readonly askedCount: number;
  /** Rows that were refused on the merits so far, by code. */
  readonly notCounted: Readonly<Record<string, number>>;
}
