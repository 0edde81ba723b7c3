/** Command ids: UUID version 7, made before the first sending, so that a resend is recognised (promise 2). */
import type { CommandId } from '../../engine/contract.ts';

/**
 * 48 bits of time, then 74 random bits: ids of one client sort by time, which keeps rows on disk together.
 *
 * @param nowMs real time, milliseconds since the epoch
 * @returns 32 lower-case hex digits without dashes
 */
export function newCommandId(nowMs: number = Date.now()): CommandId {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  new DataView(bytes.buffer).setUint32(0, Math.floor(nowMs / 0x1_0000));
  new DataView(bytes.buffer).setUint16(4, nowMs % 0x1_0000);
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
