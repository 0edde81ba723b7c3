/** The door of the wire protocol, for servers and clients alike. */
export { asyncApi } from './async-api.ts';
export type { Codec, FrameLimits, ParsedFrame, Repeated } from './codec.ts';
export * from './features.ts';
export { createJsonCodec } from './json.ts';
export { FAILURES, MESSAGES, type MessageCode, type Said, say, sayRefusal, standingMessage } from './messages.ts';
export { createMsgpackCodec } from './msgpack.ts';
export { containsPan, isNetworkPan, withoutPans } from './pan.ts';
export { type CheckedRequest, checkRequest, type RecordPaymentsRequest, type RequestCheck } from './requests.ts';
export * from './schemas.ts';
