import type { Notice, NoticeContent } from '../../engine/contract.ts';
import type { HeldRows } from './held.ts';

/** What one citizen was told, or is to be. */
export class CitizenNotices {
  /** By id. */
  readonly known = new Map<string, Notice>();
  /** Of transfers that a bank has spoken of: not queued as yet, by id. */
  readonly owed = new Map<string, NoticeContent>();
  /** What each row of the list was, one after the other; by its sub. */
  readonly rows: HeldRows<Notice> = new Map();
}
