/** `clickday reversals`: those that wait for their payment or for a human, and what an operator makes of one. */
import { defineCommand } from 'citty';
import { LISTED_REVERSAL_STATES, RESOLUTIONS } from '../../engine/contract.ts';
import { euro } from '../paint.ts';
import { romeMoment } from '../rome.ts';
import { type Desk, OPERATOR_ARGUMENTS, openDesk } from './desk.ts';
import {
  given,
  hpanIn,
  keyIn,
  RECORD_ARGUMENTS,
  type RecordArguments,
  type ShownRecord,
  type ShownResolution,
} from './record-key.ts';
import { JSON_ARGUMENT, print, printJson, usageFault } from './verb.ts';
import { plainTable } from './words.ts';

export const reversals = defineCommand({
  meta: {
    name: 'reversals',
    description:
      'List the reversals that are parked, pending or flagged; or resolve one of them: apply a parked one to a payment of ' +
      'its card, discard it, or keep a flagged one. The reason and the name of who decides are kept. Asking twice changes nothing.',
  },
  args: {
    step: {
      type: 'positional',
      description: 'resolve; without it they are listed',
      required: false,
      valueHint: 'STEP',
    },
    state: { type: 'enum', description: 'which are listed', options: [...LISTED_REVERSAL_STATES], default: 'parked' },
    ...RECORD_ARGUMENTS,
    as: { type: 'enum', description: 'resolve: what becomes of it', options: [...RESOLUTIONS] },
    payment: { type: 'string', description: 'apply: id of the payment, of the same acquirer', valueHint: 'ID' },
    'payment-date': { type: 'string', description: 'apply: its date', valueHint: 'ISO-8601' },
    'payment-operation': { type: 'string', description: 'apply: its operation', valueHint: '00', default: '00' },
    reason: { type: 'string', description: 'resolve: why, in 200 characters that name nobody', valueHint: 'TEXT' },
    ...OPERATOR_ARGUMENTS,
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const { step, json } = args;
    if (step !== undefined && step !== 'resolve') throw usageFault(`there is no step "${step}"`, 'there is: resolve');
    const asked = step === 'resolve' ? decisionIn(args as ResolveArguments) : null;
    const desk = await openDesk(args);
    if (asked !== null) {
      const resolved = await desk.post<ShownResolution>('/admin/reversals/resolve', asked);
      if (json) printJson(resolved);
      else print(sayResolution(resolved));
      return;
    }
    const all = await listed(desk, args.state);
    if (json) printJson(all);
    else print(sayReversals(args.state, all));
  },
});

interface ResolveArguments extends RecordArguments {
  readonly as: string | undefined;
  readonly payment: string | undefined;
  readonly 'payment-date': string | undefined;
  readonly 'payment-operation': string;
  readonly reason: string | undefined;
}

function decisionIn(args: ResolveArguments): object {
  const { acquirerCode, acquirerId, ...named } = keyIn(args);
  const resolution = given('as', args.as);
  const payment =
    resolution === 'apply'
      ? {
          ...{ acquirerCode, acquirerId, idTrxAcquirer: given('payment', args.payment) },
          ...{ trxDate: given('payment-date', args['payment-date']), operationType: args['payment-operation'] },
        }
      : undefined;
  const reversal = { acquirerCode, acquirerId, ...named };
  return { hpan: hpanIn(args), reversal, resolution, payment, reason: given('reason', args.reason) };
}

interface ListedReversal {
  readonly code?: string;
  readonly awardPeriodId: number;
  readonly received: string;
  readonly expires?: string;
  readonly record: ShownRecord;
}

async function listed(desk: Desk, state: string): Promise<readonly ListedReversal[]> {
  const all: ListedReversal[] = [];
  await desk.pages<{ readonly reversals: readonly ListedReversal[] }>(`/admin/reversals?state=${state}`, (page) => {
    all.push(...page.reversals);
  });
  return all;
}

/** The card and all of a record's key, since they name it to `resolve`. */
function sayReversals(state: string, all: readonly ListedReversal[]): string {
  if (all.length === 0) return `no reversal is ${state}`;
  const until = state === 'pending' ? 'until' : 'why';
  const table = plainTable(['received', until, 'amount', 'period', 'id', 'date', 'acquirer', 'its id', 'card']);
  for (const { code = '', awardPeriodId, received, expires, record } of all) {
    const { amountCents, idTrxAcquirer, trxDate, acquirerCode, acquirerId, hpan } = record;
    const why = expires === undefined ? code : romeMoment(Date.parse(expires));
    const key = [idTrxAcquirer, trxDate, acquirerCode, acquirerId, hpan];
    table.push([romeMoment(Date.parse(received)), why, euro(amountCents), awardPeriodId, ...key]);
  }
  return table.toString();
}

export function sayResolution({ state, resolution, operator, reason, at, scoreCents }: ShownResolution): string {
  const score = resolution === 'apply' ? `, cashback ${euro(scoreCents)}` : '';
  return `${state} (${resolution})${score}: by ${operator} on ${romeMoment(Date.parse(at))}, since: ${reason}`;
}
