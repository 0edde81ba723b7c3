/** The rows of one acquirer's message: each is judged, sent on and answered by itself, in order. */
import {
  type Clock,
  checkRecordFields,
  type Engine,
  type RecordOutcome,
  type Refused,
  type RowContext,
  romeDayNumber,
} from '../../engine/index.ts';
import { isNetworkPan, type RecordPaymentsRequest, type RowOutcome } from '../wire/index.ts';

type RawRow = RecordPaymentsRequest['rows'][number];

/**
 * @param sender the ABI of the token
 * @param done called once, when the last row is flushed or refused
 */
export function recordRows(
  { engine, clock }: { readonly engine: Engine; readonly clock: Clock },
  sender: string,
  rows: readonly RawRow[],
  done: (outcomes: readonly RowOutcome[]) => void,
): void {
  const receivedMs = clock.nowMs(); // Stamped once, where the rows entered.
  const context: RowContext = { sender, programme: engine.programme, todayDayNumber: romeDayNumber(receivedMs) };
  const outcomes = new Array<RowOutcome>(rows.length);
  let unanswered = rows.length;
  const answer = (index: number, outcome: RowOutcome) => {
    outcomes[index] = outcome;
    unanswered -= 1;
    if (unanswered === 0) done(outcomes);
  };

  rows.forEach((row, index) => {
    const checked = checkRow(row, context);
    if (!checked.ok) answer(index, { status: 'rejected', code: checked.code, detail: checked.detail });
    else {
      const { ok: _ok, ...row } = checked;
      engine.record({ ...row, receivedMs }, (outcome) => answer(index, outcomeOf(outcome, clock.nowMs())));
    }
  });
}

function checkRow(row: RawRow, context: RowContext): ReturnType<typeof checkRecordFields> {
  const column = Object.keys(row).find((name) => typeof row[name] === 'string' && isNetworkPan(row[name]));
  if (column !== undefined) return { ok: false, code: 'FIELD_INVALID', detail: column };
  return checkRecordFields(row, context);
}

function outcomeOf(outcome: RecordOutcome | Refused, nowMs: number): RowOutcome {
  if (!('ok' in outcome)) return outcome;
  const { code, retryAtMs } = outcome;
  if (retryAtMs === undefined) return { status: 'refused', code };
  return { status: 'refused', code, retryAtMs, waitMs: Math.max(0, retryAtMs - nowMs) };
}
