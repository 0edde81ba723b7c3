/** The door: one port for HTTP and WebSockets, over whichever web server there is. */
export { listen, type TransportName } from './listen.ts';
export { plainAddress } from './peer.ts';
export { RECEIPT_BYTES } from './receipts.ts';
export {
  type HttpHandler,
  type HttpRequest,
  type HttpResponse,
  type Listening,
  type Socket,
  type SocketHandlers,
  TransportFault,
  type TransportOptions,
  type UpgradeDecision,
  type UpgradeRequest,
} from './transport.ts';
