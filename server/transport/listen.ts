/** Chooses the web server: uWebSockets.js where it loads, ws everywhere else. */
import { type Listening, TransportFault, type TransportOptions } from './transport.ts';
import { listenUws, loadUws } from './uws.ts';
import { listenWs } from './ws.ts';

/** `auto` takes uWebSockets.js if its binary loads here; `Listening.transport` says what was taken. */
export type TransportName = 'auto' | 'uws' | 'ws';

/** Rejects with TransportFault: PORT_IN_USE, PORT_FORBIDDEN; TRANSPORT_MISSING only when `uws` was asked for by name. */
export async function listen<T>(name: TransportName, options: TransportOptions<T>): Promise<Listening> {
  if (name === 'ws') return listenWs(options);
  const loaded = await loadUws();
  if (loaded.ok) return listenUws(loaded.uws, options);
  if (name === 'auto') return listenWs(options);
  throw new TransportFault('TRANSPORT_MISSING', 'uWebSockets.js does not load on this system', { cause: loaded.cause });
}
