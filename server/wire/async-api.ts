/** The protocol as an AsyncAPI 3 document, made from the very schemas that guard it. */
import type { GenericSchema } from 'valibot';
import { CLIENT_HEADER, CLIENT_PREFIX } from './features.ts';
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts';
import {
  CHANGE_TYPES,
  doneReply,
  hello,
  PROTOCOLS,
  PUSHES,
  REQUESTS,
  type ReadType,
  type RequestType,
  refusedReply,
  VIEWS,
  viewReply,
} from './schemas.ts';

interface Message {
  readonly name: string;
  readonly payload: JsonSchema;
}

/** @param version of the programme that serves it */
export function asyncApi(version: string): JsonSchema {
  const types = Object.keys(REQUESTS) as RequestType[];
  const messages = [...types.flatMap((type) => [requestMessage(type), replyMessage(type)]), ...serverMessages()];
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'clickday',
      version,
      description:
        `One WebSocket at /ws, subprotocols ${PROTOCOLS.join(' and ')} with one schema. ` +
        'Every request gets exactly one reply with its `ref`; a frame that cannot be read gets `ref: null`. ' +
        `A client says which it is in ${CLIENT_HEADER}: ios/1.12.0, or by offering ${CLIENT_PREFIX}ios.1.12.0.`,
    },
    defaultContentType: 'application/json',
    channels: {
      socket: { address: '/ws', messages: Object.fromEntries(messages.map(({ name }) => [name, component(name)])) },
    },
    operations: Object.fromEntries([
      ...types.map((type) => [type, requestOperation(type)]),
      ['push', { action: 'send', channel: CHANNEL, messages: serverMessages().map(({ name }) => inChannel(name)) }],
    ]),
    components: { messages: Object.fromEntries(messages.map((message) => [message.name, message])) },
  };
}

const CHANNEL = { $ref: '#/channels/socket' } as const;

function component(name: string): JsonSchema {
  return { $ref: `#/components/messages/${name}` };
}

function inChannel(name: string): JsonSchema {
  return { $ref: `#/channels/socket/messages/${name}` };
}

function requestOperation(type: RequestType): JsonSchema {
  return {
    action: 'receive',
    channel: CHANNEL,
    messages: [inChannel(type)],
    reply: { channel: CHANNEL, messages: [inChannel(`${type}Reply`), inChannel('refused')] },
  };
}

function requestMessage(type: RequestType): Message {
  return { name: type, payload: jsonSchemaOf(REQUESTS[type] as GenericSchema) };
}

function replyMessage(type: RequestType): Message {
  return { name: `${type}Reply`, payload: isChange(type) ? jsonSchemaOf(doneReply) : viewPayload(type) };
}

function isChange(type: RequestType): type is (typeof CHANGE_TYPES)[number] {
  return (CHANGE_TYPES as readonly RequestType[]).includes(type);
}

function viewPayload(type: ReadType): JsonSchema {
  const reply = jsonSchemaOf(viewReply);
  return {
    ...reply,
    properties: { ...(reply.properties as object), view: jsonSchemaOf(VIEWS[type] as GenericSchema) },
  };
}

function serverMessages(): readonly Message[] {
  return [
    { name: 'hello', payload: jsonSchemaOf(hello) },
    { name: 'refused', payload: jsonSchemaOf(refusedReply) },
    { name: 'walletPush', payload: jsonSchemaOf(PUSHES.wallet) },
    { name: 'rankPush', payload: jsonSchemaOf(PUSHES.rank) },
    { name: 'featuresPush', payload: jsonSchemaOf(PUSHES.features) },
  ];
}
