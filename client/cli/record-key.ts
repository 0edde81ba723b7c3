/** How a record is named on the command line: its own key (domain 2.4) beside the card. */
import type { ArgsDef } from 'citty';
import { usageFault } from './verb.ts';

export const RECORD_ARGUMENTS = {
  hpan: { type: 'string', description: 'the card', valueHint: 'HPAN' },
  id: { type: 'string', description: "the acquirer's id of the transaction", valueHint: 'ID' },
  date: { type: 'string', description: 'its date, as sent', valueHint: 'ISO-8601' },
  acquirer: { type: 'string', description: 'code of the acquirer', valueHint: 'ABI' },
  'acquirer-id': { type: 'string', description: "the circuit's id of the acquirer", valueHint: 'ID' },
} as const satisfies ArgsDef;

export interface RecordArguments {
  readonly hpan?: string | undefined;
  readonly id?: string | undefined;
  readonly date?: string | undefined;
  readonly acquirer?: string | undefined;
  readonly 'acquirer-id'?: string | undefined;
}

/** As a record is shown: what of it the words below tell. */
export interface ShownRecord {
  readonly hpan: string;
  readonly idTrxAcquirer: string;
  readonly trxDate: string;
  readonly acquirerCode: string;
  readonly acquirerId: string;
  readonly operationType: string;
  readonly correlationId: string;
  readonly amountCents: number;
}

export interface ShownResolution {
  readonly state: string;
  readonly resolution: string;
  readonly operator: string;
  readonly reason: string;
  readonly at: string;
  readonly scoreCents: number;
}

export function hpanIn({ hpan }: RecordArguments): string {
  return given('hpan', hpan);
}

export function keyIn({ id, date, acquirer, 'acquirer-id': acquirerId }: RecordArguments) {
  return {
    idTrxAcquirer: given('id', id),
    trxDate: given('date', date),
    acquirerCode: given('acquirer', acquirer),
    acquirerId: given('acquirer-id', acquirerId),
  };
}

export function given(name: string, value: string | undefined): string {
  if (value === undefined || value === '') throw usageFault(`--${name} is missing`);
  return value;
}
