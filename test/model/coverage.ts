/**
 * Which transitions of a machine that runs in production were taken, and which pairs of state and event were met.
 * Watches the machine object itself, before its first step: each transition begins with an action that tells of it.
 */
import type { AnyStateMachine, AnyTransitionDefinition } from 'xstate';

export interface Coverage {
  /** All transitions by name, such as `enabled LEAVE 0`; `any` stands for the machine itself. */
  readonly all: readonly string[];
  missed(): readonly string[];
  /** `state x event`, of all events of the machine. */
  missedPairs(): readonly string[];
  report(): string;
}

interface Args {
  readonly context: { readonly wallet?: { readonly status: string }; readonly card?: { readonly status: string } };
  readonly event: { readonly type: string };
}

export function watch(machine: AnyStateMachine): Coverage {
  const names = transitionNames(machine);
  const taken = new Set<string>();
  const met = new Set<string>();
  const actions = machine.implementations.actions as Record<string, (args: Args) => void>;
  for (const [transition, name] of names) {
    const type = `taken: ${name}`;
    (transition as { actions: unknown }).actions = [type, ...transition.actions];
    actions[type] = ({ context, event }) => {
      taken.add(name);
      met.add(pairName((context.wallet ?? context.card)!.status, event.type));
    };
  }
  const all = [...names.values()];
  const pairs = Object.keys(machine.states).flatMap((state) => machine.events.map((event) => pairName(state, event)));
  const missed = () => all.filter((name) => !taken.has(name));
  const missedPairs = () => pairs.filter((pair) => !met.has(pair));
  return {
    all,
    missed,
    missedPairs,
    report: () =>
      `${machine.id}: ${all.length - missed().length} of ${all.length} transitions, ` +
      `${pairs.length - missedPairs().length} of ${pairs.length} pairs of state and event; ` +
      `not met: ${[...missed(), ...missedPairs()].join(', ') || 'none'}`,
  };
}

function transitionNames(machine: AnyStateMachine): ReadonlyMap<AnyTransitionDefinition, string> {
  const names = new Map<AnyTransitionDefinition, string>();
  for (const node of [machine.root, ...Object.values(machine.states)]) {
    const state = node === machine.root ? 'any' : node.key;
    for (const [event, transitions] of node.transitions) {
      transitions.forEach((transition: AnyTransitionDefinition, index: number) => {
        names.set(transition, `${state} ${event} ${index}`);
      });
    }
  }
  return names;
}

function pairName(state: string, event: string): string {
  return `${state} x ${event}`;
}
