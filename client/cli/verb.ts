/** What every verb of the command line shares: how it is told apart, how it fails, how it answers. */
import type { ArgsDef, SubCommandsDef } from 'citty';
import type { RefusalName } from '../../engine/contract.ts';
import { type Paint, paintFor } from '../paint.ts';
import { ClientFault } from '../sdk/fault.ts'; // Not the whole SDK: every verb waits for what is loaded here.

/** 0: done. 1: the thing asked for did not succeed. 2: the command line itself was wrong. */
export type ExitCode = 0 | 1 | 2;

/** An expected failure: one line that says what happened, one that says what to do. */
export class VerbFault extends Error {
  readonly exitCode: ExitCode;
  readonly advice: string;

  constructor(exitCode: ExitCode, message: string, advice = '') {
    super(message);
    this.exitCode = exitCode;
    this.advice = advice;
  }
}

export function usageFault(message: string, advice = 'see --help'): VerbFault {
  return new VerbFault(2, message, advice);
}

/** A server's "no", as a failure of the verb. */
export function refusalFault(code: RefusalName | string, message: string, detail?: string): VerbFault {
  return new VerbFault(1, `${code}: ${message}${detail === undefined ? '' : ` (${detail})`}`);
}

export const JSON_ARGUMENT = {
  json: { type: 'boolean', description: 'answer in JSON, for programs', default: false },
} as const satisfies ArgsDef;

/** Colours only where a person looks and has not asked for none. */
export function paintOf(stream: NodeJS.WriteStream): Paint {
  return paintFor(stream.isTTY === true && process.env.NO_COLOR === undefined && process.env.TERM !== 'dumb');
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** A number of the command line. Throws a usage fault that names the argument. */
export function numberArgument(
  name: string,
  text: string,
  isGood: (value: number) => boolean,
  meaning: string,
): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value) || !isGood(value)) throw usageFault(`--${name} is ${meaning}, not "${text}"`);
  return value;
}

/** Milliseconds. Throws a usage fault that names the argument. */
export function instantArgument(name: string, text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw usageFault(`--${name} is an ISO-8601 instant, such as 2020-12-08T08:00:00+01:00`);
  return ms;
}

export function isWhole(value: number): boolean {
  return Number.isInteger(value) && value >= 0;
}

/**
 * citty takes unknown options without a word; a mistyped one must not be ignored.
 * @throws VerbFault with exit code 2
 */
export function refuseUnknownOptions(rawArguments: readonly string[], definitions: ArgsDef): void {
  for (const argument of rawArguments) {
    if (argument === '--') return;
    const name = /^--?([a-z][a-z-]*)/i.exec(argument)?.[1];
    if (!argument.startsWith('-') || name === undefined) continue;
    const definition = definitions[name] ?? definitions[name.replace(/^no-/, '')];
    if (definition === undefined || definition.type === 'positional')
      throw usageFault(`there is no option ${argument}`);
  }
}

export type Verbs = SubCommandsDef;

/** Any failure as one line for a person, the advice beneath it, and the exit code. */
export function explain(error: unknown): { readonly text: string; readonly exitCode: ExitCode } {
  if (error instanceof VerbFault) return { text: lines(error.message, error.advice), exitCode: error.exitCode };
  if (error instanceof ClientFault) return { text: explainClientFault(error), exitCode: 1 };
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (code === 'SUBJECT_INVALID' || code === 'EARG') return { text: lines(String(message), 'see --help'), exitCode: 2 };
  if (typeof code === 'string') return { text: lines(String(message), ''), exitCode: 1 };
  return { text: error instanceof Error ? (error.stack ?? error.message) : String(error), exitCode: 1 };
}

function explainClientFault(fault: ClientFault): string {
  switch (fault.code) {
    case 'UNREACHABLE':
      return lines(fault.message, 'no server there? start it with: npm start   (or name another with --url)');
    case 'UNAUTHENTICATED':
      return lines(fault.message, 'is --data the folder of that very server?');
    default:
      return lines(fault.message, fault.id === undefined ? '' : `what became of it: outcome id=${fault.id}`);
  }
}

function lines(message: string, advice: string): string {
  return advice === '' ? message : `${message}\n  ${advice}`;
}
