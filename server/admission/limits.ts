/** What one connection may ask of us at once, by role. The numbers are those of engine/limits.ts. */
import { invariant, LIMITS, type Role } from '../../engine/index.ts';
import type { FrameLimits } from '../wire/index.ts';

export interface ConnectionLimits {
  readonly frame: FrameLimits;
  /** Commands, or rows of an acquirer, that are not yet answered. */
  readonly inFlightMax: number;
}

const PERSON: ConnectionLimits = {
  frame: { bytesMax: LIMITS.frameBytesMaxCitizen, depthMax: LIMITS.frameDepthMax, keysMax: LIMITS.frameKeysMax },
  inFlightMax: LIMITS.inFlightPerSocketMax,
};

/** A row has up to 16 fields, and the message around them a few of its own. */
const ROW_KEYS_MAX = 16;

const BATCH: ConnectionLimits = {
  frame: {
    bytesMax: LIMITS.frameBytesMaxAcquirer,
    depthMax: LIMITS.frameDepthMax,
    keysMax: LIMITS.rowsPerFrameMax * ROW_KEYS_MAX + LIMITS.frameKeysMax,
  },
  // Four full frames: enough to keep a shard busy, a quarter of one mailbox.
  inFlightMax: 4 * LIMITS.rowsPerFrameMax,
};

export const CONNECTION_LIMITS: Readonly<Record<Role, ConnectionLimits>> = {
  citizen: PERSON,
  issuer: PERSON,
  operator: PERSON,
  acquirer: BATCH,
};

/** For the transport, which drops without a word: above every limit of ours, which answer with a code. */
export const TRANSPORT_FRAME_BYTES_MAX = 2 * LIMITS.frameBytesMaxAcquirer;
/** A peer that does not read is cut at this backlog... */
export const TRANSPORT_BUFFERED_BYTES_MAX = 1_048_576;
/** ...and long before that it gets no more pushes: the newest one waits until it has caught up (faults 50). */
export const PUSH_BUFFERED_BYTES_MAX = 65_536;

invariant(BATCH.inFlightMax <= LIMITS.mailboxCountMax / 4, 'one acquirer cannot fill a mailbox');
