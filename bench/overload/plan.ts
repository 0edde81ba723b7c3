/** What a crowd of citizens is asked to do, and what became of it: plain data, sent from process to process. */

export interface CrowdPlan {
  readonly host: string;
  readonly port: number;
  /** One citizen per token: numbers of `makeTaxCode` from 0, each with the card that `enrolCrowd` gave it. */
  readonly tokens: readonly string[];
  /** Of people who send whatever they are told. */
  readonly botTokens: readonly string[];
  readonly seed: number;
}

export interface Phase {
  readonly ms: number;
  /** Wishes of all citizens together in a second, at intended instants that depend on nobody's answer. Absent: as many are under way as `atOnce` says. */
  readonly perSecond?: number;
  /** Closed loop: so many citizens have a wish all the time. */
  readonly atOnce?: number;
  /** Of the wishes, how many are to add a card that nobody has, and to take it away again. */
  readonly cardShare?: number;
  /** Beside them: frames a second that bots try to send over all their sockets, and so many of these. */
  readonly bots?: { readonly perSecond: number; readonly socketCount: number };
}

/** Of one second, by the instant at which it was answered. */
export interface Second {
  /** Frames sent by citizens. */
  readonly asked: number;
  readonly served: number;
  /** Served before the citizen had lost its patience. */
  readonly useful: number;
  readonly refused: number;
  /** From sending what was let in to its answer, in milliseconds; 0: nothing was served. */
  readonly p50: number;
  readonly p99: number;
}

export interface PhaseResult {
  readonly ms: number;
  readonly seconds: readonly Second[];
  /** Of all that was served, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Served to each citizen. */
  readonly each: readonly number[];
  /** Wishes, and those that were not sent since the one before was still unanswered. */
  readonly wishes: number;
  readonly unsent: number;
  /** Appointments whose holder came at its time, or when called, and those of them at which it was let in. */
  readonly appointments: number;
  readonly kept: number;
  /** Replies and pushes that were looked through; replies in which the citizen's own canary had to be, and those in which it was. */
  readonly scanned: number;
  readonly pushes: number;
  readonly withData: number;
  readonly ownFound: number;
  /** Canaries of others. */
  readonly foreignFound: number;
  /** Refusals that are not for want of room, by code. */
  readonly refusedOnMerits: Readonly<Record<string, number>>;
  readonly cuts: number;
  readonly bots: { readonly sent: number; readonly connections: number; readonly cuts: number };
}

/** A reply that comes later helps nobody any more: the citizen has asked again. */
export const PATIENCE_MS = 2_000;
