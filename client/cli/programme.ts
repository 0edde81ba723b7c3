/** `clickday programme`: checks the file of a programme, shows the one in force, and replaces it by a newer version. */
import { readFileSync } from 'node:fs';
import { defineCommand } from 'citty';
import { type CheckedProgramme, checkProgramme, type Programme } from '../../engine/index.ts';
import { OPERATOR_ARGUMENTS, openDesk } from './desk.ts';
import { JSON_ARGUMENT, print, printJson, usageFault, VerbFault } from './verb.ts';
import { plainTable } from './words.ts';

const STEPS = ['check', 'show', 'replace'] as const;

export const programme = defineCommand({
  meta: {
    name: 'programme',
    description:
      'Check the file of a programme, which needs no server; show the programme of a running one as such a file; replace it ' +
      'by a newer version, which may change only what has not begun.',
  },
  args: {
    step: { type: 'positional', description: STEPS.join(', '), required: true, valueHint: 'STEP' },
    file: { type: 'positional', description: 'check, replace: the file', required: false, valueHint: 'FILE' },
    reason: { type: 'string', description: 'replace: why, in 200 characters that name nobody', valueHint: 'TEXT' },
    ...OPERATOR_ARGUMENTS,
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const step = STEPS.find((one) => one === args.step);
    if (step === undefined) throw usageFault(`there is no step "${args.step}"`, `there are: ${STEPS.join(', ')}`);
    // What is wrong with a file is told before anybody is asked.
    const read = step === 'show' ? null : programmeIn(args.file);
    if (step === 'check') return say(read!, args.json);
    const desk = await openDesk(args);
    if (read === null) {
      printJson((await desk.get<{ programme: Programme }>('/admin/programme')).programme);
      return 0;
    }
    if (args.reason === undefined) throw usageFault('why? --reason TEXT');
    const asked = { programme: read, reason: args.reason };
    return say((await desk.post<{ programme: Programme }>('/admin/programme', asked)).programme, args.json);
  },
});

function programmeIn(file: string | undefined): Programme {
  if (file === undefined) throw usageFault('which file?');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw usageFault(`the file ${file} cannot be read: ${(cause as Error).message}`, '');
  }
  const checked = checkedIn(text);
  if (!checked.ok) throw new VerbFault(1, `${file}: ${checked.problem}`);
  return checked.programme;
}

function checkedIn(text: string): CheckedProgramme {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return { ok: false, problem: `is not JSON: ${(cause as Error).message}` };
  }
  return checkProgramme(value);
}

function say(read: Programme, isJson: boolean): 0 {
  if (isJson) printJson({ ok: true, name: read.name, periods: read.periods.length });
  else print(sayProgramme(read));
  return 0;
}

function sayProgramme({ name, periods }: Programme): string {
  const table = plainTable(['id', 'from', 'to', 'grace', 'payments', 'refund', 'winners', 'name']);
  for (const one of periods) {
    const refund = `${one.cashbackPercent} %${one.isSuspended ? ', suspended' : ''}`;
    const days = [one.startDay, one.endDay, `${one.graceDays} days`];
    table.push([one.awardPeriodId, ...days, one.minTransactionNumber, refund, one.minPosition, one.name]);
  }
  return `${name}: a good programme\n${table.toString()}`;
}
