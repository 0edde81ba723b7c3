/** The simplest machine that says what one citizen with one card can see: states, events, and what each is answered. */
import { setup } from 'xstate';

export interface Seen {
  readonly hasIban: boolean;
  readonly optIn: 'NOREQ' | 'ACCEPTED';
  readonly method: 'unknown' | 'unlisted' | 'listed';
  readonly isFavourite: boolean;
  readonly isOn: boolean;
  /** The card was ever active for this citizen: deactivating it again is done rather than unknown. */
  readonly wasOn: boolean;
  /** A payment counts. How many is no concern of the states: the counter is clamped to this. */
  readonly hasPaid: boolean;
  /** What the last event was answered. No part of the state. */
  readonly answer: string;
}

const EVENTS = [
  ...([
    'ENROL',
    'ENROL_OPTING_IN',
    'LEAVE',
    'SET_IBAN',
    'SET_BAD_IBAN',
    'ADD',
    'REMOVE',
    'REMOVE_TAKEN',
    'FAVOURITE',
  ] as const),
  ...(['ENABLE', 'ENABLE_TAKEN', 'ENABLE_ALL', 'DISABLE', 'DISABLE_TAKEN', 'PAY'] as const),
  ...(['EXCLUDE', 'LIFT'] as const),
];
export type SeenEvent = { readonly type: (typeof EVENTS)[number] };

const START: Seen = {
  hasIban: false,
  optIn: 'NOREQ',
  method: 'unknown',
  isFavourite: false,
  isOn: false,
  wasOn: false,
  hasPaid: false,
  answer: '',
};

const UNCOVERED = 'dropped INSTRUMENT_NOT_COVERED';

const basis = setup({
  types: { context: {} as Seen, events: {} as SeenEvent },
  guards: {
    isOn: ({ context }) => context.isOn,
    wasOn: ({ context }) => context.wasOn,
    isKnown: ({ context }) => context.method !== 'unknown',
    isListed: ({ context }) => context.method === 'listed',
    isOptInFree: ({ context }) => context.optIn === 'NOREQ',
  },
});

const done = (change: (seen: Seen) => Partial<Seen> = () => ({})) => ({
  actions: basis.assign(({ context }) => ({ answer: 'done', ...change(context) })),
});
const refused = (answer: string) => ({ actions: basis.assign({ answer }) });

/** Leaving and coming back both start from zero; what was ever listed or active is remembered. */
const cleared = ({ wasOn, method, isFavourite }: Seen): Partial<Seen> => {
  return { ...START, wasOn, method, isFavourite, answer: 'done' };
};
const on = ({ method }: Seen): Partial<Seen> => ({
  isOn: true,
  wasOn: true,
  method: method === 'unknown' ? 'unlisted' : method,
});
const excluded = refused('EXCLUDED');
const add = done(() => ({ method: 'listed' }));

const pay = [{ guard: 'isOn', ...done(() => ({ hasPaid: true, answer: '1.00' })) }, refused(UNCOVERED)] as const;

export const walletModel = basis.createMachine({
  context: START,
  initial: 'none',
  on: {
    LEAVE: done(),
    REMOVE: [
      { guard: 'isKnown', ...done(() => ({ method: 'unknown', isOn: false, isFavourite: false })) },
      refused('METHOD_NOT_FOUND'),
    ],
    FAVOURITE: [{ guard: 'isListed', ...done(() => ({ isFavourite: true })) }, refused('METHOD_NOT_FOUND')],
    REMOVE_TAKEN: refused('METHOD_NOT_FOUND'),
    ENABLE: refused('CITIZEN_NOT_ENABLED'),
    ENABLE_TAKEN: refused('CITIZEN_NOT_ENABLED'),
    ENABLE_ALL: refused('CITIZEN_NOT_ENABLED'),
    DISABLE: [{ guard: 'wasOn', ...done(() => ({ isOn: false })) }, refused('INSTRUMENT_NOT_FOUND')],
    DISABLE_TAKEN: refused('INSTRUMENT_NOT_YOURS'),
    PAY: refused(UNCOVERED),
    EXCLUDE: refused('EXCLUSION_EXISTS'),
    LIFT: refused('EXCLUSION_NOT_FOUND'),
  },
  states: {
    none: {
      on: {
        ENROL: { target: 'enabled', ...done() },
        ENROL_OPTING_IN: { target: 'enabled', ...done(() => ({ optIn: 'ACCEPTED' })) },
        SET_IBAN: refused('CITIZEN_NOT_FOUND'),
        SET_BAD_IBAN: refused('CITIZEN_NOT_FOUND'),
        ADD: refused('CITIZEN_NOT_FOUND'),
        EXCLUDE: refused('CITIZEN_NOT_FOUND'),
        LIFT: refused('CITIZEN_NOT_FOUND'),
      },
    },
    enabled: {
      on: {
        ENROL: done(),
        ENROL_OPTING_IN: [{ guard: 'isOptInFree', ...done(() => ({ optIn: 'ACCEPTED' })) }, done()],
        LEAVE: { target: 'disabled', ...done(cleared) },
        SET_IBAN: done(() => ({ hasIban: true })),
        SET_BAD_IBAN: refused('IBAN_INVALID'),
        ADD: add,
        ENABLE: done(on),
        ENABLE_TAKEN: refused('INSTRUMENT_TAKEN'),
        ENABLE_ALL: [{ guard: 'isListed', ...done(on) }, done()],
        PAY: pay,
        EXCLUDE: { target: 'excluded', ...done() },
      },
    },
    // What was paid is kept, and so is what is paid meanwhile.
    excluded: {
      on: {
        ENROL: excluded,
        ENROL_OPTING_IN: excluded,
        LEAVE: { target: 'barred', ...done(cleared) },
        SET_IBAN: excluded,
        SET_BAD_IBAN: excluded,
        ADD: excluded,
        ENABLE: excluded,
        ENABLE_TAKEN: excluded,
        ENABLE_ALL: excluded,
        PAY: pay,
        LIFT: { target: 'enabled', ...done() },
      },
    },
    // Left, and may not come back.
    barred: {
      on: {
        ENROL: excluded,
        ENROL_OPTING_IN: excluded,
        SET_IBAN: refused('CITIZEN_NOT_ENABLED'),
        SET_BAD_IBAN: refused('CITIZEN_NOT_ENABLED'),
        ADD: add,
        LIFT: { target: 'disabled', ...done() },
      },
    },
    disabled: {
      on: {
        EXCLUDE: { target: 'barred', ...done() },
        ENROL: { target: 'enabled', ...done(cleared) },
        // The choice may be given at a first enrolment only (domain 2.1).
        ENROL_OPTING_IN: { target: 'enabled', ...done(cleared) },
        SET_IBAN: refused('CITIZEN_NOT_ENABLED'),
        SET_BAD_IBAN: refused('CITIZEN_NOT_ENABLED'),
        ADD: add,
      },
    },
  },
});

/** What makes two moments of a life the same state. */
export function seenState({ value, context }: { readonly value: unknown; readonly context: Seen }): string {
  return JSON.stringify([value, { ...context, answer: '' }]);
}
