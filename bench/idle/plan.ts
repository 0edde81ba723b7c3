/** What a process full of peers is asked to do, and what it says: plain data. */

/**
 * `idle`: says nothing, answers pings, and comes back as the SDK does. `reader`: subscribes to its wallet and its rank, asks for
 * its wallet again and again, and reads none of it. `slow`: sends a request a header at a time, and again when it is cut.
 */
export type Kind = 'idle' | 'reader' | 'slow';

export interface PeersPlan {
  readonly kind: Kind;
  readonly host: string;
  readonly port: number;
  /** One peer each. */
  readonly tokens: readonly string[];
  /** Where they come from, in turn. */
  readonly localAddresses: readonly string[];
}

export interface PeersCount {
  /** Those that were greeted, and are not cut; of `slow` those that are connected. */
  readonly open: number;
  /** By what they saw of it. */
  readonly cuts: Readonly<Record<string, number>>;
  /** Upgrades that were told to come back later. */
  readonly sentAway: number;
}
