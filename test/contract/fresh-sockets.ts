/**
 * A program of its own, since what it is about lies in the memory of a process: opens sockets, says something on each
 * as soon as it is open, and counts those that were answered and those that were cut. Its parent chooses how memory is
 * allocated. Arguments: the transport, and `at once` or `later` for when upgrades are decided.
 */
import { setImmediate } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { listen, type TransportName, type UpgradeDecision } from '../../server/transport/index.ts';

const SERVERS = 4;
const SOCKETS = 50;
const HOST = '127.0.0.1';
const ACCEPTED: UpgradeDecision<null> = { ok: true, protocol: 'echo', data: null };

const [transport, when] = process.argv.slice(2) as [TransportName, 'at once' | 'later'];
const count = { answered: 0, cut: 0 };

for (let server = 0; server < SERVERS; server += 1) {
  const listening = await listen<null>(transport, {
    host: HOST,
    port: 0,
    http: async () => ({ status: 404, headers: {}, body: '' }),
    sockets: {
      upgrade: () => (when === 'at once' ? ACCEPTED : setImmediate(ACCEPTED)),
      open() {},
      message: (socket, frame) => socket.send(Buffer.from(frame)),
      closed() {},
    },
    frameBytesMax: 1_000,
    bufferedBytesMax: 10_000,
  });
  await Promise.all(Array.from({ length: SOCKETS }, () => tryOne(listening.port)));
  await listening.close();
}
console.log(JSON.stringify(count));

/** Resolves when the socket was answered or has gone. */
function tryOne(port: number): Promise<void> {
  return new Promise((resolve) => {
    const client = new WebSocket(`ws://${HOST}:${port}`, 'echo');
    let isAnswered = false;
    client.on('open', () => client.send('anyone?'));
    client.on('message', () => {
      isAnswered = true;
      client.close();
    });
    client.on('error', () => {}); // The close event follows.
    client.on('close', () => {
      count[isAnswered ? 'answered' : 'cut'] += 1;
      resolve();
    });
  });
}
