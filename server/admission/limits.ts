/** What one connection may ask of us at once, by role. The numbers are those of engine/limits.ts. */
import { invariant, LIMITS, type Role } from '../../engine/index.ts';
import { RECEIPT_BYTES } from '../transport/index.ts';
import type { FrameLimits } from '../wire/index.ts';

export interface ConnectionLimits {
  readonly frame: FrameLimits;
  /** Commands, or rows of an acquirer, that are not yet answered. */
  readonly inFlightMax: number;
  /** Bytes of answers and pushes that it has not read: with more of them nothing it asks is taken in. */
  readonly unreadBytesMax: number;
}

const PERSON: ConnectionLimits = {
  frame: { bytesMax: LIMITS.frameBytesMaxCitizen, depthMax: LIMITS.frameDepthMax, keysMax: LIMITS.frameKeysMax },
  inFlightMax: LIMITS.inFlightPerSocketMax,
  // Two of the longest pages of payments.
  unreadBytesMax: 65_536,
};

/** Asks for many, a full window at a time: so many answers of two kilobytes. */
const INSTITUTION: ConnectionLimits = { ...PERSON, unreadBytesMax: 524_288 };

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
  // The outcomes of some twenty full frames: its line may be long.
  unreadBytesMax: 262_144,
};

export const CONNECTION_LIMITS: Readonly<Record<Role, ConnectionLimits>> = {
  citizen: PERSON,
  issuer: INSTITUTION,
  operator: INSTITUTION,
  acquirer: BATCH,
};

/** For the transport, which drops without a word: above every limit of ours, which answer with a code. */
export const TRANSPORT_FRAME_BYTES_MAX = 2 * LIMITS.frameBytesMaxAcquirer;
/** Of what even the kernel does not take; it takes up to 4 MB of a connection, as `net.ipv4.tcp_wmem` says. */
export const TRANSPORT_BUFFERED_BYTES_MAX = 1_048_576;
/** Whoever has so much to read gets no more pushes: the newest one waits until it has caught up (faults 50). */
export const PUSH_UNREAD_BYTES_MAX = 8_192;
/** How long it may read nothing of that. A phone at the edge of a network reads a kilobyte a second. */
export const SLOW_READ_MS_MAX = 10_000;
/** What all who have so much to read may hold together, in this process and in the kernel. */
export const UNREAD_BYTES_MAX_TOGETHER = 268_435_456;

invariant(RECEIPT_BYTES <= PUSH_UNREAD_BYTES_MAX, 'whoever gets no more pushes was asked whether it reads');
invariant(PUSH_UNREAD_BYTES_MAX < PERSON.unreadBytesMax, 'pushes wait before answers do');
invariant(
  INSTITUTION.unreadBytesMax >= 2_048 * INSTITUTION.inFlightMax,
  'a window that is asked at once may be answered at once',
);
invariant(
  Math.max(INSTITUTION.unreadBytesMax, BATCH.unreadBytesMax) < TRANSPORT_BUFFERED_BYTES_MAX,
  'the transport cuts whom nothing of ours has stopped',
);
invariant(BATCH.inFlightMax <= LIMITS.mailboxCountMax / 4, 'one acquirer cannot fill a mailbox');
