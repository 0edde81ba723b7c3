/** `clickday errors`: bad lines of files from acquirers and the bank, and what an operator makes of one. */
import { defineCommand } from 'citty';
import { REFUSALS, type RefusalName } from '../../engine/contract.ts';
import { counted } from '../paint.ts';
import { romeMoment } from '../rome.ts';
import { type Desk, OPERATOR_ARGUMENTS, openDesk } from './desk.ts';
import { JSON_ARGUMENT, print, printJson, usageFault } from './verb.ts';
import { plainTable } from './words.ts';

const STEPS = ['list', 'resubmit', 'dismiss'] as const;

export const errors = defineCommand({
  meta: {
    name: 'errors',
    description:
      'List the bad lines of files that wait for somebody; submit one again, corrected or as it came, which takes it in as ' +
      'the row of its file would have been; or dismiss it with a reason. The lines are personal data.',
  },
  args: {
    step: { type: 'positional', description: STEPS.join(', '), required: true, valueHint: 'STEP' },
    id: {
      type: 'positional',
      description: 'resubmit, dismiss: of the line, as listed',
      required: false,
      valueHint: 'ID',
    },
    file: { type: 'string', description: 'list: of this file only', valueHint: 'NAME' },
    state: { type: 'enum', description: 'list: which', options: ['open', 'taken', 'dismissed'], default: 'open' },
    line: { type: 'string', description: 'resubmit: the corrected line; by default as it came', valueHint: 'TEXT' },
    reason: { type: 'string', description: 'dismiss: why, in 200 characters that name nobody', valueHint: 'TEXT' },
    ...OPERATOR_ARGUMENTS,
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const step = STEPS.find((one) => one === args.step);
    if (step === undefined) throw usageFault(`there is no step "${args.step}"`, `there are: ${STEPS.join(', ')}`);
    if (step !== 'list' && args.id === undefined) throw usageFault(`which line? ${step} ID, as "list" shows it`);
    if (step === 'dismiss' && args.reason === undefined) throw usageFault('why? --reason TEXT');
    const desk = await openDesk(args);
    if (step === 'list') {
      const all = await listed(desk, args.state, args.file);
      if (args.json) printJson(all);
      else print(sayErrors(args.state, all));
      return;
    }
    const asked = step === 'dismiss' ? { reason: args.reason } : { line: args.line };
    const closed = await desk.post<ShownError>(`/admin/errors/${encodeURIComponent(args.id ?? '')}/${step}`, asked);
    if (args.json) printJson(closed);
    else print(`${closed.state}: line ${closed.line} of ${closed.file}, by ${closed.operator}`);
  },
});

interface ShownError {
  readonly id: string;
  readonly file: string;
  readonly line: number;
  readonly code: RefusalName;
  readonly detail: string;
  readonly received: string;
  readonly state: string;
  readonly text?: string;
  readonly operator?: string;
  readonly reason?: string;
}

interface Listed {
  readonly errors: readonly ShownError[];
  readonly unkeptCount: number;
}

async function listed(desk: Desk, state: string, file: string | undefined): Promise<Listed> {
  const of = file === undefined ? '' : `&file=${encodeURIComponent(file)}`;
  const all = { errors: [] as ShownError[], unkeptCount: 0 };
  await desk.pages<Listed>(`/admin/errors?state=${state}${of}`, ({ errors, unkeptCount }) => {
    all.errors.push(...errors);
    all.unkeptCount = unkeptCount;
  });
  return all;
}

function sayErrors(state: string, { errors, unkeptCount }: Listed): string {
  const more = unkeptCount === 0 ? [] : [`not kept, since there was no room: ${counted(unkeptCount, 'line')}`];
  if (errors.length === 0) return [`no line is ${state}`, ...more].join('\n');
  const table = plainTable(['id', 'file', 'line', 'received', 'why', 'as it came']);
  for (const { id, file, line, received, code, detail, text, reason } of errors) {
    const why = detail === '' ? code : `${code} (${detail})`;
    table.push([id, file, line, romeMoment(Date.parse(received)), why, text ?? reason ?? '']);
  }
  const meanings = [...new Set(errors.map(({ code }) => code))].map((code) => `  ${code}: ${REFUSALS[code].text}`);
  return [table.toString(), ...meanings, ...more].join('\n');
}
