/** What can go wrong between client and server, other than a refusal (which is a value, not an error). */
import type { CommandId } from '../../engine/contract.ts';

/**
 * UNREACHABLE: nobody answers at the address; in browsers, which do not tell, also that the token was turned down.
 * UNAUTHENTICATED: it was (HTTP 401), or it is another person's than before. NO_REPLY: sent, and not answered before its deadline: the outcome is unknown.
 * NOT_SENT: its deadline passed before it could be sent: nothing was done. QUEUE_FULL: too many wait already; not sent.
 * NOT_KEPT: the outbox could not keep it, so it was not sent. OUTBOX_UNREADABLE: what it holds is left as it is.
 * REFUSED: there are no pushes for this role. CLOSED: the caller closed the client. PROTOCOL: the server sent what is
 * not of the protocol.
 */
export type ClientFaultCode =
  | 'UNREACHABLE'
  | 'UNAUTHENTICATED'
  | 'NO_REPLY'
  | 'NOT_SENT'
  | 'QUEUE_FULL'
  | 'NOT_KEPT'
  | 'OUTBOX_UNREADABLE'
  | 'REFUSED'
  | 'CLOSED'
  | 'PROTOCOL';

export class ClientFault extends Error {
  readonly code: ClientFaultCode;
  /** Of the changing command concerned: ask what became of it with `outcomeOf`, or send it again under this id. */
  readonly id: CommandId | undefined;

  constructor(
    code: ClientFaultCode,
    message: string,
    options: { readonly cause?: unknown; readonly id?: CommandId | undefined } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.id = options.id;
  }
}
