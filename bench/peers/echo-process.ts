/**
 * The limit of any server here: uWebSockets.js alone, which sends every frame back as it came. No token is checked, no
 * frame is decoded, nothing is kept. Says `ready` as the engine's process does, ends with its parent.
 */
import { Packr } from 'msgpackr';
import { loadUws } from '../../server/transport/uws.ts';
import { PROTOCOL_MSGPACK } from '../../server/wire/index.ts';

async function main(): Promise<void> {
  const loaded = await loadUws();
  if (!loaded.ok) throw loaded.cause;
  const { uws } = loaded;
  const hello = new Packr({ useRecords: false }).encode({ hello: {} });
  uws
    .App()
    .ws('/*', {
      compression: uws.DISABLED,
      upgrade: (response, request, context) =>
        response.upgrade(
          {},
          request.getHeader('sec-websocket-key'),
          PROTOCOL_MSGPACK,
          request.getHeader('sec-websocket-extensions'),
          context,
        ),
      open: (socket) => void socket.send(hello, true),
      message: (socket, frame, isBinary) => void socket.send(frame, isBinary),
    })
    .listen('127.0.0.1', 0, (listening) => {
      if (listening === false) throw new Error('the echo found no port');
      const port = uws.us_socket_local_port(listening);
      process.send?.({ ready: { url: `http://127.0.0.1:${port}`, transport: 'uws' } });
    });
  process.on('SIGTERM', () => process.exit(0));
  process.on('disconnect', () => process.exit(0));
}

await main();
