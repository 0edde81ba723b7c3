/** A third party as the simulator holds it. */
import type * as v from 'valibot';

export interface SimulatedAnswer {
  readonly status: number;
  readonly body?: unknown;
}

export interface SimulatedPartner {
  /** What its control takes, beside how it behaves. */
  readonly settings: v.ObjectEntries;
  takes(method: string, path: string): boolean;
  answer(body: unknown, settings: Readonly<Record<string, unknown>>, path: string): SimulatedAnswer;
}
