/** Who is let in before whom, and whom nobody can crowd out. */
import { invariant, type Role } from '../../engine/index.ts';
import type { RequestType } from '../wire/index.ts';

/** A bulkhead each: `share` of every door is its own, however many come through the others (R9). */
export const CHANNELS = {
  citizens: { share: 0.5 },
  issuers: { share: 0.2 },
  acquirers: { share: 0.2 },
  operators: { share: 0.1 },
} as const;
export type Channel = keyof typeof CHANNELS;

/**
 * The most urgent first: who is about to finish goes before who begins. `fill` is how full a door may be for a request
 * of this class to pass, so the last room is left to those above; `weight` divides among the classes what is promised to
 * those who wait, so that none waits for ever.
 */
export const CLASSES = {
  enrolment: { fill: 1, weight: 8 },
  account: { fill: 0.97, weight: 6 },
  card: { fill: 0.94, weight: 5 },
  stream: { fill: 0.9, weight: 4 },
  read: { fill: 0.85, weight: 3 },
} as const;
export type Class = keyof typeof CLASSES;

export const CHANNEL_NAMES = Object.keys(CHANNELS) as readonly Channel[];
export const CLASS_NAMES = Object.keys(CLASSES) as readonly Class[];

export const CHANNEL_OF = {
  citizen: 'citizens',
  issuer: 'issuers',
  acquirer: 'acquirers',
  operator: 'operators',
} as const satisfies Record<Role, Channel>;

/** Null: it costs the engine nothing. */
export const CLASS_OF = {
  enrol: 'enrolment',
  leave: 'enrolment',
  setIban: 'account',
  addMethod: 'card',
  removeMethod: 'card',
  setFavourite: 'card',
  enableCashback: 'card',
  disableCashback: 'card',
  enableAll: 'card',
  recordPayments: 'stream',
  wallet: 'read',
  instrument: 'read',
  payments: 'read',
  total: 'read',
  milestones: 'read',
  ranking: 'read',
  rankingPage: 'read',
  periods: 'read',
  outcome: 'read',
  subscribe: null,
  unsubscribe: null,
  authenticate: null,
} as const satisfies Record<RequestType, Class | null>;

const shares = CHANNEL_NAMES.reduce((sum, name) => sum + CHANNELS[name].share, 0);
invariant(Math.abs(shares - 1) < 1e-9, 'the shares of all channels are one door');
invariant(
  CLASS_NAMES.every((name, at) => at === 0 || CLASSES[name].fill < CLASSES[CLASS_NAMES[at - 1]!].fill),
  'each class leaves room for those above it',
);
