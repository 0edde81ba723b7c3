/**
 * Tickets: an appointment that whoever got it can prove, to this server and to the one after a restart. Sealed by a keyed
 * hash and not remembered, so there may be millions.
 *
 *   version u8 | lane u8 | origin u32 | slot u48 | seal of all this and of whom it is for, 9 bytes    base64url, 28 letters
 */
import { timingSafeEqual } from 'node:crypto';

const VERSION = 1;
const BODY_BYTES = 12;
const SEAL_BYTES = 9;
const TICKET = /^[\w-]{28}$/;

export interface Ticket {
  /** Number of the channel and the class. */
  readonly lane: number;
  /** Which start of the server gave it and remembers it; 0: none does. */
  readonly origin: number;
  readonly slotMs: number;
}

export class TicketOffice {
  readonly #digest: (text: string) => string;

  /** @param digest keyed hash of a text: 32 hex digits */
  constructor(digest: (text: string) => string) {
    this.#digest = digest;
  }

  issue(asker: string, { lane, origin, slotMs }: Ticket): string {
    const bytes = Buffer.alloc(BODY_BYTES + SEAL_BYTES);
    bytes.writeUInt8(VERSION, 0);
    bytes.writeUInt8(lane, 1);
    bytes.writeUInt32BE(origin, 2);
    bytes.writeUIntBE(slotMs, 6, 6);
    this.#seal(asker, bytes).copy(bytes, BODY_BYTES);
    return bytes.toString('base64url');
  }

  /** Null: it was not given here, or to somebody else. */
  read(asker: string, text: string): Ticket | null {
    if (!TICKET.test(text)) return null;
    const bytes = Buffer.from(text, 'base64url');
    if (!timingSafeEqual(this.#seal(asker, bytes), bytes.subarray(BODY_BYTES)) || bytes[0] !== VERSION) return null;
    return { lane: bytes.readUInt8(1), origin: bytes.readUInt32BE(2), slotMs: bytes.readUIntBE(6, 6) };
  }

  #seal(asker: string, bytes: Buffer): Buffer {
    const digest = this.#digest(`${bytes.toString('hex', 0, BODY_BYTES)} ${asker}`);
    return Buffer.from(digest.slice(0, 2 * SEAL_BYTES), 'hex');
  }
}
