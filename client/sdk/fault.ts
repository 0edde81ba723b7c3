/** What can go wrong between client and server, other than a refusal (which is a value, not an error). */
import type { CommandId } from '../../engine/contract.ts';

/**
 * UNREACHABLE: nobody answers at the address. UNAUTHENTICATED: the server turned the token down (HTTP 401).
 * NO_REPLY: connected, but the reply did not come in time. CLOSED: the caller closed the client.
 * PROTOCOL: the server sent what is not of the protocol.
 */
export type ClientFaultCode = 'UNREACHABLE' | 'UNAUTHENTICATED' | 'NO_REPLY' | 'CLOSED' | 'PROTOCOL';

export class ClientFault extends Error {
  readonly code: ClientFaultCode;
  /** Of a changing command whose outcome is unknown: ask for it with `outcome`, or send it again under this id. */
  readonly id: CommandId | undefined;

  constructor(
    code: ClientFaultCode,
    message: string,
    options: { readonly cause?: unknown; readonly id?: CommandId } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.id = options.id;
  }
}
