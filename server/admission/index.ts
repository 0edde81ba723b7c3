/** The door of admission: what one connection may ask for, and when to come back. */
export {
  CONNECTION_LIMITS,
  type ConnectionLimits,
  PUSH_BUFFERED_BYTES_MAX,
  TRANSPORT_BUFFERED_BYTES_MAX,
  TRANSPORT_FRAME_BYTES_MAX,
} from './limits.ts';
export { retryAtMs } from './retry.ts';
export { Storage, type StorageStatus } from './storage.ts';
