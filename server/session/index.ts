/** The door of the sessions: handlers for a transport. */
export type { Session } from './session.ts';
export {
  createSocketHandlers,
  type Repeat,
  type SessionHandlers,
  SOCKET_PATH,
  type SocketHandlersOptions,
} from './socket-handlers.ts';
export { Work } from './work.ts';
