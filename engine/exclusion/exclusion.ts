/**
 * Exclusions as a partition keeps them: lists of proposals that wait, of what is excluded and of what was lifted. Each
 * subject, a citizen or one payment, is at most once among those that wait, and at most once in the other two.
 */
import type { CitizenKey, Exclusion, Hpan, ListedExclusionState } from '../contract.ts';
import type { ExclusionFact } from '../facts.ts';

/** What it is about, as rows name it; the key of a payment's record is digested. */
export function exclusionSubject(payment: { readonly hpan: Hpan; readonly key: string } | null): string {
  return payment === null ? 'citizen' : `payment ${payment.hpan} ${payment.key}`;
}

export function exclusionSub(state: ListedExclusionState, citizen: CitizenKey, subject: string): string {
  return `${exclusionPrefix(state)}${citizen} ${subject}`;
}

export function exclusionPrefix(state: ListedExclusionState): string {
  return `${state} `;
}

export type ExclusionChange = readonly [sub: string, row: Exclusion | null];

/** What a fact does to the lists. What the rule excludes leaves a proposal about it waiting. */
export function exclusionChanges({
  citizen,
  subject,
  exclusion,
}: Extract<ExclusionFact, { kind: 'exclusionSet' }>): readonly ExclusionChange[] {
  const { state, proposedBy } = exclusion;
  const row = (name: ListedExclusionState, isThere: boolean): ExclusionChange => {
    return [exclusionSub(name, citizen, subject), isThere ? exclusion : null];
  };
  if (state === 'proposed') return [row('proposed', true)];
  const decided = proposedBy === '' ? [] : [row('proposed', false)];
  if (state === 'rejected') return decided;
  return [...decided, row('excluded', state === 'excluded'), row('lifted', state === 'lifted')];
}
