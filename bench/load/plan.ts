/** What a load generator is asked to do, and what it saw: plain data, sent from process to process. */

/**
 * What the connections send.
 *
 * `life`: one citizen per connection goes round: add a card, enable it, set the IBAN, disable it, remove it.
 * `iban`: the same citizens only set their IBAN, which no card partition hears of. `read`: they read their wallet.
 * `seed`: issuers enrol citizens, one after the other, and enable a card of each. `payments`: acquirers send batches
 * of rows for the cards of those citizens. `cards`: issuers enable a new card of a citizen drawn from a seeded population.
 */
export const WORKLOADS = ['life', 'iban', 'read', 'seed', 'payments', 'cards'] as const;
export type Workload = (typeof WORKLOADS)[number];

export interface LoadPlan {
  readonly host: string;
  readonly port: number;
  /** One connection per token. */
  readonly tokens: readonly string[];
  readonly workload: Workload;
  /** Requests of one connection that are not yet answered; at most IN_FLIGHT_MAX. */
  readonly inFlight: number;
  /** Not measured. */
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Open loop: requests a second over all connections, at intended instants. Absent: closed loop. */
  readonly ratePerSecond?: number;
  /** Stop when that many requests were sent; warm-up and measuring time then do not matter. */
  readonly requestCount?: number;
  /** Citizens that `seed` makes and `payments` draws from: numbers of `makeTaxCode`, from 0. */
  readonly citizenCount?: number;
  /** Absent: what `seed` made. Else citizens are drawn from those of `npm run seed`, by their seed. */
  readonly populationSeed?: number;
  /** Rows of one batch of payments, and the instant of the first of all. */
  readonly batch?: { readonly rowCount: number; readonly trxMs: number; readonly acquirer: string };
  /** Whoever is told to come back does not listen: a refusal is an answer, and nobody enrols first. */
  readonly isDeaf?: boolean;
  /** Ids of two runs against one server must differ: 5 hex digits. */
  readonly run: string;
}

/** Refs are slot numbers and stay within one byte of msgpack. */
export const IN_FLIGHT_MAX = 128;

export interface LoadResult {
  /** Within the measured time, rows counted singly. */
  readonly done: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly elapsedMs: number;
  /** From sending (open loop: from the intended instant) to the answer, in microseconds. */
  readonly latencyUs: Quantiles;
  /** Processor time of the generator itself, so that nobody takes its limit for the server's. */
  readonly generatorCpuMs: number;
}

export interface Quantiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}
