/**
 * What goes into the engine and what comes out of it: commands, answers, views and refusals, by what they are about.
 * Types and constants only, which import nothing but each other: the client shares them, through this file.
 *
 * Money is integer cents. Instants are milliseconds since the epoch, UTC. Days are `YYYY-MM-DD`, Europe/Rome.
 */
export * from './contract/accounts.ts';
export * from './contract/cards.ts';
export * from './contract/commands.ts';
export * from './contract/exclusions.ts';
export * from './contract/fates.ts';
export * from './contract/files.ts';
export * from './contract/keys.ts';
export * from './contract/notices.ts';
export * from './contract/payouts.ts';
export * from './contract/periods.ts';
export * from './contract/programme.ts';
export * from './contract/records.ts';
export * from './contract/refusals.ts';
export * from './contract/reversals.ts';
export * from './contract/wallets.ts';
