/**
 * A peer in a process of its own: clickday's front, somebody else's database behind it. Takes its options as JSON,
 * says `ready` as the engine's process does, ends with its parent.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type Engine, italy2020 } from '../../engine/index.ts';
import { TRANSPORT_BUFFERED_BYTES_MAX, TRANSPORT_FRAME_BYTES_MAX } from '../../server/admission/index.ts';
import { createClock } from '../../server/clock.ts';
import { openFolderIdentity } from '../../server/index.ts';
import { createSocketHandlers } from '../../server/session/index.ts';
import { listen, type TransportName } from '../../server/transport/index.ts';
import { openPeerEngine } from './peer-engine.ts';
import { openPostgresBackend } from './postgres-backend.ts';
import { openRedisBackend } from './redis-backend.ts';

export interface PeerOptions {
  /** Holds the identity whose tokens are taken. */
  readonly data: string;
  readonly database: 'redis' | 'postgres';
  readonly databasePort: number;
  readonly now: string;
  readonly transport: TransportName;
}

async function main({ data, database, databasePort, now, transport }: PeerOptions): Promise<void> {
  const monotonicMs = () => performance.now();
  const clock = createClock({ startMs: Date.parse(now), monotonicMs, realMs: Date.now });
  const backend = await (database === 'redis' ? openRedisBackend : openPostgresBackend)(databasePort);
  const engine = openPeerEngine({ backend, programme: italy2020(), clock, failed: stopAtOnce });
  const { identity } = await openFolderIdentity(data);
  const listening = await listen(transport, {
    host: '127.0.0.1',
    port: 0,
    http: async () => ({ status: 404, headers: {}, body: '' }),
    sockets: createSocketHandlers({
      readFailed: (fault) => {
        throw fault;
      },
      // The workloads that peers serve never read, so they never call what a peer does not have.
      engine: engine as Engine,
      ...{ identity, clock, realMs: Date.now, monotonicMs, random: Math.random },
      pause,
      repeat: (task, intervalMs) => {
        const timer = setInterval(task, intervalMs);
        timer.unref();
        return () => clearInterval(timer);
      },
    }),
    frameBytesMax: TRANSPORT_FRAME_BYTES_MAX,
    bufferedBytesMax: TRANSPORT_BUFFERED_BYTES_MAX,
  });
  process.on('SIGTERM', () => void engine.close().then(() => process.exit(0)));
  process.on('disconnect', () => process.exit(0));
  process.send?.({ ready: { url: `http://127.0.0.1:${listening.port}`, transport: listening.transport } });
}

function stopAtOnce(error: unknown): void {
  process.stderr.write(`the peer stops: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}

main(JSON.parse(process.argv[2] ?? '{}') as PeerOptions).catch(stopAtOnce);
