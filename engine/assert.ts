/** A programmer's error: never caught, the process stops and its supervisor restarts it. */
export class BrokenInvariant extends Error {
  readonly code = 'BROKEN_INVARIANT';
}

export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new BrokenInvariant(message);
}

/** Closes an exhaustive `switch`. */
export function unreachable(value: never): never {
  throw new BrokenInvariant(`unexpected value: ${JSON.stringify(value)}`);
}
