/**
 * Which transitions of a machine that runs in production were taken, and which pairs of state and event were met.
 * Watches the machine object itself: the engine decides through its `transition`.
 */
import type { AnyEventObject, AnyMachineSnapshot, AnyStateMachine, AnyTransitionDefinition } from 'xstate';

export interface Coverage {
  /** All transitions by name, such as `enabled LEAVE 0`; `any` stands for the machine itself. */
  readonly all: readonly string[];
  missed(): readonly string[];
  /** `state x event`, of all events of the machine. */
  missedPairs(): readonly string[];
  report(): string;
}

export function watch(machine: AnyStateMachine): Coverage {
  const names = transitionNames(machine);
  const taken = new Set<string>();
  const met = new Set<string>();
  const decide = machine.transition.bind(machine);
  machine.transition = (snapshot, event, scope) => {
    met.add(pairName(String(snapshot.value), event.type));
    for (const transition of transitionsFor(machine, snapshot, event)) taken.add(names.get(transition) ?? 'unknown');
    return decide(snapshot, event, scope);
  };
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

function transitionsFor(
  machine: AnyStateMachine,
  snapshot: AnyMachineSnapshot,
  event: AnyEventObject,
): readonly AnyTransitionDefinition[] {
  return machine.getTransitionData(snapshot, event);
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
