/** What a simulated world stops for. */

/** Which promise was broken: the invariants of the fault catalogue, and what they rest on. */
export type Check =
  /** I1: an acknowledged command is there once, with its answer. */
  | 'acknowledged'
  /** I2: nothing that was refused is there. */
  | 'refused'
  /** I3: totals, ranks and owners are what the accepted records give. */
  | 'recomputed'
  /** I4: chain, checksums, sequences and cursors follow each other; the folder is what an independent fold says. */
  | 'journal'
  /** I5: each command ends as exactly one of done, refused, unknown. */
  | 'ended'
  /** Nothing is seen that is not on disk. */
  | 'flushed'
  /** The memory of the engine, its rows, and its journal say the same. */
  | 'replayed'
  /** Answers are those of the law in its simplest form. */
  | 'law'
  /** A port was used against its contract. */
  | 'contract'
  /** The engine broke, did not open, or did not stop when it had to. */
  | 'broke'
  /** The world never came to rest. */
  | 'liveness';

export class Violation extends Error {
  readonly check: Check;

  constructor(check: Check, message: string) {
    super(message);
    this.check = check;
  }
}

export function expectThat(isSo: boolean, check: Check, message: () => string): void {
  if (!isSo) throw new Violation(check, message());
}

/** Thrown where the process dies in the middle of something: nothing after it runs. */
export class PowerCut extends Error {}
