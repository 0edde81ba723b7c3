/** The door of the versions: which client asks, and what it may. */
export type { Access, FeatureRefusal } from './access.ts';
export { type Client, clientOf } from './client-version.ts';
export { type ClientReply, executeFor } from './execute.ts';
export { checkPolicy, EVERYTHING, type Policy, readPolicy } from './policy.ts';
export { Versions, type VersionsOptions } from './versions.ts';
