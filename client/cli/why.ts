/** `clickday why`: why one record counts, or does not. */
import { defineCommand } from 'citty';
import { REFUSALS, type RefusalName } from '../../engine/contract.ts';
import { euro } from '../paint.ts';
import { romeMoment } from '../rome.ts';
import { openDesk } from './desk.ts';
import { LINE_ARGUMENTS } from './line.ts';
import { hpanIn, keyIn, RECORD_ARGUMENTS, type ShownRecord, type ShownResolution } from './record-key.ts';
import { sayResolution } from './reversals.ts';
import { JSON_ARGUMENT, print, printJson } from './verb.ts';

export const why = defineCommand({
  meta: {
    name: 'why',
    description:
      'Say what has become of a record of an acquirer, and why: whose it is, which guard said no, which payment or reversal ' +
      'it belongs to, who decided. What was never stored is judged as if it came now.',
  },
  args: {
    ...RECORD_ARGUMENTS,
    operation: { type: 'string', description: 'its operation; 01 is a reversal', valueHint: '00', default: '00' },
    ...LINE_ARGUMENTS,
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const asked = { hpan: hpanIn(args), ...keyIn(args), operationType: args.operation };
    const desk = await openDesk(args, 'why');
    const fate = await desk.post<ShownFate>('/admin/why', asked);
    if (args.json) printJson(fate);
    else print(sayFate(fate));
  },
});

interface ShownFate {
  readonly state: string;
  readonly record: ShownRecord | null;
  readonly received: string | null;
  readonly code: RefusalName | null;
  readonly citizen: string | null;
  readonly hasLeft: boolean;
  readonly awardPeriodId: number | null;
  readonly scoreCents: number;
  readonly leftCents: number;
  readonly expires: string | null;
  readonly isFlagged: boolean;
  readonly related: readonly ShownRecord[];
  readonly resolved: ShownResolution | null;
  readonly guards: readonly ShownGuard[];
}

interface ShownGuard {
  readonly code: RefusalName;
  readonly day: string;
  readonly receivedDay?: string;
  readonly terms?: string | null;
  readonly acceptedUntilDay?: string | null;
  readonly activations?: readonly { readonly activation: string; readonly deactivation: string | null }[];
}

function sayFate(fate: ShownFate): string {
  const { record, code, hasLeft, isFlagged, related, resolved, guards } = fate;
  return [
    sayState(fate),
    ...(record === null ? [] : [`record: ${sayRecord(record)}, received ${momentOf(fate.received)}`]),
    ...(fate.citizen === null
      ? []
      : [`citizen: ${fate.citizen}${hasLeft ? ', who has left since: it counts no more' : ''}`]),
    ...(code === null ? [] : [`${code}: ${REFUSALS[code].text}`]),
    ...(isFlagged ? ['flagged: a later payment fits it, too; it stands until an operator has looked at it'] : []),
    ...related.map((other) => `${nameOf(other)}: ${sayRecord(other)}`),
    ...(resolved === null ? [] : [sayResolution(resolved)]),
    ...guards.map((guard) => `  ${guard.code}: ${REFUSALS[guard.code].text} ${factsOf(guard)}`),
  ].join('\n');
}

function nameOf({ operationType }: ShownRecord): string {
  if (operationType === '01') return 'reversal';
  if (operationType.startsWith('X')) return 'excluded from counting';
  return operationType.startsWith('I') ? 'counting again' : 'payment';
}

function sayState({ state, guards, awardPeriodId, scoreCents, leftCents, expires, record }: ShownFate): string {
  const none = guards.length === 0;
  switch (state) {
    case 'unknown':
      return `never received, or not stored: ${none ? 'no guard would stop it today' : 'it would not be taken today'}`;
    case 'dropped':
      return `dropped by its citizen's wallet, for a reason that is not kept: ${none ? 'nothing stands against it today' : 'by what stands today'}`;
    case 'counted': {
      const left = leftCents === record?.amountCents ? '' : `, ${euro(leftCents)} of it not reversed`;
      return `counted in period ${awardPeriodId}, cashback ${euro(scoreCents)}${left}`;
    }
    case 'applied':
      return `applied in period ${awardPeriodId}, cashback ${euro(scoreCents)}`;
    case 'pending':
      return `pending: waits for its payment until ${momentOf(expires)}`;
    case 'expired':
      return `expired: waited for its payment until ${momentOf(expires)}`;
    case 'asked':
      return 'on its way: its wallet has not answered yet';
    default:
      return state;
  }
}

function sayRecord({ idTrxAcquirer, trxDate, amountCents, correlationId }: ShownRecord): string {
  const correlation = correlationId === '' ? '' : `, correlation ${correlationId}`;
  return `${idTrxAcquirer} of ${trxDate}, ${euro(amountCents)}${correlation}`;
}

function factsOf({ day, receivedDay, terms, acceptedUntilDay, activations }: ShownGuard): string {
  const facts = [`day ${day}`];
  if (receivedDay !== undefined) facts.push(`received ${receivedDay}`);
  if (acceptedUntilDay !== undefined) {
    facts.push(acceptedUntilDay === null ? 'in no period' : `accepted until ${acceptedUntilDay}`);
  }
  if (terms !== undefined) facts.push(terms === null ? 'not enrolled' : `terms accepted ${momentOf(terms)}`);
  for (const { activation, deactivation } of activations ?? []) {
    facts.push(`active ${momentOf(activation)} to ${deactivation === null ? 'now' : momentOf(deactivation)}`);
  }
  if (activations?.length === 0) facts.push('never active');
  return `(${facts.join('; ')})`;
}

function momentOf(text: string | null): string {
  return text === null ? '' : romeMoment(Date.parse(text));
}
