/** The SDK's door. */
export {
  type ChangeFields,
  ClickdayClient,
  type ClientOptions,
  type ReadFields,
  type ReadReply,
  type Refused,
} from './client.ts';
export type { HelloView } from './connection.ts';
export { ClientFault, type ClientFaultCode } from './fault.ts';
export { askHttp, type HttpAnswer, type HttpAsk, type HttpOptions } from './http.ts';
export { newCommandId } from './identifier.ts';
export type { ChangeReply, Settled } from './keeper.ts';
export {
  databaseOutbox,
  type KeptCommand,
  movedOutbox,
  type Outbox,
  type StorageLike,
  storageOutbox,
} from './outbox.ts';
export type { SocketConstructor, StandardSocket } from './socket.ts';
export type { ClientState } from './state.ts';
export type { Timing } from './timing.ts';
export type { LastGood, ShownType } from './views.ts';
