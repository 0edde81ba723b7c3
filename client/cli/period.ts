/** `clickday period`: the award periods, and what an operator decides about them. */
import { defineCommand } from 'citty';
import type { PeriodDecisionKind, PeriodParameters, PeriodStatus } from '../../engine/contract.ts';
import { counted } from '../paint.ts';
import { romeMoment } from '../rome.ts';
import { OPERATOR_ARGUMENTS, openDesk } from './desk.ts';
import { instantArgument, isWhole, JSON_ARGUMENT, numberArgument, print, printJson, usageFault } from './verb.ts';
import { plainTable } from './words.ts';

const STEPS = ['list', 'suspend', 'resume', 'reopen', 'close'] as const;
type Step = (typeof STEPS)[number];

export const period = defineCommand({
  meta: {
    name: 'period',
    description:
      'List the award periods; suspend one before it starts, or resume it; reopen a closed one, before it is paid, for late ' +
      'acquirer files, and close it again. Reason and name are kept. Asking twice changes nothing.',
  },
  args: {
    step: { type: 'positional', description: STEPS.join(', '), required: true, valueHint: 'STEP' },
    files: {
      type: 'positional',
      description: 'reopen: names of acquirer files',
      required: false,
      valueHint: 'FILE ...',
    },
    period: { type: 'string', description: 'award period', valueHint: 'ID' },
    until: { type: 'string', description: 'reopen: what is received by then', valueHint: 'ISO-8601' },
    reason: { type: 'string', description: 'why, in 200 characters that name nobody', valueHint: 'TEXT' },
    ...OPERATOR_ARGUMENTS,
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const step = STEPS.find((one) => one === args.step);
    if (step === undefined) throw usageFault(`there is no step "${args.step}"`, `there are: ${STEPS.join(', ')}`);
    const asked = step === 'list' ? null : askedIn(step, args as PeriodArguments);
    const desk = await openDesk(args);
    if (asked === null) {
      const { periods } = await desk.get<{ periods: readonly ShownPeriod[] }>('/admin/periods');
      if (args.json) printJson(periods);
      else print(sayPeriods(periods));
      return;
    }
    const decided = await desk.post<{ period: ShownPeriod }>(`/admin/periods/${step}`, asked);
    if (args.json) printJson(decided.period);
    else print(sayPeriod(decided.period));
  },
});

interface PeriodArguments {
  readonly _: readonly string[];
  readonly period: string | undefined;
  readonly until: string | undefined;
  readonly reason: string | undefined;
}

export interface ShownDecision {
  readonly kind: PeriodDecisionKind;
  readonly operator: string;
  readonly reason: string;
  readonly at: string;
  readonly files?: readonly string[];
  readonly until?: string;
}

interface ShownPeriod extends PeriodParameters {
  readonly status: PeriodStatus;
  readonly reopenedUntil: string | null;
  readonly decisions: readonly ShownDecision[];
}

function askedIn(step: Exclude<Step, 'list'>, { _: [, ...files], period, until, reason }: PeriodArguments): object {
  if (period === undefined) throw usageFault('which period? --period ID');
  if (reason === undefined) throw usageFault('why? --reason TEXT');
  const named = { awardPeriodId: numberArgument('period', period, isWhole, 'a whole number'), reason };
  if (step !== 'reopen') return named;
  if (files.length === 0) throw usageFault('for which files? name them as their acquirers did');
  if (until === undefined) throw usageFault('until when? --until ISO-8601');
  return { ...named, files, until: new Date(instantArgument('until', until)).toISOString() };
}

function sayPeriods(periods: readonly ShownPeriod[]): string {
  const table = plainTable(['id', 'from', 'to', 'grace', 'state', 'name']);
  for (const one of periods) {
    table.push([one.awardPeriodId, one.startDay, one.endDay, `${one.graceDays} days`, stateOf(one), one.name]);
  }
  const decisions = periods.flatMap((one) => one.decisions.map((decision) => sayDecision(decision, one.awardPeriodId)));
  return [table.toString(), ...decisions].join('\n');
}

function sayPeriod(period: ShownPeriod): string {
  const last = period.decisions.at(-1);
  const head = `period ${period.awardPeriodId}: ${stateOf(period)}`;
  return last === undefined ? head : `${head}\n${sayDecision(last, period.awardPeriodId)}`;
}

function stateOf({ isSuspended, status, reopenedUntil }: ShownPeriod): string {
  if (isSuspended) return 'SUSPENDED';
  return reopenedUntil === null
    ? status
    : `${status}, open for late files until ${romeMoment(Date.parse(reopenedUntil))}`;
}

function sayDecision({ kind, operator, reason, at, files = [] }: ShownDecision, awardPeriodId: number): string {
  const what = files.length === 0 ? '' : `, ${counted(files.length, 'file')}`;
  return `  ${romeMoment(Date.parse(at))}  ${kind} ${awardPeriodId}${what}: by ${operator}, since: ${reason}`;
}
