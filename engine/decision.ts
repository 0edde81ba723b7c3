/**
 * What a machine answers: facts to fold, messages to send, outcomes to tell. A machine decides and changes nothing,
 * so one template snapshot per state serves every wallet and every card.
 */
import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { createActor } from 'xstate';
import { invariant } from './assert.ts';
import type { Answer, RecordOutcome, RefusalName } from './contract.ts';
import type { Fact, MessageBody } from './facts.ts';

/** What became of a command or a record, as soon as it is known. */
export type Outcome =
  | { readonly kind: 'done'; readonly commandKey: string; readonly answer: Answer }
  | { readonly kind: 'refused'; readonly commandKey: string; readonly code: RefusalName; readonly detail?: string }
  | { readonly kind: 'record'; readonly key: string; readonly outcome: RecordOutcome };

/** One per decision; the machine's actions append to it and do nothing else. */
export interface Decision {
  readonly facts: Fact[];
  /** The receiver follows from the message: its card's partition, or its citizen's. */
  readonly messages: MessageBody[];
  readonly outcomes: Outcome[];
  /** Something of this actor is under way: ask again when it has ended. Nothing else was decided. */
  isDeferred: boolean;
}

export function newDecision(): Decision {
  return { facts: [], messages: [], outcomes: [], isDeferred: false };
}

/** Steps a machine from the named state with this context; returns the name of the next state. */
export type Step<Context, Event> = (state: string, context: Context, event: Event) => string;

/**
 * The public `transition()` of XState builds an actor at each call (20 us). With one scope for ever, and a
 * snapshot that is its state's template with another context, a step costs 3 us (bench/wallet.ts).
 */
export function machineSteps<Context extends object, Event extends { readonly type: string }>(
  machine: AnyStateMachine,
): Step<Context, Event> {
  const scope = actorScope();
  const templates = new Map<string, AnyMachineSnapshot>();
  for (const value of Object.keys(machine.states)) templates.set(value, machine.resolveState({ value, context: {} }));
  return (state, context, event) => {
    const template = templates.get(state);
    invariant(template !== undefined, `unknown state: ${state}`);
    const next = machine.transition({ ...template, context } as unknown as AnyMachineSnapshot, event, scope);
    return next.value as string;
  };
}

/** The scope of an actor that does nothing; actions run at once and unobserved. */
function actorScope(): AnyActorScope {
  let scope: AnyActorScope | undefined;
  createActor({
    getInitialSnapshot: (own: AnyActorScope) => {
      scope = own;
      return { status: 'active' as const, output: undefined, error: undefined };
    },
    transition: (snapshot) => snapshot,
    getPersistedSnapshot: (snapshot) => snapshot,
  });
  invariant(scope !== undefined, 'an actor asks for its initial snapshot when it is made');
  return { ...scope, actionExecutor: (action) => action.exec?.(action.info, action.params) };
}
