/**
 * What a machine answers: facts to fold, messages to send, outcomes to tell. A machine decides and changes nothing.
 */
import type { AnyStateMachine } from 'xstate';
import { BrokenInvariant } from './assert.ts';
import type { LedgerEntry } from './card/card.ts';
import type { Answer, RecordOutcome, RefusalName, ReversalResolved } from './contract.ts';
import type { Read } from './engine.ts';
import type { ActorMessage, Fact } from './facts.ts';

/** What became of a command or a record, as soon as it is known. */
export type Outcome =
  | { readonly kind: 'done'; readonly commandKey: string; readonly answer: Answer }
  | { readonly kind: 'refused'; readonly commandKey: string; readonly code: RefusalName; readonly detail?: string }
  | { readonly kind: 'record'; readonly key: string; readonly outcome: RecordOutcome }
  | { readonly kind: 'resolution'; readonly key: string; readonly reply: Read<ReversalResolved> };

/** One per decision; the machine's actions append to it and do nothing else. */
export interface Decision {
  readonly facts: Fact[];
  /** The receiver follows from the message: its card's partition, or its citizen's. */
  readonly messages: ActorMessage[];
  readonly outcomes: Outcome[];
  /** Something of this actor is under way: ask again when it has ended. Nothing else was decided. */
  isDeferred: boolean;
  /** The record that counts from now on: a payment that its wallet has counted, a reversal that is stored. Null = none. */
  accepted: LedgerEntry | null;
}

export function newDecision(): Decision {
  return { facts: [], messages: [], outcomes: [], isDeferred: false, accepted: null };
}

/** Steps a machine from the named state with this context; returns the name of the next state. */
export type Step<Context, Event> = (state: string, context: Context, event: Event) => string;

/**
 * Steps by a table made, at the first step, from the transitions that XState read out of the machine: of a state and an event the
 * candidates in their order, those of the state before those of the root. The first whose guard holds gives actions
 * and target; that is all a machine without nested states, entry and exit actions does in a step, and
 * test/engine/machines.test.ts holds it to `transition()`. The public helper costs 20 us, since it builds an actor at
 * each call; `getTransitionData` 2 us, since it looks the same things up by name at each step (bench/wallet.ts).
 */
export function machineSteps<Context extends object, Event extends { readonly type: string }>(
  machine: AnyStateMachine,
): Step<Context, Event> {
  let table: Table | null = null;
  return (state, context, event) => {
    const args = { context, event };
    table ??= new Map(Object.entries(machine.states).map(([name, node]) => [name, candidatesOf(machine, node)]));
    for (const { guard, actions, target } of table.get(state)?.get(event.type) ?? []) {
      if (guard !== null && !guard(args)) continue;
      for (const { act, params } of actions) act(args, params);
      return target ?? state;
    }
    throw new BrokenInvariant(`${machine.id} ${state} has no answer to ${event.type}`);
  };
}

interface Args {
  readonly context: unknown;
  readonly event: unknown;
}
type Guard = (args: Args) => boolean;
type Act = (args: Args, params: unknown) => void;

interface Candidate {
  readonly guard: Guard | null;
  readonly actions: readonly { readonly act: Act; readonly params: unknown }[];
  readonly target: string | null;
}

/** By state and event. */
type Table = ReadonlyMap<string, ReadonlyMap<string, readonly Candidate[]>>;

type Node = AnyStateMachine['root'];

function candidatesOf(machine: AnyStateMachine, node: Node): ReadonlyMap<string, readonly Candidate[]> {
  const ofEvent = new Map<string, Candidate[]>();
  for (const { transitions } of [node, machine.root]) {
    for (const [type, definitions] of transitions) {
      ofEvent.set(type, [...(ofEvent.get(type) ?? []), ...definitions.map((one) => candidateOf(machine, one))]);
    }
  }
  return ofEvent;
}

type Definition = NonNullable<ReturnType<Node['transitions']['get']>>[number];

function candidateOf(machine: AnyStateMachine, { guard, actions, target }: Definition): Candidate {
  const { implementations } = machine;
  return {
    guard: guard === undefined ? null : (implementations.guards[guard as string] as Guard),
    actions: (actions as readonly NamedAction[]).map((action) => {
      const { type, params } = typeof action === 'string' ? { type: action, params: undefined } : action;
      return { act: (implementations.actions as Readonly<Record<string, Act>>)[type]!, params };
    }),
    target: target?.[0]?.key ?? null,
  };
}

type NamedAction = string | { readonly type: string; readonly params?: unknown };
