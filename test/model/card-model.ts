/** The simplest machine that says who owns a card, between two citizens who both want it, and whose a payment is. */
import { type SnapshotFrom, setup } from 'xstate';

export type Name = 'A' | 'B';

export interface Held {
  /** Who had the card last; null = nobody yet. */
  readonly owner: Name | null;
  readonly hadA: boolean;
  readonly hadB: boolean;
  /** Whose payment a reversal would take back. */
  readonly reversible: Name | null;
  /** Whose activation of this card and another one is undecided, and how it will end. */
  readonly claimant: Name | null;
  readonly isGranted: boolean;
  /** A payment waits for that. */
  readonly isPaymentHeld: boolean;
  /** What the last event was answered. No part of the state. */
  readonly answer: string;
}

export type HeldEvent =
  | { readonly type: 'ENABLE' | 'DISABLE' | 'LEAVE'; readonly who: Name }
  /** Enabling the card with a token whose own card has not answered yet, and will then be free, or taken. */
  | { readonly type: 'CLAIM'; readonly who: Name; readonly isGranted: boolean }
  | { readonly type: 'PAY' | 'REPEAT' | 'REVERSE' | 'TOMORROW' }
  /** The token's card answers. */
  | { readonly type: 'DECIDE' };

const NAMES = ['A', 'B'] as const;
export const HELD_EVENTS: readonly HeldEvent[] = [
  ...(['ENABLE', 'DISABLE', 'LEAVE'] as const).flatMap((type) => NAMES.map((who) => ({ type, who }))),
  ...NAMES.flatMap((who) => [true, false].map((isGranted) => ({ type: 'CLAIM' as const, who, isGranted }))),
  ...(['PAY', 'REPEAT', 'REVERSE', 'TOMORROW', 'DECIDE'] as const).map((type) => ({ type })),
];

/** Not what is answered only later: whoever waits for an activation, and records that wait for it, but one kind. */
export function isAnswered({ value, context }: SnapshotFrom<typeof cardModel>, event: HeldEvent): boolean {
  const isProvisional = value === 'provisional';
  if (event.type === 'CLAIM') return value === 'absent' || value === 'inactive';
  if (event.type === 'DECIDE') return isProvisional;
  if (!isProvisional || event.type === 'PAY') return true;
  return 'who' in event && event.who !== context.claimant;
}

const UNDECIDED = { claimant: null, isGranted: false, isPaymentHeld: false } as const;
const START: Held = { owner: null, hadA: false, hadB: false, reversible: null, ...UNDECIDED, answer: '' };
const UNCOVERED = 'dropped INSTRUMENT_NOT_COVERED';

const basis = setup({
  types: { context: {} as Held, events: {} as HeldEvent },
  guards: {
    isOwner: ({ context, event }) => 'who' in event && event.who === context.owner,
    isReversible: ({ context }) => context.reversible !== null,
    isGranted: ({ context }) => context.isGranted,
    isNew: ({ context }) => context.owner === null,
  },
});
const told = (answer: string, change: (held: Held, who: Name | null) => Partial<Held> = () => ({})) => ({
  actions: basis.assign(({ context, event }) => ({ answer, ...change(context, 'who' in event ? event.who : null) })),
});

const give = (held: Held, who: Name | null): Partial<Held> => ({
  owner: who,
  hadA: held.hadA || who === 'A',
  hadB: held.hadB || who === 'B',
});
/** Who leaves takes the payments along: there is nothing to match any more. */
const leave = (held: Held, who: Name | null): Partial<Held> => ({
  reversible: held.reversible === who ? null : held.reversible,
});

const claim = {
  target: 'provisional',
  actions: basis.assign(({ event }) =>
    event.type === 'CLAIM' ? { claimant: event.who, isGranted: event.isGranted, answer: 'waits' } : {},
  ),
};
const decide = (answer: string, heldAnswer: string, change: (held: Held) => Partial<Held>) => ({
  actions: basis.assign(({ context }) => ({
    ...change(context),
    ...UNDECIDED,
    answer: context.isPaymentHeld ? `${answer}, ${heldAnswer}` : answer,
  })),
});
const withdrawn = decide('INSTRUMENT_TAKEN', UNCOVERED, () => ({}));

export const cardModel = basis.createMachine({
  context: START,
  initial: 'absent',
  // Leaving is always done, and whoever left is back at once.
  on: {
    LEAVE: told('done', leave),
    // The key of a payment that was dropped is not remembered: the same guard says no again.
    REPEAT: told(UNCOVERED),
    PAY: told(UNCOVERED),
    REVERSE: told(UNCOVERED),
    TOMORROW: told('rejected RECORD_IN_FUTURE'),
  },
  states: {
    absent: {
      on: {
        CLAIM: claim,
        ENABLE: { target: 'active', ...told('done', give) },
        DISABLE: told('INSTRUMENT_NOT_FOUND'),
      },
    },
    inactive: {
      on: {
        CLAIM: claim,
        ENABLE: { target: 'active', ...told('done', give) },
        DISABLE: [{ guard: 'isOwner', ...told('done') }, told('INSTRUMENT_NOT_YOURS')],
      },
    },
    provisional: {
      on: {
        ENABLE: told('INSTRUMENT_TAKEN'),
        DISABLE: told('INSTRUMENT_NOT_YOURS'),
        PAY: told('waits', () => ({ isPaymentHeld: true })),
        DECIDE: [
          {
            guard: 'isGranted',
            target: 'active',
            ...decide('done', '1.00', (held) => ({
              ...give(held, held.claimant),
              reversible: held.isPaymentHeld ? held.claimant : held.reversible,
            })),
          },
          { guard: 'isNew', target: 'absent', ...withdrawn },
          { target: 'inactive', ...withdrawn },
        ],
      },
    },
    active: {
      on: {
        ENABLE: [{ guard: 'isOwner', ...told('done') }, told('INSTRUMENT_TAKEN')],
        DISABLE: [{ guard: 'isOwner', target: 'inactive', ...told('done') }, told('INSTRUMENT_NOT_YOURS')],
        LEAVE: [{ guard: 'isOwner', target: 'inactive', ...told('done', leave) }, told('done', leave)],
        PAY: told('1.00', ({ owner }) => ({ reversible: owner })),
        REPEAT: told('rejected DUPLICATE_RECORD', ({ owner }) => ({ reversible: owner })),
        REVERSE: [{ guard: 'isReversible', ...told('-1.00', () => ({ reversible: null })) }, told('pending')],
      },
    },
  },
});

/** What makes two moments of a card the same state. */
export function heldState({ value, context }: { readonly value: unknown; readonly context: Held }): string {
  return JSON.stringify([value, { ...context, answer: '' }]);
}
