import type { Notice, NoticeContent } from '../../engine/contract.ts';
import type { Held } from './citizens.ts';
import type { Place } from './partition-log.ts';

/** What one citizen was told, or is to be. */
export class CitizenNotices {
  /** By id. */
  readonly known = new Map<string, Notice>();
  /** Of transfers that a bank has spoken of: not queued as yet, by id. */
  readonly owed = new Map<string, NoticeContent>();
  /** What each row of the list was, one after the other; by its sub. */
  readonly rows = new Map<string, Held<Notice>[]>();

  hold(sub: string, value: Notice | null, { sequence }: Place): void {
    const held = { value, sequence, isRowSeen: false };
    const before = this.rows.get(sub);
    if (before === undefined) this.rows.set(sub, [held]);
    else before.push(held);
  }
}
