/**
 * What a machine answers: facts to fold, messages to send, outcomes to tell. A machine decides and changes nothing,
 * so one template snapshot per state serves every wallet and every card.
 */
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { invariant } from './assert.ts';
import type { Answer, RecordOutcome, RefusalName } from './contract.ts';
import type { ActorMessage, Fact } from './facts.ts';

/** What became of a command or a record, as soon as it is known. */
export type Outcome =
  | { readonly kind: 'done'; readonly commandKey: string; readonly answer: Answer }
  | { readonly kind: 'refused'; readonly commandKey: string; readonly code: RefusalName; readonly detail?: string }
  | { readonly kind: 'record'; readonly key: string; readonly outcome: RecordOutcome };

/** One per decision; the machine's actions append to it and do nothing else. */
export interface Decision {
  readonly facts: Fact[];
  /** The receiver follows from the message: its card's partition, or its citizen's. */
  readonly messages: ActorMessage[];
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
 * Lets XState choose the transition (its guards judge), then runs that transition's actions and takes its target.
 * That is all a machine without nested states, entry and exit actions does in a step; test/engine/machines.test.ts
 * holds it to `transition()`. The public helper costs 20 us, since it builds an actor at each call; a step through
 * one reused scope still spends most of its time on what these machines do not have (bench/wallet.ts).
 */
export function machineSteps<Context extends object, Event extends { readonly type: string }>(
  machine: AnyStateMachine,
): Step<Context, Event> {
  const actions = machine.implementations.actions as Readonly<Record<string, Act | undefined>>;
  const templates = new Map<string, AnyMachineSnapshot>();
  for (const value of Object.keys(machine.states)) templates.set(value, machine.resolveState({ value, context: {} }));
  return (state, context, event) => {
    const template = templates.get(state);
    invariant(template !== undefined, `unknown state: ${state}`);
    // Nobody keeps a snapshot, so the one of this state serves every actor in turn.
    (template as { context: unknown }).context = context;
    const [transition] = machine.getTransitionData(template, event);
    invariant(transition !== undefined, `${machine.id} ${state} has no answer to ${event.type}`);
    for (const action of transition.actions as readonly NamedAction[]) {
      const { type, params } = typeof action === 'string' ? { type: action, params: undefined } : action;
      const act = actions[type];
      invariant(act !== undefined, `${machine.id} has no action ${type}`);
      act({ context, event }, params);
    }
    return transition.target?.[0]?.key ?? state;
  };
}

type Act = (args: { readonly context: unknown; readonly event: unknown }, params: unknown) => void;
type NamedAction = string | { readonly type: string; readonly params?: unknown };
