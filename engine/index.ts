/** The door of the engine: all that other folders import. */

export { BrokenInvariant, invariant, unreachable } from './assert.ts';
export { coversDay } from './card/ownership.ts';
export * from './contract.ts';
export type {
  CoveredHpans,
  CoveredQuery,
  Engine,
  EngineStats,
  ExclusionsQuery,
  NoticesQuery,
  PaymentsQuery,
  PayoutsFilter,
  PayoutsQuery,
  PeriodView,
  Read,
  ReceivedFilesQuery,
  ReversalsQuery,
} from './engine.ts';
export { PAYOUTS_FILTERS } from './engine.ts';
export type * from './facts.ts';
export { addCents, type FileTally, isTokenList } from './file/received-file.ts';
export { InOrder } from './in-order.ts';
export { LIMITS } from './limits.ts';
export { citizenKeyText, partitionOf } from './partition.ts';
export { type PayoutOrder, type PayoutRun, partitionOfPayout } from './payout/payout.ts';
export * from './ports.ts';
export * from './programme/index.ts';
export { Coordinator, toCoordinator } from './shard/coordinator.ts';
export { chooseProgramme, DividedEngine } from './shard/divided-engine.ts';
export type { DueClosing } from './shard/intakes.ts';
export { type EngineOptions, openEngine } from './shard/open-engine.ts';
export type * from './shard/parts.ts';
export { RecoveredStore, StoreShard } from './shard/store-shard.ts';
