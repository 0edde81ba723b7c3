/** The door of persistence: a data folder on a disk, and its twin in memory. */

export { type Checked, type Inspection, verifyFolder } from './inspect.ts';
export { openPersistence, type PersistenceOptions } from './lmdb/persistence.ts';
export { CRASH_POINTS, type CrashPoint, type OnPoint } from './media.ts';
export { MemoryDisk } from './memory/disk.ts';
export { type MemoryPersistence, type MemoryPersistenceOptions, openMemoryPersistence } from './memory/persistence.ts';
export type { Persistence } from './persistence.ts';
export type { SavedRanking } from './ranking-file.ts';
