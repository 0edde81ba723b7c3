/** From a decoded frame to a request that its schema vouches for, or to the refusal that names the field at fault. */
import * as v from 'valibot';
import { REQUESTS, type RequestType, type WireRequest } from './schemas.ts';

/** Rows are judged one by one, by the same rules as those of a file: a bad row does not hold up the good ones. */
export interface RecordPaymentsRequest {
  readonly ref: number;
  readonly type: 'recordPayments';
  readonly ticket?: string;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

export type CheckedRequest = Exclude<WireRequest, { readonly type: 'recordPayments' }> | RecordPaymentsRequest;

export type RequestCheck =
  | { readonly ok: true; readonly request: CheckedRequest }
  | {
      readonly ok: false;
      /** Null when the frame does not say which request it is. */
      readonly ref: number | null;
      readonly code: 'BAD_FRAME' | 'UNKNOWN_COMMAND' | 'FIELD_INVALID';
      readonly detail: string;
    };

const anyRow = v.custom<Readonly<Record<string, unknown>>>(isMap, 'a row is a map of fields');

/** As REQUESTS, with the rows of acquirers still unread. A Map: names such as `toString` are no types. */
const CHECKED: ReadonlyMap<unknown, v.GenericSchema<unknown, CheckedRequest>> = new Map(
  Object.entries({
    ...REQUESTS,
    recordPayments: v.strictObject({
      ...REQUESTS.recordPayments.entries,
      rows: v.pipe(
        v.array(anyRow),
        v.minLength(1),
        v.maxLength(REQUESTS.recordPayments.entries.rows.pipe[2].requirement),
      ),
    }),
  } satisfies Record<RequestType, v.GenericSchema>),
);

/** The first fault is enough: a hostile frame must not cost a list of thousands. */
const FIRST_ONLY = { abortEarly: true, abortPipeEarly: true } as const;

/** `detail` is the path of the field at fault; it never repeats a value. */
export function checkRequest(value: unknown): RequestCheck {
  if (!isMap(value)) return { ok: false, ref: null, code: 'BAD_FRAME', detail: 'not a map of keys' };

  const ref = isRef(value.ref) ? value.ref : null;
  const schema = CHECKED.get(value.type);
  if (schema === undefined) return { ok: false, ref, code: 'UNKNOWN_COMMAND', detail: 'type' };

  const parsed = v.safeParse(schema, value, FIRST_ONLY);
  if (parsed.success) return { ok: true, request: parsed.output };
  return { ok: false, ref, code: 'FIELD_INVALID', detail: fieldOf(parsed.issues[0]) };
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isRef(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Keys are at most 32 letters (keys.ts), so even an unknown one can be repeated: no number or code fits in it. */
function fieldOf(issue: v.BaseIssue<unknown>): string {
  return issue.path?.map((item) => String(item.key)).join('.') ?? 'message';
}
