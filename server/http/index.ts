/** The door: the HTTP API as one handler for the transport. */
export { createHttpHandler, type HttpOptions, type RequestLine } from './router.ts';
