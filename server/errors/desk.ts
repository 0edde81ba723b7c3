/** What operators make of bad lines: they submit them, corrected or as they came, or dismiss them with a reason. */
import { type Clock, isLine, LIMITS, RESOLUTION_REASON_MAX, type Read, type Refused } from '../../engine/index.ts';
import type { Closing, ErrorFile, ErrorStore, ErrorsPage, ErrorsQuery, ErrorView } from './store.ts';

/** How a line of each kind of file is taken in: as the row of such a file is. */
export type LineTakers = Readonly<
  Record<ErrorFile['kind'], (error: Pick<ErrorView, 'file' | 'line'>, text: string) => Promise<Taken>>
>;
export type Taken = { readonly ok: true } | Refused;

export interface ErrorDeskOptions {
  readonly store: ErrorStore;
  readonly takers: LineTakers;
  readonly clock: Clock;
}

export class ErrorDesk {
  readonly #options: ErrorDeskOptions;

  constructor(options: ErrorDeskOptions) {
    this.#options = options;
  }

  page(query: ErrorsQuery): Promise<ErrorsPage> {
    return this.#options.store.page({ ...query, limit: Math.min(query.limit, LIMITS.errorsPageMax) });
  }

  /**
   * Takes a line in, and closes it if that went well; a line that was taken in before somebody died is no error now.
   *
   * @param text null = as it came
   * @returns ERROR_NOT_FOUND, ERROR_CLOSED, ERROR_LINE_NEEDED, FIELD_INVALID, why the line is refused once more: then it stays open
   */
  resubmit(id: string, text: string | null, operator: string): Promise<Read<ErrorView>> {
    return this.#options.store.close(id, async (error) => {
      if (text === null && !error.isWhole) return { ok: false, code: 'ERROR_LINE_NEEDED' };
      const line = text ?? error.text;
      if (line === '' || /[\r\n]/.test(line)) return { ok: false, code: 'FIELD_INVALID', detail: 'line' };
      const taken = await this.#options.takers[error.file.kind](error, line);
      return taken.ok ? this.#closing('taken', operator, '') : taken;
    });
  }

  /** @returns ERROR_NOT_FOUND, ERROR_CLOSED, FIELD_INVALID */
  dismiss(id: string, reason: string, operator: string): Promise<Read<ErrorView>> {
    return this.#options.store.close(id, async () => {
      if (reason.trim() === '' || !isLine(reason, RESOLUTION_REASON_MAX)) {
        return { ok: false, code: 'FIELD_INVALID', detail: 'reason' };
      }
      return this.#closing('dismissed', operator, reason);
    });
  }

  #closing(state: Closing['state'], operator: string, reason: string): Read<Closing> {
    return { ok: true, value: { state, operator, reason, closedMs: this.#options.clock.nowMs() } };
  }
}
