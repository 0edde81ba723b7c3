/** Where letters go. */
import type { NoticeResult } from '../../engine/index.ts';
import type { Letter } from './letter.ts';

/** `untried`: nobody was asked to take it in, so that nothing is to be counted. */
export type Delivery = Exclude<NoticeResult, { kind: 'withdrawn' }> | { readonly kind: 'untried' };

export interface NoticeSink {
  /** Letters that it takes together. A stop waits for no more than these. */
  readonly atOnceMax: number;
  /**
   * In order, each for itself. Who is told `delivered` has taken it in for good; in all other cases it may have been taken
   * in all the same, and comes again with the same id.
   */
  deliver(letters: readonly Letter[]): Promise<readonly Delivery[]>;
  close(): Promise<void>;
}
