/** What starting one's own Redis and one's own PostgreSQL have in common. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';

/** Nobody else is likely to take it in the moment until the database does. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export interface Ending {
  /** Asks it to end, and does not wait for clients. */
  readonly signal: NodeJS.Signals;
  /** Where this process ends first. */
  readonly exitSignal: NodeJS.Signals;
}

/** The database goes with this process; `stop` ends it before, and removes its folder. */
export function ownedProcess(child: ChildProcess, folder: string, { signal, exitSignal }: Ending): () => Promise<void> {
  const killChild = () => child.kill(exitSignal);
  process.once('exit', killChild);
  return async () => {
    process.off('exit', killChild);
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    }
    await rm(folder, { recursive: true });
  };
}
