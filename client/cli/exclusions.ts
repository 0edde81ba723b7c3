/** `clickday exclusions`: what is taken out of counting, who proposed it, and who agreed. */
import { defineCommand } from 'citty';
import { EXCLUSION_STEPS, LISTED_EXCLUSION_STATES } from '../../engine/contract.ts';
import { romeMoment } from '../rome.ts';
import { type Desk, OPERATOR_ARGUMENTS, openDesk } from './desk.ts';
import { given, hpanIn, keyIn, RECORD_ARGUMENTS, type RecordArguments } from './record-key.ts';
import { JSON_ARGUMENT, print, printJson, usageFault } from './verb.ts';
import { plainTable } from './words.ts';

export const exclusions = defineCommand({
  meta: {
    name: 'exclusions',
    description:
      'List what is excluded from counting, what waits for a second person, or what was lifted; or take a step: propose to ' +
      'exclude a citizen or one payment, to lift that, or to accept an appeal against the rule on abuse; approve or reject ' +
      'what another operator has proposed. Both names and reasons are kept.',
  },
  args: {
    step: {
      type: 'positional',
      description: `${EXCLUSION_STEPS.join(', ')}; without it they are listed`,
      required: false,
      valueHint: 'STEP',
    },
    citizen: { type: 'positional', description: 'tax code', required: false, valueHint: 'CF' },
    state: {
      type: 'enum',
      description: 'which are listed',
      options: [...LISTED_EXCLUSION_STATES],
      default: 'proposed',
    },
    ...RECORD_ARGUMENTS,
    operation: { type: 'string', description: 'of the payment', valueHint: '00', default: '00' },
    reason: { type: 'string', description: 'why, in 200 characters that name nobody', valueHint: 'TEXT' },
    ...OPERATOR_ARGUMENTS,
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const { step, json } = args;
    const asked = step === undefined ? null : requestIn(step, args as StepArguments);
    const desk = await openDesk(args);
    if (asked !== null) {
      const exclusion = await desk.post<ShownExclusion>(asked.path, asked.body);
      if (json) printJson(exclusion);
      else print(sayExclusion(exclusion));
      return;
    }
    const all = await listed(desk, args.state);
    if (json) printJson(all);
    else print(sayExclusions(args.state, all));
  },
});

interface StepArguments extends RecordArguments {
  readonly citizen: string | undefined;
  readonly operation: string;
  readonly reason: string | undefined;
}

function requestIn(step: string, args: StepArguments): { readonly path: string; readonly body: object } {
  if (!(EXCLUSION_STEPS as readonly string[]).includes(step)) {
    throw usageFault(`there is no step "${step}"`, `there are: ${EXCLUSION_STEPS.join(', ')}`);
  }
  if (args.citizen === undefined) throw usageFault('which citizen?');
  const payment =
    args.hpan === undefined ? {} : { payment: { hpan: hpanIn(args), ...keyIn(args), operationType: args.operation } };
  const about = { citizen: args.citizen, ...payment, reason: given('reason', args.reason) };
  return step === 'approve' || step === 'reject'
    ? { path: '/admin/exclusions/decide', body: { ...about, decision: step } }
    : { path: '/admin/exclusions', body: { ...about, action: step } };
}

interface ShownExclusion {
  readonly fiscalCode: string;
  readonly payment: { readonly hpan: string; readonly idTrxAcquirer: string; readonly trxDate: string } | null;
  readonly state: string;
  readonly action: string;
  readonly proposedBy: string;
  readonly reason: string;
  readonly proposed: string;
  readonly decidedBy: string;
  readonly decisionReason: string;
  readonly decided: string | null;
  readonly appealEnds: string | null;
}

async function listed(desk: Desk, state: string): Promise<readonly ShownExclusion[]> {
  const all: ShownExclusion[] = [];
  await desk.pages<{ readonly exclusions: readonly ShownExclusion[] }>(`/admin/exclusions?state=${state}`, (page) => {
    all.push(...page.exclusions);
  });
  return all;
}

/** The card and the key of a payment, since they name it to the next step. */
function sayExclusions(state: string, all: readonly ShownExclusion[]): string {
  if (all.length === 0) return `nothing is ${state}`;
  const table = plainTable(['citizen', 'what', 'proposed by', 'why', 'decided by', 'why', 'id', 'date', 'card']);
  for (const { fiscalCode, action, proposedBy, reason, decidedBy, decisionReason, payment } of all) {
    const of = payment === null ? ['', '', ''] : [payment.idTrxAcquirer, payment.trxDate, payment.hpan];
    table.push([fiscalCode, action, nameOf(proposedBy), reason, decidedBy, decisionReason, ...of]);
  }
  return table.toString();
}

function sayExclusion(exclusion: ShownExclusion): string {
  const { state, action, proposedBy, reason, proposed, decidedBy, decisionReason, decided } = exclusion;
  const by = `${action}, proposed by ${nameOf(proposedBy)} on ${romeMoment(Date.parse(proposed))}, since: ${reason}`;
  if (decided === null) return `${by}; another operator decides`;
  const decision = `decided by ${decidedBy} on ${romeMoment(Date.parse(decided))}, since: ${decisionReason}`;
  return `${state}: ${by}; ${decision}`;
}

function nameOf(proposedBy: string): string {
  return proposedBy === '' ? 'the rule on abuse' : proposedBy;
}
