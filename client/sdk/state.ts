/** How a client stands with the engine: what an app shows its person above everything else. */
import type { ClientFault } from './fault.ts';

export type ClientState =
  | { readonly is: 'connected' }
  /** Connected, and told to come back: the client does so by itself. */
  | {
      readonly is: 'waiting';
      /** How many are let in before. */
      readonly position: number;
      /** From now. */
      readonly waitMs: number;
    }
  /** Not connected, and trying: what is shown is of before. */
  | {
      readonly is: 'stale';
      /** Since the server was last heard. Null: never yet. */
      readonly ageMs: number | null;
    }
  /** For good. */
  | {
      readonly is: 'closed';
      /** Null: the app wanted it so. */
      readonly fault: ClientFault | null;
    };
