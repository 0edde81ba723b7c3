/** The door of admission: what one connection may ask for, who is let in, and when to come back. */
export { Addresses } from './addresses.ts';
export { Admission, type ComeBack, type Place } from './admission.ts';
export { Arrivals } from './arrivals.ts';
export { Allowance } from './budget.ts';
export { CHANNEL_OF, CLASS_OF, type Class } from './classes.ts';
export type { Load } from './door.ts';
export type { FileLane } from './file-lane.ts';
export {
  CONNECTION_LIMITS,
  type ConnectionLimits,
  PUSH_UNREAD_BYTES_MAX,
  SLOW_READ_MS_MAX,
  TRANSPORT_BUFFERED_BYTES_MAX,
  TRANSPORT_FRAME_BYTES_MAX,
  UNREAD_BYTES_MAX_TOGETHER,
} from './limits.ts';
export { Outside } from './outside.ts';
export { Requests } from './requests.ts';
export { retryAtMs, retryMs } from './retry.ts';
export { Stamps } from './stamps.ts';
export { Storage, type StorageStatus } from './storage.ts';
