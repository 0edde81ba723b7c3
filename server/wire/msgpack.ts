/** Subprotocol `clickday.v1.msgpack`. msgpackr writes it and reads what friends send; for strangers see msgpack-reader.ts. */
import { Packr } from 'msgpackr';
import { type Codec, type FrameLimits, type ParsedFrame, tooLarge } from './codec.ts';
import { MsgpackReader } from './msgpack-reader.ts';
import { PROTOCOL_MSGPACK } from './schemas.ts';

/** One per connection or per server: holds msgpackr's scratch buffers, no state between frames. */
export function createMsgpackCodec(): Codec {
  const packr = new Packr({
    useRecords: false,
    int64AsType: 'number',
    skipValues: [undefined],
  } as ConstructorParameters<typeof Packr>[0]);
  const reader = new MsgpackReader();

  return {
    protocol: PROTOCOL_MSGPACK,
    isBinary: true,
    encode: (message) => packr.encode(message),
    decode: (frame) => packr.decode(frame as Uint8Array),
    parse(frame: Uint8Array, limits: FrameLimits): ParsedFrame {
      if (frame.length > limits.bytesMax) return tooLarge(limits);
      return reader.read(frame, limits);
    },
  };
}
