/** What a subprotocol can do: write frames, read those of a friend, and read those of anybody. */
import type { Protocol } from './schemas.ts';

/** The shape a frame may have, checked on its bytes and not on what a decoder makes of them (faults 42-46). */
export interface FrameLimits {
  readonly bytesMax: number;
  /** Containers within containers; the message itself is the first. */
  readonly depthMax: number;
  /** Keys of all maps of the frame together. */
  readonly keysMax: number;
}

export type ParsedFrame =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: 'BAD_FRAME' | 'TOO_LARGE'; readonly detail: string };

/** A text is one of at most 31 letters of ASCII. */
export type Repeated = (values: readonly (number | string)[]) => string | Uint8Array;

export interface Codec {
  readonly protocol: Protocol;
  readonly isBinary: boolean;
  /** Fields that are undefined are left out. What it returns is the caller's. */
  encode(message: object): string | Uint8Array;
  /**
   * A message that is sent again and again with other values in some of its fields.
   *
   * @param changing their names, in the order of their values
   */
  repeated(message: object, changing: readonly string[]): Repeated;
  /** How a request begins that is written as our own clients do, and nothing of the rest; null: it begins otherwise, or is none. */
  peek(frame: Uint8Array): { readonly ref: number; readonly type: string } | null;
  /** For frames of a peer that is trusted: a client reads its server. Throws on damage. */
  decode(frame: string | Uint8Array): unknown;
  /** For frames of anybody. Never throws; `detail` never repeats what the frame held. */
  parse(frame: Uint8Array, limits: FrameLimits): ParsedFrame;
}

export function without(message: object, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(message).filter(([name]) => !names.includes(name)));
}

/** Why a frame is refused, whatever it asks. */
export type FrameFault =
  | 'truncated'
  | 'bytes after the message'
  | 'nested too deeply'
  | 'too many keys'
  | 'a key that is not one to 32 letters'
  | 'a key given twice'
  | 'a type that the protocol does not use'
  | 'text that is not UTF-8'
  | 'not a map of keys'
  | 'not well-formed';

export function badFrame(detail: FrameFault): ParsedFrame {
  return { ok: false, code: 'BAD_FRAME', detail };
}

export function tooLarge(limits: FrameLimits): ParsedFrame {
  return { ok: false, code: 'TOO_LARGE', detail: `at most ${limits.bytesMax} bytes` };
}
