/** The door: the HTTP API as one handler for the transport. */

export type { ReconciledSums, Reconciliation } from './reconciliation.ts';
export { createHttpHandler, type HttpOptions, type RequestLine } from './router.ts';
