/** Replies as the wire carries them, in the words of the app where it has some, else in those of the refusal. */
import type { Done, RefusalName } from '../../engine/index.ts';
import { type DoneReply, type MessageCode, type RefusedReply, sayRefusal } from '../wire/index.ts';

export interface Refusal {
  readonly code: RefusalName;
  readonly detail?: string | undefined;
  readonly retryAtMs?: number | undefined;
  /** Of an appointment. */
  readonly ticket?: string | undefined;
  readonly position?: number | undefined;
  /** See `sayRefusal`. */
  readonly instead?: MessageCode | undefined;
}

/**
 * @param ref null when the frame could not be read
 * @param nowMs the programme's time, as `retryAtMs` is
 * @param inPassing see `sayRefusal`
 */
export function refusedReply(
  ref: number | null,
  { code, retryAtMs, ticket, position, detail, instead }: Refusal,
  nowMs: number,
  inPassing?: MessageCode,
): RefusedReply {
  return {
    ref,
    ok: false,
    code,
    ...sayRefusal(code, instead, inPassing),
    ...(retryAtMs === undefined ? {} : { retryAtMs, waitMs: Math.max(0, retryAtMs - nowMs) }),
    ...(ticket === undefined ? {} : { ticket, position: position! }),
    ...(detail === undefined ? {} : { detail }),
  };
}

/** Field by field: what the engine may add to its answers one day does not leak by itself. */
export function doneReply(ref: number, { repeated, answer, position }: Done): DoneReply {
  return { ref, ok: true, repeated, answer: answer as DoneReply['answer'], position };
}
