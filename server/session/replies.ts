/** Replies as the wire carries them, with the texts of the one table of refusals. */
import { type Done, REFUSALS, type RefusalName } from '../../engine/index.ts';
import type { DoneReply, RefusedReply } from '../wire/index.ts';

export interface Refusal {
  readonly code: RefusalName;
  readonly detail?: string | undefined;
  readonly retryAtMs?: number | undefined;
}

/** @param ref null when the frame could not be read */
export function refusedReply(ref: number | null, { code, retryAtMs, detail }: Refusal): RefusedReply {
  const { text, testo } = REFUSALS[code];
  return {
    ref,
    ok: false,
    code,
    message: text,
    messageIt: testo,
    ...(retryAtMs === undefined ? {} : { retryAtMs }),
    ...(detail === undefined ? {} : { detail }),
  };
}

/** Field by field: what the engine may add to its answers one day does not leak by itself. */
export function doneReply(ref: number, { repeated, answer, position }: Done): DoneReply {
  return { ref, ok: true, repeated, answer: answer as DoneReply['answer'], position };
}
