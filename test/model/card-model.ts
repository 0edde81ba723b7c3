/** The simplest machine that says who owns a card, between two citizens who both want it, and whose a payment is. */
import { setup } from 'xstate';

export type Name = 'A' | 'B';

export interface Held {
  /** Who had the card last; null = nobody yet. */
  readonly owner: Name | null;
  readonly hadA: boolean;
  readonly hadB: boolean;
  /** Whose payment a reversal would take back. */
  readonly reversible: Name | null;
  /** What the last event was answered. No part of the state. */
  readonly answer: string;
}

export type HeldEvent =
  | { readonly type: 'ENABLE' | 'DISABLE' | 'LEAVE'; readonly who: Name }
  | { readonly type: 'PAY' | 'REPEAT' | 'REVERSE' | 'TOMORROW' };

export const HELD_EVENTS: readonly HeldEvent[] = [
  ...(['ENABLE', 'DISABLE', 'LEAVE'] as const).flatMap((type) => [
    { type, who: 'A' as const },
    { type, who: 'B' as const },
  ]),
  ...(['PAY', 'REPEAT', 'REVERSE', 'TOMORROW'] as const).map((type) => ({ type })),
];

const START: Held = { owner: null, hadA: false, hadB: false, reversible: null, answer: '' };
const UNCOVERED = 'dropped INSTRUMENT_NOT_COVERED';

const basis = setup({
  types: { context: {} as Held, events: {} as HeldEvent },
  guards: {
    isOwner: ({ context, event }) => 'who' in event && event.who === context.owner,
    isReversible: ({ context }) => context.reversible !== null,
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
        ENABLE: { target: 'active', ...told('done', give) },
        DISABLE: told('INSTRUMENT_NOT_FOUND'),
      },
    },
    inactive: {
      on: {
        ENABLE: { target: 'active', ...told('done', give) },
        DISABLE: [{ guard: 'isOwner', ...told('done') }, told('INSTRUMENT_NOT_YOURS')],
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
