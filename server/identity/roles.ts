/** The one table of roles: who may ask for what, and whom each role may name (promise 7, faults 56). */
import type { Role } from '../../engine/index.ts';
import type { RequestType } from '../wire/index.ts';

/** Whom a request is about: `self` comes from the token and nowhere else. */
export const SUBJECTS = {
  citizen: 'self',
  issuer: 'named',
  operator: 'named',
  acquirer: 'nobody',
} as const satisfies Record<Role, 'self' | 'named' | 'nobody'>;

/** Every request type; one that is missing here does not compile. */
export const ALLOWED = {
  enrol: ['citizen', 'issuer'],
  leave: ['citizen', 'issuer'],
  setIban: ['citizen', 'issuer'],
  addMethod: ['citizen', 'issuer'],
  removeMethod: ['citizen', 'issuer'],
  setFavourite: ['citizen'],
  enableCashback: ['citizen', 'issuer'],
  disableCashback: ['citizen', 'issuer'],
  enableAll: ['citizen'],

  wallet: ['citizen', 'issuer', 'operator'],
  instrument: ['citizen', 'issuer', 'operator'],
  payments: ['citizen', 'operator'],
  total: ['citizen', 'issuer', 'operator'],
  milestones: ['citizen', 'operator'],
  ranking: ['citizen', 'issuer', 'operator'],
  outcome: ['citizen', 'issuer', 'operator'],
  rankingPage: ['citizen', 'operator'],
  periods: ['citizen', 'issuer', 'acquirer', 'operator'],

  recordPayments: ['acquirer'],

  subscribe: ['citizen'],
  unsubscribe: ['citizen'],
  authenticate: ['citizen', 'issuer', 'acquirer', 'operator'],
} as const satisfies Record<RequestType, readonly Role[]>;

export function mayUse(role: Role, type: RequestType): boolean {
  return (ALLOWED[type] as readonly Role[]).includes(role);
}

/** Only an operator sees who holds a rank; everyone else sees ranks and counts. */
export function seesCitizens(role: Role): boolean {
  return role === 'operator';
}
