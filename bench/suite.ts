/** What every benchmark suite hands back, so that `main.ts` can run them and `report.ts` can print and compare them. */

/** One measured figure. `name` and `unit` together identify it from run to run. */
export interface Measurement {
  readonly name: string;
  /** What `value`, `p50` and `p99` are counted in, such as `moves/s`, `us`, `bytes/entry`. */
  readonly unit: string;
  readonly value: number;
  readonly p50?: number;
  readonly p99?: number;
}

/** Two measurements of one run set against each other: on a shared machine only this can be compared between runs. */
export interface Ratio {
  readonly name: string;
  /** `of` divided by `to`. */
  readonly value: number;
  /** Names of the measurements. */
  readonly of: string;
  readonly to: string;
}

/** Figures along something that grows, for a chart. */
export interface Series {
  readonly name: string;
  readonly unit: string;
  /** What it runs along, with its unit. */
  readonly along: string;
  /** In rising order of the first of each. */
  readonly points: readonly (readonly [along: number, value: number])[];
}

export interface SuiteResult {
  readonly results: readonly Measurement[];
  readonly ratios: readonly Ratio[];
  /** Those with the same unit and `along` share a chart. */
  readonly series?: readonly Series[];
  /** What figures alone do not say, a line each: profiles, bottlenecks, what was left out. */
  readonly notes?: readonly string[];
}

/** What each file of a suite exports as `run`. */
export type RunSuite = () => Promise<SuiteResult>;
