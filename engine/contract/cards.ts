/** Instruments as they are enabled and ended (domain 2.2). */
import type { CitizenKey, Hpan } from './keys.ts';

export interface InstrumentView {
  readonly hpan: Hpan;
  readonly status: 'ACTIVE' | 'INACTIVE';
  readonly activationMs: number;
  readonly deactivationMs: number | null;
}

/** One stretch of time in which somebody had an instrument enabled (domain 2.2). */
export interface ActivationView {
  readonly citizen: CitizenKey;
  readonly channel: string;
  readonly activationMs: number;
  readonly deactivationMs: number | null;
}

/** An active card, and the activation that makes it one. */
export interface AccountCard extends Pick<ActivationView, 'citizen' | 'channel' | 'activationMs'> {
  readonly hpan: Hpan;
}
