/**
 * What waits for a turn: commands and rows, which may be refused, and what goes before them and never is. Says how much of
 * it the next turn takes.
 */
import type { Refused } from '../contract.ts';
import { LIMITS } from '../limits.ts';
import type { Quarantine } from '../ports.ts';
import type { Task } from './task.ts';

/** So many from the front of each. */
export interface Batch {
  readonly urgent: number;
  readonly waiting: number;
}

export class Mailbox {
  readonly #quarantine: Quarantine | undefined;
  readonly #waiting: Task[] = [];
  /** Messages and the engine's own tasks: bounded by what is in flight. */
  readonly #urgent: Task[] = [];
  #probeCount = 0;

  constructor(quarantine: Quarantine | undefined) {
    this.#quarantine = quarantine;
  }

  /** Beside probes. */
  get waitingCount(): number {
    return this.#waiting.length - this.#probeCount;
  }

  get isEmpty(): boolean {
    return this.#waiting.length + this.#urgent.length === 0;
  }

  get isOverloaded(): boolean {
    return this.#waiting.length >= LIMITS.mailboxCountMax;
  }

  add(task: Task): void {
    this.#waiting.push(task);
    if (isProbe(task)) this.#probeCount += 1;
  }

  addUrgent(task: Task): void {
    this.#urgent.push(task);
  }

  get hasProbes(): boolean {
    return this.#probeCount > 0;
  }

  /** @param isUrgentOnly what waits has to go on waiting */
  hasWork(isUrgentOnly: boolean): boolean {
    return this.#urgent.length > 0 || (this.#waiting.length > 0 && !isUrgentOnly);
  }

  /** A suspect gets a turn of its own: should the process die of it once more, nobody else is to blame. */
  next(isUrgentOnly: boolean): Batch {
    const waiting = isUrgentOnly ? 0 : Math.min(this.#waiting.length, LIMITS.batchCountMax);
    const all = { urgent: this.#urgent.length, waiting };
    const quarantine = this.#quarantine;
    if (quarantine?.hasSuspects !== true) return all;
    const suspect = this.look(all).findIndex(({ name }) => quarantine.isSuspect(name));
    if (suspect === -1) return all;
    const count = Math.max(1, suspect);
    return { urgent: Math.min(all.urgent, count), waiting: Math.max(0, count - all.urgent) };
  }

  look({ urgent, waiting }: Batch): readonly Task[] {
    return [...this.#urgent.slice(0, urgent), ...this.#waiting.slice(0, waiting)];
  }

  take({ urgent, waiting }: Batch): readonly Task[] {
    const batch = this.#urgent.splice(0, urgent);
    batch.push(...this.#takeWaiting(waiting));
    return batch;
  }

  /** Probes that the next turn would take. */
  takeProbes({ waiting }: Batch): readonly (Task & { readonly kind: 'probe' })[] {
    const next = this.#waiting.splice(0, waiting);
    const [probes, others] = [next.filter(isProbe), next.filter((task) => !isProbe(task))];
    this.#waiting.unshift(...others);
    this.#probeCount -= probes.length;
    return probes;
  }

  /** All that may be refused. */
  takeWaiting(): readonly Task[] {
    return this.#takeWaiting(this.#waiting.length);
  }

  #takeWaiting(count: number): readonly Task[] {
    const taken = this.#waiting.splice(0, count);
    for (const task of taken) if (isProbe(task)) this.#probeCount -= 1;
    return taken;
  }
}

function isProbe(task: Task): task is Task & { readonly kind: 'probe' } {
  return task.kind === 'probe';
}

/** Until a full mailbox has been worked off, at the pace seen in `bench/end-to-end.ts`. */
export function overloaded(nowMs: number): Refused {
  return { ok: false, code: 'OVERLOADED', retryAtMs: nowMs + LIMITS.mailboxDrainMs };
}
