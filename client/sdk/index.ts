/** The SDK's door. */
export {
  type ChangeFields,
  type ChangeReply,
  ClickdayClient,
  type ClientOptions,
  type ConnectionState,
  type HelloView,
  type ReadFields,
  type ReadReply,
} from './client.ts';
export { ClientFault, type ClientFaultCode } from './fault.ts';
export { askHttp, type HttpAnswer, type HttpAsk, type HttpOptions } from './http.ts';
export { newCommandId } from './identifier.ts';
export type { SocketConstructor, StandardSocket } from './socket.ts';
