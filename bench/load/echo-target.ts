/**
 * A server that says yes to everything without looking: what the load generator could do at most. Plain sockets, one
 * ready-made reply with the ref written over it. For the suite `load` and for tests; never for figures of clickday.
 */
import { createHash } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { Packr } from 'msgpackr';

const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export interface EchoTarget {
  readonly port: number;
  close(): void;
}

export function openEchoTarget(): Promise<EchoTarget> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    serve(socket);
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const close = () => {
        server.close();
        for (const socket of sockets) socket.destroy();
      };
      resolve({ port, close });
    });
  });
}

function serve(socket: Socket): void {
  const packr = new Packr({ useRecords: false });
  const reply = serverFrame(
    packr.encode({ ref: 1, ok: true, repeated: false, answer: {}, position: { partition: 1, sequence: 1 } }),
  );
  const refAt = reply.indexOf('ref') + 3;
  let rest: Buffer = Buffer.alloc(0);
  let isUpgraded = false;
  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (!isUpgraded) {
      const end = rest.indexOf('\r\n\r\n');
      if (end === -1) return;
      socket.write(upgradeAnswer(rest.toString('latin1', 0, end)));
      socket.write(serverFrame(packr.encode({ hello: {} })));
      rest = rest.subarray(end + 4);
      isUpgraded = true;
    }
    const { replies, at } = answers(rest, { reply, refAt });
    rest = rest.subarray(at);
    if (replies.length > 0) socket.write(replies.length === 1 ? replies[0]! : Buffer.concat(replies));
  });
}

function answers(
  bytes: Buffer,
  { reply, refAt }: { readonly reply: Buffer; readonly refAt: number },
): { readonly replies: Buffer[]; readonly at: number } {
  const replies: Buffer[] = [];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const short = bytes[at + 1]! & 0x7f;
    const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10) + 4;
    if (start > bytes.length) break;
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6);
    if (start + length > bytes.length) break;
    const answer = Buffer.from(reply);
    // Both begin with a map, `ref` and one byte of a number.
    answer[refAt] = bytes[bytes.indexOf('ref', start, 'latin1') + 3]!;
    replies.push(answer);
    at = start + length;
  }
  return { replies, at };
}

function upgradeAnswer(request: string): string {
  const key = /^sec-websocket-key: *(.*)$/im.exec(request)?.[1]?.trim() ?? '';
  const accept = createHash('sha1').update(key).update(ACCEPT_GUID).digest('base64');
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    'Sec-WebSocket-Protocol: clickday.v1.msgpack',
    '\r\n',
  ].join('\r\n');
}

function serverFrame(payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0x82, payload.length]), payload]);
}
