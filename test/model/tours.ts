/**
 * Walks that take every transition of a model: from where it stands a tour goes to the nearest transition not yet
 * taken; where none can be reached, another tour begins. For the wallet 984 steps; one path per transition takes 3,444.
 */
import type { EventObject, Snapshot } from 'xstate';
import type { AdjacencyMap, SerializedEvent, SerializedSnapshot } from 'xstate/graph';

export function tours<S extends Snapshot<unknown>, E extends EventObject>(
  map: AdjacencyMap<S, E>,
  initial: string,
  serialize: (state: S) => string,
): readonly (readonly E[])[] {
  const left = new Set<string>();
  for (const [state, { transitions }] of Object.entries(map)) {
    for (const event of Object.keys(transitions)) left.add(edge(state, event));
  }
  const found: E[][] = [];
  while (left.size > 0) {
    const tour: E[] = [];
    let at = initial;
    for (let path = nearest(map, at, left, serialize); path !== null; path = nearest(map, at, left, serialize)) {
      for (const key of path) {
        left.delete(edge(at, key));
        const taken = map[at as SerializedSnapshot]!.transitions[key as SerializedEvent]!;
        tour.push(taken.event);
        at = serialize(taken.state);
      }
    }
    if (tour.length === 0) throw new Error(`not reachable from the start: ${[...left].join(', ')}`);
    found.push(tour);
  }
  return found;
}

/** Keys of the events on the shortest way whose last step is not taken yet; null = there is none from here. */
function nearest<S extends Snapshot<unknown>, E extends EventObject>(
  map: AdjacencyMap<S, E>,
  from: string,
  left: ReadonlySet<string>,
  serialize: (state: S) => string,
): readonly string[] | null {
  const seen = new Set([from]);
  let front: { readonly at: string; readonly path: readonly string[] }[] = [{ at: from, path: [] }];
  while (front.length > 0) {
    const next: typeof front = [];
    for (const { at, path } of front) {
      for (const [key, { state }] of Object.entries(map[at as SerializedSnapshot]!.transitions)) {
        if (left.has(edge(at, key))) return [...path, key];
        const reached = serialize(state);
        if (seen.has(reached)) continue;
        seen.add(reached);
        next.push({ at: reached, path: [...path, key] });
      }
    }
    front = next;
  }
  return null;
}

function edge(state: string, event: string): string {
  return `${state} -> ${event}`;
}
