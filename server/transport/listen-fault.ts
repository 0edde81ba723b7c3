/** Why a port could not be had, from what the system said. */
import { TransportFault } from './transport.ts';

export function listenFault(cause: NodeJS.ErrnoException, host: string, port: number): TransportFault {
  if (cause.code === 'EACCES') {
    return new TransportFault(
      'PORT_FORBIDDEN',
      `this user may not listen on port ${port} of ${host}: choose another with --port`,
      { cause },
    );
  }
  const reason =
    cause.code === 'EADDRINUSE'
      ? `port ${port} of ${host} is in use`
      : `cannot listen on port ${port} of ${host} (${cause.code})`;
  return new TransportFault('PORT_IN_USE', `${reason}: choose another with --port`, { cause });
}
